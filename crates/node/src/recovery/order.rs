//! What operators allow: an order that the recovery key signs. Where the settings name that key no step of a recovery is taken without one,
//! whoever of the cluster asks for it.

use bytes::Bytes;
use prost::Message;
use tidegate_authn::{PUBLIC_KEY_BYTES, RECOVERY_PURPOSE, verify_signature};
use tidegate_policy::UnixMillis;
use tidegate_proto::membership::v1::RecoveryOrder;
use tidegate_replica::NodeId;

/// Longest time that an order may be good for, in milliseconds.
const VALID_MAX: u64 = 24 * 3_600_000;

/// An order as it travels. Without a signature there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Signed {
    /// A [`RecoveryOrder`].
    pub(crate) order: Bytes,
    /// By the recovery key.
    pub(crate) signature: Bytes,
}

impl Signed {
    /// Whether there is an order at all.
    pub(crate) fn is_there(&self) -> bool {
        !self.signature.is_empty()
    }
}

/// Reads an order; why it is none, for people.
pub(crate) fn read(
    key: &[u8; PUBLIC_KEY_BYTES],
    cluster: &str,
    now: UnixMillis,
    signed: &Signed,
) -> Result<RecoveryOrder, String> {
    if !signed.is_there() {
        return Err("it takes the steps of a recovery only with an order that the recovery key signs: give --recovery-key".to_owned());
    }
    if !verify_signature(key, RECOVERY_PURPOSE, &[&signed.order], &signed.signature) {
        return Err("the order is not signed by the recovery key of its settings".to_owned());
    }
    let order = RecoveryOrder::decode(signed.order.clone());
    let order = order.map_err(|e| format!("the order can't be read: {e}"))?;
    if order.cluster_id != cluster {
        return Err("the order is for another cluster".to_owned());
    }
    if order.not_after_ms < now.0 {
        return Err("the order is over, by its clock; ask again".to_owned());
    }
    if order.not_after_ms > now.0.saturating_add(VALID_MAX) {
        return Err("the order is good for more than a day, by its clock".to_owned());
    }
    Ok(order)
}

/// Whether an order names these voters and no others. Why not, for people.
pub(crate) fn names(order: &RecoveryOrder, voters: &[u64]) -> Result<(), String> {
    if order.voters == voters { Ok(()) } else { Err("the order names other voters".to_owned()) }
}

/// Whether an order allows that a group's generation ends; `seed`: and who begins the next one. Why not, for people.
pub(crate) fn allows(
    order: &RecoveryOrder,
    group: u32,
    generation: u32,
    seed: Option<NodeId>,
) -> Result<(), String> {
    let named = order.groups.iter().find(|g| (g.group, g.generation) == (group, generation));
    let Some(named) = named else {
        return Err(format!(
            "the order does not name g{group} in generation {generation}; ask again"
        ));
    };
    match seed {
        Some(NodeId(n)) if !order.voters.contains(&n) && !named.seeds.contains(&n) => {
            Err(format!("the order does not let n{n} begin g{group}; ask again"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use tidegate_authn::RecoveryKey;
    use tidegate_proto::membership::v1::OrderedGroup;

    use super::*;

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
    /// RFC 8410, section 10.3, and its public half.
    const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

    fn order() -> RecoveryOrder {
        RecoveryOrder {
            cluster_id: "c1".to_owned(),
            voters: vec![4, 6, 7],
            groups: vec![OrderedGroup { group: 1, generation: 2, seeds: vec![5] }],
            not_after_ms: NOW.0 + 1_000,
        }
    }

    fn signed(order: &RecoveryOrder) -> Signed {
        let order = Bytes::from(order.encode_to_vec());
        let key = RecoveryKey::from_pem(PRIVATE).unwrap();
        let signature = key.sign(RECOVERY_PURPOSE, &[&order]);
        Signed { order, signature: Bytes::copy_from_slice(&signature) }
    }

    fn why(now: UnixMillis, signed: &Signed) -> String {
        let key = tidegate_authn::recovery_public_key(PUBLIC).unwrap();
        read(&key, "c1", now, signed).err().unwrap_or_default()
    }

    #[test]
    fn an_order_is_heard_as_it_was_signed_and_while_it_is_good() {
        assert_eq!(why(NOW, &signed(&order())), "");
        assert!(why(NOW, &Signed::default()).contains("only with an order"));
        let mut altered = signed(&order());
        altered.order = RecoveryOrder { voters: vec![9], ..order() }.encode_to_vec().into();
        assert!(why(NOW, &altered).contains("not signed"));
        let other = RecoveryOrder { cluster_id: "c2".to_owned(), ..order() };
        assert!(why(NOW, &signed(&other)).contains("another cluster"));
        assert!(why(UnixMillis(NOW.0 + 1_001), &signed(&order())).contains("is over"));
        let eternal = RecoveryOrder { not_after_ms: NOW.0 + VALID_MAX + 1, ..order() };
        assert!(why(NOW, &signed(&eternal)).contains("more than a day"));
    }

    #[test]
    fn it_allows_the_groups_and_the_nodes_that_it_names() {
        let order = order();
        for seed in [None, Some(4), Some(5)] {
            assert_eq!(allows(&order, 1, 2, seed.map(NodeId)), Ok(()));
        }
        assert!(allows(&order, 1, 2, Some(NodeId(8))).unwrap_err().contains("let n8 begin g1"));
        // Once it was carried out the group is in another generation.
        assert!(allows(&order, 1, 3, None).unwrap_err().contains("generation 3"));
        assert!(allows(&order, 2, 2, None).unwrap_err().contains("g2"));
        assert_eq!(names(&order, &[4, 6, 7]), Ok(()));
        assert!(names(&order, &[4, 6, 8]).unwrap_err().contains("other voters"));
    }
}
