//! Every command that is one call: a table of nouns and verbs, each with the method that it calls and the fields that it fills.

use clap::{Arg, ArgAction, ArgMatches, Command};

/// What stands on the command line for a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A word that must be there.
    Required,
    /// A word that may be there.
    Optional,
    /// The contents of a file, `-` for standard input; must be there.
    File,
    /// `--name VALUE`.
    Option,
    /// `--name FILE`, its contents; must be there.
    FileOption,
    /// `--name`.
    Flag,
    /// `--name KEY=VALUE`, as often as wanted.
    Tags,
    /// `--name FILE`, which stays here: what is made of it the command knows itself.
    Local,
}

/// A field of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    /// In the request; a dot leads into a message.
    pub(crate) path: &'static str,
    /// On the command line.
    pub(crate) name: &'static str,
    /// How.
    pub(crate) kind: Kind,
    about: &'static str,
}

/// A command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verb {
    /// What it is about.
    pub(crate) noun: &'static str,
    /// What it does.
    pub(crate) name: &'static str,
    about: &'static str,
    /// `package.Service/Method`.
    pub(crate) method: &'static str,
    /// What it fills.
    pub(crate) fields: &'static [Field],
    /// The list in the answer, and its columns. Empty: the answer is one thing.
    pub(crate) list: (&'static str, &'static [&'static str]),
}

const fn f(path: &'static str, name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { path, name, kind, about }
}

const USER: Field = f("user_name", "USER", Kind::Required, "The user's name");
const SELF: Field =
    f("user_name", "USER", Kind::Optional, "The user's name; the caller by default");
const GROUP: Field = f("group_name", "GROUP", Kind::Required, "The group's name");
const ROLE: Field = f("role_name", "ROLE", Kind::Required, "The role's name");
const ARN: Field = f("policy_arn", "POLICY_ARN", Kind::Required, "ARN of a managed policy");
const INLINE: Field = f("policy_name", "POLICY", Kind::Required, "Name of the inline policy");
const DOCUMENT: Field =
    f("policy_document", "FILE", Kind::File, "File with the policy, - for standard input");
const PATH: Field = f("path", "path", Kind::Option, "Its path, /by/default/none/");
const PREFIX: Field =
    f("path_prefix", "path-prefix", Kind::Option, "Only what lies below this path");
const BOUNDARY: Field = f(
    "permissions_boundary",
    "permissions-boundary",
    Kind::Option,
    "ARN of the policy that bounds it",
);
const BOUNDARY_ARN: Field =
    f("permissions_boundary", "POLICY_ARN", Kind::Required, "ARN of the policy that bounds it");
const TAGS: Field = f("tags", "tag", Kind::Tags, "A tag; may come again");
const ETAG: Field =
    f("etag", "etag", Kind::Option, "Only if it is still as it was read with this etag");
const DESCRIPTION: Field = f("description", "description", Kind::Option, "What it is for");
const VERSION: Field = f("version_id", "VERSION", Kind::Required, "The version, v1 and the like");
const KEY: Field = f("access_key_id", "KEY_ID", Kind::Required, "Id of the access key");
const OF_USER: Field =
    f("user_name", "user", Kind::Option, "Whose key it is; the caller's by default");
const FROM: Field = f("link.from_region", "FROM", Kind::Required, "The region that sends");
const TO: Field = f("link.to_region", "TO", Kind::Required, "The region that receives");

const NODE: Field = f("id", "NODE", Kind::Required, "Its number");
const TOKEN: Field = f("token", "TOKEN", Kind::Required, "The token of the change");

const NONE: (&str, &[&str]) = ("", &[]);
const USERS: (&str, &[&str]) = ("users", &["user_name", "user_id", "arn", "create_date"]);
const GROUPS: (&str, &[&str]) = ("groups", &["group_name", "group_id", "arn", "create_date"]);
const ROLES: (&str, &[&str]) = ("roles", &["role_name", "role_id", "arn", "create_date"]);
const POLICIES: (&str, &[&str]) =
    ("policies", &["policy_name", "arn", "default_version_id", "attachment_count"]);
const ATTACHED: (&str, &[&str]) = ("attached_policies", &["policy_name", "policy_arn"]);
const NAMES: (&str, &[&str]) = ("policy_names", &["policy_name"]);
const VERSIONS: (&str, &[&str]) =
    ("versions", &["version_id", "is_default_version", "create_date"]);

macro_rules! verbs {
    ($($noun:literal $verb:literal $about:literal $service:ident/$method:ident [$($field:expr),*] $list:expr;)*) => {
        /// All of them.
        pub(crate) const VERBS: &[Verb] = &[$(Verb {
            noun: $noun,
            name: $verb,
            about: $about,
            method: concat!("tidegate.", service!($service), "/", stringify!($method)),
            fields: &[$($field),*],
            list: $list,
        }),*];
    };
}

macro_rules! service {
    (Iam) => {
        "iam.v1.IamService"
    };
    (Account) => {
        "iam.v1.AccountService"
    };
    (Cluster) => {
        "cluster.v1.ClusterService"
    };
    (Membership) => {
        "membership.v1.MembershipService"
    };
    (Instance) => {
        "workload.v1.InstanceService"
    };
    (Sts) => {
        "sts.v1.StsService"
    };
}

verbs! {
    "account" "create" "Makes an account; for operators" Account/CreateAccount [f("name", "NAME", Kind::Required, "Its name"), f("email", "EMAIL", Kind::Required, "E-mail address of its root user"), f("account_id", "account-id", Kind::Option, "The 12 digits that it is to have; drawn by default"), f("partition", "partition", Kind::Option, "aws, aws-cn or aws-us-gov; aws by default")] NONE;
    "account" "delete" "Deletes an account with all that is in it; for operators" Account/DeleteAccount [f("account_id", "ACCOUNT", Kind::Required, "12 digits")] NONE;
    "account" "get" "Shows an account" Account/GetAccount [f("account_id", "ACCOUNT", Kind::Required, "12 digits")] NONE;
    "account" "list" "Lists accounts; for operators" Account/ListAccounts [] ("accounts", &["id", "name", "email", "state", "partition", "group"]);
    "user" "create" "Creates a user" Iam/CreateUser [USER, PATH, BOUNDARY, TAGS] NONE;
    "user" "get" "Shows a user" Iam/GetUser [SELF] NONE;
    "user" "update" "Renames or moves a user" Iam/UpdateUser [USER, f("new_user_name", "new-name", Kind::Option, "The new name"), f("new_path", "new-path", Kind::Option, "The new path"), ETAG] NONE;
    "user" "delete" "Deletes a user who has nothing any more" Iam/DeleteUser [USER, ETAG] NONE;
    "user" "list" "Lists users" Iam/ListUsers [PREFIX] USERS;
    "user" "groups" "Lists the groups of a user" Iam/ListGroupsForUser [USER] GROUPS;
    "user" "attach" "Attaches a managed policy" Iam/AttachUserPolicy [USER, ARN] NONE;
    "user" "detach" "Detaches a managed policy" Iam/DetachUserPolicy [USER, ARN] NONE;
    "user" "attached" "Lists attached policies" Iam/ListAttachedUserPolicies [USER] ATTACHED;
    "user" "put-policy" "Writes an inline policy" Iam/PutUserPolicy [USER, INLINE, DOCUMENT] NONE;
    "user" "get-policy" "Shows an inline policy" Iam/GetUserPolicy [USER, INLINE] NONE;
    "user" "delete-policy" "Deletes an inline policy" Iam/DeleteUserPolicy [USER, INLINE] NONE;
    "user" "policies" "Lists inline policies" Iam/ListUserPolicies [USER] NAMES;
    "user" "set-boundary" "Sets the permissions boundary" Iam/PutUserPermissionsBoundary [USER, BOUNDARY_ARN] NONE;
    "user" "clear-boundary" "Takes the permissions boundary away" Iam/DeleteUserPermissionsBoundary [USER] NONE;
    "group" "create" "Creates a group" Iam/CreateGroup [GROUP, PATH] NONE;
    "group" "get" "Shows a group" Iam/GetGroup [GROUP] NONE;
    "group" "delete" "Deletes an empty group" Iam/DeleteGroup [GROUP, ETAG] NONE;
    "group" "list" "Lists groups" Iam/ListGroups [PREFIX] GROUPS;
    "group" "add-user" "Puts a user into a group" Iam/AddUserToGroup [GROUP, USER] NONE;
    "group" "remove-user" "Takes a user out of a group" Iam/RemoveUserFromGroup [GROUP, USER] NONE;
    "group" "attach" "Attaches a managed policy" Iam/AttachGroupPolicy [GROUP, ARN] NONE;
    "group" "detach" "Detaches a managed policy" Iam/DetachGroupPolicy [GROUP, ARN] NONE;
    "group" "attached" "Lists attached policies" Iam/ListAttachedGroupPolicies [GROUP] ATTACHED;
    "group" "put-policy" "Writes an inline policy" Iam/PutGroupPolicy [GROUP, INLINE, DOCUMENT] NONE;
    "group" "get-policy" "Shows an inline policy" Iam/GetGroupPolicy [GROUP, INLINE] NONE;
    "group" "delete-policy" "Deletes an inline policy" Iam/DeleteGroupPolicy [GROUP, INLINE] NONE;
    "group" "policies" "Lists inline policies" Iam/ListGroupPolicies [GROUP] NAMES;
    "role" "create" "Creates a role" Iam/CreateRole [ROLE, f("assume_role_policy_document", "trust", Kind::FileOption, "File with the trust policy"), PATH, DESCRIPTION, f("max_session_duration", "max-session-duration", Kind::Option, "Longest session, in seconds"), BOUNDARY, TAGS] NONE;
    "role" "get" "Shows a role" Iam/GetRole [ROLE] NONE;
    "role" "set-trust" "Replaces the trust policy" Iam/UpdateAssumeRolePolicy [ROLE, DOCUMENT, ETAG] NONE;
    "role" "delete" "Deletes a role that has nothing any more" Iam/DeleteRole [ROLE, ETAG] NONE;
    "role" "list" "Lists roles" Iam/ListRoles [PREFIX] ROLES;
    "role" "attach" "Attaches a managed policy" Iam/AttachRolePolicy [ROLE, ARN] NONE;
    "role" "detach" "Detaches a managed policy" Iam/DetachRolePolicy [ROLE, ARN] NONE;
    "role" "attached" "Lists attached policies" Iam/ListAttachedRolePolicies [ROLE] ATTACHED;
    "role" "put-policy" "Writes an inline policy" Iam/PutRolePolicy [ROLE, INLINE, DOCUMENT] NONE;
    "role" "get-policy" "Shows an inline policy" Iam/GetRolePolicy [ROLE, INLINE] NONE;
    "role" "delete-policy" "Deletes an inline policy" Iam/DeleteRolePolicy [ROLE, INLINE] NONE;
    "role" "policies" "Lists inline policies" Iam/ListRolePolicies [ROLE] NAMES;
    "role" "set-boundary" "Sets the permissions boundary" Iam/PutRolePermissionsBoundary [ROLE, BOUNDARY_ARN] NONE;
    "role" "clear-boundary" "Takes the permissions boundary away" Iam/DeleteRolePermissionsBoundary [ROLE] NONE;
    "role" "assume" "Gives temporary credentials of a role" Sts/AssumeRole [f("role_arn", "ROLE_ARN", Kind::Required, "ARN of the role"), f("role_session_name", "SESSION", Kind::Required, "Name of the session"), f("duration_seconds", "duration-seconds", Kind::Option, "How long, in seconds")] NONE;
    "policy" "create" "Creates a managed policy" Iam/CreatePolicy [INLINE, DOCUMENT, PATH, DESCRIPTION] NONE;
    "policy" "get" "Shows a managed policy" Iam/GetPolicy [ARN] NONE;
    "policy" "delete" "Deletes a managed policy that is attached nowhere" Iam/DeletePolicy [ARN, ETAG] NONE;
    "policy" "list" "Lists managed policies" Iam/ListPolicies [f("scope", "scope", Kind::Option, "All, AWS or Local")] POLICIES;
    "policy" "add-version" "Adds a version, five at most" Iam/CreatePolicyVersion [ARN, DOCUMENT, f("set_as_default", "set-as-default", Kind::Flag, "It is in force at once")] NONE;
    "policy" "get-version" "Shows a version" Iam/GetPolicyVersion [ARN, VERSION] NONE;
    "policy" "versions" "Lists versions" Iam/ListPolicyVersions [ARN] VERSIONS;
    "policy" "set-default" "Puts a version into force" Iam/SetDefaultPolicyVersion [ARN, VERSION] NONE;
    "policy" "delete-version" "Deletes a version that is not in force" Iam/DeletePolicyVersion [ARN, VERSION] NONE;
    "policy" "entities" "Lists who has it attached" Iam/ListEntitiesForPolicy [ARN] ("entities", &["entity"]);
    "key" "create" "Creates an access key; its secret is shown once" Iam/CreateAccessKey [SELF] NONE;
    "key" "set" "Makes a key Active or Inactive" Iam/UpdateAccessKey [KEY, f("status", "STATUS", Kind::Required, "Active or Inactive"), OF_USER] NONE;
    "key" "delete" "Deletes a key" Iam/DeleteAccessKey [KEY, OF_USER] NONE;
    "key" "list" "Lists keys" Iam/ListAccessKeys [SELF] ("access_keys", &["access_key_id", "user_name", "status", "create_date", "last_used"]);
    "instance" "register" "Registers an instance; its secret is shown once" Instance/RegisterInstance [f("instance_profile_name", "profile-name", Kind::Option, "The instance profile whose role it has"), f("role_name", "role-name", Kind::Option, "Or else the role that it has"), f("region", "region", Kind::Option, "Its region; that of the called node by default")] NONE;
    "instance" "list" "Lists instances" Instance/ListInstances [] ("instances", &["instance_id", "region", "instance_profile_name", "role_name", "create_date"]);
    "instance" "end" "Ends an instance: its secret proves nothing any more" Instance/EndInstance [f("instance_id", "INSTANCE", Kind::Required, "i-…")] NONE;
    "cluster" "nodes" "Lists the nodes" Cluster/DescribeCluster [] ("nodes", &["id", "region", "peer_address", "client_address"]);
    "cluster" "groups" "Lists the groups and their voters" Cluster/DescribeCluster [] ("groups", &["id", "region", "voters", "leaving", "changing", "apply_version"]);
    "cluster" "register-node" "Lets a node join, before it is started" Cluster/RegisterNode [f("node.id", "NODE", Kind::Required, "Its number, never used before"), f("node.region", "REGION", Kind::Required, "Its region"), f("node.peer_address", "PEER_ADDRESS", Kind::Required, "Where peers call it, host:port"), f("node.client_address", "CLIENT_ADDRESS", Kind::Required, "Where clients call it, host:port")] NONE;
    "cluster" "create-join-token" "Makes a token with which a node joins by itself: tidegate node --join TOKEN" Membership/CreateJoinToken [f("id", "NODE", Kind::Required, "Its number, never used before"), f("region", "REGION", Kind::Required, "Its region"), f("lifetime", "lifetime", Kind::Option, "How long it is good for, such as 30m: 15 minutes by default")] NONE;
    "cluster" "change-voters" "Gives groups other voters; see groups for when it is done" Cluster/ChangeVoters [f("voters", "VOTERS", Kind::Required, "Nodes of the home region, such as 1,2,6"), f("groups", "groups", Kind::Option, "Only these, such as 0,3; all by default")] NONE;
    "cluster" "remove-node" "Takes a node out for good" Cluster/RemoveNode [f("id", "NODE", Kind::Required, "Its number")] NONE;
    "cluster" "members" "Lists the nodes with what is to become of them" Membership/DescribeMembership [] ("nodes", &["id", "region", "state", "voter_of"]);
    "cluster" "moves" "Lists the accounts that are being moved" Membership/DescribeMembership [] ("moves", &["account_id", "from", "to", "arrived", "moved"]);
    "cluster" "drain" "Lets a node lead nothing and send clients elsewhere" Membership/DrainNode [NODE, f("end", "end", Kind::Flag, "It takes part again")] NONE;
    "cluster" "leave" "Lets a node hand over its votes and what it wrote, and takes it out; see members for when it is done" Membership/RetireNode [NODE, f("replacement", "replacement", Kind::Option, "The node that votes in its place")] NONE;
    "cluster" "evict" "Takes out a node that is away; when it comes back it hands over what it alone has, and begins anew" Membership/EvictNode [NODE] NONE;
    "cluster" "transfer-leader" "Lets a voter lead" Membership/TransferLeader [NODE, f("groups", "groups", Kind::Option, "Only these, such as 0,3; all that it votes in by default")] NONE;
    "cluster" "add-group" "Adds a group of accounts in the home region of its voters" Membership/AddGroup [f("voters", "VOTERS", Kind::Required, "Nodes of one region, such as 4,5,6")] NONE;
    "cluster" "move-account" "Moves an account to another group; see moves for how far it is" Membership/MoveAccount [f("account_id", "ACCOUNT", Kind::Required, "12 digits"), f("group", "GROUP", Kind::Required, "The group's number")] NONE;
    "cluster" "recover" "Goes on with groups whose voters are lost for good, from what the others have: says what would be done and may be lost, and does it with --yes" Membership/RecoverCluster [f("voters", "VOTERS", Kind::Required, "Who votes from then on: reachable nodes of one region, such as 4,5,6"), f("execute", "yes", Kind::Flag, "Does it"), f("order", "recovery-key", Kind::Local, "The private half of the recovery key, where the nodes have the public one: signs what is then done")] NONE;
    "cluster" "set-issuing" "Says whether sessions count that a node has issued; without --allowed they are void" Cluster/SetIssuing [f("id", "NODE", Kind::Required, "Its number"), f("allowed", "allowed", Kind::Flag, "They count")] NONE;
    "cluster" "links" "Lists the links that the nodes shape, in development mode" Cluster/ListLinks [] ("links", &["from_region", "to_region", "delay", "delay_max", "sigma", "loss", "duplication", "reordering", "frozen", "partitioned"]);
    "cluster" "set-link" "Shapes what the nodes of one region send to another, one way, in development mode" Cluster/SetLink [FROM, TO, f("link.delay", "delay", Kind::Option, "One way, such as 40ms"), f("link.delay_max", "delay-max", Kind::Option, "Uniform between delay and this"), f("link.sigma", "sigma", Kind::Option, "Log-normal around delay"), f("link.loss", "loss", Kind::Option, "Share of messages lost, 0 to 1"), f("link.duplication", "duplication", Kind::Option, "Share that comes twice"), f("link.reordering", "reordering", Kind::Option, "Share that overtakes"), f("link.frozen", "frozen", Kind::Flag, "Messages wait until the link is set again"), f("link.partitioned", "partitioned", Kind::Flag, "Messages are lost until the link is set again")] NONE;
    "cluster" "clear-links" "Makes every link plain again, in development mode" Cluster/ClearLinks [] NONE;
    "cluster" "node" "Shows how the asked node itself is" Cluster/DescribeNode [] NONE;
    "cluster" "set-propagation" "Sets how long changes take to decide where they have arrived, in development mode" Cluster/SetPropagationModel [f("model", "MODEL", Kind::Required, "instant, aws-like, google-like or worst-legal-order"), f("seed", "seed", Kind::Option, "What the delays are drawn from")] NONE;
    "cluster" "freeze" "Lets nothing new decide at the nodes that --at names, in development mode" Cluster/FreezePropagation [] NONE;
    "cluster" "thaw" "Lets changes decide again, in development mode" Cluster/ThawPropagation [] NONE;
    "cluster" "hold" "Holds a change back at the nodes that --at names, in development mode" Cluster/HoldChange [TOKEN] NONE;
    "cluster" "release" "Lets everything up to a change decide, in development mode" Cluster/ReleaseChange [TOKEN] NONE;
    "cluster" "set-clock" "Sets the clock that all nodes go by, in development mode" Cluster/SetClock [f("advance", "advance", Kind::Option, "So much later, such as 2h"), f("freeze", "freeze", Kind::Flag, "It stands still"), f("thaw", "thaw", Kind::Flag, "It runs on from where it stands")] NONE;
    "cluster" "held" "Lists changes that have arrived and do not decide yet" Cluster/ListHeldChanges [] ("changes", &["group", "revision", "due", "held"]);
}

const NOUNS: &[(&str, &str)] = &[
    ("account", "Accounts"),
    ("user", "Users of the caller's account"),
    ("group", "Groups of users"),
    ("role", "Roles, and sessions of them"),
    ("policy", "Managed policies and their versions; policies in files"),
    ("key", "Access keys"),
    ("instance", "Instances, whose workloads are given a role's credentials"),
    ("cluster", "Nodes, groups and links of the cluster; for operators"),
];

fn argument(field: &Field) -> Arg {
    let arg = Arg::new(field.name).help(field.about);
    match field.kind {
        Kind::Required | Kind::File => arg.required(true).value_name(field.name),
        Kind::Optional => arg.value_name(field.name),
        Kind::Option => arg.long(field.name).value_name("VALUE"),
        Kind::FileOption => arg.long(field.name).value_name("FILE").required(true),
        Kind::Flag => arg.long(field.name).action(ArgAction::SetTrue),
        Kind::Local => arg.long(field.name).value_name("FILE"),
        Kind::Tags => arg.long(field.name).value_name("KEY=VALUE").action(ArgAction::Append),
    }
}

/// The commands as clap knows them.
pub(crate) fn commands() -> Vec<Command> {
    let verb = |v: &Verb| Command::new(v.name).about(v.about).args(v.fields.iter().map(argument));
    NOUNS
        .iter()
        .map(|(noun, about)| {
            let verbs = VERBS.iter().filter(|v| v.noun == *noun).map(verb);
            Command::new(*noun)
                .about(*about)
                .subcommand_required(true)
                .arg_required_else_help(true)
                .subcommands(verbs)
        })
        .collect()
}

/// The verb that was asked for, with what was said to it.
pub(crate) fn asked(matches: &ArgMatches) -> Option<(&'static Verb, &ArgMatches)> {
    let (noun, matches) = matches.subcommand()?;
    let (verb, matches) = matches.subcommand()?;
    let found = VERBS.iter().find(|v| v.noun == noun && v.name == verb)?;
    Some((found, matches))
}
