//! What is to be done about groups whose voters are lost: from what nodes say to a plan, without waiting for anything.

use std::collections::{BTreeMap, BTreeSet};

use tidegate_model::record::Placement;
use tidegate_proto::peer::v1::RecoveryState;

/// What nodes that answered said of one group, by node.
pub(super) type Said = BTreeMap<u64, RecoveryState>;

/// Where the base of a group comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The log of a voter that survives.
    Log,
    /// What gossip has brought.
    Gossip,
    /// An earlier try, which came as far as closing the group.
    Before,
}

/// The plan for one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GroupPlan {
    pub(super) group: u32,
    /// The generation that ends.
    pub(super) generation: u32,
    /// Log index of its last entry that is kept. Of a log it is where that ends; halting it changes nothing of that.
    pub(super) base: u64,
    /// Who begins the next one.
    pub(super) seed: u64,
    pub(super) source: Source,
    /// Voters that do not answer.
    pub(super) lost_voters: Vec<u64>,
    /// Voters that answer, and must speak no more.
    pub(super) survivors: Vec<u64>,
    /// Where the log goes on behind what another node has: that position and the digest of the state there. The log must not contradict it.
    pub(super) check: Option<(u64, Vec<u8>)>,
    /// Who begins it where it does: the node that has most by gossip, and how much.
    pub(super) otherwise: (u64, u64),
}

/// The node that has most of a generation by gossip; of several one that votes from then on.
fn foremost(said: &Said, voters: &[u64]) -> Option<(u64, u64)> {
    let of = |(node, state): (&u64, &RecoveryState)| (state.merged, voters.contains(node), *node);
    said.iter().map(of).max().map(|(merged, _, node)| (node, merged))
}

/// The plan for a group; `None`: enough of its voters answer, so that there is nothing to recover.
pub(super) fn plan(placement: &Placement, said: &Said, voters: &[u64]) -> Option<GroupPlan> {
    let (group, generation) = (placement.group, placement.generation());
    let speakers: BTreeSet<u64> = placement.voters.iter().copied().collect();
    let (survivors, lost_voters): (Vec<u64>, Vec<u64>) =
        speakers.iter().partition(|voter| said.contains_key(voter));
    let before = said.iter().find(|(_, s)| s.ended.len() > placement.ended.len());
    if survivors.len() > speakers.len() / 2 && before.is_none() {
        return None;
    }
    let otherwise = foremost(said, voters)?;
    let plan = GroupPlan {
        group,
        generation,
        base: otherwise.1,
        seed: otherwise.0,
        source: Source::Gossip,
        lost_voters,
        survivors,
        check: None,
        otherwise,
    };
    // Whoever has begun the next generation is not argued with.
    let open = said.iter().find(|(_, s)| s.open && s.ended.len() > placement.ended.len());
    if let Some((_, state)) = open.or(before) {
        let base = state.ended.last().copied().unwrap_or_default();
        return Some(GroupPlan { base, seed: state.seed, source: Source::Before, ..plan });
    }
    let best = said.iter().filter(|(_, s)| s.voter).max_by_key(|(_, s)| (s.term, s.last));
    let Some((voter, log)) = best.filter(|(_, log)| log.last >= otherwise.1) else {
        return Some(plan);
    };
    // What is applied was committed: it can't contradict anybody.
    let behind = otherwise.1 > log.applied;
    let digest = said.get(&otherwise.0).map(|s| s.digest.clone()).unwrap_or_default();
    let check = behind.then(|| (otherwise.1, digest.to_vec()));
    Some(GroupPlan { base: log.last, seed: *voter, source: Source::Log, check, ..plan })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placement() -> Placement {
        Placement { group: 3, voters: vec![1, 2, 3], ..Placement::default() }
    }

    fn gossiped(merged: u64) -> RecoveryState {
        RecoveryState { group: 3, merged, published: merged, ..RecoveryState::default() }
    }

    fn log(term: u64, last: u64, applied: u64) -> RecoveryState {
        RecoveryState { voter: true, term, last, applied, ..gossiped(applied) }
    }

    fn said(all: &[(u64, RecoveryState)]) -> Said {
        all.iter().cloned().collect()
    }

    #[test]
    fn a_group_that_has_its_majority_is_left_alone() {
        let said = said(&[(1, log(1, 9, 9)), (2, log(1, 9, 9)), (4, gossiped(9))]);
        assert_eq!(plan(&placement(), &said, &[4]), None);
    }

    #[test]
    fn the_log_that_goes_farthest_counts_unless_others_have_more() {
        let plan_of = |all: &[(u64, RecoveryState)]| {
            let plan = plan(&placement(), &said(all), &[4]).unwrap();
            (plan.seed, plan.base, plan.source, plan.check.map(|c| c.0))
        };
        let log_of = |at| (3, 12, Source::Log, at);
        // Nobody has more than what the voter knows to be committed.
        assert_eq!(
            plan_of(&[(3, log(2, 12, 9)), (4, gossiped(9)), (5, gossiped(7))]),
            log_of(None)
        );
        // Somebody has heard of an entry that the voter does not know to be committed: it must be the same entry.
        assert_eq!(plan_of(&[(3, log(2, 12, 9)), (4, gossiped(10))]), log_of(Some(10)));
        // The voter lags: what gossip brought was committed by the others.
        assert_eq!(
            plan_of(&[(3, log(2, 12, 9)), (4, gossiped(13)), (5, gossiped(13))]),
            (4, 13, Source::Gossip, None)
        );
        // All voters are lost.
        assert_eq!(plan_of(&[(4, gossiped(8)), (5, gossiped(11))]), (5, 11, Source::Gossip, None));
    }

    #[test]
    fn of_two_logs_the_one_of_the_later_term_counts() {
        let placement = Placement { voters: vec![1, 2, 3, 4, 5], ..placement() };
        let said = said(&[(1, log(3, 10, 8)), (2, log(2, 14, 8)), (6, gossiped(8))]);
        let plan = plan(&placement, &said, &[6]).unwrap();
        assert_eq!((plan.seed, plan.base), (1, 10));
        assert_eq!((plan.survivors, plan.lost_voters), (vec![1, 2], vec![3, 4, 5]));
    }

    #[test]
    fn a_try_that_was_cut_short_is_gone_on_with() {
        let closed = RecoveryState { ended: vec![11], seed: 4, open: false, ..gossiped(11) };
        let open = RecoveryState { open: true, seed: 5, ended: vec![12], ..closed.clone() };
        let two = said(&[(4, closed.clone()), (5, gossiped(11))]);
        let found = plan(&placement(), &two, &[5]).unwrap();
        assert_eq!((found.seed, found.base, found.source), (4, 11, Source::Before));
        let found = plan(&placement(), &said(&[(4, closed), (5, open)]), &[5]).unwrap();
        assert_eq!((found.seed, found.base), (5, 12));
    }
}
