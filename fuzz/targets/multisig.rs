#![no_main]

#[path = "../../crates/modules/tests/promises/mod.rs"]
#[allow(dead_code, reason = "each target keeps one of the promises")]
mod promises;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| promises::sign::multisig(bytes));
