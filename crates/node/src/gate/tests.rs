//! What is held decides in its group's order, when its time has come or when it is released, and the same seed gives the same times.

use super::*;

const ME: NodeId = NodeId(5);

fn origin(group: u32) -> Origin {
    Origin::Group { group: GroupId(group), generation: 0 }
}

fn arrived(group: u32, upto: u64) -> Arrived {
    Arrived { positions: Clock::from_iter([(origin(group), upto)]), ..Arrived::default() }
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Groups and positions that may be published at a time.
fn due(gate: &Gate, now: Duration) -> Vec<(u32, u64)> {
    let positions = |a: Arrived| {
        let of = a.positions.iter().map(|(o, n)| (o.group().map_or(0, |g| g.0), n));
        of.collect::<Vec<_>>()
    };
    gate.due(now).into_iter().flat_map(positions).collect()
}

#[test]
fn without_a_model_everything_passes_as_it_came() {
    let gate = Gate::new(ME);
    let both = Arrived {
        positions: Clock::from_iter([(origin(1), 3), (origin(2), 4)]),
        ..Arrived::default()
    };
    gate.take(at(0), both.clone());
    assert_eq!(gate.due(at(0)), [both], "in one step");
    assert_eq!(due(&gate, at(0)), []);
}

#[test]
fn models_have_their_names_and_their_times() {
    for (model, name) in MODELS {
        assert_eq!(name.parse(), Ok(model));
        assert_eq!(model.to_string(), name);
    }
    assert_eq!("aws".parse::<Model>(), Err(NoSuchModel("aws".to_owned())));
    let times = |model: Model| {
        let mut times: Vec<_> = (0..400).map(|n| model.delay(7, ME, origin(1), n)).collect();
        times.sort();
        (times[0], times[200], times[399])
    };
    assert_eq!(times(Model::Instant), (at(0), at(0), at(0)));
    let (least, _, most) = times(Model::AwsLike);
    assert!(least >= at(3) && most <= at(4), "{least:?} {most:?}");
    let (least, median, most) = times(Model::GoogleLike);
    assert!(least > at(15) && (at(90)..at(150)).contains(&median), "{least:?} {median:?}");
    assert!(most > at(300) && most <= at(600), "{most:?}");
    let (least, _, most) = times(Model::WorstLegalOrder);
    assert_eq!((least, most), (at(0), at(10)));
}

#[test]
fn a_seed_gives_the_same_times_and_another_others() {
    let times = |seed, node| {
        let delay = |n| Model::AwsLike.delay(seed, NodeId(node), origin(1), n);
        (0..20).map(delay).collect::<Vec<_>>()
    };
    assert_eq!(times(1, 4), times(1, 4));
    assert_ne!(times(1, 4), times(2, 4));
    assert_ne!(times(1, 4), times(1, 5), "each node has its own");
}

#[test]
fn a_group_keeps_its_order_and_groups_do_not_wait_for_each_other() {
    let gate = Gate::new(ME);
    gate.set(Model::WorstLegalOrder, 3);
    for sequence in 1..=20 {
        gate.take(at(0), arrived(1, sequence));
        gate.take(at(0), arrived(2, sequence));
    }
    let early = due(&gate, at(0));
    let late = due(&gate, at(10));
    let all: Vec<_> = early.iter().chain(&late).copied().collect();
    for group in [1, 2] {
        let of: Vec<u64> = all.iter().filter(|(g, _)| *g == group).map(|(_, n)| *n).collect();
        assert_eq!(of, (1..=20).collect::<Vec<_>>());
    }
    assert!(!late.is_empty());
    gate.take(at(20), arrived(3, 1));
    gate.set(Model::Instant, 0);
    assert_eq!(due(&gate, at(20)), [(3, 1)], "what waits is due at once");
}

#[test]
fn a_frozen_gate_lets_through_only_what_is_released() {
    let gate = Gate::new(ME);
    gate.freeze(true);
    for sequence in 1..=3 {
        gate.take(at(0), arrived(1, sequence));
    }
    assert_eq!(due(&gate, at(100)), []);
    gate.release(&Clock::from_iter([(origin(1), 2)]));
    assert_eq!(due(&gate, at(100)), [(1, 1), (1, 2)]);
    assert_eq!(gate.held(), [Held { group: GroupId(1), sequence: 3, due: at(0), held: true }]);
    gate.freeze(false);
    assert_eq!(due(&gate, at(100)), [(1, 3)]);
    gate.take(at(101), arrived(1, 4));
    assert_eq!(due(&gate, at(101)), [(1, 4)], "and is open again");
}

#[test]
fn one_change_is_held_and_what_follows_it_waits() {
    let gate = Gate::new(ME);
    let second = Clock::from_iter([(origin(1), 2)]);
    gate.hold(&second, &Clock::from_iter([(origin(1), 1)])).unwrap();
    for sequence in 1..=3 {
        gate.take(at(0), arrived(1, sequence));
    }
    gate.take(at(0), arrived(2, 9));
    assert_eq!(due(&gate, at(100)), [(1, 1), (2, 9)]);
    gate.release(&second);
    assert_eq!(due(&gate, at(100)), [(1, 2), (1, 3)]);
    let late = gate.hold(&second, &Clock::from_iter([(origin(1), 3)]));
    assert_eq!(late, Err(DecidesAlready { origin: origin(1), position: 2 }));
}
