//! Who is next, and when a turn ends.

use super::*;

const NOTHING: Weight = Weight { records: 0, bytes: 0 };

/// Takes from queues of so many inputs until a turn ends, and says what it took of each.
fn turn(turns: &mut Turns, urgent: &mut usize, rest: &mut usize, weight: Weight) -> (usize, usize) {
    let before = (*urgent, *rest);
    loop {
        match turns.next(*urgent > 0, *rest > 0) {
            Turn::Urgent => *urgent -= 1,
            Turn::Rest => *rest -= 1,
            Turn::Ends => {
                turns.end();
                return (before.0 - *urgent, before.1 - *rest);
            }
        }
        turns.took(before.0 != *urgent && before.1 == *rest, weight);
    }
}

#[test]
fn what_is_urgent_goes_first_and_alone() {
    let (mut turns, mut urgent, mut rest) = (Turns::default(), 3, 10);
    assert_eq!(turn(&mut turns, &mut urgent, &mut rest, NOTHING), (3, 0));
    assert_eq!(turn(&mut turns, &mut urgent, &mut rest, NOTHING), (0, 10));
    assert_eq!(turn(&mut turns, &mut urgent, &mut rest, NOTHING), (0, 0));
}

#[test]
fn a_turn_of_the_rest_is_bounded_by_inputs_records_and_bytes() {
    let (mut turns, mut rest) = (Turns::default(), 10_000);
    for (records, bytes, most) in
        [(0, 0, 256), (1, 300, 128), (64, 0, 2), (1, 65_536, 4), (900, 0, 1)]
    {
        let weight = Weight { records, bytes };
        assert_eq!(turn(&mut turns, &mut 0, &mut rest, weight), (0, most), "{weight:?}");
    }
}

#[test]
fn something_urgent_ends_a_turn_of_the_rest() {
    let mut turns = Turns::default();
    turns.took(false, NOTHING);
    assert_eq!(turns.next(false, true), Turn::Rest);
    assert_eq!(turns.next(true, true), Turn::Ends);
}

#[test]
fn urgent_input_without_end_takes_turns_with_the_rest() {
    let (mut turns, mut urgent, mut rest) = (Turns::default(), 1_000, 1_000);
    let each = Weight { records: 1, bytes: 0 };
    for _ in 0..3 {
        assert_eq!(turn(&mut turns, &mut urgent, &mut rest, each), (128, 0));
        assert_eq!(turn(&mut turns, &mut urgent, &mut rest, each), (0, 128));
    }
}
