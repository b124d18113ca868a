//! Who may take an action on a resource: everybody of an account, and whoever the resource's policy names besides.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    account::Account,
    caller::{self, Caller, CallerKind},
    documents::Documents,
    glob::Glob,
    outlook::{Asked, Part, Verdict, outlook_with},
};
use crate::{
    AccountId, Arn, CompiledPolicy, PolicyDocument, PolicyKind, PolicySet, PolicySource, PolicyType,
};

/// What is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// An action, or a pattern with `*` and `?`.
    pub action: &'a str,
    /// A resource's ARN, or a pattern with `*` and `?`.
    pub resource: &'a str,
    /// The resource's policy. `None`: it has none, or it is a role of the account, whose trust policy is known.
    pub policy: Option<&'a Arc<CompiledPolicy>>,
    /// The account that owns the resource. `None`: that of its ARN, or else the one that is asked about.
    pub owner: Option<AccountId>,
    /// Whether the resource's policy must allow whatever others do, as that of a KMS key must.
    pub policy_must_allow: bool,
}

impl<'a> Target<'a> {
    /// A resource of which nothing more is known.
    pub fn new(action: &'a str, resource: &'a str) -> Self {
        Self { action, resource, policy: None, owner: None, policy_must_allow: false }
    }
}

/// What somebody may.
#[derive(Clone, Debug)]
pub struct Can {
    /// Who.
    pub caller: Caller,
    /// Whether it may.
    pub verdict: Verdict,
    /// The statements that grant.
    pub grants: Vec<Part>,
    /// Whether the caller's own account must allow too, and is not known here. It is taken to allow.
    pub own_account_decides: bool,
}

/// Who may take an action on a resource: one answer for each member of the account, then one for each other principal that the
/// resource's policy names, or for everybody where it says so.
///
/// Members come first, in the order of the account: its root user, its users, its roles. A role is asked about as a session of any
/// name, and once more for each session that the policy names. What is said of a caller is true of each of those it stands for; see
/// [`super::outlook()`] for how much a verdict tells.
pub fn who_can(account: &Account, target: &Target<'_>) -> Vec<Can> {
    let in_arn = || Arn::parse(target.resource).ok()?.account_id();
    let owner = target.owner.or_else(in_arn).unwrap_or(account.id);
    let action = target.action.to_ascii_lowercase();
    let is_assumed = action.starts_with("sts:");
    let trust = account.trust.get(target.resource).filter(|_| is_assumed);
    let mut asker = Asker {
        account,
        target,
        owner,
        policy: target.policy.or(trust),
        what: (Glob::new(&action), Glob::new(target.resource)),
        documents: Documents::default(),
    };
    let (sessions, others) = asker.named();
    let mut all = Vec::with_capacity(account.members.len());
    for member in &account.members {
        let named = sessions.get(&*member.arn).into_iter().flatten();
        let named: Vec<_> = named.map(|session| member.named(session)).collect();
        for member in core::iter::once(member).chain(&named) {
            let mut set = account.set(member, asker.policy);
            if owner != account.id {
                set.resource_control.clear();
            }
            all.push(asker.ask(&set, Caller::member(member), false));
        }
    }
    for caller in others {
        let set = foreign_set(&caller, asker.policy, account, owner);
        let own_account_decides = caller.principal.account.is_some();
        all.push(asker.ask(&set, caller, own_account_decides));
    }
    all
}

/// Sessions of roles of the account, by the role's ARN.
type Sessions = BTreeMap<String, Vec<String>>;

struct Asker<'a> {
    account: &'a Account,
    target: &'a Target<'a>,
    owner: AccountId,
    policy: Option<&'a Arc<CompiledPolicy>>,
    what: (Glob, Glob),
    documents: Documents,
}

impl Asker<'_> {
    /// Whom the resource's policy names: sessions of the account's roles, and those who are no members.
    fn named(&self) -> (Sessions, Vec<Caller>) {
        let (mut sessions, mut others) = (Sessions::new(), Vec::<Caller>::new());
        let document = self.policy.and_then(|policy| policy.document());
        let Some(stranger) = caller::stranger(self.policy, &[self.account.id, self.owner]) else {
            return (sessions, others);
        };
        let everybody: crate::PrincipalPair = ("*".into(), "*".into());
        let mut pairs = caller::pairs(&document);
        if document.as_ref().is_some_and(caller::spares) {
            pairs.insert(&everybody);
        }
        let is_member = |caller: &Caller| self.account.members.iter().any(|m| m.arn == caller.name);
        for caller in pairs.into_iter().flat_map(|pair| Caller::named(pair, stranger)) {
            let own = caller.principal.account == Some(self.account.id);
            let known = self.account.member(&caller.name);
            if let (CallerKind::RoleSession, Some(member)) = (caller.kind, known) {
                let name = caller.name.rsplit('/').next().unwrap_or_default().to_owned();
                sessions.entry(member.principal.entity_arn.to_string()).or_default().push(name);
            } else if !(own && caller.kind == CallerKind::Account || is_member(&caller)) {
                let twice = |other: &Caller| other.principal == caller.principal;
                if !others.iter().any(twice) {
                    others.push(caller);
                }
            }
        }
        (sessions, others)
    }

    fn ask(&mut self, set: &PolicySet, caller: Caller, own_account_decides: bool) -> Can {
        self.documents.read(set);
        let asked = Asked {
            principal: &caller.principal,
            action: self.target.action,
            resource: self.target.resource,
            resource_account: Some(self.owner),
            policy_must_allow: self.target.policy_must_allow,
            open: caller.open,
        };
        let found = outlook_with(&self.documents, set, &asked, (&self.what.0, &self.what.1));
        let verdict = found.verdict();
        let mut grants = if verdict == Verdict::Never { Vec::new() } else { found.grants };
        if own_account_decides {
            // What it is taken to be allowed stands in no policy.
            grants.retain(|part| part.policy_type != PolicyType::Identity);
        }
        Can { caller, verdict, grants, own_account_decides }
    }
}

/// What speaks for and against somebody whose own account is not known and taken to allow everything.
pub(crate) fn foreign_set(
    caller: &Caller,
    policy: Option<&Arc<CompiledPolicy>>,
    account: &Account,
    owner: AccountId,
) -> PolicySet {
    let own = caller.principal.account.is_some();
    PolicySet {
        identity: own.then(everything).flatten().into_iter().collect(),
        resource: policy.cloned(),
        resource_control: if owner == account.id {
            account.resource_control.clone()
        } else {
            Vec::new()
        },
        ..PolicySet::default()
    }
}

/// A policy that allows everything: what nobody knows of is taken to.
pub(crate) fn everything() -> Option<Arc<CompiledPolicy>> {
    let text = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
    let document = PolicyDocument::parse(text, PolicyKind::Identity).ok()?;
    Some(Arc::new(CompiledPolicy::compile(PolicySource::Session(0), &document)))
}

#[cfg(test)]
mod tests;
