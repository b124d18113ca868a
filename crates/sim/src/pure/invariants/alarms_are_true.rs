//! "Alarm: what a person must look at": in a world without bugs nobody alarms but for poison, and only for what is poison.

use tidegate_replica::Alarm;

use super::{Homes, Invariant, Seen, Verdict};

/// Looks at each alarm.
#[derive(Debug)]
pub(super) struct AlarmsAreTrue;

impl Invariant for AlarmsAreTrue {
    fn look(&mut self, seen: &Seen<'_>, _homes: &Homes) -> Verdict {
        let Seen::Alarmed { node, alarm, poison } = seen else { return Verdict::Pass };
        let true_one = matches!(alarm, Alarm::Poison { dot, .. } if poison.contains(dot));
        Verdict::of(true_one, || format!("{node}: {alarm}"))
    }
}
