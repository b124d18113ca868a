//! The policies that have a say in a decision, as plain lists.

use std::sync::Arc;

use crate::{
    CompiledPolicy, Request,
    voices::{self, Hearing, Levels, Said, Voices},
};

/// Everything that speaks for or against a caller.
///
/// ```
/// use tidegate_policy::*;
///
/// # let compile = |text: &str, kind, source| -> Result<_, PolicyError> {
/// #     Ok(std::sync::Arc::new(CompiledPolicy::compile(source, &PolicyDocument::parse(text, kind)?)))
/// # };
/// let everything = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
/// let only_s3 = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}"#;
/// let level = |text, id: &str| compile(text, PolicyKind::ServiceControl, PolicySource::ServiceControl(id.into()));
/// let set = PolicySet {
///     identity: vec![compile(everything, PolicyKind::Identity, PolicySource::Session(0))?],
///     // The root of the organization allows everything, the account only S3.
///     service_control: vec![vec![level(everything, "p-FullAWSAccess")?], vec![level(only_s3, "p-onlys3")?]],
///     ..PolicySet::default()
/// };
/// let ada = Principal::user("123456789012".parse()?, "/", "ada", "AIDA1234567890EXAMPLE");
/// let (action, context) = (Action::parse("ec2:RunInstances")?, Context::default());
/// let decision = authorize(&set, &Request::new(&ada, &action, "*", &context));
/// assert_eq!(decision.policy_type, Some(PolicyType::ServiceControl));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
    /// Service control policies of the caller's account, a list for each level: the root, each organizational unit, the account.
    /// Each level must allow. Empty where they bind nobody: outside an organization and in its management account. More than 64
    /// levels deny.
    pub service_control: Vec<Vec<Arc<CompiledPolicy>>>,
    /// Resource control policies of the account that owns the resource, by level as above (with AWS's `RCPFullAWSAccess` at each).
    /// Empty outside an organization and for its management account.
    pub resource_control: Vec<Vec<Arc<CompiledPolicy>>>,
    /// The policy of the VPC endpoint that the request came by. `None`: it came by none, or by one that lets everything pass.
    pub endpoint: Option<Arc<CompiledPolicy>>,
}

impl PolicySet {
    /// Indexes each policy now, for who asks them one by one ([`crate::authorize`]) and wants the first decision to be as fast as the
    /// others. Composed policies need it not.
    pub fn prepare(&self) {
        let levels = self.service_control.iter().chain(&self.resource_control);
        let lists = levels.chain(self.session.iter()).chain([&self.identity]);
        let single = self.boundary.iter().chain(&self.resource).chain(&self.endpoint);
        lists.flatten().chain(single).for_each(|policy| policy.prepare());
    }

    /// Indexes those that are asked by themselves also where the others are composed.
    pub(crate) fn prepare_apart(&self) {
        let session = self.session.iter().flatten();
        session.chain(&self.resource).chain(&self.endpoint).for_each(|policy| policy.prepare());
    }

    pub(crate) fn hearing<'a>(&self, request: &'a Request<'a>) -> Hearing<'a> {
        Hearing { request, bounded: self.boundary.is_some() }
    }

    pub(crate) fn voices<'a>(&'a self, request: &'a Request<'a>) -> Voices<'a> {
        let hearing = self.hearing(request);
        let levels = |levels: &'a [Vec<_>], bound: bool| {
            (bound && !levels.is_empty()).then(|| Levels::by_each(levels, hearing))
        };
        let mut voices = Voices::silence(self.resource.as_ref());
        voices.identity = Said::by_each(&self.identity, hearing);
        voices.boundary = self.boundary.as_ref().map(|policy| one(policy, hearing));
        let bound = voices::bound_by_service_control(request);
        voices.service_control = levels(&self.service_control, bound);
        let bound = voices::bound_by_resource_control(request);
        voices.resource_control = levels(&self.resource_control, bound);
        voices.session = self.session.as_ref().map(|policies| Said::by_each(policies, hearing));
        self.hear_resource(&mut voices, self.resource.as_ref(), hearing);
        voices
    }

    /// Hears the endpoint and this resource.
    pub(crate) fn hear_resource<'a>(
        &'a self,
        voices: &mut Voices<'a>,
        resource: Option<&'a Arc<CompiledPolicy>>,
        hearing: Hearing<'a>,
    ) {
        voices.endpoint = self.endpoint.as_ref().map(|policy| one(policy, hearing));
        voices.resource = resource.map(|policy| one(policy, hearing));
    }
}

fn one<'a>(policy: &'a Arc<CompiledPolicy>, hearing: Hearing<'a>) -> Said<'a> {
    Said::by_each(core::slice::from_ref(policy), hearing)
}
