//! What can be typed at a place: keys that are missing there, and values.
//!
//! The place is understood from the lines above it and their indentation, never from the tree, because a
//! text that is being typed seldom is YAML: the word under the cursor becomes a key of its own in a copy of
//! the text, and where that key is found is where the cursor is.

use super::names;
use super::outline::{Outline, split_key};
use super::{Document, hover};
use crate::Span;
use crate::language::{self, Key, Kind};

/// What a completion is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompletionKind {
    /// A key of the language.
    Key,
    /// One of the values of a key.
    Value,
    /// A name that the author chose.
    Name,
    /// A unit or a number with one.
    Unit,
    /// A whole file or block.
    Snippet,
}

/// Something that can be typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// What the list shows.
    pub label: String,
    /// What it is.
    pub kind: CompletionKind,
    /// A few words beside it.
    pub detail: String,
    /// Markdown about it.
    pub documentation: String,
    /// What it replaces.
    pub span: Span,
    /// What is inserted, as a snippet: `$1`, `${2:default}`, `${3|one,two|}`, `$0`; `\$` is a dollar.
    pub snippet: String,
    /// The same without places to fill in.
    pub plain: String,
    /// Smaller comes first.
    pub rank: u8,
}

/// Stands for the word under the cursor; no file contains it.
const CURSOR: &str = "\u{f8ff}cursor";

/// More names than these are not offered: nobody looks through them.
const MOST_NAMES: usize = 500;

/// Where the cursor is.
struct Place {
    /// Keys down to the mapping (for keys) or to the key itself (for values).
    path: Vec<String>,
    is_value: bool,
    /// The keys that are there already.
    present: Vec<String>,
    /// Within brackets: no new lines.
    is_flow: bool,
}

impl Document {
    /// What can be typed at a place.
    #[must_use]
    pub fn complete(&self, at: usize) -> Vec<Completion> {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        if self.text.len() > crate::MAX_SOURCE_BYTES {
            return Vec::new();
        }
        let start = self.line_start(at);
        let before = self.text.get(start..at).unwrap_or_default();
        if in_comment(before) {
            return Vec::new();
        }
        let Some((word_start, place)) = self.place(start, at) else { return Vec::new() };
        let typed = self.text.get(word_start..at).unwrap_or_default();
        // A quote that the editor closed by itself goes with the one that was opened.
        let closing = typed.chars().next().filter(|it| matches!(it, '"' | '\''));
        let is_closed =
            closing.is_some_and(|it| self.text.get(at..).is_some_and(|rest| rest.starts_with(it)));
        let span = Span::new(word_start, at + usize::from(is_closed));
        let mut found = match place.is_value {
            true => self.values(&place, typed, span),
            false => self.keys(&place, span),
        };
        if place.path.is_empty() && !place.is_value && !place.is_flow && self.is_blank() {
            found.push(whole_file(span));
        }
        found
    }

    /// Whether nothing but the word under the cursor was written yet.
    fn is_blank(&self) -> bool {
        self.outline.children(0).all(|it| it.1.value.is_none() && it.1.children.is_empty())
            && self.outline.items.len() < 3
    }

    /// Where the word at the cursor begins, and what may stand there.
    fn place(&self, start: usize, at: usize) -> Option<(usize, Place)> {
        let before = self.text.get(start..at)?;
        let line_end = self.text.get(at..)?.find('\n').map_or(self.text.len(), |it| at + it);
        let indent = before.len() - before.trim_start_matches([' ', '\t']).len();
        let mut content = before.get(indent..)?;
        let mut content_start = start + indent;
        // `- ` opens an entry of a list.
        while let Some(rest) = content.strip_prefix("- ") {
            let rest_trimmed = rest.trim_start_matches(' ');
            content_start += content.len() - rest_trimmed.len();
            content = rest_trimmed;
        }
        if content == "-" {
            return None;
        }
        let rest = self.text.get(line_end..)?;
        let value_at = split_key(content).map(|it| it.1);
        let head = match value_at {
            // The key stays, the value goes.
            Some(length) => self.text.get(start..content_start + length)?.to_owned(),
            None => format!("{}{CURSOR}:", self.text.get(start..content_start)?),
        };
        let copy = format!("{}{head}{rest}", self.text.get(..start)?);
        let outline = Outline::of_lines(&copy);
        let id = match value_at {
            Some(_) => {
                let key_start = content_start;
                (1..outline.items.len()).find(|id| {
                    outline
                        .get(*id)
                        .and_then(|it| it.key.as_ref())
                        .is_some_and(|it| it.place.start == key_start)
                })?
            }
            None => (1..outline.items.len()).find(|id| {
                outline.get(*id).and_then(|it| it.key.as_ref()).is_some_and(|it| it.text == CURSOR)
            })?,
        };
        let own = outline.path(id);
        let (typed, typed_start) = match value_at {
            Some(length) => {
                let value = content.get(length..)?;
                let trimmed = value.trim_start_matches([' ', '\t']);
                if trimmed.len() == value.len() {
                    // Just behind the colon.
                    return None;
                }
                (trimmed, content_start + content.len() - trimmed.len())
            }
            None => (content, content_start),
        };
        if typed.starts_with(['[', '{']) {
            let base = if value_at.is_some() { own } else { own.split_last()?.1.to_vec() };
            return flow_place(base, typed, typed_start);
        }
        if value_at.is_some() {
            return Some((
                typed_start,
                Place { path: own, is_value: true, present: Vec::new(), is_flow: false },
            ));
        }
        let parent = outline.get(id)?.parent;
        let path = own.split_last()?.1.to_vec();
        // An entry of a list of texts is a value.
        let texts: Vec<&str> = path.iter().map(String::as_str).collect();
        let is_entry = path.last().is_some_and(|it| it.starts_with('['));
        let is_value = is_entry && language::at(&texts).is_some_and(|it| it.kind == Kind::Texts);
        let present = outline
            .children(parent)
            .filter(|it| it.0 != id)
            .filter_map(|it| it.1.key.as_ref())
            .map(|it| it.text.clone())
            .collect();
        Some((typed_start, Place { path, is_value, present, is_flow: false }))
    }

    // Keys.

    fn keys(&self, place: &Place, span: Span) -> Vec<Completion> {
        let path: Vec<&str> = place.path.iter().map(String::as_str).collect();
        let mut found = Vec::new();
        for key in language::children(&path) {
            if !key.is_word() {
                if key.name() == "*" {
                    self.chosen_names(&path, key, place, span, &mut found);
                }
                continue;
            }
            if place.present.iter().any(|it| it == key.name()) {
                continue;
            }
            let mut snippet = Snippet::default();
            if place.is_flow {
                snippet.text(&format!("{}: ", key.name()));
                if !key.kind.has_children() {
                    snippet.value(key);
                }
            } else {
                snippet.entry(key.name(), key, 0);
            }
            let need = if key.is_required { ", required" } else { "" };
            found.push(Completion {
                label: key.name().to_owned(),
                kind: CompletionKind::Key,
                detail: format!("{}{need}", key.kind.describe()),
                documentation: hover::documentation(key),
                span,
                plain: snippet.plain,
                snippet: snippet.marked,
                rank: match (key.is_required, key.is_ignored) {
                    (true, _) => 0,
                    (false, false) => 1,
                    (false, true) => 9,
                },
            });
        }
        found
    }

    /// Names that are defined elsewhere and may stand as keys here.
    fn chosen_names(
        &self,
        path: &[&str],
        key: &Key,
        place: &Place,
        span: Span,
        found: &mut Vec<Completion>,
    ) {
        let (names, what) = match path {
            ["deployment"] => (self.outline.names(&["services"]), "service"),
            ["deployment", _] => (self.outline.names(&["profiles", "placement"]), "placement"),
            ["profiles", "placement", _, "pricing"] => {
                (self.outline.names(&["profiles", "compute"]), "compute profile")
            }
            ["services", service, "params", "storage"] => {
                let profiles = names::profiles_of(&self.outline, service);
                let volumes = profiles.iter().flat_map(|it| names::volumes_of(&self.outline, it));
                (volumes.collect(), "volume")
            }
            _ => return,
        };
        for name in names.into_iter().take(MOST_NAMES) {
            if place.present.contains(&name) || found.iter().any(|it| it.label == name) {
                continue;
            }
            let mut snippet = Snippet::default();
            let written = written(&name);
            if place.is_flow {
                snippet.text(&format!("{written}: "));
            } else {
                snippet.entry(&written, key, 0);
            }
            found.push(Completion {
                label: name,
                kind: CompletionKind::Name,
                detail: what.to_owned(),
                documentation: hover::documentation(key),
                span,
                plain: snippet.plain,
                snippet: snippet.marked,
                rank: 0,
            });
        }
    }

    // Values.

    fn values(&self, place: &Place, typed: &str, span: Span) -> Vec<Completion> {
        let path: Vec<&str> = place.path.iter().map(String::as_str).collect();
        if typed.starts_with('*') {
            return self.anchors(span);
        }
        let Some(key) = language::at(&path) else { return Vec::new() };
        // Quotes that are there already belong to what is replaced.
        let mut found = Vec::new();
        let mut push = |label: String, kind, detail: &str, documentation: &str, rank| {
            let text =
                if key.kind == Kind::Version { format!("\"{label}\"") } else { written(&label) };
            found.push(Completion {
                snippet: escaped(&text),
                plain: text,
                label,
                kind,
                detail: detail.to_owned(),
                documentation: documentation.to_owned(),
                span,
                rank,
            });
        };
        for value in key.values {
            push(value.text.to_owned(), CompletionKind::Value, "", value.doc, 0);
        }
        let names = |path: &[&str]| {
            self.outline.names(path).into_iter().take(MOST_NAMES).collect::<Vec<_>>()
        };
        match path.as_slice() {
            ["services", own, "expose", _, "to", _, "service"]
            | ["services", own, "dependencies", _, "service"] => {
                for name in names(&["services"]).into_iter().filter(|it| it != own) {
                    push(name, CompletionKind::Name, "service", "", 0);
                }
            }
            ["services", _, "expose", _, "to", _, "ip"] => {
                for name in names(&["endpoints"]) {
                    push(name, CompletionKind::Name, "endpoint", "", 0);
                }
            }
            ["deployment", _, _, "profile"] => {
                for name in names(&["profiles", "compute"]) {
                    push(name, CompletionKind::Name, "compute profile", "", 0);
                }
            }
            [.., "nvidia", _, "model"] => {
                push("*".into(), CompletionKind::Value, "any model", "", 1);
                for model in crate::lint::gpu_models() {
                    push((*model).to_owned(), CompletionKind::Value, "NVIDIA", "", 0);
                }
            }
            _ => {}
        }
        let digits = typed.trim_matches(['"', '\'']);
        let digits = digits.trim_end_matches(|it: char| it.is_ascii_alphabetic());
        let is_number =
            !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit() || it == b'.');
        let units: &[(&str, &str)] = match key.kind {
            Kind::Size => &[
                ("Mi", "mebibytes, 1024 × 1024"),
                ("Gi", "gibibytes, 1024 × 1024 × 1024"),
                ("Ti", "tebibytes"),
                ("Ki", "kibibytes"),
                ("M", "megabytes, 1000 × 1000"),
                ("G", "gigabytes, 1000 × 1000 × 1000"),
            ],
            Kind::BinarySize => &[("Gi", "gibibytes"), ("Mi", "mebibytes")],
            Kind::Cores if is_number && !digits.contains('.') => &[("m", "thousandths of a core")],
            Kind::Duration => &[("h", "hours"), ("m", "minutes"), ("s", "seconds")],
            _ => &[],
        };
        if is_number {
            for (rank, (unit, doc)) in (0_u8..).zip(units) {
                push(format!("{digits}{unit}"), CompletionKind::Unit, doc, "", rank);
            }
        } else {
            if key.kind == Kind::Flag {
                push("true".into(), CompletionKind::Value, "", "", 0);
                push("false".into(), CompletionKind::Value, "", "", 0);
            }
            for example in key.examples.iter().filter(|it| !it.starts_with('[')) {
                push((*example).to_owned(), CompletionKind::Value, "for example", "", 5);
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        found.retain(|it| seen.insert(it.label.clone()));
        if place.path.iter().any(|it| it.starts_with('[')) && key.kind == Kind::Version {
            found.clear();
        }
        // Flags and numbers mean something else in quotes.
        for it in &mut found {
            if matches!(key.kind, Kind::Flag | Kind::Number { .. })
                || it.kind == CompletionKind::Unit
            {
                it.plain = it.label.clone();
                it.snippet = escaped(&it.label);
            }
        }
        found
    }

    fn anchors(&self, span: Span) -> Vec<Completion> {
        names::mentions(&self.outline, &self.text)
            .into_iter()
            .filter(|it| it.kind == names::NameKind::Anchor && it.is_definition)
            .filter(|it| it.place.end <= super::bytes(span).start)
            .map(|it| Completion {
                label: format!("*{}", it.name),
                kind: CompletionKind::Name,
                detail: "anchor".into(),
                documentation: String::new(),
                span,
                snippet: format!("*{}", it.name),
                plain: format!("*{}", it.name),
                rank: 0,
            })
            .collect()
    }
}

/// Whether the end of a line's beginning lies in a comment.
fn in_comment(before: &str) -> bool {
    let mut quote = None;
    let mut last = ' ';
    for character in before.chars() {
        match (quote, character) {
            (None, '"' | '\'') if matches!(last, ' ' | '[' | '{' | ',') => quote = Some(character),
            (Some(open), it) if it == open => quote = None,
            (None, '#') if matches!(last, ' ' | '\t') => return true,
            _ => {}
        }
        last = character;
    }
    false
}

/// The place at the end of a text that begins with a bracket.
fn flow_place(base: Vec<String>, typed: &str, start: usize) -> Option<(usize, Place)> {
    struct Level {
        is_map: bool,
        index: usize,
        keys: Vec<String>,
        key: Option<String>,
    }
    let mut levels: Vec<Level> = Vec::new();
    let mut word = 0;
    let mut quote = None;
    for (at, character) in typed.char_indices() {
        if let Some(open) = quote {
            if character == open {
                quote = None;
            }
            continue;
        }
        let text = typed.get(word..at).unwrap_or_default().trim();
        match character {
            '"' | '\'' if text.is_empty() => quote = Some(character),
            '[' | '{' => {
                let is_map = character == '{';
                levels.push(Level { is_map, index: 0, keys: Vec::new(), key: None });
                word = at + 1;
            }
            ']' | '}' => {
                levels.pop();
                word = at + 1;
            }
            ',' => {
                let level = levels.last_mut()?;
                level.index += 1;
                level.key = None;
                word = at + 1;
            }
            ':' => {
                if let Some(level) = levels.last_mut().filter(|it| it.is_map && it.key.is_none()) {
                    let name = text.trim_matches(['"', '\'']).to_owned();
                    level.keys.push(name.clone());
                    level.key = Some(name);
                    word = at + 1;
                }
            }
            _ => {}
        }
    }
    let last = levels.last()?;
    let mut path = base;
    for level in &levels {
        match (&level.key, level.is_map) {
            (Some(key), true) => path.push(key.clone()),
            (None, true) => {}
            (_, false) => path.push(format!("[{}]", level.index)),
        }
    }
    let is_value = !last.is_map || last.key.is_some();
    let rest = typed.get(word..)?;
    let skipped = rest.len() - rest.trim_start().len();
    let present = if is_value { Vec::new() } else { last.keys.clone() };
    Some((start + word + skipped, Place { path, is_value, present, is_flow: true }))
}

/// A name as YAML writes it.
fn written(text: &str) -> String {
    let is_number = text.bytes().all(|it| it.is_ascii_digit() || it == b'.');
    match crate::fmt::is_plain(text) || is_number {
        true => text.to_owned(),
        false => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('$', "\\$").replace('}', "\\}")
}

/// A text with places to fill in, and the same without.
#[derive(Default)]
struct Snippet {
    marked: String,
    plain: String,
    places: usize,
}

impl Snippet {
    fn text(&mut self, text: &str) {
        self.marked.push_str(&escaped(text));
        self.plain.push_str(text);
    }

    fn line(&mut self, level: usize) {
        self.text("\n");
        self.text(&"  ".repeat(level));
    }

    fn place(&mut self, default: &str) {
        self.places += 1;
        let number = self.places;
        if default.is_empty() {
            self.marked.push_str(&format!("${number}"));
        } else {
            self.marked.push_str(&format!("${{{number}:{}}}", escaped(default)));
            self.plain.push_str(default);
        }
    }

    /// A key and what has to stand below it.
    fn entry(&mut self, name: &str, key: &Key, level: usize) {
        self.text(name);
        self.text(":");
        let path: Vec<&str> = split(key.path);
        match key.kind {
            Kind::Mapping => self.mapping(&path, level + 1),
            Kind::Named => {
                self.line(level + 1);
                self.place("name");
                self.text(":");
                let below = language::children(&path).next();
                match below.filter(|it| it.kind.has_children()) {
                    Some(below) => self.mapping(&split(below.path), level + 2),
                    None => {
                        self.text(" ");
                        self.place("value");
                    }
                }
            }
            Kind::List | Kind::OneOrMany => {
                self.line(level + 1);
                self.text("- ");
                let entry: Vec<&str> = path.iter().copied().chain(["[]"]).collect();
                self.below(&entry, level + 2, true);
            }
            Kind::Texts => {
                self.line(level + 1);
                self.text("- ");
                self.place("");
            }
            _ => {
                self.text(" ");
                self.value(key);
            }
        }
    }

    fn mapping(&mut self, path: &[&str], level: usize) {
        self.below(path, level, false);
    }

    /// The required keys of a mapping, or a place for some other key.
    fn below(&mut self, path: &[&str], level: usize, is_inline: bool) {
        let mut is_first = true;
        let needed = language::children(path).filter(|it| it.is_word() && it.is_required);
        for key in needed {
            if !(is_inline && is_first) {
                self.line(level);
            }
            is_first = false;
            self.entry(key.name(), key, level);
        }
        if is_first {
            if !is_inline {
                self.line(level);
            }
            self.place("");
        }
    }

    fn value(&mut self, key: &Key) {
        let first = key.values.first();
        if key.kind == Kind::Version {
            self.text("\"");
            self.place(first.map_or("2.0", |it| it.text));
            self.text("\"");
            return;
        }
        if key.values.len() > 1 {
            self.places += 1;
            let values: Vec<_> = key.values.iter().map(|it| written(it.text)).collect();
            self.marked.push_str(&format!("${{{}|{}|}}", self.places, values.join(",")));
            self.plain.push_str(values.first().map_or("", String::as_str));
            return;
        }
        let default = first.map(|it| it.text).or_else(|| key.examples.first().copied());
        self.place(default.or(key.default).unwrap_or_default());
    }
}

/// The segments of a pattern of the table.
fn split(pattern: &'static str) -> Vec<&'static str> {
    let mut segments = Vec::new();
    for part in pattern.split('.') {
        match part.strip_suffix("[]") {
            Some("") => segments.push("[]"),
            Some(name) => segments.extend([name, "[]"]),
            None => segments.push(part),
        }
    }
    segments
}

/// A whole file for one service.
fn whole_file(span: Span) -> Completion {
    let lines = [
        ("version: \"2.0\"\n\nservices:\n  ", "web"),
        (":\n    image: ", "nginx:1.27.3"),
        ("\n    expose:\n      - port: ", "80"),
        (
            "\n        as: 80\n        to:\n          - global: true\n\nprofiles:\n  compute:\n    ",
            "=1",
        ),
        (":\n      resources:\n        cpu:\n          units: ", "0.5"),
        ("\n        memory:\n          size: ", "512Mi"),
        ("\n        storage:\n          size: ", "1Gi"),
        ("\n  placement:\n    ", "anywhere"),
        (":\n      pricing:\n        ", "=1"),
        (":\n          denom: ", "uact"),
        ("\n          amount: ", "100"),
        ("\n\ndeployment:\n  ", "=1"),
        (":\n    ", "=7"),
        (":\n      profile: ", "=1"),
        ("\n      count: ", "1"),
    ];
    let mut snippet = Snippet::default();
    let mut values: Vec<(usize, &str)> = Vec::new();
    for (text, value) in lines {
        snippet.text(text);
        let again = value.strip_prefix('=').and_then(|it| it.parse::<usize>().ok());
        match again.and_then(|number| values.iter().find(|it| it.0 == number).copied()) {
            Some((number, value)) => {
                snippet.marked.push_str(&format!("${number}"));
                snippet.plain.push_str(value);
            }
            None => {
                snippet.place(value);
                values.push((snippet.places, value));
            }
        }
    }
    snippet.text("\n");
    Completion {
        label: "deployment file".into(),
        kind: CompletionKind::Snippet,
        detail: "a whole file for one service".into(),
        documentation: format!("```yaml\n{}```", snippet.plain),
        span,
        snippet: snippet.marked,
        plain: snippet.plain,
        rank: 2,
    }
}
