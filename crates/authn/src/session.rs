//! Sessions that need no table: everything about them is sealed in the session token.

mod federation;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use prost::Message;

use crate::{ClusterKey, SealError, Secret, merkle, verify_signature};

pub use federation::{FederationKey, SessionFederation};

/// What a session acts as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionKind {
    /// A role.
    #[default]
    Role,
    /// The user, or root user, who asked for it.
    User,
    /// Somebody whom a user, or root user, vouches for.
    Federated,
}

impl SessionKind {
    /// The kind with this number, as tokens have it.
    fn from_number(number: u32) -> Option<Self> {
        [Self::Role, Self::User, Self::Federated].into_iter().find(|k| *k as u32 == number)
    }
}

/// A tag of a session.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct SessionTag {
    /// Its key.
    #[prost(string, tag = "1")]
    pub key: String,
    /// Its value.
    #[prost(string, tag = "2")]
    pub value: String,
    /// Whether sessions that are made from this one have it too.
    #[prost(bool, tag = "3")]
    pub transitive: bool,
}

/// What a session knows of how it was made.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct SessionAttributes {
    /// Its tags, those that it inherited among them.
    #[prost(message, repeated, tag = "1")]
    pub tags: Vec<SessionTag>,
    /// The name that sticks to it and to all sessions made from it; empty: none.
    #[prost(string, tag = "2")]
    pub source_identity: String,
    /// When a code of an MFA device was given for it, in milliseconds since the Unix epoch.
    #[prost(uint64, optional, tag = "3")]
    pub mfa_at: Option<u64>,
}

/// A session: temporary credentials and what they stand for.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// What it acts as.
    pub kind: SessionKind,
    /// The account.
    pub account: u64,
    /// `AROA…`; of a session that acts for a user `AIDA…`, for the root user empty.
    pub role_id: String,
    /// The session's name; empty where it acts as a user.
    pub name: String,
    /// `ASIA…`.
    pub access_key_id: String,
    /// The secret of that key.
    pub secret: Secret,
    /// When it began, in milliseconds since the Unix epoch.
    pub issued: u64,
    /// When it ends, in milliseconds since the Unix epoch.
    pub expires: u64,
    /// Session policies, as JSON; `None`: made without any.
    pub policies: Option<Vec<String>>,
    /// Principals and access keys by which it came to be: unique ids, and `root`. What contains one of them contains the session.
    pub lineage: Vec<String>,
    /// What an identity provider said, where it was one that vouched for the session.
    pub federation: Option<SessionFederation>,
    /// What it knows of how it was made.
    pub attributes: SessionAttributes,
}

impl core::fmt::Debug for Session {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Session")
            .field("role_id", &self.role_id)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, PartialEq, Message)]
struct SessionV1 {
    #[prost(uint64, tag = "1")]
    account: u64,
    #[prost(string, tag = "2")]
    role_id: String,
    #[prost(string, tag = "3")]
    name: String,
    #[prost(string, tag = "4")]
    access_key_id: String,
    #[prost(string, tag = "5")]
    secret: String,
    #[prost(uint64, tag = "6")]
    issued: u64,
    #[prost(uint64, tag = "7")]
    expires: u64,
    #[prost(string, repeated, tag = "8")]
    policies: Vec<String>,
    #[prost(bool, tag = "9")]
    has_policies: bool,
    #[prost(string, repeated, tag = "30")]
    lineage: Vec<String>,
    #[prost(message, optional, tag = "45")]
    federation: Option<SessionFederation>,
    #[prost(uint32, tag = "40")]
    kind: u32,
    #[prost(message, optional, tag = "41")]
    attributes: Option<SessionAttributes>,
    #[prost(uint64, tag = "131")]
    issuer: u64,
    #[prost(bytes = "vec", tag = "132")]
    issuer_key: Vec<u8>,
}

/// Stands behind a session: the signature of the node that issued it, over all that stands before.
#[derive(Clone, PartialEq, Message)]
struct Signature {
    #[prost(bytes = "vec", tag = "133")]
    signature: Vec<u8>,
}

/// What the signature of a session is for.
const ISSUED: &str = "tidegate session v1";
/// Bytes of a public key that name it.
const KEY_ID_BYTES: usize = 8;

/// Who issued a session, as its token says: true only where it [holds good](Issued::is_good).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// The node.
    pub node: u64,
    /// The first bytes of the public key that it says it signed with.
    key: Vec<u8>,
    signed: Vec<u8>,
    signature: Vec<u8>,
}

impl Issued {
    /// Whether this is the key that it names.
    pub fn names(&self, public: &[u8]) -> bool {
        self.key.len() == KEY_ID_BYTES && public.starts_with(&self.key)
    }

    /// Whether the holder of a public key signed the session.
    pub fn is_good(&self, public: &[u8]) -> bool {
        verify_signature(public, ISSUED, &[&self.signed], &self.signature)
    }

    /// Names what [`Issued::is_good`] verifies.
    pub fn digest(&self, public: &[u8]) -> merkle::Hash {
        merkle::leaf([ISSUED.as_bytes(), public, &self.signed, &self.signature])
    }
}

/// A session token that gives no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// It can't be opened.
    #[error("the session token is not valid")]
    Invalid,
    /// It was sealed under a key that is not here.
    #[error("the session token was sealed under the unknown key {0}")]
    UnknownKey(u8),
    /// It is over.
    #[error("the session has expired")]
    Expired,
}

const OWNER: &str = "session v1";

impl Session {
    /// The session token. `nonce` must never be used twice: draw it at random.
    pub fn seal(&self, key: &ClusterKey, nonce: [u8; 12]) -> Result<String, SealError> {
        let wire = SessionV1 {
            account: self.account,
            role_id: self.role_id.clone(),
            name: self.name.clone(),
            access_key_id: self.access_key_id.clone(),
            secret: self.secret.expose().to_owned(),
            issued: self.issued,
            expires: self.expires,
            policies: self.policies.clone().unwrap_or_default(),
            has_policies: self.policies.is_some(),
            lineage: self.lineage.clone(),
            federation: self.federation.clone(),
            kind: self.kind as u32,
            attributes: Some(self.attributes.clone()),
            issuer: key.issuer().map_or(0, |(node, _)| node),
            issuer_key: key
                .issuer()
                .map(|(_, key)| key.public().iter().take(KEY_ID_BYTES).copied().collect())
                .unwrap_or_default(),
        };
        let mut plain = wire.encode_to_vec();
        if let Some((_, key)) = key.issuer() {
            let signature = Signature { signature: key.sign(ISSUED, &[&plain]).to_vec() };
            plain.extend(signature.encode_to_vec());
        }
        Ok(STANDARD.encode(key.seal(OWNER, &plain, nonce)?))
    }

    /// The session of a token, if it is not over at `now` (milliseconds since the Unix epoch).
    pub fn open(key: &ClusterKey, token: &str, now: u64) -> Result<Self, SessionError> {
        Self::open_issued(key, token, now).map(|(session, _)| session)
    }

    /// The same, and who issued it, where the token says so.
    pub fn open_issued(
        key: &ClusterKey,
        token: &str,
        now: u64,
    ) -> Result<(Self, Option<Issued>), SessionError> {
        let sealed = STANDARD.decode(token).map_err(|_| SessionError::Invalid)?;
        let plain = key.open(OWNER, &sealed).map_err(|e| match e {
            SealError::UnknownKey(id) => SessionError::UnknownKey(id),
            _ => SessionError::Invalid,
        })?;
        let wire = SessionV1::decode(&*plain).map_err(|_| SessionError::Invalid)?;
        if now >= wire.expires {
            return Err(SessionError::Expired);
        }
        let signature = Signature::decode(&*plain).map_err(|_| SessionError::Invalid)?;
        let mut signed = plain;
        signed.truncate(signed.len().saturating_sub(signature.encoded_len()));
        let issued = (!signature.signature.is_empty()).then_some(Issued {
            node: wire.issuer,
            key: wire.issuer_key,
            signed,
            signature: signature.signature,
        });
        let session = Self {
            // A later build's word for a kind that this one can't hold to its rules.
            kind: SessionKind::from_number(wire.kind).ok_or(SessionError::Invalid)?,
            account: wire.account,
            role_id: wire.role_id,
            name: wire.name,
            access_key_id: wire.access_key_id,
            secret: Secret::new(wire.secret),
            issued: wire.issued,
            expires: wire.expires,
            policies: wire.has_policies.then_some(wire.policies),
            lineage: wire.lineage,
            federation: wire.federation,
            attributes: wire.attributes.unwrap_or_default(),
        };
        Ok((session, issued))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::NodeKey;

    fn session() -> Session {
        Session {
            kind: SessionKind::Federated,
            account: 1,
            role_id: "AROA".into(),
            name: "s".into(),
            access_key_id: "ASIA".into(),
            secret: Secret::new("x".into()),
            issued: 1,
            expires: 100,
            policies: Some(vec![]),
            lineage: vec!["AIDA".into(), "AKIA".into()],
            federation: Some(SessionFederation {
                provider: "arn:p".into(),
                ..SessionFederation::default()
            }),
            attributes: SessionAttributes {
                tags: vec![SessionTag { key: "k".into(), value: "v".into(), transitive: true }],
                source_identity: "ada".into(),
                mfa_at: Some(7),
            },
        }
    }

    #[test]
    fn a_token_says_who_issued_it_and_only_the_issuer_can() {
        let node_key = |seed: u8| {
            let key = Arc::new(NodeKey::from_seed(&[seed; 32]).unwrap());
            key.is_known_now();
            key
        };
        let (issuer, other) = (node_key(1), node_key(2));
        let key = ClusterKey::new(1, &[7; 32]).unwrap().issuing_as(3, Arc::clone(&issuer));
        let token = session().seal(&key, [1; 12]).unwrap();
        // Any node opens it: only the key of the cluster is needed.
        let any = ClusterKey::new(1, &[7; 32]).unwrap();
        let (opened, issued) = Session::open_issued(&any, &token, 9).unwrap();
        let issued = issued.unwrap();
        assert_eq!((opened, issued.node), (session(), 3));
        assert!(issued.names(&issuer.public()) && !issued.names(&other.public()));
        assert!(issued.is_good(&issuer.public()));
        assert!(!issued.is_good(&other.public()));
        // Whoever holds the key of the cluster can say that another issued it, and not sign so.
        let liar = ClusterKey::new(1, &[7; 32]).unwrap().issuing_as(3, Arc::clone(&other));
        let forged = session().seal(&liar, [2; 12]).unwrap();
        let (_, issued) = Session::open_issued(&any, &forged, 9).unwrap();
        let issued = issued.unwrap();
        assert_eq!(issued.node, 3);
        assert!(!issued.is_good(&issuer.public()));
        let longer = Issued { signed: [&issued.signed[..], b"x"].concat(), ..issued.clone() };
        assert!(!longer.is_good(&other.public()) && issued.is_good(&other.public()));
        let unsigned = session().seal(&any, [3; 12]).unwrap();
        assert_eq!(Session::open_issued(&any, &unsigned, 9).unwrap().1, None);
    }

    #[test]
    fn a_session_is_what_its_token_says_until_it_ends() {
        let key = ClusterKey::new(1, &[7; 32]).unwrap();
        let session = session();
        let token = session.seal(&key, [1; 12]).unwrap();
        assert_eq!(Session::open(&key, &token, 99).unwrap(), session);
        assert_eq!(Session::open(&key, &token, 100), Err(SessionError::Expired));
        assert_eq!(Session::open(&key, "AQAA", 1), Err(SessionError::Invalid));
        let shown = format!("{session:?}");
        assert!(!shown.contains('x'), "{shown}");
        assert_eq!(SessionKind::from_number(3), None);
    }
}
