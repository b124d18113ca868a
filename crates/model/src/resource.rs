//! What an account holds besides users, groups, roles and policies: instance profiles, identity providers, its alias, its password
//! policy, login profiles, MFA devices, certificates, keys and the like. One kind of record for all of them, so that a new kind is a body, a
//! row in a table, and its rules.

mod held;
mod instance;
mod password;

use prost::{Message, Oneof};

use crate::{AccountState, Command, mfa::MfaDevice, record::Tag};

pub use held::{
    AccessReport, AccountProperties, CredentialReport, ReportKind, RoleDeletion, ServerCertificate,
    ServiceCredential, SigningCertificate, SshPublicKey, TokenPreferences, held_name, holder,
};
pub use instance::{EC2, role_of_instance, trusts_service};
pub use password::violation as password_violation;

/// The kinds of resources. The numbers are stored and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceKind {
    /// A role in the form in which instances are given it.
    InstanceProfile = 1,
    /// A provider of `OpenID` Connect tokens.
    OidcProvider = 2,
    /// A provider of SAML assertions.
    SamlProvider = 3,
    /// The account's alias.
    AccountAlias = 4,
    /// What passwords must be like.
    PasswordPolicy = 5,
    /// A user's password.
    LoginProfile = 6,
    /// A certificate that servers show.
    ServerCertificate = 50,
    /// A user's certificate for signing.
    SigningCertificate = 51,
    /// A user's SSH public key.
    SshPublicKey = 52,
    /// A user's credential for one service.
    ServiceCredential = 53,
    /// What became of the deletion of a service-linked role.
    RoleDeletion = 54,
    /// A report on when services were used last, as it was asked for.
    AccessReport = 55,
    /// Settings of the account by name.
    AccountProperties = 56,
    /// Which version of session tokens the account prefers.
    TokenPreferences = 57,
    /// That a credential report was asked for.
    CredentialReport = 58,
    /// A workload that is given a role's credentials.
    Instance = 65,
    /// A virtual MFA device.
    MfaDevice = 40,
}

/// What AWS says of a kind: its name in errors, the word in ARNs, quota and its name.
struct Row {
    title: &'static str,
    arn: &'static str,
    quota: (&'static str, usize),
}

impl ResourceKind {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::InstanceProfile,
        Self::OidcProvider,
        Self::SamlProvider,
        Self::AccountAlias,
        Self::PasswordPolicy,
        Self::LoginProfile,
        Self::ServerCertificate,
        Self::SigningCertificate,
        Self::SshPublicKey,
        Self::ServiceCredential,
        Self::RoleDeletion,
        Self::AccessReport,
        Self::AccountProperties,
        Self::TokenPreferences,
        Self::CredentialReport,
        Self::Instance,
        Self::MfaDevice,
    ];

    /// The kind with this number.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.iter().copied().find(|k| *k as u32 == number)
    }

    fn row(self) -> Row {
        let row = |title, arn, quota| Row { title, arn, quota };
        match self {
            Self::InstanceProfile => {
                row("Instance Profile", "instance-profile", ("InstanceProfilesPerAccount", 1_000))
            }
            Self::OidcProvider => row(
                "OpenIDConnect Provider",
                "oidc-provider",
                ("OpenIdConnectProvidersPerAccount", 100),
            ),
            Self::SamlProvider => {
                row("SAML Provider", "saml-provider", ("SAMLProvidersPerAccount", 100))
            }
            Self::AccountAlias => row("Account Alias", "", ("AccountAliasesPerAccount", 1)),
            Self::PasswordPolicy => row("Password Policy", "", ("PasswordPoliciesPerAccount", 1)),
            Self::LoginProfile => row("Login Profile", "", ("LoginProfilesPerAccount", 5_000)),
            Self::ServerCertificate => row(
                "Server Certificate",
                "server-certificate",
                ("ServerCertificatesPerAccount", crate::SERVER_CERTIFICATES_MAX),
            ),
            Self::SigningCertificate => row(
                "Certificate",
                "",
                ("SigningCertificatesPerUser", crate::SIGNING_CERTIFICATES_MAX),
            ),
            Self::SshPublicKey => {
                row("Public Key", "", ("SSHPublicKeysPerUser", crate::SSH_KEYS_MAX))
            }
            Self::ServiceCredential => row(
                "Service Specific Credential",
                "",
                ("ServiceSpecificCredentialsPerUser", crate::SERVICE_CREDENTIALS_MAX),
            ),
            Self::RoleDeletion => {
                row("Deletion Task", "", ("RoleDeletionsPerAccount", crate::TASKS_MAX))
            }
            Self::AccessReport => row("Job", "", ("AccessReportsPerAccount", crate::TASKS_MAX)),
            Self::AccountProperties => {
                row("Account Properties", "", ("AccountPropertiesPerAccount", 1))
            }
            Self::CredentialReport => {
                row("Credential Report", "", ("CredentialReportsPerAccount", 1))
            }
            Self::TokenPreferences => {
                row("Token Preferences", "", ("TokenPreferencesPerAccount", 1))
            }
            Self::Instance => row("Instance", "instance", ("InstancesPerAccount", 10_000)),
            Self::MfaDevice => {
                row("VirtualMFADevice", "mfa", ("VirtualMFADevicesPerAccount", 5_000))
            }
        }
    }

    /// The quota's name and the most that an account may have.
    pub(crate) fn quota(self) -> (&'static str, usize) {
        self.row().quota
    }

    /// How AWS calls one in its errors.
    pub fn title(self) -> &'static str {
        self.row().title
    }

    /// The ARN of one in an account; of what has none, that of what it belongs to. `path` is an instance's region.
    pub fn arn(self, account: &AccountState, path: &str, name: &str) -> String {
        let path = if path.is_empty() { "/" } else { path };
        match self {
            Self::AccountAlias
            | Self::PasswordPolicy
            | Self::RoleDeletion
            | Self::AccessReport
            | Self::AccountProperties
            | Self::TokenPreferences
            | Self::CredentialReport => "*".to_owned(),
            Self::SigningCertificate | Self::SshPublicKey | Self::ServiceCredential => {
                held::holder_arn(account, name)
            }
            Self::LoginProfile => {
                let path = account.user(name).map_or("/", |u| u.value.path.as_str());
                account.arn(crate::EntityKind::User, path, name)
            }
            Self::Instance => instance::arn(account, path, name),
            Self::InstanceProfile
            | Self::OidcProvider
            | Self::SamlProvider
            | Self::MfaDevice
            | Self::ServerCertificate => {
                let (partition, word) = (account.partition(), self.row().arn);
                format!("arn:{partition}:iam::{}:{word}{path}{name}", account.id())
            }
        }
    }
}

macro_rules! messages {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident : $type:ty = $attr:tt);* $(;)? })*) => {
        $($(#[$doc])* #[derive(Clone, PartialEq, Eq, Message)]
        pub struct $name { $($(#[$field_doc])* #[prost $attr] pub $field: $type,)* })*
    };
}

messages! {
    /// A resource as it is stored.
    Resource {
        /// Its name as typed; for an OIDC provider its URL without the scheme.
        name: String = (string, tag = "1");
        /// Its path, where it has one; of an instance its region.
        path: String = (string, tag = "2");
        /// Its unique id, where it has one.
        id: String = (string, tag = "3");
        /// When it was created, in milliseconds since the Unix epoch.
        created: u64 = (uint64, tag = "4");
        /// Its tags.
        tags: Vec<Tag> = (message, repeated, tag = "5");
        /// What it is.
        body: Option<Body> = (oneof = "Body", tags = "16, 17, 18, 19, 20, 21, 40, 50, 51, 52, 53, 54, 55, 56, 57, 58, 120");
    }
    /// See [`ResourceKind::InstanceProfile`].
    InstanceProfile {
        /// The name of its role in lower case; empty: none.
        role: String = (string, tag = "1");
    }
    /// See [`ResourceKind::OidcProvider`].
    OidcProvider {
        /// Audiences.
        client_ids: Vec<String> = (string, repeated, tag = "1");
        /// SHA-1 fingerprints of certificates, in hexadecimal.
        thumbprints: Vec<String> = (string, repeated, tag = "2");
    }
    /// See [`ResourceKind::SamlProvider`].
    SamlProvider {
        /// The metadata document.
        metadata: String = (string, tag = "1");
        /// Until when it is good, in milliseconds since the Unix epoch.
        valid_until: u64 = (uint64, tag = "2");
    }
    /// See [`ResourceKind::AccountAlias`].
    AccountAlias {
        /// Log index of the directory at which it was reserved.
        reserved: u64 = (uint64, tag = "1");
    }
    /// See [`ResourceKind::PasswordPolicy`]; 0 where nothing is asked for.
    PasswordPolicy {
        /// Least length.
        length_min: u32 = (uint32, tag = "1");
        /// Whether a symbol is needed.
        symbols: bool = (bool, tag = "2");
        /// Whether a digit is needed.
        numbers: bool = (bool, tag = "3");
        /// Whether an upper case letter is needed.
        uppercase: bool = (bool, tag = "4");
        /// Whether a lower case letter is needed.
        lowercase: bool = (bool, tag = "5");
        /// Whether users may change their own.
        users_may_change: bool = (bool, tag = "6");
        /// Days until a password is over; 0: never.
        age_days_max: u32 = (uint32, tag = "7");
        /// How many passwords before can't be used again.
        reuse_prevention: u32 = (uint32, tag = "8");
        /// Whether a password that is over can't be changed by its user.
        hard_expiry: Option<bool> = (bool, optional, tag = "9");
    }
    /// See [`ResourceKind::LoginProfile`]. Its name is that of the user.
    LoginProfile {
        /// The password's hash, in the form that says how it was made.
        hash: String = (string, tag = "1");
        /// Whether the password must be changed at first use; in a change, absent: as it was.
        reset_required: Option<bool> = (bool, optional, tag = "2");
        /// When the password was set, in milliseconds since the Unix epoch.
        changed: u64 = (uint64, tag = "3");
        /// Hashes of the passwords before, the newest first: as many as a password policy can ask not to be used again.
        previous: Vec<String> = (string, repeated, tag = "4");
    }
    /// See [`ResourceKind::Instance`]. Its name is its id, `i-…`.
    Instance {
        /// The name of its instance profile in lower case; empty: it has its role by name.
        profile: String = (string, tag = "1");
        /// The name of its role in lower case; empty: it has that of its profile.
        role: String = (string, tag = "2");
        /// SHA-256 of its secret, which is 256 random bits: no slower hash is needed.
        secret_hash: Vec<u8> = (bytes = "vec", tag = "3");
    }
    /// Changes one resource.
    ChangeResource {
        /// Its kind.
        kind: u32 = (uint32, tag = "1");
        /// Its name.
        name: String = (string, tag = "2");
        /// What to do.
        change: Option<Change> = (oneof = "Change", tags = "16, 17, 18, 19, 20");
    }
    /// Puts tags on something, or takes them off.
    ChangeTags {
        /// 1 user, 3 role, 4 managed policy (by ARN); 100 and more: a resource, its kind and 100.
        kind: u32 = (uint32, tag = "1");
        /// Its name, or ARN.
        name: String = (string, tag = "2");
        /// Tags to put on; empty: take off.
        put: Vec<Tag> = (message, repeated, tag = "3");
        /// Keys of the tags to take off.
        remove: Vec<String> = (string, repeated, tag = "4");
    }
    /// Renames or moves a group.
    UpdateGroup {
        /// Name.
        name: String = (string, tag = "1");
        /// New name, or empty.
        new_name: String = (string, tag = "2");
        /// New path, or empty.
        new_path: String = (string, tag = "3");
    }
}

/// What a resource is.
#[derive(Clone, PartialEq, Eq, Oneof)]
pub enum Body {
    /// See [`InstanceProfile`].
    #[prost(message, tag = "16")]
    InstanceProfile(InstanceProfile),
    /// See [`OidcProvider`].
    #[prost(message, tag = "17")]
    OidcProvider(OidcProvider),
    /// See [`SamlProvider`].
    #[prost(message, tag = "18")]
    SamlProvider(SamlProvider),
    /// See [`AccountAlias`].
    #[prost(message, tag = "19")]
    AccountAlias(AccountAlias),
    /// See [`PasswordPolicy`].
    #[prost(message, tag = "20")]
    PasswordPolicy(PasswordPolicy),
    /// See [`LoginProfile`].
    #[prost(message, tag = "21")]
    LoginProfile(LoginProfile),
    /// See [`ServerCertificate`].
    #[prost(message, tag = "50")]
    ServerCertificate(ServerCertificate),
    /// See [`SigningCertificate`].
    #[prost(message, tag = "51")]
    SigningCertificate(SigningCertificate),
    /// See [`SshPublicKey`].
    #[prost(message, tag = "52")]
    SshPublicKey(SshPublicKey),
    /// See [`ServiceCredential`].
    #[prost(message, tag = "53")]
    ServiceCredential(ServiceCredential),
    /// See [`RoleDeletion`].
    #[prost(message, tag = "54")]
    RoleDeletion(RoleDeletion),
    /// See [`AccessReport`].
    #[prost(message, tag = "55")]
    AccessReport(AccessReport),
    /// See [`AccountProperties`].
    #[prost(message, tag = "56")]
    AccountProperties(AccountProperties),
    /// See [`TokenPreferences`].
    #[prost(message, tag = "57")]
    TokenPreferences(TokenPreferences),
    /// See [`CredentialReport`].
    #[prost(message, tag = "58")]
    CredentialReport(CredentialReport),
    /// See [`Instance`].
    #[prost(message, tag = "120")]
    Instance(Instance),
    /// See [`MfaDevice`].
    #[prost(message, tag = "40")]
    MfaDevice(MfaDevice),
}

impl Body {
    /// The kind of resource that this is the body of.
    pub fn kind(&self) -> ResourceKind {
        match self {
            Self::InstanceProfile(_) => ResourceKind::InstanceProfile,
            Self::OidcProvider(_) => ResourceKind::OidcProvider,
            Self::SamlProvider(_) => ResourceKind::SamlProvider,
            Self::AccountAlias(_) => ResourceKind::AccountAlias,
            Self::PasswordPolicy(_) => ResourceKind::PasswordPolicy,
            Self::LoginProfile(_) => ResourceKind::LoginProfile,
            Self::ServerCertificate(_) => ResourceKind::ServerCertificate,
            Self::SigningCertificate(_) => ResourceKind::SigningCertificate,
            Self::SshPublicKey(_) => ResourceKind::SshPublicKey,
            Self::ServiceCredential(_) => ResourceKind::ServiceCredential,
            Self::RoleDeletion(_) => ResourceKind::RoleDeletion,
            Self::AccessReport(_) => ResourceKind::AccessReport,
            Self::AccountProperties(_) => ResourceKind::AccountProperties,
            Self::TokenPreferences(_) => ResourceKind::TokenPreferences,
            Self::CredentialReport(_) => ResourceKind::CredentialReport,
            Self::Instance(_) => ResourceKind::Instance,
            Self::MfaDevice(_) => ResourceKind::MfaDevice,
        }
    }
}

/// What is done to a resource.
#[derive(Clone, PartialEq, Eq, Oneof)]
pub enum Change {
    /// Makes it.
    #[prost(message, tag = "16")]
    Create(Resource),
    /// Changes what its body says; the rest stays.
    #[prost(message, tag = "17")]
    Update(Resource),
    /// Takes it away.
    #[prost(bool, tag = "18")]
    Delete(bool),
    /// Gives it one more role or client id.
    #[prost(string, tag = "19")]
    Add(String),
    /// Takes a role or client id from it.
    #[prost(string, tag = "20")]
    Remove(String),
}

/// The action that a change of a resource needs, without its service where that is IAM.
fn action(kind: ResourceKind, change: &Change) -> &'static str {
    match (kind, change) {
        (ResourceKind::InstanceProfile, Change::Create(_)) => "CreateInstanceProfile",
        (ResourceKind::InstanceProfile, Change::Add(_)) => "AddRoleToInstanceProfile",
        (ResourceKind::InstanceProfile, Change::Remove(_)) => "RemoveRoleFromInstanceProfile",
        (ResourceKind::InstanceProfile, _) => "DeleteInstanceProfile",
        (ResourceKind::OidcProvider, Change::Create(_)) => "CreateOpenIDConnectProvider",
        (ResourceKind::OidcProvider, Change::Update(_)) => "UpdateOpenIDConnectProviderThumbprint",
        (ResourceKind::OidcProvider, Change::Add(_)) => "AddClientIDToOpenIDConnectProvider",
        (ResourceKind::OidcProvider, Change::Remove(_)) => {
            "RemoveClientIDFromOpenIDConnectProvider"
        }
        (ResourceKind::OidcProvider, _) => "DeleteOpenIDConnectProvider",
        (ResourceKind::SamlProvider, Change::Create(_)) => "CreateSAMLProvider",
        (ResourceKind::SamlProvider, Change::Update(_)) => "UpdateSAMLProvider",
        (ResourceKind::SamlProvider, _) => "DeleteSAMLProvider",
        (ResourceKind::AccountAlias, Change::Create(_)) => "CreateAccountAlias",
        (ResourceKind::AccountAlias, _) => "DeleteAccountAlias",
        (ResourceKind::PasswordPolicy, Change::Delete(_)) => "DeleteAccountPasswordPolicy",
        (ResourceKind::PasswordPolicy, _) => "UpdateAccountPasswordPolicy",
        (ResourceKind::LoginProfile, Change::Create(_)) => "CreateLoginProfile",
        (ResourceKind::LoginProfile, Change::Update(_)) => "UpdateLoginProfile",
        (ResourceKind::LoginProfile, _) => "DeleteLoginProfile",
        (ResourceKind::Instance, Change::Create(_)) => "tidegate:RegisterInstance",
        (ResourceKind::Instance, _) => "tidegate:EndInstance",
        (ResourceKind::MfaDevice, Change::Create(_)) => "CreateVirtualMFADevice",
        (ResourceKind::MfaDevice, _) => "DeleteVirtualMFADevice",
        (kind, change) => held::action(kind, change),
    }
}

fn of_change(c: &ChangeResource, account: &AccountState) -> Option<Vec<(String, String)>> {
    let (kind, change) = (ResourceKind::from_number(c.kind)?, c.change.as_ref()?);
    if let Some(all) = held::permissions(c, kind, change, account) {
        return Some(all);
    }
    let path = match change {
        Change::Create(new) => new.path.clone(),
        _ => account.resource(kind, &c.name).map(|r| r.value.path.clone()).unwrap_or_default(),
    };
    let needed = action(kind, change);
    let needed = if needed.contains(':') { needed.to_owned() } else { format!("iam:{needed}") };
    let mut all = vec![(needed, kind.arn(account, &path, &c.name))];
    if let Change::Create(new) = change {
        all.extend(instance::pass_role(account, new));
    }
    if let (ResourceKind::InstanceProfile, Change::Add(role)) = (kind, change) {
        let path = account.role(role).map_or("/", |r| r.value.path.as_str());
        all.push(("iam:PassRole".to_owned(), account.arn(crate::EntityKind::Role, path, role)));
    }
    Some(all)
}

fn of_tags(c: &ChangeTags, account: &AccountState) -> Option<Vec<(String, String)>> {
    use crate::EntityKind::{Role, User};
    let (word, arn) = match c.kind {
        1 => {
            let path = account.user(&c.name).map_or("/", |u| u.value.path.as_str());
            ("User", account.arn(User, path, &c.name))
        }
        3 => {
            let path = account.role(&c.name).map_or("/", |r| r.value.path.as_str());
            ("Role", account.arn(Role, path, &c.name))
        }
        4 => ("Policy", c.name.clone()),
        other => {
            let kind = ResourceKind::from_number(other.checked_sub(100)?)?;
            let word = match kind {
                ResourceKind::InstanceProfile => "InstanceProfile",
                ResourceKind::OidcProvider => "OpenIDConnectProvider",
                ResourceKind::SamlProvider => "SAMLProvider",
                ResourceKind::ServerCertificate => "ServerCertificate",
                ResourceKind::MfaDevice => "MFADevice",
                _ => return None,
            };
            let path = account.resource(kind, &c.name).map(|r| r.value.path.clone());
            (word, kind.arn(account, &path.unwrap_or_default(), &c.name))
        }
    };
    let verb = if c.put.is_empty() { "Untag" } else { "Tag" };
    Some(vec![(format!("iam:{verb}{word}"), arn)])
}

/// The permissions that one of this module's commands needs; none where it is no command that can be done.
pub(crate) fn permissions(command: &Command, account: &AccountState) -> Vec<(String, String)> {
    match command {
        Command::ChangeResource(c) => of_change(c, account).unwrap_or_default(),
        Command::ChangeTags(c) => of_tags(c, account).unwrap_or_default(),
        Command::UpdateGroup(c) => {
            let path = account.group(&c.name).map_or("/", |g| g.value.path.as_str());
            let arn = |path: &str, name: &str| account.arn(crate::EntityKind::Group, path, name);
            let old = ("iam:UpdateGroup".to_owned(), arn(path, &c.name));
            let path = if c.new_path.is_empty() { path } else { &c.new_path };
            let name = if c.new_name.is_empty() { &c.name } else { &c.new_name };
            vec![old, ("iam:UpdateGroup".to_owned(), arn(path, name))]
        }
        _ => Vec::new(),
    }
}
