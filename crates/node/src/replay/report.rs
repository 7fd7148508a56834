//! What a replay found: counts by kind, and the first differences in words.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::{Value, json};

use super::Options;

/// What was compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Code and codespace of a transaction.
    Result,
    /// Data of a transaction.
    Data,
    /// Events of a transaction.
    Events,
    /// Gas of a transaction that was enough in the recording.
    Gas,
    /// Events of a block outside of transactions.
    BlockEvents,
    /// Changes of the validator set.
    ValidatorUpdates,
    /// Consensus parameters after a block.
    Params,
    /// Refusals before any block.
    CheckTx,
    /// Simulated transactions.
    Simulate,
    /// Answers of the REST gateway.
    Rest,
    /// Answers of gRPC.
    Grpc,
    /// Answers of the CometBFT RPC.
    Rpc,
    /// Raw requests to the CometBFT listener.
    Http,
    /// Frames of WebSocket connections.
    Socket,
    /// The words of refusals. They need not match and only count when they are asked for.
    Wording,
    /// Rules of the modules that must hold after each block.
    Invariant,
    /// Parts of the state that come back from their export.
    Export,
    /// The state machine stopped.
    Halt,
}

impl Kind {
    /// All kinds, in the order of the summary.
    pub const ALL: [Kind; 18] = [
        Kind::Result,
        Kind::Data,
        Kind::Events,
        Kind::Gas,
        Kind::BlockEvents,
        Kind::ValidatorUpdates,
        Kind::Params,
        Kind::CheckTx,
        Kind::Simulate,
        Kind::Rest,
        Kind::Grpc,
        Kind::Rpc,
        Kind::Http,
        Kind::Socket,
        Kind::Wording,
        Kind::Invariant,
        Kind::Export,
        Kind::Halt,
    ];

    /// As arguments and summaries spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Result => "result",
            Kind::Data => "data",
            Kind::Events => "events",
            Kind::Gas => "gas",
            Kind::BlockEvents => "block-events",
            Kind::ValidatorUpdates => "validator-updates",
            Kind::Params => "params",
            Kind::CheckTx => "check-tx",
            Kind::Simulate => "simulate",
            Kind::Rest => "rest",
            Kind::Grpc => "grpc",
            Kind::Rpc => "rpc",
            Kind::Http => "http",
            Kind::Socket => "socket",
            Kind::Wording => "wording",
            Kind::Invariant => "invariant",
            Kind::Export => "export",
            Kind::Halt => "halt",
        }
    }
}

impl std::str::FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || Kind::ALL.map(Kind::name).join(", ");
        let found = Kind::ALL.into_iter().find(|it| it.name() == text);
        found.ok_or_else(|| format!("no such kind; there are {}", names()))
    }
}

/// One place where ours is not what was recorded.
#[derive(Clone, Debug)]
pub struct Difference {
    pub kind: Kind,
    pub height: i64,
    /// Which transaction or query.
    pub place: String,
    /// What of it: an event and attribute, a member of the answer.
    pub what: String,
    pub ours: String,
    pub recorded: String,
}

/// What a replay found.
#[derive(Clone, Debug)]
pub struct Report {
    /// The name of the scenario.
    pub scenario: String,
    /// The last height that was executed.
    pub height: i64,
    /// The first ones, as many as were asked for.
    pub differences: Vec<Difference>,
    /// The lowest height with a difference of blocks (queries aside), if there is one.
    pub first_block_difference: Option<i64>,
    /// How many things of each kind were compared.
    pub compared: BTreeMap<Kind, usize>,
    /// How many of them differ.
    pub differ: BTreeMap<Kind, usize>,
    /// Differences by message or query method.
    pub by_subject: BTreeMap<String, usize>,
    /// The most that gas used by a transaction is off the recording's, which need not match, and
    /// where.
    pub gas_apart: Option<(u64, String)>,
    /// Known defects of the reference that were met, by rule.
    pub known: BTreeMap<&'static str, usize>,
    keep: usize,
    only: Vec<Kind>,
}

impl Report {
    pub(super) fn new(scenario: String, options: &Options) -> Self {
        Self {
            scenario,
            height: 0,
            differences: Vec::new(),
            first_block_difference: None,
            compared: BTreeMap::new(),
            differ: BTreeMap::new(),
            by_subject: BTreeMap::new(),
            gas_apart: None,
            known: BTreeMap::new(),
            keep: options.keep,
            only: options.only.clone(),
        }
    }

    pub(super) fn compared(&mut self, kind: Kind) {
        *self.compared.entry(kind).or_default() += 1;
    }

    /// Notes how far apart the gas of a transaction is.
    pub(super) fn gas(&mut self, place: impl FnOnce() -> String, ours: i64, recorded: i64) {
        let apart = ours.abs_diff(recorded);
        if self.gas_apart.as_ref().is_none_or(|it| it.0 < apart) {
            self.gas_apart = Some((apart, place()));
        }
    }

    pub(super) fn known(&mut self, rule: &'static str) {
        *self.known.entry(rule).or_default() += 1;
    }

    /// Notes a difference. `subject` groups them in the summary; the last two are ours and the recorded.
    pub(super) fn differ_in(
        &mut self,
        subject: &str,
        kind: Kind,
        height: i64,
        place: impl Into<String>,
        what: impl Into<String>,
        (ours, recorded): (impl Into<String>, impl Into<String>),
    ) {
        let is_asked = self.only.contains(&kind) || self.only.is_empty() && kind != Kind::Wording;
        if !is_asked {
            return;
        }
        *self.differ.entry(kind).or_default() += 1;
        if !subject.is_empty() {
            *self.by_subject.entry(format!("{} {subject}", kind.name())).or_default() += 1;
        }
        let of_blocks = kind < Kind::CheckTx || kind == Kind::Halt;
        if of_blocks && self.first_block_difference.is_none() {
            self.first_block_difference = Some(height);
        }
        if self.differences.len() < self.keep {
            self.differences.push(Difference {
                kind,
                height,
                place: place.into(),
                what: what.into(),
                ours: ours.into(),
                recorded: recorded.into(),
            });
        }
    }

    pub(super) fn differ(
        &mut self,
        kind: Kind,
        height: i64,
        place: impl Into<String>,
        what: impl Into<String>,
        ours: impl Into<String>,
        recorded: impl Into<String>,
    ) {
        self.differ_in("", kind, height, place, what, (ours, recorded));
    }

    pub(super) fn halted(&mut self, height: i64, cause: &str) {
        let place = if height == 0 { "at genesis" } else { "while executing the block" };
        self.differ(Kind::Halt, height, place, "the state machine stopped", cause, "it went on");
    }

    /// How many differences there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.differ.values().sum()
    }

    /// Whether all is as it was recorded.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.count() == 0
    }

    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        for it in &self.differences {
            let _ = writeln!(out, "height {}, {}: {} differs", it.height, it.place, it.kind.name());
            if !it.what.is_empty() {
                let _ = writeln!(out, "  where     {}", it.what);
            }
            if !(it.ours.is_empty() && it.recorded.is_empty()) {
                let _ = writeln!(out, "  ours      {}", it.ours);
                let _ = writeln!(out, "  recorded  {}", it.recorded);
            }
        }
        let _ = write!(out, "{}: {} blocks", self.scenario, self.height);
        for kind in Kind::ALL {
            let (all, wrong) = (self.compared.get(&kind), self.differ.get(&kind));
            match (all, wrong) {
                (None, None) => {}
                (all, None) => {
                    let _ = write!(out, ", {} {}", all.copied().unwrap_or_default(), kind.name());
                }
                (all, Some(wrong)) => {
                    let all = all.copied().unwrap_or_default().max(*wrong);
                    let _ = write!(out, ", {} {} ({wrong} DIFFER)", all, kind.name());
                }
            }
        }
        let _ = writeln!(out);
        for (subject, count) in &self.by_subject {
            let _ = writeln!(out, "  {count:>6}  {subject}");
        }
        if let Some((apart, place)) = &self.gas_apart {
            let _ = writeln!(out, "  gas is at most {apart} off, at {place} (it need not match)");
        }
        for (rule, count) in &self.known {
            let _ = writeln!(out, "  {count:>6}  known defect of the reference: {rule}");
        }
        match (self.count(), self.first_block_difference) {
            (0, _) => {
                let _ = writeln!(out, "{}: all as recorded", self.scenario);
            }
            (count, None) => {
                let _ = writeln!(out, "{}: {count} differences, in answers only", self.scenario);
            }
            (count, Some(height)) => {
                let _ = writeln!(
                    out,
                    "{}: {count} differences; blocks are as recorded up to height {}",
                    self.scenario,
                    height - 1
                );
            }
        }
        out
    }

    /// For programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let counts = |map: &BTreeMap<Kind, usize>| -> Value {
            map.iter().map(|(kind, count)| (kind.name().to_owned(), json!(count))).collect()
        };
        let differences = self.differences.iter().map(|it| {
            json!({
                "kind": it.kind.name(),
                "height": it.height,
                "place": it.place,
                "where": it.what,
                "ours": it.ours,
                "recorded": it.recorded,
            })
        });
        json!({
            "scenario": self.scenario,
            "height": self.height,
            "clean": self.is_clean(),
            "first_block_difference": self.first_block_difference,
            "compared": counts(&self.compared),
            "differ": counts(&self.differ),
            "by_subject": self.by_subject,
            "gas_apart": self.gas_apart.as_ref().map(|it| it.0),
            "known_defects": self.known,
            "differences": differences.collect::<Vec<_>>(),
        })
    }
}
