//! Keys of accounts that were moved: they name the placement epoch, so that rows of the group that an account left and of the one that it
//! lives in now are never one row.
//!
//! Were they one, the state of the old group at a position would depend on how far the new one has come: equal positions would no longer
//! mean equal states.

use bytes::{BufMut, Bytes, BytesMut};

use super::Key;

/// Kind of a key with an epoch. Behind it stand the account, the epoch, and the plain key without its account.
const PLACED: u8 = 76;
/// Kinds of plain keys that belong to an account. Those of the directory, of nodes and of moves have others.
const OF_ACCOUNTS: core::ops::RangeInclusive<u8> = 1..=63;

impl Key {
    /// The key of an account's row at a placement epoch. Epoch 0, before the first move, is the plain key.
    pub fn encode_at(&self, epoch: u64) -> Bytes {
        let plain = self.encode();
        let Some((head, rest)) = plain.split_at_checked(9) else { return plain };
        let Some((kind, account)) = head.split_first() else { return plain };
        if epoch == 0 || !OF_ACCOUNTS.contains(kind) {
            return plain;
        }
        let mut placed = BytesMut::with_capacity(plain.len() + 9);
        placed.put_u8(PLACED);
        placed.put_slice(account);
        placed.put_u64(epoch);
        placed.put_u8(*kind);
        placed.put_slice(rest);
        placed.freeze()
    }

    /// The key that these bytes are, and the placement epoch that it names; `None` when they are none.
    pub fn decode_at(bytes: &[u8]) -> Option<(u64, Self)> {
        let Some(placed) = bytes.strip_prefix(&[PLACED]) else {
            let key = Self::decode(bytes)?;
            let epoch = match key {
                Self::Home(_, epoch) | Self::Fence(_, epoch) => epoch,
                _ => 0,
            };
            return Some((epoch, key));
        };
        let (account, rest) = placed.split_at_checked(8)?;
        let (epoch, rest) = rest.split_at_checked(8)?;
        let (kind, rest) = rest.split_first()?;
        let epoch = u64::from_be_bytes(epoch.try_into().ok()?);
        if epoch == 0 || !OF_ACCOUNTS.contains(kind) {
            return None;
        }
        let plain = [&[*kind], account, rest].concat();
        Some((epoch, Self::decode(&plain)?))
    }

    /// The account that a key belongs to; `None`: it is the directory's.
    pub fn account(bytes: &[u8]) -> Option<u64> {
        let (kind, rest) = bytes.split_first()?;
        let account = u64::from_be_bytes(rest.get(..8)?.try_into().ok()?);
        (OF_ACCOUNTS.contains(kind) || (PLACED..=78).contains(kind)).then_some(account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EntityKind;

    #[test]
    fn rows_of_two_epochs_are_two_rows() {
        let name = || "ada".to_owned();
        let inline = Key::Inline(7, EntityKind::User, name(), name());
        for key in [Key::Account(7), Key::User(7, name()), inline] {
            assert_eq!(key.encode_at(0), key.encode());
            assert_ne!(key.encode_at(1), key.encode_at(2));
            for epoch in [0, 1, u64::MAX] {
                let bytes = key.encode_at(epoch);
                assert_eq!(Key::decode_at(&bytes), Some((epoch, key.clone())));
                assert_eq!(Key::account(&bytes), Some(7));
            }
        }
        assert_eq!(Key::decode_at(&Key::Fence(7, 3).encode()), Some((3, Key::Fence(7, 3))));
        assert_eq!(Key::account(&Key::Node(7).encode()), None);
        let unplaced = [&[PLACED][..], &7u64.to_be_bytes(), &0u64.to_be_bytes(), &[1]].concat();
        assert_eq!(Key::decode_at(&unplaced), None, "epoch 0 has one spelling");
    }
}
