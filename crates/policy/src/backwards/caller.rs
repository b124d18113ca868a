//! Callers that stand for many: everybody whom a resource's policy names, or who could come besides.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    account::{ANY_SESSION, Member},
    known::Open,
};
use crate::{
    AccountId, Arn, CompiledPolicy, Principal, PrincipalBlock, PrincipalKind, PrincipalPair,
    cases::PrincipalSpec,
};

/// Whom a caller stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallerKind {
    /// The root user of an account.
    Root,
    /// A user.
    User,
    /// A role, in sessions of any name that is not named itself.
    Role,
    /// A role in a session of this name.
    RoleSession,
    /// The session of a federated user.
    FederatedUser,
    /// Whoever an account lets.
    Account,
    /// A service.
    Service,
    /// Those for whom an identity provider speaks.
    Provider,
    /// Whoever any account lets.
    AnyAccount,
    /// Anybody, without credentials.
    Anonymous,
}

impl CallerKind {
    /// Its name in answers for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::User => "user",
            Self::Role => "role",
            Self::RoleSession => "role-session",
            Self::FederatedUser => "federated-user",
            Self::Account => "account",
            Self::Service => "service",
            Self::Provider => "identity-provider",
            Self::AnyAccount => "any-account",
            Self::Anonymous => "anonymous",
        }
    }
}

/// Somebody who may come.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Whom it stands for.
    pub kind: CallerKind,
    /// Its ARN, account, service or provider; `*`; or `anonymous`.
    pub name: Arc<str>,
    /// As it asks; where it stands for many, one of them.
    pub principal: Principal,
    /// What of it is not known.
    pub open: Open,
}

impl Caller {
    /// A member of an account: its session is open, and of a role the session's name.
    pub(crate) fn member(member: &Member) -> Self {
        let kind = match member.principal.kind {
            PrincipalKind::Root => CallerKind::Root,
            PrincipalKind::AssumedRole if member.any_session() => CallerKind::Role,
            PrincipalKind::AssumedRole => CallerKind::RoleSession,
            _ => CallerKind::User,
        };
        let open = if kind == CallerKind::Role { Open::SessionName } else { Open::Session };
        Self { kind, name: Arc::clone(&member.arn), principal: member.principal.clone(), open }
    }

    /// Somebody of an account.
    pub(crate) fn someone_of(kind: CallerKind, name: &str, account: AccountId) -> Self {
        let principal = Principal::user(account, "/", "somebody", "AIDASOMEBODY");
        Self { kind, name: name.into(), principal, open: Open::Identity }
    }

    fn homeless(kind: CallerKind, principal: Principal) -> Self {
        Self { kind, name: Arc::clone(&principal.arn), principal, open: Open::Session }
    }

    pub(crate) fn anonymous() -> Self {
        Self {
            name: "anonymous".into(),
            ..Self::homeless(CallerKind::Anonymous, Principal::anonymous())
        }
    }

    /// Those whom one pair of a `Principal` element names. `stranger`: an account that nobody names, of which somebody stands for
    /// everybody. A unique id names nobody who could be told: it is what is left of somebody who was deleted.
    pub(crate) fn named(pair: &PrincipalPair, stranger: AccountId) -> Vec<Self> {
        match (&*pair.0, &*pair.1) {
            ("*", _) | ("AWS", "*") => {
                vec![Self::someone_of(CallerKind::AnyAccount, "*", stranger), Self::anonymous()]
            }
            ("Service", "*") => {
                vec![Self::homeless(CallerKind::Service, Principal::service("any.amazonaws.com"))]
            }
            ("Service", name) => {
                vec![Self::homeless(CallerKind::Service, Principal::service(name))]
            }
            ("Federated", name) => {
                vec![Self::homeless(CallerKind::Provider, Principal::federated(name))]
            }
            ("CanonicalUser", id) => {
                let mut caller = Self::someone_of(CallerKind::Account, id, stranger);
                caller.principal.canonical_user_id = Some(id.into());
                vec![caller]
            }
            (_, text) => Self::by_arn(text).into_iter().collect(),
        }
    }

    /// By an account, or the ARN of an account, a user, a role or a session.
    pub(crate) fn by_arn(text: &str) -> Option<Self> {
        let arn = Arn::parse(text).ok();
        let root = arn.as_ref().filter(|arn| arn.resource() == "root");
        let account = text.parse().ok().or_else(|| root?.account_id());
        if let Some(account) = account {
            return Some(Self::someone_of(CallerKind::Account, text, account));
        }
        let arn = arn?;
        let (kind, spec) = match arn.resource().split('/').next()? {
            "user" => (CallerKind::User, PrincipalSpec::named(text)),
            "assumed-role" => (CallerKind::RoleSession, PrincipalSpec::named(text)),
            "federated-user" => (CallerKind::FederatedUser, PrincipalSpec::named(text)),
            "role" => {
                let (account, name) = (arn.account(), arn.resource().rsplit('/').next()?);
                let session = format!("arn:aws:sts::{account}:assumed-role/{name}/{ANY_SESSION}");
                let spec = PrincipalSpec::named(&session).behind(Some(text.to_owned()));
                (CallerKind::Role, spec)
            }
            _ => return None,
        };
        let principal = spec.principal().ok()?;
        Some(Self { kind, name: text.into(), principal, open: Open::Facts })
    }
}

/// The pairs of all `Principal` and `NotPrincipal` elements of policies, each once.
pub(crate) fn pairs<'a>(
    documents: impl IntoIterator<Item = &'a crate::PolicyDocument>,
) -> BTreeSet<&'a PrincipalPair> {
    let statements = documents.into_iter().flat_map(crate::PolicyDocument::statements);
    statements
        .flat_map(|statement| match &statement.principals {
            PrincipalBlock::Principal(list) | PrincipalBlock::NotPrincipal(list) => list.as_slice(),
            PrincipalBlock::None => &[],
        })
        .collect()
}

/// Whether a policy speaks to everybody but those whom it names.
pub(crate) fn spares(document: &crate::PolicyDocument) -> bool {
    let spares = |p: &PrincipalBlock| matches!(p, PrincipalBlock::NotPrincipal(_));
    document.statements().iter().any(|statement| spares(&statement.principals))
}

/// An account that none of the policies mentions.
pub(crate) fn stranger<'a>(
    policies: impl IntoIterator<Item = &'a Arc<CompiledPolicy>>,
    others: &[AccountId],
) -> Option<AccountId> {
    let texts: Vec<&str> = policies.into_iter().map(|policy| policy.text()).collect();
    let free = |account: &AccountId| {
        !others.contains(account) && !texts.iter().any(|text| text.contains(account.as_str()))
    };
    (1..=texts.len() as u64 + 1_000)
        .filter_map(|below| AccountId::from_u64(1_000_000_000_000 - below).ok())
        .find(free)
}
