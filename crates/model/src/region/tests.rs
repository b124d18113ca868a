//! The laws of the join, who is denied, and who may deny and lift.

use std::sync::Arc;

use proptest::prelude::*;
use tidegate_policy::AccountId;
use tidegate_replica::{Dot, GroupId, NodeId, Origin, Record, Stamp, lattice::Lattice};

use super::*;
use crate::{AccountState, GroupState, Key, RejectionKind};

const ACCOUNT: u64 = 123_456_789_012;
const OPERATOR: u64 = 1;
const NOW: u64 = 1_700_000_000_000;

fn origin(node: u64, incarnation: u32) -> Origin {
    Origin::Node { node: NodeId(node), incarnation }
}

fn target(kind: u32, id: &str) -> Target {
    Target { kind, id: id.to_owned(), arn: String::new() }
}

fn quarantine(id: &str, target: Target, until: u64) -> Quarantine {
    Quarantine {
        until,
        id: id.to_owned(),
        account: ACCOUNT,
        target: Some(target),
        reason: "leaked".to_owned(),
        issuer: "arn:aws:iam::123456789012:root".to_owned(),
        issued: until.saturating_sub(60_000),
        node: 1,
        issuer_principal: String::new(),
    }
}

fn write(key: &RegionKey, value: &impl prost::Message, writer: Origin, sequence: u64) -> Record {
    Record {
        key: key.encode(writer).unwrap(),
        value: Some(value.encode_to_vec().into()),
        stamp: Stamp { epoch: 0, revision: sequence },
        dot: Dot { origin: writer, sequence },
    }
}

/// Any write of any of three writers.
fn record() -> impl Strategy<Value = Record> {
    let writer = (1..3u64, 1..3u32).prop_map(|(node, incarnation)| origin(node, incarnation));
    (writer, 0..3u8, "[ab]", 0..4u64, 1..9u64).prop_map(|(writer, kind, name, n, sequence)| {
        match kind {
            0 => {
                let q = quarantine(&name, target(target_kind::PRINCIPAL, "AIDA"), NOW + n);
                write(&RegionKey::Quarantine(ACCOUNT, name), &q, writer, sequence)
            }
            1 => {
                let void =
                    VoidSessions { before: n, role: name.clone(), ..VoidSessions::default() };
                write(&RegionKey::Void(ACCOUNT, name), &void, writer, sequence)
            }
            _ => {
                let used = LastUsed { minute: n, region: name.clone(), ..LastUsed::default() };
                write(&RegionKey::LastUsed(ACCOUNT, name), &used, writer, sequence)
            }
        }
    })
}

fn fold<'a>(records: impl IntoIterator<Item = &'a Record>) -> RegionState {
    let mut state = RegionState::default();
    for record in records {
        state.absorb(record).unwrap();
    }
    state
}

fn merged(a: &RegionState, b: &RegionState) -> RegionState {
    let mut a = a.clone();
    a.merge(b);
    a
}

proptest! {
    #[test]
    fn what_nodes_write_is_a_lattice(
        a in prop::collection::vec(record(), 0..8),
        b in prop::collection::vec(record(), 0..8),
        c in prop::collection::vec(record(), 0..8),
    ) {
        let all: Vec<_> = a.iter().chain(&b).cloned().collect();
        let (x, y, z) = (fold(&a), fold(&b), fold(&c));
        prop_assert_eq!(merged(&x, &y), merged(&y, &x), "commutative");
        prop_assert_eq!(merged(&merged(&x, &y), &z), merged(&x, &merged(&y, &z)), "associative");
        prop_assert_eq!(merged(&x, &x), x.clone(), "idempotent");
        prop_assert_eq!(merged(&merged(&x, &y), &y), merged(&x, &y), "monotone");
        // The fold is the join: in any order, and twice.
        prop_assert_eq!(fold(all.iter().rev().chain(&all)), merged(&x, &y));
    }

    #[test]
    fn hostile_keys_never_panic_and_have_one_spelling(
        kind in prop_oneof![any::<u8>(), 126_u8..=132],
        rest in prop::collection::vec(prop_oneof![any::<u8>(), 97_u8..100], 0..40),
    ) {
        let bytes = [&[kind][..], &rest].concat();
        if let Some((key, writer)) = RegionKey::decode(&bytes) {
            prop_assert_eq!(key.encode(writer).unwrap(), bytes);
        }
    }
}

#[test]
fn a_key_belongs_to_the_node_and_incarnation_that_stand_in_it() {
    let q = quarantine("q", target(target_kind::PRINCIPAL, "AIDA"), NOW);
    let good = write(&RegionKey::Quarantine(ACCOUNT, "q".into()), &q, origin(1, 2), 1);
    assert_eq!(check_writer(&good), Ok(()));
    let mut state = RegionState::default();
    state.absorb(&good).unwrap();
    for thief in [origin(2, 2), origin(1, 3), Origin::Group { group: GroupId(1), generation: 0 }] {
        let stolen = Record { dot: Dot { origin: thief, sequence: 9 }, ..good.clone() };
        assert!(check_writer(&stolen).is_err());
        assert!(RegionState::default().absorb(&stolen).is_err());
    }
    // Of a kind that only a later build knows.
    let mut key = good.key.to_vec();
    key[0] = 170;
    let later = Record { key: key.into(), ..good.clone() };
    assert_eq!(check_writer(&later), Ok(()));
    assert!(state.absorb(&later).is_err());
    let groups = Record { key: Key::Account(1).encode(), ..good.clone() };
    assert!(check_writer(&groups).is_err());
    for bad in [
        Record { value: None, ..good.clone() },
        Record { value: Some("x".into()), ..good.clone() },
        write(&RegionKey::Quarantine(ACCOUNT, "other".into()), &q, origin(1, 2), 1),
        write(&RegionKey::Quarantine(7, "q".into()), &q, origin(1, 2), 1),
    ] {
        assert!(state.absorb(&bad).is_err());
    }
    assert_eq!(state, fold([&good]));
}

/// A user `AIDA` with the key `AKIA`.
fn user() -> Subject<'static> {
    Subject { account: ACCOUNT, root: false, entity: "AIDA", access_key: "AKIA", lineage: &[] }
}

fn root() -> Subject<'static> {
    Subject { account: ACCOUNT, root: true, entity: "", access_key: "ROOTKEY", lineage: &[] }
}

#[test]
fn a_target_covers_its_credentials_and_the_sessions_that_it_began() {
    let lineage = user().descends();
    let session = Subject { entity: "AROA", access_key: "ASIA", lineage: &lineage, ..user() };
    let of_root = root().descends();
    let roots = Subject { entity: "AROA", access_key: "ASIA2", lineage: &of_root, ..user() };
    let other = Subject { entity: "AIDB", access_key: "AKIB", ..user() };
    for (kind, id, covered) in [
        (target_kind::ACCOUNT, "", [true; 5]),
        (target_kind::ROOT, "", [false, true, false, true, false]),
        (target_kind::PRINCIPAL, "AIDA", [true, false, true, false, false]),
        (target_kind::PRINCIPAL, "AROA", [false, false, true, true, false]),
        (target_kind::ACCESS_KEY, "AKIA", [true, false, true, false, false]),
        (target_kind::ACCESS_KEY, "ASIA", [false, false, true, false, false]),
        (target_kind::ACCESS_KEY, "ROOTKEY", [false, true, false, true, false]),
        // Nothing has no name.
        (target_kind::PRINCIPAL, "", [false; 5]),
        (99, "AIDA", [false; 5]),
    ] {
        let target = target(kind, id);
        let all = [user(), root(), session, roots, other].map(|s| target.covers(&s));
        assert_eq!(all, covered, "{target:?}");
        let q = quarantine("q", target, NOW);
        assert!(!q.covers(&Subject { account: 7, ..user() }), "another account");
    }
}

fn account(records: &[(Key, Option<bytes::Bytes>)]) -> Arc<AccountState> {
    let mut state = GroupState::new(GroupId(1));
    let first = (Key::Account(ACCOUNT), Some(bytes::Bytes::new()));
    for (n, (key, value)) in [first].iter().chain(records).enumerate() {
        let revision = n as u64 + 1;
        let dot =
            Dot { origin: Origin::Group { group: GroupId(1), generation: 0 }, sequence: revision };
        let (stamp, value) = (Stamp { epoch: 0, revision }, value.clone());
        state.absorb(&Record { key: key.encode(), value, stamp, dot }).unwrap();
    }
    Arc::clone(state.account(AccountId::from_u64(ACCOUNT).unwrap()).unwrap())
}

fn value(message: &impl prost::Message) -> bytes::Bytes {
    message.encode_to_vec().into()
}

#[test]
fn a_quarantine_stands_until_its_deadline_and_the_skew() {
    let q = quarantine("q", target(target_kind::PRINCIPAL, "AIDA"), NOW);
    let region = fold([&write(&RegionKey::Quarantine(ACCOUNT, "q".into()), &q, origin(1, 1), 1)]);
    let account = account(&[]);
    let denied = |now| quarantined(Some(&region), &account, &user(), now).is_some();
    assert!(denied(0) && denied(NOW) && denied(NOW + CLOCK_SKEW_MAX_MILLIS));
    assert!(!denied(NOW + CLOCK_SKEW_MAX_MILLIS + 1));
    assert!(quarantined(None, &account, &user(), NOW).is_none(), "it was not imported");
}

#[test]
fn a_lift_and_its_quarantine_may_arrive_in_either_order_and_a_newer_one_stays() {
    let at = |id: &str| {
        let q = quarantine(id, target(target_kind::PRINCIPAL, "AIDA"), NOW);
        write(&RegionKey::Quarantine(ACCOUNT, id.into()), &q, origin(1, 1), 1)
    };
    let lift = (Key::Lift(ACCOUNT, "old".into()), Some(value(&Lift::default())));
    let (before, after) = (account(&[]), account(&[lift]));
    let (none, old) = (RegionState::default(), fold([&at("old")]));
    let both = fold([&at("old"), &at("new")]);
    let denied = |region: &RegionState, account: &AccountState| -> Vec<String> {
        standing(Some(region), account, NOW).iter().map(|q| q.id.clone()).collect()
    };
    assert_eq!(denied(&old, &before), ["old"]);
    assert_eq!(denied(&old, &after), Vec::<String>::new(), "the lift came second");
    assert_eq!(denied(&none, &after), Vec::<String>::new(), "the lift came first");
    assert_eq!(denied(&both, &after), ["new"], "what the lifter had not seen stays");
}

#[test]
fn of_copies_the_longer_one_counts_and_an_import_counts_by_itself() {
    let q = |until| quarantine("q", target(target_kind::PRINCIPAL, "AIDA"), until);
    let at = |node, until| {
        write(&RegionKey::Quarantine(ACCOUNT, "q".into()), &q(until), origin(node, 1), 1)
    };
    let region = fold([&at(1, NOW + 5), &at(2, NOW + 9)]);
    let imported = account(&[(Key::Imported(ACCOUNT, "q".into()), Some(value(&q(NOW + 7))))]);
    let ends = |region: Option<&RegionState>| -> Vec<u64> {
        standing(region, &imported, NOW).iter().map(|q| q.until).collect()
    };
    assert_eq!(ends(Some(&region)), [NOW + 9]);
    assert_eq!(ends(Some(&RegionState::default())), [NOW + 7]);
    assert_eq!(ends(None), [NOW + 7]);
}

#[test]
fn sessions_are_void_by_the_greatest_time_that_anybody_wrote() {
    let at = |node, before| {
        let void = VoidSessions { before, role: "AROA".into(), issuer: String::new() };
        write(&RegionKey::Void(ACCOUNT, "AROA".into()), &void, origin(node, 1), before)
    };
    let region = fold([&at(1, NOW), &at(2, NOW - 5)]);
    let account = account(&[]);
    let void = |issued| is_void(Some(&region), &account, "AROA", issued);
    assert!(void(NOW - 1) && void(NOW + CLOCK_SKEW_MAX_MILLIS - 1));
    assert!(!void(NOW + CLOCK_SKEW_MAX_MILLIS));
    assert!(!is_void(Some(&region), &account, "AROB", 0), "another role");
}

#[test]
fn only_who_stands_above_may_quarantine() {
    let denied = RejectionKind::AccessDenied;
    for (by, account, kind, of_root, expected) in [
        (ACCOUNT, ACCOUNT, target_kind::PRINCIPAL, false, None),
        (ACCOUNT, ACCOUNT, target_kind::ACCESS_KEY, false, None),
        (ACCOUNT, ACCOUNT, target_kind::ACCESS_KEY, true, Some(denied)),
        (ACCOUNT, ACCOUNT, target_kind::ROOT, false, Some(denied)),
        (ACCOUNT, ACCOUNT, target_kind::ACCOUNT, false, Some(denied)),
        (ACCOUNT, 7, target_kind::PRINCIPAL, false, Some(denied)),
        (ACCOUNT, OPERATOR, target_kind::PRINCIPAL, false, Some(denied)),
        (OPERATOR, ACCOUNT, target_kind::ACCOUNT, false, None),
        (OPERATOR, ACCOUNT, target_kind::ROOT, false, None),
        (OPERATOR, ACCOUNT, target_kind::ACCESS_KEY, true, None),
        (OPERATOR, OPERATOR, target_kind::PRINCIPAL, false, None),
        (OPERATOR, OPERATOR, target_kind::ROOT, false, None),
        (OPERATOR, OPERATOR, target_kind::ACCOUNT, false, Some(RejectionKind::ValidationError)),
    ] {
        let result = may_quarantine(by, account, &target(kind, "x"), of_root, OPERATOR);
        assert_eq!(result.err().map(|e| e.kind()), expected, "{by} {account} {kind} {of_root}");
    }
}

#[test]
fn a_target_never_lifts_and_root_lifts_only_what_is_below_it() {
    let admin = Subject { entity: "AIDB", access_key: "AKIB", ..user() };
    let operator = Subject { account: OPERATOR, ..root() };
    for (kind, id, by, by_operator, expected) in [
        (target_kind::PRINCIPAL, "AIDA", user(), false, false),
        (target_kind::PRINCIPAL, "AIDA", admin, false, false),
        (target_kind::PRINCIPAL, "AIDA", root(), false, true),
        (target_kind::PRINCIPAL, "AIDA", operator, true, true),
        (target_kind::PRINCIPAL, "AIDA", operator, false, false),
        (target_kind::ACCESS_KEY, "ROOTKEY", root(), false, false),
        (target_kind::ROOT, "", root(), false, false),
        (target_kind::ACCOUNT, "", root(), false, false),
        (target_kind::ACCOUNT, "", operator, true, true),
        // An operator who is the target himself.
        (target_kind::PRINCIPAL, "AIDA", user(), true, false),
    ] {
        let q = quarantine("q", target(kind, id), NOW);
        assert_eq!(may_lift(&q, &by, by_operator).is_ok(), expected, "{kind} {id} {by:?}");
    }
}

#[test]
fn quotas_count_what_lasts_of_the_issuer_and_of_the_node() {
    let mut region = RegionState::default();
    let add = |region: &mut RegionState, n: usize, issuer: &str, node: u64, until: u64| {
        let id = format!("{issuer}-{node}-{n}");
        let mut q = quarantine(&id, target(target_kind::PRINCIPAL, "AIDA"), until);
        (q.issuer_principal, q.node) = (issuer.to_owned(), node);
        let key = RegionKey::Quarantine(ACCOUNT, id);
        region.absorb(&write(&key, &q, origin(node, 1), 1)).unwrap();
    };
    for n in 0..ISSUER_MAX {
        assert!(check_quota(&region, "ada", 1, NOW, |_| false).is_ok());
        add(&mut region, n, "ada", n as u64 % 3, NOW);
    }
    let refused = check_quota(&region, "ada", 1, NOW, |_| false).unwrap_err();
    assert_eq!(refused.kind(), RejectionKind::LimitExceeded);
    // Of those that stand: one that was lifted leaves room for another.
    assert!(check_quota(&region, "ada", 1, NOW, |q| q.id == "ada-0-0").is_ok());
    assert!(check_quota(&region, "bob", 1, NOW, |_| false).is_ok());
    assert!(check_quota(&region, "ada", 1, NOW + CLOCK_SKEW_MAX_MILLIS + 1, |_| false).is_ok());
    for n in 0..NODE_MAX {
        add(&mut region, n, &format!("i{}", n / 50), 9, NOW);
    }
    // What a node keeps it keeps, lifted or not.
    let refused = check_quota(&region, "bob", 9, NOW, |_| true).unwrap_err();
    assert_eq!(refused.kind(), RejectionKind::LimitExceeded);
    assert!(check_quota(&region, "bob", 8, NOW, |_| false).is_ok());
}

#[test]
fn what_is_over_is_forgotten_and_nothing_else() {
    let q = quarantine("q", target(target_kind::PRINCIPAL, "AIDA"), NOW);
    let void = VoidSessions { before: NOW, role: "AROA".into(), issuer: String::new() };
    let used = |minute| LastUsed { minute, ..LastUsed::default() };
    let records = [
        write(&RegionKey::Quarantine(ACCOUNT, "q".into()), &q, origin(1, 1), 1),
        write(&RegionKey::Void(ACCOUNT, "AROA".into()), &void, origin(1, 1), 2),
        write(&RegionKey::LastUsed(ACCOUNT, "AKIA".into()), &used(NOW / 60_000), origin(1, 1), 3),
        write(&RegionKey::LastUsed(ACCOUNT, "GONE".into()), &used(NOW / 60_000), origin(1, 1), 4),
    ];
    let there = |_, cell: &str| cell == "AKIA";
    let hours = |h: u64| NOW + h * 3_600_000;
    for (now, left) in [
        (NOW, 4),
        (hours(24), 4),
        (hours(26), 2),
        (hours(36 + 25), 2),
        (hours(36 + 26), 1),
        (hours(400 * 24 - 1), 1),
        (hours(400 * 24 + 1), 0),
    ] {
        let kept: Vec<_> =
            records.iter().filter(|r| !RegionState::is_over(r, now, there)).collect();
        assert_eq!(kept.len(), left, "{} hours on", (now - NOW) / 3_600_000);
        let mut state = fold(&records);
        state.forget_what_is_over(now, there);
        assert_eq!(state, fold(kept), "memory and store forget alike");
    }
}
