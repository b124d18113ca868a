//! A policy set under one index, for a caller who comes again.

use core::ops::ControlFlow;
use std::sync::Arc;

use crate::{
    CompiledPolicy, Decision, Effect, PolicySet, Request,
    decide::{rule, weigh},
    index::StatementIndex,
    voices::{self, Hearing, Levels, Said, Voices},
};

/// A policy set whose identity policies, boundary and organizations' policies stand under one index.
///
/// [`crate::authorize`] on a [`PolicySet`] searches each policy's own index; here all are searched at once, so that the time of a
/// decision hardly depends on the number of policies. Composing costs about as much as compiling the policies did and the index is
/// about as large as theirs: worth it for a caller who comes again. Nothing is cached, so nothing can be stale: compose anew when
/// the set changes. Session policies stand apart; endpoint and resource have one policy each, which has its own index.
///
/// ```
/// use tidegate_policy::*;
///
/// let everything = aws_managed::compiled("arn:aws:iam::aws:policy/AdministratorAccess").ok_or("not shipped")?;
/// let composed = ComposedPolicies::new(PolicySet { identity: vec![everything], ..PolicySet::default() });
/// let principal = Principal::user("123456789012".parse()?, "/", "ada", "AIDA1234567890EXAMPLE");
/// let (action, context) = (Action::parse("s3:GetObject")?, Context::default());
/// assert!(composed.authorize(&Request::new(&principal, &action, "arn:aws:s3:::photos/cat.jpg", &context)).is_allowed());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ComposedPolicies {
    set: PolicySet,
    own: Arc<OwnIndex>,
    session: Option<Arc<StatementIndex>>,
}

/// The part that a policy plays, in the order in which a deny is reported.
#[derive(Clone, Copy, Debug)]
enum Part {
    /// Of this level.
    ResourceControl(usize),
    /// Of this level.
    ServiceControl(usize),
    Identity,
    Boundary,
}

impl Part {
    fn rank(self) -> usize {
        match self {
            Self::ResourceControl(_) => 0,
            Self::ServiceControl(_) => 1,
            Self::Identity => 2,
            Self::Boundary => 3,
        }
    }
}

#[derive(Debug)]
struct OwnIndex {
    policies: Box<[Arc<CompiledPolicy>]>,
    /// One for each policy; `None` where nobody else speaks than the identity policies.
    parts: Option<Box<[Part]>>,
    index: StatementIndex,
}

impl OwnIndex {
    fn new(set: &PolicySet) -> Self {
        let levels = |levels: &[Vec<Arc<CompiledPolicy>>], part: fn(usize) -> Part| {
            let level = |(level, policies): (usize, &Vec<Arc<CompiledPolicy>>)| {
                policies.iter().map(|policy| (Arc::clone(policy), part(level))).collect::<Vec<_>>()
            };
            levels.iter().enumerate().flat_map(level).collect::<Vec<_>>()
        };
        let identity = set.identity.iter().map(|policy| (Arc::clone(policy), Part::Identity));
        let boundary = set.boundary.iter().map(|policy| (Arc::clone(policy), Part::Boundary));
        let (policies, parts): (Vec<_>, Vec<_>) = identity
            .chain(boundary)
            .chain(levels(&set.service_control, Part::ServiceControl))
            .chain(levels(&set.resource_control, Part::ResourceControl))
            .unzip();
        let index = StatementIndex::new(policies.iter().map(|policy| policy.statements()));
        // A level of an organization counts even where it has no policies.
        let only_identity = set.boundary.is_none()
            && set.service_control.is_empty()
            && set.resource_control.is_empty();
        let parts = (!only_identity).then(|| parts.into());
        Self { policies: policies.into(), parts, index }
    }

    /// Hears everybody who stands under this index, resource control policies only `with_resource_control`.
    fn ask<'a>(
        &'a self,
        set: &PolicySet,
        parts: &[Part],
        with_resource_control: bool,
        voices: &mut Voices<'a>,
        hearing: Hearing<'a>,
    ) {
        let request = hearing.request;
        let (mut service, mut resource) = (Levels::default(), Levels::default());
        let by_service =
            !set.service_control.is_empty() && voices::bound_by_service_control(request);
        let by_resource = with_resource_control
            && !set.resource_control.is_empty()
            && voices::bound_by_resource_control(request);
        let mut boundary = Said::default();
        // Behind a deny only those matter that are reported before it.
        let mut matters = usize::MAX;
        // A break only says that a deny was found, which is also noted.
        let _ = self.index.covering(&self.policies, request, |candidate| {
            let part = parts.get(candidate.place).copied().unwrap_or(Part::Identity);
            if part.rank() >= matters {
                return ControlFlow::Continue(());
            }
            let heard = match part {
                Part::Identity => voices.identity.hear(candidate, hearing),
                Part::Boundary => boundary.hear(candidate, hearing),
                Part::ServiceControl(level) if by_service => {
                    service.hear(level, candidate, hearing)
                }
                Part::ResourceControl(level) if by_resource => {
                    resource.hear(level, candidate, hearing)
                }
                Part::ServiceControl(_) | Part::ResourceControl(_) => ControlFlow::Continue(()),
            };
            if heard.is_break() {
                matters = part.rank();
            }
            if matters == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if hearing.bounded {
            voices.boundary = Some(boundary);
        }
        if by_service {
            voices.service_control = Some(service.together(set.service_control.len()));
        }
        if by_resource {
            voices.resource_control = Some(resource.together(set.resource_control.len()));
        }
    }
}

impl ComposedPolicies {
    /// Composes a set.
    pub fn new(set: PolicySet) -> Self {
        set.prepare_apart();
        let own = Arc::new(OwnIndex::new(&set));
        let session = set.session.as_deref().and_then(session_index);
        Self { set, own, session }
    }

    /// The same limited by session policies. The caller's index is shared; only several session policies need one of their own.
    #[must_use]
    pub fn with_session(&self, session: Vec<Arc<CompiledPolicy>>) -> Self {
        let index = session_index(&session);
        let set = PolicySet { session: Some(session), ..self.set.clone() };
        Self { set, own: Arc::clone(&self.own), session: index }
    }

    /// The policies.
    pub fn set(&self) -> &PolicySet {
        &self.set
    }

    /// Decides, with the same effect and the same type that denies as [`crate::authorize`] on the set.
    pub fn authorize(&self, request: &Request<'_>) -> Decision {
        self.authorize_on(self.set.resource.as_ref(), request)
    }

    /// Decides with this resource's policy in place of the set's. The resource control policies stay those of the set: the resource's
    /// account must stand at the same place of the organization.
    pub fn authorize_on(
        &self,
        resource: Option<&Arc<CompiledPolicy>>,
        request: &Request<'_>,
    ) -> Decision {
        let mut voices = Voices::silence(resource);
        self.hear(&mut voices, resource, None, request);
        weigh(&voices, request)
    }

    /// The effect alone, for who does not ask for the reasons: a little faster than [`ComposedPolicies::authorize`].
    pub fn effect(&self, request: &Request<'_>) -> Effect {
        let resource = self.set.resource.as_ref();
        let mut voices = Voices::silence(resource);
        self.hear(&mut voices, resource, None, request);
        rule(&voices, request, |_| {}).0
    }

    /// Decides with this resource's policy and with the resource control policies of its account in place of the set's: a resource of
    /// an account that stands elsewhere.
    pub fn authorize_across(
        &self,
        resource: Option<&Arc<CompiledPolicy>>,
        resource_control: &[Vec<Arc<CompiledPolicy>>],
        request: &Request<'_>,
    ) -> Decision {
        let mut voices = Voices::silence(resource);
        self.hear(&mut voices, resource, Some(resource_control), request);
        weigh(&voices, request)
    }

    fn hear<'a>(
        &'a self,
        voices: &mut Voices<'a>,
        resource: Option<&'a Arc<CompiledPolicy>>,
        resource_control: Option<&'a [Vec<Arc<CompiledPolicy>>]>,
        request: &'a Request<'a>,
    ) {
        let hearing = self.set.hearing(request);
        if let Some(parts) = &self.own.parts {
            self.own.ask(&self.set, parts, resource_control.is_none(), voices, hearing);
        } else {
            voices.identity = Said::by_all(&self.own.policies, &self.own.index, hearing);
        }
        if let Some(levels) = resource_control.filter(|levels| !levels.is_empty())
            && voices::bound_by_resource_control(request)
        {
            voices.resource_control = Some(Levels::by_each(levels, hearing));
        }
        self.set.hear_resource(voices, resource, hearing);
        voices.session = self.set.session.as_ref().map(|policies| match &self.session {
            Some(index) => Said::by_all(policies, index, hearing),
            None => Said::by_each(policies, hearing),
        });
    }
}

/// One index over several session policies; one alone has its own.
fn session_index(policies: &[Arc<CompiledPolicy>]) -> Option<Arc<StatementIndex>> {
    let statements = policies.iter().map(|policy| policy.statements());
    (policies.len() > 1).then(|| Arc::new(StatementIndex::new(statements)))
}
