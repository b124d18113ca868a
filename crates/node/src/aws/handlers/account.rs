//! The account as a whole.

use tidegate_model as model;
use tidegate_query::{Fields, Value};

use crate::{
    aws::{answer::Outcome, call::Call},
    operations::Subject,
};

/// What AWS allows of the things that this account has none of, in the order of the summary.
const QUOTAS: [(&str, i64); 22] = [
    ("UsersQuota", model::USERS_MAX as i64),
    ("GroupsQuota", model::GROUPS_MAX as i64),
    ("ServerCertificatesQuota", 20),
    ("UserPolicySizeQuota", model::USER_INLINE_MAX as i64),
    ("GroupPolicySizeQuota", model::GROUP_INLINE_MAX as i64),
    ("GroupsPerUserQuota", model::GROUPS_PER_USER_MAX as i64),
    ("SigningCertificatesPerUserQuota", 2),
    ("AccessKeysPerUserQuota", model::ACCESS_KEYS_MAX as i64),
    ("AttachedPoliciesPerGroupQuota", model::ATTACHED_MAX as i64),
    ("AttachedPoliciesPerRoleQuota", model::ATTACHED_MAX as i64),
    ("AttachedPoliciesPerUserQuota", model::ATTACHED_MAX as i64),
    ("PoliciesQuota", model::POLICIES_MAX as i64),
    ("PolicySizeQuota", model::MANAGED_POLICY_MAX as i64),
    ("PolicyVersionsInUseQuota", 10_000),
    ("VersionsPerPolicyQuota", model::VERSIONS_MAX as i64),
    ("GlobalEndpointTokenVersion", 1),
    ("AssumeRolePolicySizeQuota", model::TRUST_POLICY_MAX as i64),
    ("InstanceProfilesQuota", 1_000),
    ("RolePolicySizeQuota", model::ROLE_INLINE_MAX as i64),
    ("RolesQuota", model::ROLES_MAX as i64),
    ("AccountPasswordPresent", 0),
    ("AccountSigningCertificatesPresent", 0),
];

pub(super) async fn summary(call: &Call<'_>) -> Outcome {
    let (seen, account) = call.read(Subject::Account).await?;
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let of = |kind| count(account.resources(kind).count());
    let in_use = account.policies().map(|p| p.versions.len()).sum();
    let counted = [
        ("Users", count(account.users().count())),
        ("Groups", count(account.groups().count())),
        ("Roles", count(account.roles().count())),
        ("Policies", count(account.policies().count())),
        ("PolicyVersionsInUse", count(in_use)),
        ("AccountAccessKeysPresent", i64::from(account.access_keys("").next().is_some())),
        ("ServerCertificates", 0),
        ("MFADevices", 0),
        ("MFADevicesInUse", 0),
        ("AccountMFAEnabled", 0),
        ("InstanceProfiles", of(model::ResourceKind::InstanceProfile)),
        (
            "Providers",
            of(model::ResourceKind::OidcProvider) + of(model::ResourceKind::SamlProvider),
        ),
    ];
    let all = counted.into_iter().chain(QUOTAS);
    let map = all.map(|(name, n)| (name.to_owned(), Value::Integer(n))).collect();
    call.seen(&seen, Fields::new().with("SummaryMap", Value::Map(map)))
}
