//! The policies that have a say in a decision, as a plain list or composed under one index.

use std::sync::Arc;

use crate::{
    CompiledPolicy, Decision, PolicySource, PolicyType, Request,
    decide::{self, Said, Voices},
    index::StatementIndex,
};

/// Everything that speaks for or against a caller.
#[derive(Clone, Debug, Default)]
pub struct PolicySet {
    /// Policies of the user and its groups, or of the role.
    pub identity: Vec<Arc<CompiledPolicy>>,
    /// The permissions boundary.
    pub boundary: Option<Arc<CompiledPolicy>>,
    /// Session policies; `None` when the session was made without any.
    pub session: Option<Vec<Arc<CompiledPolicy>>>,
    /// The policy of the resource, or the trust policy of the role that is to be assumed.
    pub resource: Option<Arc<CompiledPolicy>>,
}

impl PolicySet {
    pub(crate) fn voices<'a>(&'a self, request: &'a Request<'a>) -> Voices<'a> {
        voices(self, Said::by_each(&self.identity, request), self.resource.as_ref(), request)
    }
}

/// A policy set whose identity policies stand under one index.
///
/// [`crate::authorize`] on a [`PolicySet`] searches each policy's own index; here all are searched at once, so that the time of a
/// decision hardly depends on the number of policies. Composing costs about as much as compiling the policies did and the index is
/// about as large as theirs: worth it for a caller who comes again. Nothing is cached, so nothing can be stale: compose anew when
/// the set changes.
///
/// ```
/// use tidegate_policy::*;
///
/// let everything = aws_managed::compiled("arn:aws:iam::aws:policy/AdministratorAccess").ok_or("not shipped")?;
/// let composed = ComposedPolicies::new(PolicySet { identity: vec![everything], ..PolicySet::default() });
/// let principal = Principal::user("123456789012".parse()?, "/", "ada", "AIDAEXAMPLE");
/// let (action, context) = (Action::parse("s3:GetObject")?, Context::default());
/// assert!(composed.authorize(&Request::new(&principal, &action, "arn:aws:s3:::photos/cat.jpg", &context)).is_allowed());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ComposedPolicies {
    set: PolicySet,
    identity: Arc<StatementIndex>,
}

impl ComposedPolicies {
    /// Composes a set.
    pub fn new(set: PolicySet) -> Self {
        let identity = StatementIndex::new(set.identity.iter().map(|policy| policy.statements()));
        Self { set, identity: Arc::new(identity) }
    }

    /// The same limited by session policies; the index is shared.
    #[must_use]
    pub fn with_session(&self, session: Vec<Arc<CompiledPolicy>>) -> Self {
        let set = PolicySet { session: Some(session), ..self.set.clone() };
        Self { set, identity: Arc::clone(&self.identity) }
    }

    /// The policies.
    pub fn set(&self) -> &PolicySet {
        &self.set
    }

    /// Decides, with the same effect as [`crate::authorize`] on the set.
    pub fn authorize(&self, request: &Request<'_>) -> Decision {
        self.authorize_on(self.set.resource.as_ref(), request)
    }

    /// Decides with this resource's policy in place of the set's.
    pub fn authorize_on(
        &self,
        resource: Option<&Arc<CompiledPolicy>>,
        request: &Request<'_>,
    ) -> Decision {
        let said = Said::by_all(&self.set.identity, &self.identity, request);
        decide::weigh(&voices(&self.set, said, resource, request), request)
    }
}

fn voices<'a>(
    set: &'a PolicySet,
    identity: Said<'a>,
    resource: Option<&'a Arc<CompiledPolicy>>,
    request: &'a Request<'a>,
) -> Voices<'a> {
    let one =
        |policy: &'a Arc<CompiledPolicy>| Said::by_each(core::slice::from_ref(policy), request);
    Voices {
        identity,
        boundary: set.boundary.as_ref().map(one),
        session: set.session.as_ref().map(|policies| Said::by_each(policies, request)),
        resource: resource.map(one),
        resource_type: resource_type(resource),
    }
}

fn resource_type(resource: Option<&Arc<CompiledPolicy>>) -> PolicyType {
    match resource.map(|policy| policy.source()) {
        Some(PolicySource::Trust(_)) => PolicyType::Trust,
        _ => PolicyType::Resource,
    }
}
