//! Vectors of the rotation. Where no recording exists they were computed by hand from the rules.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

fn change(name: u8, power: i64) -> Change {
    Change { public_key: [name; 32], power }
}

/// A set whose addresses sort as the names do, which keys alone cannot give.
fn named(members: &[(u8, i64)]) -> ValidatorSet {
    let mut set = ValidatorSet {
        validators: members
            .iter()
            .map(|&(name, power)| Validator {
                address: [name; 20],
                public_key: [name; 32],
                power,
                priority: 0,
            })
            .collect(),
        proposer: None,
    };
    set.validators.sort_by(|a, b| b.power.cmp(&a.power).then(a.address.cmp(&b.address)));
    set.rotate(1);
    set
}

fn proposers(set: &mut ValidatorSet, count: usize) -> Vec<u8> {
    (0..count)
        .map(|_| {
            let name = set.proposer().unwrap().address[0];
            set.rotate(1);
            name
        })
        .collect()
}

/// The worked example of CometBFT's specification of proposer selection, powers 1 and 3: with
/// priorities (0, 0) p3 leads, then the tie (2, 2) goes to p1, then p3 twice.
#[test]
fn the_worked_example_of_the_specification() {
    let mut set = named(&[(1, 1), (3, 3)]);
    assert_eq!(proposers(&mut set, 8), [3, 1, 3, 3, 3, 1, 3, 3]);
}

#[test]
fn three_validators_propose_in_proportion_at_every_length() {
    let mut set = named(&[(b'f', 1000), (b'b', 300), (b'z', 330)]);
    let turns = proposers(&mut set, 1_630);
    for length in 1..=turns.len() {
        for (name, power) in [(b'f', 1000), (b'b', 300), (b'z', 330)] {
            let got = turns.iter().take(length).filter(|it| **it == name).count();
            let fair = power * length / 1630;
            assert!(got.abs_diff(fair) <= 1, "{name} {got} of {length}");
        }
    }
    let opening: Vec<char> = turns.iter().take(5).copied().map(char::from).collect();
    assert_eq!(opening, ['f', 'z', 'f', 'b', 'f']);
}

#[test]
fn over_a_full_turn_everybody_proposes_by_power() {
    let mut set = named(&[(1, 4), (2, 5), (3, 3)]);
    let mut turns = [0; 4];
    for name in proposers(&mut set, 120 * 12) {
        turns[usize::from(name)] += 1;
    }
    assert_eq!(turns, [0, 480, 600, 360]);
}

#[test]
fn equal_powers_take_turns_by_address() {
    let mut set = named(&[(3, 100), (1, 100), (2, 100)]);
    assert_eq!(proposers(&mut set, 7), [1, 2, 3, 1, 2, 3, 1]);
}

#[test]
fn later_rounds_continue_the_rotation_without_moving_it() {
    let set = named(&[(1, 100), (2, 100), (3, 100)]);
    let of = |round| set.proposer_of_round(round).unwrap().address[0];
    assert_eq!([of(0), of(1), of(2), of(3)], [1, 2, 3, 1]);
}

/// Recorded: conformance/rpc-surface, validators at height 24. One validator of 105; another of
/// 100 joins by an update and the rotation makes one step.
#[test]
fn a_newcomer_starts_behind() {
    let mut set = ValidatorSet::new(&[change(1, 105)]).unwrap();
    set.rotate(1);
    assert_eq!(set.validators()[0].priority, 0);
    set.update(&[change(2, 100)]).unwrap();
    // -(205 + 205/8) = -230 for the newcomer; the mean -115 is taken away.
    let priorities: Vec<i64> = set.validators().iter().map(|it| it.priority).collect();
    assert_eq!(priorities, [115, -115]);
    set.rotate(1);
    // 115 + 105 - 205, -115 + 100.
    let priorities: Vec<i64> = set.validators().iter().map(|it| it.priority).collect();
    assert_eq!(priorities, [15, -15]);
    assert_eq!(set.proposer().unwrap().public_key, [1; 32]);
}

#[test]
fn priorities_are_rescaled_into_the_window() {
    let mut set = named(&[(1, 10), (2, 10)]);
    set.validators[0].priority = 1_000;
    set.validators[1].priority = -1_001;
    set.rescale(20);
    // Spread 2001 over window 40: divided by 51, towards zero.
    let priorities: Vec<i64> = set.validators().iter().map(|it| it.priority).collect();
    assert_eq!(priorities, [19, -19]);
}

#[test]
fn the_mean_is_taken_away_rounding_down() {
    let mut set = named(&[(1, 10), (2, 10), (3, 10)]);
    for (it, priority) in set.validators.iter_mut().zip([-2, -2, -1]) {
        it.priority = priority;
    }
    set.centre();
    // -5 / 3 = -1.67, down to -2.
    let priorities: Vec<i64> = set.validators().iter().map(|it| it.priority).collect();
    assert_eq!(priorities, [0, 0, 1]);
}

#[test]
fn impossible_changes_are_refused_and_change_nothing() {
    let mut set = ValidatorSet::new(&[change(1, 10), change(2, 20)]).unwrap();
    let before = set.clone();
    let cases = [
        vec![change(1, 5), change(1, 6)],
        vec![change(1, -1)],
        vec![change(9, 0)],
        vec![change(1, 0), change(2, 0)],
        vec![change(3, MAX_TOTAL_VOTING_POWER)],
        vec![change(3, i64::MAX)],
    ];
    for case in cases {
        assert!(set.update(&case).is_err(), "{case:?}");
        assert_eq!(set, before);
    }
    assert!(ValidatorSet::new(&[change(1, 0)]).is_err());
    set.update(&[change(1, 0), change(3, 30)]).unwrap();
    let powers: Vec<i64> = set.validators().iter().map(|it| it.power).collect();
    assert_eq!(powers, [30, 20]);
    assert_eq!(set.total_power(), 50);
}
