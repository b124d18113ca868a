//! Imports and lifts at their own log index.

use super::*;
use crate::{
    command::{ImportRegion, LiftQuarantine},
    region::{
        ABSENCE_MILLIS_MAX, CLOCK_SKEW_MAX_MILLIS, Quarantine, Target, VoidSessions, target_kind,
    },
};

/// Far behind the times of the entries.
const UNTIL: u64 = 1_000_000;

fn quarantine(id: &str, kind: u32, target: &str) -> Quarantine {
    Quarantine {
        until: UNTIL,
        id: id.into(),
        account: ACCOUNT,
        target: Some(Target { kind, id: target.into(), arn: "*".into() }),
        reason: "leaked".into(),
        issued: 1,
        ..Quarantine::default()
    }
}

fn import(quarantines: &[Quarantine]) -> Command {
    Command::ImportRegion(ImportRegion { quarantines: quarantines.to_vec(), voids: Vec::new() })
}

fn lift(quarantines: &[Quarantine], by_operator: bool) -> Command {
    Command::LiftQuarantine(LiftQuarantine { quarantines: quarantines.to_vec(), by_operator })
}

fn system() -> CallerRef {
    CallerRef { kind: caller_kind::SYSTEM, ..CallerRef::default() }
}

/// Root, and the user `ada` who may do everything in IAM with the key `ADAKEY`.
fn with_ada() -> (World, CallerRef) {
    let mut world = World::new();
    world.root(create_user("ada")).unwrap();
    let key = CreateAccessKey { user: "ada".into(), id: "ADAKEY".into(), ..Default::default() };
    world.root(Command::CreateAccessKey(key)).unwrap();
    let put = PutInline {
        kind: 1,
        name: "ada".into(),
        policy: "all".into(),
        document: POLICY.replace("iam:*", "*"),
    };
    world.root(Command::PutInline(put)).unwrap();
    let ada = CallerRef { kind: caller_kind::USER, access_key: "ADAKEY".into(), ..root() };
    (world, ada)
}

#[test]
fn from_the_import_on_the_target_writes_nothing_more() {
    let (mut world, ada) = with_ada();
    world.apply_as(ada.clone(), "", create_user("before")).unwrap();
    let q = quarantine("q", target_kind::PRINCIPAL, "AIDAada");
    world.apply_as(system(), "", import(&[q.clone()])).unwrap();
    let refused = world.apply_as(ada.clone(), "", create_user("after")).unwrap_err();
    assert_eq!(refused.kind(), RejectionKind::Quarantined);
    assert!(refused.message.contains('q') && refused.message.contains("leaked"));
    // Neither does it lift itself, nor does anybody below root.
    assert_eq!(
        kind(world.apply_as(ada.clone(), "", lift(&[q.clone()], false))),
        RejectionKind::Quarantined
    );
    world.root(lift(&[q.clone()], false)).unwrap();
    world.apply_as(ada.clone(), "", create_user("after")).unwrap();
    // What was lifted is not imported again, nor what is there already.
    let before = world.records.len();
    world.apply_as(system(), "", import(&[q])).unwrap();
    assert_eq!(world.records.len(), before);
    world.apply_as(ada, "", create_user("later")).unwrap();
    world.check_fold();
}

#[test]
fn an_import_ends_with_its_deadline_by_the_entries_time() {
    let (mut world, ada) = with_ada();
    let q = Quarantine { until: 1_010, ..quarantine("q", target_kind::ACCESS_KEY, "ADAKEY") };
    world.apply_as(system(), "", import(&[q])).unwrap();
    assert_eq!(kind(world.apply_as(ada.clone(), "", create_user("x"))), RejectionKind::Quarantined);
    world.index = CLOCK_SKEW_MAX_MILLIS + 10;
    world.apply_as(ada, "", create_user("x")).unwrap();
}

#[test]
fn a_lift_may_come_before_its_import_and_names_what_it_saw() {
    let (mut world, ada) = with_ada();
    let seen = quarantine("seen", target_kind::PRINCIPAL, "AIDAada");
    let newer = quarantine("newer", target_kind::PRINCIPAL, "AIDAada");
    world.root(lift(&[seen.clone()], false)).unwrap();
    world.apply_as(system(), "", import(&[seen])).unwrap();
    world.apply_as(ada.clone(), "", create_user("x")).unwrap();
    world.apply_as(system(), "", import(&[newer])).unwrap();
    assert_eq!(kind(world.apply_as(ada, "", create_user("y"))), RejectionKind::Quarantined);
    world.check_fold();
}

#[test]
fn who_lifts_stands_above_the_target() {
    let (mut world, ada) = with_ada();
    let (q, account) = (
        quarantine("q", target_kind::PRINCIPAL, "AIDAb"),
        quarantine("a", target_kind::ACCOUNT, ""),
    );
    let denied = RejectionKind::AccessDenied;
    assert_eq!(kind(world.apply_as(ada, "", lift(&[q.clone()], false))), denied);
    assert_eq!(
        kind(world.root(lift(&[account.clone()], false))),
        denied,
        "it is the target itself"
    );
    assert_eq!(kind(world.root(lift(&[q.clone(), account.clone()], false))), denied, "all or none");
    let operator = CallerRef { account: 7, ..root() };
    assert_eq!(kind(world.apply_as(operator.clone(), "", lift(&[q.clone()], false))), denied);
    assert_eq!(kind(world.apply_as(operator.clone(), "", create_user("x"))), denied);
    world.apply_as(operator, "", lift(&[q, account], true)).unwrap();
    let invalid = RejectionKind::ValidationError;
    assert_eq!(kind(world.root(lift(&[], false))), denied, "nothing to be permitted");
    let other = Quarantine { account: 8, ..quarantine("q", target_kind::PRINCIPAL, "AIDAb") };
    let by_operator = CallerRef { account: 7, ..root() };
    assert_eq!(kind(world.apply_as(by_operator.clone(), "", lift(&[other], true))), invalid);
    assert_eq!(kind(world.apply_as(by_operator, "", lift(&[], true))), invalid);
    world.check_fold();
}

#[test]
fn only_the_cluster_imports() {
    let (mut world, ada) = with_ada();
    let command = import(&[quarantine("q", target_kind::ROOT, "")]);
    assert_eq!(kind(world.apply_as(ada, "", command.clone())), RejectionKind::AccessDenied);
    assert_eq!(kind(world.root(command)), RejectionKind::AccessDenied);
    // What no node of ours would have written is left out.
    let bad = [
        Quarantine { account: 8, ..quarantine("a", target_kind::ROOT, "") },
        Quarantine { reason: String::new(), ..quarantine("b", target_kind::ROOT, "") },
        Quarantine { target: None, ..quarantine("c", target_kind::ROOT, "") },
        Quarantine { until: u64::MAX, ..quarantine("d", target_kind::ROOT, "") },
    ];
    world.apply_as(system(), "", import(&bad)).unwrap();
    world.root(create_user("x")).unwrap();
}

#[test]
fn sessions_are_void_from_the_import_on() {
    let mut world = World::new();
    let role = CreateRole {
        name: "r".into(),
        id: "AROAr".into(),
        trust_policy: TRUST.into(),
        ..CreateRole::default()
    };
    world.root(Command::CreateRole(role)).unwrap();
    let put =
        PutInline { kind: 3, name: "r".into(), policy: "all".into(), document: POLICY.into() };
    world.root(Command::PutInline(put)).unwrap();
    let session = |issued| CallerRef {
        kind: caller_kind::SESSION,
        account: ACCOUNT,
        id: "AROAr".into(),
        access_key: "ASIA".into(),
        session: "s".into(),
        expires: UNTIL,
        issued,
        ..CallerRef::default()
    };
    world.apply_as(session(1), "", create_user("a")).unwrap();
    let void = VoidSessions { before: 100, role: "AROAr".into(), issuer: String::new() };
    let import = ImportRegion { quarantines: Vec::new(), voids: vec![void] };
    world.apply_as(system(), "", Command::ImportRegion(import)).unwrap();
    let refused = world.apply_as(session(1), "", create_user("b"));
    assert_eq!(kind(refused), RejectionKind::SessionVoid);
    world.apply_as(session(100 + CLOCK_SKEW_MAX_MILLIS), "", create_user("b")).unwrap();
    world.check_fold();
}

#[test]
fn what_is_over_is_collected_with_the_next_import_or_lift() {
    let (mut world, _) = with_ada();
    let (old, lifted) = (
        quarantine("old", target_kind::ROOT, ""),
        quarantine("lifted", target_kind::PRINCIPAL, "x"),
    );
    world.apply_as(system(), "", import(&[old, lifted.clone()])).unwrap();
    world.root(lift(&[lifted], false)).unwrap_err();
    let by_operator = CallerRef { account: 7, ..root() };
    let lifted = quarantine("lifted", target_kind::PRINCIPAL, "x");
    world.apply_as(by_operator, "", lift(&[lifted], true)).unwrap();
    world.index = UNTIL + CLOCK_SKEW_MAX_MILLIS + ABSENCE_MILLIS_MAX;
    world.apply_as(system(), "", import(&[])).unwrap();
    let id = AccountId::from_u64(ACCOUNT).unwrap();
    let account = world.state.account(id).unwrap();
    assert!(account.imported.is_empty() && account.lifted.is_empty());
    world.check_fold();
}
