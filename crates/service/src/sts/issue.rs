//! Making a session: its key, its secret and its token.

use tidegate_authn::{ClusterKey, Secret, Session, SessionAttributes, SessionKind};
use tidegate_model::ids;
use tidegate_policy::{PolicyDocument, PolicyKind};

use crate::{Reason, ServiceError};

/// A session that is to be made.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) kind: SessionKind,
    pub(super) account: u64,
    /// `AROA…`, `AIDA…`, or empty for the root user.
    pub(super) entity: String,
    pub(super) name: String,
    /// In milliseconds since the Unix epoch, like `expires`.
    pub(super) issued: u64,
    pub(super) expires: u64,
    pub(super) policies: Option<Vec<String>>,
    pub(super) lineage: Vec<String>,
    pub(super) attributes: SessionAttributes,
}

/// A session and what goes with every call that it signs.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The session.
    pub session: Session,
    /// The session token.
    pub token: String,
}

fn letter(byte: u8) -> char {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char::from(LETTERS.get(usize::from(byte & 63)).copied().unwrap_or(b'A'))
}

/// Makes a session.
pub(super) fn issue(
    order: Order,
    entropy: &mut dyn FnMut(&mut [u8]),
    key: &ClusterKey,
) -> Result<Issued, ServiceError> {
    let mut draw = || {
        let mut bytes = [0; 16];
        entropy(&mut bytes);
        bytes
    };
    let access_key_id = ids::session_key_id(order.account, &draw());
    let secret: String =
        [draw(), draw(), draw()].concat().iter().map(|b| letter(*b)).take(40).collect();
    let session = Session {
        kind: order.kind,
        account: order.account,
        role_id: order.entity,
        name: order.name,
        access_key_id,
        secret: Secret::new(secret),
        issued: order.issued,
        expires: order.expires,
        policies: order.policies,
        lineage: order.lineage,
        attributes: order.attributes,
    };
    let mut nonce = [0; 12];
    entropy(&mut nonce);
    let token =
        session.seal(key, nonce).map_err(|e| ServiceError::new(Reason::Internal, e.to_string()))?;
    Ok(Issued { session, token })
}

/// Refuses session policies that can't be read.
pub(super) fn check_policies(policies: &[String]) -> Result<(), ServiceError> {
    for text in policies {
        PolicyDocument::parse(text, PolicyKind::Session).map_err(|e| {
            ServiceError::new(Reason::MalformedPolicyDocument, format!("session policy: {e}"))
        })?;
    }
    Ok(())
}
