//! Each deliberate bug of the pure world is found within so many seeds, and each invariant is what finds its bug: without it the bug
//! passes it by.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::path::Path;

use tidegate_sim::{
    pure::{
        bug::Bug,
        invariants::{Mask, NAMES},
        run::{Settings, run},
    },
    scenario::Scenario,
};

/// A bug, the scenario that it shows in (none: any swarm), and within how many seeds it is found.
const FOUND: [(Bug, &str, u64); 33] = [
    (Bug::SkipSync, "", 2),
    (Bug::NoGapCheck, "", 3),
    (Bug::HalfCatchUp, "", 3),
    (Bug::OldStateKept, "absence", 15),
    (Bug::PublishBeforeDurable, "", 2),
    (Bug::EchoByLease, "", 30),
    (Bug::AcknowledgeMerged, "", 5),
    (Bug::RelayAlters, "", 5),
    (Bug::OwnGossip, "", 10),
    (Bug::RepairNotWoken, "", 5),
    (Bug::LostWakeup, "", 5),
    (Bug::NonceReused, "restarts", 3),
    (Bug::TokenOfMerged, "", 5),
    (Bug::FloorIgnored, "", 2),
    (Bug::PoisonStops, "", 10),
    (Bug::PoisonDecides, "", 20),
    (Bug::ForgetTombstone, "", 5),
    (Bug::CollectWithoutFloor, "absence", 15),
    (Bug::FloorForgotten, "absence", 40),
    (Bug::ClockFirst, "", 5),
    (Bug::DigestNotUpdated, "", 2),
    (Bug::StalenessFromReply, "", 2),
    (Bug::WaitAtMajority, "", 5),
    (Bug::DeafToSwim, "", 2),
    (Bug::TornApplied, "torn-disks", 20),
    (Bug::RotServed, "torn-disks", 20),
    (Bug::FullIsDone, "torn-disks", 20),
    (Bug::ContainedTooEarly, "torn-disks", 20),
    (Bug::ToldOnce, "", 20),
    (Bug::MovedWithoutFence, "moving", 5),
    (Bug::PartForWhole, "moving", 5),
    (Bug::RequestsLeftBehind, "moving", 20),
    (Bug::ReleasedTooEarly, "moving", 60),
];

/// Bugs that take many things at once to show, and a seed of the whole swarm that shows them: a source that has merged more than is durable,
/// a page that is lost on its way, a disk that fails, and a home that is out of reach until the source is asked again.
const SELDOM: [(Bug, u64); 2] = [(Bug::CutIsDurable, 49_245), (Bug::CutIsDurable, 52_981)];

/// An invariant, and a bug that it alone finds within so many seeds when no other is looked at.
const FINDS: [(&str, Bug, u64); NAMES.len()] = [
    ("clocks-never-go-back", Bug::SkipSync, 5),
    ("no-gap-under-the-clock", Bug::NoGapCheck, 3),
    ("equal-clocks-equal-digests", Bug::DigestNotUpdated, 2),
    ("deleted-stays-deleted", Bug::PublishBeforeDurable, 30),
    ("token-floor", Bug::FloorIgnored, 2),
    ("answer-is-its-token", Bug::TokenOfMerged, 5),
    ("staleness-bound", Bug::EchoByLease, 30),
    ("acknowledged-after-published", Bug::AcknowledgeMerged, 5),
    ("published-was-durable", Bug::PublishBeforeDurable, 2),
    ("own-groups-follow-the-log", Bug::OwnGossip, 10),
    ("poison-is-not-decided-on", Bug::PoisonDecides, 20),
    ("alarms-are-true", Bug::RelayAlters, 5),
    ("arrived-everywhere", Bug::WaitAtMajority, 5),
    ("nodes-converge", Bug::RepairNotWoken, 5),
    ("everybody-knows", Bug::DeafToSwim, 2),
    ("quarantines-are-kept", Bug::ContainedTooEarly, 100),
    ("quarantines-reach-everybody", Bug::ToldOnce, 40),
    ("moves-lose-nothing", Bug::PartForWhole, 20),
];

fn scenario(name: &str) -> Scenario {
    if name.is_empty() {
        return Scenario::default();
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("scenarios/{name}.toml"));
    Scenario::read(&file).unwrap()
}

/// The first of so many seeds that finds a bug, and the invariants that it finds it by.
fn found(
    bug: Bug,
    scenario: &Scenario,
    seeds: u64,
    mask: &Mask,
) -> Option<(u64, Vec<&'static str>)> {
    (0..seeds).find_map(|seed| {
        let (scenario, mask) = (scenario.clone(), mask.clone());
        let settings = Settings { seed, scenario, bug, mask, ..Settings::default() };
        let violations = run(&settings).unwrap().violations;
        let by: Vec<_> = violations.iter().map(|v| v.invariant).collect();
        (!by.is_empty()).then_some((seed, by))
    })
}

#[test]
fn each_bug_is_found() {
    let known =
        |bug| FOUND.iter().any(|(b, ..)| *b == bug) || SELDOM.iter().any(|(b, _)| *b == bug);
    assert!(Bug::all().all(known));
    for (bug, seed) in SELDOM {
        let outcome = run(&Settings { seed, bug, ..Settings::default() }).unwrap();
        assert!(!outcome.violations.is_empty(), "{} at seed {seed}", bug.name());
    }
    std::thread::scope(|scope| {
        for half in FOUND.chunks(FOUND.len().div_ceil(2)) {
            scope.spawn(move || {
                let hidden = half.iter().filter(|(bug, name, seeds)| {
                    found(*bug, &scenario(name), *seeds, &Mask::default()).is_none()
                });
                let hidden: Vec<_> = hidden.map(|(bug, _, seeds)| (bug.name(), seeds)).collect();
                assert!(hidden.is_empty(), "not found, and within how many seeds: {hidden:?}");
            });
        }
    });
}

#[test]
fn each_invariant_is_what_finds_its_bug() {
    std::thread::scope(|scope| {
        for half in FINDS.chunks(FINDS.len().div_ceil(2)) {
            scope.spawn(move || {
                for (name, bug, seeds) in half {
                    let any = Scenario::default();
                    let mask = |only| Mask::new(&[(*name).to_owned()], only).unwrap();
                    let alone = found(*bug, &any, *seeds, &mask(true));
                    let Some((seed, _)) = alone else {
                        panic!("{name} does not find {} in {seeds} seeds", bug.name())
                    };
                    // The same seed with the check taken out: nothing is left that says what it said.
                    let without = Settings {
                        seed,
                        bug: *bug,
                        mask: Mask::new(&[], true).unwrap(),
                        ..Settings::default()
                    };
                    assert!(run(&without).unwrap().violations.is_empty(), "{name}, seed {seed}");
                    let others = Settings { mask: mask(false), ..without };
                    let left = run(&others).unwrap().violations;
                    assert!(left.iter().all(|v| v.invariant != *name), "{name}: {left:?}");
                }
            });
        }
    });
}
