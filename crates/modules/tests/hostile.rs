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
    nest::{self, HOLDERS},
    sign,
    town::{TENANT, Town, any},
};
use types::registry::registry;

/// Extra bits, bytes of bits, how many signatures, whose.
const MULTISIGS: [&[u8]; 10] = [
    &[3, 1, 0b1100_0000, 2, 0, 1],
    &[3, 1, 0b1010_0000, 2, 0, 2],
    &[3, 1, 0b0110_0000, 2, 0x42, 0x41],
    &[3, 1, 0b1110_0000, 3, 0x41, 2, 0x40],
    &[3, 1, 0b1110_0000, 2, 0, 1],
    &[3, 1, 0b1000_0000, 1, 0],
    &[3, 1, 0b1100_0000, 2, 0, 0],
    &[0, 1, 0b1100_0000, 2, 0, 1],
    &[3, 0, 2, 0, 1],
    &[255, 3, 0xff, 0xff, 0xff, 5, 0, 1, 2, 3, 4],
];

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
    for (at, input) in inputs(&town).iter().enumerate().step_by(3) {
        let (name, value) = promises::line(input);
        let message = name.trim_start_matches('/');
        let short = message.rsplit('.').next().unwrap();
        keep("amino", &format!("{short}-{at:03}"), input);
        let text = types::json::text_of(message, value).unwrap();
        keep("json", &format!("{short}-{at:03}"), format!("{message}\n{text}").as_bytes());
    }
    for (at, input) in MULTISIGS.iter().enumerate() {
        keep("multisig", &format!("bits-{at:02}"), input);
    }
    for kind in 0..u8::try_from(HOLDERS.len()).unwrap() {
        keep("nesting", &format!("holder-{kind:02}"), &[kind, kind, 20]);
        keep("nesting", &format!("mixed-{kind:02}"), &[9, 0, 2, kind, 9, 0, 0, 1, 1]);
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

#[test]
fn changed_messages_to_sign_are_refused_or_have_one_text() {
    let inputs = inputs(&Town::new());
    for seed in 0..6000 {
        let mut dice = Dice(seed);
        let (name, value) = promises::line(&inputs[dice.below(inputs.len())]);
        let mut fields = read(value).unwrap();
        for _ in 0..=dice.below(3) {
            mutate(&mut fields, &mut dice);
        }
        sign::amino(&[name.as_bytes(), b"\n", &write(&fields)].concat());
    }
}

#[test]
fn any_bits_of_a_multisig_count_only_with_enough_signatures() {
    for (at, input) in MULTISIGS.iter().enumerate() {
        for place in 0..input.len() {
            for bit in 0..8u8 {
                let mut changed = input.to_vec();
                changed[place] ^= 1 << bit;
                sign::multisig(&changed);
            }
        }
        sign::multisig(&input[..at % input.len()]);
    }
}

/// Far deeper than anybody needs, on the stack that a thread of a test or a node has.
#[test]
fn messages_in_messages_are_answered_however_deep() {
    let town = Town::new();
    let address = town.address(TENANT).to_string();
    for holder in &HOLDERS {
        let mut inner = any(&town.provider());
        for depth in 0..1500 {
            inner = nest::held(holder, &inner, &address);
            if [1, 7, 12, 40, 120, 1499].contains(&depth) {
                nest::answered(&town, &inner);
            }
        }
    }
}

/// JSON that is only brackets, and names without end.
#[test]
fn deep_and_long_json_is_refused() {
    let message = "cosmos.authz.v1beta1.MsgExec";
    let open = |text: &str| format!("{message}\n{}", text.repeat(100_000));
    sign::json_text(open("[").as_bytes());
    sign::json_text(open("{\"msgs\":[").as_bytes());
    let nested = r#"{"@type":"/cosmos.authz.v1beta1.MsgExec","msgs":["#;
    for depth in [1usize, 10, 60, 100, 1000] {
        let text = format!("{}{}", nested.repeat(depth), "]}".repeat(depth));
        sign::json_text(format!("{message}\n{text}").as_bytes());
        let inner = format!("google.protobuf.Any\n{text}");
        sign::json_text(inner.as_bytes());
    }
}
