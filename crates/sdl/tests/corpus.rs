//! The inputs that the fuzzer kept, replayed: each promise of `promises` holds for each of them.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a failing test says at what")]
#![expect(unreachable_pub, reason = "the fuzz targets see the promises as well")]

mod promises;

use std::path::Path;

#[test]
fn every_kept_input_keeps_every_promise() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (target, corpus, promise) in promises::TARGETS {
        let inputs = std::fs::read_dir(folder.join(corpus)).unwrap();
        let mut count = 0;
        for input in inputs {
            let path = input.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            if let Err(cause) = std::panic::catch_unwind(|| promise(&bytes)) {
                eprintln!("target `{target}`, input {}", path.display());
                std::panic::resume_unwind(cause);
            }
            count += 1;
        }
        assert!(count >= 10, "`fuzz/corpus/{corpus}` holds only {count} inputs");
    }
}
