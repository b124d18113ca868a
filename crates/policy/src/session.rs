//! What temporary credentials know of how they were made: the session's condition keys.

use core::time::Duration;

use crate::{Context, UnixMillis, Value};

/// The condition keys of a session. Long-term credentials have none of them: `aws:MultiFactorAuthPresent` is then absent, not false.
///
/// A request's context never speaks for a session: who knows more of it than the setters here, such as a simulator, takes
/// [`SessionContext::from_context`].
///
/// ```
/// use core::time::Duration;
/// use tidegate_policy::{SessionContext, UnixMillis};
///
/// let session = SessionContext::new(UnixMillis(1_767_225_600_000)).with_mfa(Duration::from_secs(90));
/// assert_eq!(session.get("aws:TokenIssueTime").map(|v| v.as_slice()), Some(&["2026-01-01T00:00:00Z".to_owned()][..]));
/// assert_eq!(session.get("aws:MultiFactorAuthAge").map(|v| v.as_slice()), Some(&["90".to_owned()][..]));
/// assert_eq!(session.get("s3:prefix"), None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionContext {
    keys: Context,
}

/// The keys that a session answers, in lower case (AWS, "Properties of the role session").
const KEYS: [&str; 17] = [
    "aws:assumedroot",
    "aws:chatbotsourcearn",
    "aws:ec2instancesourceprivateipv4",
    "aws:ec2instancesourcevpc",
    "aws:federatedprovider",
    "aws:multifactorauthage",
    "aws:multifactorauthpresent",
    "aws:signinsessionarn",
    "aws:sourceidentity",
    "aws:tokenissuetime",
    "ec2:roledelivery",
    "ec2:sourceinstancearn",
    "glue:credentialissuingservice",
    "glue:roleassumedby",
    "identitystore:userid",
    "lambda:sourcefunctionarn",
    "ssm:sourceinstancearn",
];

impl SessionContext {
    /// A session that was made at `issued`, without multi-factor authentication.
    pub fn new(issued: UnixMillis) -> Self {
        let keys = Context::default()
            .with("aws:TokenIssueTime", issued.to_string())
            .with("aws:MultiFactorAuthPresent", false);
        Self { keys }
    }

    /// Those keys of a context that a session answers; `None` when there are none, as for long-term credentials.
    pub fn from_context(context: &Context) -> Option<Self> {
        let mut keys = Context::default();
        for (key, value) in context.iter().filter(|(key, _)| Self::answers(key)) {
            keys.insert(key, value.clone());
        }
        keys.iter().next()?;
        Some(Self { keys })
    }

    /// Made with multi-factor authentication, this long ago.
    #[must_use]
    pub fn with_mfa(mut self, age: Duration) -> Self {
        self.keys.insert("aws:MultiFactorAuthPresent", true);
        self.keys.insert("aws:MultiFactorAuthAge", age.as_secs().to_string());
        self
    }

    /// With the name that sticks to a session and to those made from it.
    #[must_use]
    pub fn with_source_identity(mut self, name: &str) -> Self {
        self.keys.insert("aws:SourceIdentity", name);
        self
    }

    /// Made from the word of an identity provider: its ARN or domain.
    #[must_use]
    pub fn with_federated_provider(mut self, provider: &str) -> Self {
        self.keys.insert("aws:FederatedProvider", provider);
        self
    }

    /// With what the identity provider said of its subject: `saml:sub`, `accounts.google.com:aud` and the like. Such a key is answered by the
    /// session that has it; of one that has none, the context may speak, as it does where a role's trust policy is asked before there is a
    /// session.
    #[must_use]
    pub fn with_claim(mut self, key: &str, values: impl Into<Value>) -> Self {
        self.keys.insert(key, values);
        self
    }

    /// A session of a member account's root user, made by `AssumeRoot`.
    #[must_use]
    pub fn of_assumed_root(mut self) -> Self {
        self.keys.insert("aws:AssumedRoot", true);
        self
    }

    /// The values of a key; `None` when the session has no such key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.keys.get(key)
    }

    /// All keys in lower case with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.keys.iter()
    }

    /// The values of a key that is in lower case already.
    pub(crate) fn get_lower(&self, key: &str) -> Option<&Value> {
        self.keys.get_lower(key)
    }

    /// Whether a key, in lower case, is answered by the session and by nothing else.
    pub(crate) fn answers(key: &str) -> bool {
        KEYS.binary_search(&key).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_are_in_order_and_lower_case() {
        assert!(KEYS.is_sorted());
        assert!(KEYS.iter().all(|key| key.to_ascii_lowercase() == *key));
    }

    #[test]
    fn trap_a_session_without_mfa_says_so() {
        let session = SessionContext::new(UnixMillis(0));
        assert_eq!(session.get("AWS:multifactorauthpresent"), Some(&Value::from("false")));
        assert_eq!(session.get("aws:MultiFactorAuthAge"), None);
    }

    #[test]
    fn of_a_context_only_the_keys_of_a_session_are_taken() {
        let context = Context::default().with("aws:username", "bob").with("aws:SourceIp", "::1");
        assert_eq!(SessionContext::from_context(&context), None);
        let context = context.with("AWS:SourceIdentity", "ada");
        let session = SessionContext::from_context(&context).unwrap();
        assert_eq!(session, SessionContext::default().with_source_identity("ada"));
    }
}
