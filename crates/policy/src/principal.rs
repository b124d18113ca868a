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

/// An identity that asks.
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
    pub fn role_session(account: AccountId, path: &str, role: &str, role_id: &str, session: &str) -> Self {
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

    /// Its ARN, where it has one.
    pub fn parsed_arn(&self) -> Option<Arn> {
        Arn::parse(&self.arn).ok()
    }

    /// The value of a condition key that follows from the identity; `key` in lower case.
    pub(crate) fn key(&self, key: &str) -> Option<PrincipalValue<'_>> {
        let anonymous = self.kind == PrincipalKind::Anonymous;
        match key {
            "aws:principalarn" if !anonymous => Some(PrincipalValue::Text(&self.principal_arn)),
            "aws:userid" if !anonymous => Some(PrincipalValue::Text(&self.user_id)),
            "aws:username" => self.username.as_deref().map(PrincipalValue::Text),
            "aws:principalaccount" => self.account.map(PrincipalValue::Account),
            "aws:principaltype" => Some(PrincipalValue::Text(match self.kind {
                PrincipalKind::Root => "Account",
                PrincipalKind::User => "User",
                PrincipalKind::AssumedRole => "AssumedRole",
                PrincipalKind::FederatedUser => "FederatedUser",
                PrincipalKind::Service => "Service",
                PrincipalKind::Anonymous => "Anonymous",
            })),
            "aws:principalisawsservice" => {
                Some(PrincipalValue::Text(if self.kind == PrincipalKind::Service { "true" } else { "false" }))
            }
            "aws:principalservicename" if self.kind == PrincipalKind::Service => {
                Some(PrincipalValue::Text(&self.arn))
            }
            _ => {
                let tag = key.strip_prefix("aws:principaltag/")?;
                let found = self.tags.iter().find(|(k, _)| k.eq_ignore_ascii_case(tag));
                found.map(|(_, value)| PrincipalValue::Text(value))
            }
        }
    }
}

/// A value of a principal's key.
pub(crate) enum PrincipalValue<'a> {
    Text(&'a str),
    Account(AccountId),
}
