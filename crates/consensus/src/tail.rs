//! The end of a log in memory: what is replicated and applied right after it was appended is not read back from the store.

use std::collections::VecDeque;

use crate::types::{Entry, size};

/// Bytes of entries kept for one group. A follower that lags further is served from the store.
const BYTES_MAX: usize = 1 << 20;

/// Consecutive entries at the end of the log, bounded by bytes.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    entries: VecDeque<Entry>,
    bytes: usize,
}

impl Tail {
    fn first(&self) -> Option<u64> {
        self.entries.front().map(|e| e.log_id.index)
    }

    /// Adds an entry that was appended to the log.
    pub(crate) fn push(&mut self, entry: Entry) {
        let follows =
            self.entries.back().is_none_or(|last| last.log_id.index + 1 == entry.log_id.index);
        if !follows {
            self.clear();
        }
        self.bytes += size(&entry);
        self.entries.push_back(entry);
        while self.bytes > BYTES_MAX && self.entries.len() > 1 {
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        if let Some(dropped) = self.entries.pop_front() {
            self.bytes -= size(&dropped);
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.bytes = 0;
    }

    /// Forgets entries from `index` on.
    pub(crate) fn truncate(&mut self, index: u64) {
        while self.entries.back().is_some_and(|e| e.log_id.index >= index) {
            if let Some(dropped) = self.entries.pop_back() {
                self.bytes -= size(&dropped);
            }
        }
    }

    /// Forgets entries up to `index`.
    pub(crate) fn purge(&mut self, index: u64) {
        while self.first().is_some_and(|first| first <= index) {
            self.drop_first();
        }
    }

    /// The entries in [from, to), at least one and no more than about `bytes`; `None` when they are not all here.
    pub(crate) fn range(&self, from: u64, to: u64, bytes: usize) -> Option<Vec<Entry>> {
        let first = self.first()?;
        let skip = usize::try_from(from.checked_sub(first)?).ok()?;
        let count = usize::try_from(to.checked_sub(from)?).ok()?;
        if skip + count > self.entries.len() {
            return None;
        }
        Some(fitting(self.entries.range(skip..skip + count).cloned(), bytes))
    }
}

/// The first entries that fit `bytes` together, and the very first in any case.
pub(crate) fn fitting(entries: impl Iterator<Item = Entry>, bytes: usize) -> Vec<Entry> {
    let mut sum = 0;
    let mut fit = Vec::new();
    for entry in entries {
        sum += size(&entry);
        if sum > bytes && !fit.is_empty() {
            break;
        }
        fit.push(entry);
    }
    fit
}

#[cfg(test)]
mod tests {
    use openraft::EntryPayload;

    use super::*;
    use crate::types::{LeaderId, LogId, Payload};

    fn entry(index: u64, bytes: usize) -> Entry {
        let log_id = LogId::new(LeaderId { term: 1, node_id: 1 }, index);
        Entry {
            log_id,
            payload: EntryPayload::Normal(Payload { time: 0, bytes: vec![0; bytes].into() }),
        }
    }

    fn indexes(found: Option<Vec<Entry>>) -> Option<Vec<u64>> {
        found.map(|all| all.iter().map(|e| e.log_id.index).collect())
    }

    #[test]
    fn a_tail_answers_only_for_what_it_has() {
        let mut tail = Tail::default();
        assert_eq!(indexes(tail.range(0, 1, 9)), None);
        for n in 5..10 {
            tail.push(entry(n, 10));
        }
        assert_eq!(indexes(tail.range(4, 6, 9_999)), None);
        assert_eq!(indexes(tail.range(8, 11, 9_999)), None);
        assert_eq!(indexes(tail.range(6, 9, 9_999)), Some(vec![6, 7, 8]));
        assert_eq!(indexes(tail.range(6, 9, 1)), Some(vec![6]));
        tail.truncate(8);
        tail.purge(5);
        assert_eq!(indexes(tail.range(6, 8, 9_999)), Some(vec![6, 7]));
        assert_eq!(indexes(tail.range(7, 9, 9_999)), None);
        tail.push(entry(20, 10));
        assert_eq!(indexes(tail.range(6, 8, 9_999)), None, "a gap empties it");
        assert_eq!(indexes(tail.range(20, 21, 9_999)), Some(vec![20]));
    }

    #[test]
    fn a_tail_is_bounded_by_bytes() {
        let mut tail = Tail::default();
        for n in 0..100 {
            tail.push(entry(n, 50 << 10));
        }
        assert!(tail.bytes <= BYTES_MAX);
        assert_eq!(indexes(tail.range(99, 100, 1)), Some(vec![99]));
        assert_eq!(indexes(tail.range(50, 51, 1)), None);
        tail.truncate(0);
        assert_eq!(tail.bytes, 0);
    }
}
