//! The nodes as the checker reaches them, one connection each, and the lies that it can be made to tell itself so that one sees it bite.

use std::{collections::BTreeMap, time::Duration};

use parking_lot::Mutex;
use tidegate_client::{Client, Retries};
use tidegate_history::log::{Asked, State, WriteId};

use crate::{
    commands::Failure,
    dev::layout::Profile,
    profile::{self, endpoints},
};

/// How long one try of a call may take.
pub(crate) const TRY_MAX: Duration = Duration::from_secs(5);

/// A node.
#[derive(Clone, Debug)]
pub(crate) struct NodeAt {
    /// Its number.
    pub(crate) number: u64,
    /// Its name, `n1`.
    pub(crate) name: String,
    /// Its region.
    pub(crate) region: String,
    client: Client,
}

impl NodeAt {
    /// A client that remembers nothing and tries once.
    pub(crate) fn client(&self) -> Client {
        self.client.session()
    }
}

/// A violation on purpose, told by the checker's own layer between the cluster and its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Lie {
    /// A read at a token gives what was there long before.
    StaleRead,
    /// A write that was acknowledged is undone behind everybody's back.
    LostWrite,
    /// A node that has shown a deny shows what was there before it.
    VanishingDeny,
}

/// What the layer remembers to lie with: of each register, and where it depends on the node of each node.
#[derive(Debug, Default)]
struct Remembered {
    first: BTreeMap<u32, State>,
    allowed: BTreeMap<(u64, u32), State>,
    denied: BTreeMap<(u64, u32), WriteId>,
    told: u32,
}

/// The nodes.
#[derive(Debug)]
pub(crate) struct Fleet {
    /// In the order of the profile.
    pub(crate) nodes: Vec<NodeAt>,
    /// What is made up.
    pub(crate) lie: Option<Lie>,
    remembered: Mutex<Remembered>,
}

/// Lies of a run. A few are enough to be found, and leave a report that can be read.
const LIES_MAX: u32 = 5;
/// Writes that may be under way at once.
const AGE: WriteId = 32;

impl Fleet {
    /// Connects to the nodes of a profile that `at` names (a node or region; empty: all).
    pub(crate) async fn connect(
        profile: &Profile,
        at: &str,
        lie: Option<Lie>,
    ) -> Result<Self, Failure> {
        let mut nodes = Vec::new();
        for (place, endpoint) in endpoints(profile, at)?.into_iter().enumerate() {
            let client = profile::connect(profile, &endpoint.node).await?;
            let retries = Retries { tries_max: 1, try_max: TRY_MAX, ..Retries::default() };
            let number = endpoint.node.trim_start_matches('n').parse();
            nodes.push(NodeAt {
                // Names that are no numbers are told apart by their place.
                number: number.unwrap_or(1_000 + place as u64),
                name: endpoint.node.clone(),
                region: endpoint.region.clone(),
                client: client.with_retries(retries),
            });
        }
        Ok(Self { nodes, lie, remembered: Mutex::default() })
    }

    /// Regions, each once.
    pub(crate) fn regions(&self) -> Vec<String> {
        let mut regions: Vec<String> = self.nodes.iter().map(|n| n.region.clone()).collect();
        regions.sort();
        regions.dedup();
        regions
    }

    /// What the log hears of a read: the truth, unless the layer lies.
    pub(crate) fn heard(
        &self,
        node: u64,
        register: u32,
        (state, denies): (State, bool),
        asked: &Asked,
    ) -> State {
        let Some(lie) = self.lie else { return state };
        let mut remembered = self.remembered.lock();
        let written = matches!(state, State::Of(_));
        let first = remembered.first.get(&register).cloned();
        if written && first.is_none() {
            remembered.first.insert(register, state.clone());
        }
        let told = match (lie, asked, &state) {
            // Where the tokens cover what is there, by their age: the lie is one for certain.
            (Lie::StaleRead, Asked::AtLeast(ids), State::Of(id)) => {
                first.filter(|_| ids.iter().any(|token| token == id || *token > id + AGE))
            }
            (Lie::VanishingDeny, _, State::Of(id)) if denies => {
                // The second time that this very deny is seen here it is gone.
                let again = remembered.denied.insert((node, register), *id) == Some(*id);
                let before = remembered.allowed.get(&(node, register)).cloned();
                before.filter(|_| again)
            }
            _ => None,
        };
        if written && !denies {
            remembered.allowed.insert((node, register), state.clone());
        }
        match told {
            Some(told) if told != state && remembered.told < LIES_MAX => {
                remembered.told += 1;
                told
            }
            _ => state,
        }
    }

    /// Whether a write that was just acknowledged is to be undone in secret.
    pub(crate) fn loses_this(&self) -> bool {
        let mut remembered = self.remembered.lock();
        let loses = self.lie == Some(Lie::LostWrite) && remembered.told < LIES_MAX;
        remembered.told += u32::from(loses);
        loses
    }
}
