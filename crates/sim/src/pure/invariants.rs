//! What must hold in every run: one invariant a file, headed by where the promise is made.
//!
//! The world tells the [`Judge`] what happens; each invariant looks at what concerns it, and remembers what it needs. A mask leaves some
//! out, to prove that it is they who find what they are there for.

mod acknowledged_after_published;
mod alarms_are_true;
mod answer_is_its_token;
mod arrived_everywhere;
mod clocks_never_go_back;
mod deleted_stays_deleted;
mod equal_clocks_equal_digests;
mod everybody_knows;
mod moves_lose_nothing;
mod no_gap_under_the_clock;
mod nodes_converge;
mod own_groups_follow_the_log;
mod poison_is_not_decided_on;
mod published_was_durable;
mod quarantines_are_kept;
mod quarantines_reach_everybody;
mod staleness_bound;
mod token_floor;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bytes::Bytes;
use tidegate_replica::{Alarm, Clock, Dot, GroupId, NodeId, Origin, PropagationEvent, Record};

use super::{
    account::{Shown, Taken},
    home::Home,
    state::State,
};

/// The groups, which are the truth.
pub(crate) type Homes = BTreeMap<GroupId, Home>;

/// What nodes wrote themselves: quarantines, which any node takes, and which a group lifts.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    /// Those that were acknowledged to whoever asked for them, with their keys.
    pub(crate) accepted: BTreeMap<Dot, Bytes>,
    /// Those that were lifted.
    pub(crate) lifted: BTreeSet<Dot>,
}

/// An answer to a client.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) node: NodeId,
    pub(crate) group: GroupId,
    pub(crate) key: &'a Bytes,
    /// What was decided on.
    pub(crate) seen: Option<&'a Record>,
    /// The position that the answer's token names.
    pub(crate) token: u64,
    /// The position that the answer was asked to cover.
    pub(crate) floor: u64,
}

/// What a node knows of the others at the end.
#[derive(Debug)]
pub(crate) struct Knowledge {
    pub(crate) node: NodeId,
    /// How old it thinks its view is.
    pub(crate) bound: Option<Duration>,
    /// Whom it holds for dead, of those that live.
    pub(crate) dead: Vec<NodeId>,
    /// Groups that it leads, and who it has not heard to have everything of.
    pub(crate) unheard: Vec<(GroupId, Vec<NodeId>)>,
}

/// A node at the end.
#[derive(Debug)]
pub(crate) struct Last<'a> {
    pub(crate) node: NodeId,
    pub(crate) view: &'a State,
    pub(crate) published: Clock,
}

/// What happens in a world.
#[derive(Debug)]
pub(crate) enum Seen<'a> {
    /// A node begins to decide on a view, after a step or at its start. `moved`: the groups that may have changed.
    Published {
        node: NodeId,
        view: &'a State,
        positions: &'a Clock,
        moved: &'a [GroupId],
        durable: &'a Clock,
    },
    /// A machine wants records of an origin merged. `votes`: the node votes in that group.
    Merging { node: NodeId, origin: Origin, votes: bool },
    /// A client is answered.
    Answered(Answer<'a>),
    /// A node's bound of how old its view of a group is, stretched by what a clock may drift, and how old it is in truth.
    Bound { node: NodeId, group: GroupId, bound: Duration, truth: Duration },
    /// A home says that a change has arrived. `took`: from its stamp to the publication in truth; `None`: it is not published there.
    Arrived { home: NodeId, event: &'a PropagationEvent, took: Option<Duration> },
    /// A node says that a change has arrived everywhere; `lacking`: members that do not decide on it.
    Everywhere { node: NodeId, lacking: Vec<NodeId> },
    /// A machine raises an alarm.
    Alarmed { node: NodeId, alarm: &'a Alarm, poison: &'a BTreeSet<Dot> },
    /// A node begins to decide on other quarantines than before, or begins a life.
    Contained { node: NodeId, view: &'a State, lanes: &'a Lanes },
    /// The faults are over for as long as repair may take.
    Healed { nodes: &'a [Last<'a>], lanes: &'a Lanes },
    /// And a little longer.
    Settled(&'a [Knowledge]),
    /// A client of the account that moves is told that its write was taken; `taken`: all that were, in their order.
    AccountWritten { write: u64, revision: u64, taken: &'a [Taken] },
    /// A node shows the account, or says that there is none; so many of the writes are covered by the tokens that it was asked with.
    AccountShown { node: NodeId, shown: Option<Shown>, floor: usize, taken: &'a [Taken] },
    /// Long after the faults, when whatever was begun with the account must be at its end.
    AccountAtRest { moving: bool },
}

/// What an invariant makes of what it sees.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It is none of its business.
    Pass,
    /// It was looked at, and holds.
    Holds,
    /// It does not hold.
    Broken(String),
}

impl Verdict {
    /// Holds, or is broken in the words of `why`.
    fn of(holds: bool, why: impl FnOnce() -> String) -> Self {
        if holds { Self::Holds } else { Self::Broken(why()) }
    }
}

/// Something that must hold.
pub(crate) trait Invariant {
    /// Looks at what happens.
    fn look(&mut self, seen: &Seen<'_>, homes: &Homes) -> Verdict;
}

/// The names of all invariants: those of their files.
pub const NAMES: [&str; 18] = [
    "clocks-never-go-back",
    "no-gap-under-the-clock",
    "equal-clocks-equal-digests",
    "deleted-stays-deleted",
    "token-floor",
    "answer-is-its-token",
    "staleness-bound",
    "acknowledged-after-published",
    "published-was-durable",
    "own-groups-follow-the-log",
    "poison-is-not-decided-on",
    "alarms-are-true",
    "arrived-everywhere",
    "nodes-converge",
    "everybody-knows",
    "quarantines-are-kept",
    "quarantines-reach-everybody",
    "moves-lose-nothing",
];

fn all() -> [Box<dyn Invariant>; NAMES.len()] {
    [
        Box::new(clocks_never_go_back::ClocksNeverGoBack::default()),
        Box::new(no_gap_under_the_clock::NoGapUnderTheClock),
        Box::new(equal_clocks_equal_digests::EqualClocksEqualDigests),
        Box::new(deleted_stays_deleted::DeletedStaysDeleted::default()),
        Box::new(token_floor::TokenFloor),
        Box::new(answer_is_its_token::AnswerIsItsToken),
        Box::new(staleness_bound::StalenessBound),
        Box::new(acknowledged_after_published::AcknowledgedAfterPublished),
        Box::new(published_was_durable::PublishedWasDurable),
        Box::new(own_groups_follow_the_log::OwnGroupsFollowTheLog),
        Box::new(poison_is_not_decided_on::PoisonIsNotDecidedOn),
        Box::new(alarms_are_true::AlarmsAreTrue),
        Box::new(arrived_everywhere::ArrivedEverywhere),
        Box::new(nodes_converge::NodesConverge),
        Box::new(everybody_knows::EverybodyKnows),
        Box::new(quarantines_are_kept::QuarantinesAreKept),
        Box::new(quarantines_reach_everybody::QuarantinesReachEverybody),
        Box::new(moves_lose_nothing::MovesLoseNothing::default()),
    ]
}

/// Which invariants are looked at, by their places in [`NAMES`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask([bool; NAMES.len()]);

impl Default for Mask {
    fn default() -> Self {
        Self([true; NAMES.len()])
    }
}

/// A name that no invariant has.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no invariant: {names}", names = NAMES.join(", "))]
pub struct UnknownInvariant(String);

impl Mask {
    /// All but these, or, with `only`, none but these.
    pub fn new(names: &[String], only: bool) -> Result<Self, UnknownInvariant> {
        let mut mask = [!only; NAMES.len()];
        for name in names {
            let place = NAMES.iter().position(|n| n == name);
            let place = place.ok_or_else(|| UnknownInvariant(name.clone()))?;
            if let Some(looked_at) = mask.get_mut(place) {
                *looked_at = only;
            }
        }
        Ok(Self(mask))
    }

    /// The names of those that are looked at.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        NAMES.iter().zip(self.0).filter(|(_, on)| *on).map(|(name, _)| *name)
    }
}

/// Something that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// When.
    pub at: Duration,
    /// What, by its name in [`NAMES`].
    pub invariant: &'static str,
    /// In what way.
    pub why: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {}: {}", self.at, self.invariant, self.why)
    }
}

/// Looks at everything.
pub(crate) struct Judge {
    invariants: Vec<(&'static str, Option<Box<dyn Invariant>>)>,
    /// How often each was looked at.
    pub(crate) looked: [u64; NAMES.len()],
    pub(crate) violations: Vec<Violation>,
}

impl std::fmt::Debug for Judge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Judge").field("looked", &self.looked).finish_non_exhaustive()
    }
}

impl Judge {
    pub(crate) fn new(mask: &Mask) -> Self {
        let masked = all().into_iter().zip(mask.0).map(|(i, on)| on.then_some(i));
        Self {
            invariants: NAMES.into_iter().zip(masked).collect(),
            looked: [0; NAMES.len()],
            violations: Vec::new(),
        }
    }

    pub(crate) fn look(&mut self, at: Duration, seen: &Seen<'_>, homes: &Homes) {
        for ((name, invariant), looked) in self.invariants.iter_mut().zip(&mut self.looked) {
            let Some(invariant) = invariant else { continue };
            match invariant.look(seen, homes) {
                Verdict::Pass => {}
                Verdict::Holds => *looked += 1,
                Verdict::Broken(why) => {
                    *looked += 1;
                    self.violations.push(Violation { at, invariant: name, why });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_leaves_out_what_it_names_or_all_else() {
        let names = ["token-floor".to_owned()];
        assert_eq!(Mask::new(&names, true).unwrap().names().collect::<Vec<_>>(), ["token-floor"]);
        assert_eq!(Mask::new(&names, false).unwrap().names().count(), NAMES.len() - 1);
        assert!(Mask::new(&["no".to_owned()], true).is_err());
    }
}
