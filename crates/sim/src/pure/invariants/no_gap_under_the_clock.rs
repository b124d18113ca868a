//! "A node whose clock says (o, n) has merged everything that o wrote up to n, without gaps": its records are the fold of the log.

use super::{Homes, Invariant, Seen, Verdict};

/// Compares each published view with the log, record by record.
#[derive(Debug)]
pub(super) struct NoGapUnderTheClock;

impl Invariant for NoGapUnderTheClock {
    fn look(&mut self, seen: &Seen<'_>, homes: &Homes) -> Verdict {
        let Seen::Published { node, view, positions, moved, .. } = seen else {
            return Verdict::Pass;
        };
        for (origin, position) in positions.iter() {
            let group = origin.group().filter(|g| moved.contains(g));
            let Some(home) = group.and_then(|g| homes.get(&g)) else { continue };
            let Some(entry) = home.at(position) else {
                return Verdict::Broken(format!(
                    "{node} stands at {origin}:{position}, where the log has no entry that ends"
                ));
            };
            let stands = view.live(home.group).count();
            let truth = entry.fold.values().filter(|r| r.value.is_some());
            let mut wanted = 0;
            for record in truth {
                wanted += 1;
                let held = view.record(home.group, &record.key);
                if held != Some(record) {
                    let held = held.map(|r| (r.dot.sequence, r.value.is_some()));
                    return Verdict::Broken(format!(
                        "{node} at {origin}:{position} lacks {}: it has {held:?}",
                        record.dot
                    ));
                }
            }
            if stands != wanted {
                return Verdict::Broken(format!(
                    "{node} at {origin}:{position} has {stands} live records, the log {wanted}"
                ));
            }
        }
        Verdict::Holds
    }
}
