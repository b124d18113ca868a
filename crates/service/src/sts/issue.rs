//! Making a session: its key, its secret and its token.

use tidegate_authn::{
    ClusterKey, Secret, Session, SessionAttributes, SessionFederation, SessionKind,
};
use tidegate_model::ids;
use tidegate_policy::{PolicyDocument, PolicyKind};

use crate::{Reason, ServiceError, View, authenticate::needs_no_signature};

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
///
/// # Errors
/// [`Reason::NotReady`]: no node would take it, because the key of this one is not known yet.
pub(crate) fn issue(
    view: &View,
    order: Order,
    entropy: &mut dyn FnMut(&mut [u8]),
    key: &ClusterKey,
) -> Result<Issued, ServiceError> {
    if !key.issues() && !needs_no_signature(view, order.issued, order.expires) {
        let message = "this node can't begin sessions yet: the cluster does not know its signing key; try again, or ask another node";
        return Err(ServiceError::new(Reason::NotReady, message));
    }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use prost::Message;
    use tidegate_authn::NodeKey;
    use tidegate_model::{
        Key,
        record::{Node, SigningKey},
    };
    use tidegate_replica::{Dot, GroupId, Origin, Record, Stamp};

    use super::*;

    const NOW: u64 = 1_795_467_600_000;
    const HOUR: u64 = 3_600_000;

    fn know(view: &mut View, sequence: u64, key: &Key, value: &impl Message) {
        let origin = Origin::Group { group: GroupId::DIRECTORY, generation: 0 };
        let record = Record {
            key: key.encode(),
            value: Some(value.encode_to_vec().into()),
            stamp: Stamp { epoch: 0, revision: sequence },
            dot: Dot { origin, sequence },
        };
        view.directory.absorb(&record).unwrap();
    }

    fn order() -> Order {
        Order {
            kind: SessionKind::Role,
            account: 123_456_789_012,
            entity: "AROAWORKER".into(),
            name: "work".into(),
            issued: NOW,
            expires: NOW + HOUR,
            policies: None,
            lineage: Vec::new(),
            attributes: SessionAttributes::default(),
            federation: None,
        }
    }

    #[test]
    fn who_can_not_sign_begins_no_session_that_others_would_refuse() {
        let mine = Arc::new(NodeKey::from_seed(&[7; 32]).unwrap());
        let key = ClusterKey::new(1, &[7; 32]).unwrap().issuing_as(2, Arc::clone(&mine));
        let begin = |view: &View| issue(view, order(), &mut |bytes| bytes.fill(9), &key);
        let mut view = View::default();
        assert!(begin(&view).is_ok(), "nobody signs yet");

        know(&mut view, 1, &Key::Node(1), &Node { id: 1, ..Node::default() });
        let other = |registered| SigningKey { node: 1, registered, ..SigningKey::default() };
        know(&mut view, 2, &Key::SigningKey(1, 0), &other(NOW - 1_000));
        assert!(begin(&view).is_ok(), "others sign since a moment ago");
        know(&mut view, 3, &Key::SigningKey(1, 0), &other(NOW - HOUR));
        assert_eq!(begin(&view).unwrap_err().reason, Reason::NotReady);

        mine.is_known_now();
        assert!(begin(&view).is_ok());
    }
}
