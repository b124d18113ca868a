//! Entities as AWS's answers have them.

use tidegate_model::{AccountState, EntityKind, PolicyState, record};
use tidegate_policy::{Arn, UnixMillis, aws_managed, parse_date};
use tidegate_query::{Fields, Value};

/// How the boundary of a user or role is named.
const BOUNDARY_TYPE: &str = "PermissionsBoundaryPolicy";

/// Tags as a list.
pub(super) fn tags(tags: &[record::Tag]) -> Value {
    tags.iter().map(|t| Fields::new().with("Key", &*t.key).with("Value", &*t.value)).collect()
}

/// Tags of an input.
pub(super) fn read_tags(input: &Fields) -> Vec<record::Tag> {
    let tag =
        |t: &Fields| record::Tag { key: t.text_or_empty("Key"), value: t.text_or_empty("Value") };
    input.structures("Tags").map(tag).collect()
}

fn with_tags(fields: Fields, all: &[record::Tag]) -> Fields {
    fields.with_some("Tags", (!all.is_empty()).then(|| tags(all)))
}

fn with_boundary(fields: Fields, arn: &str) -> Fields {
    let boundary = Fields::new()
        .with("PermissionsBoundaryType", BOUNDARY_TYPE)
        .with("PermissionsBoundaryArn", arn);
    fields.with_some("PermissionsBoundary", (!arn.is_empty()).then_some(boundary))
}

/// A user as lists have it.
pub(super) fn listed_user(account: &AccountState, u: &record::User) -> Fields {
    Fields::new()
        .with("Path", &*u.path)
        .with("UserName", &*u.name)
        .with("UserId", &*u.id)
        .with("Arn", account.arn(EntityKind::User, &u.path, &u.name))
        .with("CreateDate", UnixMillis(u.created))
}

/// A user with its boundary and tags.
pub(super) fn user(account: &AccountState, u: &record::User) -> Fields {
    with_tags(with_boundary(listed_user(account, u), &u.boundary), &u.tags)
}

/// The root user, which AWS shows without a user's name; clients want one, so it is the account's.
pub(super) fn root(account: &AccountState) -> Fields {
    let of = account.account().cloned().unwrap_or_default();
    Fields::new()
        .with("Path", "/")
        .with("UserName", of.name)
        .with("UserId", account.id().to_string())
        .with("Arn", account.root_arn())
        .with("CreateDate", UnixMillis(of.created))
}

/// A group.
pub(super) fn group(account: &AccountState, g: &record::Group) -> Fields {
    Fields::new()
        .with("Path", &*g.path)
        .with("GroupName", &*g.name)
        .with("GroupId", &*g.id)
        .with("Arn", account.arn(EntityKind::Group, &g.path, &g.name))
        .with("CreateDate", UnixMillis(g.created))
}

/// What a role shows everywhere.
pub(super) fn bare_role(account: &AccountState, r: &record::Role) -> Fields {
    Fields::new()
        .with("Path", &*r.path)
        .with("RoleName", &*r.name)
        .with("RoleId", &*r.id)
        .with("Arn", account.arn(EntityKind::Role, &r.path, &r.name))
        .with("CreateDate", UnixMillis(r.created))
        .with("AssumeRolePolicyDocument", &*r.trust_policy)
}

/// A role as lists have it.
pub(super) fn listed_role(account: &AccountState, r: &record::Role) -> Fields {
    bare_role(account, r)
        .with_text("Description", &r.description)
        .with("MaxSessionDuration", r.session_seconds_max)
}

/// A role with its boundary and tags.
pub(super) fn role(account: &AccountState, r: &record::Role) -> Fields {
    role_extras(listed_role(account, r), r)
}

/// Boundary and tags of a role, and that its last use is not known.
pub(super) fn role_extras(fields: Fields, r: &record::Role) -> Fields {
    with_tags(with_boundary(fields, &r.boundary), &r.tags).with("RoleLastUsed", Fields::new())
}

/// How often a policy is attached, and how often it is a boundary.
fn usage(account: &AccountState, arn: &str) -> (u32, u32) {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let users = account.users().filter(|u| u.value.boundary == arn).count();
    let roles = account.roles().filter(|r| r.value.boundary == arn).count();
    (count(account.entities_for(arn).count()), count(users + roles))
}

fn with_usage(fields: Fields, account: &AccountState, arn: &str) -> Fields {
    let (attached, boundaries) = usage(account, arn);
    fields
        .with("AttachmentCount", attached)
        .with("PermissionsBoundaryUsageCount", boundaries)
        .with("IsAttachable", true)
}

/// A customer managed policy as lists have it.
pub(super) fn listed_policy(account: &AccountState, p: &record::Policy) -> Fields {
    let arn = account.policy_arn(p);
    let fields = Fields::new()
        .with("PolicyName", &*p.name)
        .with("PolicyId", &*p.id)
        .with("Arn", &*arn)
        .with("Path", &*p.path)
        .with("DefaultVersionId", format!("v{}", p.default_version))
        .with("CreateDate", UnixMillis(p.created))
        .with("UpdateDate", UnixMillis(p.updated));
    with_usage(fields, account, &arn)
}

/// A customer managed policy.
pub(super) fn policy(account: &AccountState, p: &record::Policy) -> Fields {
    with_tags(listed_policy(account, p).with_text("Description", &p.description), &p.tags)
}

fn date(text: &str) -> UnixMillis {
    UnixMillis(parse_date(text).and_then(|d| u64::try_from(d).ok()).unwrap_or_default())
}

/// The unique id of a policy of AWS: made of its ARN, since AWS does not publish it.
fn aws_policy_id(arn: &str) -> String {
    let hash = tidegate_authn::payload_hash(arn.as_bytes()).to_uppercase();
    let letter =
        |c: char| c.to_digit(10).map_or(c, |d| char::from(b'G' + u8::try_from(d).unwrap_or(0)));
    format!("ANPA{}", hash.chars().take(17).map(letter).collect::<String>())
}

/// A policy of AWS, as it is called in the account's partition.
pub(super) fn aws_policy(account: &AccountState, p: &aws_managed::ManagedPolicy) -> Fields {
    let arn = account.aws_managed_arn(p.arn.as_str());
    let fields = Fields::new()
        .with("PolicyName", &*p.name)
        .with("PolicyId", aws_policy_id(p.arn.as_str()))
        .with("Arn", &*arn)
        .with("Path", &*p.path)
        .with("DefaultVersionId", &*p.default_version)
        .with("CreateDate", date(&p.create_date))
        .with("UpdateDate", date(&p.update_date));
    with_usage(fields, account, &arn)
}

/// A version of a policy, with its document where the answer has it.
pub(super) fn version(p: &PolicyState, v: &record::PolicyVersion, document: bool) -> Fields {
    Fields::new()
        .with_some("Document", document.then_some(&*v.document))
        .with("VersionId", format!("v{}", v.number))
        .with("IsDefaultVersion", p.meta.default_version == v.number)
        .with("CreateDate", UnixMillis(v.created))
}

/// The one version of a policy of AWS that is known here.
pub(super) fn aws_version(p: &aws_managed::ManagedPolicy, document: bool) -> Fields {
    Fields::new()
        .with_some("Document", document.then_some(&*p.document))
        .with("VersionId", &*p.default_version)
        .with("IsDefaultVersion", true)
        .with("CreateDate", date(&p.update_date))
}

/// An attached policy.
pub(super) fn attached(arn: &str) -> Fields {
    let name = arn.rsplit('/').next().unwrap_or_default();
    Fields::new().with("PolicyName", name).with("PolicyArn", arn)
}

/// The path of a managed policy: what stands in its ARN before the name.
pub(super) fn policy_path(arn: &str) -> String {
    let resource = Arn::parse(arn).map(|a| a.resource().to_owned()).unwrap_or_default();
    let path = resource.strip_prefix("policy").unwrap_or_default();
    path.rsplit_once('/').map_or_else(|| "/".to_owned(), |(folder, _)| format!("{folder}/"))
}

/// An access key without its secret.
pub(super) fn access_key(account: &AccountState, k: &record::AccessKey) -> Fields {
    let user = account.user(&k.user).map_or_else(|| k.user.clone(), |u| u.value.name.clone());
    Fields::new()
        .with("UserName", user)
        .with("AccessKeyId", &*k.id)
        .with("Status", if k.active { "Active" } else { "Inactive" })
        .with_some("CreateDate", (k.created != 0).then_some(UnixMillis(k.created)))
}

/// Tags by their keys, for a page of them.
pub(super) fn paged_tags(tags: &[record::Tag]) -> impl Iterator<Item = (String, Value)> {
    let mut sorted: Vec<&record::Tag> = tags.iter().collect();
    sorted.sort_by(|a, b| a.key.cmp(&b.key));
    sorted.into_iter().map(|t| {
        let fields = Fields::new().with("Key", &*t.key).with("Value", &*t.value);
        (t.key.clone(), Value::Structure(fields))
    })
}
