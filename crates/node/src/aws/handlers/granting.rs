//! The policies of an entity that grant something, and the entities that a report about it counts.

use std::sync::Arc;

use tidegate_model::{AccountState, EntityKind};
use tidegate_policy::{Arn, PolicyDocument, PolicyKind, aws_managed};
use tidegate_query::{Code, Fields, Refusal};

use super::access::type_word;
use crate::aws::call::no_such;

/// What a report is about.
pub(super) enum Subject {
    /// A user, group or role, by its name in lower case.
    Entity(EntityKind, String),
    /// A managed policy, by its ARN.
    Policy(String),
}

/// A user or role, as reports show it.
pub(super) struct Who {
    pub(super) arn: String,
    pub(super) name: String,
    pub(super) kind: &'static str,
    pub(super) id: String,
    pub(super) path: String,
}

/// A policy of an entity, as reports show it, and what it says.
pub(super) struct Granting {
    pub(super) fields: Fields,
    pub(super) document: PolicyDocument,
}

/// What an ARN names.
///
/// # Errors
/// `InvalidInput` where it is the ARN of something else, `NoSuchEntity` where it is not there.
pub(super) fn subject(account: &AccountState, arn: &str) -> Result<Subject, Refusal> {
    let invalid = || Refusal::new(Code::InvalidInput, format!("Invalid ARN: {arn}"));
    let parsed = Arn::parse(arn).map_err(|_| invalid())?;
    let name = parsed.resource().rsplit('/').next().unwrap_or_default();
    let own = |found: Option<String>, word: &str| match found {
        Some(found) if found == arn => Ok(name.to_ascii_lowercase()),
        _ => Err(no_such(word, name)),
    };
    let found = |kind: EntityKind, path: Option<&str>, typed: Option<&str>| {
        path.zip(typed).map(|(path, name)| account.arn(kind, path, name))
    };
    if parsed.service() != "iam" {
        return Err(invalid());
    }
    match parsed.resource().split_once('/').map(|(word, _)| word) {
        Some("user") => {
            let user = account.user(name).map(|u| &u.value);
            let arn = found(EntityKind::User, user.map(|u| &*u.path), user.map(|u| &*u.name));
            own(arn, "user").map(|n| Subject::Entity(EntityKind::User, n))
        }
        Some("group") => {
            let group = account.group(name).map(|g| &g.value);
            let arn = found(EntityKind::Group, group.map(|g| &*g.path), group.map(|g| &*g.name));
            own(arn, "group").map(|n| Subject::Entity(EntityKind::Group, n))
        }
        Some("role") => {
            let role = account.role(name).map(|r| &r.value);
            let arn = found(EntityKind::Role, role.map(|r| &*r.path), role.map(|r| &*r.name));
            own(arn, "role").map(|n| Subject::Entity(EntityKind::Role, n))
        }
        Some("policy") => {
            let there = account.policy(arn).is_some() || aws_managed::find(arn).is_some();
            there.then(|| Subject::Policy(arn.to_owned())).ok_or_else(|| {
                Refusal::new(Code::NoSuchEntity, format!("Policy {arn} was not found."))
            })
        }
        _ => Err(invalid()),
    }
}

fn managed(account: &AccountState, arn: &str) -> Option<PolicyDocument> {
    let own = account.policy(arn).and_then(|p| p.versions.get(&p.meta.default_version));
    let text = match own {
        Some(version) => version.document.clone(),
        None => aws_managed::find(arn)?.document.to_string(),
    };
    PolicyDocument::parse(&text, PolicyKind::Identity).ok()
}

/// The policies that hang on one entity itself.
fn policies_of(account: &AccountState, kind: EntityKind, name: &str) -> Vec<Granting> {
    let typed = match kind {
        EntityKind::User => account.user(name).map(|u| u.value.name.clone()),
        EntityKind::Group => account.group(name).map(|g| g.value.name.clone()),
        EntityKind::Role => account.role(name).map(|r| r.value.name.clone()),
    };
    let inline = account.inline(kind, name).filter_map(|policy| {
        let document = PolicyDocument::parse(&policy.document, PolicyKind::Identity).ok()?;
        let fields = Fields::new()
            .with("PolicyName", &*policy.name)
            .with("PolicyType", "INLINE")
            .with("EntityType", type_word(kind))
            .with("EntityName", typed.as_deref().unwrap_or(name));
        Some(Granting { fields, document })
    });
    let attached = account.attached(kind, name).filter_map(|arn: &Arc<str>| {
        let document = managed(account, arn)?;
        let fields = Fields::new()
            .with("PolicyName", arn.rsplit('/').next().unwrap_or_default())
            .with("PolicyType", "MANAGED")
            .with("PolicyArn", &**arn);
        Some(Granting { fields, document })
    });
    inline.chain(attached).collect()
}

/// The policies of an entity, those of a user's groups among them.
pub(super) fn policies(account: &AccountState, subject: &Subject) -> Vec<Granting> {
    match subject {
        Subject::Entity(kind, name) => {
            let mut all = policies_of(account, *kind, name);
            if *kind == EntityKind::User {
                for group in account.groups_of(name) {
                    all.extend(policies_of(account, EntityKind::Group, group));
                }
            }
            all
        }
        Subject::Policy(_) => Vec::new(),
    }
}

/// What the policies say that a report is about.
pub(super) fn documents(account: &AccountState, subject: &Subject) -> Vec<PolicyDocument> {
    match subject {
        Subject::Policy(arn) => managed(account, arn).into_iter().collect(),
        Subject::Entity(..) => policies(account, subject).into_iter().map(|p| p.document).collect(),
    }
}

fn who(account: &AccountState, kind: EntityKind, name: &str) -> Option<Who> {
    let (name, path, id) = match kind {
        EntityKind::User => {
            let user = &account.user(name)?.value;
            (&user.name, &user.path, &user.id)
        }
        EntityKind::Role => {
            let role = &account.role(name)?.value;
            (&role.name, &role.path, &role.id)
        }
        EntityKind::Group => return None,
    };
    Some(Who {
        arn: account.arn(kind, path, name),
        name: name.clone(),
        kind: type_word(kind),
        id: id.clone(),
        path: path.clone(),
    })
}

/// The users and roles that a report counts: the entity itself, a group's members, and whom a policy is attached to.
pub(super) fn entities(account: &AccountState, subject: &Subject) -> Vec<Who> {
    let members = |group: &str| {
        let users: Vec<_> = account.members_of(group).map(ToString::to_string).collect();
        users.into_iter().map(|u| (EntityKind::User, u))
    };
    let mut named: Vec<(EntityKind, String)> = match subject {
        Subject::Entity(EntityKind::Group, name) => members(name).collect(),
        Subject::Entity(kind, name) => vec![(*kind, name.clone())],
        Subject::Policy(arn) => account
            .entities_for(arn)
            .flat_map(|(kind, name)| match kind {
                EntityKind::Group => members(name).collect::<Vec<_>>(),
                kind => vec![(kind, name.to_string())],
            })
            .collect(),
    };
    named.sort();
    named.dedup();
    named.into_iter().filter_map(|(kind, name)| who(account, kind, &name)).collect()
}
