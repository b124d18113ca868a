//! An account in the pure world that moves between groups while clients write it: its commands, its records and what a node shows of it
//! are those of the real model and of the real view; only who carries the steps of a move out is a stand-in here.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message as _;
use tidegate_model::{
    CallerRef, Command, DirectoryState, Envelope, GroupState, Key,
    command::{CreateUser, InitAccount, OutcomeResult, UpdateUser, caller_kind},
    membership::Row,
    record::{AccessKey, AccountPlacement, Placement},
};
use tidegate_policy::AccountId;
use tidegate_replica::{Dot, GroupId, Record, Stamp};
use tidegate_service::View;

use super::{home::origin, state::State};

/// Behind a group's number: what stands before the key of a record of the account, as the model has it.
const MARK: &[u8] = b"acct";
/// The account's number.
const NUMBER: u64 = 7;
/// Its root user's key.
const ROOT: &str = "ROOTKEY";
/// What clients write: paths of users.
pub(crate) const REGISTERS: u32 = 3;
/// Where the account lives at first.
pub(crate) const FIRST: GroupId = GroupId(1);

/// A write that a group took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Which, as its client numbered it.
    pub(crate) write: u64,
    /// What it wrote.
    pub(crate) register: u32,
    /// Where it stands in the order of all writes of the account, as it was said to its client.
    pub(crate) revision: u64,
}

/// What a node shows of the account: the last write of each register.
pub(crate) type Shown = BTreeMap<u32, u64>;

/// The account as its groups and the directory have it: the truth.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) directory: DirectoryState,
    pub(crate) groups: BTreeMap<GroupId, GroupState>,
    /// Writes in the order in which they were taken.
    pub(crate) taken: Vec<Taken>,
    /// Writes that clients have begun.
    pub(crate) begun: u64,
}

/// Its id.
pub(crate) fn id() -> AccountId {
    AccountId::from_u64(NUMBER).unwrap_or_else(|_| unreachable!("it has at most 12 digits"))
}

fn register(number: u32) -> String {
    format!("register-{number}")
}

/// The key of a group's record under which a record of the model travels.
fn outside(group: GroupId, key: &[u8]) -> Bytes {
    [&[u8::try_from(group.0).unwrap_or(u8::MAX)], MARK, key].concat().into()
}

/// The same record under the key that the world's stores know.
pub(crate) fn carried(group: GroupId, record: Record) -> Record {
    Record { key: outside(group, &record.key), ..record }
}

/// The records of the account that a state has of a group, as the model knows them.
fn records(state: &State, group: GroupId) -> impl Iterator<Item = Record> {
    let prefix = outside(group, &[]);
    let rows = state.groups.get(&group).map(|rows| &rows.records);
    rows.into_iter()
        .flat_map(move |rows| rows.range(prefix.clone()..))
        .map_while(move |(key, record)| {
            let inside = key.slice(1..);
            let inside = inside.strip_prefix(MARK).map(Bytes::copy_from_slice)?;
            Some(Record { key: inside, ..record.clone() })
        })
        .filter(|record| record.value.is_some())
}

/// What a node decides on, of the account.
pub(crate) fn view(state: &State) -> View {
    let mut view = View::default();
    for group in state.groups.keys().copied().filter(|g| *g != super::state::LANES) {
        for record in records(state, group) {
            // What does not read is a row that a deliberate bug has changed: it is not shown.
            let _read = if group == GroupId::DIRECTORY {
                view.directory.absorb(&record)
            } else {
                view.groups.entry(group.0).or_insert_with(|| GroupState::new(group)).absorb(&record)
            };
        }
    }
    view
}

/// What a view shows; `None`: there is no such account.
pub(crate) fn shown(view: &View) -> Option<Shown> {
    let account = view.account(id()).ok()?;
    let of = |number: u32| {
        let path = &account.user(&register(number))?.value.path;
        Some((number, path.trim_matches('/').strip_prefix('w')?.parse().ok()?))
    };
    Some((0..REGISTERS).filter_map(of).collect())
}

/// The live rows of the account that a state has of a group in a placement epoch, ordered by plain key.
pub(crate) fn rows(state: &State, group: GroupId, epoch: u64) -> BTreeMap<Vec<u8>, Row> {
    let row = |record: Record| {
        let (of, key) = Key::decode_at(&record.key)?;
        let moves = matches!(key, Key::Home(..) | Key::Fence(..));
        let value = record.value.filter(|_| of == epoch && !moves)?.to_vec();
        let key = key.encode().to_vec();
        Some((key.clone(), Row { key, value, revision: record.stamp.revision }))
    };
    records(state, group).filter_map(row).collect()
}

/// A command of the cluster itself.
pub(crate) fn by_system(command: impl Into<Command>) -> Envelope {
    let caller = CallerRef { kind: caller_kind::SYSTEM, ..CallerRef::default() };
    Envelope {
        account: NUMBER,
        caller: Some(caller),
        command: Some(command.into()),
        ..Envelope::default()
    }
}

fn by_root(request: String, command: Command) -> Envelope {
    let caller = CallerRef {
        kind: caller_kind::ROOT,
        account: NUMBER,
        access_key: ROOT.to_owned(),
        ..CallerRef::default()
    };
    Envelope {
        request_id: request,
        account: NUMBER,
        caller: Some(caller),
        command: Some(command),
        ..Envelope::default()
    }
}

/// The command of a client's write, under one request id however often it is tried.
pub(crate) fn write(number: u64, to: u32) -> Envelope {
    let update = UpdateUser {
        name: register(to),
        new_path: format!("/w{number}/"),
        ..UpdateUser::default()
    };
    by_root(format!("write-{number}"), Command::UpdateUser(update))
}

/// The commands that make the account, for its first group.
pub(crate) fn founding() -> Vec<Envelope> {
    let key = AccessKey { id: ROOT.to_owned(), ..AccessKey::default() };
    let init = InitAccount {
        name: "moves".to_owned(),
        email: "moves@sim.tidegate".to_owned(),
        root_key: Some(key),
        ..InitAccount::default()
    };
    let users = (0..REGISTERS).map(|number| {
        let name = register(number);
        let user = CreateUser { id: format!("AIDA{number}"), name, ..CreateUser::default() };
        by_root(format!("create-{number}"), Command::CreateUser(user))
    });
    core::iter::once(by_system(Command::InitAccount(init))).chain(users).collect()
}

impl Account {
    /// Before anything of it was written.
    pub(crate) fn new(groups: impl Iterator<Item = GroupId>) -> Self {
        let groups = groups.filter(|g| *g != GroupId::DIRECTORY);
        let groups = groups.map(|g| (g, GroupState::new(g))).collect::<BTreeMap<_, _>>();
        let mut directory = DirectoryState::default();
        let homes = groups.keys().map(|g| {
            let placement = Placement { group: g.0, ..Placement::default() };
            (Key::Placement(g.0), placement.encode_to_vec())
        });
        for (key, value) in homes {
            let stamp = Stamp { epoch: 0, revision: 1 };
            let dot = Dot { origin: origin(GroupId::DIRECTORY), sequence: 1 };
            let record = Record { key: key.encode(), value: Some(value.into()), stamp, dot };
            let absorbed = directory.absorb(&record);
            debug_assert!(absorbed.is_ok(), "a placement is one of the directory's");
        }
        Self { directory, groups, taken: Vec::new(), begun: 0 }
    }

    /// The record with which the directory begins to know of the account.
    pub(crate) fn placed(at: u64) -> Record {
        let placement = AccountPlacement {
            account: NUMBER,
            group: FIRST.0,
            active: true,
            ..AccountPlacement::default()
        };
        Record {
            key: Key::AccountPlacement(NUMBER).encode(),
            value: Some(placement.encode_to_vec().into()),
            stamp: Stamp { epoch: 0, revision: at },
            dot: Dot { origin: origin(GroupId::DIRECTORY), sequence: at },
        }
    }

    /// Where the account is, as the directory has it.
    pub(crate) fn placement(&self) -> Option<&AccountPlacement> {
        self.directory.account(id())
    }

    /// Whether it is on its way.
    pub(crate) fn is_moving(&self) -> bool {
        self.directory.moving().next().is_some()
    }

    /// Applies a command in a group, or in the directory. Gives the records, under the keys of the model, and the revision; `None`: it was
    /// refused.
    pub(crate) fn apply(
        &mut self,
        group: GroupId,
        index: u64,
        time: u64,
        envelope: &Envelope,
    ) -> (Vec<Record>, Option<u64>) {
        let applied = match self.groups.get_mut(&group) {
            Some(state) => state.apply(index, time, envelope),
            None => self.directory.apply(index, time, envelope),
        };
        let revision = match applied.outcome.result {
            Some(OutcomeResult::Reply(reply)) => Some(reply.revision),
            _ => None,
        };
        (applied.records, revision)
    }
}
