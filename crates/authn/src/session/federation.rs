//! What an identity provider said, as it is sealed into a session's token, version 1.

use prost::Message;

use crate::FederatedIdentity;

/// A condition key and its values.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct FederationKey {
    /// The key.
    #[prost(string, tag = "1")]
    pub key: String,
    /// Its values.
    #[prost(string, repeated, tag = "2")]
    pub values: Vec<String>,
}

/// What an identity provider said of a session's subject.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct SessionFederation {
    /// ARN of the provider.
    #[prost(string, tag = "1")]
    pub provider: String,
    /// The condition keys that the session keeps.
    #[prost(message, repeated, tag = "2")]
    pub keys: Vec<FederationKey>,
}

impl SessionFederation {
    /// What a session keeps of an identity for which `provider` vouched.
    pub fn new(provider: &str, identity: &FederatedIdentity) -> Self {
        let key = |(key, values): &(String, Vec<String>)| FederationKey {
            key: key.clone(),
            values: values.clone(),
        };
        Self {
            provider: provider.to_owned(),
            keys: identity.keys.iter().take(identity.session_keys).map(key).collect(),
        }
    }
}
