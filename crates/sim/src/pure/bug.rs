//! Deliberate bugs: faults of the system itself, to know that the invariants would see them.
//!
//! Each is what a careless change of the machine, of its driver, of the store or of a home would do, carried out here by what stands in
//! for these: production code knows nothing of it and can't switch one on.

use tidegate_replica::{Continuation, Frame, Message};

/// A deliberate bug.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Bug {
    /// There is none.
    #[default]
    None,
    /// A sync returns without having made anything durable.
    SkipSync,
    /// Frames are merged whatever they begin behind.
    NoGapCheck,
    /// A page is taken for the whole catch-up.
    HalfCatchUp,
    /// A page names what is durable at its source, and not all that may have been left out of it.
    CutIsDurable,
    /// A whole state is merged into what stands, instead of replacing it.
    OldStateKept,
    /// The view shows what is not durable yet.
    PublishBeforeDurable,
    /// A leader answers probes by what it knew when it was elected, without asking a quorum.
    EchoByLease,
    /// Acknowledgements name what is merged, not what is published.
    AcknowledgeMerged,
    /// A relay changes a record that it passes on.
    RelayAlters,
    /// A voter takes its own groups' records from gossip, too.
    OwnGossip,
    /// Clocks are never exchanged: nobody learns what he lacks.
    RepairNotWoken,
    /// A question that was lost is never asked again.
    LostWakeup,
    /// Each life of a node uses the same nonces.
    NonceReused,
    /// A decision's token names what is merged, not what was decided on.
    TokenOfMerged,
    /// A decision does not wait for the token that it was asked to cover.
    FloorIgnored,
    /// A batch with a poison record is not merged.
    PoisonStops,
    /// A poison record is decided on.
    PoisonDecides,
    /// Deleting a record leaves no tombstone.
    ForgetTombstone,
    /// Tombstones are collected, and nobody who is behind is told.
    CollectWithoutFloor,
    /// A restart forgets up to where tombstones were collected.
    FloorForgotten,
    /// The clock is made durable before the records that it covers.
    ClockFirst,
    /// What was overwritten stays in the digest.
    DigestNotUpdated,
    /// The staleness bound counts from the answer instead of from the question.
    StalenessFromReply,
    /// A change is said to be everywhere once most have it.
    WaitAtMajority,
    /// Packets of the liveness protocol are dropped.
    DeafToSwim,
    /// A batch that was written in part is taken for whole.
    TornApplied,
    /// A row that is not what was written is decided on and passed on.
    RotServed,
    /// A disk without room says that it has made everything durable.
    FullIsDone,
    /// A quarantine is acknowledged before it is durable.
    ContainedTooEarly,
    /// What a node wrote is told once, and never again to whom it did not reach.
    ToldOnce,
    /// An account is handed over without having been closed in the group that it leaves.
    MovedWithoutFence,
    /// The first part of an account is taken for the whole.
    PartForWhole,
    /// The requests that a group remembers do not go along with an account.
    RequestsLeftBehind,
    /// A group forgets an account that has left it before everybody knows where it is.
    ReleasedTooEarly,
}

impl Bug {
    /// Its name on the command line.
    pub fn name(self) -> String {
        use clap::ValueEnum as _;
        self.to_possible_value().map(|v| v.get_name().to_owned()).unwrap_or_default()
    }

    /// All but none.
    pub fn all() -> impl Iterator<Item = Self> {
        use clap::ValueEnum as _;
        Self::value_variants().iter().copied().filter(|b| *b != Self::None)
    }

    /// What the bug makes of a message on its way out; `false`: it does not go out.
    pub(crate) fn spoil(
        self,
        message: &mut Message,
        merged: impl FnOnce() -> tidegate_replica::Clock,
    ) -> bool {
        match (self, message) {
            (Self::NoGapCheck, Message::Push { frame, .. }) => frame.after = 0,
            (Self::HalfCatchUp, Message::PullReply { next, .. }) => *next = Continuation::Done,
            (
                Self::AcknowledgeMerged,
                Message::Digest { published, .. } | Message::Ack { published, .. },
            ) => *published = merged(),
            (Self::RelayAlters, Message::Push { frame, hops: 1.. }) => alter(frame),
            (Self::ToldOnce, Message::Digest { merged, published, .. }) => {
                for clock in [merged, published] {
                    *clock = clock.iter().filter(|(origin, _)| origin.group().is_some()).collect();
                }
            }
            (Self::RepairNotWoken, Message::Digest { .. })
            | (Self::DeafToSwim, Message::Swim(_)) => {
                return false;
            }
            _ => {}
        }
        true
    }
}

fn alter(frame: &mut Frame) {
    for record in &mut frame.records {
        if record.value.is_some() {
            record.value = Some("altered".into());
        }
    }
}
