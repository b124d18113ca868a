//! Apply versions: what a group's state is applied by, whatever builds its voters are of.
//!
//! A build applies every version up to its own. A group stands at one of them, which an ordered command raises once every voter has announced
//! that it knows the next: so no two voters make different things of one entry, and no field is written that a voter does not know.
//!
//! | version | from then on |
//! |---|---|
//! | 1 | as clusters began |
//! | 2 | a user carries who made it ([`crate::record::User::created_by`]) |
//! | 3 | a node names its sealing keys ([`crate::record::Node::sealing_keys`]), and secrets are sealed anew ([`crate::secrets::Reseal`]) |
//!
//! What a build does not know of a record it carries along ([`carry`]). New fields stand last in their message: so two builds write the
//! same bytes, the one that knows a field and the one that carries it.

use bytes::{Bytes, BytesMut};
use prost::Message;
use prost::encoding::{DecodeContext, WireType, decode_key, skip_field};

use crate::{Key, federation, record, region, resource};

/// The version that this build applies at most.
pub const APPLY_VERSION: u32 = 3;

/// From this version on users carry who made them.
pub const CREATED_BY: u32 = 2;
/// From this version on nodes name their sealing keys, sealed secrets name theirs, and secrets are sealed anew.
pub const SEALING_KEYS: u32 = 3;

/// Raises the version that a group is applied by. Only the cluster itself says so, once every voter knows it.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct RaiseVersion {
    /// The next one.
    #[prost(uint32, tag = "1")]
    pub version: u32,
}

/// Says what a node knows: it says so itself.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct AnnounceNode {
    /// Its number.
    #[prost(uint64, tag = "1")]
    pub node: u64,
    /// The greatest apply version that it knows.
    #[prost(uint32, tag = "2")]
    pub apply_version_max: u32,
    /// Ids of the sealing keys that it holds, the newest first. Written from [`SEALING_KEYS`] on.
    #[prost(fixed32, repeated, tag = "3")]
    pub sealing_keys: Vec<u32>,
}

/// The fields of a message at its top, each with its number and its bytes; `None`: these are no message.
fn fields(bytes: &[u8]) -> Option<Vec<(u32, &[u8])>> {
    let mut rest = bytes;
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let field = rest;
        let (number, wire): (u32, WireType) = decode_key(&mut rest).ok()?;
        skip_field(wire, number, &mut rest, DecodeContext::default()).ok()?;
        fields.push((number, field.get(..field.len() - rest.len())?));
    }
    Some(fields)
}

/// What of a message its type does not know: fields that are gone once it was read and written.
fn unknown<M: Message + Default>(bytes: &[u8]) -> Option<Vec<u8>> {
    let known = M::decode(bytes).ok()?.encode_to_vec();
    if known.len() == bytes.len() {
        return None;
    }
    let known: Vec<u32> = fields(&known)?.into_iter().map(|(number, _)| number).collect();
    let theirs = fields(bytes)?.into_iter().filter(|(number, _)| !known.contains(number));
    Some(theirs.flat_map(|(_, bytes)| bytes).copied().collect())
}

/// The value that is to be stored of a key: the new one, with what stood there and this build does not know carried along, byte for byte.
pub fn carry(key: &[u8], old: &[u8], new: Bytes) -> Bytes {
    let Some((_, key)) = Key::decode_at(key) else { return new };
    let theirs = match key {
        Key::Account(_) => unknown::<record::Account>(old),
        Key::User(..) => unknown::<record::User>(old),
        Key::Group(..) => unknown::<record::Group>(old),
        Key::Role(..) => unknown::<record::Role>(old),
        Key::Policy(..) => unknown::<record::Policy>(old),
        Key::PolicyVersion(..) => unknown::<record::PolicyVersion>(old),
        Key::Inline(..) => unknown::<record::InlinePolicy>(old),
        Key::AccessKey(..) => unknown::<record::AccessKey>(old),
        Key::Resource(..) => unknown::<resource::Resource>(old),
        Key::Outbound(_) => unknown::<federation::Outbound>(old),
        Key::Imported(..) => unknown::<region::Quarantine>(old),
        Key::Lift(..) => unknown::<region::Lift>(old),
        Key::Void(..) => unknown::<region::VoidSessions>(old),
        Key::Cluster => unknown::<record::Cluster>(old),
        Key::Node(_) => unknown::<record::Node>(old),
        Key::Placement(_) => unknown::<record::Placement>(old),
        Key::AccountPlacement(_) => unknown::<record::AccountPlacement>(old),
        _ => None,
    };
    match theirs {
        Some(theirs) if !theirs.is_empty() => {
            let mut value = BytesMut::from(&*new);
            value.extend_from_slice(&theirs);
            value.freeze()
        }
        _ => new,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A user as a later build writes it.
    #[derive(Clone, PartialEq, Message)]
    struct LaterUser {
        #[prost(string, tag = "1")]
        name: String,
        #[prost(string, tag = "2")]
        path: String,
        #[prost(string, tag = "900")]
        mood: String,
        #[prost(uint64, repeated, tag = "901")]
        numbers: Vec<u64>,
    }

    #[test]
    fn what_a_build_does_not_know_stays_byte_for_byte() {
        let later = LaterUser {
            name: "ada".to_owned(),
            path: "/".to_owned(),
            mood: "bright".to_owned(),
            numbers: vec![1, 300],
        };
        let key = Key::User(7, "ada".to_owned()).encode();
        let mut user = record::User::decode(&*later.encode_to_vec()).unwrap();
        user.path = "/moved/".to_owned();
        let carried = carry(&key, &later.encode_to_vec(), user.encode_to_vec().into());
        let moved = LaterUser { path: "/moved/".to_owned(), ..later };
        assert_eq!(carried, moved.encode_to_vec(), "as the later build itself writes it");

        let plain: Bytes = user.encode_to_vec().into();
        assert_eq!(carry(&key, &plain, plain.clone()), plain);
        assert_eq!(carry(&key, b"\xff\xff", plain.clone()), plain, "no message carries nothing");
        assert_eq!(carry(b"\xfa", &moved.encode_to_vec(), plain.clone()), plain);
    }
}
