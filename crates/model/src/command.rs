//! Commands: everything that changes an account or the directory, as it stands in the log.
//! prost messages whose fields are only ever added. Values are as the caller typed them: they are checked when the command is applied.

/// Kinds of callers, as [`CallerRef::kind`] numbers them.
pub mod caller_kind;
/// Whether a clock runs, as [`SetClock::run`] numbers it.
pub mod clock_run;
mod lifecycle;
mod wire;

use prost::{Message, Oneof};

pub use crate::membership::RegisterNode;
pub use crate::version::{AnnounceNode, RaiseVersion};
pub use lifecycle::{Batch, CloseAccount, EraseAccount, ForgetAccount, ReserveAccessKey};

use crate::{
    federation, membership, mfa, record, recovery, region, rejection::Rejection, resource, secrets,
};

macro_rules! commands {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident : $type:ty = $attr:tt);* $(;)? })*) => {
        $($(#[$doc])* #[derive(Clone, PartialEq, Eq, Message)]
        pub struct $name { $($(#[$field_doc])* #[prost $attr] pub $field: $type,)* })*
    };
}

commands! {
    /// Creates a user.
    CreateUser {
        /// Name.
        name: String = (string, tag = "1");
        /// Path.
        path: String = (string, tag = "2");
        /// `AIDA…`.
        id: String = (string, tag = "3");
        /// ARN of the boundary, or empty.
        boundary: String = (string, tag = "4");
        /// Tags.
        tags: Vec<record::Tag> = (message, repeated, tag = "5");
    }
    /// Renames or moves a user.
    UpdateUser {
        /// Name.
        name: String = (string, tag = "1");
        /// New name, or empty.
        new_name: String = (string, tag = "2");
        /// New path, or empty.
        new_path: String = (string, tag = "3");
        /// The etag that was read, or empty.
        etag: String = (string, tag = "4");
    }
    /// Names one entity to be deleted.
    Delete {
        /// 1 user, 2 group, 3 role, 4 managed policy (by ARN).
        kind: u32 = (uint32, tag = "1");
        /// Its name, or ARN.
        name: String = (string, tag = "2");
        /// The etag that was read, or empty.
        etag: String = (string, tag = "3");
    }
    /// Creates a group.
    CreateGroup {
        /// Name.
        name: String = (string, tag = "1");
        /// Path.
        path: String = (string, tag = "2");
        /// `AGPA…`.
        id: String = (string, tag = "3");
    }
    /// Puts a user into a group, or takes it out.
    Membership {
        /// The group.
        group: String = (string, tag = "1");
        /// The user.
        user: String = (string, tag = "2");
        /// In, or out.
        member: bool = (bool, tag = "3");
    }
    /// Creates a role.
    CreateRole {
        /// Name.
        name: String = (string, tag = "1");
        /// Path.
        path: String = (string, tag = "2");
        /// `AROA…`.
        id: String = (string, tag = "3");
        /// Who may assume it.
        trust_policy: String = (string, tag = "4");
        /// What it is for.
        description: String = (string, tag = "5");
        /// Longest session, in seconds; 0: the default.
        session_seconds_max: u32 = (uint32, tag = "6");
        /// ARN of the boundary, or empty.
        boundary: String = (string, tag = "7");
        /// Tags.
        tags: Vec<record::Tag> = (message, repeated, tag = "8");
    }
    /// Changes a role's trust policy, description or session length; empty and 0 leave things as they are.
    UpdateRole {
        /// Name.
        name: String = (string, tag = "1");
        /// New trust policy, or empty.
        trust_policy: String = (string, tag = "2");
        /// New description.
        description: Option<String> = (string, optional, tag = "3");
        /// New longest session, in seconds, or 0.
        session_seconds_max: u32 = (uint32, tag = "4");
        /// The etag that was read, or empty.
        etag: String = (string, tag = "5");
    }
    /// Sets or removes a permissions boundary.
    PutBoundary {
        /// 1 user, 3 role.
        kind: u32 = (uint32, tag = "1");
        /// Name.
        name: String = (string, tag = "2");
        /// ARN of the policy; empty: none any more.
        arn: String = (string, tag = "3");
    }
    /// Creates a managed policy with its first version.
    CreatePolicy {
        /// Name.
        name: String = (string, tag = "1");
        /// Path.
        path: String = (string, tag = "2");
        /// `ANPA…`.
        id: String = (string, tag = "3");
        /// The document.
        document: String = (string, tag = "4");
        /// What it is for.
        description: String = (string, tag = "5");
        /// Tags.
        tags: Vec<record::Tag> = (message, repeated, tag = "6");
    }
    /// Adds a version to a managed policy.
    CreatePolicyVersion {
        /// The policy.
        arn: String = (string, tag = "1");
        /// The document.
        document: String = (string, tag = "2");
        /// Whether it applies from now on.
        set_default: bool = (bool, tag = "3");
    }
    /// Lets another version of a managed policy apply, or deletes a version.
    PolicyVersion {
        /// The policy.
        arn: String = (string, tag = "1");
        /// 3 for `v3`.
        version: u32 = (uint32, tag = "2");
        /// Delete it; else it becomes the default.
        delete: bool = (bool, tag = "3");
    }
    /// Attaches a managed policy, or detaches it.
    Attach {
        /// 1 user, 2 group, 3 role.
        kind: u32 = (uint32, tag = "1");
        /// Name.
        name: String = (string, tag = "2");
        /// The policy.
        arn: String = (string, tag = "3");
        /// Attach, or detach.
        attached: bool = (bool, tag = "4");
    }
    /// Writes or deletes an inline policy.
    PutInline {
        /// 1 user, 2 group, 3 role.
        kind: u32 = (uint32, tag = "1");
        /// Name of the entity.
        name: String = (string, tag = "2");
        /// Name of the policy.
        policy: String = (string, tag = "3");
        /// The document; empty: delete it.
        document: String = (string, tag = "4");
    }
    /// Creates an access key.
    CreateAccessKey {
        /// The user; empty: the root user.
        user: String = (string, tag = "1");
        /// `AKIA…`.
        id: String = (string, tag = "2");
        /// The secret, sealed with a cluster key.
        sealed_secret: Vec<u8> = (bytes = "vec", tag = "3");
    }
    /// Switches an access key on or off, or deletes it.
    UpdateAccessKey {
        /// The user; empty: the root user.
        user: String = (string, tag = "1");
        /// `AKIA…`.
        id: String = (string, tag = "2");
        /// On, or off.
        active: bool = (bool, tag = "3");
        /// Delete it.
        delete: bool = (bool, tag = "4");
    }
    /// Makes an account in its group. Follows [`ReserveAccount`].
    InitAccount {
        /// Its name.
        name: String = (string, tag = "1");
        /// Its root e-mail address.
        email: String = (string, tag = "2");
        /// The root user's first access key.
        root_key: Option<record::AccessKey> = (message, optional, tag = "3");
        /// Its partition; empty: `aws`.
        partition: String = (string, tag = "120");
    }
    /// Founds the cluster. Only into an empty directory.
    CreateCluster {
        /// The cluster.
        cluster: Option<record::Cluster> = (message, optional, tag = "1");
        /// Its nodes.
        nodes: Vec<record::Node> = (message, repeated, tag = "2");
        /// Its groups, the directory first.
        placements: Vec<record::Placement> = (message, repeated, tag = "3");
        /// The operator's account.
        operator: Option<record::AccountPlacement> = (message, optional, tag = "4");
    }
    /// Takes a node out.
    RemoveNode {
        /// Its number.
        node: u64 = (uint64, tag = "1");
    }
    /// Gives groups other voters. Their leaders carry it out and say so by [`VotersChanged`].
    ChangeVoters {
        /// Which groups; none: all.
        groups: Vec<u32> = (uint32, repeated, tag = "1");
        /// Their voters from then on.
        voters: Vec<u64> = (uint64, repeated, tag = "2");
    }
    /// Says that a group has the voters that it shall have, and no others.
    VotersChanged {
        /// The group.
        group: u32 = (uint32, tag = "1");
        /// Which change: [`record::Placement::changes`].
        change: u64 = (uint64, tag = "2");
    }
    /// Sets the clock that a cluster in development mode goes by.
    SetClock {
        /// So many milliseconds later than it would be.
        advance: u64 = (uint64, tag = "1");
        /// One of [`clock_run`].
        run: u32 = (uint32, tag = "2");
        /// What the proposer's own clock says, in milliseconds since the Unix epoch.
        real: u64 = (uint64, tag = "3");
    }
    /// Reserves an account's number and e-mail address in the directory.
    ReserveAccount {
        /// The account, not yet active.
        placement: Option<record::AccountPlacement> = (message, optional, tag = "1");
    }
    /// Says that an account's group has it.
    ActivateAccount {
        /// The account.
        account: u64 = (uint64, tag = "1");
    }
    /// Takes what nodes wrote into an account's own order. Only the cluster itself says so.
    ImportRegion {
        /// Quarantines of the account.
        quarantines: Vec<region::Quarantine> = (message, repeated, tag = "1");
        /// Sessions that are void.
        voids: Vec<region::VoidSessions> = (message, repeated, tag = "2");
    }
    /// Lifts quarantines.
    LiftQuarantine {
        /// Those that the caller saw, as he saw them.
        quarantines: Vec<region::Quarantine> = (message, repeated, tag = "1");
        /// Whether the caller is a cluster operator, as the leader that proposes this has it from the directory.
        by_operator: bool = (bool, tag = "2");
    }
    /// Creates the role of a service.
    CreateServiceLinkedRole {
        /// `autoscaling.amazonaws.com` and the like.
        service: String = (string, tag = "1");
        /// What stands behind the role's name, or empty.
        suffix: String = (string, tag = "2");
        /// What it is for.
        description: String = (string, tag = "3");
        /// `AROA…`.
        id: String = (string, tag = "4");
    }
    /// Deletes the role of a service.
    DeleteServiceLinkedRole {
        /// Name.
        name: String = (string, tag = "1");
        /// What makes the name of the task unique.
        task: String = (string, tag = "2");
    }
    /// Reserves an alias for an account in the directory.
    ReserveAlias {
        /// The alias.
        alias: String = (string, tag = "1");
        /// The account.
        account: u64 = (uint64, tag = "2");
    }
    /// Gives aliases of an account up, unless they were reserved again meanwhile.
    ReleaseAlias {
        /// The alias; empty: all of them but the one that is kept.
        alias: String = (string, tag = "1");
        /// The account.
        account: u64 = (uint64, tag = "2");
        /// Log index of the directory up to which a reservation is meant.
        upto: u64 = (uint64, tag = "3");
        /// The alias that stays, where all others go; empty: none does.
        kept: String = (string, tag = "4");
    }
    /// Switches features of the organization on or off; what is absent stays.
    ChangeFeatures {
        /// Whether the management account may manage the credentials of root users.
        root_credentials: Option<bool> = (bool, optional, tag = "1");
        /// Whether it may act as them for a task.
        root_sessions: Option<bool> = (bool, optional, tag = "2");
    }
    /// Who asks, as it stands in the log.
    CallerRef {
        /// One of [`caller_kind`].
        kind: u32 = (uint32, tag = "1");
        /// The account.
        account: u64 = (uint64, tag = "2");
        /// Of a session `AROA…` or `AIDA…`, empty for the root user.
        id: String = (string, tag = "3");
        /// The access key that signed; for a session a temporary one.
        access_key: String = (string, tag = "4");
        /// A session's name.
        session: String = (string, tag = "5");
        /// When a session ends, in milliseconds since the Unix epoch.
        expires: u64 = (uint64, tag = "6");
        /// A session's policies, as JSON.
        session_policies: Vec<String> = (string, repeated, tag = "7");
        /// Whether a session has policies at all.
        has_session_policies: bool = (bool, tag = "8");
        /// Principals and access keys by which a session came to be: unique ids, and `root`.
        lineage: Vec<String> = (string, repeated, tag = "20");
        /// When a session was issued, in milliseconds since the Unix epoch.
        issued: u64 = (uint64, tag = "21");
        /// What an identity provider said, where it was one that vouched for the session.
        federation: Option<federation::Federation> = (message, optional, tag = "45");
        /// A session's tags, those that it inherited among them.
        session_tags: Vec<record::Tag> = (message, repeated, tag = "40");
        /// Keys of those tags that sessions made from this one have too.
        transitive_tag_keys: Vec<String> = (string, repeated, tag = "41");
        /// The name that sticks to a session and to all made from it; empty: none.
        source_identity: String = (string, tag = "42");
        /// When a code of an MFA device was given for a session, in milliseconds since the Unix epoch.
        mfa_at: Option<u64> = (uint64, optional, tag = "43");
    }
    /// A condition key that the serving node captured.
    ContextEntry {
        /// The key.
        key: String = (string, tag = "1");
        /// Its values.
        values: Vec<String> = (string, repeated, tag = "2");
    }
    /// A command on its way into the log.
    Envelope {
        /// The caller's name for this request; empty: it is not remembered.
        request_id: String = (string, tag = "1");
        /// The account that it changes.
        account: u64 = (uint64, tag = "2");
        /// Who asks.
        caller: Option<CallerRef> = (message, optional, tag = "3");
        /// What the serving node captured of the circumstances.
        context: Vec<ContextEntry> = (message, repeated, tag = "4");
        /// W3C `traceparent` of the request.
        trace: String = (string, tag = "5");
        /// What to do.
        command: Option<Command> = (oneof = "Command", tags = "16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 40, 41, 42, 43, 44, 45, 46, 60, 61, 70, 71, 72, 80, 81, 82, 83, 84, 90, 100, 101, 102, 103, 104, 120, 121, 122, 123, 124, 130, 131, 140, 141, 150, 180, 181, 182, 183");
    }
    /// What became of a command.
    Outcome {
        /// One of the two.
        result: Option<OutcomeResult> = (oneof = "OutcomeResult", tags = "1, 2");
    }
    /// What a command gives back.
    ReplyBox {
        /// The entity.
        reply: Option<Reply> = (oneof = "Reply", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 45, 140");
        /// Log index at which the entity last changed: its etag.
        revision: u64 = (uint64, tag = "16");
    }
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Oneof)]
pub enum Command {
    /// See [`CreateUser`].
    #[prost(message, tag = "16")]
    CreateUser(CreateUser),
    /// See [`UpdateUser`].
    #[prost(message, tag = "17")]
    UpdateUser(UpdateUser),
    /// See [`Delete`].
    #[prost(message, tag = "18")]
    Delete(Delete),
    /// See [`CreateGroup`].
    #[prost(message, tag = "19")]
    CreateGroup(CreateGroup),
    /// See [`Membership`].
    #[prost(message, tag = "20")]
    Membership(Membership),
    /// See [`CreateRole`].
    #[prost(message, tag = "21")]
    CreateRole(CreateRole),
    /// See [`UpdateRole`].
    #[prost(message, tag = "22")]
    UpdateRole(UpdateRole),
    /// See [`PutBoundary`].
    #[prost(message, tag = "23")]
    PutBoundary(PutBoundary),
    /// See [`CreatePolicy`].
    #[prost(message, tag = "24")]
    CreatePolicy(CreatePolicy),
    /// See [`CreatePolicyVersion`].
    #[prost(message, tag = "25")]
    CreatePolicyVersion(CreatePolicyVersion),
    /// See [`PolicyVersion`].
    #[prost(message, tag = "26")]
    PolicyVersion(PolicyVersion),
    /// See [`Attach`].
    #[prost(message, tag = "27")]
    Attach(Attach),
    /// See [`PutInline`].
    #[prost(message, tag = "28")]
    PutInline(PutInline),
    /// See [`CreateAccessKey`].
    #[prost(message, tag = "29")]
    CreateAccessKey(CreateAccessKey),
    /// See [`UpdateAccessKey`].
    #[prost(message, tag = "30")]
    UpdateAccessKey(UpdateAccessKey),
    /// See [`InitAccount`].
    #[prost(message, tag = "31")]
    InitAccount(InitAccount),
    /// See [`CreateCluster`].
    #[prost(message, tag = "40")]
    CreateCluster(CreateCluster),
    /// See [`RegisterNode`].
    #[prost(message, tag = "41")]
    RegisterNode(RegisterNode),
    /// See [`RemoveNode`].
    #[prost(message, tag = "42")]
    RemoveNode(RemoveNode),
    /// See [`ReserveAccount`].
    #[prost(message, tag = "43")]
    ReserveAccount(ReserveAccount),
    /// See [`ActivateAccount`].
    #[prost(message, tag = "44")]
    ActivateAccount(ActivateAccount),
    /// See [`ChangeVoters`].
    #[prost(message, tag = "45")]
    ChangeVoters(ChangeVoters),
    /// See [`VotersChanged`].
    #[prost(message, tag = "46")]
    VotersChanged(VotersChanged),
    /// See [`ImportRegion`].
    #[prost(message, tag = "60")]
    ImportRegion(ImportRegion),
    /// See [`LiftQuarantine`].
    #[prost(message, tag = "61")]
    LiftQuarantine(LiftQuarantine),
    /// See [`resource::ChangeResource`].
    #[prost(message, tag = "70")]
    ChangeResource(resource::ChangeResource),
    /// See [`resource::ChangeTags`].
    #[prost(message, tag = "71")]
    ChangeTags(resource::ChangeTags),
    /// See [`resource::UpdateGroup`].
    #[prost(message, tag = "72")]
    UpdateGroup(resource::UpdateGroup),
    /// See [`CreateServiceLinkedRole`].
    #[prost(message, tag = "100")]
    CreateServiceLinkedRole(CreateServiceLinkedRole),
    /// See [`DeleteServiceLinkedRole`].
    #[prost(message, tag = "101")]
    DeleteServiceLinkedRole(DeleteServiceLinkedRole),
    /// See [`ReserveAlias`].
    #[prost(message, tag = "102")]
    ReserveAlias(ReserveAlias),
    /// See [`ReleaseAlias`].
    #[prost(message, tag = "103")]
    ReleaseAlias(ReleaseAlias),
    /// See [`ChangeFeatures`].
    #[prost(message, tag = "104")]
    ChangeFeatures(ChangeFeatures),
    /// See [`federation::ChangeOutbound`].
    #[prost(message, tag = "90")]
    ChangeOutbound(federation::ChangeOutbound),
    /// See [`ReserveAccessKey`].
    #[prost(message, tag = "120")]
    ReserveAccessKey(ReserveAccessKey),
    /// See [`CloseAccount`].
    #[prost(message, tag = "121")]
    CloseAccount(CloseAccount),
    /// See [`EraseAccount`].
    #[prost(message, tag = "122")]
    EraseAccount(EraseAccount),
    /// See [`ForgetAccount`].
    #[prost(message, tag = "123")]
    ForgetAccount(ForgetAccount),
    /// See [`Batch`].
    #[prost(message, tag = "124")]
    Batch(Batch),
    /// See [`mfa::EnableMfaDevice`].
    #[prost(message, tag = "80")]
    EnableMfaDevice(mfa::EnableMfaDevice),
    /// See [`mfa::ResyncMfaDevice`].
    #[prost(message, tag = "81")]
    ResyncMfaDevice(mfa::ResyncMfaDevice),
    /// See [`mfa::DeactivateMfaDevice`].
    #[prost(message, tag = "82")]
    DeactivateMfaDevice(mfa::DeactivateMfaDevice),
    /// See [`mfa::UseMfaCode`].
    #[prost(message, tag = "83")]
    UseMfaCode(mfa::UseMfaCode),
    /// See [`mfa::ChangePassword`].
    #[prost(message, tag = "84")]
    ChangePassword(mfa::ChangePassword),
    /// See [`membership::AddSigningKey`].
    #[prost(message, tag = "130")]
    AddSigningKey(membership::AddSigningKey),
    /// See [`membership::SetIssuing`].
    #[prost(message, tag = "131")]
    SetIssuing(membership::SetIssuing),
    /// See [`SetClock`].
    #[prost(message, tag = "150")]
    SetClock(SetClock),
    /// See [`membership::ChangeMembership`].
    #[prost(message, tag = "140")]
    ChangeMembership(membership::ChangeMembership),
    /// See [`membership::Relocate`].
    #[prost(message, tag = "141")]
    Relocate(membership::Relocate),
    /// See [`RaiseVersion`].
    #[prost(message, tag = "181")]
    RaiseVersion(RaiseVersion),
    /// See [`AnnounceNode`].
    #[prost(message, tag = "182")]
    AnnounceNode(AnnounceNode),
    /// See [`secrets::Reseal`].
    #[prost(message, tag = "183")]
    Reseal(secrets::Reseal),
    /// See [`recovery::RecoverGroups`].
    #[prost(message, tag = "180")]
    RecoverGroups(recovery::RecoverGroups),
}

/// What a command gives back.
#[derive(Clone, PartialEq, Eq, Oneof)]
pub enum Reply {
    /// Nothing but that it is done.
    #[prost(bool, tag = "1")]
    Done(bool),
    /// The user.
    #[prost(message, tag = "2")]
    User(record::User),
    /// The group.
    #[prost(message, tag = "3")]
    Group(record::Group),
    /// The role.
    #[prost(message, tag = "4")]
    Role(record::Role),
    /// The policy.
    #[prost(message, tag = "5")]
    Policy(record::Policy),
    /// The version.
    #[prost(message, tag = "6")]
    PolicyVersion(record::PolicyVersion),
    /// The key.
    #[prost(message, tag = "7")]
    AccessKey(record::AccessKey),
    /// The account.
    #[prost(message, tag = "8")]
    Account(record::Account),
    /// The account's place.
    #[prost(message, tag = "9")]
    AccountPlacement(record::AccountPlacement),
    /// The node.
    #[prost(message, tag = "10")]
    Node(record::Node),
    /// The instance profile, identity provider or the like.
    #[prost(message, tag = "20")]
    Resource(resource::Resource),
    /// How the account vouches for its principals.
    #[prost(message, tag = "45")]
    Outbound(federation::Outbound),
    /// The group.
    #[prost(message, tag = "140")]
    Placement(record::Placement),
}

/// A reply or a refusal.
#[derive(Clone, PartialEq, Eq, Oneof)]
pub enum OutcomeResult {
    /// It took effect.
    #[prost(message, tag = "1")]
    Reply(ReplyBox),
    /// It was refused.
    #[prost(message, tag = "2")]
    Rejection(Rejection),
}
