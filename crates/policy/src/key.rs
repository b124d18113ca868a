//! Condition keys: which of them follow from the request itself, and which the caller must bring.

use core::fmt;

use crate::{
    AccountId, Organization, Principal, PrincipalKind, Request, SessionContext, Value,
    deliberate::{Bug, bug},
};

/// A condition key as policies ask for it. Names are compared without regard to case, tag keys too.
///
/// Keys that follow from the principal, its session or the resource are never looked up in the request's context: whoever fills the
/// context can't speak for somebody else. (Of the resource the context may speak where the request brings no facts of it.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    PrincipalArn,
    PrincipalAccount,
    PrincipalOrgId,
    PrincipalOrgPaths,
    PrincipalType,
    PrincipalIsService,
    PrincipalServiceName,
    PrincipalServiceNames,
    PrincipalTag(Box<str>),
    UserId,
    Username,
    /// A key of the session, in lower case.
    Session(Box<str>),
    ResourceAccount,
    ResourceOrgId(Box<str>),
    ResourceOrgPaths(Box<str>),
    /// The whole key in lower case.
    ResourceTag(Box<str>),
    /// The service that was called first, and the key in lower case.
    CalledViaFirst(Box<str>),
    /// The service that was called last, and the key in lower case.
    CalledViaLast(Box<str>),
    /// A key of the context, in lower case.
    Context(Box<str>),
}

/// Keys of the context that have several values by their nature (AWS, "Multivalued context keys").
const MULTIVALUED: [&str; 6] = [
    "aws:calledvia",
    "aws:sourceorgpaths",
    "aws:tagkeys",
    "aws:vpceorgpaths",
    "dynamodb:attributes",
    "sts:transitivetagkeys",
];

/// What the keys of a resource's tags begin with.
const RESOURCE_TAG: &str = "aws:resourcetag/";

/// The services that a request came through, the first one first.
const CHAIN: &str = "aws:calledvia";

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

impl<'a> From<&'a Value> for Values<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::One(text) => Self::One(text),
            Value::Many(texts) => Self::Many(texts),
        }
    }
}

impl Key {
    pub(crate) fn new(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            "aws:principalarn" => Self::PrincipalArn,
            "aws:principalaccount" => Self::PrincipalAccount,
            "aws:principalorgid" => Self::PrincipalOrgId,
            "aws:principalorgpaths" => Self::PrincipalOrgPaths,
            "aws:principaltype" => Self::PrincipalType,
            "aws:principalisawsservice" => Self::PrincipalIsService,
            "aws:principalservicename" => Self::PrincipalServiceName,
            "aws:principalservicenameslist" => Self::PrincipalServiceNames,
            "aws:userid" => Self::UserId,
            "aws:username" => Self::Username,
            "aws:resourceaccount" => Self::ResourceAccount,
            "aws:calledviafirst" => Self::CalledViaFirst(name.into()),
            "aws:calledvialast" => Self::CalledViaLast(name.into()),
            "aws:resourceorgid" => Self::ResourceOrgId(name.into()),
            "aws:resourceorgpaths" => Self::ResourceOrgPaths(name.into()),
            session if SessionContext::answers(session) => Self::Session(name.into()),
            _ => Self::with_tag(name),
        }
    }

    /// A key that may end in the key of a tag.
    fn with_tag(name: String) -> Self {
        if let Some(tag) = name.strip_prefix("aws:principaltag/") {
            return Self::PrincipalTag(tag.into());
        }
        if name.starts_with(RESOURCE_TAG) {
            Self::ResourceTag(name.into())
        } else {
            Self::Context(name.into())
        }
    }

    /// Whether the key has several values by its nature, so that no variable can stand for it.
    pub(crate) fn is_multivalued(&self) -> bool {
        match self {
            Self::PrincipalOrgPaths | Self::PrincipalServiceNames | Self::ResourceOrgPaths(_) => {
                true
            }
            Self::Context(name) => MULTIVALUED.contains(&&**name),
            _ => false,
        }
    }

    /// The values of this key in a request; `None` when it has none.
    pub(crate) fn values<'a>(&self, request: &'a Request<'a>) -> Option<Values<'a>> {
        if request.context.speaks_first() {
            return self.simulated(request);
        }
        if bug(Bug::ContextSpeaksForThePrincipal) {
            let brought = request.context.get(&self.to_string());
            return brought.map(Values::from).or_else(|| self.known(request));
        }
        self.known(request)
    }

    /// The values in a simulation, whose caller may be nobody in particular, or have no unique id.
    fn simulated<'a>(&self, request: &'a Request<'a>) -> Option<Values<'a>> {
        let known = || match self.known(request)? {
            _ if self.is_of_caller() && request.principal.arn.is_empty() => None,
            Values::One("") if *self == Self::UserId => None,
            values => Some(values),
        };
        request.context.get(&self.to_string()).map(Values::from).or_else(known)
    }

    /// Whether the value follows from the caller.
    fn is_of_caller(&self) -> bool {
        match self {
            Self::PrincipalArn
            | Self::PrincipalAccount
            | Self::PrincipalOrgId
            | Self::PrincipalOrgPaths
            | Self::PrincipalType
            | Self::PrincipalIsService
            | Self::PrincipalServiceName
            | Self::PrincipalServiceNames
            | Self::PrincipalTag(_)
            | Self::UserId
            | Self::Username
            | Self::Session(_) => true,
            Self::ResourceAccount
            | Self::ResourceOrgId(_)
            | Self::ResourceOrgPaths(_)
            | Self::ResourceTag(..)
            | Self::CalledViaFirst(_)
            | Self::CalledViaLast(_)
            | Self::Context(_) => false,
        }
    }

    fn known<'a>(&self, request: &'a Request<'a>) -> Option<Values<'a>> {
        let principal = request.principal;
        let brought = |name: &str| request.context.get_lower(name).map(Values::from);
        let one = match self {
            // What an identity provider said of a session, nobody else says of it.
            Self::Context(name) => return session(principal, name).or_else(|| brought(name)),
            Self::Session(name) => return session(principal, name),
            // Both follow from the whole chain, where that is there.
            Self::CalledViaFirst(name) => match brought(CHAIN) {
                Some(chain) => chain.iter().next(),
                None => return brought(name),
            },
            Self::CalledViaLast(name) => match brought(CHAIN) {
                Some(chain) => chain.iter().last(),
                None => return brought(name),
            },
            Self::PrincipalArn => signed_arn(principal),
            Self::UserId => (principal.kind == PrincipalKind::Anonymous || has_arn(principal))
                .then_some(&*principal.user_id),
            Self::Username => principal.username.as_deref(),
            Self::PrincipalAccount => principal.account.as_ref().map(AccountId::as_str),
            Self::PrincipalOrgId => principal.organization.as_deref().map(Organization::id),
            Self::PrincipalOrgPaths => {
                return principal.organization.as_deref().map(|o| Values::Many(o.paths()));
            }
            Self::PrincipalType => Some(principal.kind.type_name()),
            Self::PrincipalIsService => is_service(principal),
            Self::PrincipalServiceName => {
                (principal.kind == PrincipalKind::Service).then_some(&*principal.arn)
            }
            Self::PrincipalServiceNames => {
                let service = principal.kind == PrincipalKind::Service;
                return service.then_some(Values::Many(&principal.service_names));
            }
            Self::PrincipalTag(tag) if bug(Bug::TagKeysKeepTheirCase) => {
                principal.tags.iter().find(|(key, _)| **key == **tag).map(|(_, value)| &**value)
            }
            Self::PrincipalTag(tag) => principal.tag(tag),
            Self::ResourceAccount => request
                .resource_account
                .as_ref()
                .or(principal.account.as_ref())
                .map(AccountId::as_str),
            Self::ResourceTag(name) => match request.resource_facts {
                Some(facts) if !bug(Bug::ContextSpeaksForTheResource) => facts.tag(tag_of(name)),
                _ => return brought(name),
            },
            Self::ResourceOrgId(name) => match request.resource_organization() {
                Some(organization) => Some(organization.id()),
                None if request.resource_facts.is_some() => None,
                None => return brought(name),
            },
            Self::ResourceOrgPaths(name) => {
                return match request.resource_organization() {
                    Some(organization) => Some(Values::Many(organization.paths())),
                    None if request.resource_facts.is_some() => None,
                    None => brought(name),
                };
            }
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

fn session<'a>(principal: &'a Principal, name: &str) -> Option<Values<'a>> {
    match &principal.session {
        Some(session) => session.get_lower(name).map(Values::from),
        None if bug(Bug::MfaIsFalseForLongTermKeys) && name == "aws:multifactorauthpresent" => {
            Some(Values::One("false"))
        }
        None => None,
    }
}

/// Whether the caller has an ARN: neither a service, nor somebody of a provider, nor an anonymous caller does.
fn has_arn(principal: &Principal) -> bool {
    !principal.kind.is_homeless()
}

fn signed_arn(principal: &Principal) -> Option<&str> {
    if bug(Bug::PrincipalArnIsTheSessions) {
        return has_arn(principal).then_some(&*principal.arn);
    }
    has_arn(principal).then_some(&*principal.principal_arn)
}

/// Only signed requests have the key (AWS, "`aws:PrincipalIsAWSService`").
fn is_service(principal: &Principal) -> Option<&'static str> {
    match principal.kind {
        PrincipalKind::Service => Some("true"),
        PrincipalKind::Anonymous | PrincipalKind::Federated => None,
        _ => Some("false"),
    }
}

/// The tag's key in the key of a resource's tag.
fn tag_of(name: &str) -> &str {
    name.get(RESOURCE_TAG.len()..).unwrap_or_default()
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PrincipalArn => "aws:PrincipalArn",
            Self::PrincipalAccount => "aws:PrincipalAccount",
            Self::PrincipalOrgId => "aws:PrincipalOrgID",
            Self::PrincipalOrgPaths => "aws:PrincipalOrgPaths",
            Self::PrincipalType => "aws:PrincipalType",
            Self::PrincipalIsService => "aws:PrincipalIsAWSService",
            Self::PrincipalServiceName => "aws:PrincipalServiceName",
            Self::PrincipalServiceNames => "aws:PrincipalServiceNamesList",
            Self::UserId => "aws:userid",
            Self::Username => "aws:username",
            Self::ResourceAccount => "aws:ResourceAccount",
            Self::ResourceOrgId(_) => "aws:ResourceOrgID",
            Self::ResourceOrgPaths(_) => "aws:ResourceOrgPaths",
            Self::PrincipalTag(tag) => return write!(f, "aws:PrincipalTag/{tag}"),
            Self::CalledViaFirst(_) => "aws:CalledViaFirst",
            Self::CalledViaLast(_) => "aws:CalledViaLast",
            Self::ResourceTag(name) => {
                return write!(f, "aws:ResourceTag/{}", tag_of(name));
            }
            Self::Session(name) | Self::Context(name) => name,
        })
    }
}

#[cfg(test)]
mod tests;
