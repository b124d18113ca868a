//! The seven checks of AWS's access troubleshooter: what each type of policy said, and whether that stood in the way.

use std::sync::Arc;

use crate::{
    CompiledPolicy, Effect, PolicySet, PolicySource, PolicyType, PrincipalKind, Request,
    decide::Waived,
    document::StatementEffect,
    voices::{Said, Voices, bound_by_resource_control, bound_by_service_control},
};

use super::compare::{Heard, Match, NearMiss, applies, hear};

/// Why a type of policy need not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Spared {
    /// There is no policy of this type, so it limits nobody.
    Absent,
    /// It does not bind the caller: no policy of an organization binds a role that is linked to a service, and none on principals a
    /// caller that is of no account.
    Unbound,
    /// The root user of an account needs no allow of its own account.
    Root,
    /// Services, identity providers and anonymous callers have no policies of their own.
    Homeless,
    /// The resource's policy names the caller itself, which in the caller's own account is enough.
    Named,
    /// In the resource's own account the caller's policies are enough.
    SameAccount,
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It allows.
    Allows,
    /// A statement denies.
    Denies,
    /// Nothing allows, and its word is needed.
    Lacks,
    /// It says nothing, and need not.
    Spared(Spared),
}

impl Outcome {
    /// Whether it stands in the way.
    pub fn blocks(self) -> bool {
        matches!(self, Self::Denies | Self::Lacks)
    }
}

/// One of the seven checks.
#[derive(Clone, Debug)]
pub struct Check {
    /// The type of policy.
    pub policy_type: PolicyType,
    /// How it came out.
    pub outcome: Outcome,
    /// What its policies said: together, or level by level where they stand at the levels of an organization. Empty where there are
    /// none that need be there, or where they do not bind the caller.
    pub parts: Vec<Part>,
}

/// Policies of one type that speak together.
#[derive(Clone, Debug)]
pub struct Part {
    /// Which level of an organization this is, from 0 for its root; `None` for other types.
    pub level: Option<usize>,
    /// Their effect taken alone.
    pub effect: Effect,
    /// The policies that were considered, whatever they speak of.
    pub policies: Vec<PolicySource>,
    /// How many statements they have, whatever they speak of.
    pub statements: usize,
    /// The statements that applied, denying ones first.
    pub matched: Vec<Match>,
    /// The statements that nearly did, the nearest first.
    pub near_misses: Vec<NearMiss>,
}

impl Part {
    fn new(
        set: &PolicySet,
        level: Option<usize>,
        policies: &[Arc<CompiledPolicy>],
        request: &Request<'_>,
    ) -> Self {
        let Heard { matched, near_misses } = hear(policies, set.hearing(request));
        Self {
            level,
            // Denying ones come first.
            effect: match matched.first().map(|found| found.effect) {
                Some(StatementEffect::Deny) => Effect::ExplicitDeny,
                Some(StatementEffect::Allow) => Effect::Allow,
                None => Effect::ImplicitDeny,
            },
            policies: policies.iter().map(|policy| policy.source().clone()).collect(),
            statements: policies.iter().map(|policy| policy.len()).sum(),
            matched,
            near_misses,
        }
    }
}

/// The checks in the order of AWS's flow chart, in which a deny is reported.
pub(super) fn checks(set: &PolicySet, request: &Request<'_>) -> Vec<Check> {
    let outcomes = outcomes(set, &set.voices(request), request);
    let check = |(policy_type, outcome)| {
        let speaks = !matches!(outcome, Outcome::Spared(Spared::Unbound | Spared::Absent));
        let parts = lists(set, policy_type).filter(|_| speaks);
        let parts = parts.map(|(level, policies)| Part::new(set, level, policies, request));
        Check { policy_type, outcome, parts: parts.collect() }
    };
    outcomes.into_iter().map(check).collect()
}

/// How much stands in the way: statements that deny, then lists of policies that do not allow. Nothing where the request is allowed.
pub(super) fn obstacles(set: &PolicySet, request: &Request<'_>) -> (usize, usize) {
    let hearing = set.hearing(request);
    let count = |policies: &[Arc<CompiledPolicy>], effect: StatementEffect| {
        let statements = policies.iter().flat_map(|policy| policy.statements());
        statements.filter(|s| s.effect == effect && applies(s, hearing)).count()
    };
    let (mut denying, mut silent) = (0, 0);
    for (policy_type, outcome) in outcomes(set, &set.voices(request), request) {
        for (_, policies) in lists(set, policy_type) {
            if outcome == Outcome::Denies {
                denying += count(policies, StatementEffect::Deny);
            }
            if outcome == Outcome::Lacks && count(policies, StatementEffect::Allow) == 0 {
                silent += 1;
            }
        }
    }
    (denying, silent)
}

/// How each type comes out. The decision reports the first that stands in the way; this is all of them.
fn outcomes(
    set: &PolicySet,
    voices: &Voices<'_>,
    request: &Request<'_>,
) -> [(PolicyType, Outcome); 7] {
    let kind = request.principal.kind;
    let by_resource = voices.resource.as_ref().filter(|said| said.allow.is_some());
    let waived = Waived::of(by_resource, request);
    let own = |said: Option<&Said<'_>>, waived: bool| {
        let spared = match kind {
            _ if kind.is_homeless() => Some(Spared::Homeless),
            PrincipalKind::Root => Some(Spared::Root),
            _ => waived.then_some(Spared::Named),
        };
        outcome(said, spared)
    };
    let session = match (&voices.session, kind) {
        // Such a session may do nothing of its own without a policy.
        (None, PrincipalKind::FederatedUser) if waived.session => Outcome::Spared(Spared::Named),
        (None, PrincipalKind::FederatedUser) => Outcome::Lacks,
        (None, _) => Outcome::Spared(Spared::Absent),
        (said, PrincipalKind::Root) => {
            outcome(said.as_ref(), waived.session.then_some(Spared::Named))
        }
        (said, _) => own(said.as_ref(), waived.session),
    };
    let resource = match &voices.resource {
        None if voices.resource_decides(request) => Outcome::Lacks,
        said => {
            let decides = voices.resource_decides(request);
            outcome(said.as_ref(), (!decides).then_some(Spared::SameAccount))
        }
    };
    let organization = |levels: &[Vec<_>], said: &Option<Said<'_>>, bound: bool| {
        if bound || levels.is_empty() {
            outcome(said.as_ref(), None)
        } else {
            Outcome::Spared(Spared::Unbound)
        }
    };
    [
        (
            PolicyType::ResourceControl,
            organization(
                &set.resource_control,
                &voices.resource_control,
                bound_by_resource_control(request),
            ),
        ),
        (
            PolicyType::ServiceControl,
            organization(
                &set.service_control,
                &voices.service_control,
                bound_by_service_control(request),
            ),
        ),
        (PolicyType::VpcEndpoint, outcome(voices.endpoint.as_ref(), None)),
        (voices.resource_type, resource),
        (PolicyType::Identity, own(Some(&voices.identity), waived.identity)),
        (PolicyType::Boundary, own(voices.boundary.as_ref(), waived.boundary)),
        (PolicyType::Session, session),
    ]
}

/// How a type comes out by itself. `spared`: why it need not allow.
fn outcome(said: Option<&Said<'_>>, spared: Option<Spared>) -> Outcome {
    match (said, spared) {
        (Some(said), _) if said.deny.is_some() => Outcome::Denies,
        (Some(said), _) if said.allow.is_some() => Outcome::Allows,
        (None, _) => Outcome::Spared(Spared::Absent),
        (Some(_), Some(spared)) => Outcome::Spared(spared),
        (Some(_), None) => Outcome::Lacks,
    }
}

/// The policies of a type, list by list; where they stand at the levels of an organization, with the level.
pub(super) fn lists(
    set: &PolicySet,
    policy_type: PolicyType,
) -> impl Iterator<Item = (Option<usize>, &[Arc<CompiledPolicy>])> {
    let (levels, list): (&[Vec<_>], Option<&[_]>) = match policy_type {
        PolicyType::ServiceControl => (&set.service_control, None),
        PolicyType::ResourceControl => (&set.resource_control, None),
        PolicyType::Identity => (&[], Some(&set.identity)),
        PolicyType::Boundary => (&[], Some(set.boundary.as_slice())),
        PolicyType::Session => (&[], Some(set.session.as_deref().unwrap_or_default())),
        PolicyType::Resource | PolicyType::Trust => (&[], Some(set.resource.as_slice())),
        PolicyType::VpcEndpoint => (&[], Some(set.endpoint.as_slice())),
    };
    let levels = levels.iter().enumerate().map(|(level, list)| (Some(level), &**list));
    levels.chain(list.map(|list| (None, list)))
}
