//! How fast the compiler is, beside bare YAML parsing of the same bytes in the same run.
//!
//! `cargo bench -p sdl`. Reads the fixtures beside the project if they are there, otherwise a sample.
//! Prints `sdl::compile/files=N` lines; the ratio is the compiler's speed over the bare parser's.

#![allow(clippy::print_stdout, reason = "a benchmark prints its result")]

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

const SAMPLE: &str = include_str!("sample.yaml");

fn main() {
    // `cargo test` runs benches too, with this flag; one pass shows that they work.
    let is_test = std::env::args().any(|it| it == "--test");
    let (files, origin) = files();
    let bytes: usize = files.iter().map(String::len).sum();
    let compile = |text: &str| {
        black_box(sdl::compile(black_box(text)).is_ok());
    };
    let bare = |text: &str| {
        black_box(serde_norway::from_str::<serde_norway::Value>(black_box(text)).is_ok());
    };
    let rounds = if is_test { 1 } else { 9 };
    // The two take turns, so that a busy machine slows both.
    let mut best = [Duration::MAX; 2];
    for _ in 0..rounds {
        best[0] = best[0].min(time(&files, compile, is_test));
        best[1] = best[1].min(time(&files, bare, is_test));
    }
    let [own, bare] = best.map(|it| it.as_secs_f64());
    let mega = to_f64(bytes) / 1e6;
    let count = to_f64(files.len());
    let accepted = files.iter().filter(|it| sdl::compile(it).is_ok()).count();
    println!("{origin}: {} files, {bytes} bytes, {accepted} compile", files.len());
    println!(
        "sdl::compile/files={}     {:8.1} MB/s {:10.0} files/s",
        files.len(),
        mega / own,
        count / own
    );
    println!(
        "serde_norway::Value/files={} {:6.1} MB/s {:10.0} files/s",
        files.len(),
        mega / bare,
        count / bare
    );
    let format = time(
        &files,
        |text| {
            black_box(sdl::fmt::format(black_box(text)).is_ok());
        },
        is_test,
    );
    let format = format.as_secs_f64();
    println!(
        "sdl::fmt/files={}         {:8.1} MB/s {:10.0} files/s",
        files.len(),
        mega / format,
        count / format
    );
    println!("ratio to bare YAML parsing: {:.2} (wanted: at least 0.40)", bare / own);
}

/// Seconds for one pass over all files.
fn time(files: &[String], work: impl Fn(&str), is_test: bool) -> Duration {
    let least = if is_test { Duration::ZERO } else { Duration::from_millis(150) };
    let start = Instant::now();
    let mut passes = 0;
    loop {
        for file in files {
            work(file);
        }
        passes += 1;
        if start.elapsed() >= least {
            return start.elapsed() / passes;
        }
    }
}

fn to_f64(value: usize) -> f64 {
    f64::from(u32::try_from(value).unwrap_or(u32::MAX))
}

fn files() -> (Vec<String>, &'static str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/sdl/real");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|it| Some(it.ok()?.path()))
        .filter(|it| it.extension().is_some_and(|it| it == "yaml" || it == "yml"))
        .collect();
    paths.sort();
    let files: Vec<_> = paths.iter().filter_map(|it| std::fs::read_to_string(it).ok()).collect();
    if files.is_empty() {
        return (vec![SAMPLE.to_owned()], "embedded sample");
    }
    (files, "real files")
}
