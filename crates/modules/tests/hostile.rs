//! Inputs that nobody sends by accident, against the promises that the fuzz targets keep.
//!
//! The kept corpus of `fuzz/corpus` is replayed, then each promise meets some thousand small changes
//! of what works. `cargo xtask fuzz` looks for more.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[expect(dead_code, reason = "others keep the rest")]
mod promises;

use std::{fs, path::PathBuf};

use promises::{
    TARGETS,
    mutate::{Dice, mutate, put_varint, read, write},
    town::{TENANT, Town},
};
use types::registry::registry;

fn corpus(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target)
}

/// Something to start from: what works.
fn plant() {
    let town = Town::new();
    let keep = |target: &str, name: &str, bytes: &[u8]| {
        let folder = corpus(target);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), bytes).unwrap();
    };
    for (at, input) in inputs(&town).iter().enumerate() {
        let name = promises::line(input).0;
        let name = name.rsplit('.').next().unwrap();
        keep("message", &format!("{name}-{at:03}"), input);
    }
    for (at, (who, message)) in town.messages().iter().enumerate().step_by(7) {
        let tx = town.people[*who].sign(std::slice::from_ref(message));
        keep("tx", &format!("tx-{at:03}"), &tx);
    }
    for seed in 0..12u8 {
        let mut dice = Dice(seed.into());
        let bytes: Vec<u8> = (0..24).map(|_| u8::try_from(dice.below(256)).unwrap()).collect();
        keep("genesis", &format!("change-{seed:02}"), &bytes);
    }
    for service in registry().services().iter().filter(|it| !it.is_msg) {
        for method in service.methods.iter().filter(|it| it.path.contains("akash.")) {
            let name = method.path.trim_start_matches('/').replace('/', ".");
            keep("query", &name, format!("{}\n\x0a\x00", method.path).as_bytes());
        }
    }
}

#[test]
fn kept_inputs_break_no_promise() {
    if std::env::var_os("HAGGLE_UPDATE_SNAPSHOTS").is_some() {
        plant();
    }
    for (target, promise) in TARGETS {
        let folder = corpus(target);
        let mut files: Vec<_> = fs::read_dir(&folder)
            .unwrap_or_else(|_| panic!("{target} has no corpus in {}", folder.display()))
            .map(|it| it.unwrap().path())
            .collect();
        files.sort();
        assert!(!files.is_empty(), "{target} has no corpus");
        for file in files {
            promise(&fs::read(&file).unwrap());
        }
    }
}

/// Every message of the market, as an input of `message`.
fn inputs(town: &Town) -> Vec<Vec<u8>> {
    let all = town.messages().into_iter();
    all.map(|(_, it)| [it.type_url.as_bytes(), b"\n", &it.value].concat()).collect()
}

#[test]
fn changed_messages_are_answered() {
    let inputs = inputs(&Town::new());
    for seed in 0..6000 {
        let mut dice = Dice(seed);
        let input = &inputs[dice.below(inputs.len())];
        let (name, value) = promises::line(input);
        let mut fields = read(value).unwrap();
        for _ in 0..=dice.below(3) {
            mutate(&mut fields, &mut dice);
        }
        promises::message(&[name.as_bytes(), b"\n", &write(&fields)].concat());
    }
}

#[test]
fn changed_transactions_are_answered() {
    let town = Town::new();
    let messages = town.messages();
    for seed in 0..300 {
        let mut dice = Dice(seed);
        let (who, message) = &messages[dice.below(messages.len())];
        let mut tx = town.people[*who].sign(std::slice::from_ref(message));
        for _ in 0..=dice.below(4) {
            let at = dice.below(tx.len());
            tx[at] = tx[at].wrapping_add(u8::try_from(dice.below(255)).unwrap());
        }
        promises::tx(&tx);
    }
}

#[test]
fn changed_genesis_documents_are_refused_or_come_back() {
    let mut accepted = 0;
    for seed in 0..400 {
        let mut dice = Dice(seed);
        let length = dice.below(40) + 4;
        let mut bytes: Vec<u8> =
            (0..length).map(|_| u8::try_from(dice.below(256)).unwrap()).collect();
        bytes[0] |= 1;
        accepted += u32::from(promises::begins_again(&bytes));
    }
    assert!((20..380).contains(&accepted), "accepted {accepted} of 400");
}

/// Parameters of every query: texts, numbers and pages where the request has fields.
#[test]
fn any_parameters_of_every_query_are_answered() {
    let town = Town::new();
    let address = town.address(TENANT).to_string();
    let mut asked = 0;
    for service in registry().services().iter().filter(|it| !it.is_msg) {
        for method in &service.methods {
            for seed in 0..25 {
                let mut dice = Dice(seed);
                let mut request = Vec::new();
                for number in 1..=6u64 {
                    match dice.below(5) {
                        0 => {}
                        1 => {
                            put_varint(number << 3, &mut request);
                            put_varint(dice.next() >> dice.below(64), &mut request);
                        }
                        kind => {
                            let texts =
                                [address.as_bytes(), b"uakt", b"", b"\x08\x01", b"open", b"active"];
                            let nested = [
                                b"\x0a\x05\xff\xff\xff\xff\xff".as_slice(),
                                b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x20\x01",
                                b"\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
                            ];
                            let part = if kind < 4 {
                                texts[dice.below(texts.len())]
                            } else {
                                nested[dice.below(nested.len())]
                            };
                            put_varint(number << 3 | 2, &mut request);
                            put_varint(u64::try_from(part.len()).unwrap(), &mut request);
                            request.extend(part);
                        }
                    }
                }
                promises::query(&[method.path.as_bytes(), b"\n", &request].concat());
                asked += 1;
            }
        }
    }
    assert!(asked > 1000, "only {asked} queries");
}
