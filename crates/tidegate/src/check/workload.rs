//! Sessions: each writes registers, reads them at any node in any mode, carries tokens from node to node, and waits for propagation.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use rand::{Rng, SeedableRng, rngs::StdRng};
use tidegate_client::{CallError, Client, Credentials, request_id};
use tidegate_history::log::{Asked, Did, State, WriteId};
use tidegate_proto::{
    common::v1::{ErrorReason, ResponseMetadata},
    iam::v1::{
        CreateAccessKeyRequest, CreatePolicyRequest, CreateRoleRequest, PutUserPolicyRequest,
    },
    sts::v1::GetCallerIdentityRequest,
};

use super::{
    fleet::{Fleet, NodeAt},
    operations::{self, How, Kind, Register, Wanted},
    recorder::Recorder,
};
use crate::commands::Failure;

/// Users whose grants everybody writes.
const GRANTS: usize = 4;
/// Between two tries of a write.
const AGAIN: Duration = Duration::from_millis(150);
/// How long a write is tried before it is left without an answer.
const WRITE_MAX: Duration = Duration::from_secs(30);
/// Users that come and go of which the youngest are read.
const YOUNG: usize = 24;
/// Tokens that a session carries.
const CARRIED: usize = 4;
/// How old an answer of the bounded mode may be.
const BOUND: Duration = Duration::from_secs(2);
/// How long a session waits until its change is everywhere.
const ARRIVE_MAX: Duration = Duration::from_secs(3);

/// What a managed policy of a run allows: nothing that anybody would ask for.
const HARMLESS: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::tidegate-check-attached/*"}}"#;

/// What the user may do that takes on roles.
const ASSUMING: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}}"#;

/// What all sessions share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The nodes.
    pub(crate) fleet: Fleet,
    /// The log.
    pub(crate) recorder: Recorder,
    /// What everything that is made begins with.
    pub(crate) prefix: String,
    /// Set when it is enough.
    pub(crate) over: AtomicBool,
    /// Registers that everybody writes.
    common: Mutex<Vec<Register>>,
    /// Users that come and go, by their age.
    people: Mutex<Vec<Register>>,
    /// For each node the last answer that gave a token: its place in the log, and the token.
    given: Mutex<BTreeMap<u64, (usize, String)>>,
    /// Tokens of anybody's writes and reads, and what they cover.
    pool: Mutex<Vec<(WriteId, String)>>,
}

impl Shared {
    /// Nothing done yet.
    pub(crate) fn new(fleet: Fleet, prefix: String) -> Self {
        Self {
            fleet,
            recorder: Recorder::new(),
            prefix,
            over: AtomicBool::new(false),
            common: Mutex::default(),
            people: Mutex::default(),
            given: Mutex::default(),
            pool: Mutex::default(),
        }
    }

    /// Where everything that is made lies.
    pub(crate) fn path(&self) -> String {
        format!("/{}/", self.prefix)
    }

    /// All registers of the run.
    pub(crate) fn registers(&self) -> Vec<Register> {
        let mut all = self.common.lock().clone();
        all.extend(self.people.lock().iter().cloned());
        all
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    fn add(&self, name: String, kind: Kind) -> Register {
        Register { number: self.recorder.register(name), kind }
    }
}

/// Whether a refusal is the outcome, rather than a word on why there is none yet.
fn settled(error: &CallError) -> bool {
    matches!(
        error.kind(),
        ErrorReason::NoSuchEntity
            | ErrorReason::EntityAlreadyExists
            | ErrorReason::DeleteConflict
            | ErrorReason::LimitExceeded
            | ErrorReason::ConcurrentModification
            | ErrorReason::MalformedPolicyDocument
            | ErrorReason::ValidationError
            | ErrorReason::UnmodifiableEntity
            | ErrorReason::IdempotencyMismatch
    )
}

/// A session.
pub(crate) struct Session {
    number: u32,
    shared: Arc<Shared>,
    random: StdRng,
    /// Tokens and what they cover, the oldest first.
    carried: Vec<(WriteId, String)>,
    /// Its users that are there.
    mine: Vec<Register>,
}

impl Session {
    /// Session `number` of a run with this seed.
    pub(crate) fn new(number: u32, seed: u64, shared: Arc<Shared>) -> Self {
        let random = StdRng::seed_from_u64(seed ^ u64::from(number).rotate_left(32));
        Self { number, shared, random, carried: Vec::new(), mine: Vec::new() }
    }

    fn any(&mut self) -> Option<NodeAt> {
        let nodes = &self.shared.fleet.nodes;
        nodes.get(self.random.random_range(0..nodes.len().max(1))).cloned()
    }

    fn remember(&mut self, id: WriteId, token: String) {
        if token.is_empty() {
            return;
        }
        let mut pool = self.shared.pool.lock();
        if pool.len() == 64 {
            pool.remove(0);
        }
        pool.push((id, token.clone()));
        drop(pool);
        if self.carried.len() == CARRIED {
            self.carried.remove(0);
        }
        self.carried.push((id, token));
    }

    /// Tries until there is an outcome, at whatever node, under one request id; `None`: there is none, or it is a refusal.
    async fn until_done<T>(
        &mut self,
        counted: &'static str,
        mut attempt: impl AsyncFnMut(Client) -> Result<T, CallError>,
    ) -> Result<Option<T>, CallError> {
        let start = self.shared.recorder.now();
        loop {
            let Some(node) = self.any() else { return Ok(None) };
            let mut client = node.client();
            if let Some((_, token)) = self.carried.last()
                && self.random.random_bool(0.3)
            {
                client = client.session();
                client.saw(token);
            }
            let answer = attempt(client).await;
            self.shared.recorder.called(counted, answer.is_ok());
            match answer {
                Ok(answer) => return Ok(Some(answer)),
                Err(error) if settled(&error) => return Err(error),
                Err(error) => {
                    tracing::debug!(node = node.name, %error, "{counted}: not yet");
                    if self.shared.recorder.now().saturating_sub(start) > WRITE_MAX {
                        return Ok(None);
                    }
                }
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Writes a register; whether that is acknowledged.
    async fn write(&mut self, register: &Register, wanted: Wanted) -> bool {
        let (id, request_id) = (self.shared.recorder.next_write(), request_id());
        let (shared, path) = (Arc::clone(&self.shared), self.shared.path());
        let start = shared.recorder.now();
        let done = self
            .until_done(register.writing(), async |client| {
                operations::write(&client, register, (id, wanted), &path, request_id.clone()).await
            })
            .await;
        // A refusal is an outcome: nothing was written.
        let Ok(outcome) = done else { return false };
        let (state, denies) = (register.state(wanted, id), wanted == Wanted::Denies);
        let revision = outcome.as_ref().map(|m| m.revision);
        let did = Did::Wrote { register: register.number, id, state, denies, revision };
        shared.recorder.done(self.number, 0, start, did);
        let Some(metadata) = outcome else { return false };
        self.remember(id, metadata.token);
        true
    }

    /// Undoes in secret what was just acknowledged, if the layer is to lie so.
    async fn lose(&mut self, register: &Register) {
        if self.shared.fleet.loses_this() {
            let request_id = request_id();
            let undone = self
                .until_done("lie", async |client| {
                    operations::undo(&client, register, request_id.clone()).await
                })
                .await;
            tracing::debug!(?undone, "a write was undone in secret");
        }
    }

    fn how(&mut self, register: &Register) -> How {
        let other_way = self.random.random_bool(0.3);
        let mut how = How { other_way, ..How::eventual() };
        let carries = matches!(register.kind, Kind::Trust { .. })
            || matches!(register.kind, Kind::Key { .. }) && other_way;
        let pick = self.random.random_range(0..10);
        let with_tokens = |how: &mut How, tokens: &[(WriteId, String)]| {
            how.asked = Asked::AtLeast(tokens.iter().map(|(id, _)| *id).collect());
            how.tokens = tokens.iter().map(|(_, token)| token.clone()).collect();
        };
        match pick {
            0..=2 if !self.carried.is_empty() => with_tokens(&mut how, &self.carried),
            3 => {
                let pool = self.shared.pool.lock();
                if !pool.is_empty() {
                    let place = self.random.random_range(0..pool.len());
                    with_tokens(&mut how, pool.get(place..=place).unwrap_or_default());
                }
            }
            4..=5 if register.has_modes() && !carries => how.asked = Asked::Strong,
            6 if register.has_modes() && !carries => how.asked = Asked::Bounded(BOUND),
            _ => {}
        }
        how
    }

    fn pick(&mut self) -> Option<Register> {
        let (common, people) = (self.shared.common.lock(), self.shared.people.lock());
        let young = people.len().saturating_sub(YOUNG);
        let young = people.get(young..).unwrap_or_default();
        let all = common.len() * 3 + young.len();
        let place = self.random.random_range(0..all.max(1));
        let found = if place < common.len() * 3 {
            common.get(place / 3)
        } else {
            young.get(place - common.len() * 3)
        };
        found.cloned()
    }

    /// Reads a register somewhere. A refusal claims nothing, but for a token that the node gave itself.
    async fn read(&mut self) {
        let (Some(register), Some(node)) = (self.pick(), self.any()) else { return };
        let mut how = self.how(&register);
        let given = self.shared.given.lock().get(&node.number).cloned();
        let own = given.filter(|_| how.asked == Asked::Eventual && self.random.random_bool(0.1));
        if let Some((_, token)) = &own {
            how.asked = Asked::AtLeast(Vec::new());
            how.tokens = vec![token.clone()];
        }
        let shared = Arc::clone(&self.shared);
        let start = shared.recorder.now();
        let answer = operations::read(&node.client(), &register, &how).await;
        shared.recorder.called(register.reading(), answer.is_ok());
        let (state, denies, evidence) = match answer {
            Ok(read) => read,
            Err(error) => {
                if let Some((given, _)) = own
                    && error.kind() == ErrorReason::NotYetPropagated
                {
                    let did = Did::TokenRefused { given };
                    shared.recorder.done(self.number, node.number, start, did);
                }
                return;
            }
        };
        let state = shared.fleet.heard(node.number, register.number, (state, denies), &how.asked);
        let bound = evidence.as_ref().and_then(|e| e.staleness_bound.as_ref());
        let staleness =
            bound.map(|b| Duration::new(b.seconds.unsigned_abs(), b.nanos.unsigned_abs()));
        let token = evidence.map(|e| e.token).unwrap_or_default();
        let seen = if let State::Of(id) = state { Some(id) } else { None };
        let did = Did::Read { register: register.number, state, asked: how.asked, staleness };
        let place = shared.recorder.done(self.number, node.number, start, did);
        if !token.is_empty() {
            shared.given.lock().insert(node.number, (place, token.clone()));
            if let Some(seen) = seen
                && shared.fleet.lie.is_none()
                && self.random.random_bool(0.2)
            {
                self.remember(seen, token);
            }
        }
    }

    /// Waits until what it wrote last is everywhere.
    async fn wait(&mut self) {
        let (Some((id, token)), Some(node)) = (self.carried.last().cloned(), self.any()) else {
            return;
        };
        let shared = Arc::clone(&self.shared);
        let start = shared.recorder.now();
        let waited = node.client().wait_for_propagation(&token, None, ARRIVE_MAX, drop).await;
        let covered = waited.is_ok_and(|end| end.covered);
        shared.recorder.called("wait for propagation", covered);
        if covered {
            shared.recorder.done(self.number, node.number, start, Did::Arrived { id });
        }
    }

    /// A user comes, or one of its own goes.
    async fn come_or_go(&mut self) {
        let shared = Arc::clone(&self.shared);
        if self.mine.len() > 2 || (!self.mine.is_empty() && self.random.random_bool(0.4)) {
            let register = self.mine.remove(0);
            self.write(&register, Wanted::Gone).await;
            return;
        }
        let user = format!("{}-{}-{}", shared.prefix, self.number, shared.recorder.next_write());
        let register = shared.add(format!("user {user}"), Kind::Person { user });
        shared.people.lock().push(register.clone());
        if self.write(&register, Wanted::There).await {
            self.mine.push(register.clone());
            self.lose(&register).await;
        }
    }

    async fn change(&mut self) {
        let common = self.shared.common.lock().clone();
        let place = self.random.random_range(0..common.len().max(1));
        let Some(register) = common.get(place) else { return };
        let wanted = match self.random.random_range(0..10) {
            0..=2 if matches!(register.kind, Kind::Grant { .. }) => Wanted::Denies,
            0..=6 => Wanted::There,
            _ => Wanted::Gone,
        };
        self.write(register, wanted).await;
    }

    /// Works until it is over, with a pause of `pause` on average between two operations.
    pub(crate) async fn work(mut self, pause: Duration) {
        while !self.shared.is_over() {
            match self.random.random_range(0..100) {
                0..=3 => self.come_or_go().await,
                4..=5 => self.wait().await,
                6..=24 => self.change().await,
                _ => self.read().await,
            }
            tokio::time::sleep(pause.mul_f64(2.0 * self.random.random::<f64>())).await;
        }
    }

    /// Makes the registers that everybody writes.
    ///
    /// # Errors
    /// Something that can't be made: nothing can be checked then.
    pub(crate) async fn prepare(mut self) -> Result<(), Failure> {
        let shared = Arc::clone(&self.shared);
        let prefix = shared.prefix.clone();
        let who = self
            .until_done("prepare", async |c| c.send(&GetCallerIdentityRequest {}).await)
            .await?;
        let account = who.ok_or("no node says who the caller is")?.account;
        for place in 0..GRANTS {
            let user = self.person(format!("{prefix}-grant-{place}")).await?;
            let arn = format!("arn:aws:iam::{account}:user{}{user}", shared.path());
            let register = shared.add(format!("grant of {user}"), Kind::Grant { user, arn });
            shared.common.lock().push(register);
        }
        let message = CreatePolicyRequest {
            policy_name: format!("{prefix}-policy"),
            path: shared.path(),
            policy_document: HARMLESS.to_owned(),
            request_id: request_id(),
            ..CreatePolicyRequest::default()
        };
        let made = self.until_done("prepare", async |c| c.send(&message).await).await?;
        let policy = made.and_then(|m| m.policy).ok_or("no managed policy could be made")?.arn;
        let user = self.person(format!("{prefix}-attached")).await?;
        let name = format!("attachment to {user}");
        let register = shared.add(name, Kind::Attached { user, policy });
        shared.common.lock().push(register);
        self.key(&prefix).await?;
        self.role(&prefix, account).await
    }

    async fn person(&mut self, user: String) -> Result<String, Failure> {
        let register = self.shared.add(format!("user {user}"), Kind::Person { user: user.clone() });
        if self.write(&register, Wanted::There).await {
            self.shared.people.lock().push(register);
            return Ok(user);
        }
        Err(format!("the user {user} could not be made: the caller needs the right to, and a group that serves").into())
    }

    async fn key(&mut self, prefix: &str) -> Result<(), Failure> {
        let shared = Arc::clone(&self.shared);
        let user = self.person(format!("{prefix}-key")).await?;
        let (start, id) = (shared.recorder.now(), shared.recorder.next_write());
        let (credentials, metadata) = self.key_of(&user).await?;
        let register = shared.add(format!("key of {user}"), Kind::Key { user, credentials });
        self.made(&register, id, start, metadata);
        Ok(())
    }

    async fn key_of(&mut self, user: &str) -> Result<(Credentials, ResponseMetadata), Failure> {
        let message = CreateAccessKeyRequest {
            user_name: user.to_owned(),
            request_id: request_id(),
            validate_only: false,
        };
        let made = self.until_done("write key", async |c| c.send(&message).await).await?;
        let made = made.ok_or("no access key could be made")?;
        let key = made.access_key.unwrap_or_default();
        let credentials = Credentials {
            access_key_id: key.access_key.unwrap_or_default().access_key_id,
            secret_access_key: key.secret_access_key,
            session_token: None,
        };
        Ok((credentials, made.metadata.unwrap_or_default()))
    }

    /// Makes the user that takes on roles, before any role: who has seen a role has seen what this user may.
    async fn assumer(&mut self, prefix: &str) -> Result<Credentials, Failure> {
        let user = self.person(format!("{prefix}-assumer")).await?;
        let (credentials, _) = self.key_of(&user).await?;
        let message = PutUserPolicyRequest {
            user_name: user,
            policy_name: operations::INLINE.to_owned(),
            policy_document: ASSUMING.to_owned(),
            request_id: request_id(),
            validate_only: false,
        };
        let put = self.until_done("prepare", async |c| c.send(&message).await).await?;
        put.ok_or("the user that takes on roles could not be given the right to")?;
        Ok(credentials)
    }

    async fn role(&mut self, prefix: &str, account: String) -> Result<(), Failure> {
        let shared = Arc::clone(&self.shared);
        let assumer = self.assumer(prefix).await?;
        let (start, id) = (shared.recorder.now(), shared.recorder.next_write());
        let message = CreateRoleRequest {
            role_name: format!("{prefix}-role"),
            path: shared.path(),
            assume_role_policy_document: operations::trust(&account, true),
            request_id: request_id(),
            ..CreateRoleRequest::default()
        };
        let made = self.until_done("write trust", async |c| c.send(&message).await).await?;
        let made = made.ok_or("no role could be made")?;
        let made_role = made.role.unwrap_or_default();
        let (role, arn) = (made_role.role_name, made_role.arn);
        let register =
            shared.add(format!("trust of {role}"), Kind::Trust { role, arn, account, assumer });
        self.made(&register, id, start, made.metadata.unwrap_or_default());
        Ok(())
    }

    /// Writes down that a register was made, and lets everybody write it.
    fn made(
        &mut self,
        register: &Register,
        id: WriteId,
        start: Duration,
        metadata: ResponseMetadata,
    ) {
        let (state, revision) = (register.state(Wanted::There, id), Some(metadata.revision));
        let did = Did::Wrote { register: register.number, id, state, denies: false, revision };
        self.shared.recorder.done(self.number, 0, start, did);
        self.remember(id, metadata.token);
        self.shared.common.lock().push(register.clone());
    }
}
