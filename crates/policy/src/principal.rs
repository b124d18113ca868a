//! Who asks: the identity and the condition keys that follow from it.

use std::sync::Arc;

use crate::{AccountId, Arn};

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
            Self::Anonymous => "Anonymous",
        }
    }
}

/// An identity that asks. The condition keys that follow from it (`aws:PrincipalArn`, `aws:userid`, `aws:PrincipalTag/…`) are
/// answered from here and can't be overridden by a request's context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// What it is.
    pub kind: PrincipalKind,
    /// Its account; anonymous callers and services have none.
    pub account: Option<AccountId>,
    /// Its own ARN; for a role session the session's.
    pub arn: Arc<str>,
    /// What `aws:PrincipalArn` holds: the role's ARN for a role session.
    pub principal_arn: Arc<str>,
    /// What `aws:userid` holds: `AIDA…`, `AROA…:session`, or the account of a root user.
    pub user_id: Arc<str>,
    /// The name of an IAM user.
    pub username: Option<Arc<str>>,
    /// Tags of the principal, keys as typed.
    pub tags: Vec<(Arc<str>, Arc<str>)>,
}

impl Principal {
    /// The root user of `account`.
    pub fn root(account: AccountId) -> Self {
        let arn: Arc<str> = format!("arn:aws:iam::{account}:root").into();
        Self {
            kind: PrincipalKind::Root,
            account: Some(account),
            principal_arn: Arc::clone(&arn),
            arn,
            user_id: account.to_string().into(),
            username: None,
            tags: Vec::new(),
        }
    }

    /// A user with its path (`/` or `/team/`), name and unique id.
    pub fn user(account: AccountId, path: &str, name: &str, unique_id: &str) -> Self {
        let arn: Arc<str> = format!("arn:aws:iam::{account}:user{path}{name}").into();
        Self {
            kind: PrincipalKind::User,
            account: Some(account),
            principal_arn: Arc::clone(&arn),
            arn,
            user_id: unique_id.into(),
            username: Some(name.into()),
            tags: Vec::new(),
        }
    }

    /// A session of a role. The session's ARN has no path; the role's keeps it.
    pub fn role_session(
        account: AccountId,
        path: &str,
        role: &str,
        role_id: &str,
        session: &str,
    ) -> Self {
        Self {
            kind: PrincipalKind::AssumedRole,
            account: Some(account),
            arn: format!("arn:aws:sts::{account}:assumed-role/{role}/{session}").into(),
            principal_arn: format!("arn:aws:iam::{account}:role{path}{role}").into(),
            user_id: format!("{role_id}:{session}").into(),
            username: None,
            tags: Vec::new(),
        }
    }

    /// A session of a federated user that the user `user` (with its path) asked for: `session` is its name.
    pub fn federated_user(account: AccountId, user: &str, path: &str, session: &str) -> Self {
        Self {
            kind: PrincipalKind::FederatedUser,
            account: Some(account),
            arn: format!("arn:aws:sts::{account}:federated-user/{session}").into(),
            principal_arn: format!("arn:aws:iam::{account}:user{path}{user}").into(),
            user_id: format!("{account}:{session}").into(),
            username: None,
            tags: Vec::new(),
        }
    }

    /// Whoever comes without credentials.
    pub fn anonymous() -> Self {
        let star: Arc<str> = "*".into();
        Self {
            kind: PrincipalKind::Anonymous,
            account: None,
            arn: Arc::clone(&star),
            principal_arn: Arc::clone(&star),
            user_id: star,
            username: None,
            tags: Vec::new(),
        }
    }

    /// A service, such as `ec2.amazonaws.com`.
    pub fn service(name: &str) -> Self {
        let name: Arc<str> = name.into();
        Self {
            kind: PrincipalKind::Service,
            account: None,
            arn: Arc::clone(&name),
            principal_arn: Arc::clone(&name),
            user_id: name,
            username: None,
            tags: Vec::new(),
        }
    }

    /// The same with these tags.
    #[must_use]
    pub fn with_tags<'t>(mut self, tags: impl IntoIterator<Item = (&'t str, &'t str)>) -> Self {
        self.tags = tags.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
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
