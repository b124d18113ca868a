//! The decision: which effect a set of policies has on one request.
//!
//! Each type of policy is asked on its own ([`Voices`]); [`weigh`] joins their answers by AWS's rules, and is all of the rules.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::{
    CompiledPolicy, PolicySet, PolicyType, PrincipalKind, Request,
    deliberate::{Bug, bug},
    document::line_and_column,
    principal_element::Named,
    voices::{Found, Said, Voices},
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

/// As many types of policy as can have to allow one request.
const TYPES: usize = 7;

/// A decision and what decided it.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The outcome.
    pub effect: Effect,
    /// The type of policy that denied, or that did not allow. `None` when allowed.
    pub policy_type: Option<PolicyType>,
    /// The statements that decided: the deny, or one allow of each type that had to allow.
    pub statements: SmallVec<[StatementRef; TYPES]>,
}

impl Decision {
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

/// Decides on what was said, and notes who decided.
pub(crate) fn weigh(voices: &Voices<'_>, request: &Request<'_>) -> Decision {
    let mut decision =
        Decision { effect: Effect::Allow, policy_type: None, statements: SmallVec::new() };
    let note = |found: Found<'_>| {
        let policy = Arc::clone(found.policy);
        decision.statements.push(StatementRef { policy, index: found.number });
    };
    (decision.effect, decision.policy_type) = rule(voices, request, note);
    if decision.effect == Effect::ImplicitDeny {
        // An allow that did not suffice decided nothing.
        decision.statements.clear();
    }
    decision
}

/// The rules (AWS, "Policy evaluation logic"), in the order in which AWS names the type that denies.
///
/// 1. An explicit deny of any type denies.
/// 2. What limits everybody must allow: every level of the resource's organization, every level of the caller's, the endpoint.
/// 3. Where the resource has the last word, its policy must allow: a resource of another account, a role's trust policy, a resource
///    that is marked so, a caller who has no account of its own.
/// 4. A caller without an account needs nothing else.
/// 5. Every other type that limits the caller must allow, save what the resource's policy waives by naming the caller. The root user
///    needs no identity policy and has no boundary.
///
/// The type that denies is named with the effect. `note` is shown the deny, or an allow of everybody who was asked and allows.
pub(crate) fn rule<'a>(
    voices: &Voices<'a>,
    request: &Request<'_>,
    mut note: impl FnMut(Found<'a>),
) -> (Effect, Option<PolicyType>) {
    if voices.any_denies() {
        let denials = voices.all().find_map(|(policy_type, said)| Some((policy_type, said.deny?)));
        if let Some((policy_type, found)) = denials {
            note(found);
            return (Effect::ExplicitDeny, Some(policy_type));
        }
    }
    match find_allows(note, voices, request) {
        Ok(()) => (Effect::Allow, None),
        Err(policy_type) => (Effect::ImplicitDeny, Some(policy_type)),
    }
}

/// Notes an allow of everybody who must allow. The error is the first who does not.
fn find_allows<'a>(
    mut note: impl FnMut(Found<'a>),
    voices: &Voices<'a>,
    request: &Request<'_>,
) -> Result<(), PolicyType> {
    // A type of policy that is not there limits nobody.
    let mut needed = |policy_type, said: Option<&Said<'a>>| match said.map(|said| said.allow) {
        None => Ok(()),
        Some(Some((_, found))) => {
            note(found);
            Ok(())
        }
        Some(None) => Err(policy_type),
    };
    needed(PolicyType::ResourceControl, voices.resource_control.as_ref())?;
    needed(PolicyType::ServiceControl, voices.service_control.as_ref())?;
    needed(PolicyType::VpcEndpoint, voices.endpoint.as_ref())?;
    let by_resource = voices.resource.as_ref().filter(|said| said.allow.is_some());
    if by_resource.is_none() && voices.resource_decides(request) {
        return Err(voices.resource_type);
    }
    needed(voices.resource_type, by_resource)?;
    let kind = request.principal.kind;
    if kind.is_homeless() {
        return Ok(());
    }
    let waived = Waived::of(by_resource, request);
    let root = kind == PrincipalKind::Root;
    if !root && !waived.identity {
        needed(PolicyType::Identity, Some(&voices.identity))?;
    }
    if !root && !waived.boundary {
        needed(PolicyType::Boundary, voices.boundary.as_ref())?;
    }
    if waived.session {
        return Ok(());
    }
    // A federated user's session without a policy may do nothing of its own.
    if voices.session.is_none()
        && kind == PrincipalKind::FederatedUser
        && !bug(Bug::FederatedSessionNeedsNoPolicy)
    {
        return Err(PolicyType::Session);
    }
    needed(PolicyType::Session, voices.session.as_ref())
}

/// Which missing allows a resource policy of the same account makes up for (the table on AWS's page "Evaluating identity-based and
/// resource-based policies with permissions boundaries", by whom it names).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waived {
    pub(crate) identity: bool,
    pub(crate) boundary: bool,
    pub(crate) session: bool,
}

impl Waived {
    pub(crate) fn of(by_resource: Option<&Said<'_>>, request: &Request<'_>) -> Self {
        match by_resource.and_then(|said| said.allow) {
            Some((named, _))
                if !request.crosses_accounts() || bug(Bug::NamingWaivesAcrossAccounts) =>
            {
                Self::by(named, request.principal.kind)
            }
            _ => Self::NOTHING,
        }
    }

    const NOTHING: Self = Self { identity: false, boundary: false, session: false };
    const IDENTITY: Self = Self { identity: true, boundary: false, session: false };
    const EVERYTHING: Self = Self { identity: true, boundary: true, session: true };

    pub(crate) fn by(named: Named, kind: PrincipalKind) -> Self {
        match (named, kind) {
            (Named::Account, _) => Self::NOTHING,
            (Named::Anyone, _) if bug(Bug::StarWaivesOnlyIdentity) => Self::IDENTITY,
            (Named::Identity, _) if bug(Bug::RoleArnWaivesTheBoundary) => Self::EVERYTHING,
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
