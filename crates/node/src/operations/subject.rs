//! The resource that a read is about: one table, for both front doors.

use tidegate_model::{AccountState, ResourceKind};

use super::{group_arn, role_arn, user_arn};

/// What a read names.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject<'a> {
    /// A user.
    User(&'a str),
    /// A group.
    Group(&'a str),
    /// A role.
    Role(&'a str),
    /// An instance profile, identity provider or the like.
    Resource(ResourceKind, &'a str),
    /// Something by its ARN.
    Arn(&'a str),
    /// All things of a kind: `user`, `group`, `role`, `policy` and the like.
    All(&'static str),
    /// The account as a whole.
    Account,
}

impl Subject<'_> {
    /// The ARN that policies are asked about.
    pub(crate) fn arn(self, account: &AccountState) -> String {
        match self {
            // The caller itself, where it is the root user, has no name.
            Self::User("") => account.root_arn(),
            Self::User(name) => user_arn(account, name),
            Self::Group(name) => group_arn(account, name),
            Self::Role(name) => role_arn(account, name),
            Self::Resource(kind, name) => {
                let path = account.resource(kind, name).map(|r| r.value.path.clone());
                kind.arn(account, &path.unwrap_or_default(), name)
            }
            Self::Arn(arn) => arn.to_owned(),
            Self::All(kind) => {
                format!("arn:{}:iam::{}:{kind}/*", account.partition(), account.id())
            }
            Self::Account => "*".to_owned(),
        }
    }
}
