//! Condition keys: which of them follow from the request itself, and which the caller must bring.

use core::fmt;

use crate::{Principal, PrincipalKind, Request};

/// A condition key as policies ask for it. Names are compared without regard to case, tag keys too.
///
/// Keys that follow from the principal or the resource are never looked up in the request's context: whoever fills the context
/// can't speak for somebody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    PrincipalArn,
    PrincipalAccount,
    PrincipalType,
    PrincipalIsService,
    PrincipalServiceName,
    PrincipalTag(Box<str>),
    UserId,
    Username,
    ResourceAccount,
    /// A key of the context, in lower case.
    Context(Box<str>),
}

/// The values of one key in one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Values<'a> {
    One(&'a str),
    Many(&'a [String]),
}

impl<'a> Values<'a> {
    pub(crate) fn iter(self) -> impl Iterator<Item = &'a str> {
        let (one, many) = match self {
            Self::One(text) => (Some(text), [].as_slice()),
            Self::Many(texts) => (None, texts),
        };
        one.into_iter().chain(many.iter().map(String::as_str))
    }
}

impl Key {
    pub(crate) fn new(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            "aws:principalarn" => Self::PrincipalArn,
            "aws:principalaccount" => Self::PrincipalAccount,
            "aws:principaltype" => Self::PrincipalType,
            "aws:principalisawsservice" => Self::PrincipalIsService,
            "aws:principalservicename" => Self::PrincipalServiceName,
            "aws:userid" => Self::UserId,
            "aws:username" => Self::Username,
            "aws:resourceaccount" => Self::ResourceAccount,
            _ => match name.strip_prefix("aws:principaltag/") {
                Some(tag) => Self::PrincipalTag(tag.into()),
                None => Self::Context(name.into()),
            },
        }
    }

    /// The values of this key in a request; `None` when it has none.
    pub(crate) fn values<'a>(&self, request: &'a Request<'a>) -> Option<Values<'a>> {
        let principal = request.principal;
        let one = match self {
            Self::Context(name) => {
                return request.context.get_lower(name).map(|value| match value {
                    crate::Value::One(text) => Values::One(text),
                    crate::Value::Many(texts) => Values::Many(texts),
                });
            }
            Self::PrincipalArn => known(principal, &principal.principal_arn),
            Self::UserId => known(principal, &principal.user_id),
            Self::Username => principal.username.as_deref(),
            Self::PrincipalAccount => {
                principal.account.as_ref().map(super::account::AccountId::as_str)
            }
            Self::PrincipalType => Some(principal.kind.type_name()),
            Self::PrincipalIsService => {
                Some(if principal.kind == PrincipalKind::Service { "true" } else { "false" })
            }
            Self::PrincipalServiceName => {
                (principal.kind == PrincipalKind::Service).then_some(&*principal.arn)
            }
            Self::PrincipalTag(tag) => principal.tag(tag),
            Self::ResourceAccount => request
                .resource_account
                .as_ref()
                .or(principal.account.as_ref())
                .map(super::account::AccountId::as_str),
        };
        one.map(Values::One)
    }

    /// The value of a single-valued key: what a policy variable stands for.
    pub(crate) fn single<'a>(&self, request: &'a Request<'a>) -> Option<&'a str> {
        match self.values(request)? {
            Values::One(text) => Some(text),
            Values::Many(_) => None,
        }
    }
}

fn known<'a>(principal: &Principal, text: &'a str) -> Option<&'a str> {
    (principal.kind != PrincipalKind::Anonymous).then_some(text)
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PrincipalArn => "aws:PrincipalArn",
            Self::PrincipalAccount => "aws:PrincipalAccount",
            Self::PrincipalType => "aws:PrincipalType",
            Self::PrincipalIsService => "aws:PrincipalIsAWSService",
            Self::PrincipalServiceName => "aws:PrincipalServiceName",
            Self::UserId => "aws:userid",
            Self::Username => "aws:username",
            Self::ResourceAccount => "aws:ResourceAccount",
            Self::PrincipalTag(tag) => return write!(f, "aws:PrincipalTag/{tag}"),
            Self::Context(name) => name,
        })
    }
}
