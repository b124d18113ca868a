//! Requests made up to show something: who, what, on what, under which circumstances.

use core::fmt;
use std::{collections::BTreeMap, sync::Arc};

use super::{
    Asked, Open,
    dimension::{Dimension, Setting},
};
use crate::{
    AccountId, Action, Context, Organization, Principal, PrincipalKind, Request, ResourceFacts,
    SessionContext, Value, catalogue,
};

/// A request as it could come.
#[derive(Clone, Debug)]
pub struct Witness {
    /// Who.
    pub principal: Principal,
    /// What.
    pub action: Action,
    /// On what.
    pub resource: String,
    /// The account that owns the resource; `None`: the caller's.
    pub resource_account: Option<AccountId>,
    /// What is known of the resource; `None`: what the context says.
    pub facts: Option<ResourceFacts>,
    /// Condition keys that do not follow from the rest.
    pub context: Context,
}

impl Witness {
    /// The request to decide.
    pub fn request(&self) -> Request<'_> {
        Request {
            resource_account: self.resource_account,
            resource_facts: self.facts.as_ref(),
            ..Request::new(&self.principal, &self.action, &self.resource, &self.context)
        }
    }

    /// What is said of the circumstances: condition keys and their values, of the context, the session, the caller's tags, its
    /// organization and the resource.
    pub fn circumstances(&self) -> Vec<(String, Value)> {
        let mut all: Vec<(String, Value)> =
            self.context.iter().map(|(key, value)| (readable(key), value.clone())).collect();
        if let Some(session) = &self.principal.session {
            all.extend(session.iter().map(|(key, value)| (readable(key), value.clone())));
        }
        let tags = |name: &'static str, tags: &[(Arc<str>, Arc<str>)]| {
            let one = move |(key, value): &(Arc<str>, Arc<str>)| {
                (format!("{name}/{key}"), Value::from(&**value))
            };
            tags.iter().map(one).collect::<Vec<_>>()
        };
        all.extend(tags("aws:PrincipalTag", &self.principal.tags));
        let place = |name: &str, organization: Option<&Organization>| {
            organization.map(|found| (format!("aws:{name}OrgID"), Value::from(found.id())))
        };
        all.extend(place("Principal", self.principal.organization.as_deref()));
        if let Some(facts) = &self.facts {
            all.extend(tags("aws:ResourceTag", &facts.tags));
            all.extend(place("Resource", facts.organization.as_deref()));
        }
        all
    }
}

/// A key as AWS writes it.
fn readable(key: &str) -> String {
    let Some(known) = catalogue::condition_key(key) else { return key.to_owned() };
    match known.name.split_once("${") {
        None => known.name.to_owned(),
        Some((before, _)) => {
            format!("{before}{}", key.get(before.len()..).unwrap_or_default())
        }
    }
}

impl fmt::Display for Witness {
    /// `s3:GetObject on arn:aws:s3:::b/k by arn:aws:iam::123456789012:user/ada with aws:SourceIp = 10.0.0.1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = if &*self.principal.arn == "*" { "anybody" } else { &self.principal.arn };
        write!(f, "{} on {} by {who}", self.action, self.resource)?;
        for (n, (key, value)) in self.circumstances().iter().enumerate() {
            f.write_str(if n == 0 { " with " } else { ", " })?;
            match value {
                Value::One(value) => write!(f, "{key} = `{value}`")?,
                Value::Many(values) => write!(f, "{key} = [`{}`]", values.join("`, `"))?,
            }
        }
        Ok(())
    }
}

/// What stands fast before circumstances are chosen.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    pub(crate) principal: Principal,
    pub(crate) action: Action,
    pub(crate) resource: String,
    pub(crate) resource_account: Option<AccountId>,
    pub(crate) policy_must_allow: bool,
}

/// Circumstances that were chosen.
pub(crate) type Chosen<'a> = BTreeMap<&'a Dimension, &'a Setting>;

impl Base {
    /// What is asked of it, where so much of the caller's session is left open.
    pub(crate) fn asked(&self, open: Open) -> Asked<'_> {
        Asked {
            principal: &self.principal,
            action: self.action.as_str(),
            resource: &self.resource,
            resource_account: self.resource_account,
            policy_must_allow: self.policy_must_allow,
            open,
        }
    }

    /// The request under these circumstances; what was not chosen is not there.
    pub(crate) fn under(&self, chosen: &Chosen<'_>) -> Witness {
        let mut principal = self.principal.clone();
        let (mut context, mut session) = (Context::default(), Context::default());
        if let Some(known) = &principal.session {
            known.iter().for_each(|(key, value)| session.insert(key, value.clone()));
        }
        let mut facts = self
            .policy_must_allow
            .then(|| ResourceFacts { policy_must_allow: true, ..ResourceFacts::default() });
        for (dimension, setting) in chosen {
            match (dimension, setting.value()) {
                (Dimension::Context(name), Some(value)) => match &mut facts {
                    Some(facts) if name.starts_with("aws:resource") => {
                        of_resource(facts, name, &value);
                    }
                    _ => context.insert(name, value),
                },
                (Dimension::Session(name), Some(value)) => session.insert(name, value),
                (Dimension::PrincipalTag(tag), Some(Value::One(value))) => {
                    let tags = principal.tags.iter().cloned();
                    let with = tags.chain([(Arc::from(&**tag), Arc::from(value))]);
                    principal.tags = with.collect();
                }
                (Dimension::Organization, Some(value)) => {
                    if let [id, path] = value.as_slice() {
                        principal.organization = Some(Arc::new(Organization::new(id, path)));
                    }
                }
                (Dimension::SessionName, Some(Value::One(name))) => {
                    principal = renamed(principal, &name);
                }
                _ => {}
            }
        }
        // No session is called so.
        if principal.kind == PrincipalKind::AssumedRole && principal.arn.ends_with("/*") {
            principal = renamed(principal, "any-session");
        }
        principal.session = SessionContext::from_context(&session).map(Arc::new);
        Witness {
            principal,
            action: self.action.clone(),
            resource: self.resource.clone(),
            resource_account: self.resource_account,
            facts,
            context,
        }
    }
}

fn of_resource(facts: &mut ResourceFacts, name: &str, value: &Value) {
    let first = value.as_slice().first().map(String::as_str).unwrap_or_default();
    let known = facts.organization.as_deref();
    let (id, path) = (
        known.map(Organization::id).unwrap_or_default().to_owned(),
        known.and_then(|o| o.paths().first()).cloned().unwrap_or_default(),
    );
    match name.strip_prefix("aws:resourcetag/") {
        Some(tag) => facts.tags.push((tag.into(), first.into())),
        None if name == "aws:resourceorgid" => {
            facts.organization = Some(Arc::new(Organization::new(first, &path)));
        }
        None => facts.organization = Some(Arc::new(Organization::new(&id, first))),
    }
}

/// The role's session under another name.
fn renamed(mut principal: Principal, session: &str) -> Principal {
    let with = |text: &str, before: char| {
        text.rsplit_once(before).map(|(head, _)| format!("{head}{before}{session}").into())
    };
    if let (Some(arn), Some(id)) = (with(&principal.arn, '/'), with(&principal.user_id, ':')) {
        principal.arn = arn;
        principal.user_id = id;
    }
    principal
}
