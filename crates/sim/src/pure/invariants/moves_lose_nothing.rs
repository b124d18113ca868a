//! "Move of an account between groups under load without losing or reordering a write": whatever group took them, the writes of an account
//! are one sequence; no write is in it twice; each node shows a beginning of it that only grows, and all that a token covers.

use std::collections::{BTreeMap, BTreeSet};

use tidegate_replica::NodeId;

use super::{
    super::account::{Shown, Taken},
    Homes, Invariant, Seen, Verdict,
};

/// How much of the sequence each node has shown.
#[derive(Debug, Default)]
pub(super) struct MovesLoseNothing(BTreeMap<NodeId, usize>);

/// What a node shows that has the first writes of a sequence.
fn beginning(taken: &[Taken]) -> Shown {
    taken.iter().map(|taken| (taken.register, taken.write)).collect()
}

/// How many writes of a sequence are shown, as far as the newest of them says.
fn length(shown: &Shown, taken: &[Taken]) -> usize {
    let newest = taken.iter().rposition(|t| shown.get(&t.register) == Some(&t.write));
    newest.map_or(0, |place| place + 1)
}

impl MovesLoseNothing {
    fn shown(&mut self, node: NodeId, shown: &Shown, floor: usize, taken: &[Taken]) -> Verdict {
        let has = length(shown, taken);
        if *shown != beginning(taken.get(..has).unwrap_or_default()) {
            return Verdict::Broken(format!(
                "{node} shows {shown:?}, which no beginning of what was taken is"
            ));
        }
        let before = self.0.entry(node).or_default();
        if has < (*before).max(floor) {
            return Verdict::Broken(format!(
                "{node} shows {has} of {} writes; it has shown {before}, and {floor} are to be covered",
                taken.len()
            ));
        }
        *before = has;
        Verdict::Holds
    }
}

impl Invariant for MovesLoseNothing {
    fn look(&mut self, seen: &Seen<'_>, _homes: &Homes) -> Verdict {
        match seen {
            Seen::AccountWritten { write, revision, taken } => {
                let different: BTreeSet<u64> = taken.iter().map(|t| t.write).collect();
                let mut pairs = taken.iter().zip(taken.iter().skip(1));
                let rises = pairs.all(|(a, b)| a.revision < b.revision);
                let told = taken.iter().any(|t| (t.write, t.revision) == (*write, *revision));
                Verdict::of(different.len() == taken.len() && rises && told, || {
                    let last = taken.iter().rev().take(3).collect::<Vec<_>>();
                    format!(
                        "write {write} is said to be at {revision}, and is there twice, not at all or not in its place: {last:?}"
                    )
                })
            }
            // A node that has just joined knows where the account is before it has it: it says so, and shows nothing.
            Seen::AccountShown { node, shown: None, floor, .. } => Verdict::of(*floor == 0, || {
                format!("{node} knows no account, and {floor} writes of it are to be covered")
            }),
            Seen::AccountShown { node, shown: Some(shown), floor, taken } => {
                self.shown(*node, shown, *floor, taken)
            }
            Seen::AccountAtRest { moving } => {
                Verdict::of(!moving, || "a move of the account does not end".to_owned())
            }
            _ => Verdict::Pass,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(writes: &[(u64, u32)]) -> Vec<Taken> {
        let at = |(place, (write, register)): (usize, &(u64, u32))| Taken {
            write: *write,
            register: *register,
            revision: place as u64 + 10,
        };
        writes.iter().enumerate().map(at).collect()
    }

    fn breaks(look: &mut MovesLoseNothing, seen: &Seen<'_>) -> bool {
        matches!(look.look(seen, &Homes::new()), Verdict::Broken(_))
    }

    #[test]
    fn what_is_lost_reordered_or_done_twice_is_seen() {
        let all = taken(&[(1, 0), (2, 1), (3, 0)]);
        let node = NodeId(4);
        let see = |shown: &[(u32, u64)], floor| Seen::AccountShown {
            node,
            shown: Some(shown.iter().copied().collect()),
            floor,
            taken: &all,
        };
        let mut look = MovesLoseNothing::default();
        assert!(!breaks(&mut look, &see(&[(0, 1), (1, 2)], 2)));
        assert!(breaks(&mut look, &see(&[(0, 1), (1, 2)], 3)), "a token covers more");
        assert!(breaks(&mut look, &see(&[(0, 3)], 0)), "one is missing");
        assert!(!breaks(&mut look, &see(&[(0, 3), (1, 2)], 0)));
        assert!(breaks(&mut look, &see(&[(0, 1), (1, 2)], 0)), "it goes back");
        let gone = Seen::AccountShown { node, shown: None, floor: 1, taken: &all };
        assert!(breaks(&mut look, &gone));
        let twice = taken(&[(1, 0), (1, 0)]);
        let again = Seen::AccountWritten { write: 1, revision: 11, taken: &twice };
        assert!(breaks(&mut look, &again));
        assert!(breaks(&mut look, &Seen::AccountAtRest { moving: true }));
    }
}
