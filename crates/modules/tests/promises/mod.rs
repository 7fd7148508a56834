//! What the ledger promises about any input, one function per fuzz target.
//!
//! Called by the fuzzer (`fuzz/targets/`), which looks for inputs that break a promise, and by
//! `tests/hostile.rs`, which replays the inputs that were worth keeping and tries some more. Each
//! function takes bytes and panics if a promise is broken.

pub(crate) mod mutate;
pub(crate) mod nest;
pub(crate) mod sign;
pub(crate) mod town;

use std::cell::OnceCell;

use ledger::{Runtime as _, testing::Chain};
use modules::Market;
use prost_types::Any;
use serde_json::Value;

use mutate::Dice;
use town::Town;

/// One promise.
pub(crate) type Promise = fn(&[u8]);

/// Every target: its name, also of its corpus, and its promise.
pub(crate) const TARGETS: [(&str, Promise); 8] = [
    ("tx", tx),
    ("message", message),
    ("genesis", genesis),
    ("query", query),
    ("amino", sign::amino),
    ("json", sign::json_text),
    ("multisig", sign::multisig),
    ("nesting", nest::nesting),
];

thread_local! {
    pub(crate) static TOWN: Town = Town::new();
    static STATE: OnceCell<Value> = const { OnceCell::new() };
}

/// The genesis of the town as it is.
pub(crate) fn state() -> Value {
    let export = || TOWN.with(|town| town.node.app.export().unwrap_or_else(|it| panic!("{it}")));
    STATE.with(|it| it.get_or_init(export).clone())
}

/// Any bytes may come as a transaction: they are checked and executed, and the node goes on.
pub(crate) fn tx(bytes: &[u8]) {
    TOWN.with(|town| {
        town.node.check(bytes.to_vec());
        town.node.finalize(vec![bytes.to_vec()]);
    });
}

/// The first line of an input, and what follows it.
pub(crate) fn line(bytes: &[u8]) -> (String, &[u8]) {
    let at = bytes.iter().position(|it| *it == b'\n').unwrap_or(bytes.len());
    let name = String::from_utf8_lossy(&bytes[..at]).into_owned();
    (name, bytes.get(at + 1..).unwrap_or_default())
}

/// Any bytes may come as a message of a known type, the first line: it is executed or refused,
/// never by a panic.
pub(crate) fn message(bytes: &[u8]) {
    thread_local! {
        static CHAIN: std::cell::RefCell<Chain<Market>> = Chain::new(state()).into();
    }
    let (name, value) = line(bytes);
    let any = Any { type_url: name, value: value.to_vec() };
    CHAIN.with_borrow_mut(|chain| {
        let _outcome = chain.cx.rehearse(|cx| cx.dispatch(&any));
    });
}

/// A genesis is refused, or its state exports and begins again as the same. The input says how the
/// genesis of the town is changed.
pub(crate) fn genesis(bytes: &[u8]) {
    begins_again(bytes);
}

/// Whether the changed genesis was accepted.
pub(crate) fn begins_again(bytes: &[u8]) -> bool {
    let mut state = state();
    let mut numbers = Bytes { bytes, dice: Dice(0) };
    for _ in 0..numbers.below(3) {
        change(&mut state, &mut numbers);
    }
    let Ok(first) = begin(&state) else { return false };
    let second = begin(&first).unwrap_or_else(|it| panic!("an export does not begin: {it}"));
    if first != second {
        let modules = first.as_object().into_iter().flatten();
        let other: Vec<_> = modules
            .filter(|(name, part)| second.get(*name) != Some(*part))
            .map(|it| it.0)
            .collect();
        panic!("an export does not come back the same: {other:?}");
    }
    true
}

/// What a genesis exports again.
fn begin(state: &Value) -> ledger::Result<Value> {
    let mut cx = ledger::testing::ctx_at(0, 1_700_000_000);
    for name in Market::GENESIS {
        if let Some(module) = Market::MODULES.iter().find(|it| it.name == *name) {
            (module.init)(&mut cx, state.get(module.name))?;
        }
    }
    let mut exported = serde_json::Map::new();
    for module in Market::MODULES {
        let part = (module.export)(&cx)?;
        if !part.is_null() {
            exported.insert(module.name.to_owned(), part);
        }
    }
    Ok(Value::Object(exported))
}

/// Numbers from the input, then zeros.
struct Bytes<'a> {
    bytes: &'a [u8],
    dice: Dice,
}

impl Bytes<'_> {
    fn below(&mut self, sides: usize) -> usize {
        let Some((first, rest)) = self.bytes.split_first() else {
            return 0;
        };
        self.bytes = rest;
        // Mixed, so that a list longer than a byte counts is reached as well.
        self.dice.0 = self.dice.0.wrapping_mul(257).wrapping_add(u64::from(*first) + 1);
        Dice(self.dice.0).below(sides.max(1))
    }
}

/// Changes one place of a document: another value, away with it, twice.
fn change(value: &mut Value, numbers: &mut Bytes<'_>) {
    const TEXTS: [&str; 12] = [
        "",
        "0",
        "-1",
        "1",
        "18446744073709551616",
        "1e9",
        "uakt",
        "x/y",
        "open",
        "1h",
        "2020-01-01T00:00:00Z",
        "akash1",
    ];
    let deeper = match value {
        Value::Array(list) => !list.is_empty() && numbers.below(8) > 0,
        Value::Object(map) => !map.is_empty() && numbers.below(30) > 0,
        _ => false,
    };
    match value {
        Value::Array(list) if deeper => {
            let at = numbers.below(list.len());
            match numbers.below(6) {
                0 => drop(list.remove(at)),
                1 => list.push(list[at].clone()),
                _ => change(&mut list[at], numbers),
            }
        }
        Value::Object(map) if deeper => {
            let at = numbers.below(map.len());
            let key = map.keys().nth(at).unwrap().clone();
            match numbers.below(12) {
                0 => drop(map.remove(&key)),
                _ => change(&mut map[&key], numbers),
            }
        }
        _ => {
            *value = match numbers.below(8) {
                0 => Value::Null,
                1 => Value::Bool(true),
                2 => Value::Array(Vec::new()),
                3 => Value::Object(serde_json::Map::new()),
                4 => u64::MAX.into(),
                _ => TEXTS[numbers.below(TEXTS.len())].into(),
            };
        }
    }
}

/// Any bytes may come as a request to a known path, the first line: it is answered or refused.
pub(crate) fn query(bytes: &[u8]) {
    let (path, request) = line(bytes);
    TOWN.with(|town| {
        let answer = town.node.app.grpc_query(&path, request, 0);
        let _refusal = answer.unwrap_or_else(|it| panic!("the node halted: {it}"));
    });
}
