//! AWS's default quotas.

/// Users in an account.
pub const USERS_MAX: usize = 5_000;
/// Groups in an account.
pub const GROUPS_MAX: usize = 300;
/// Roles in an account.
pub const ROLES_MAX: usize = 1_000;
/// Customer managed policies in an account.
pub const POLICIES_MAX: usize = 1_500;
/// Managed policies attached to one user, group or role.
pub const ATTACHED_MAX: usize = 10;
/// Groups that one user is in.
pub const GROUPS_PER_USER_MAX: usize = 10;
/// Access keys of one user, or of the root user.
pub const ACCESS_KEYS_MAX: usize = 2;
/// Versions of one managed policy.
pub const VERSIONS_MAX: usize = 5;
/// Characters of a managed policy, white space not counted.
pub const MANAGED_POLICY_MAX: usize = 6_144;
/// Characters of all inline policies of a user.
pub const USER_INLINE_MAX: usize = 2_048;
/// Characters of all inline policies of a group.
pub const GROUP_INLINE_MAX: usize = 5_120;
/// Characters of all inline policies of a role.
pub const ROLE_INLINE_MAX: usize = 10_240;
/// Characters of a trust policy.
pub const TRUST_POLICY_MAX: usize = 2_048;
/// Bytes of a document as it is sent, white space included. AWS takes 131,072; an entry of the log holds less.
pub const DOCUMENT_BYTES_MAX: usize = 40_960;
/// Server certificates in an account.
pub const SERVER_CERTIFICATES_MAX: usize = 20;
/// Signing certificates of one user, or of the root user.
pub const SIGNING_CERTIFICATES_MAX: usize = 2;
/// SSH public keys of one user.
pub const SSH_KEYS_MAX: usize = 5;
/// Credentials of one user for one service.
pub const SERVICE_CREDENTIALS_MAX: usize = 2;
/// Reports that were asked for, and deletions of service-linked roles, that an account remembers of each. Past it the oldest are forgotten.
pub const TASKS_MAX: usize = 100;
/// Tags on one entity.
pub const TAGS_MAX: usize = 50;
/// Bytes of a stored entity or of a remembered answer. A row of the store holds 60 KiB, with key, stamp and checksum: what is committed
/// must fit, or no voter could ever apply it.
pub const ENTITY_BYTES_MAX: usize = 52 << 10;
/// Bytes of a request's id.
pub const REQUEST_ID_BYTES_MAX: usize = 128;
/// Retried requests that are remembered for one account.
pub const REQUESTS_MAX: usize = 10_000;
/// Retried requests that are remembered for all accounts of one group. Past it the account that has the most forgets its oldest: nobody
/// can make another forget while he has more himself.
pub const REQUESTS_OF_GROUP_MAX: usize = 200_000;
/// How long a request is remembered, in milliseconds of entry time.
pub const REQUEST_MEMORY_MILLIS: u64 = 24 * 3_600_000;
