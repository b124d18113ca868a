//! Entities as the wire has them.

use tidegate_service::View;

use super::{
    AccountState, EntityKind, PolicyState, Status, UnixMillis, aws_managed, invalid, pb, record,
    wire,
};

pub(super) fn created(millis: u64) -> prost_types::Timestamp {
    wire::timestamp(UnixMillis(millis))
}

pub(super) fn tags(tags: Vec<pb::Tag>) -> Vec<record::Tag> {
    tags.into_iter().map(|t| record::Tag { key: t.key, value: t.value }).collect()
}

pub(super) fn user(account: &AccountState, u: &record::User, revision: u64) -> pb::User {
    pb::User {
        arn: account.arn(EntityKind::User, &u.path, &u.name),
        user_name: u.name.clone(),
        path: u.path.clone(),
        user_id: u.id.clone(),
        create_date: Some(created(u.created)),
        permissions_boundary: u.boundary.clone(),
        tags: u
            .tags
            .iter()
            .map(|t| pb::Tag { key: t.key.clone(), value: t.value.clone() })
            .collect(),
        etag: revision.to_string(),
        created_by: u.created_by.clone(),
    }
}

pub(super) fn group(account: &AccountState, g: &record::Group, revision: u64) -> pb::Group {
    pb::Group {
        arn: account.arn(EntityKind::Group, &g.path, &g.name),
        group_name: g.name.clone(),
        path: g.path.clone(),
        group_id: g.id.clone(),
        create_date: Some(created(g.created)),
        etag: revision.to_string(),
    }
}

pub(super) fn role(account: &AccountState, r: &record::Role, revision: u64) -> pb::Role {
    pb::Role {
        arn: account.arn(EntityKind::Role, &r.path, &r.name),
        role_name: r.name.clone(),
        path: r.path.clone(),
        role_id: r.id.clone(),
        create_date: Some(created(r.created)),
        assume_role_policy_document: r.trust_policy.clone(),
        description: r.description.clone(),
        max_session_duration: r.session_seconds_max,
        permissions_boundary: r.boundary.clone(),
        tags: r
            .tags
            .iter()
            .map(|t| pb::Tag { key: t.key.clone(), value: t.value.clone() })
            .collect(),
        etag: revision.to_string(),
        last_used: None,
    }
}

/// When an access key or role was used last, as a view has it.
pub(super) fn last_used(view: &View, account: &AccountState, cell: &str) -> Option<pb::LastUsed> {
    let used = view.region.last_used(account.id().as_u64(), cell)?;
    Some(pb::LastUsed {
        date: Some(created(used.minute.saturating_mul(60_000))),
        region: used.region.clone(),
        service: used.service.clone(),
    })
}

pub(super) fn attachments(account: &AccountState, arn: &str) -> u32 {
    u32::try_from(account.entities_for(arn).count()).unwrap_or(u32::MAX)
}

pub(super) fn policy(account: &AccountState, p: &record::Policy, revision: u64) -> pb::Policy {
    let arn = account.policy_arn(p);
    pb::Policy {
        attachment_count: attachments(account, &arn),
        arn,
        policy_name: p.name.clone(),
        path: p.path.clone(),
        policy_id: p.id.clone(),
        default_version_id: format!("v{}", p.default_version),
        description: p.description.clone(),
        create_date: Some(created(p.created)),
        etag: revision.to_string(),
    }
}

pub(super) fn aws_policy(account: &AccountState, p: &aws_managed::ManagedPolicy) -> pb::Policy {
    let arn = account.aws_managed_arn(p.arn.as_str());
    pb::Policy {
        attachment_count: attachments(account, &arn),
        arn,
        policy_name: p.name.to_string(),
        path: p.path.to_string(),
        default_version_id: p.default_version.to_string(),
        create_date: tidegate_policy::parse_date(&p.create_date)
            .and_then(|d| Some(created(u64::try_from(d).ok()?))),
        ..pb::Policy::default()
    }
}

pub(super) fn version(p: &PolicyState, v: &record::PolicyVersion) -> pb::PolicyVersion {
    pb::PolicyVersion {
        version_id: format!("v{}", v.number),
        document: v.document.clone(),
        is_default_version: p.meta.default_version == v.number,
        create_date: Some(created(v.created)),
    }
}

pub(super) fn version_number(text: &str) -> Result<u32, Status> {
    let number = text.strip_prefix('v').and_then(|n| n.parse().ok());
    number.ok_or_else(|| invalid(format!("`{text}` is not a version: expected `v1` and the like")))
}

pub(super) fn access_key(k: &record::AccessKey) -> pb::AccessKey {
    pb::AccessKey {
        access_key_id: k.id.clone(),
        user_name: k.user.clone(),
        status: if k.active { "Active" } else { "Inactive" }.to_owned(),
        // The key of an account that is being made has no date yet.
        create_date: (k.created != 0).then(|| created(k.created)),
        last_used: None,
    }
}

pub(super) fn attached_name(arn: &str) -> pb::AttachedPolicy {
    let name = arn.rsplit('/').next().unwrap_or_default();
    pb::AttachedPolicy { policy_name: name.to_owned(), policy_arn: arn.to_owned() }
}
