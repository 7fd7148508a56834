//! Comments to the compiler: `# haggle: allow CODE, CODE` and `# haggle: budget 50 usd/month`.
//!
//! A comment behind something holds for its line. A comment on a line of its own holds for what follows it:
//! the next line, and what is indented below that. Before everything else it holds for the whole file.

use super::{Budget, Cx};
use crate::diagnostics::{Diagnostic, Sink, Span};
use crate::rules::{Rule, Severity};
use crate::suggest;
use crate::yaml::{Kind, NodeId, Tree};
use std::ops::Range;

/// What a file says to the compiler.
#[derive(Debug, Default)]
pub(super) struct Directives {
    /// Rules that are not reported where they begin in the range.
    allowed: Vec<(Rule, Range<usize>)>,
    /// A budget, and where it is stated.
    pub(super) budget: Option<(Budget, Option<Span>)>,
}

impl Directives {
    pub(super) fn is_empty(&self) -> bool {
        self.allowed.is_empty()
    }

    pub(super) fn allow(&self, rule: Rule, span: Span) -> bool {
        let at = usize::try_from(span.start).unwrap_or(usize::MAX);
        self.allowed.iter().any(|it| it.0 == rule && it.1.contains(&at))
    }
}

const WORD: &str = "haggle:";

/// How much of the file is read for all comments together, bytes; what a comment holds for may be long.
const MOST_READ: usize = 16 << 20;

/// More codes than one comment names.
const MOST_CODES: usize = 32;

/// More than any file silences.
const MOST_ALLOWED: usize = 4096;

pub(super) fn read(cx: &Cx<'_, '_, '_>, sink: &mut Sink) -> Directives {
    let mut found = Directives::default();
    if !cx.source.contains(WORD) {
        return found;
    }
    let scalars = scalars(cx.tree);
    let mut left = MOST_READ;
    for (at, _) in cx.source.match_indices(WORD) {
        let Some(hash) = comment_start(cx.source, at) else { continue };
        // Scalars follow each other, so the last one that begins before is the one.
        let before = scalars.partition_point(|it| it.start <= hash);
        if before.checked_sub(1).and_then(|it| scalars.get(it)).is_some_and(|it| it.end > hash) {
            continue;
        }
        let rest = cx.source.get(at + WORD.len()..).unwrap_or_default();
        let line = rest.split(['\n', '\r']).next().unwrap_or_default();
        let scope = scope(cx.source, hash);
        let read = scope.len().min(cx.source.len()) + line.len() * 64;
        let is_enough = found.allowed.len() > MOST_ALLOWED;
        let Some(rest) = left.checked_sub(read).filter(|_| !is_enough) else {
            let here = Span::new(hash, at + WORD.len());
            let message =
                "there are too many comments to the compiler; those from here on are not read";
            sink.push(
                Diagnostic::new(Rule::Directive, here, message)
                    .hint("silence a whole file at its top, or a family like `sdl::secret`"),
            );
            break;
        };
        left = rest;
        read_one(at + WORD.len(), line, scope, &mut found, sink);
    }
    found
}

/// Where the comment begins that the word at `at` opens, if it does.
fn comment_start(source: &str, at: usize) -> Option<usize> {
    let before = source.get(..at)?.trim_end_matches([' ', '\t']);
    let hash = before.strip_suffix('#')?.len();
    let is_comment = source.get(..hash)?.chars().next_back().is_none_or(char::is_whitespace);
    is_comment.then_some(hash)
}

fn read_one(
    start: usize,
    line: &str,
    scope: Range<usize>,
    found: &mut Directives,
    sink: &mut Sink,
) {
    let here = |text: &str| {
        let offset = text.as_ptr().addr().saturating_sub(line.as_ptr().addr());
        Span::new(start + offset, start + offset + text.len())
    };
    let text = line.trim();
    let (verb, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim();
    match verb {
        "budget" => match rest.parse::<Budget>() {
            Ok(budget) => found.budget = Some((budget, Some(here(text)))),
            Err(error) => sink.push(
                Diagnostic::new(Rule::Directive, here(text), error.to_string())
                    .hint("write `# haggle: budget 50 usd/month`"),
            ),
        },
        "allow" => {
            // What follows a dash is the reason.
            let codes = rest.split(" -").next().unwrap_or_default();
            let codes = codes.split([',', ' ', '\t']).filter(|it| !it.is_empty()).take(MOST_CODES);
            let mut is_empty = true;
            for code in codes {
                is_empty = false;
                allow(code, here(code), &scope, found, sink);
            }
            if is_empty {
                let message = "`allow` names no rule";
                sink.push(
                    Diagnostic::new(Rule::Directive, here(text), message).hint(
                        "write the code of the warning: `# haggle: allow sdl::image::latest`",
                    ),
                );
            }
        }
        _ => {
            let message = format!("`{verb}` is not an instruction to the compiler");
            let hint = match suggest::nearest(verb, ["allow", "budget"]) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "write `# haggle: allow CODE` or `# haggle: budget 50 usd/month`".into(),
            };
            sink.push(Diagnostic::new(Rule::Directive, here(verb), message).hint(hint));
        }
    }
}

fn allow(code: &str, span: Span, scope: &Range<usize>, found: &mut Directives, sink: &mut Sink) {
    let rules = Rule::matching(code);
    if rules.is_empty() {
        let codes = Rule::ALL.iter().map(|it| it.code());
        let hint = match suggest::nearest(code, codes) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write a code as it stands in the warning, like `sdl::image::latest`".into(),
        };
        let message = format!("no rule has the code `{code}`");
        sink.push(Diagnostic::new(Rule::Directive, span, message).hint(hint));
        return;
    }
    if rules.iter().all(|it| it.severity() == Severity::Error) {
        let message = format!("`{code}` is an error and cannot be allowed");
        sink.push(
            Diagnostic::new(Rule::Directive, span, message)
                .hint("remove the comment; only warnings can be silenced"),
        );
        return;
    }
    found.allowed.extend(rules.into_iter().map(|it| (it, scope.clone())));
}

/// What a comment at `hash` holds for.
fn scope(source: &str, hash: usize) -> Range<usize> {
    let line_start = source.get(..hash).and_then(|it| it.rfind('\n')).map_or(0, |it| it + 1);
    let line_end = |at: usize| {
        let rest = source.get(at..).unwrap_or_default();
        rest.find('\n').map_or(source.len(), |it| at + it + 1)
    };
    let is_content = |line: &str| {
        let line = line.trim_start_matches('\u{feff}').trim();
        !line.is_empty() && !line.starts_with('#') && line != "---"
    };
    let own = source.get(line_start..hash).unwrap_or_default();
    if !own.trim_start_matches('\u{feff}').trim().is_empty() {
        return line_start..line_end(hash);
    }
    let before = source.get(..line_start).unwrap_or_default();
    if !before.lines().any(is_content) {
        return 0..usize::MAX;
    }
    let indent = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let mut head: Option<&str> = None;
    let mut at = line_end(hash);
    let start = at;
    while at < source.len() {
        let end = line_end(at);
        let line = source.get(at..end).unwrap_or_default();
        if is_content(line) {
            match head {
                None => head = Some(line),
                Some(head) => {
                    let is_entry = |it: &str| it.trim_start().starts_with("- ");
                    let is_below = indent(line) > indent(head)
                        || (indent(line) == indent(head) && is_entry(line) && !is_entry(head));
                    if !is_below {
                        break;
                    }
                }
            }
        }
        at = end;
    }
    start..at
}

/// Where the scalars of the file stand, so that a text is not taken for a comment.
fn scalars(tree: &Tree<'_>) -> Vec<Range<usize>> {
    fn walk(tree: &Tree<'_>, id: NodeId, found: &mut Vec<Range<usize>>) {
        let node = tree.raw(id);
        match &node.kind {
            Kind::Scalar { .. } => {
                let at = |it: u32| usize::try_from(it).unwrap_or(usize::MAX);
                found.push(at(node.span.start)..at(node.span.end));
            }
            Kind::Sequence(items) => items.iter().for_each(|it| walk(tree, *it, found)),
            Kind::Mapping(pairs) => {
                for (key, value) in pairs {
                    walk(tree, *key, found);
                    walk(tree, *value, found);
                }
            }
            Kind::Alias { .. } | Kind::Cycle { .. } => {}
        }
    }
    let mut found = Vec::new();
    if let Some(root) = tree.root() {
        walk(tree, root, &mut found);
    }
    found
}
