//! What a case is about, ready to be decided: policies, caller, circumstances, and each action with each resource.

use std::sync::Arc;

use serde_yaml_ng::Value as Yaml;

use super::{
    Loader,
    document::{self, boundary_source, compile, identity_source, scalar},
    principal::PrincipalSpec,
    schema::{CaseSpec, FileSpec, Named, OneOrMany, PrincipalRef},
};
use crate::{
    AccountId, Action, CompiledPolicy, Context, PolicyKind, PolicySet, PolicySource, Principal,
    Request, ResourceFacts, SessionContext, Value,
};

/// Most requests that one case may ask: actions times resources.
const REQUESTS_MAX: usize = 10_000;

/// Everything that a decision depends on, and the requests to decide.
#[derive(Clone, Debug)]
pub struct Situation {
    /// The policies.
    pub set: PolicySet,
    /// The caller.
    pub principal: Principal,
    /// The account that the resource belongs to; the caller's where there is none.
    pub resource_account: Option<AccountId>,
    /// What is known of the resource besides; `None` where the case says nothing of it, and the context may.
    pub resource_facts: Option<ResourceFacts>,
    /// What else is known.
    pub context: Context,
    /// What is to be done, and to what.
    pub asked: Vec<(Action, String)>,
}

/// Why a case can't be decided. Nothing was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SituationError(pub(crate) String);

impl From<String> for SituationError {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Situation {
    /// The requests, actions in the outer loop.
    pub fn requests(&self) -> impl Iterator<Item = Request<'_>> {
        self.asked.iter().map(|(action, resource)| {
            let mut request = Request::new(&self.principal, action, resource, &self.context);
            request.resource_account = self.resource_account;
            request.resource_facts = self.resource_facts.as_ref();
            request
        })
    }

    pub(crate) fn of(
        file: &FileSpec,
        case: &CaseSpec,
        loader: Loader<'_>,
    ) -> Result<Self, SituationError> {
        let spec = caller(file, case)?;
        let mut principal = spec.principal().map_err(|e| e.to_string())?;
        principal.session = session(&spec)?.map(Arc::new);
        let account: Option<&String> = case.resource_account.as_ref();
        let resource_account =
            account.map(|text| text.parse::<AccountId>().map_err(|e| e.to_string())).transpose()?;
        Ok(Self {
            set: Reader { file, loader, principal: &principal }.set(case)?,
            resource_facts: facts(case, &principal, resource_account),
            context: context(file, case)?,
            asked: asked(case)?,
            principal,
            resource_account,
        })
    }
}

fn caller(file: &FileSpec, case: &CaseSpec) -> Result<PrincipalSpec, SituationError> {
    match &case.principal {
        None => Err("the case has no `principal`".to_owned().into()),
        Some(PrincipalRef::Whole(spec)) => Ok((**spec).clone()),
        Some(PrincipalRef::Text(text)) => {
            Ok(file.principals.get(text).cloned().unwrap_or_else(|| PrincipalSpec::named(text)))
        }
    }
}

fn asked(case: &CaseSpec) -> Result<Vec<(Action, String)>, SituationError> {
    let star = OneOrMany(vec!["*".to_owned()]);
    let (actions, resources) = (case.action.as_ref(), case.resource.as_ref().unwrap_or(&star));
    let actions = actions.ok_or_else(|| "the case has no `action`".to_owned())?;
    let many = actions.0.len().saturating_mul(resources.0.len());
    if many == 0 || many > REQUESTS_MAX {
        return Err(format!("a case asks 1 to {REQUESTS_MAX} requests, this one {many}").into());
    }
    let mut asked = Vec::with_capacity(many);
    for text in &actions.0 {
        let action = Action::parse(text).map_err(|e| e.to_string())?;
        asked.extend(resources.0.iter().map(|resource| (action.clone(), resource.clone())));
    }
    Ok(asked)
}

/// What the session knows of itself. A key that no session has is a mistake: it would say nothing.
fn session(spec: &PrincipalSpec) -> Result<Option<SessionContext>, SituationError> {
    let mut keys = Context::default();
    insert(&mut keys, &spec.session)?;
    let session = SessionContext::from_context(&keys);
    let answers = |key: &str| session.as_ref().is_some_and(|session| session.get(key).is_some());
    match keys.iter().find(|(key, _)| !answers(key)) {
        Some((key, _)) => {
            Err(format!("no session has a key `{key}`: it belongs to the context").into())
        }
        None => Ok(session),
    }
}

fn facts(
    case: &CaseSpec,
    principal: &Principal,
    owner: Option<AccountId>,
) -> Option<ResourceFacts> {
    let policy_must_allow = case.resource_policy_must_allow.unwrap_or_default();
    if case.resource_tags.is_none() && case.resource_org.is_none() && !policy_must_allow {
        return None;
    }
    let own = owner.is_none() || owner == principal.account;
    let organization = match &case.resource_org {
        Some(org) => Some(org.organization()),
        None if own => principal.organization.clone(),
        None => None,
    };
    let tags = case.resource_tags.iter().flat_map(|tags| &tags.0);
    Some(ResourceFacts {
        organization,
        tags: tags.map(|(key, value)| (key.as_str().into(), value.as_str().into())).collect(),
        policy_must_allow,
    })
}

fn context(file: &FileSpec, case: &CaseSpec) -> Result<Context, SituationError> {
    let mut context = Context::default();
    for part in case.context.iter().flat_map(|many| &many.0) {
        let keys = match part {
            Yaml::String(name) => file
                .contexts
                .get(name)
                .ok_or_else(|| format!("no context is called `{name}`"))?
                .clone(),
            Yaml::Mapping(_) => serde_yaml_ng::from_value::<Named<Yaml>>(part.clone())
                .map_err(|e| format!("the context: {e}"))?,
            _ => return Err("a context is a name or a mapping of keys".to_owned().into()),
        };
        insert(&mut context, &keys)?;
    }
    Ok(context)
}

fn insert(context: &mut Context, keys: &Named<Yaml>) -> Result<(), SituationError> {
    for (key, value) in &keys.0 {
        let value = match value {
            Yaml::Sequence(items) => {
                items.iter().map(scalar).collect::<Option<Vec<_>>>().map(Value::Many)
            }
            one => scalar(one).map(Value::One),
        };
        let value = value.ok_or_else(|| {
            format!("the value of `{key}` must be a text, a number, a boolean, or a list of them")
        })?;
        context.insert(key, value);
    }
    Ok(())
}

/// Finds and compiles the policies of a case.
struct Reader<'a> {
    file: &'a FileSpec,
    loader: Loader<'a>,
    principal: &'a Principal,
}

impl Reader<'_> {
    fn set(&self, case: &CaseSpec) -> Result<PolicySet, SituationError> {
        let many = |values: &Option<OneOrMany<Yaml>>| {
            values.as_ref().map_or(&[][..], |v| v.0.as_slice()).to_vec()
        };
        let mut identity = Vec::new();
        for (n, value) in many(&case.identity).iter().enumerate() {
            let source = |name: &str| Ok(identity_source(name, self.principal));
            identity.push(self.policy(
                value,
                PolicyKind::Identity,
                &numbered("identity", n),
                source,
            )?);
        }
        for (group, values) in case.groups.iter().flat_map(|groups| &groups.0) {
            for (n, value) in values.0.iter().enumerate() {
                let source = |name: &str| {
                    Ok(PolicySource::GroupInline {
                        group: group.as_str().into(),
                        name: name.into(),
                    })
                };
                identity.push(self.policy(
                    value,
                    PolicyKind::Identity,
                    &numbered(group, n),
                    source,
                )?);
            }
        }
        let mut session = Vec::new();
        for (n, value) in many(&case.session_policies).iter().enumerate() {
            let source = |_: &str| Ok(PolicySource::Session(n));
            session.push(self.policy(
                value,
                PolicyKind::Session,
                &numbered("session", n),
                source,
            )?);
        }
        let boundary = case.boundary.as_ref().map(|value| {
            let source = |name: &str| boundary_source(name, self.principal);
            self.policy(value, PolicyKind::Boundary, "boundary", source)
        });
        let endpoint = case.endpoint_policy.as_ref().map(|value| {
            let source = |name: &str| Ok(PolicySource::VpcEndpoint(name.into()));
            self.policy(value, PolicyKind::Resource, "endpoint", source)
        });
        Ok(PolicySet {
            identity,
            boundary: boundary.transpose()?,
            session: case.session_policies.is_some().then_some(session),
            resource: self.resource(case)?,
            service_control: self.levels(
                case.scp.as_ref(),
                PolicyKind::ServiceControl,
                PolicySource::ServiceControl,
            )?,
            resource_control: self.levels(
                case.rcp.as_ref(),
                PolicyKind::ResourceControl,
                PolicySource::ResourceControl,
            )?,
            endpoint: endpoint.transpose()?,
        })
    }

    /// An organization's policies, level by level.
    fn levels(
        &self,
        levels: Option<&Vec<OneOrMany<Yaml>>>,
        kind: PolicyKind,
        source: fn(Arc<str>) -> PolicySource,
    ) -> Result<Vec<Vec<Arc<CompiledPolicy>>>, SituationError> {
        let read = |(n, level): (usize, &OneOrMany<Yaml>)| {
            let unnamed = numbered("level", n);
            let policy = |value| self.policy(value, kind, &unnamed, |name| Ok(source(name.into())));
            level.0.iter().map(policy).collect()
        };
        levels.into_iter().flatten().enumerate().map(read).collect()
    }

    fn resource(&self, case: &CaseSpec) -> Result<Option<Arc<CompiledPolicy>>, SituationError> {
        let resource = case.resource.as_ref().and_then(|r| r.0.first()).map_or("*", String::as_str);
        match (&case.resource_policy, &case.trust_policy) {
            (Some(_), Some(_)) => {
                Err("a resource has either a `resource_policy` or a `trust_policy`"
                    .to_owned()
                    .into())
            }
            (Some(value), None) => {
                let source = |_: &str| Ok(PolicySource::Resource(resource.into()));
                self.policy(value, PolicyKind::Resource, "resource", source).map(Some)
            }
            (None, Some(value)) => {
                let role = resource.rsplit('/').next().unwrap_or_default();
                let source = |_: &str| Ok(PolicySource::Trust(role.into()));
                self.policy(value, PolicyKind::Trust, "trust", source).map(Some)
            }
            (None, None) => Ok(None),
        }
    }

    fn policy(
        &self,
        value: &Yaml,
        kind: PolicyKind,
        unnamed: &str,
        source: impl Fn(&str) -> Result<PolicySource, String>,
    ) -> Result<Arc<CompiledPolicy>, SituationError> {
        let written = document::find(&self.file.policies, value, unnamed, self.loader)?;
        Ok(compile(&written, kind, source(&written.name)?)?)
    }
}

fn numbered(name: &str, n: usize) -> String {
    format!("{name}-{}", n + 1)
}
