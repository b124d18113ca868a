//! A case in plain words: who asks what, and the policies as text. The generator makes it, the oracle reads it, and [`Asked`] turns it
//! into what the evaluator takes.

use std::sync::Arc;

use serde_json::Value as Json;
use tidegate_policy::{
    Action, Arn, CompiledPolicy, Context, Organization, PolicyDocument, PolicyKind, PolicySet,
    PolicySource, Principal, Request, ResourceFacts, SessionContext, Value,
};

/// The account of every caller that has one.
pub(crate) const ACCOUNT: &str = "123456789012";

/// The policies of every type.
#[derive(Clone, Debug, Default)]
pub(crate) struct Texts {
    pub(crate) identity: Vec<Json>,
    pub(crate) boundary: Option<Json>,
    pub(crate) session: Option<Vec<Json>>,
    pub(crate) resource: Option<Json>,
    /// Whether `resource` is a role's trust policy.
    pub(crate) trust: bool,
    pub(crate) service_control: Vec<Vec<Json>>,
    pub(crate) resource_control: Vec<Vec<Json>>,
    pub(crate) endpoint: Option<Json>,
}

/// What the caller is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Root,
    User {
        path: &'static str,
        name: &'static str,
        id: &'static str,
    },
    Role {
        path: &'static str,
        name: &'static str,
        id: &'static str,
        session: &'static str,
    },
    /// The session of a federated user, and the user who asked for it.
    Guest {
        path: &'static str,
        name: &'static str,
        id: &'static str,
        session: &'static str,
    },
    Service(&'static str),
    Provider(&'static str),
    Anonymous,
}

/// The values of a key; one that is a list may have any number of them.
pub(crate) type Entry = (&'static str, Vec<&'static str>, bool);

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) who: Who,
    pub(crate) tags: Vec<(&'static str, &'static str)>,
    /// Id and path.
    pub(crate) organization: Option<(&'static str, &'static str)>,
    /// The keys of temporary credentials; `None` for long-term ones.
    pub(crate) session: Option<Vec<Entry>>,
    pub(crate) canonical: Option<&'static str>,
}

/// What is known of the resource.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) organization: Option<(&'static str, &'static str)>,
    pub(crate) tags: Vec<(&'static str, &'static str)>,
    pub(crate) must_allow: bool,
}

/// Who asks what.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) caller: Caller,
    pub(crate) action: String,
    pub(crate) resource: &'static str,
    /// The account that owns the resource; `None`: the caller's.
    pub(crate) owner: Option<&'static str>,
    pub(crate) facts: Option<Facts>,
    pub(crate) context: Vec<Entry>,
}

/// An [`Ask`] as the evaluator takes it.
pub(crate) struct Asked {
    pub(crate) principal: Principal,
    action: Action,
    resource: &'static str,
    owner: Option<&'static str>,
    facts: Option<ResourceFacts>,
    context: Context,
}

impl Ask {
    pub(crate) fn asked(&self) -> Asked {
        let facts = self.facts.as_ref().map(|facts| ResourceFacts {
            organization: facts.organization.map(organization),
            tags: facts.tags.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
            policy_must_allow: facts.must_allow,
        });
        Asked {
            principal: self.caller.principal(),
            action: Action::parse(&self.action).unwrap(),
            resource: self.resource,
            owner: self.owner,
            facts,
            context: context(&self.context),
        }
    }
}

impl Asked {
    pub(crate) fn request(&self) -> Request<'_> {
        Request {
            resource_account: self.owner.map(|owner| owner.parse().unwrap()),
            resource_facts: self.facts.as_ref(),
            ..Request::new(&self.principal, &self.action, self.resource, &self.context)
        }
    }
}

impl Caller {
    fn principal(&self) -> Principal {
        let account = ACCOUNT.parse().unwrap();
        let mut principal = match self.who {
            Who::Root => Principal::root(account),
            Who::User { path, name, id } => Principal::user(account, path, name, id),
            Who::Role { path, name, id, session } => {
                Principal::role_session(account, path, name, id, session)
            }
            Who::Guest { path, name, id, session } => {
                Principal::federated_user(account, path, name, id, session)
            }
            Who::Service(name) => Principal::service(name),
            Who::Provider(name) => Principal::federated(name),
            Who::Anonymous => Principal::anonymous(),
        };
        principal.organization = self.organization.map(organization);
        principal.canonical_user_id = self.canonical.map(Into::into);
        if let Some(entries) = &self.session {
            principal.session = SessionContext::from_context(&context(entries)).map(Arc::new);
        }
        principal.with_tags(self.tags.iter().copied())
    }
}

fn organization((id, path): (&'static str, &'static str)) -> Arc<Organization> {
    Arc::new(Organization::new(id, path))
}

fn context(entries: &[Entry]) -> Context {
    let mut context = Context::default();
    for (key, values, many) in entries {
        let mut values = values.iter().map(|value| (*value).to_owned());
        let value = if *many {
            Value::Many(values.collect())
        } else {
            Value::One(values.next().unwrap_or_default())
        };
        context.insert(key, value);
    }
    context
}

pub(crate) fn compile(text: &Json, kind: PolicyKind) -> Arc<CompiledPolicy> {
    let source = match kind {
        PolicyKind::Trust => PolicySource::Trust("deploy".into()),
        PolicyKind::Resource => PolicySource::Resource("b".into()),
        _ => PolicySource::Managed(Arn::parse("arn:aws:iam::123456789012:policy/p").unwrap()),
    };
    let document =
        PolicyDocument::parse(&text.to_string(), kind).unwrap_or_else(|e| panic!("{e}\n{text}"));
    Arc::new(CompiledPolicy::compile(source, &document))
}

pub(crate) fn compile_all(texts: &Texts) -> PolicySet {
    let each = |list: &[Json], kind| list.iter().map(|text| compile(text, kind)).collect();
    let levels = |levels: &[Vec<Json>], kind| levels.iter().map(|list| each(list, kind)).collect();
    let resource_kind = if texts.trust { PolicyKind::Trust } else { PolicyKind::Resource };
    PolicySet {
        identity: each(&texts.identity, PolicyKind::Identity),
        boundary: texts.boundary.as_ref().map(|text| compile(text, PolicyKind::Boundary)),
        session: texts.session.as_deref().map(|list| each(list, PolicyKind::Session)),
        resource: texts.resource.as_ref().map(|text| compile(text, resource_kind)),
        service_control: levels(&texts.service_control, PolicyKind::ServiceControl),
        resource_control: levels(&texts.resource_control, PolicyKind::ResourceControl),
        endpoint: texts.endpoint.as_ref().map(|text| compile(text, PolicyKind::Resource)),
    }
}
