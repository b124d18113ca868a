//! The account as a whole.

use tidegate_model as model;
use tidegate_query::{Fields, Value};

use super::settings;
use crate::{
    aws::{answer::Outcome, call::Call},
    operations::Subject,
};

/// What AWS allows of the things that this account has none of, in the order of the summary.
const QUOTAS: [(&str, usize); 20] = [
    ("UsersQuota", model::USERS_MAX),
    ("GroupsQuota", model::GROUPS_MAX),
    ("ServerCertificatesQuota", model::SERVER_CERTIFICATES_MAX),
    ("UserPolicySizeQuota", model::USER_INLINE_MAX),
    ("GroupPolicySizeQuota", model::GROUP_INLINE_MAX),
    ("GroupsPerUserQuota", model::GROUPS_PER_USER_MAX),
    ("SigningCertificatesPerUserQuota", model::SIGNING_CERTIFICATES_MAX),
    ("AccessKeysPerUserQuota", model::ACCESS_KEYS_MAX),
    ("AttachedPoliciesPerGroupQuota", model::ATTACHED_MAX),
    ("AttachedPoliciesPerRoleQuota", model::ATTACHED_MAX),
    ("AttachedPoliciesPerUserQuota", model::ATTACHED_MAX),
    ("PoliciesQuota", model::POLICIES_MAX),
    ("PolicySizeQuota", model::MANAGED_POLICY_MAX),
    ("PolicyVersionsInUseQuota", 10_000),
    ("VersionsPerPolicyQuota", model::VERSIONS_MAX),
    ("AssumeRolePolicySizeQuota", model::TRUST_POLICY_MAX),
    ("InstanceProfilesQuota", 1_000),
    ("RolePolicySizeQuota", model::ROLE_INLINE_MAX),
    ("RolesQuota", model::ROLES_MAX),
    ("AccountPasswordPresent", 0),
];

pub(super) async fn summary(call: &Call<'_>) -> Outcome {
    let (seen, account) = call.read(Subject::Account).await?;
    let of = |kind| account.resources(kind).count();
    let providers = of(model::ResourceKind::OidcProvider) + of(model::ResourceKind::SamlProvider);
    let counted = [
        ("Users", account.users().count()),
        ("Groups", account.groups().count()),
        ("Roles", account.roles().count()),
        ("Policies", account.policies().count()),
        ("PolicyVersionsInUse", account.policies().map(|p| p.versions.len()).sum()),
        ("AccountAccessKeysPresent", usize::from(account.access_keys("").next().is_some())),
        ("ServerCertificates", of(model::ResourceKind::ServerCertificate)),
        (
            "AccountSigningCertificatesPresent",
            usize::from(account.held(model::ResourceKind::SigningCertificate, "").next().is_some()),
        ),
        ("GlobalEndpointTokenVersion", settings::token_version(&account)),
        ("MFADevices", of(model::ResourceKind::MfaDevice)),
        ("MFADevicesInUse", account.mfa_devices().filter(|(_, d)| d.user.is_some()).count()),
        ("AccountMFAEnabled", usize::from(account.mfa_devices_of("").next().is_some())),
        ("InstanceProfiles", of(model::ResourceKind::InstanceProfile)),
        ("Providers", providers),
    ];
    let number = |n: usize| Value::Integer(i64::try_from(n).unwrap_or(i64::MAX));
    let all = counted.into_iter().chain(QUOTAS);
    let map = all.map(|(name, n)| (name.to_owned(), number(n))).collect();
    call.seen(&seen, Fields::new().with("SummaryMap", Value::Map(map)))
}
