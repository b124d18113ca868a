//! What all nodes of a world of scale have from the start: records that exist once, however many nodes have them.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use tidegate_replica::{Dot, GroupId, Record, Stamp, StateDigest};

use super::home::origin;

/// Where each group stands when the world begins: everything of the base was written there.
pub(crate) const POSITION: u64 = 1;
/// Bytes of a value, as a small account has them.
const VALUE: &[u8] = &[7; 24];

/// The records of one group.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct BaseRows {
    records: BTreeMap<Bytes, Record>,
    pub(crate) digest: StateDigest,
}

impl BaseRows {
    pub(crate) fn get(&self, key: &[u8]) -> Option<&Record> {
        self.records.get(key)
    }
}

/// The records of all groups. Nobody needs them sent: whoever joins a world with a base would be given none of it.
pub(crate) type Base = BTreeMap<GroupId, Arc<BaseRows>>;

/// The key of an entity.
pub(crate) fn key(group: GroupId, number: u32) -> Bytes {
    let group = u8::try_from(group.0).unwrap_or(u8::MAX);
    [&[group][..], &number.to_be_bytes()].concat().into()
}

/// So many entities in each of these groups.
pub(crate) fn fill(groups: impl Iterator<Item = GroupId>, keys: u32) -> Base {
    let rows = |group: GroupId| {
        let mut rows = BaseRows::default();
        let dot = Dot { origin: origin(group), sequence: POSITION };
        let stamp = Stamp { epoch: 0, revision: POSITION };
        for number in 0..keys {
            let key = key(group, number);
            let record =
                Record { key: key.clone(), value: Some(Bytes::from_static(VALUE)), stamp, dot };
            rows.digest.add(&record);
            rows.records.insert(key, record);
        }
        (group, Arc::new(rows))
    };
    groups.map(rows).collect()
}
