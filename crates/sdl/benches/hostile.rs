//! What hostile files cost: time and memory of the answer and of its report, each within a limit.
//!
//! `cargo bench -p sdl --bench hostile`. One line per case, the worst at the end; exit code 1 past a limit.
//! `cargo test` runs every case once, without limits on time.

#![allow(clippy::print_stdout, reason = "a benchmark prints its result")]

#[path = "../tests/cases/mod.rs"]
mod cases;

use peak_alloc::PeakAlloc;
use sdl::RenderOptions;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Longest time for an answer, and for the report on it.
const MOST_TIME: Duration = Duration::from_millis(100);

/// Most memory on the heap at a time, beyond the file itself.
const MOST_BYTES: usize = 64 << 20;

/// What one step cost.
#[derive(Clone, Copy)]
struct Cost {
    time: Duration,
    bytes: usize,
}

fn main() -> ExitCode {
    let is_test = std::env::args().any(|it| it == "--test");
    let rounds = if is_test { 1 } else { 5 };
    let wanted = std::env::args().skip(1).find(|it| !it.starts_with('-'));
    let mut worst = [("", Cost { time: Duration::ZERO, bytes: 0 }); 2];
    let mut too_much = Vec::new();
    println!(
        "{:<26} {:>9} {:>10} {:>10} {:>10} {:>10}  answer",
        "case", "bytes", "ms", "MiB", "report ms", "report MiB"
    );
    for (name, bytes) in cases::hostile() {
        if wanted.as_ref().is_some_and(|it| !name.contains(it.as_str())) {
            continue;
        }
        let (answer, report, words) = measure(&bytes, rounds);
        println!(
            "{name:<26} {:>9} {:>10.1} {:>10.1} {:>10.1} {:>10.1}  {words}",
            bytes.len(),
            millis(answer),
            mebi(answer),
            millis(report),
            mebi(report),
        );
        for cost in [answer, report] {
            let [slowest, largest] = &mut worst;
            if cost.time > slowest.1.time {
                *slowest = (name, cost);
            }
            if cost.bytes > largest.1.bytes {
                *largest = (name, cost);
            }
            if cost.bytes > MOST_BYTES || (cost.time > MOST_TIME && !is_test) {
                too_much.push(name);
            }
        }
    }
    let [slowest, largest] = worst;
    println!(
        "slowest: {} {:.1} ms (limit {} ms)",
        slowest.0,
        millis(slowest.1),
        MOST_TIME.as_millis()
    );
    println!("largest: {} {:.1} MiB (limit {} MiB)", largest.0, mebi(largest.1), MOST_BYTES >> 20);
    if too_much.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("past a limit: {}", too_much.join(", "));
    ExitCode::FAILURE
}

/// The best of some rounds: what it costs to answer, what it costs to report, and the answer.
fn measure(bytes: &[u8], rounds: usize) -> (Cost, Cost, String) {
    let none = Cost { time: Duration::MAX, bytes: 0 };
    let (mut best, mut best_report) = (none, none);
    let mut words = String::new();
    for _ in 0..rounds {
        let (cost, result) = cost(|| sdl::compile_bytes(black_box(bytes)));
        best = best.min(cost);
        let found = match &result {
            Ok(compiled) => &compiled.warnings,
            Err(found) => found,
        };
        let (cost, ()) = self::cost(|| {
            black_box(found.render(RenderOptions { color: true, unicode: true, width: 100 }));
            black_box(found.lines());
            black_box(found.to_json());
        });
        best_report = best_report.min(cost);
        words = match &result {
            Ok(_) => format!("compiles, {} warnings", found.len()),
            Err(_) => format!(
                "{} found, first {}",
                found.len(),
                found.first_error().map_or("", |it| it.rule.code())
            ),
        };
    }
    (best, best_report, words)
}

fn cost<T>(work: impl FnOnce() -> T) -> (Cost, T) {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let start = Instant::now();
    let result = work();
    let time = start.elapsed();
    let bytes = ALLOCATOR.peak_usage().saturating_sub(before);
    (Cost { time, bytes }, result)
}

impl Cost {
    fn min(self, other: Self) -> Self {
        Self { time: self.time.min(other.time), bytes: self.bytes.max(other.bytes) }
    }
}

fn millis(cost: Cost) -> f64 {
    cost.time.as_secs_f64() * 1e3
}

fn mebi(cost: Cost) -> f64 {
    f64::from(u32::try_from(cost.bytes >> 10).unwrap_or(u32::MAX)) / 1024.0
}
