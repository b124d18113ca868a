//! Managed policies and their versions.

use std::{collections::BTreeSet, sync::Arc};

use tidegate_model::{
    AccountState, Command, EntityKind, PolicyState, Reply, command,
    ids::{self, IdKind},
    record,
};
use tidegate_policy::{Arn, aws_managed};
use tidegate_query::{Code, Fields, Refusal, Value};

use super::shapes;
use crate::{
    aws::{
        answer::Outcome,
        call::{Call, given},
    },
    operations::{Subject, draw},
};

/// A policy of the account or of AWS.
enum Found<'a> {
    Own(&'a Arc<PolicyState>),
    Aws(&'static aws_managed::ManagedPolicy),
}

fn find<'a>(account: &'a AccountState, arn: &str) -> Result<Found<'a>, Refusal> {
    let is_policy = |a: &Arn| a.service() == "iam" && a.resource().starts_with("policy/");
    if !Arn::parse(arn).is_ok_and(|a| is_policy(&a)) {
        return Err(Refusal::new(Code::InvalidInput, format!("ARN {arn} is not valid.")));
    }
    let own = account.policy(arn).map(Found::Own);
    let aws = || aws_managed::find(&account.aws_managed(arn)?).map(Found::Aws);
    own.or_else(aws)
        .ok_or_else(|| Refusal::new(Code::NoSuchEntity, format!("Policy {arn} was not found.")))
}

/// The tags of a policy; AWS's own have none.
pub(super) fn tags(account: &AccountState, arn: &str) -> Result<Vec<record::Tag>, Refusal> {
    Ok(match find(account, arn)? {
        Found::Own(policy) => policy.meta.tags.clone(),
        Found::Aws(_) => Vec::new(),
    })
}

fn no_version(arn: &str, version: &str) -> Refusal {
    let message = format!("Policy {arn} version {version} does not exist or is not attachable.");
    Refusal::new(Code::NoSuchEntity, message)
}

pub(super) async fn create(call: &Call<'_>) -> Outcome {
    let done = call
        .change(Command::CreatePolicy(command::CreatePolicy {
            name: call.text("PolicyName"),
            path: call.text("Path"),
            id: ids::unique_id(IdKind::ManagedPolicy, &draw(call.core)),
            document: call.text("PolicyDocument"),
            description: call.text("Description"),
            tags: shapes::read_tags(call.input),
        }))
        .await?;
    let policy = given(&done, |r| if let Reply::Policy(p) = r { Some(p.clone()) } else { None })?;
    call.changed(&done, Fields::new().with("Policy", shapes::policy(&done.account, &policy)))
}

pub(super) async fn get(call: &Call<'_>) -> Outcome {
    let arn = call.text("PolicyArn");
    let (seen, account) = call.read(Subject::Arn(&arn)).await?;
    let policy = match find(&account, &arn)? {
        Found::Own(p) => shapes::policy(&account, &p.meta),
        Found::Aws(p) => shapes::aws_policy(&account, p),
    };
    call.seen(&seen, Fields::new().with("Policy", policy))
}

pub(super) async fn delete(call: &Call<'_>) -> Outcome {
    let name = call.text("PolicyArn");
    call.just(Command::Delete(command::Delete { kind: 4, name, etag: String::new() })).await
}

pub(super) async fn list(call: &Call<'_>) -> Outcome {
    let (seen, account) = call.read(Subject::All("policy")).await?;
    let scope = call.input.text("Scope").unwrap_or("All");
    let (prefix, used) = (call.text("PathPrefix"), call.text("PolicyUsageFilter"));
    let only_attached = call.input.boolean("OnlyAttached").unwrap_or(false);
    let number = |f: &Fields, name: &str| f.integer(name).unwrap_or_default();
    let wanted = |f: &Fields| {
        let (attached, boundary) =
            (number(f, "AttachmentCount") > 0, number(f, "PermissionsBoundaryUsageCount") > 0);
        let used = match used.as_str() {
            "PermissionsPolicy" => attached,
            "PermissionsBoundary" => boundary,
            _ => true,
        };
        used && (!only_attached || attached)
    };
    // The account's own come first: a tilde sorts behind every name.
    let own = account
        .policies()
        .filter(|_| scope != "AWS")
        .filter(|p| p.meta.path.starts_with(&prefix))
        .map(|p| (p.meta.name.to_ascii_lowercase(), shapes::listed_policy(&account, &p.meta)));
    let mut aws: Vec<_> = aws_managed::all()
        .iter()
        .filter(|p| scope != "Local" && p.path.starts_with(&prefix))
        .map(|p| (format!("~{}", p.arn), p))
        .collect();
    aws.sort_by(|a, b| a.0.cmp(&b.0));
    let aws = aws.into_iter().map(|(key, p)| (key, shapes::aws_policy(&account, p)));
    let all = own.chain(aws).filter(|(_, f)| wanted(f)).map(|(k, f)| (k, Value::Structure(f)));
    call.seen(&seen, call.page("Policies", all)?)
}

pub(super) async fn create_version(call: &Call<'_>) -> Outcome {
    let set_default = call.input.boolean("SetAsDefault").unwrap_or(false);
    let done = call
        .change(Command::CreatePolicyVersion(command::CreatePolicyVersion {
            arn: call.text("PolicyArn"),
            document: call.text("PolicyDocument"),
            set_default,
        }))
        .await?;
    let version =
        given(&done, |r| if let Reply::PolicyVersion(v) = r { Some(v.clone()) } else { None })?;
    let version = Fields::new()
        .with("VersionId", format!("v{}", version.number))
        .with("IsDefaultVersion", set_default)
        .with("CreateDate", tidegate_policy::UnixMillis(version.created));
    call.changed(&done, Fields::new().with("PolicyVersion", version))
}

pub(super) async fn get_version(call: &Call<'_>) -> Outcome {
    let (arn, id) = (call.text("PolicyArn"), call.text("VersionId"));
    let (seen, account) = call.read(Subject::Arn(&arn)).await?;
    let version = match find(&account, &arn)? {
        Found::Own(p) => {
            let version = number(&id).and_then(|n| p.versions.get(&n));
            shapes::version(p, version.ok_or_else(|| no_version(&arn, &id))?, true)
        }
        Found::Aws(p) if *p.default_version == *id => shapes::aws_version(p, true),
        Found::Aws(_) => return Err(no_version(&arn, &id)),
    };
    call.seen(&seen, Fields::new().with("PolicyVersion", version))
}

pub(super) async fn list_versions(call: &Call<'_>) -> Outcome {
    let arn = call.text("PolicyArn");
    let (seen, account) = call.read(Subject::Arn(&arn)).await?;
    let versions: Vec<(String, Fields)> = match find(&account, &arn)? {
        // The newest comes first.
        Found::Own(p) => p
            .versions
            .values()
            .rev()
            .map(|v| (format!("{:010}", u32::MAX - v.number), shapes::version(p, v, false)))
            .collect(),
        Found::Aws(p) => vec![(String::from("0"), shapes::aws_version(p, false))],
    };
    let versions = versions.into_iter().map(|(k, f)| (k, Value::Structure(f)));
    call.seen(&seen, call.page("Versions", versions)?)
}

/// 3 for `v3`.
fn number(id: &str) -> Option<u32> {
    id.strip_prefix('v')?.parse().ok()
}

async fn change_version(call: &Call<'_>, delete: bool) -> Outcome {
    let (arn, id) = (call.text("PolicyArn"), call.text("VersionId"));
    let version = number(&id).ok_or_else(|| no_version(&arn, &id))?;
    call.just(Command::PolicyVersion(command::PolicyVersion { arn, version, delete })).await
}

pub(super) async fn set_default_version(call: &Call<'_>) -> Outcome {
    change_version(call, false).await
}

pub(super) async fn delete_version(call: &Call<'_>) -> Outcome {
    change_version(call, true).await
}

/// Who a policy is attached to, or is the boundary of, by kind and name.
fn entities(account: &AccountState, arn: &str, usage: &str) -> BTreeSet<(EntityKind, String)> {
    let mut all = BTreeSet::new();
    if usage != "PermissionsBoundary" {
        all.extend(account.entities_for(arn).map(|(kind, name)| (kind, name.to_string())));
    }
    if usage != "PermissionsPolicy" {
        let users = account.users().filter(|u| u.value.boundary == arn).map(|u| &u.value.name);
        let roles = account.roles().filter(|r| r.value.boundary == arn).map(|r| &r.value.name);
        all.extend(users.map(|n| (EntityKind::User, n.to_ascii_lowercase())));
        all.extend(roles.map(|n| (EntityKind::Role, n.to_ascii_lowercase())));
    }
    all
}

/// An entity as the list has it, with its path; `None` where it is not there any more.
fn entity(account: &AccountState, kind: EntityKind, name: &str) -> Option<(String, Fields)> {
    let (word, path, name, id) = match kind {
        EntityKind::User => account
            .user(name)
            .map(|u| ("User", u.value.path.clone(), u.value.name.clone(), u.value.id.clone())),
        EntityKind::Group => account
            .group(name)
            .map(|g| ("Group", g.value.path.clone(), g.value.name.clone(), g.value.id.clone())),
        EntityKind::Role => account
            .role(name)
            .map(|r| ("Role", r.value.path.clone(), r.value.name.clone(), r.value.id.clone())),
    }?;
    let fields = Fields::new().with(&format!("{word}Name"), name).with(&format!("{word}Id"), id);
    Some((path, fields))
}

pub(super) async fn list_entities(call: &Call<'_>) -> Outcome {
    let arn = call.text("PolicyArn");
    let (seen, account) = call.read(Subject::Arn(&arn)).await?;
    find(&account, &arn)?;
    let prefix = call.text("PathPrefix");
    let filter = match call.input.text("EntityFilter") {
        Some("User") => Some(EntityKind::User),
        Some("Group") => Some(EntityKind::Group),
        Some("Role") => Some(EntityKind::Role),
        _ => None,
    };
    let all = entities(&account, &arn, &call.text("PolicyUsageFilter"))
        .into_iter()
        .filter(|(kind, _)| filter.is_none_or(|f| f == *kind))
        .filter_map(|(kind, name)| {
            let (path, fields) = entity(&account, kind, &name)?;
            path.starts_with(&prefix)
                .then(|| (format!("{}/{name}", kind as u32), (kind, Value::Structure(fields))))
        });
    let (page, output) = call.items(all)?;
    let of = |wanted: EntityKind| -> Value {
        page.iter().filter(|(kind, _)| *kind == wanted).map(|(_, f)| f.clone()).collect()
    };
    let output = output
        .with("PolicyGroups", of(EntityKind::Group))
        .with("PolicyUsers", of(EntityKind::User))
        .with("PolicyRoles", of(EntityKind::Role));
    call.seen(&seen, output)
}
