//! "A decision at a token never uses older state than the token; a session that carries its token reads its own writes and never goes
//! back": no answer comes from before the position that it was asked to cover.

use super::{Answer, Homes, Invariant, Seen, Verdict};

/// Compares what was asked for with what the answer stands on.
#[derive(Debug)]
pub(super) struct TokenFloor;

impl Invariant for TokenFloor {
    fn look(&mut self, seen: &Seen<'_>, _homes: &Homes) -> Verdict {
        let Seen::Answered(Answer { node, group, token, floor, .. }) = seen else {
            return Verdict::Pass;
        };
        if *floor == 0 {
            return Verdict::Pass;
        }
        Verdict::of(token >= floor, || {
            format!("{node} answered from {group}:{token}, {group}:{floor} had to be covered")
        })
    }
}
