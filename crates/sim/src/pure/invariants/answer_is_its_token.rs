//! "Waits, staleness, evidence and acknowledgements use the positions of the published view, never the merged clock": an answer shows
//! exactly the state that its token names.

use super::{Answer, Homes, Invariant, Seen, Verdict};

/// Compares each answer with the log at its token.
#[derive(Debug)]
pub(super) struct AnswerIsItsToken;

impl Invariant for AnswerIsItsToken {
    fn look(&mut self, seen: &Seen<'_>, homes: &Homes) -> Verdict {
        let Seen::Answered(Answer { node, group, key, seen, token, .. }) = seen else {
            return Verdict::Pass;
        };
        let Some(entry) = homes.get(group).and_then(|h| h.at(*token)) else { return Verdict::Pass };
        let truth = entry.fold.get(*key);
        // A record that was set aside is not shown.
        let shown = seen
            .or(truth.filter(|r| r.value.is_some()).filter(|r| super::super::world::is_poison(r)));
        let truth = truth.filter(|r| r.value.is_some());
        Verdict::of(shown == truth, || {
            let of = |r: Option<&tidegate_replica::Record>| r.map(|r| r.dot.sequence);
            format!(
                "{node} answered at {group}:{token} with {:?}, the log has {:?}",
                of(shown),
                of(truth)
            )
        })
    }
}
