//! Commands as data; and the invariant: the state after applying is the fold of its records.

mod lifecycle;
mod region;
mod secrets;

use proptest::prelude::*;

use super::*;
use crate::command::{
    Attach, CallerRef, CreateAccessKey, CreateGroup, CreatePolicy, CreatePolicyVersion, CreateRole,
    CreateUser, Delete, InitAccount, Membership, OutcomeResult, PutInline, UpdateUser,
};

pub(super) const ACCOUNT: u64 = 123_456_789_012;
const POLICY: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:*","Resource":"*"}}"#;
pub(super) const TRUST: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}}"#;

pub(super) struct World {
    pub(super) state: GroupState,
    index: u64,
    /// What is added to the time of entries.
    pub(super) later: u64,
    records: Vec<Record>,
}

pub(super) fn root() -> CallerRef {
    CallerRef {
        kind: caller_kind::ROOT,
        account: ACCOUNT,
        access_key: "ROOTKEY".into(),
        ..CallerRef::default()
    }
}

fn named(name: &str) -> String {
    name.to_owned()
}

impl World {
    pub(super) fn new() -> Self {
        let mut world =
            Self { state: GroupState::new(GroupId(1)), index: 0, later: 0, records: Vec::new() };
        let key = record::AccessKey { id: "ROOTKEY".into(), ..record::AccessKey::default() };
        let init = InitAccount {
            name: "test".into(),
            email: "a@b".into(),
            root_key: Some(key),
            ..InitAccount::default()
        };
        let system = CallerRef { kind: caller_kind::SYSTEM, ..CallerRef::default() };
        world.apply_as(system, "", Command::InitAccount(init)).unwrap();
        world
    }

    pub(super) fn apply_as(
        &mut self,
        caller: CallerRef,
        request_id: &str,
        command: Command,
    ) -> Result<ReplyBox, Rejection> {
        self.index += 1;
        let envelope = Envelope {
            request_id: request_id.into(),
            account: ACCOUNT,
            caller: Some(caller),
            command: Some(command),
            ..Envelope::default()
        };
        let envelope = Envelope::from_bytes(&envelope.to_bytes()).unwrap();
        let before = self.state.clone();
        let applied = self.state.apply(self.index, self.later + 1_000 + self.index, &envelope);
        if matches!(applied.outcome.result, Some(OutcomeResult::Rejection(_))) {
            assert!(applied.records.is_empty());
            assert_eq!(self.state, before, "a refusal changes nothing");
        }
        self.records.extend(applied.records);
        applied.outcome.into_result()
    }

    pub(super) fn root(&mut self, command: Command) -> Result<ReplyBox, Rejection> {
        self.apply_as(root(), "", command)
    }

    pub(super) fn check_fold(&self) {
        let mut folded = GroupState::new(GroupId(1));
        for record in &self.records {
            folded.absorb(record).unwrap();
        }
        folded.requests = self.state.requests.clone();
        assert_eq!(folded, self.state);
    }
}

pub(super) fn create_user(name: &str) -> Command {
    Command::CreateUser(CreateUser {
        name: name.into(),
        id: format!("AIDA{name}"),
        ..CreateUser::default()
    })
}

fn delete(kind: u32, name: &str) -> Command {
    Command::Delete(Delete { kind, name: name.into(), ..Delete::default() })
}

fn attach(name: &str, arn: &str, attached: bool) -> Command {
    Command::Attach(Attach { kind: 1, name: name.into(), arn: arn.into(), attached })
}

const READ_ONLY: &str = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";

fn kind(result: Result<ReplyBox, Rejection>) -> RejectionKind {
    result.unwrap_err().kind()
}

#[test]
fn names_are_unique_without_regard_to_case_and_kept_as_typed() {
    let mut world = World::new();
    world.root(create_user("Ada")).unwrap();
    let refused = world.root(create_user("ADA")).unwrap_err();
    assert_eq!(refused.message, "User with name Ada already exists.");
    assert_eq!(kind(world.root(create_user("a b"))), RejectionKind::ValidationError);
    assert_eq!(
        world
            .state
            .account(AccountId::from_u64(ACCOUNT).unwrap())
            .unwrap()
            .user("ada")
            .unwrap()
            .value
            .name,
        "Ada"
    );
}

#[test]
fn what_something_hangs_on_is_not_deleted() {
    let mut world = World::new();
    world.root(create_user("ada")).unwrap();
    world.root(attach("ada", READ_ONLY, true)).unwrap();
    assert_eq!(kind(world.root(delete(1, "ada"))), RejectionKind::DeleteConflict);
    world.root(attach("ada", READ_ONLY, false)).unwrap();
    let key = CreateAccessKey { user: named("ada"), id: named("AKIA1"), sealed_secret: vec![1] };
    world.root(Command::CreateAccessKey(key)).unwrap();
    assert_eq!(kind(world.root(delete(1, "ada"))), RejectionKind::DeleteConflict);
    assert_eq!(
        kind(world.root(attach("ada", "arn:aws:iam::aws:policy/Nothing", true))),
        RejectionKind::NoSuchEntity
    );
    assert_eq!(kind(world.root(delete(1, "bob"))), RejectionKind::NoSuchEntity);
    world.check_fold();
}

#[test]
fn five_versions_and_the_default_stays() {
    let mut world = World::new();
    let policy =
        CreatePolicy { name: named("p"), document: named(POLICY), ..CreatePolicy::default() };
    world.root(Command::CreatePolicy(policy)).unwrap();
    let arn = format!("arn:aws:iam::{ACCOUNT}:policy/p");
    let version = |d: &str| {
        Command::CreatePolicyVersion(CreatePolicyVersion {
            arn: arn.clone(),
            document: named(d),
            set_default: true,
        })
    };
    for _ in 0..4 {
        world.root(version(POLICY)).unwrap();
    }
    assert_eq!(kind(world.root(version(POLICY))), RejectionKind::LimitExceeded);
    let change = |version, delete| {
        Command::PolicyVersion(crate::command::PolicyVersion { arn: arn.clone(), version, delete })
    };
    assert_eq!(kind(world.root(change(5, true))), RejectionKind::DeleteConflict);
    world.root(change(1, true)).unwrap();
    let added = world.root(version(POLICY)).unwrap();
    assert!(
        matches!(added.reply, Some(Reply::PolicyVersion(v)) if v.number == 6),
        "numbers are never reused"
    );
    let bad = world.root(version("{\"Statement\":[}")).unwrap_err();
    assert_eq!(bad.kind(), RejectionKind::MalformedPolicyDocument);
    assert!(bad.message.contains("line 1, column 15"), "{}", bad.message);
    world.check_fold();
}

#[test]
fn a_user_may_what_its_policies_say_and_a_deleted_key_nothing() {
    let mut world = World::new();
    world.root(create_user("ada")).unwrap();
    let key = CreateAccessKey { user: named("ada"), id: named("AKIA1"), sealed_secret: vec![1] };
    world.root(Command::CreateAccessKey(key)).unwrap();
    let ada = CallerRef {
        kind: caller_kind::USER,
        account: ACCOUNT,
        access_key: named("AKIA1"),
        ..CallerRef::default()
    };
    let refused = world.apply_as(ada.clone(), "", create_user("bob")).unwrap_err();
    assert_eq!(
        refused.message,
        "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: iam:CreateUser on resource: arn:aws:iam::123456789012:user/bob because no identity-based policy allows the iam:CreateUser action"
    );
    let put =
        PutInline { kind: 1, name: named("ada"), policy: named("all"), document: named(POLICY) };
    world.root(Command::PutInline(put)).unwrap();
    world.apply_as(ada.clone(), "", create_user("bob")).unwrap();
    let off = crate::command::UpdateAccessKey {
        user: named("ada"),
        id: named("AKIA1"),
        active: false,
        delete: true,
    };
    world.root(Command::UpdateAccessKey(off)).unwrap();
    assert_eq!(
        kind(world.apply_as(ada, "", create_user("eve"))),
        RejectionKind::InvalidClientTokenId
    );
    world.check_fold();
}

#[test]
fn a_retry_gets_the_first_answer_and_another_request_under_its_id_is_refused() {
    let mut world = World::new();
    let first = world.apply_as(root(), "r1", create_user("ada")).unwrap();
    let mut again =
        CreateUser { name: named("ada"), id: named("AIDAother"), ..CreateUser::default() };
    assert_eq!(world.apply_as(root(), "r1", Command::CreateUser(again.clone())).unwrap(), first);
    again.name = named("bob");
    assert_eq!(
        kind(world.apply_as(root(), "r1", Command::CreateUser(again))),
        RejectionKind::IdempotencyMismatch
    );
    let mut restored = GroupState::new(GroupId(1));
    world.records.iter().for_each(|r| restored.absorb(r).unwrap());
    world
        .state
        .local_rows()
        .for_each(|r| restored.absorb_local(&r.key, r.value.as_deref()).unwrap());
    assert_eq!(restored, world.state, "a snapshot carries what is remembered");
}

#[test]
fn another_account_and_strangers_are_refused() {
    let mut world = World::new();
    let other = CallerRef { account: 1, ..root() };
    assert_eq!(kind(world.apply_as(other, "", create_user("ada"))), RejectionKind::AccessDenied);
    let nobody = CallerRef { access_key: named("NOKEY"), ..root() };
    assert_eq!(
        kind(world.apply_as(nobody, "", create_user("ada"))),
        RejectionKind::InvalidClientTokenId
    );
    let init = Command::InitAccount(InitAccount::default());
    assert_eq!(kind(world.root(init)), RejectionKind::AccessDenied);
}

#[test]
fn an_etag_that_is_old_is_refused() {
    let mut world = World::new();
    let created = world.root(create_user("ada")).unwrap();
    let update = |etag: String| {
        Command::UpdateUser(UpdateUser {
            name: named("ada"),
            new_path: named("/team/"),
            etag,
            ..UpdateUser::default()
        })
    };
    world.root(update(created.revision.to_string())).unwrap();
    assert_eq!(
        kind(world.root(update(created.revision.to_string()))),
        RejectionKind::ConcurrentModification
    );
}

fn any_command() -> impl Strategy<Value = Command> {
    let name = prop::sample::select(vec!["a", "B", "b", "c", "no way"]).prop_map(str::to_owned);
    let arn = prop::sample::select(vec![
        READ_ONLY.to_owned(),
        format!("arn:aws:iam::{ACCOUNT}:policy/a"),
        named("x"),
    ]);
    let document = prop::sample::select(vec![named(POLICY), named("{}"), String::new()]);
    (0..10u8, name.clone(), name, arn, document, 1..5u32, any::<bool>()).prop_map(
        |(n, name, other, arn, document, k, yes)| match n {
            0 => Command::CreateUser(CreateUser {
                id: format!("AIDA{name}"),
                name,
                ..CreateUser::default()
            }),
            1 => Command::CreateGroup(CreateGroup { name, ..CreateGroup::default() }),
            2 => Command::CreateRole(CreateRole {
                id: format!("AROA{name}"),
                name,
                trust_policy: named(TRUST),
                ..CreateRole::default()
            }),
            3 => Command::CreatePolicy(CreatePolicy { name, document, ..CreatePolicy::default() }),
            4 => Command::CreatePolicyVersion(CreatePolicyVersion {
                arn,
                document,
                set_default: yes,
            }),
            5 => Command::Attach(Attach { kind: k, name, arn, attached: yes }),
            6 => Command::Membership(Membership { group: name, user: other, member: yes }),
            7 => Command::PutInline(PutInline { kind: k, name, policy: other, document }),
            8 => Command::Delete(Delete {
                kind: k,
                name: if k == 4 { arn } else { name },
                ..Delete::default()
            }),
            _ => Command::UpdateUser(UpdateUser { name, new_name: other, ..UpdateUser::default() }),
        },
    )
}

proptest! {
    #[test]
    fn the_state_is_the_fold_of_its_records(commands in prop::collection::vec(any_command(), 0..60)) {
        let mut world = World::new();
        for command in commands {
            let _ = world.root(command);
        }
        world.check_fold();
    }
}

/// What is committed must fit into a row, or its group would stop at every voter.
#[test]
fn an_entity_that_no_row_could_hold_is_refused() {
    let mut world = World::new();
    let tag = |n: usize| record::Tag { key: format!("k{n}"), value: "\u{1F600}".repeat(256) };
    let role = CreateRole {
        name: named("wide"),
        id: "AROAWIDE".into(),
        trust_policy: TRUST.into(),
        tags: (0..50).map(tag).collect(),
        ..CreateRole::default()
    };
    world.root(Command::CreateRole(role)).unwrap();
    let padded = format!("{}{TRUST}", " ".repeat(38_000));
    let update = crate::command::UpdateRole {
        name: named("wide"),
        trust_policy: padded,
        ..crate::command::UpdateRole::default()
    };
    let refused = world.root(Command::UpdateRole(update)).unwrap_err();
    assert_eq!(refused.kind, i32::from(RejectionKind::LimitExceeded));
    assert!(refused.message.contains("EntityBytes"), "{refused}");
}

#[test]
fn a_request_id_that_could_not_be_remembered_is_refused() {
    let mut world = World::new();
    let user = CreateUser { name: named("ada"), id: "AIDAX".into(), ..CreateUser::default() };
    let long = "x".repeat(REQUEST_ID_BYTES_MAX + 1);
    let refused = world.apply_as(root(), &long, Command::CreateUser(user.clone())).unwrap_err();
    assert_eq!(refused.kind, i32::from(RejectionKind::ValidationError));
    world.apply_as(root(), &long[1..], Command::CreateUser(user)).unwrap();
}
