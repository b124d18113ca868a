//! A move from group to group: nothing is lost or done twice on the way, however often a part of it comes.

use tidegate_replica::GroupId;

use super::*;
use crate::{
    Command, RejectionKind,
    apply::tests::{ACCOUNT, create_user},
    command::{CallerRef, InitAccount, OutcomeResult, UpdateUser},
    membership::Row,
    record::AccessKey,
};

/// A group with everything that it ever wrote.
struct Side {
    state: GroupState,
    index: u64,
    written: Vec<Record>,
}

fn system() -> CallerRef {
    CallerRef { kind: caller_kind::SYSTEM, ..CallerRef::default() }
}

fn id() -> AccountId {
    AccountId::from_u64(ACCOUNT).unwrap()
}

impl Side {
    fn new(group: u32, index: u64) -> Self {
        Self { state: GroupState::new(GroupId(group)), index, written: Vec::new() }
    }

    fn apply(
        &mut self,
        caller: CallerRef,
        request_id: &str,
        command: impl Into<Command>,
    ) -> Result<ReplyBox, Rejection> {
        self.index += 1;
        let envelope = Envelope {
            request_id: request_id.into(),
            account: ACCOUNT,
            caller: Some(caller),
            command: Some(command.into()),
            ..Envelope::default()
        };
        let before = self.state.clone();
        let applied = self.state.apply(self.index, 5, &envelope);
        if matches!(applied.outcome.result, Some(OutcomeResult::Rejection(_))) {
            assert_eq!(self.state, before, "a refusal changes nothing");
        }
        self.written.extend(applied.records);
        let mut folded = GroupState::new(self.state.group);
        for record in &self.written {
            folded.absorb(record).unwrap();
        }
        folded.requests = self.state.requests.clone();
        assert_eq!(folded, self.state, "the state is the fold of its records");
        applied.outcome.into_result()
    }

    fn root(&mut self, request_id: &str, command: Command) -> Result<ReplyBox, Rejection> {
        let root = CallerRef {
            kind: caller_kind::ROOT,
            account: ACCOUNT,
            access_key: "ROOTKEY".into(),
            ..CallerRef::default()
        };
        self.apply(root, request_id, command)
    }

    fn step(&mut self, step: Relocation) -> Result<bool, Rejection> {
        let reply = self.apply(system(), "", step)?.reply;
        Ok(reply == Some(Reply::Done(true)))
    }

    fn users(&self) -> Vec<(String, u64)> {
        let account = self.state.account(id());
        let users = account.into_iter().flat_map(|a| a.users());
        users.map(|u| (u.value.name.clone(), u.revision)).collect()
    }

    /// The newest live rows of the account in an epoch, in order of their plain keys, as its leader reads them from its store.
    fn rows(&self, epoch: u64) -> Vec<Row> {
        let mut rows = std::collections::BTreeMap::new();
        for record in &self.written {
            let (of, key) = Key::decode_at(&record.key).unwrap();
            if of != epoch || matches!(key, Key::Home(..) | Key::Fence(..)) {
                continue;
            }
            let value = record.value.as_ref().map(|v| v.to_vec());
            rows.insert(key.encode().to_vec(), (value, record.stamp.revision));
        }
        let row = |(key, (value, revision)): (_, (Option<Vec<u8>>, u64))| {
            value.map(|value| Row { key, value, revision })
        };
        rows.into_iter().filter_map(row).collect()
    }
}

fn made() -> Side {
    let mut old = Side::new(1, 100);
    let key = AccessKey { id: "ROOTKEY".into(), ..AccessKey::default() };
    let init = InitAccount {
        name: "test".into(),
        email: "a@b".into(),
        root_key: Some(key),
        ..InitAccount::default()
    };
    old.apply(system(), "", Command::InitAccount(init)).unwrap();
    for name in ["ada", "bob", "cleo"] {
        old.root(name, create_user(name)).unwrap();
    }
    old
}

fn fence(epoch: u64, to: u32) -> Relocation {
    Relocation::Fence(FenceAccount { epoch, to })
}

/// The parts of an account, `at_once` rows each, the requests in the last.
fn parts(old: &Side, epoch: u64, at_once: usize) -> Vec<AdoptAccount> {
    let fence = old.state.place(id()).unwrap().fence.clone().unwrap();
    let rows = old.rows(epoch - 1);
    let requests: Vec<_> = old.state.requests_after(id(), None).map(|(_, row)| row).collect();
    let mut after = Vec::new();
    let mut parts: Vec<_> = rows
        .chunks(at_once)
        .map(|rows| {
            let upto = rows.last().unwrap().key.clone();
            AdoptAccount {
                epoch,
                from: old.state.group.0,
                fence: fence.index,
                base: fence.base,
                after: core::mem::replace(&mut after, upto.clone()),
                upto,
                rows: rows.to_vec(),
                ..AdoptAccount::default()
            }
        })
        .collect();
    let last = parts.last_mut().unwrap();
    (last.last, last.requests) = (true, requests);
    parts
}

#[test]
fn an_account_goes_as_a_whole_and_its_requests_go_along() {
    let (mut old, mut new) = (made(), Side::new(2, 0));
    assert!(old.step(fence(1, 2)).unwrap());
    assert!(!old.step(fence(1, 2)).unwrap(), "the fence, come again, changes nothing");
    let refused = old.root("dora", create_user("dora")).unwrap_err();
    assert_eq!(refused.kind(), RejectionKind::AccountElsewhere);
    let refused = old.root("ada", create_user("ada")).unwrap_err();
    assert_eq!(refused.kind(), RejectionKind::AccountElsewhere, "also what it remembers");

    let before = old.users();
    for part in parts(&old, 1, 2) {
        assert_eq!(new.users(), [], "nothing is shown of a part");
        let refused = new.root("dora", create_user("dora")).unwrap_err();
        assert!(matches!(
            refused.kind(),
            RejectionKind::AccountElsewhere | RejectionKind::AccountNotFound
        ));
        let ahead = AdoptAccount { after: vec![9], upto: vec![10], ..part.clone() };
        assert!(!new.step(Relocation::Adopt(ahead)).unwrap(), "a part with a gap before it waits");
        assert!(new.step(Relocation::Adopt(part.clone())).unwrap());
        assert!(
            !new.step(Relocation::Adopt(part)).unwrap(),
            "a part that comes again changes nothing"
        );
    }
    assert_eq!(new.users(), before, "with the revisions that they had");

    let again = new.root("ada", create_user("ada")).unwrap();
    assert_eq!(again.revision, before[0].1, "what was done there is not done again here");
    let dora = new.root("dora", create_user("dora")).unwrap();
    let fence = old.state.place(id()).unwrap().fence.clone().unwrap();
    assert!(dora.revision > fence.base, "revisions grow from group to group");
    let etag = before[1].1.to_string();
    let rename = |etag: &str| {
        let new_name = "bert".into();
        let etag = etag.to_owned();
        Command::UpdateUser(UpdateUser {
            name: "bob".into(),
            new_name,
            etag,
            ..UpdateUser::default()
        })
    };
    let refused = new.root("", rename("7")).unwrap_err();
    assert_eq!(refused.kind(), RejectionKind::ConcurrentModification);
    new.root("", rename(&etag)).unwrap();

    let keys: Vec<_> = old.rows(0).into_iter().map(|row| row.key).collect();
    let of_now = ReleaseAccount { epoch: 1, keys: keys.clone() };
    assert!(new.step(Relocation::Release(of_now)).is_err(), "it lives there");
    let release = ReleaseAccount { epoch: 0, keys };
    assert!(old.step(Relocation::Release(release)).unwrap());
    assert_eq!((old.users(), old.rows(0)), (Vec::new(), Vec::new()));
    let refused = old.root("late", create_user("late")).unwrap_err();
    assert_eq!(refused.kind(), RejectionKind::AccountElsewhere, "it knows where it went");
}

#[test]
fn an_account_comes_back_to_where_it_was() {
    let (mut old, mut new) = (made(), Side::new(2, 0));
    old.step(fence(1, 2)).unwrap();
    for part in parts(&old, 1, 100) {
        new.step(Relocation::Adopt(part)).unwrap();
    }
    new.root("dora", create_user("dora")).unwrap();
    assert!(new.step(fence(1, 1)).is_err(), "that epoch has begun here");
    new.step(fence(2, 1)).unwrap();
    let late = parts(&old, 1, 100);
    for part in parts(&new, 2, 3) {
        old.step(Relocation::Adopt(part)).unwrap();
    }
    let users: Vec<String> = old.users().into_iter().map(|(name, _)| name).collect();
    assert_eq!(users, ["ada", "bob", "cleo", "dora"]);
    assert!(old.step(Relocation::Adopt(late[0].clone())).is_err(), "an earlier move is over");
    // What was left of the first stay goes, and nothing of the second.
    let keys = old.rows(0).into_iter().map(|row| row.key).collect();
    assert!(old.step(Relocation::Release(ReleaseAccount { epoch: 0, keys })).unwrap());
    assert_eq!(old.users().len(), 4);
    old.root("eve", create_user("eve")).unwrap();
}

#[test]
fn only_the_cluster_itself_moves_and_only_rows_of_the_account() {
    let mut old = made();
    let root = CallerRef { kind: caller_kind::ROOT, account: ACCOUNT, ..CallerRef::default() };
    let refused = old.apply(root, "", fence(1, 2)).unwrap_err();
    assert_eq!(refused.kind(), RejectionKind::AccessDenied);
    assert!(old.step(fence(2, 2)).is_err(), "another epoch");
    old.step(fence(1, 2)).unwrap();
    assert!(old.step(fence(1, 3)).is_err(), "another group");
    let part = parts(&old, 1, 100).remove(0);
    let mut new = Side::new(2, 0);
    for key in
        [Key::User(7, "ada".into()), Key::Node(7), Key::Fence(ACCOUNT, 0), Key::Home(ACCOUNT, 1)]
    {
        let mut bad = part.clone();
        bad.rows[0].key = key.encode().to_vec();
        assert!(new.step(Relocation::Adopt(bad)).is_err(), "{key:?}");
    }
    let mut bad = part.clone();
    bad.rows[0].revision = bad.base + 1;
    assert!(new.step(Relocation::Adopt(bad)).is_err(), "a row behind the fence");
    let mut bad = part.clone();
    bad.requests = vec![vec![0xff; 9]];
    assert!(new.step(Relocation::Adopt(bad)).is_err(), "a request that can't be read");
    assert!(new.step(Relocation::Adopt(part)).unwrap());
}
