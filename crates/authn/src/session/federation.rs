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

/// A tag of the session.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct FederationTag {
    /// Its key.
    #[prost(string, tag = "1")]
    pub key: String,
    /// Its value.
    #[prost(string, tag = "2")]
    pub value: String,
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
    /// Tags of the session.
    #[prost(message, repeated, tag = "3")]
    pub tags: Vec<FederationTag>,
    /// Keys of the tags that sessions made from this one keep.
    #[prost(string, repeated, tag = "4")]
    pub transitive_tag_keys: Vec<String>,
    /// The name that sticks to the session; empty: none.
    #[prost(string, tag = "5")]
    pub source_identity: String,
}

impl SessionFederation {
    /// What a session keeps of an identity for which `provider` vouched.
    pub fn new(provider: &str, identity: &FederatedIdentity) -> Self {
        let key = |(key, values): &(String, Vec<String>)| FederationKey {
            key: key.clone(),
            values: values.clone(),
        };
        let tag =
            |(key, value): &(String, String)| FederationTag { key: key.clone(), value: value.clone() };
        Self {
            provider: provider.to_owned(),
            keys: identity.keys.iter().take(identity.session_keys).map(key).collect(),
            tags: identity.tags.iter().map(tag).collect(),
            transitive_tag_keys: identity.transitive_tag_keys.clone(),
            source_identity: identity.source_identity.clone().unwrap_or_default(),
        }
    }
}
