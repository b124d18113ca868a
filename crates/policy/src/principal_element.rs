//! The `Principal` element: how a statement of a resource or trust policy names the caller.

use crate::{
    AccountId, Arn, Principal, PrincipalKind,
    deliberate::{Bug, bug},
    document::{PrincipalPair, StatementEffect},
};

/// How a statement names the caller, from the least to the most direct. What a resource policy overrides depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Named {
    /// Through its account: the account's own policies decide.
    Account,
    /// The IAM user or the role itself.
    Identity,
    /// The session itself.
    Session,
    /// `*`, or everyone but some others.
    Anyone,
}

/// `Principal` or `NotPrincipal`.
#[derive(Clone, Debug)]
pub(crate) struct PrincipalElement {
    negated: bool,
    patterns: Box<[PrincipalPattern]>,
}

#[derive(Clone, Debug)]
enum PrincipalPattern {
    Anyone,
    Account(AccountId),
    Arn(Box<str>),
    /// `AIDA…` or `AROA…`: what an ARN becomes when the policy is stored.
    UniqueId(Box<str>),
    AnyService,
    Service(Box<str>),
    /// The ARN or the domain of an identity provider.
    Provider(Box<str>),
    /// A canonical user id: an account by its older name.
    CanonicalUser(Box<str>),
}

impl PrincipalElement {
    pub(crate) fn new(negated: bool, principals: &[PrincipalPair]) -> Self {
        Self {
            negated,
            patterns: principals
                .iter()
                .map(|(kind, value)| PrincipalPattern::new(kind, value))
                .collect(),
        }
    }

    /// How this names the caller; `None` when it does not. `bounded`: whether the caller has a permissions boundary, which
    /// `NotPrincipal` with `Deny` never spares (AWS, "`NotPrincipal`", key points).
    pub(crate) fn names(
        &self,
        principal: &Principal,
        effect: StatementEffect,
        bounded: bool,
    ) -> Option<Named> {
        let named = self.patterns.iter().filter_map(|p| p.names(principal));
        if !self.negated {
            return named.max();
        }
        let spared = match effect {
            StatementEffect::Allow => named.max().is_some(),
            StatementEffect::Deny if bug(Bug::NotPrincipalSparesWhoeverIsListed) => {
                named.max().is_some()
            }
            StatementEffect::Deny if bounded && !bug(Bug::NotPrincipalForgetsTheBoundary) => false,
            StatementEffect::Deny => self.lists_every_name(principal),
        };
        if spared { None } else { Some(Named::Anyone) }
    }

    /// Whether all that the caller is called by is listed. `NotPrincipal` with `Deny` spares nobody else: a user needs its own ARN
    /// and its account's in the list, a role session also the role's (AWS, "`NotPrincipal` with `Deny`").
    fn lists_every_name(&self, principal: &Principal) -> bool {
        let listed = |named: Named| self.patterns.iter().any(|p| p.is(principal, named));
        listed(Named::Anyone)
            || (principal.account.is_none() || listed(Named::Account))
                && (principal.kind == PrincipalKind::Root || listed(Named::Identity))
                && (!principal.kind.is_session() || listed(Named::Session))
    }
}

impl PrincipalPattern {
    /// Reads a pair of the element; the parser has refused what has no meaning.
    fn new(kind: &str, value: &str) -> Self {
        match (kind, value) {
            ("*", _) | ("AWS", "*") => Self::Anyone,
            ("Service", "*") => Self::AnyService,
            ("Service", name) => Self::Service(name.into()),
            ("Federated", name) => Self::Provider(name.into()),
            ("CanonicalUser", id) => Self::CanonicalUser(id.into()),
            (_, text) => {
                let root = || Arn::parse(text).ok()?.root_account();
                match text.parse().ok().or_else(root) {
                    Some(account) => Self::Account(account),
                    None if text.starts_with("arn:") => Self::Arn(text.into()),
                    None => Self::UniqueId(text.into()),
                }
            }
        }
    }

    fn names(&self, principal: &Principal) -> Option<Named> {
        let names = [Named::Anyone, Named::Session, Named::Identity, Named::Account];
        names.into_iter().find(|named| self.is(principal, *named))
    }

    /// Whether this pattern names the caller in just this way.
    fn is(&self, principal: &Principal, named: Named) -> bool {
        let kind = principal.kind;
        match (self, named) {
            (Self::Anyone, Named::Anyone) => true,
            (Self::Account(account), Named::Account) => principal.account == Some(*account),
            (Self::Arn(arn), Named::Account) => is_root_elsewhere(arn, principal),
            (Self::CanonicalUser(id), Named::Account) => {
                principal.canonical_user_id.as_ref().is_some_and(|known| **known == **id)
            }
            (Self::Arn(arn), Named::Identity) if bug(Bug::SessionArnIsTheRoles) => {
                **arn == *principal.entity_arn || **arn == *principal.arn
            }
            (Self::Arn(arn), Named::Session) => {
                let named = kind.is_session() && **arn == *principal.arn;
                named && !bug(Bug::SessionArnIsTheRoles)
            }
            (Self::Arn(arn), Named::Identity) => {
                principal.account.is_some() && **arn == *principal.entity_arn
            }
            (Self::UniqueId(id), Named::Identity) => **id == *principal.entity_id,
            (Self::AnyService, Named::Identity) => kind == PrincipalKind::Service,
            (Self::Service(name), Named::Identity) => {
                kind == PrincipalKind::Service
                    && (**name == *principal.arn
                        || principal.service_names.iter().any(|known| **name == **known))
            }
            (Self::Provider(name), Named::Identity) => {
                kind == PrincipalKind::Federated && **name == *principal.arn
            }
            _ => false,
        }
    }
}

/// Whether an ARN stands for the account of a caller whose partition is another than `aws`, where [`Arn::root_account`] does not.
fn is_root_elsewhere(arn: &str, principal: &Principal) -> bool {
    let Some(account) = principal.account else { return false };
    if principal.arn.starts_with("arn:aws:") {
        return false;
    }
    Arn::parse(arn).is_ok_and(|arn| {
        let same = principal.parsed_arn().is_some_and(|own| own.partition() == arn.partition());
        same && arn.service() == "iam"
            && arn.region().is_empty()
            && arn.resource() == "root"
            && arn.account_id() == Some(account)
    })
}

#[cfg(test)]
mod tests;
