//! The operator of a simulated cluster: who belongs to it, what is to be changed, and the hands that do it, one change after the other.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tidegate_client::{CallError, Client};
use tidegate_proto::{
    cluster::v1::{
        ChangeVotersRequest, DescribeClusterRequest, Group, Node, RegisterNodeRequest,
        RemoveNodeRequest,
    },
    membership::v1::{AddGroupRequest, MoveAccountRequest},
    propagation::v1::GetReplicationStatusRequest,
};

use crate::{
    plan::{NODES, VOTERS},
    workload::Failure,
    world::{address, client, elapsed},
};

/// How long one try of a call may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// Between two tries.
const AGAIN: Duration = Duration::from_millis(200);
/// Groups of accounts at the start: their voters are [`VOTERS`].
pub const GROUPS: u32 = 2;
/// The account that all clients write.
pub const ACCOUNT: &str = "000000000001";
/// How often a move is asked for: one that is under way, and waits for a node that is away, lets no other begin.
const MOVES_MOST: u32 = 20;
/// A change of who belongs to the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A node joins.
    Join {
        /// Its number.
        node: u64,
    },
    /// A node that votes nowhere leaves.
    Leave {
        /// Its number.
        node: u64,
    },
    /// A node takes the place of another, its votes as well. The other is gone already, or goes when it votes no more.
    Replace {
        /// Who goes.
        old: u64,
        /// Who comes.
        new: u64,
    },
    /// The clients' account moves to another group of its first home region; or, with a node, from there to the group in which that node
    /// alone votes, and back.
    Move {
        /// Who votes in the group in the other region.
        home: Option<u64>,
    },
}

/// What clients, the operator and the world know of the cluster.
#[derive(Debug)]
pub struct Office {
    /// The regions of all nodes that there ever were.
    pub regions: BTreeMap<u64, String>,
    /// Nodes that clients ask.
    pub serving: BTreeSet<u64>,
    /// Nodes that are no more.
    pub gone: BTreeSet<u64>,
    /// Nodes that a fault cuts off from others now.
    pub cut: BTreeSet<u64>,
    /// Who alone votes in the group of another home region, or will: its disk is the only one that has it.
    pub alone: Option<u64>,
    /// Who votes in the directory, and of a change those that stay.
    pub voters: BTreeSet<u64>,
    /// Nodes whose host may be stopped: nobody counts on them any more.
    pub leaving: Vec<u64>,
    changes: VecDeque<Change>,
    busy: bool,
    closed: bool,
    /// Changes that were made.
    pub made: u64,
    /// Moves of the clients' account that the directory took.
    pub moves: u64,
    /// Of these, to another home region.
    pub moves_home: u64,
}

/// One office for all.
pub type SharedOffice = Arc<Mutex<Office>>;

impl Default for Office {
    fn default() -> Self {
        Self {
            regions: NODES.iter().map(|(n, r)| (*n, (*r).to_owned())).collect(),
            serving: NODES.iter().map(|(n, _)| *n).collect(),
            gone: BTreeSet::new(),
            cut: BTreeSet::new(),
            alone: None,
            voters: BTreeSet::from(VOTERS),
            leaving: Vec::new(),
            changes: VecDeque::new(),
            busy: false,
            closed: false,
            made: 0,
            moves: 0,
            moves_home: 0,
        }
    }
}

impl Office {
    /// Whether nothing is to be done.
    pub fn is_idle(&self) -> bool {
        !self.busy && self.changes.is_empty()
    }

    /// Asks for a change.
    pub fn ask(&mut self, change: Change) {
        self.changes.push_back(change);
    }

    /// No more changes will be asked for.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// The region of a node.
    pub fn region(&self, node: u64) -> String {
        self.regions.get(&node).cloned().unwrap_or_default()
    }

    fn next(&mut self) -> Option<Change> {
        let change = self.changes.pop_front();
        self.busy = change.is_some();
        change
    }
}

/// The hands.
struct Operator {
    office: SharedOffice,
    random: ChaCha8Rng,
    requests: u64,
    voters: BTreeSet<u64>,
    /// The group in another home region, where there is one.
    far: Option<u32>,
    /// The group that the account lives in, as far as the operator knows.
    lives_in: u32,
}

/// A register call that was refused for good would be tried for ever; the run then ends as one that is not served.
impl Operator {
    fn any(&mut self) -> Result<Client, Failure> {
        let serving: Vec<u64> = self.office.lock().serving.iter().copied().collect();
        let place = self.random.random_range(0..serving.len().max(1));
        let node = serving.get(place).copied().unwrap_or(1);
        Ok(client(node, PATIENCE)?)
    }

    fn request_id(&mut self) -> String {
        self.requests += 1;
        format!("operator-{}", self.requests)
    }

    async fn register(&mut self, node: u64) -> Result<(), Failure> {
        let region = self.office.lock().region(node);
        let (peer_address, client_address) = address(node);
        let node = Node { id: node, region, peer_address, client_address };
        let request = RegisterNodeRequest { request_id: self.request_id(), node: Some(node) };
        loop {
            match self.any()?.send(&request).await {
                Ok(_) => return Ok(()),
                Err(error) => note("not registered yet", &error),
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn remove(&mut self, node: u64) -> Result<(), Failure> {
        let request = RemoveNodeRequest { request_id: self.request_id(), id: node };
        loop {
            match self.any()?.send(&request).await {
                Ok(_) => return Ok(()),
                Err(error) => note("not removed yet", &error),
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Whether a node says that a change of voters is over by which `old` left; it may lag, and then it does not say so yet.
    async fn settled(&mut self, old: u64) -> Result<bool, Failure> {
        match self.any()?.send(&DescribeClusterRequest {}).await {
            Ok(answer) => {
                let left = |g: &Group| !g.changing && !g.voters.contains(&old);
                Ok(answer.groups.iter().all(left))
            }
            Err(error) => {
                note("not described yet", &error);
                Ok(false)
            }
        }
    }

    /// Gives the votes of one node to another, where it has any, and waits until that is done.
    async fn hand_over(&mut self, old: u64, new: u64) -> Result<(), Failure> {
        // Nobody else changes them.
        if !self.voters.remove(&old) {
            return Ok(());
        }
        self.voters.insert(new);
        self.office.lock().voters.remove(&old);
        let voters = self.voters.iter().copied().collect();
        let groups = (0..=GROUPS).collect();
        let request = ChangeVotersRequest { request_id: self.request_id(), voters, groups };
        loop {
            match self.any()?.send(&request).await {
                Ok(_) => break,
                Err(error) => note("voters not changed yet", &error),
            }
            tokio::time::sleep(AGAIN).await;
        }
        while !self.settled(old).await? {
            tokio::time::sleep(AGAIN).await;
        }
        self.office.lock().voters.insert(new);
        Ok(())
    }

    /// Waits until a node answers for all groups: from then on clients may ask it.
    async fn serves(&mut self, node: u64) -> Result<(), Failure> {
        let client = client(node, PATIENCE)?;
        // The directory is one, too.
        let groups = 1 + GROUPS as usize + usize::from(self.far.is_some());
        loop {
            match client.session().send(&GetReplicationStatusRequest {}).await {
                Ok(status) if status.groups.len() >= groups => break,
                Ok(_) => {}
                Err(error) => note("does not answer yet", &error),
            }
            tokio::time::sleep(AGAIN).await;
        }
        self.office.lock().serving.insert(node);
        Ok(())
    }

    async fn make(&mut self, change: Change) -> Result<(), Failure> {
        match change {
            Change::Join { node } => {
                self.register(node).await?;
                self.serves(node).await
            }
            Change::Leave { node } => {
                self.office.lock().serving.remove(&node);
                self.remove(node).await?;
                self.goes(node);
                Ok(())
            }
            Change::Replace { old, new } => {
                self.register(new).await?;
                self.hand_over(old, new).await?;
                self.serves(new).await?;
                self.office.lock().serving.remove(&old);
                self.remove(old).await?;
                self.goes(old);
                Ok(())
            }
            Change::Move { home } => self.move_account(home).await,
        }
    }

    /// The group in which a node of another region votes alone: it is made where there is none yet.
    async fn far_group(&mut self, voter: u64) -> Result<u32, Failure> {
        if let Some(group) = self.far {
            return Ok(group);
        }
        let request = AddGroupRequest { request_id: self.request_id(), voters: vec![voter] };
        loop {
            match self.any()?.send(&request).await {
                Ok(answer) => {
                    self.far = Some(answer.group);
                    return Ok(answer.group);
                }
                Err(error) => note("no group added yet", &error),
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Has the account moved. It is on its way then; who has asked for that does not wait for its end.
    async fn move_account(&mut self, home: Option<u64>) -> Result<(), Failure> {
        let far = match home {
            Some(voter) => Some(self.far_group(voter).await?),
            None => None,
        };
        let group = match far {
            Some(far) if self.lives_in != far => far,
            _ => self.lives_in % GROUPS + 1,
        };
        let (request_id, account_id) = (self.request_id(), ACCOUNT.to_owned());
        let request = MoveAccountRequest { request_id, account_id, group };
        for _ in 0..MOVES_MOST {
            match self.any()?.send(&request).await {
                Ok(answer) => {
                    let homes = [answer.from, group].iter().any(|g| self.far == Some(*g));
                    self.lives_in = group;
                    let mut office = self.office.lock();
                    office.moves += 1;
                    office.moves_home += u64::from(homes);
                    return Ok(());
                }
                Err(error) => note("not moved yet", &error),
            }
            tokio::time::sleep(AGAIN).await;
        }
        // Whether it moves, or lived there already, the next move shows.
        self.lives_in = group;
        Ok(())
    }

    fn goes(&self, node: u64) {
        let mut office = self.office.lock();
        office.gone.insert(node);
        office.leaving.push(node);
    }
}

fn note(what: &str, error: &CallError) {
    tracing::info!(reason = error.reason(), %error, "{what}");
}

/// Makes the changes that are asked for, until the office is closed and nothing is left.
pub async fn work(seed: u64, office: SharedOffice) -> Result<(), Failure> {
    let random = ChaCha8Rng::seed_from_u64(seed ^ 0x6f66_6669_6365);
    let voters = BTreeSet::from(VOTERS);
    let mut operator = Operator { office, random, requests: 0, voters, far: None, lives_in: 1 };
    loop {
        let next = operator.office.lock().next();
        if let Some(change) = next {
            tracing::info!(at = ?elapsed(), ?change, "a change begins");
            operator.make(change.clone()).await?;
            tracing::info!(at = ?elapsed(), ?change, "a change is made");
            operator.office.lock().made += 1;
            continue;
        }
        if operator.office.lock().closed {
            return Ok(());
        }
        tokio::time::sleep(AGAIN).await;
    }
}
