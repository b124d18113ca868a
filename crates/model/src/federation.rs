//! Identity across borders: what a session knows of the provider that vouched for it, and how an account vouches for its own principals.

use prost::Message;
use tidegate_policy::{SessionContext, Value};

use crate::{AccountState, command::ContextEntry};

macro_rules! messages {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident : $type:ty = $attr:tt);* $(;)? })*) => {
        $($(#[$doc])* #[derive(Clone, PartialEq, Eq, Message)]
        pub struct $name { $($(#[$field_doc])* #[prost $attr] pub $field: $type,)* })*
    };
}

messages! {
    /// What the identity provider of a session said, as it stands with its caller in the log.
    Federation {
        /// ARN of the provider.
        provider: String = (string, tag = "1");
        /// Condition keys: `saml:sub`, `accounts.google.com:aud` and the like.
        keys: Vec<ContextEntry> = (message, repeated, tag = "2");
    }
    /// Lets an account's principals ask for tokens that others can verify, or no longer.
    ChangeOutbound {
        /// On, or off.
        enabled: bool = (bool, tag = "1");
        /// The issuer that tokens are to name, where the account has none yet: a URL.
        issuer: String = (string, tag = "2");
        /// Keys to sign with from now on.
        keys: Vec<OutboundKey> = (message, repeated, tag = "3");
    }
    /// How an account vouches for its principals.
    Outbound {
        /// Whether tokens are given out.
        enabled: bool = (bool, tag = "1");
        /// The issuer that its tokens name. It never changes.
        issuer: String = (string, tag = "2");
        /// Its keys, the newest first. Older ones stay published, so that what they signed can be verified.
        keys: Vec<OutboundKey> = (message, repeated, tag = "3");
    }
    /// A key that signs tokens.
    OutboundKey {
        /// The name by which tokens call it.
        id: String = (string, tag = "1");
        /// `ES384` or `RS256`.
        algorithm: String = (string, tag = "2");
        /// The private key in PKCS #8, sealed with the cluster key for the key's id.
        sealed: Vec<u8> = (bytes = "vec", tag = "3");
        /// What is published of it: a member of a JWK set.
        jwk: String = (string, tag = "4");
        /// When it was made, in milliseconds since the Unix epoch.
        created: u64 = (uint64, tag = "5");
    }
}

impl Federation {
    /// What a session knows, with what the provider said.
    pub(crate) fn vouch(&self, session: SessionContext) -> SessionContext {
        let session = session.with_federated_provider(&self.provider);
        self.keys.iter().fold(session, |s, entry| s.with_claim(&entry.key, values(&entry.values)))
    }
}

/// One value for itself, so that a policy variable can stand for it; more as a list.
pub fn values(all: &[String]) -> Value {
    match all {
        [one] => Value::One(one.clone()),
        many => Value::Many(many.to_vec()),
    }
}

impl Outbound {
    /// The key that signs in this algorithm.
    pub fn signing(&self, algorithm: &str) -> Option<&OutboundKey> {
        self.keys.iter().find(|k| k.algorithm == algorithm)
    }
}

impl AccountState {
    /// How the account vouches for its principals; `None`: it never did.
    pub fn outbound(&self) -> Option<&Outbound> {
        self.outbound.as_deref()
    }
}

/// The action that a change needs.
pub(crate) fn action(change: &ChangeOutbound) -> &'static str {
    if change.enabled {
        "EnableOutboundWebIdentityFederation"
    } else {
        "DisableOutboundWebIdentityFederation"
    }
}
