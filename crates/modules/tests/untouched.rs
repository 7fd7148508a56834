//! A refused transaction changes nothing but the fee and the sequence of who sent it.
//!
//! Every message of the market is mutated in its encoded form, thousands of times, signed and
//! executed on a network in the middle of its life. When it is refused, the root of state is that
//! of the same block with another refused transaction of the same signer, fee and sequence, or that
//! of an empty block when it is refused before it is admitted. `HAGGLE_UNTOUCHED=N` says how many.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[path = "promises/mod.rs"]
#[expect(dead_code, reason = "others keep the rest")]
mod promises;

use prost_types::Any;
use types::{
    Coin,
    wire::{
        akash::{deployment::v1beta4::MsgCloseDeployment, market::v1beta5::MsgWithdrawLease},
        cosmos::bank::v1beta1::MsgSend,
    },
};

use promises::{
    mutate::{Dice, mutate, read, write},
    town::{PROVIDER, TENANT, Town, any},
};

/// How many mutated transactions a plain run tries.
const TRIES: u64 = 1500;

#[test]
fn a_refused_transaction_leaves_no_trace_but_its_fee() {
    let town = Town::new();
    let messages = town.messages();
    let empty = town.root(Vec::new()).0;
    // Refused for sure: nothing has this number.
    let nothing: Vec<_> = [TENANT, PROVIDER]
        .map(|who| {
            let refused = match who {
                TENANT => any(&MsgCloseDeployment { id: (&town.deployment(99)).into() }),
                _ => any(&MsgWithdrawLease { id: (&town.id(99).lease()).into() }),
            };
            let (root, result) = town.root(vec![town.people[who].sign(&[refused])]);
            assert_ne!(result.unwrap().0, 0);
            assert_ne!(root, empty, "the fee was taken");
            root
        })
        .into();

    let tries = std::env::var("HAGGLE_UNTOUCHED").map_or(TRIES, |it| it.parse().unwrap());
    let (mut accepted, mut refused, mut not_admitted) = (0, 0, 0);
    for seed in 0..tries {
        let mut dice = Dice(seed);
        let (who, message) = messages[dice.below(messages.len())].clone();
        let mut fields = read(&message.value).unwrap();
        for _ in 0..dice.below(3) {
            mutate(&mut fields, &mut dice);
        }
        let value = write(&fields);
        let mutated = Any { type_url: message.type_url.clone(), value };
        // Half of them come after a message that works: it must be undone as well.
        let mut all = vec![mutated];
        if dice.below(2) == 0 {
            let to = town.address(1 - who).to_string();
            let from_address = town.address(who).to_string();
            let amount = vec![Coin::new("uact", 7u64).into()];
            all.insert(0, any(&MsgSend { from_address, to_address: to, amount }));
        }
        let (root, result) = town.root(vec![town.people[who].sign(&all)]);
        let (code, log) = result.unwrap();
        match code {
            0 => accepted += 1,
            _ if root == nothing[who] => refused += 1,
            _ if root == empty => not_admitted += 1,
            _ => panic!("seed {seed}: {} was refused ({log}) and left a trace", message.type_url),
        }
        assert_ne!(code, 111_222, "seed {seed}: {} panicked: {log}", message.type_url);
    }
    let least = tries / 20;
    let enough = accepted > least && refused > least && not_admitted > least;
    assert!(enough, "accepted {accepted}, refused {refused}, not admitted {not_admitted}");
}
