//! Managed policies with their versions, attachments and inline policies.

use tidegate_policy::PolicyKind;

use crate::{
    ATTACHED_MAX, EntityKind, GROUP_INLINE_MAX, Key, MANAGED_POLICY_MAX, POLICIES_MAX, PolicyState,
    ROLE_INLINE_MAX, Reply, USER_INLINE_MAX, VERSIONS_MAX,
    apply::{Answer, Step, check_etag, service_linked::check_unprotected},
    command::{
        Attach, CreatePolicy, CreatePolicyVersion, Delete, PolicyVersion as ChangeVersion,
        PutInline,
    },
    record::{Edge, InlinePolicy, Policy, PolicyVersion},
    rejection::{Rejection, RejectionKind},
    state::policy_name,
    validate,
};

/// An ARN that can't be that of a policy.
pub(super) fn invalid_arn(arn: &str) -> Rejection {
    Rejection::new(RejectionKind::InvalidInput, format!("ARN {arn} is not valid."))
}

/// What is wrong with an ARN that names no policy.
fn no_policy(arn: &str) -> Rejection {
    if policy_name(arn).is_none() {
        return invalid_arn(arn);
    }
    Rejection::new(
        RejectionKind::NoSuchEntity,
        format!("Policy {arn} does not exist or is not attachable."),
    )
}

/// Refuses the policies of service-linked roles for everything else.
pub(super) fn check_attachable(arn: &str) -> Result<(), Rejection> {
    let kept = format!("arn:aws:iam::aws:policy{}", crate::service_linked::PATH);
    if arn.starts_with(&kept) {
        let message = "Cannot attach a Service Role Policy to a Customer Role.";
        return Err(Rejection::new(RejectionKind::PolicyNotAttachable, message));
    }
    Ok(())
}

impl Step<'_> {
    pub(crate) fn policy(&self, arn: &str) -> Result<&PolicyState, Rejection> {
        let named = self.account.aws_managed(arn);
        if named.is_some_and(|arn| arn.starts_with("arn:aws:iam::aws:policy/")) {
            return Err(Rejection::new(
                RejectionKind::AccessDenied,
                "AWS managed policies can't be changed.",
            ));
        }
        self.account.policy(arn).map(|p| &**p).ok_or_else(|| no_policy(arn))
    }

    pub(crate) fn create_policy(&mut self, c: &CreatePolicy) -> Answer {
        let lower = validate::name("policyName", &c.name, 128)?;
        let path = validate::path(&c.path)?;
        validate::description(&c.description)?;
        validate::tags(&c.tags)?;
        validate::document(&c.document, PolicyKind::Identity, "PolicySize", MANAGED_POLICY_MAX)?;
        if self.account.policies.contains_key(lower.as_str()) {
            let message = format!(
                "A policy called {} already exists. Duplicate names are not allowed.",
                c.name
            );
            return Err(Rejection::new(RejectionKind::EntityAlreadyExists, message));
        }
        if self.account.policies.len() >= POLICIES_MAX {
            return Err(Rejection::limit("PoliciesPerAccount", POLICIES_MAX));
        }
        let policy = Policy {
            name: c.name.clone(),
            path,
            id: c.id.clone(),
            created: self.time,
            description: c.description.clone(),
            default_version: 1,
            last_version: 1,
            updated: self.time,
            tags: c.tags.clone(),
        };
        let version = PolicyVersion { number: 1, document: c.document.clone(), created: self.time };
        self.changes.put(Key::PolicyVersion(self.number, lower.clone(), 1), &version);
        self.changes.put(Key::Policy(self.number, lower), &policy);
        Ok(Reply::Policy(policy))
    }

    pub(crate) fn create_policy_version(&mut self, c: &CreatePolicyVersion) -> Answer {
        let policy = self.policy(&c.arn)?;
        validate::document(&c.document, PolicyKind::Identity, "PolicySize", MANAGED_POLICY_MAX)?;
        if policy.versions.len() >= VERSIONS_MAX {
            let message = format!(
                "A managed policy can have up to {VERSIONS_MAX} versions. Before you create a new version, you must delete an existing version."
            );
            return Err(Rejection::new(RejectionKind::LimitExceeded, message));
        }
        let mut meta = policy.meta.clone();
        meta.last_version += 1;
        meta.updated = self.time;
        if c.set_default {
            meta.default_version = meta.last_version;
        }
        let version = PolicyVersion {
            number: meta.last_version,
            document: c.document.clone(),
            created: self.time,
        };
        let lower = meta.name.to_ascii_lowercase();
        self.changes.put(Key::PolicyVersion(self.number, lower.clone(), version.number), &version);
        self.changes.put(Key::Policy(self.number, lower), &meta);
        Ok(Reply::PolicyVersion(version))
    }

    pub(crate) fn policy_version(&mut self, c: &ChangeVersion) -> Answer {
        let policy = self.policy(&c.arn)?;
        if !policy.versions.contains_key(&c.version) {
            let message = format!(
                "Policy {} version v{} does not exist or is not attachable.",
                c.arn, c.version
            );
            return Err(Rejection::new(RejectionKind::NoSuchEntity, message));
        }
        let mut meta = policy.meta.clone();
        let lower = meta.name.to_ascii_lowercase();
        if c.delete {
            if meta.default_version == c.version {
                return Err(Rejection::new(
                    RejectionKind::DeleteConflict,
                    "Cannot delete the default version of a policy.",
                ));
            }
            self.changes.delete(Key::PolicyVersion(self.number, lower.clone(), c.version));
        } else {
            meta.default_version = c.version;
        }
        meta.updated = self.time;
        self.changes.put(Key::Policy(self.number, lower), &meta);
        Ok(Reply::Done(true))
    }

    pub(crate) fn delete_policy(&mut self, c: &Delete) -> Answer {
        let policy = self.policy(&c.name)?;
        check_etag(&c.etag, policy.revision)?;
        if self.account.entities_for(&c.name).next().is_some() {
            return Err(Rejection::new(
                RejectionKind::DeleteConflict,
                "Cannot delete a policy attached to entities.",
            ));
        }
        if policy.versions.len() > 1 {
            let message = "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.";
            return Err(Rejection::new(RejectionKind::DeleteConflict, message));
        }
        let lower = policy.meta.name.to_ascii_lowercase();
        let versions: Vec<u32> = policy.versions.keys().copied().collect();
        for version in versions {
            self.changes.delete(Key::PolicyVersion(self.number, lower.clone(), version));
        }
        self.changes.delete(Key::Policy(self.number, lower));
        Ok(Reply::Done(true))
    }

    /// The entity that a policy hangs on, in lower case.
    fn target(&self, kind: u32, name: &str) -> Result<(EntityKind, String), Rejection> {
        let kind = EntityKind::from_number(kind)
            .ok_or_else(|| Rejection::invalid("The kind of entity is not known."))?;
        let there = match kind {
            EntityKind::User => self.account.user(name).is_some(),
            EntityKind::Group => self.account.group(name).is_some(),
            EntityKind::Role => self.account.role(name).is_some(),
        };
        if let (EntityKind::Role, Some(role)) = (kind, self.account.role(name)) {
            check_unprotected(&role.value)?;
        }
        if there {
            Ok((kind, name.to_ascii_lowercase()))
        } else {
            Err(Rejection::no_such(kind.word(), name))
        }
    }

    pub(crate) fn attach(&mut self, c: &Attach) -> Answer {
        let (kind, lower) = self.target(c.kind, &c.name)?;
        let attached = self.account.attached(kind, &lower).any(|a| **a == *c.arn);
        let key = Key::Attachment(self.number, kind, lower.clone(), c.arn.clone());
        match (c.attached, attached) {
            (true, false) => {
                self.account.managed(&c.arn).ok_or_else(|| no_policy(&c.arn))?;
                check_attachable(&c.arn)?;
                if self.account.attached(kind, &lower).count() >= ATTACHED_MAX {
                    let quota = ["PoliciesPerUser", "PoliciesPerGroup", "PoliciesPerRole"];
                    let quota = quota.get(kind as usize - 1).copied().unwrap_or_default();
                    return Err(Rejection::limit(quota, ATTACHED_MAX));
                }
                self.changes.put(key, &Edge { created: self.time });
            }
            (false, true) => self.changes.delete(key),
            (true, true) => {}
            (false, false) if policy_name(&c.arn).is_none() => return Err(invalid_arn(&c.arn)),
            (false, false) => {
                let message = format!("Policy {} was not found.", c.arn);
                return Err(Rejection::new(RejectionKind::NoSuchEntity, message));
            }
        }
        Ok(Reply::Done(true))
    }

    pub(crate) fn put_inline(&mut self, c: &PutInline) -> Answer {
        let (kind, lower) = self.target(c.kind, &c.name)?;
        let policy = validate::inline_name(&c.policy)?;
        let key = Key::Inline(self.number, kind, lower.clone(), policy.clone());
        let others =
            || self.account.inline(kind, &lower).filter(|i| i.name.to_ascii_lowercase() != policy);
        if c.document.is_empty() {
            if self.account.inline(kind, &lower).all(|i| i.name.to_ascii_lowercase() != policy) {
                let message =
                    format!("The {} policy with name {} cannot be found.", kind.word(), c.policy);
                return Err(Rejection::new(RejectionKind::NoSuchEntity, message));
            }
            self.changes.delete(key);
            return Ok(Reply::Done(true));
        }
        let (quota, max) = match kind {
            EntityKind::User => ("UserPolicySize", USER_INLINE_MAX),
            EntityKind::Group => ("GroupPolicySize", GROUP_INLINE_MAX),
            EntityKind::Role => ("RolePolicySize", ROLE_INLINE_MAX),
        };
        let document = validate::document(&c.document, PolicyKind::Identity, quota, max)?;
        let used: usize =
            others().map(|i| i.document.chars().filter(|c| !c.is_whitespace()).count()).sum();
        if used + document.counted_size() > max {
            return Err(Rejection::limit(quota, max));
        }
        self.changes
            .put(key, &InlinePolicy { name: c.policy.clone(), document: c.document.clone() });
        Ok(Reply::Done(true))
    }
}
