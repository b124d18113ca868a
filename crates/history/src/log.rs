//! What `tidegate check` records of a live cluster: events in the order in which they ended, in the time of the one clock of the checker.

use std::{collections::BTreeMap, fmt, time::Duration};

pub use crate::registers::WriteId;

/// A value of a register.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Nothing is there: not yet, or not any more.
    Absent,
    /// What a write put there, which says its own name.
    Of(WriteId),
    /// A value that several writes may have put there.
    Word(&'static str),
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("nothing"),
            Self::Of(id) => write!(f, "write {id}"),
            Self::Word(word) => f.write_str(word),
        }
    }
}

/// How fresh an answer was asked to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// As the node has it.
    Eventual,
    /// Covering what the tokens of these writes cover, or of reads that saw them.
    AtLeast(Vec<WriteId>),
    /// No older than this.
    Bounded(Duration),
    /// Linearizable.
    Strong,
}

/// What somebody did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Did {
    /// Wrote a register.
    Wrote {
        /// Which.
        register: u32,
        /// The write.
        id: WriteId,
        /// What is there afterwards.
        state: State,
        /// Whether it is an explicit deny.
        denies: bool,
        /// Its place in the order; `None`: no answer came, and it may yet take effect.
        revision: Option<u64>,
    },
    /// Read a register.
    Read {
        /// Which.
        register: u32,
        /// What was there.
        state: State,
        /// How fresh it had to be.
        asked: Asked,
        /// How old the view was at most, as the answer said.
        staleness: Option<Duration>,
    },
    /// Was told that a write decides at every node.
    Arrived {
        /// The write.
        id: WriteId,
    },
    /// Was refused at a token that the same node had given with an answer.
    TokenRefused {
        /// Place of that answer in the log.
        given: usize,
    },
    /// Looked how far a node is, and at its digests: group to position and digest.
    Looked {
        /// What was there.
        groups: BTreeMap<u32, (u64, String)>,
    },
    /// Read a register when everything was over.
    Last {
        /// Which.
        register: u32,
        /// What was there.
        state: State,
    },
}

/// What was done, by whom, where and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The session.
    pub session: u32,
    /// Number of the node that answered; 0 where it was tried at several.
    pub node: u64,
    /// When it was asked.
    pub start: Duration,
    /// When the answer was there.
    pub end: Duration,
    /// What it was.
    pub did: Did,
}

/// Everything that was seen.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// In the order in which it ended.
    pub events: Vec<Event>,
    /// What each register is, in words, by number.
    pub registers: Vec<String>,
    /// How long the nodes took to become equal when the faults were over; `None`: they did not in time.
    pub converged: Option<Duration>,
}

impl Log {
    /// An event as a person reads it.
    pub fn sentence(&self, event: &Event) -> String {
        let name = |register: &u32| {
            let place = usize::try_from(*register).unwrap_or(usize::MAX);
            self.registers.get(place).map_or("?", String::as_str)
        };
        let what = match &event.did {
            Did::Wrote { register, id, state, revision, .. } => {
                let place = revision.map_or_else(
                    || "without an answer".to_owned(),
                    |r| format!("acknowledged at revision {r}"),
                );
                format!("write {id} of {}: {state}, {place}", name(register))
            }
            Did::Read { register, state, asked, staleness } => {
                let asked = match asked {
                    Asked::Eventual => "an eventual read".to_owned(),
                    Asked::AtLeast(ids) if ids.is_empty() => {
                        "a read at a token that the node gave itself".to_owned()
                    }
                    Asked::AtLeast(ids) => {
                        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
                        format!("a read at tokens of writes {}", ids.join(", "))
                    }
                    Asked::Bounded(bound) => format!("a read bounded by {bound:?}"),
                    Asked::Strong => "a strong read".to_owned(),
                };
                let bound = staleness.map_or(String::new(), |s| format!(", no older than {s:?}"));
                format!("{asked} of {} saw {state}{bound}", name(register))
            }
            Did::Arrived { id } => format!("write {id} was said to decide at every node"),
            Did::TokenRefused { .. } => "refused a token that it had given itself".to_owned(),
            Did::Looked { groups } => {
                let groups: Vec<String> = groups
                    .iter()
                    .map(|(group, (position, digest))| {
                        format!(
                            "g{group} at {position} with digest {}",
                            digest.get(..8).unwrap_or(digest)
                        )
                    })
                    .collect();
                format!("stood at {}", groups.join(", "))
            }
            Did::Last { register, state } => {
                format!("at the end {} was {state}", name(register))
            }
        };
        let node = if event.node == 0 { "any node".to_owned() } else { format!("n{}", event.node) };
        format!(
            "{:.3}-{:.3} s, session {}, {node}: {what}",
            event.start.as_secs_f64(),
            event.end.as_secs_f64(),
            event.session,
        )
    }
}
