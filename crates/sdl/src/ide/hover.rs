//! What stands under the cursor: a key's documentation, a value's meaning, a broken rule.

use super::names::NameKind;
use super::{Document, span};
use crate::language::{self, Key, Kind};
use crate::quantity::{self, Price};
use crate::{CheckOptions, Language, Span};

/// A text about a place, in Markdown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hover {
    /// What it is about.
    pub span: Span,
    /// The text.
    pub markdown: String,
}

/// Lines of a definition that are shown.
const MOST_LINES: usize = 16;

impl Document {
    /// What is to be said about a place.
    #[must_use]
    pub fn hover(&self, at: usize, options: &CheckOptions) -> Option<Hover> {
        let mut parts = Vec::new();
        let mut about = None;
        let found = self.diagnostics(options);
        let here = found.iter().filter(|it| super::bytes(it.span).contains(&at));
        // The narrowest place says most; a mark on half the file says nothing about this word.
        for it in here.filter(|it| !found.text(it.span).contains('\n')) {
            let rule = it.rule;
            let mut text = format!("**{}** `{}`: {}", it.severity.word(), rule.code(), it.message);
            if let Some(hint) = &it.hint {
                text.push_str(&format!("\n\n*help:* {hint}"));
            }
            text.push_str(&format!("\n\n*rule:* {}", rule.summary()));
            let why = rule.page().why;
            if !why.is_empty() {
                text.push_str("\n\n");
                text.push_str(why);
            }
            about.get_or_insert(it.span);
            parts.push(text);
        }
        if let Some((id, is_key)) = self.outline.at(at)
            && let Some(item) = self.outline.get(id)
        {
            let word = if is_key { &item.key } else { &item.value };
            if let Some(word) = word {
                about = Some(span(&word.place));
            }
            let path = self.outline.path(id);
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            let key = language::at(&path);
            if let (false, Some(key), Some(word)) = (is_key, key, &item.value) {
                parts.extend(self.meaning(key, &word.text, id));
            }
            parts.extend(self.named(at));
            parts.extend(key.map(documentation));
        } else {
            parts.extend(self.named(at));
        }
        let span = about.unwrap_or(Span::new(at, at));
        (!parts.is_empty()).then(|| Hover { span, markdown: parts.join("\n\n---\n\n") })
    }

    /// What a name stands for, if it is defined elsewhere.
    fn named(&self, at: usize) -> Option<String> {
        let (here, all) = self.mention(at)?;
        if here.is_definition {
            let uses = all.iter().filter(|it| !it.is_definition).count();
            let times = match uses {
                0 => "not used".to_owned(),
                1 => "used once".to_owned(),
                more => format!("used {more} times"),
            };
            return Some(format!("The {} `{}`, {times}.", here.kind.word(), here.name));
        }
        let Some(definition) = all.iter().find(|it| it.is_definition) else {
            return Some(format!("No {} `{}` is defined.", here.kind.word(), here.name));
        };
        let title = format!("The {} `{}`", here.kind.word(), here.name);
        if here.kind == NameKind::Anchor {
            return Some(title);
        }
        let start = self.line_start(definition.whole.start);
        let text = self.text.get(start..definition.whole.end)?.trim_end();
        let indent = text.len() - text.trim_start().len();
        let lines: Vec<&str> =
            text.lines().map(|it| it.get(indent..).unwrap_or_else(|| it.trim_start())).collect();
        let mut shown = lines.iter().take(MOST_LINES).copied().collect::<Vec<_>>().join("\n");
        if lines.len() > MOST_LINES {
            shown.push_str("\n…");
        }
        Some(format!("{title}:\n\n```yaml\n{shown}\n```"))
    }

    /// What a value means.
    fn meaning(&self, key: &Key, text: &str, id: usize) -> Option<String> {
        if let Some(value) = key.values.iter().find(|it| it.text.eq_ignore_ascii_case(text)) {
            return Some(format!("`{text}`: {}", value.doc));
        }
        match key.kind {
            Kind::Size | Kind::BinarySize => {
                let bytes = match key.kind {
                    Kind::Size => quantity::bytes(text).ok()?,
                    _ => quantity::gpu_ram(text).ok()?,
                };
                Some(format!("`{text}` = {bytes} bytes{}", in_mebibytes(bytes)))
            }
            Kind::Cores => {
                let milli = quantity::cpu(text).ok()?;
                Some(format!("`{text}` = {milli} thousandths of a core"))
            }
            Kind::Amount => {
                let price = Price::parse(text).ok()?;
                let parent = self.outline.get(id)?.parent;
                let denom = self.outline.child(parent, "denom").and_then(|it| it.1.value.as_ref());
                Some(cost(price, denom.map_or("", |it| it.text.as_str())))
            }
            Kind::Duration => {
                let ns = quantity::duration(text).ok()?;
                Some(format!("`{text}` = {} seconds", ns / 1_000_000_000))
            }
            _ => None,
        }
    }
}

/// Bytes in mebibytes or gibibytes, if that is a whole number of hundredths or near.
fn in_mebibytes(bytes: u64) -> String {
    let of = |unit: u64, name: &str| {
        let hundredths = u128::from(bytes) * 100 / u128::from(unit);
        let (whole, rest) = (hundredths / 100, hundredths % 100);
        let is_exact = u128::from(bytes) * 100 % u128::from(unit) == 0;
        let about = if is_exact { "" } else { "about " };
        match rest {
            0 => format!(" ({about}{whole} {name})"),
            _ => format!(" ({about}{whole}.{rest:02} {name})"),
        }
    };
    match bytes {
        0..=1_048_575 => String::new(),
        1_048_576..=1_073_741_823 => of(1 << 20, "MiB"),
        _ => of(1 << 30, "GiB"),
    }
}

/// What a price per block comes to.
fn cost(price: Price, denom: &str) -> String {
    use crate::explain::cost::{BLOCK_TIME_MS, HOUR_MS, MONTH_MS};
    let over = |ms: u64| {
        let micro = price
            .atto()
            .checked_mul(u128::from(ms))?
            .div_ceil(u128::from(BLOCK_TIME_MS))
            .div_ceil(Price::ONE);
        let symbol = match denom {
            "uakt" => "AKT",
            "uact" => "ACT",
            _ => return Some(format!("{micro} {denom}").trim_end().to_owned()),
        };
        let (whole, rest) = (micro / 1_000_000, micro % 1_000_000);
        let number = format!("{whole}.{rest:06}");
        let number = number.trim_end_matches('0').trim_end_matches('.');
        Some(format!("{number} {symbol}"))
    };
    let (Some(hour), Some(month)) = (over(HOUR_MS), over(MONTH_MS)) else {
        return "More than any number here can hold.".into();
    };
    format!(
        "At most {hour} per hour and {month} per month for one replica, at {}.{} s per block.",
        BLOCK_TIME_MS / 1000,
        BLOCK_TIME_MS % 1000 / 100
    )
}

/// All that the table says about a key.
pub(super) fn documentation(key: &Key) -> String {
    let need = if key.is_required { ", required" } else { "" };
    let name = if key.is_word() { key.name() } else { key.path };
    let mut text = format!("**`{name}`**: {}{need}\n\n{}", key.kind.describe(), key.doc);
    if !key.note.is_empty() {
        text.push(' ');
        text.push_str(key.note);
    }
    if key.is_ignored {
        text.push_str("\n\nIt has no effect.");
    }
    if let Some(default) = key.default {
        text.push_str(&format!("\n\nDefault: `{default}`"));
    }
    if let Kind::Number { min, max } = key.kind {
        text.push_str(&match max {
            u32::MAX => format!("\n\nAt least {min}."),
            _ => format!("\n\nFrom {min} to {max}."),
        });
    }
    if !key.values.is_empty() {
        text.push_str("\n\n");
        for value in key.values {
            text.push_str(&format!("- `{}`: {}\n", value.text, value.doc));
        }
    }
    if !key.examples.is_empty() {
        let examples: Vec<_> = key.examples.iter().map(|it| format!("`{it}`")).collect();
        text.push_str(&format!("\n\nExample: {}", examples.join(", ")));
    }
    if key.since != Language::V2_0 {
        text.push_str("\n\nSince version 2.1.");
    }
    text.trim_end().to_owned()
}
