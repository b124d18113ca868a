//! Everything about everybody in an account, in one answer that has pages.

use std::sync::Arc;

use tidegate_model::{AccountState, EntityKind, PolicyState};
use tidegate_policy::aws_managed;
use tidegate_query::{Fields, Value};

use super::{instance_profiles, shapes};
use crate::{
    aws::{answer::Outcome, call::Call},
    operations::Subject,
};

/// The four lists of the answer, in the order in which pages go through them.
const LISTS: [&str; 4] = ["UserDetailList", "GroupDetailList", "RoleDetailList", "Policies"];

fn inline(account: &AccountState, kind: EntityKind, name: &str) -> Value {
    let policy = |i: &tidegate_model::record::InlinePolicy| {
        Fields::new().with("PolicyName", &*i.name).with("PolicyDocument", &*i.document)
    };
    account.inline(kind, name).map(policy).collect()
}

fn attached(account: &AccountState, kind: EntityKind, name: &str) -> Value {
    account.attached(kind, name).map(|arn| shapes::attached(arn)).collect()
}

fn user(account: &AccountState, u: &tidegate_model::record::User) -> Fields {
    let group = |n: &Arc<str>| account.group(n).map(|g| g.value.name.clone());
    shapes::user(account, u)
        .with("UserPolicyList", inline(account, EntityKind::User, &u.name))
        .with("GroupList", account.groups_of(&u.name).filter_map(group).collect::<Value>())
        .with("AttachedManagedPolicies", attached(account, EntityKind::User, &u.name))
}

fn group(account: &AccountState, g: &tidegate_model::record::Group) -> Fields {
    shapes::group(account, g)
        .with("GroupPolicyList", inline(account, EntityKind::Group, &g.name))
        .with("AttachedManagedPolicies", attached(account, EntityKind::Group, &g.name))
}

fn role(account: &AccountState, r: &tidegate_model::record::Role) -> Fields {
    let profiles: Value =
        instance_profiles::of_role(account, &r.name).map(|(_, profile)| profile).collect();
    shapes::role_extras(shapes::bare_role(account, r), r)
        .with("InstanceProfileList", profiles)
        .with("RolePolicyList", inline(account, EntityKind::Role, &r.name))
        .with("AttachedManagedPolicies", attached(account, EntityKind::Role, &r.name))
}

fn policy(account: &AccountState, p: &PolicyState) -> Fields {
    let versions: Value = p.versions.values().rev().map(|v| shapes::version(p, v, true)).collect();
    shapes::listed_policy(account, &p.meta)
        .with_text("Description", &p.meta.description)
        .with("PolicyVersionList", versions)
}

/// Everything in the order of the lists, each with the number of its list.
fn everything(account: &AccountState, wanted: &[String]) -> Vec<(String, (usize, Fields))> {
    let wants = |kind: &str| wanted.is_empty() || wanted.iter().any(|w| w == kind);
    let mut all = Vec::new();
    let mut add = |list: usize, name: &str, fields: Fields| {
        all.push((format!("{list}/{}", name.to_ascii_lowercase()), (list, fields)));
    };
    if wants("User") {
        account.users().for_each(|u| add(0, &u.value.name, user(account, &u.value)));
    }
    if wants("Group") {
        account.groups().for_each(|g| add(1, &g.value.name, group(account, &g.value)));
    }
    if wants("Role") {
        account.roles().for_each(|r| add(2, &r.value.name, role(account, &r.value)));
    }
    if wants("LocalManagedPolicy") {
        account.policies().for_each(|p| add(3, &p.meta.name, policy(account, p)));
    }
    if wants("AWSManagedPolicy") {
        // AWS, too, gives only those that are in use.
        let used = aws_managed::all().iter().filter(|p| {
            account.entities_for(&account.aws_managed_arn(p.arn.as_str())).next().is_some()
        });
        for p in used {
            let versions: Value = [shapes::aws_version(p, true)].into_iter().collect();
            let fields = shapes::aws_policy(account, p).with("PolicyVersionList", versions);
            add(3, &format!("~{}", p.arn), fields);
        }
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

pub(super) async fn get(call: &Call<'_>) -> Outcome {
    let (seen, account) = call.read(Subject::Account).await?;
    let all = everything(&account, &call.input.texts("Filter"));
    let (page, mut output) = call.items(all.into_iter())?;
    for (n, list) in LISTS.into_iter().enumerate() {
        let of = page.iter().filter(|(list, _)| *list == n).map(|(_, fields)| fields.clone());
        output.set(list, of.collect::<Value>());
    }
    call.seen(&seen, output)
}
