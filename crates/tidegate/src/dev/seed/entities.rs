//! The entities of a seed file, and the commands that make each.

use std::collections::BTreeMap;

use serde::Deserialize;
use tidegate_model::{
    Command, EntityKind, ResourceKind,
    command::{Attach, CreateGroup, CreatePolicy, CreateRole, CreateUser, Membership, PutInline},
    ids::{self, IdKind},
    record::Tag,
    resource::{self, Body, Change, ChangeResource, Resource},
};
use toml::Spanned;

use super::{Draw, Key, Step};

/// A policy, as JSON or as a table.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Document {
    Text(String),
    Table(toml::Table),
}

impl Document {
    fn json(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            // A table of TOML is always JSON, but for dates, which no policy has.
            Self::Table(table) => serde_json::to_string(table).unwrap_or_default(),
        }
    }
}

type Inline = BTreeMap<String, Document>;

/// Where an entity is.
pub(super) struct Place<'a> {
    pub(super) account: &'a str,
    pub(super) partition: &'a str,
    pub(super) policies: &'a [Policy],
}

impl Place<'_> {
    /// The ARN of a managed policy, which the file gives by ARN or by the name of one of this account.
    fn arn(&self, policy: &str) -> String {
        if policy.starts_with("arn:") || policy.is_empty() {
            return policy.to_owned();
        }
        let own = self.policies.iter().find(|p| p.name.get_ref() == policy);
        let path = own.map_or("", |p| p.path.as_str());
        let path = if path.is_empty() { "/" } else { path };
        format!("arn:{}:iam::{}:policy{path}{policy}", self.partition, self.account)
    }
}

fn tags(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect()
}

/// What is attached to an entity and written into it.
fn policies(
    (kind, name): (EntityKind, &Spanned<String>),
    attached: &[Spanned<String>],
    inline: &Inline,
    place: &Place<'_>,
    steps: &mut Vec<Step>,
) {
    let kind = kind as u32;
    steps.extend(attached.iter().map(|policy| Step {
        at: policy.span().start,
        command: Command::Attach(Attach {
            kind,
            name: name.get_ref().clone(),
            arn: place.arn(policy.get_ref()),
            attached: true,
        }),
    }));
    steps.extend(inline.iter().map(|(policy, document)| Step {
        at: name.span().start,
        command: Command::PutInline(PutInline {
            kind,
            name: name.get_ref().clone(),
            policy: policy.clone(),
            document: document.json(),
        }),
    }));
}

/// A managed policy.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Policy {
    pub(super) name: Spanned<String>,
    #[serde(default)]
    path: String,
    document: Document,
    #[serde(default)]
    description: String,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

impl Policy {
    pub(super) fn steps(&self, draw: Draw<'_>, steps: &mut Vec<Step>) {
        let command = Command::CreatePolicy(CreatePolicy {
            name: self.name.get_ref().clone(),
            path: self.path.clone(),
            id: ids::unique_id(IdKind::ManagedPolicy, &draw()),
            document: self.document.json(),
            description: self.description.clone(),
            tags: tags(&self.tags),
        });
        steps.push(Step { at: self.name.span().start, command });
    }
}

/// A group.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Group {
    name: Spanned<String>,
    #[serde(default)]
    path: String,
    #[serde(default)]
    policies: Vec<Spanned<String>>,
    #[serde(default)]
    inline: Inline,
}

impl Group {
    pub(super) fn steps(&self, place: &Place<'_>, draw: Draw<'_>, steps: &mut Vec<Step>) {
        let command = Command::CreateGroup(CreateGroup {
            name: self.name.get_ref().clone(),
            path: self.path.clone(),
            id: ids::unique_id(IdKind::Group, &draw()),
        });
        steps.push(Step { at: self.name.span().start, command });
        policies((EntityKind::Group, &self.name), &self.policies, &self.inline, place, steps);
    }
}

/// A user.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct User {
    name: Spanned<String>,
    #[serde(default)]
    path: String,
    #[serde(default)]
    boundary: String,
    #[serde(default)]
    groups: Vec<Spanned<String>>,
    #[serde(default)]
    policies: Vec<Spanned<String>>,
    #[serde(default)]
    inline: Inline,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) key: Vec<Key>,
}

impl User {
    pub(super) fn name(&self) -> &str {
        self.name.get_ref()
    }

    pub(super) fn steps(&self, place: &Place<'_>, draw: Draw<'_>, steps: &mut Vec<Step>) {
        let command = Command::CreateUser(CreateUser {
            name: self.name.get_ref().clone(),
            path: self.path.clone(),
            id: ids::unique_id(IdKind::User, &draw()),
            boundary: place.arn(&self.boundary),
            tags: tags(&self.tags),
        });
        steps.push(Step { at: self.name.span().start, command });
        steps.extend(self.groups.iter().map(|group| Step {
            at: group.span().start,
            command: Command::Membership(Membership {
                group: group.get_ref().clone(),
                user: self.name.get_ref().clone(),
                member: true,
            }),
        }));
        policies((EntityKind::User, &self.name), &self.policies, &self.inline, place, steps);
    }
}

/// A role.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Role {
    name: Spanned<String>,
    #[serde(default)]
    path: String,
    trust: Document,
    #[serde(default)]
    description: String,
    #[serde(default)]
    session_seconds_max: u32,
    #[serde(default)]
    boundary: String,
    #[serde(default)]
    policies: Vec<Spanned<String>>,
    #[serde(default)]
    inline: Inline,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

impl Role {
    pub(super) fn steps(&self, place: &Place<'_>, draw: Draw<'_>, steps: &mut Vec<Step>) {
        let command = Command::CreateRole(CreateRole {
            name: self.name.get_ref().clone(),
            path: self.path.clone(),
            id: ids::unique_id(IdKind::Role, &draw()),
            trust_policy: self.trust.json(),
            description: self.description.clone(),
            session_seconds_max: self.session_seconds_max,
            boundary: place.arn(&self.boundary),
            tags: tags(&self.tags),
        });
        steps.push(Step { at: self.name.span().start, command });
        policies((EntityKind::Role, &self.name), &self.policies, &self.inline, place, steps);
    }
}

/// An instance profile.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InstanceProfile {
    name: Spanned<String>,
    #[serde(default)]
    path: String,
    /// The name of its role; empty: none.
    #[serde(default)]
    role: String,
}

impl InstanceProfile {
    pub(super) fn steps(&self, draw: Draw<'_>, steps: &mut Vec<Step>) {
        let made = Resource {
            name: self.name.get_ref().clone(),
            path: self.path.clone(),
            id: ids::unique_id(IdKind::InstanceProfile, &draw()),
            body: Some(Body::InstanceProfile(resource::InstanceProfile::default())),
            ..Resource::default()
        };
        let role = (!self.role.is_empty()).then(|| Change::Add(self.role.clone()));
        let change = |change| ChangeResource {
            kind: ResourceKind::InstanceProfile as u32,
            name: self.name.get_ref().clone(),
            change: Some(change),
        };
        steps.extend(core::iter::once(Change::Create(made)).chain(role).map(|c| Step {
            at: self.name.span().start,
            command: Command::ChangeResource(change(c)),
        }));
    }
}
