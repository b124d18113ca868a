//! Clients: each writes registers, reads them at any node, remembers tokens, and quarantines others; everything goes into the history.

mod containing;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tidegate_client::{CallError, Client, ClientError};
use tidegate_history::quarantines;
use tidegate_proto::{
    common::v1::{AtLeastAsFresh, Consistency, consistency::Mode},
    decision::v1::{AuthorizeRequest, AuthorizeResponse, Question},
    iam::v1::{CreateUserRequest, ListUsersRequest, PutUserPolicyRequest},
    membership::v1::DescribeMembershipRequest,
    propagation::v1::GetReplicationStatusRequest,
};

use crate::{
    history::{Final, History, Op, What, WriteId},
    office::SharedOffice,
    pure::clocks::at_most,
    world::{client, elapsed},
};

/// Registers.
pub const REGISTERS: u32 = 4;
/// How long one try of a call may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// Between two tries of a call that must succeed in the end.
const AGAIN: Duration = Duration::from_millis(200);

/// What all clients saw and did.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Of registers and users.
    pub registers: History,
    /// Of quarantines.
    pub quarantines: quarantines::History,
    /// Writes that were acknowledged.
    pub written: u64,
    /// Quarantines that were taken.
    pub contained: u64,
    /// Of these, at nodes that were cut off from others.
    pub contained_cut_off: u64,
    /// Quarantines that were lifted.
    pub lifted: u64,
    /// Of these, while some node was cut off.
    pub lifted_cut_off: u64,
    /// How many accounts are on their way at the end, as each node says.
    pub moving: BTreeMap<u64, Option<usize>>,
    /// Quarantines that nobody has begun to lift.
    standing: Vec<quarantines::Id>,
}

/// The history that all clients write.
pub type Shared = Arc<Mutex<Seen>>;

/// What a client knows at its start.
#[derive(Clone, Debug)]
pub struct Knows {
    /// Its name.
    pub name: u32,
    /// The run's seed.
    pub seed: u64,
    /// When the faults are over, and with them the work.
    pub end: Duration,
    /// How many writes must be acknowledged before it ends.
    pub writes_least: u64,
    /// Most milliseconds that it rests between two calls.
    pub pause_ms: u64,
    /// The history.
    pub shared: Shared,
    /// Which nodes there are.
    pub office: SharedOffice,
}

/// Whatever ends a client before its time.
pub type Failure = Box<dyn std::error::Error>;

fn register_name(register: u32) -> String {
    format!("register-{register}")
}

/// A session: what it did last is the floor of what it reads next.
struct Session {
    knows: Knows,
    clients: BTreeMap<u64, Client>,
    random: ChaCha8Rng,
    made: u64,
    tokens: Vec<String>,
    floor: Vec<WriteId>,
}

fn why(error: &CallError) -> String {
    format!("{} {}", error.reason(), error.to_string().lines().next().unwrap_or_default())
}

impl Session {
    fn new(knows: Knows) -> Self {
        let seed = knows.seed ^ u64::from(knows.name).rotate_left(32);
        Self {
            knows,
            clients: BTreeMap::new(),
            random: ChaCha8Rng::seed_from_u64(seed),
            made: 0,
            tokens: Vec::new(),
            floor: Vec::new(),
        }
    }

    /// A name that no other write of the run has.
    fn next_id(&mut self) -> WriteId {
        self.made += 1;
        u64::from(self.knows.name) * 1_000_000 + self.made
    }

    /// Some node, and a client of it that remembers nothing.
    fn any(&mut self) -> Result<(u64, Client), ClientError> {
        let serving: Vec<u64> = self.knows.office.lock().serving.iter().copied().collect();
        let place = self.random.random_range(0..serving.len().max(1));
        let node = serving.get(place).copied().unwrap_or(1);
        Ok((node, self.at(node)?))
    }

    /// A client of a node that remembers nothing.
    fn at(&mut self, node: u64) -> Result<Client, ClientError> {
        if let Some(client) = self.clients.get(&node) {
            return Ok(client.session());
        }
        let client = client(node, PATIENCE)?;
        let session = client.session();
        self.clients.insert(node, client);
        Ok(session)
    }

    fn done(&self, start: Duration, what: What) {
        let op = Op { start, end: elapsed(), what };
        tracing::info!(session = self.knows.name, start = ?op.start, what = ?op.what, "done");
        self.knows.shared.lock().registers.ops.push(op);
    }

    fn remember(&mut self, token: String, id: WriteId) {
        // A token covers what its holder had seen: a few of the last are enough to ask for.
        self.tokens.push(token);
        self.floor.push(id);
        if self.tokens.len() > 4 {
            self.tokens.remove(0);
            self.floor.remove(0);
        }
    }

    /// Writes a register: tries until it is acknowledged, under one request id, at whatever node.
    async fn write(&mut self) -> Result<(), ClientError> {
        let register = self.random.random_range(0..REGISTERS);
        let id = self.next_id();
        let effect = if self.random.random_bool(0.5) { "Allow" } else { "Deny" };
        let message = PutUserPolicyRequest {
            user_name: register_name(register),
            policy_name: "state".to_owned(),
            policy_document: format!(
                r#"{{"Version":"2012-10-17","Statement":{{"Sid":"W{id}","Effect":"{effect}","Action":"s3:*","Resource":"*"}}}}"#
            ),
            request_id: format!("write-{id}"),
            validate_only: false,
        };
        let start = elapsed();
        // Until it is acknowledged somebody may see it nevertheless.
        self.done(start, What::Write { register, id, revision: None });
        loop {
            let (node, client) = self.any()?;
            match client.send(&message).await {
                Ok(answer) => {
                    let metadata = answer.metadata.unwrap_or_default();
                    let revision = Some(metadata.revision);
                    self.done(start, What::Write { register, id, revision });
                    self.knows.shared.lock().written += 1;
                    self.remember(metadata.token, id);
                    return Ok(());
                }
                Err(error) => tracing::info!(node, id, why = why(&error), "not written yet"),
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Makes a user, as [`Session::write`] writes.
    async fn create(&mut self, name: String) -> Result<(), ClientError> {
        let message = CreateUserRequest {
            user_name: name.clone(),
            request_id: format!("create-{name}"),
            ..CreateUserRequest::default()
        };
        loop {
            let (node, client) = self.any()?;
            match client.send(&message).await {
                Ok(_) => {
                    tracing::info!(name, "created");
                    self.knows.shared.lock().registers.created.insert(name);
                    return Ok(());
                }
                Err(error) => tracing::info!(node, name, why = why(&error), "not created yet"),
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Reads a register at some node, in some mode. A refusal is an answer, too: nothing was claimed.
    async fn read(&mut self) -> Result<(), ClientError> {
        let register = self.random.random_range(0..REGISTERS);
        let (node, client) = self.any()?;
        let mut floor = Vec::new();
        let mode = match self.random.random_range(0..4) {
            0 => None,
            1 => Some(Mode::Strong(true)),
            2 if !self.tokens.is_empty() => {
                floor.clone_from(&self.floor);
                Some(Mode::AtLeastAsFresh(AtLeastAsFresh { tokens: self.tokens.clone() }))
            }
            _ => Some(Mode::Bounded(prost_types::Duration { seconds: 2, nanos: 0 })),
        };
        let strong = matches!(mode, Some(Mode::Strong(_)));
        let start = elapsed();
        match ask(&client, register, mode).await {
            Ok((seen, staleness, token)) => {
                if let (Some(seen), true) = (seen, self.random.random_bool(0.3)) {
                    self.remember(token, seen);
                }
                self.done(start, What::Read { register, node, seen, strong, floor, staleness });
            }
            Err(error) => tracing::info!(node, register, why = why(&error), "not read"),
        }
        Ok(())
    }

    /// Waits until its last write decides everywhere, or not for long.
    async fn wait(&mut self) -> Result<(), ClientError> {
        let (Some(token), Some(id)) = (self.tokens.last().cloned(), self.floor.last().copied())
        else {
            return Ok(());
        };
        let (node, client) = self.any()?;
        let start = elapsed();
        let waited = client.wait_for_propagation(&token, None, Duration::from_secs(2), drop).await;
        match waited {
            Ok(end) if end.covered => self.done(start, What::Arrived { id }),
            Ok(end) => tracing::info!(node, id, missing = ?end.missing, "not everywhere yet"),
            Err(error) => tracing::info!(node, id, why = why(&error), "no word of its way"),
        }
        Ok(())
    }
}

type Answer = (Option<WriteId>, Option<Duration>, String);

async fn ask(client: &Client, register: u32, mode: Option<Mode>) -> Result<Answer, CallError> {
    let question = Question {
        principal: format!("arn:aws:iam::000000000001:user/{}", register_name(register)),
        action: "s3:GetObject".to_owned(),
        resource: "arn:aws:s3:::bucket/key".to_owned(),
        ..Question::default()
    };
    let consistency = mode.map(|mode| Consistency { mode: Some(mode) });
    let message = AuthorizeRequest { question: Some(question), consistency };
    let answer: AuthorizeResponse = client.send(&message).await?;
    let evidence = answer.evidence.unwrap_or_default();
    let statements = answer.answer.map(|a| a.statements).unwrap_or_default();
    let seen = statements.first().and_then(|s| s.sid.strip_prefix('W')?.parse().ok());
    // It was measured by a clock that may run too slowly.
    let staleness = evidence.staleness_bound.map(|bound| {
        at_most(Duration::new(bound.seconds.unsigned_abs(), bound.nanos.unsigned_abs()))
    });
    Ok((seen, staleness, evidence.token))
}

/// Makes the registers and those who will be quarantined: the first thing that is done in a run.
pub async fn prepare(knows: Knows) -> Result<(), Failure> {
    let mut session = Session::new(knows);
    session.make_targets().await?;
    for register in 0..REGISTERS {
        session.create(register_name(register)).await?;
    }
    Ok(())
}

/// One client, from when the registers are there until the faults are over and enough was written.
pub async fn work(knows: Knows) -> Result<(), Failure> {
    let mut session = Session::new(knows.clone());
    let prepared = |seen: &Seen| seen.registers.created.contains(&register_name(REGISTERS - 1));
    while !prepared(&knows.shared.lock()) {
        tokio::time::sleep(AGAIN).await;
    }
    let mut users = 0;
    while elapsed() < knows.end || knows.shared.lock().written < knows.writes_least {
        if elapsed() >= knows.end {
            // The faults allowed for fewer writes than a run must have.
            session.write().await?;
            continue;
        }
        match session.random.random_range(0..24) {
            0 => {
                users += 1;
                session.create(format!("user-{}-{users}", knows.name)).await?;
            }
            1 => session.wait().await?,
            2..=8 => session.write().await?,
            9 => session.contain().await?,
            10 => session.lift().await?,
            11..=13 => session.ask_contained().await?,
            _ => session.read().await?,
        }
        let pause = session.random.random_range(0..knows.pause_ms);
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    Ok(())
}

/// What every node has at the end, once it is the same or `patience` is over.
pub async fn look(patience: Duration, knows: Knows) -> Result<(), Failure> {
    let mut session = Session::new(knows);
    let (serving, gone) = {
        let office = session.knows.office.lock();
        (office.serving.clone(), office.gone.clone())
    };
    let end = elapsed() + patience;
    loop {
        let (mut finals, mut standing, mut moving) =
            (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for node in &serving {
            let client = session.at(*node)?;
            match last(&client).await {
                Ok(last) => drop(finals.insert(*node, last)),
                Err(error) => tracing::info!(node, why = why(&error), "no last word yet"),
            }
            match containing::standing(&client).await {
                Ok(ids) => drop(standing.insert(*node, ids)),
                Err(error) => tracing::info!(node, why = why(&error), "no last word yet"),
            }
            let members = client.send(&DescribeMembershipRequest {}).await;
            moving.insert(*node, members.ok().map(|members| members.moves.len()));
        }
        let moved = moving.values().all(|moves| *moves == Some(0));
        let whole = moved && finals.len() == serving.len() && standing.len() == serving.len();
        let equal = finals.values().zip(finals.values().skip(1)).all(|(a, b)| a == b)
            && standing.values().zip(standing.values().skip(1)).all(|(a, b)| a == b);
        if whole && equal || elapsed() >= end {
            let mut seen = session.knows.shared.lock();
            for node in &serving {
                finals.entry(*node).or_default();
                standing.entry(*node).or_default();
            }
            seen.registers.finals = finals;
            (seen.quarantines.finals, seen.quarantines.gone) = (standing, gone);
            seen.moving = moving;
            return Ok(());
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn last(client: &Client) -> Result<Final, CallError> {
    let mut last = Final::default();
    let status = client.send(&GetReplicationStatusRequest {}).await?;
    last.digests =
        status.groups.into_iter().map(|g| (g.group, g.published, g.digest.to_vec())).collect();
    for register in 0..REGISTERS {
        last.registers.insert(register, ask(client, register, None).await?.0);
    }
    let mut message = ListUsersRequest { page_size: 100, ..ListUsersRequest::default() };
    loop {
        let page = client.send(&message).await?;
        last.users.extend(page.users.into_iter().map(|u| u.user_name));
        message.page_token = page.next_page_token;
        if message.page_token.is_empty() {
            return Ok(last);
        }
    }
}
