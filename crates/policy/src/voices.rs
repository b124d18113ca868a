//! What each type of policy says to a request, taken alone.

use core::ops::ControlFlow;
use std::sync::Arc;

use crate::{
    CompiledPolicy, PolicySource, PolicyType, PrincipalKind, Request,
    deliberate::{Bug, bug},
    index::{Candidate, StatementIndex},
    principal_element::Named,
};

/// A statement that applies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'a> {
    pub(crate) policy: &'a Arc<CompiledPolicy>,
    pub(crate) number: usize,
}

/// To whom the policies speak.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hearing<'a> {
    pub(crate) request: &'a Request<'a>,
    /// Whether the caller has a permissions boundary.
    pub(crate) bounded: bool,
}

/// What one type of policy says to a request: a deny, if there is one, else the allow that names the caller most directly.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Said<'a> {
    pub(crate) deny: Option<Found<'a>>,
    pub(crate) allow: Option<(Named, Found<'a>)>,
}

impl<'a> Said<'a> {
    /// Asks each policy through its own index.
    pub(crate) fn by_each(policies: &'a [Arc<CompiledPolicy>], hearing: Hearing<'a>) -> Self {
        let mut said = Self::default();
        for policy in policies {
            let heard = CompiledPolicy::covering(policy, hearing.request, |candidate| {
                said.hear(candidate, hearing)
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
        hearing: Hearing<'a>,
    ) -> Self {
        let mut said = Self::default();
        // A break only says that a deny was found, which is also noted.
        let _ =
            index.covering(policies, hearing.request, |candidate| said.hear(candidate, hearing));
        said
    }

    /// Hears a statement that covers action and resource; breaks off behind a deny, which nothing can change.
    pub(crate) fn hear(
        &mut self,
        candidate: Candidate<'a>,
        hearing: Hearing<'_>,
    ) -> ControlFlow<()> {
        let Candidate { policy, number, denies, names, .. } = candidate;
        if denies && self.allow.is_some() && bug(Bug::DenyIsForgottenBehindAnAllow) {
            return ControlFlow::Continue(());
        }
        // Where nobody is named one allow is as good as another.
        if !denies && !names && self.allow.is_some() {
            return ControlFlow::Continue(());
        }
        let Some(statement) = candidate.statement() else { return ControlFlow::Continue(()) };
        let Some(named) = statement.names(hearing.request.principal, hearing.bounded) else {
            return ControlFlow::Continue(());
        };
        let known = self.allow.is_some_and(|(best, _)| best >= named);
        if !denies && known || statement.failing_condition(hearing.request).is_some() {
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
}

/// More levels of an organization than this deny, whatever they say: AWS has seven (a root, five organizational units, an account).
pub(crate) const LEVELS_MAX: usize = 64;

/// What the levels of an organization say together: a deny of any, or an allow of every one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Levels<'a> {
    said: Said<'a>,
    /// One bit for each level that allows.
    allowing: u64,
}

impl<'a> Levels<'a> {
    /// Asks each level, root first.
    pub(crate) fn by_each(
        levels: &'a [Vec<Arc<CompiledPolicy>>],
        hearing: Hearing<'a>,
    ) -> Said<'a> {
        let mut all = Self::default();
        for (level, policies) in levels.iter().enumerate() {
            let said = Said::by_each(policies, hearing);
            all.said.deny = all.said.deny.or(said.deny);
            if said.allow.is_some() {
                all.allow(level, said);
            }
        }
        all.together(levels.len())
    }

    /// Hears a statement of one level that covers action and resource; breaks off behind a deny.
    pub(crate) fn hear(
        &mut self,
        level: usize,
        candidate: Candidate<'a>,
        hearing: Hearing<'_>,
    ) -> ControlFlow<()> {
        let mut said = Said::default();
        if !candidate.denies && self.allows(level) {
            return ControlFlow::Continue(());
        }
        let heard = said.hear(candidate, hearing);
        self.said.deny = self.said.deny.or(said.deny);
        if said.allow.is_some() {
            self.allow(level, said);
        }
        heard
    }

    fn bit(level: usize) -> u64 {
        if level < LEVELS_MAX { 1 << level } else { 0 }
    }

    fn allows(&self, level: usize) -> bool {
        self.allowing & Self::bit(level) != 0
    }

    fn allow(&mut self, level: usize, said: Said<'a>) {
        self.allowing |= Self::bit(level);
        self.said.allow = said.allow;
    }

    /// Their common word, of which the allow is that of one level.
    pub(crate) fn together(&self, levels: usize) -> Said<'a> {
        let allowing = self.allowing.count_ones() as usize;
        let enough = if bug(Bug::AnyLevelOfAnOrganizationSuffices) { 1 } else { levels };
        Said { allow: self.said.allow.filter(|_| allowing >= enough), ..self.said }
    }
}

/// What every type of policy says. `None`: there is no policy of that type, or it does not bind the caller.
#[derive(Debug)]
pub(crate) struct Voices<'a> {
    pub(crate) resource_control: Option<Said<'a>>,
    pub(crate) service_control: Option<Said<'a>>,
    pub(crate) endpoint: Option<Said<'a>>,
    pub(crate) resource: Option<Said<'a>>,
    /// What the resource's policy is called.
    pub(crate) resource_type: PolicyType,
    pub(crate) identity: Said<'a>,
    pub(crate) boundary: Option<Said<'a>>,
    pub(crate) session: Option<Said<'a>>,
}

impl<'a> Voices<'a> {
    /// Nobody has spoken yet; the resource's policy, if there is one, is this.
    pub(crate) fn silence(resource: Option<&Arc<CompiledPolicy>>) -> Self {
        Self {
            resource_control: None,
            service_control: None,
            endpoint: None,
            resource: None,
            resource_type: resource_type(resource),
            identity: Said::default(),
            boundary: None,
            session: None,
        }
    }

    /// Whether a statement of any type denies.
    pub(crate) fn any_denies(&self) -> bool {
        let denies = |said: &Option<Said<'_>>| said.is_some_and(|said| said.deny.is_some());
        self.identity.deny.is_some()
            || denies(&self.resource_control)
            || denies(&self.service_control)
            || denies(&self.endpoint)
            || denies(&self.resource)
            || denies(&self.boundary)
            || denies(&self.session)
    }

    /// Those that speak, in the order of AWS's flow chart, in which a deny is reported.
    pub(crate) fn all(&self) -> impl Iterator<Item = (PolicyType, &Said<'a>)> {
        let voices = [
            (PolicyType::ResourceControl, self.resource_control.as_ref()),
            (PolicyType::ServiceControl, self.service_control.as_ref()),
            (PolicyType::VpcEndpoint, self.endpoint.as_ref()),
            (self.resource_type, self.resource.as_ref()),
            (PolicyType::Identity, Some(&self.identity)),
            (PolicyType::Boundary, self.boundary.as_ref()),
            (PolicyType::Session, self.session.as_ref()),
        ];
        voices.into_iter().filter_map(|(policy_type, said)| Some((policy_type, said?)))
    }

    /// Whether nothing is allowed without the word of the resource's policy.
    pub(crate) fn resource_decides(&self, request: &Request<'_>) -> bool {
        let trust = self.resource_type == PolicyType::Trust && !bug(Bug::TrustPolicyMayBeSilent);
        let must_allow = request.resource_facts.is_some_and(|facts| facts.policy_must_allow);
        trust || must_allow || request.crosses_accounts() || request.principal.kind.is_homeless()
    }
}

/// What a resource's policy is called in the access-denied sentence.
fn resource_type(resource: Option<&Arc<CompiledPolicy>>) -> PolicyType {
    match resource.map(|policy| policy.source()) {
        Some(PolicySource::Trust(_)) => PolicyType::Trust,
        _ => PolicyType::Resource,
    }
}

/// Whether service control policies bind the caller: the principals of an account, its root user too, but no role that is linked to a
/// service.
pub(crate) fn bound_by_service_control(request: &Request<'_>) -> bool {
    let principal = request.principal;
    if bug(Bug::RootEscapesServiceControl) && principal.kind == PrincipalKind::Root {
        return false;
    }
    let linked = principal.service_linked && !bug(Bug::ServiceLinkedRolesAreBound);
    !principal.kind.is_homeless() && !linked
}

/// Whether resource control policies bind the caller: everybody, services and anonymous callers too, but no role that is linked to a
/// service.
pub(crate) fn bound_by_resource_control(request: &Request<'_>) -> bool {
    let principal = request.principal;
    if bug(Bug::ServicesEscapeResourceControl) && principal.kind == PrincipalKind::Service {
        return false;
    }
    !principal.service_linked || bug(Bug::ServiceLinkedRolesAreBound)
}

#[cfg(test)]
mod tests;
