//! From the machine into the store: many merges at once where their keys repeat, and few enough that whoever shares this thread goes on.

use tidegate_model::region::check_writer;
use tidegate_replica::{Clock, MergeBatch};
use tidegate_store::StoreError;

use super::Driver;
use crate::{telemetry::trace, vouching::put_head};

/// Records that are stored in one step: within some milliseconds.
const RECORDS_AT_ONCE: usize = 128;

/// Merges that are stored together: none, or one that stands alone, or several that do not.
fn steps(merges: Vec<MergeBatch>) -> Vec<Vec<MergeBatch>> {
    // The end of a whole state is held against what is stored, and a part of a catch-up is not published.
    let alone = |merge: &MergeBatch| !merge.publish || merge.replaced.is_some();
    let mut steps: Vec<Vec<MergeBatch>> = Vec::new();
    let mut records = 0;
    for merge in merges {
        records += merge.writes.len();
        match steps.last_mut() {
            Some(step)
                if records <= RECORDS_AT_ONCE && !alone(&merge) && !step.iter().any(alone) =>
            {
                step.push(merge);
            }
            _ => {
                records = merge.writes.len();
                steps.push(vec![merge]);
            }
        }
    }
    steps
}

impl Driver {
    /// Stores merges. They are published once they are durable.
    pub(super) fn merge(&mut self, merges: Vec<MergeBatch>) -> Result<(), StoreError> {
        steps(merges).into_iter().try_for_each(|step| self.store_step(step))
    }

    /// The same; other tasks of this thread have their turns between.
    pub(super) async fn merge_in_steps(
        &mut self,
        merges: Vec<MergeBatch>,
    ) -> Result<(), StoreError> {
        for step in steps(merges) {
            self.store_step(step)?;
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Stores merges in one batch: of a key that several write the last remains.
    fn store_step(&mut self, step: Vec<MergeBatch>) -> Result<(), StoreError> {
        let span = |merge: &MergeBatch| {
            let span = tracing::info_span!("merge", node = %self.me, records = merge.writes.len());
            trace::follow(&span, merge.trace.as_deref());
            span
        };
        // Each goes on with the trace of its change, and ends when all of them are stored.
        let _spans: Vec<_> = step.iter().map(span).collect();
        let (mut writes, mut clock, mut heads, mut ids) =
            (vec![], Clock::default(), vec![], vec![]);
        let (mut publish, mut replaced) = (true, None);
        for merge in step {
            heads.extend(merge.proof.zip(merge.clock.iter().next()));
            // It would stand in the place of its owner's.
            writes.extend(merge.writes.into_iter().filter(|r| check_writer(r).is_ok()));
            clock.join(&merge.clock);
            ids.push(merge.id);
            publish &= merge.publish;
            replaced = replaced.or(merge.replaced);
        }
        let (mut batch, changes) = self.store.merge(&writes, &clock, replaced.as_ref())?;
        for (proof, (origin, upto)) in &heads {
            put_head(&mut batch, *origin, *upto, proof);
        }
        match self.store.engine().apply(&batch) {
            // It is in the store; only its way to the disk is longer.
            Ok(()) | Err(StoreError::Full { .. }) => {}
            Err(error) => return Err(error),
        }
        self.digests.change(&changes);
        self.metrics.merged_records.inc_by(changes.len() as u64);
        let waiting = &mut self.waiting;
        waiting.merges.extend(ids);
        if !publish {
            waiting.spilled.extend(writes.iter().map(|r| r.dot.origin));
            return Ok(());
        }
        for (origin, _) in clock.iter() {
            let filled = origin.group().filter(|group| waiting.hollow.remove(group));
            waiting.anew.extend(filled);
            if waiting.spilled.remove(&origin) || filled.is_some() {
                // All of it at once, as the sender had it at its cut.
                waiting.records.extend(self.store.page(origin, 0, usize::MAX)?.records);
            }
        }
        waiting.records.extend(changes.into_iter().map(|c| c.new));
        waiting.positions.join(&clock);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tidegate_replica::{Dot, GroupId, Origin, Record, Replaced, Stamp};

    use super::*;

    const ORIGIN: Origin = Origin::Group { group: GroupId(1), generation: 0 };

    fn merge(id: u64, records: u64) -> MergeBatch {
        let record = |n| Record {
            key: vec![7].into(),
            value: Some(vec![7].into()),
            stamp: Stamp { epoch: 0, revision: n },
            dot: Dot { origin: ORIGIN, sequence: n },
        };
        MergeBatch {
            id,
            writes: (0..records).map(record).collect(),
            aside: Vec::new(),
            clock: Clock::from_iter([(ORIGIN, id)]),
            replaced: None,
            publish: true,
            trace: None,
            proof: None,
        }
    }

    fn stepped(merges: Vec<MergeBatch>) -> Vec<Vec<u64>> {
        steps(merges).iter().map(|step| step.iter().map(|m| m.id).collect()).collect()
    }

    #[test]
    fn merges_share_a_step_in_their_order_while_they_are_few() {
        assert_eq!(stepped(vec![]), Vec::<Vec<u64>>::new());
        let small = (0..130).map(|id| merge(id, 1)).collect();
        assert_eq!(stepped(small), [(0..128).collect::<Vec<_>>(), vec![128, 129]]);
        let large = vec![merge(0, 1), merge(1, 500), merge(2, 0), merge(3, 1), merge(4, 127)];
        assert_eq!(stepped(large), [vec![0], vec![1], vec![2, 3, 4]]);
    }

    #[test]
    fn the_end_of_a_state_and_the_parts_of_one_stand_alone() {
        let part = MergeBatch { publish: false, ..merge(1, 1) };
        let replaced = Some(Replaced { origin: ORIGIN, kept: [].into() });
        let end = MergeBatch { replaced, ..merge(4, 1) };
        let all = vec![merge(0, 1), part, merge(2, 1), merge(3, 1), end, merge(5, 1)];
        assert_eq!(stepped(all), [vec![0], vec![1], vec![2, 3], vec![4], vec![5]]);
    }
}
