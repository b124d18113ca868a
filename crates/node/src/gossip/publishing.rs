//! From merged to decided on: durable first, then in the view in one step, then told.

use std::time::Duration;

use tidegate_store::StoreError;

use super::{Driver, ROOM_EVERY, Waiting, own};
use crate::{gate::Arrived, machine::joining, telemetry::metrics::GroupLabel};

impl Driver {
    /// Makes durable what was merged, then publishes it in one step, then lets the acknowledgements go. While the disk has no room it
    /// waits for a later call: nothing is lost, nothing that is not durable is published, and everything else goes on.
    pub(super) async fn settle(&mut self) -> Result<(), StoreError> {
        match self.store.committer().try_sync().await {
            Ok(()) => {}
            Err(error @ StoreError::Full { .. }) => {
                tracing::error!(%error, "what was merged waits for room on the disk");
                self.waiting.again = self.platform.monotonic() + ROOM_EVERY;
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        let spilled = core::mem::take(&mut self.waiting.spilled);
        let hollow = core::mem::take(&mut self.waiting.hollow);
        let empty = Waiting { spilled, hollow, ..Waiting::default() };
        let Waiting { merges, records, positions, anew, .. } =
            core::mem::replace(&mut self.waiting, empty);
        let now = self.platform.monotonic();
        for id in merges {
            self.replica.persisted(now, id);
        }
        let digests = self.digests.of(positions.iter().filter_map(|(o, _)| o.group()));
        self.gate.take(now, Arrived { records, positions, digests, anew });
        self.let_through(now);
        Ok(())
    }

    /// Publishes what is durable and not held back on purpose.
    pub(super) fn let_through(&mut self, now: Duration) {
        for arrived in self.gate.due(now) {
            self.publish(&arrived);
            self.digests.publish(&arrived.positions, &arrived.digests);
            self.replica.published(&arrived.positions, &arrived.digests);
        }
    }

    fn publish(&self, arrived: &Arrived) {
        let Arrived { records, positions, anew, .. } = arrived;
        self.views.publish(|view| {
            for group in anew {
                own::forget(view, *group);
            }
            for record in records {
                let absorbed = own::absorb(view, record);
                if let Err(error) = absorbed {
                    tracing::error!(%error, dot = %record.dot, "a record was set aside");
                    self.metrics.alarms.inc();
                }
            }
            view.positions.join(positions);
        });
        for group in anew {
            if let Err(error) = joining::delete(&self.store, *group) {
                tracing::warn!(%error, %group, "it was not written down that the group is here");
            }
        }
        for (origin, sequence) in positions.iter() {
            if let Some(group) = origin.group() {
                let index = i64::try_from(sequence).unwrap_or(i64::MAX);
                self.metrics.applied.get_or_create(&GroupLabel { group: group.0 }).set(index);
            }
        }
    }
}
