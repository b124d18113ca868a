//! The decision: which effect a set of policies has on one request.
//!
//! Each type of policy is asked on its own ([`Said`]); [`weigh`] joins their answers by AWS's rules, and is all of the rules.

use core::ops::ControlFlow;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::{
    CompiledPolicy, PolicySet, PolicyType, PrincipalKind, Request,
    document::{StatementEffect, line_and_column},
    index::{Candidate, StatementIndex},
    principal_element::Named,
};

/// The outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// It may be done.
    Allow,
    /// Nothing allows it.
    ImplicitDeny,
    /// A statement denies it.
    ExplicitDeny,
}

/// One statement of one policy.
#[derive(Clone, Debug)]
pub struct StatementRef {
    /// The policy.
    pub policy: Arc<CompiledPolicy>,
    /// The statement's place in it, from 0.
    pub index: usize,
}

impl StatementRef {
    /// The statement's name.
    pub fn sid(&self) -> Option<&str> {
        self.policy.statements().get(self.index).and_then(|s| s.sid.as_deref())
    }

    /// Line and column, from 1, where the statement starts and ends in the policy's text.
    pub fn position(&self) -> ((usize, usize), (usize, usize)) {
        let span = self.policy.statements().get(self.index).map(|s| s.span).unwrap_or_default();
        let place = |offset| line_and_column(self.policy.text(), offset);
        (place(span.start), place(span.end))
    }
}

/// A decision and what decided it.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The outcome.
    pub effect: Effect,
    /// The type of policy that denied, or that did not allow. `None` when allowed.
    pub policy_type: Option<PolicyType>,
    /// The statements that decided: the deny, or one allow of each type that had to allow.
    pub statements: SmallVec<[StatementRef; 4]>,
}

impl Decision {
    fn allow() -> Self {
        Self { effect: Effect::Allow, policy_type: None, statements: SmallVec::new() }
    }

    fn deny(effect: Effect, policy_type: PolicyType) -> Self {
        Self { effect, policy_type: Some(policy_type), statements: SmallVec::new() }
    }

    fn note(&mut self, found: Found<'_>) {
        self.statements
            .push(StatementRef { policy: Arc::clone(found.policy), index: found.number });
    }

    /// Whether it may be done.
    pub fn is_allowed(&self) -> bool {
        self.effect == Effect::Allow
    }
}

/// Decides. An explicit deny anywhere wins; else every type of policy that limits the caller must allow, and one that grants.
///
/// Nothing is allocated. Time grows with the number of policies (not of their statements), hardly at all with
/// [`crate::ComposedPolicies`].
pub fn authorize(set: &PolicySet, request: &Request<'_>) -> Decision {
    weigh(&set.voices(request), request)
}

/// A statement that applies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'a> {
    policy: &'a Arc<CompiledPolicy>,
    number: usize,
}

/// What one type of policy says to a request: a deny, if there is one, else the allow that names the caller most directly.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Said<'a> {
    deny: Option<Found<'a>>,
    allow: Option<(Named, Found<'a>)>,
}

impl<'a> Said<'a> {
    /// Asks each policy through its own index.
    pub(crate) fn by_each(policies: &'a [Arc<CompiledPolicy>], request: &'a Request<'a>) -> Self {
        let mut said = Self::default();
        for policy in policies {
            let heard = CompiledPolicy::covering(policy, request, |candidate| {
                said.hear(candidate, request)
            });
            if heard.is_break() {
                break;
            }
        }
        said
    }

    /// Asks all policies through one index.
    pub(crate) fn by_all(
        policies: &'a [Arc<CompiledPolicy>],
        index: &'a StatementIndex,
        request: &'a Request<'a>,
    ) -> Self {
        let mut said = Self::default();
        // A break only says that a deny was found, which is also noted.
        let _ = index.covering(policies, request, |candidate| said.hear(candidate, request));
        said
    }

    /// Hears a statement that covers action and resource; breaks off behind a deny, which nothing can change.
    fn hear(&mut self, candidate: Candidate<'a>, request: &Request<'_>) -> ControlFlow<()> {
        let Candidate { policy, number, statement } = candidate;
        let denies = statement.effect == StatementEffect::Deny;
        let Some(named) = statement.names(request.principal) else {
            return ControlFlow::Continue(());
        };
        let known = self.allow.is_some_and(|(best, _)| best >= named);
        if !denies && known || statement.failing_condition(request).is_some() {
            return ControlFlow::Continue(());
        }
        let found = Found { policy, number };
        if denies {
            self.deny = Some(found);
            return ControlFlow::Break(());
        }
        self.allow = Some((named, found));
        ControlFlow::Continue(())
    }

    pub(crate) fn effect(&self) -> Effect {
        match (self.deny, self.allow) {
            (Some(_), _) => Effect::ExplicitDeny,
            (None, Some(_)) => Effect::Allow,
            (None, None) => Effect::ImplicitDeny,
        }
    }
}

/// What every type of policy says. `None`: there is no policy of that type, so it does not limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Voices<'a> {
    pub(crate) identity: Said<'a>,
    pub(crate) boundary: Option<Said<'a>>,
    pub(crate) session: Option<Said<'a>>,
    pub(crate) resource: Option<Said<'a>>,
    /// What the resource's policy is called.
    pub(crate) resource_type: PolicyType,
}

impl<'a> Voices<'a> {
    /// Those that speak, in the order in which a deny is reported.
    pub(crate) fn all(&self) -> impl Iterator<Item = (PolicyType, &Said<'a>)> {
        let voices = [
            (PolicyType::Identity, Some(&self.identity)),
            (PolicyType::Boundary, self.boundary.as_ref()),
            (PolicyType::Session, self.session.as_ref()),
            (self.resource_type, self.resource.as_ref()),
        ];
        voices.into_iter().filter_map(|(policy_type, said)| Some((policy_type, said?)))
    }
}

/// The rules (AWS, "Policy evaluation logic").
///
/// 1. An explicit deny of any type denies.
/// 2. Where the resource has the last word, its policy must allow: a resource of another account, a role's trust policy, a caller
///    who has no account of its own.
/// 3. A service or an anonymous caller needs nothing else; nor does the root user.
/// 4. Every other type that limits the caller must allow, save what the resource's policy waives by naming the caller.
pub(crate) fn weigh(voices: &Voices<'_>, request: &Request<'_>) -> Decision {
    for (policy_type, said) in voices.all() {
        if let Some(found) = said.deny {
            let mut denied = Decision::deny(Effect::ExplicitDeny, policy_type);
            denied.note(found);
            return denied;
        }
    }
    let kind = request.principal.kind;
    let by_resource = voices.resource.as_ref().and_then(|said| said.allow);
    let homeless = matches!(kind, PrincipalKind::Service | PrincipalKind::Anonymous);
    let resource_decides =
        homeless || request.crosses_accounts() || voices.resource_type == PolicyType::Trust;
    if resource_decides && by_resource.is_none() {
        return Decision::deny(Effect::ImplicitDeny, voices.resource_type);
    }
    let mut allowed = Decision::allow();
    if let Some((_, found)) = by_resource {
        allowed.note(found);
    }
    if homeless || kind == PrincipalKind::Root {
        return allowed;
    }
    let waived = match by_resource {
        Some((named, _)) if !request.crosses_accounts() => Waived::by(named, kind),
        _ => Waived::NOTHING,
    };
    // A federated user's session without a policy may do nothing of its own.
    let unsaid = Said::default();
    let unsaid = (kind == PrincipalKind::FederatedUser).then_some(&unsaid);
    let limits = [
        (PolicyType::Identity, Some(&voices.identity), waived.identity),
        (PolicyType::Boundary, voices.boundary.as_ref(), waived.boundary),
        (PolicyType::Session, voices.session.as_ref().or(unsaid), waived.session),
    ];
    for (policy_type, said, waived) in limits {
        let (Some(said), false) = (said, waived) else { continue };
        match said.allow {
            Some((_, found)) => allowed.note(found),
            None => return Decision::deny(Effect::ImplicitDeny, policy_type),
        }
    }
    allowed
}

/// Which missing allows a resource policy of the same account makes up for (the table on AWS's page "Evaluating identity-based and
/// resource-based policies with permissions boundaries", by whom it names).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Waived {
    identity: bool,
    boundary: bool,
    session: bool,
}

impl Waived {
    const NOTHING: Self = Self { identity: false, boundary: false, session: false };
    const IDENTITY: Self = Self { identity: true, boundary: false, session: false };
    const EVERYTHING: Self = Self { identity: true, boundary: true, session: true };

    fn by(named: Named, kind: PrincipalKind) -> Self {
        match (named, kind) {
            (Named::Account, _) => Self::NOTHING,
            (Named::Identity, PrincipalKind::User) | (Named::Session | Named::Anyone, _) => {
                Self::EVERYTHING
            }
            // The role behind a session, or the user behind a federated one.
            (Named::Identity, _) => Self::IDENTITY,
        }
    }
}

#[cfg(test)]
mod tests;
