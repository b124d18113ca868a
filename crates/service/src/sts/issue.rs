//! Making a session: its key, its secret and its token.

use tidegate_authn::{
    ClusterKey, Secret, Session, SessionAttributes, SessionFederation, SessionKind,
};
use tidegate_model::ids;
use tidegate_policy::{PolicyDocument, PolicyKind};

use crate::{Reason, ServiceError};

/// A session that is to be made.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) kind: SessionKind,
    pub(crate) account: u64,
    /// `AROA…`, `AIDA…`, or empty for the root user.
    pub(crate) entity: String,
    pub(crate) name: String,
    /// In milliseconds since the Unix epoch, like `expires`.
    pub(crate) issued: u64,
    pub(crate) expires: u64,
    pub(crate) policies: Option<Vec<String>>,
    pub(crate) lineage: Vec<String>,
    pub(crate) attributes: SessionAttributes,
    /// What an identity provider said, where it was one that vouched for the session.
    pub(crate) federation: Option<SessionFederation>,
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
pub(crate) fn issue(
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
        federation: order.federation,
    };
    let mut nonce = [0; 12];
    entropy(&mut nonce);
    let token =
        session.seal(key, nonce).map_err(|e| ServiceError::new(Reason::Internal, e.to_string()))?;
    Ok(Issued { session, token })
}

/// Refuses session policies that can't be read.
pub(crate) fn check_policies(policies: &[String]) -> Result<(), ServiceError> {
    for text in policies {
        PolicyDocument::parse(text, PolicyKind::Session).map_err(|e| {
            ServiceError::new(
                Reason::MalformedPolicyDocument,
                format!("Syntax errors in policy: {e}"),
            )
        })?;
    }
    Ok(())
}
