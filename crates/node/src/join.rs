//! Tokens with which a node joins by itself.
//!
//! A token is a session of the operator's account that may do one thing: register the node of one number and region, as long as that is new.
//! So it is good once, ends by itself, and can be quarantined as every session can.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde::{Deserialize, Serialize};

/// What each token begins with, so that whoever finds one knows what it is.
const PREFIX: &str = "tidegate-join-";

/// What a node needs to know of a cluster to become a member of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JoinToken {
    /// Client addresses of nodes, `host:port`.
    pub addresses: Vec<String>,
    /// Of the session.
    pub access_key_id: String,
    /// Of the session.
    pub secret_access_key: String,
    /// The session.
    pub session_token: String,
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The rest is secret.
        f.debug_struct("JoinToken").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

/// What is no token.
#[derive(Debug, thiserror::Error)]
#[error(
    "this is no join token: `tidegate cluster create-join-token` makes one, and it begins with `{PREFIX}`"
)]
pub struct NoJoinToken;

impl JoinToken {
    /// The token as people hand it over.
    pub fn to_text(&self) -> String {
        let inner = serde_json::to_vec(self).unwrap_or_default();
        format!("{PREFIX}{}", BASE64.encode(inner))
    }

    /// Reads one.
    ///
    /// # Errors
    /// It is none.
    pub fn from_text(text: &str) -> Result<Self, NoJoinToken> {
        let inner = text.trim().strip_prefix(PREFIX).ok_or(NoJoinToken)?;
        let inner = BASE64.decode(inner).map_err(|_| NoJoinToken)?;
        let token: Self = serde_json::from_slice(&inner).map_err(|_| NoJoinToken)?;
        if token.addresses.is_empty() { Err(NoJoinToken) } else { Ok(token) }
    }
}

/// The resource that a new node is to the action that registers it.
pub(crate) fn new_node(id: u64, region: &str) -> String {
    format!("arn:aws:tidegate:{region}::new-node/{id}")
}

/// What a token may do, as a policy.
pub(crate) fn policy(id: u64, region: &str) -> String {
    let resource = new_node(id, region);
    let register = serde_json::json!({"Effect": "Allow", "Action": "tidegate:RegisterNode", "Resource": resource});
    let look = serde_json::json!({"Effect": "Allow", "Action": "tidegate:DescribeCluster", "Resource": "*"});
    serde_json::json!({"Version": "2012-10-17", "Statement": [register, look]}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_written_and_nothing_else_is_one() {
        let token = JoinToken {
            addresses: vec!["127.0.0.1:7401".to_owned()],
            access_key_id: "ASIAEXAMPLE".to_owned(),
            secret_access_key: "secret".to_owned(),
            session_token: "session".to_owned(),
        };
        let text = token.to_text();
        assert!(JoinToken::from_text(&format!(" {text}\n")).is_ok_and(|read| read == token));
        let nowhere = JoinToken { addresses: Vec::new(), ..token };
        for bad in ["", "tidegate-join-", "tidegate-join-e30", &text[1..], &nowhere.to_text()] {
            assert!(JoinToken::from_text(bad).is_err(), "{bad}");
        }
    }
}
