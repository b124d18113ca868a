//! The store as a source of catch-ups: what vouches for the state at their end.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::Message as _;
use tidegate_replica::{GroupId, Header, Origin, Proof, RangePage, Records};
use tidegate_store::{Batch, NodeStore, Tree};

use super::{BatchProof, Vouching};

/// A store, and what is known of who vouches for what is in it.
pub(crate) struct Vouched<'a> {
    pub(crate) store: &'a NodeStore,
    pub(crate) vouching: &'a Vouching,
}

fn key(group: GroupId) -> Bytes {
    NodeStore::group_key(group, b"head")
}

/// Notes in the batch that brings a group to a position what vouches for its state there.
pub(crate) fn put_head(batch: &mut Batch, origin: Origin, position: u64, proof: &Bytes) {
    let Some(group) = origin.group() else { return };
    let mut row = BytesMut::with_capacity(21 + proof.len());
    row.put_slice(&origin.to_bytes());
    row.put_u64(position);
    row.put_slice(proof);
    batch.put(Tree::Meta, key(group), row.to_vec());
}

/// What vouches for the stored state of an origin, if it stands at this position.
fn head(store: &NodeStore, origin: Origin, group: GroupId, position: u64) -> Option<Bytes> {
    let mut row = match store.engine().get(Tree::Meta, &key(group)) {
        Ok(row) => row?,
        Err(error) => {
            tracing::error!(%error, %origin, "what vouches for a state can't be read");
            return None;
        }
    };
    if row.len() < 21 || row.split_to(13)[..] != origin.to_bytes() {
        return None;
    }
    (row.get_u64() == position).then_some(row)
}

impl Records for Vouched<'_> {
    fn header(&self, key: &[u8]) -> Option<Header> {
        self.store.header(key)
    }

    fn range(&self, origin: Origin, after: u64, limit_bytes: usize) -> RangePage {
        self.store.range(origin, after, limit_bytes)
    }

    fn floor(&self, origin: Origin) -> u64 {
        self.store.floor(origin)
    }

    fn proof(&self, origin: Origin, position: u64) -> Proof {
        // What a node writes has its proof in each record.
        let Some(group) = origin.group() else { return Proof::Unneeded };
        if self.vouching.keeps(group) {
            return self.vouching.sign_state(group, origin, position);
        }
        let view = self.vouching.views.load();
        let votes = |proof: &Bytes| {
            let signer = BatchProof::decode(proof.clone()).map(|p| p.node);
            let placement = view.directory.placement(group);
            signer.is_ok_and(|node| placement.is_some_and(|p| p.speakers().any(|n| n == node)))
        };
        // The word of who votes no more is believed by nobody.
        match head(self.store, origin, group, position).filter(votes) {
            Some(proof) => Proof::There(proof),
            None if Vouching::is_signed(&view, group) => Proof::Missing,
            None => Proof::Unneeded,
        }
    }
}
