//! A caller as a case or a command line names it: an ARN, and what does not follow from the ARN.

use serde::Deserialize;
use serde_yaml_ng::Value as Yaml;

use super::schema::{Named, OneOrMany, OrgSpec};
use crate::{AccountId, Arn, Principal};

/// A caller: its ARN, the name of a service, or `anonymous`, with its tags and what its session carries.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrincipalSpec {
    /// An ARN (`…:root`, `…:user/…`, `…:assumed-role/ROLE/SESSION`, `…:federated-user/NAME`), a service such as
    /// `ec2.amazonaws.com`, or `anonymous`.
    #[serde(default)]
    pub(crate) arn: Option<String>,
    /// Instead of an ARN: the identity provider that vouches for somebody who has no AWS identity yet.
    #[serde(default)]
    provider: Option<String>,
    /// Unique id of the user or the role, `AIDA…` or `AROA…`.
    #[serde(default)]
    id: Option<String>,
    /// ARN of the role behind a session, where the role has a path, which the session's ARN drops.
    #[serde(default)]
    role: Option<String>,
    /// ARN of the user who asked for a federated session.
    #[serde(default)]
    user: Option<String>,
    /// All names of a service, regional ones too.
    #[serde(default)]
    service_names: OneOrMany<String>,
    /// Canonical user id of its account, by which older bucket policies name it.
    #[serde(default)]
    canonical_user: Option<String>,
    /// Tags of the identity and its session.
    #[serde(default)]
    tags: Named<String>,
    /// Condition keys that the session carries and no request can set, such as `aws:MultiFactorAuthPresent`.
    #[serde(default)]
    pub(crate) session: Named<Yaml>,
    /// The organization of its account.
    #[serde(default)]
    pub(crate) org: Option<OrgSpec>,
}

/// Why a text or mapping names no caller. Nothing was decided.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no principal: {expected}")]
pub struct PrincipalSpecError {
    text: String,
    expected: &'static str,
}

const EXPECTED: &str = "expected the ARN of a root user, a user, a role session or a federated user, a service such as \
                        `ec2.amazonaws.com`, or `anonymous`";
const USER_ID: &str = "AIDA1234567890EXAMPLE";
const ROLE_ID: &str = "AROA1234567890EXAMPLE";

impl PrincipalSpec {
    /// A caller of whom nothing is known but this.
    pub fn named(text: &str) -> Self {
        Self { arn: Some(text.to_owned()), ..Self::default() }
    }

    /// Adds a tag.
    #[must_use]
    pub fn with_tag(mut self, key: &str, value: &str) -> Self {
        self.tags.0.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Adds a condition key of the session.
    #[must_use]
    pub fn with_session_key(mut self, key: &str, value: &str) -> Self {
        self.session.0.push((key.to_owned(), Yaml::String(value.to_owned())));
        self
    }

    /// Places its account in an organization: its id and the account's path in it.
    #[must_use]
    pub fn in_organization(mut self, id: &str, path: &str) -> Self {
        self.org = Some(OrgSpec { id: id.to_owned(), path: path.to_owned() });
        self
    }

    /// Sets the unique id of the user or role.
    #[must_use]
    pub fn with_id(mut self, id: Option<String>) -> Self {
        self.id = id;
        self
    }

    /// Sets the ARN of the identity behind a session: the role, or the user who asked for a federated session.
    #[must_use]
    pub fn behind(mut self, arn: Option<String>) -> Self {
        let is_role = arn.as_deref().is_some_and(|arn| arn.contains(":role/"));
        *(if is_role { &mut self.role } else { &mut self.user }) = arn;
        self
    }

    /// The caller.
    ///
    /// # Errors
    /// Where it is none that can ask: a group, a role (only its sessions ask), or no ARN at all.
    pub fn principal(&self) -> Result<Principal, PrincipalSpecError> {
        let principal = match (&self.arn, &self.provider) {
            (Some(text), None) => self.by_name(text)?,
            (None, Some(provider)) => Principal::federated(provider),
            _ => return refuse("", "it needs either an `arn` or a `provider`"),
        };
        let mut principal =
            principal.with_tags(self.tags.0.iter().map(|(key, value)| (&**key, &**value)));
        principal.organization = self.org.as_ref().map(OrgSpec::organization);
        principal.canonical_user_id = self.canonical_user.as_deref().map(Into::into);
        if !self.service_names.0.is_empty() {
            principal = principal.with_service_names(self.service_names.0.iter().cloned());
        }
        Ok(principal)
    }

    fn by_name(&self, text: &str) -> Result<Principal, PrincipalSpecError> {
        if matches!(text, "anonymous" | "*") {
            return Ok(Principal::anonymous());
        }
        if !text.starts_with("arn:") {
            let service = text.contains('.') && !text.contains(['/', ':', ' ']);
            return if service { Ok(Principal::service(text)) } else { refuse(text, EXPECTED) };
        }
        let (account, resource) = parts(text)?;
        let kind = resource.split('/').next().unwrap_or_default();
        let behind = resource.get(kind.len()..).unwrap_or_default();
        let id = |default: &str| self.id.clone().unwrap_or_else(|| default.to_owned());
        match (kind, path_and_name(behind)) {
            ("root", None) if behind.is_empty() => Ok(Principal::root(account)),
            ("user", Some((path, name))) => Ok(Principal::user(account, path, name, &id(USER_ID))),
            ("assumed-role", Some((role, session))) if is_role_name(role) => {
                let role = role.trim_matches('/');
                let path = match &self.role {
                    Some(arn) => path_of_role(arn, role)?,
                    None => "/".to_owned(),
                };
                Ok(Principal::role_session(account, &path, role, &id(ROLE_ID), session))
            }
            ("federated-user", Some(("/", name))) => {
                let (path, user) = match &self.user {
                    Some(arn) => user_of(arn, account)?,
                    None => ("/".to_owned(), "federator".to_owned()),
                };
                Ok(Principal::federated_user(account, &path, &user, &id(USER_ID), name))
            }
            _ => refuse(text, EXPECTED),
        }
    }
}

/// `/deploy/`, as it stands in a session's ARN: one name between slashes.
fn is_role_name(text: &str) -> bool {
    text.len() > 2 && text.matches('/').count() == 2
}

/// The path of the role behind a session, whose ARN has none.
fn path_of_role(arn: &str, name: &str) -> Result<String, PrincipalSpecError> {
    let (_, resource) = parts(arn)?;
    match resource.strip_prefix("role").and_then(path_and_name) {
        Some((path, found)) if found == name => Ok(path.to_owned()),
        _ => refuse(arn, "it is not the role that the session's ARN names"),
    }
}

/// Path and name of the user who asked for a federated session.
fn user_of(arn: &str, account: AccountId) -> Result<(String, String), PrincipalSpecError> {
    let (owner, resource) = parts(arn)?;
    match resource.strip_prefix("user").and_then(path_and_name) {
        Some((path, name)) if owner == account => Ok((path.to_owned(), name.to_owned())),
        _ => refuse(arn, "a user of the session's own account was expected"),
    }
}

fn refuse<T>(text: &str, expected: &'static str) -> Result<T, PrincipalSpecError> {
    Err(PrincipalSpecError { text: text.to_owned(), expected })
}

fn parts(text: &str) -> Result<(AccountId, String), PrincipalSpecError> {
    let arn =
        Arn::parse(text).ok().and_then(|arn| Some((arn.account_id()?, arn.resource().to_owned())));
    arn.map_or_else(|| refuse(text, EXPECTED), Ok)
}

/// `/team/red/ada` is `ada` below `/team/red/`.
pub(crate) fn path_and_name(text: &str) -> Option<(&str, &str)> {
    let (path, name) = text.split_at(text.rfind('/')? + 1);
    (path.starts_with('/') && !name.is_empty()).then_some((path, name))
}
