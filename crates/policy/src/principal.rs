//! Who asks: the identity and the condition keys that follow from it.

use std::sync::Arc;

use crate::{AccountId, Arn, Organization, SessionContext};

/// What kind of identity this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PrincipalKind {
    /// The root user of an account.
    Root,
    /// An IAM user.
    User,
    /// A session of a role.
    AssumedRole,
    /// A session of a federated user.
    FederatedUser,
    /// A service.
    Service,
    /// Somebody for whom an identity provider speaks and who has no session yet.
    Federated,
    /// Nobody in particular.
    Anonymous,
}

impl PrincipalKind {
    /// The value of `aws:PrincipalType`.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::Root => "Account",
            Self::User => "User",
            Self::AssumedRole => "AssumedRole",
            Self::FederatedUser => "FederatedUser",
            Self::Service => "Service",
            Self::Federated => "Federated",
            Self::Anonymous => "Anonymous",
        }
    }

    /// Whether nothing is attached to it: it belongs to no account, and only resources can let it in.
    pub(crate) fn is_homeless(self) -> bool {
        matches!(self, Self::Service | Self::Federated | Self::Anonymous)
    }

    /// Whether it is a session with an ARN of its own, besides that of the user or role behind it.
    pub(crate) fn is_session(self) -> bool {
        matches!(self, Self::AssumedRole | Self::FederatedUser)
    }
}

/// An identity that asks. The condition keys that follow from it (`aws:PrincipalArn`, `aws:userid`, `aws:PrincipalTag/…`) are
/// answered from here and can't be overridden by a request's context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// What it is.
    pub kind: PrincipalKind,
    /// Its account; services, anonymous callers and those of an identity provider have none.
    pub account: Option<AccountId>,
    /// Its own ARN; for a session the session's. A service's name, or a provider's ARN or domain.
    pub arn: Arc<str>,
    /// What `aws:PrincipalArn` holds: the role's ARN for a role session, else its own.
    pub principal_arn: Arc<str>,
    /// The ARN of the user or role behind it: of a role session the role, of a federated session the user who asked for it.
    pub entity_arn: Arc<str>,
    /// The unique id of the user or role behind it, `AIDA…` or `AROA…`; empty where there is none.
    pub entity_id: Arc<str>,
    /// What `aws:userid` holds: `AIDA…`, `AROA…:session`, or the account of a root user.
    pub user_id: Arc<str>,
    /// The name of an IAM user.
    pub username: Option<Arc<str>>,
    /// Tags of the principal, keys as typed; of a session those of role and session together.
    pub tags: Arc<[(Arc<str>, Arc<str>)]>,
    /// Where its account stands in its organization.
    pub organization: Option<Arc<Organization>>,
    /// What its temporary credentials know; `None` for long-term ones.
    pub session: Option<Arc<SessionContext>>,
    /// All names of a service, the one that it comes by among them.
    pub service_names: Arc<[String]>,
    /// Whether its role is linked to a service: no policy of an organization binds it.
    pub service_linked: bool,
    /// The canonical user id of its account, by which older policies name it.
    pub canonical_user_id: Option<Arc<str>>,
}

impl Principal {
    /// One with a single name and nothing else.
    fn bare(kind: PrincipalKind, account: Option<AccountId>, arn: Arc<str>) -> Self {
        Self {
            kind,
            account,
            principal_arn: Arc::clone(&arn),
            entity_arn: Arc::clone(&arn),
            entity_id: Arc::default(),
            user_id: Arc::clone(&arn),
            arn,
            username: None,
            tags: Arc::default(),
            organization: None,
            session: None,
            service_names: Arc::default(),
            service_linked: false,
            canonical_user_id: None,
        }
    }

    /// The root user of `account`.
    pub fn root(account: AccountId) -> Self {
        let arn = format!("arn:aws:iam::{account}:root").into();
        Self {
            user_id: account.as_str().into(),
            ..Self::bare(PrincipalKind::Root, Some(account), arn)
        }
    }

    /// A user with its path (`/` or `/team/`), name and unique id. With [`Principal::with_session`] it is a session of
    /// `GetSessionToken`, which acts as the user.
    pub fn user(account: AccountId, path: &str, name: &str, unique_id: &str) -> Self {
        let arn = format!("arn:aws:iam::{account}:user{path}{name}").into();
        let id: Arc<str> = unique_id.into();
        Self {
            user_id: Arc::clone(&id),
            entity_id: id,
            username: Some(name.into()),
            ..Self::bare(PrincipalKind::User, Some(account), arn)
        }
    }

    /// A session of a role. The session's ARN has no path; the role's keeps it. A role below `/aws-service-role/` is linked to a
    /// service.
    pub fn role_session(
        account: AccountId,
        path: &str,
        role: &str,
        role_id: &str,
        session: &str,
    ) -> Self {
        let arn = format!("arn:aws:sts::{account}:assumed-role/{role}/{session}").into();
        let role_arn: Arc<str> = format!("arn:aws:iam::{account}:role{path}{role}").into();
        Self {
            principal_arn: Arc::clone(&role_arn),
            entity_arn: role_arn,
            entity_id: role_id.into(),
            user_id: format!("{role_id}:{session}").into(),
            service_linked: path.starts_with("/aws-service-role/"),
            ..Self::bare(PrincipalKind::AssumedRole, Some(account), arn)
        }
    }

    /// A session of a federated user that the user `user` (with its path and unique id) asked for: `session` is its name.
    pub fn federated_user(
        account: AccountId,
        path: &str,
        user: &str,
        unique_id: &str,
        session: &str,
    ) -> Self {
        let arn = format!("arn:aws:sts::{account}:federated-user/{session}").into();
        Self {
            entity_arn: format!("arn:aws:iam::{account}:user{path}{user}").into(),
            entity_id: unique_id.into(),
            user_id: format!("{account}:{session}").into(),
            ..Self::bare(PrincipalKind::FederatedUser, Some(account), arn)
        }
    }

    /// Whoever comes without credentials.
    pub fn anonymous() -> Self {
        Self {
            user_id: "anonymous".into(),
            ..Self::bare(PrincipalKind::Anonymous, None, "*".into())
        }
    }

    /// A service, such as `ec2.amazonaws.com`.
    pub fn service(name: &str) -> Self {
        Self {
            service_names: [name.to_owned()].into(),
            ..Self::bare(PrincipalKind::Service, None, name.into())
        }
    }

    /// Somebody for whom an identity provider speaks, before a role's trust policy gives a session: the ARN of a SAML or OIDC
    /// provider, or a domain such as `accounts.google.com`.
    pub fn federated(provider: &str) -> Self {
        Self::bare(PrincipalKind::Federated, None, provider.into())
    }

    /// The same in another partition than `aws`: what its ARNs begin with.
    #[must_use]
    pub fn in_partition(mut self, partition: &str) -> Self {
        if partition != "aws" {
            for arn in [&mut self.arn, &mut self.principal_arn, &mut self.entity_arn] {
                if let Some(rest) = arn.strip_prefix("arn:aws:") {
                    *arn = format!("arn:{partition}:{rest}").into();
                }
            }
        }
        self
    }

    /// The same with these tags.
    #[must_use]
    pub fn with_tags<'t>(mut self, tags: impl IntoIterator<Item = (&'t str, &'t str)>) -> Self {
        self.tags = tags.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        self
    }

    /// The same with temporary credentials that know this.
    #[must_use]
    pub fn with_session(mut self, session: SessionContext) -> Self {
        self.session = Some(Arc::new(session));
        self
    }

    /// The same in an organization.
    #[must_use]
    pub fn with_organization(mut self, organization: Arc<Organization>) -> Self {
        self.organization = Some(organization);
        self
    }

    /// A service under all of its names, regional ones too: what `aws:PrincipalServiceNamesList` holds.
    #[must_use]
    pub fn with_service_names(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.service_names = names.into_iter().collect();
        self
    }

    /// Its ARN, where it has one.
    pub fn parsed_arn(&self) -> Option<Arn> {
        Arn::parse(&self.arn).ok()
    }

    /// The value of its tag `key`, compared without regard to case.
    pub fn tag(&self, key: &str) -> Option<&str> {
        let found = self.tags.iter().find(|(k, _)| k.eq_ignore_ascii_case(key));
        found.map(|(_, value)| &**value)
    }
}
