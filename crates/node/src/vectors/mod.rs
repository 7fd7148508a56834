//! Vectors of the reference: messages, sign bytes, numbers, coins, addresses, computed by this
//! node's own code and compared.
//!
//! Called by `haggle node vectors` and by the tests. Calls `types` and `ledger`. Owns nothing: what
//! the files hold is told by `conformance/sign-vectors/about.md`.

mod messages;
mod numbers;

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};
use ledger::App;
use modules::Market;
use serde_json::{Value, json};

use crate::replay::{RecordingError, read_lines};

/// How one kind of vector fared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Computed and compared.
    pub checked: usize,
    /// Of those, the ones that differ.
    pub wrong: usize,
    /// Operations that this node has no use for and does not offer.
    pub not_offered: usize,
}

/// One vector that came out otherwise.
#[derive(Clone, Debug)]
pub struct Wrong {
    /// What was computed.
    pub what: String,
    /// Which vector.
    pub vector: String,
    pub ours: String,
    pub recorded: String,
}

/// What the vectors of a folder gave.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// By what was computed.
    pub counts: BTreeMap<String, Count>,
    /// The first ones, as many as were asked for.
    pub wrong: Vec<Wrong>,
    /// Vectors left out because the reference itself is wrong there (its `about.md` says so).
    pub known: usize,
    keep: usize,
}

/// Computes every vector of a folder. `progress` hears of each file and line.
///
/// # Errors
/// [`RecordingError`] when the folder holds no vectors or they cannot be read.
pub fn check(
    folder: &Path,
    keep: usize,
    progress: &mut dyn FnMut(&str, usize, usize),
) -> Result<Report, RecordingError> {
    let mut report = Report { keep, ..Report::default() };
    let store = store::Options { stores: ledger::store_names::<Market>(), history: 1 };
    let app = store::Store::memory(store)
        .map_err(|it| it.to_string())
        .and_then(|it| {
            App::<Market>::new(it, ledger::Config::default()).map_err(|it| it.to_string())
        })
        .map_err(|it| RecordingError::new(folder, it))?;
    let mut found = false;
    for file in ["vectors.jsonl", "amino-complete.jsonl", "dec-vectors.jsonl"] {
        let Some(lines) = read_lines::<Value>(folder, file)? else { continue };
        found = true;
        for (at, line) in lines.iter().enumerate() {
            progress(file, at, lines.len());
            match file {
                // The first line is the key that signed the others.
                "vectors.jsonl" if at == 0 => messages::key(line, &mut report),
                "vectors.jsonl" => messages::message(line, &lines, app.router(), &mut report),
                "amino-complete.jsonl" => messages::complete(line, &mut report),
                _ => numbers::number(line, &mut report),
            }
        }
    }
    if found {
        return Ok(report);
    }
    let cause = "there is none of vectors.jsonl, amino-complete.jsonl, dec-vectors.jsonl";
    Err(RecordingError::new(folder, cause))
}

impl Report {
    fn count(&mut self, what: &str) -> &mut Count {
        self.counts.entry(what.to_owned()).or_default()
    }

    /// Notes a comparison.
    fn compare(&mut self, what: &str, vector: &str, ours: &Value, recorded: &Value) {
        self.judge(what, vector, ours == recorded, || (ours.to_string(), recorded.to_string()));
    }

    fn judge(
        &mut self,
        what: &str,
        vector: &str,
        same: bool,
        shown: impl FnOnce() -> (String, String),
    ) {
        let count = self.count(what);
        count.checked += 1;
        if same {
            return;
        }
        count.wrong += 1;
        if self.wrong.len() < self.keep {
            let (ours, recorded) = shown();
            let (what, vector) = (what.to_owned(), vector.to_owned());
            self.wrong.push(Wrong { what, vector, ours, recorded });
        }
    }

    fn not_offered(&mut self, what: &str) {
        self.count(what).not_offered += 1;
    }

    /// How many vectors were computed.
    #[must_use]
    pub fn checked(&self) -> usize {
        self.counts.values().map(|it| it.checked).sum()
    }

    /// How many of them differ.
    #[must_use]
    pub fn count_wrong(&self) -> usize {
        self.counts.values().map(|it| it.wrong).sum()
    }

    /// Whether all are as the reference has them.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.count_wrong() == 0
    }

    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        for it in &self.wrong {
            let _ = writeln!(out, "{} of {} differs", it.what, it.vector);
            let _ = writeln!(out, "  ours      {}", it.ours);
            let _ = writeln!(out, "  recorded  {}", it.recorded);
        }
        for (what, it) in &self.counts {
            let wrong =
                if it.wrong == 0 { String::new() } else { format!(", {} DIFFER", it.wrong) };
            let other = match it.not_offered {
                0 => String::new(),
                count => format!(" ({count} of operations that are not offered)"),
            };
            let _ = writeln!(out, "  {:>6}  {what}{wrong}{other}", it.checked);
        }
        if self.known > 0 {
            let _ = writeln!(out, "  {:>6}  left out: defects of the reference", self.known);
        }
        let verdict = match self.count_wrong() {
            0 => "all as recorded".to_owned(),
            count => format!("{count} differ"),
        };
        let _ = writeln!(out, "{} vectors: {verdict}", self.checked());
        out
    }

    /// For programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let counts = self.counts.iter().map(|(what, it)| {
            let count = json!({
                "checked": it.checked,
                "wrong": it.wrong,
                "not_offered": it.not_offered,
            });
            (what.clone(), count)
        });
        let wrong = self.wrong.iter().map(|it| {
            json!({
                "what": it.what,
                "vector": it.vector,
                "ours": it.ours,
                "recorded": it.recorded,
            })
        });
        json!({
            "clean": self.is_clean(),
            "checked": self.checked(),
            "wrong": self.count_wrong(),
            "counts": counts.collect::<serde_json::Map<_, _>>(),
            "differences": wrong.collect::<Vec<_>>(),
        })
    }
}

/// A member of a line as text; empty when it is absent.
fn text<'a>(line: &'a Value, name: &str) -> &'a str {
    line.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A member in base64; none when it is absent.
fn bytes(line: &Value, name: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(line.get(name)?.as_str()?).ok()
}

fn number(line: &Value, name: &str) -> u64 {
    text(line, name).parse().unwrap_or_default()
}
