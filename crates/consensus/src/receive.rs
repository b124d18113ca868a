//! A snapshot that is being received, part by part.

use bytes::Bytes;

use crate::wire::SnapshotW;

/// Bytes of a snapshot, at most. The state of a group must fit into memory anyway.
const BYTES_MAX: usize = 4 << 30;

/// What was received so far.
#[derive(Debug, Default)]
pub(crate) struct Receiving {
    head: Option<SnapshotW>,
    chunks: Vec<Bytes>,
    bytes: usize,
    next: u64,
}

/// Why a part was not taken. The sender begins anew.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PartError {
    #[error("part {got} of a snapshot came where {expected} was expected")]
    Order { got: u64, expected: u64 },
    #[error("a snapshot of more than {BYTES_MAX} bytes")]
    TooLarge,
}

impl Receiving {
    /// Takes a part, and gives the chunks of the whole snapshot with the last one. A part that came before (its answer was lost on
    /// the way) is taken once.
    pub(crate) fn part(&mut self, part: SnapshotW) -> Result<Option<Vec<Bytes>>, PartError> {
        let (number, is_last) = (part.part, part.is_last);
        let (head, chunks) = split(part);
        let known = self.head.as_ref() == Some(&head);
        if known && number + 1 == self.next {
            return Ok(None);
        }
        if number == 0 {
            *self = Self { head: Some(head), ..Self::default() };
        } else if !known || number != self.next {
            let expected = if known { self.next } else { 0 };
            return Err(PartError::Order { got: number, expected });
        }
        self.next += 1;
        self.bytes += chunks.iter().map(Bytes::len).sum::<usize>();
        if self.bytes > BYTES_MAX {
            *self = Self::default();
            return Err(PartError::TooLarge);
        }
        self.chunks.extend(chunks);
        Ok(is_last.then(|| core::mem::take(self).chunks))
    }
}

/// What all parts of one snapshot have in common, and what this one brings.
fn split(mut part: SnapshotW) -> (SnapshotW, Vec<Bytes>) {
    let chunks = core::mem::take(&mut part.chunks);
    (SnapshotW { part: 0, is_last: false, ..part }, chunks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(time: u64, part: u64, is_last: bool, chunk: &'static str) -> SnapshotW {
        SnapshotW { time, part, is_last, chunks: vec![chunk.into()], ..SnapshotW::default() }
    }

    #[test]
    fn parts_make_a_snapshot_whatever_is_repeated() {
        let mut receiving = Receiving::default();
        assert_eq!(receiving.part(part(1, 0, false, "a")), Ok(None));
        assert_eq!(receiving.part(part(1, 1, false, "b")), Ok(None));
        assert_eq!(receiving.part(part(1, 1, false, "b")), Ok(None), "a repeated part counts once");
        assert_eq!(
            receiving.part(part(1, 2, true, "c")),
            Ok(Some(vec!["a".into(), "b".into(), "c".into()]))
        );
    }

    #[test]
    fn parts_of_different_snapshots_never_mix() {
        let mut receiving = Receiving::default();
        assert_eq!(receiving.part(part(1, 0, false, "a")), Ok(None));
        assert_eq!(
            receiving.part(part(2, 1, true, "b")),
            Err(PartError::Order { got: 1, expected: 0 })
        );
        assert_eq!(
            receiving.part(part(1, 2, true, "c")),
            Err(PartError::Order { got: 2, expected: 1 })
        );
        assert_eq!(receiving.part(part(2, 0, true, "x")), Ok(Some(vec!["x".into()])));
    }
}
