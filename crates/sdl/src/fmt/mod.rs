//! The formatter: one way to write a file, comments kept, meaning kept.
//!
//! Called by `cli` (`haggle sdl fmt`) and `ide`. Calls `cst` to read what the author wrote and `language`
//! for the order of keys. What it makes:
//!
//! - two spaces per level, lists below their key included; one blank line between the sections of the file,
//!   elsewhere at most one where there was one;
//! - the keys that the language knows in its order, others after them, chosen names as they stand;
//! - quotes only where needed (double ones), always around the version;
//! - short lists and mappings in brackets stay there, long ones get a line per entry;
//! - comments, anchors, tags, block texts and later documents are kept; `\n` ends each line.
//!
//! It trusts itself with nothing: the new text is parsed and compiled, and if anything but the form
//! differs the file is left as it was ([`Formatted::kept_because`]).

mod check;
mod order;
mod scalar;
mod write;

pub(crate) use scalar::is_plain;

use crate::Diagnostics;
use crate::cst;
use crate::diagnostics::Diagnostic;
use crate::rules::Rule;
use crate::yaml::{self, Tree, YamlError};

/// Columns that a list or mapping in brackets may reach.
const WIDTH: usize = 100;

/// Spaces per level.
const INDENT: usize = 2;

/// What formatting came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Formatted {
    /// The text in its one form, or as it was.
    pub text: String,
    /// Why the text was left as it was although its form is another, if so.
    pub kept_because: Option<String>,
}

/// How much is changed; each later one is safer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Style {
    sorts_keys: bool,
    changes_quotes: bool,
}

const STYLES: [Style; 3] = [
    Style { sorts_keys: true, changes_quotes: true },
    Style { sorts_keys: false, changes_quotes: true },
    Style { sorts_keys: false, changes_quotes: false },
];

/// The text in its one form. Formatting that again changes nothing.
///
/// # Errors
/// Where the text is not YAML. What is wrong with it as a deployment file is no hindrance.
pub fn format(source: &str) -> Result<String, Diagnostics> {
    format_with_reason(source).map(|it| it.text)
}

/// Like [`format()`], and says so if the text had to be left as it was.
///
/// # Errors
/// Where the text is not YAML.
pub fn format_with_reason(source: &str) -> Result<Formatted, Diagnostics> {
    if source.len() > crate::MAX_SOURCE_BYTES {
        let message = format!("the file is larger than {} bytes", crate::MAX_SOURCE_BYTES);
        let diagnostic = Diagnostic::new(Rule::TooLarge, crate::Span::default(), message);
        return Err(Diagnostics::new(source, vec![diagnostic]));
    }
    let tree = yaml::parse(source).map_err(|error| refused(source, error))?;
    let plain = with_plain_lines(source);
    let mut reason = String::new();
    for style in STYLES {
        match settle(&plain, style) {
            Ok(text) => match check::same(source, &tree, &text) {
                Ok(()) => return Ok(Formatted { text, kept_because: None }),
                Err(difference) => reason = difference,
            },
            Err(Unsettled::At(at)) => {
                let line = plain.get(..at).unwrap_or_default().matches('\n').count() + 1;
                reason = format!("line {line} is written in a way that is only kept as it is");
                break;
            }
            Err(Unsettled::Never) => reason = "no form of it was found that stays".into(),
        }
    }
    Ok(Formatted { text: source.to_owned(), kept_because: Some(reason) })
}

fn refused(source: &str, error: YamlError) -> Diagnostics {
    let mut diagnostic = Diagnostic::new(error.rule, error.span, error.message);
    if let Some(hint) = error.hint {
        diagnostic = diagnostic.hint(hint);
    }
    if let Some((span, what)) = error.context {
        diagnostic = diagnostic.related(span, what);
    }
    Diagnostics::new(source, vec![diagnostic])
}

/// The text without byte-order mark, every line ended by `\n`.
fn with_plain_lines(source: &str) -> String {
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    source.replace("\r\n", "\n").replace('\r', "\n")
}

/// Why no new form was found.
enum Unsettled {
    /// Something at this byte is not taken apart.
    At(usize),
    /// Each round changed something.
    Never,
}

/// Writes the text anew until that changes nothing.
fn settle(plain: &str, style: Style) -> Result<String, Unsettled> {
    /// A comment may find its place in the second round; more is not needed.
    const MOST_ROUNDS: usize = 4;
    let mut text = plain.to_owned();
    for _ in 0..MOST_ROUNDS {
        // What was written here and cannot be read is found by the comparison.
        let Ok(tree) = yaml::parse(&text) else { return Ok(text) };
        let next = once(&text, &tree, style).map_err(Unsettled::At)?;
        if next == text {
            return Ok(text);
        }
        text = next;
    }
    Err(Unsettled::Never)
}

fn once(source: &str, tree: &Tree<'_>, style: Style) -> Result<String, usize> {
    let mut file = cst::read(source, tree).map_err(|it| it.at)?;
    if style.sorts_keys {
        order::sort(&mut file, tree);
    }
    Ok(write::write(file, style))
}
