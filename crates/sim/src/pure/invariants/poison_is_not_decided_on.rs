//! "A record that can't be decoded or breaks an invariant is set aside, alarmed and counted, and stops nothing else": it is kept for
//! others, and never shown. That it stops nothing is seen by the nodes' convergence.

use super::{Answer, Homes, Invariant, Seen, Verdict};
use crate::pure::world::is_poison;

/// Looks at each answer, and at the end for the poison in the store.
#[derive(Debug)]
pub(super) struct PoisonIsNotDecidedOn;

impl Invariant for PoisonIsNotDecidedOn {
    fn look(&mut self, seen: &Seen<'_>, _homes: &Homes) -> Verdict {
        match seen {
            Seen::Answered(Answer { node, seen, .. }) => match seen {
                Some(record) if is_poison(record) => Verdict::Broken(format!(
                    "{node} decided on {}, which it can't read",
                    record.dot
                )),
                Some(_) => Verdict::Holds,
                None => Verdict::Pass,
            },
            Seen::Healed { nodes, .. } => {
                let mut looked = Verdict::Pass;
                for last in *nodes {
                    let all = last.view.groups.values().flat_map(|g| g.records.values());
                    for record in all.filter(|r| is_poison(r)) {
                        looked = Verdict::Holds;
                        if !last.view.aside.contains(&record.dot) {
                            return Verdict::Broken(format!(
                                "{} did not set {} aside",
                                last.node, record.dot
                            ));
                        }
                    }
                }
                looked
            }
            _ => Verdict::Pass,
        }
    }
}
