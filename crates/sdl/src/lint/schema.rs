//! Where Console and the JavaScript SDK refuse a file that compiles here (spec `sdl.md` 21).
//!
//! They hold a file against a JSON schema before they compile it. The part of that schema which is stricter
//! than the compiler is declared below as a table, and one walk over the tree compares the two. What a lint
//! of its own says already (ignored keys, denominations) is not said again.
//! Aliases are not followed: what they stand for is compared where it is written.

use super::Cx;
use crate::diagnostics::{Diagnostic, Sink, Span};
use crate::rules::Rule;
use crate::yaml::{Kind, Node, NodeId, Style, Tree};

/// What the schema wants at a place.
enum Shape {
    /// Known keys; others are ignored here and reported elsewhere.
    Keys(&'static [Key]),
    /// A mapping of names to values of one shape.
    Names(&'static Shape),
    /// A list of values of one shape.
    List(&'static Shape),
    /// A text: a bare number or flag is none.
    Text,
    /// A text from a list, as it stands.
    OneOf(&'static [&'static str]),
    /// A text of at least so many characters.
    AtLeast(usize),
    /// A text that begins with `/`.
    AbsolutePath,
    /// A whole number in a range.
    Number(u32, u32),
    /// A number, or a text that is one, with an optional unit.
    Cores,
    /// A number that is not negative, or a text of digits.
    Amount,
    /// Whole seconds, minutes or hours.
    Window,
    /// One of the two versions, in quotes.
    Version,
    /// A volume or a list of them.
    Volumes,
    /// `class` and `persistent`, both.
    VolumeAttributes,
    GpuUnits,
    GpuVendor,
    To,
    /// Values of any kind under names of any kind; no nulls at its own place.
    Free,
}

struct Key {
    name: &'static str,
    is_required: bool,
    may_be_null: bool,
    shape: Shape,
}

const fn wanted(name: &'static str, shape: Shape) -> Key {
    Key { name, is_required: true, may_be_null: false, shape }
}

const fn optional(name: &'static str, shape: Shape) -> Key {
    Key { name, is_required: false, may_be_null: false, shape }
}

const fn nullable(name: &'static str, shape: Shape) -> Key {
    Key { name, is_required: false, may_be_null: true, shape }
}

static FILE: Shape = Shape::Keys(&[
    wanted("version", Shape::Version),
    wanted("services", Shape::Names(&SERVICE)),
    wanted(
        "profiles",
        Shape::Keys(&[
            wanted("compute", Shape::Names(&COMPUTE)),
            wanted("placement", Shape::Names(&PLACEMENT)),
        ]),
    ),
    wanted("deployment", Shape::Names(&Shape::Names(&DEPLOYED))),
    optional("endpoints", Shape::Names(&Shape::Keys(&[wanted("kind", Shape::Text)]))),
    optional("reclamation", Shape::Keys(&[wanted("min_window", Shape::Window)])),
]);

static SERVICE: Shape = Shape::Keys(&[
    wanted("image", Shape::Text),
    nullable("command", Shape::List(&Shape::Text)),
    nullable("args", Shape::List(&Shape::Text)),
    nullable("env", Shape::List(&Shape::Text)),
    nullable("expose", Shape::List(&EXPOSE)),
    optional(
        "params",
        Shape::Keys(&[
            optional(
                "storage",
                Shape::Names(&Shape::Keys(&[optional("mount", Shape::AbsolutePath)])),
            ),
            optional(
                "permissions",
                Shape::Keys(&[optional(
                    "read",
                    Shape::List(&Shape::OneOf(&["deployment", "logs", "events"])),
                )]),
            ),
            optional("tee", Shape::OneOf(&["cpu", "cpu-gpu"])),
        ]),
    ),
    optional(
        "credentials",
        Shape::Keys(&[
            optional("host", Shape::AtLeast(1)),
            optional("email", Shape::AtLeast(5)),
            optional("username", Shape::AtLeast(1)),
            optional("password", Shape::AtLeast(6)),
        ]),
    ),
]);

static EXPOSE: Shape = Shape::Keys(&[
    wanted("port", Shape::Number(1, 65_535)),
    optional("as", Shape::Number(1, 65_535)),
    optional("proto", Shape::OneOf(&["TCP", "UDP", "tcp", "udp"])),
    optional("accept", Shape::List(&Shape::Text)),
    optional("to", Shape::List(&Shape::To)),
    optional("http_options", Shape::Free),
]);

static COMPUTE: Shape = Shape::Keys(&[wanted(
    "resources",
    Shape::Keys(&[
        wanted(
            "cpu",
            Shape::Keys(&[wanted("units", Shape::Cores), optional("attributes", Shape::Free)]),
        ),
        wanted("memory", Shape::Keys(&[wanted("size", Shape::Text)])),
        wanted("storage", Shape::Volumes),
        optional(
            "gpu",
            Shape::Keys(&[
                optional("units", Shape::GpuUnits),
                optional("attributes", Shape::Keys(&[optional("vendor", Shape::GpuVendor)])),
            ]),
        ),
    ]),
)]);

static VOLUME: Shape = Shape::Keys(&[
    optional("name", Shape::Text),
    wanted("size", Shape::Text),
    optional("attributes", Shape::VolumeAttributes),
]);

static GPU_MODELS: Shape = Shape::List(&Shape::Keys(&[
    optional("model", Shape::Text),
    optional("ram", Shape::Text),
    optional("interface", Shape::Text),
]));

static PLACEMENT: Shape = Shape::Keys(&[
    optional("attributes", Shape::Free),
    optional(
        "signedBy",
        Shape::Keys(&[
            optional("allOf", Shape::List(&Shape::Text)),
            optional("anyOf", Shape::List(&Shape::Text)),
        ]),
    ),
    wanted(
        "pricing",
        Shape::Names(&Shape::Keys(&[
            wanted("denom", Shape::Text),
            wanted("amount", Shape::Amount),
        ])),
    ),
]);

static DEPLOYED: Shape = Shape::Keys(&[
    wanted("profile", Shape::Text),
    // A count of 0 has a rule of its own, and a missing one is 0.
    optional("count", Shape::Free),
]);

/// Who refuses; every message says it.
const THEY: &str = "Console and the JavaScript SDK refuse";

pub(super) fn check(cx: &Cx<'_, '_, '_>, sink: &mut Sink) {
    if let Some(root) = cx.tree.root() {
        Walk { tree: cx.tree, sink }.node(root, &FILE, "", root);
    }
}

struct Walk<'w, 's> {
    tree: &'w Tree<'s>,
    sink: &'w mut Sink,
}

impl<'w> Walk<'w, '_> {
    fn report(&mut self, rule: Rule, span: Span, message: String, hint: impl Into<String>) {
        self.sink.push(Diagnostic::new(rule, span, message).hint(hint));
    }

    fn value(&mut self, id: NodeId, what: &str, fault: &str, hint: impl Into<String>) {
        let span = self.tree.raw(id).span;
        let message = format!("{THEY} `{what}`: {fault}");
        self.report(Rule::SchemaValue, span, message, hint);
    }

    /// Compares one value. `what` is the nearest key, `key` where that stands.
    fn node(&mut self, id: NodeId, shape: &'static Shape, what: &str, key: NodeId) {
        let tree: &'w Tree<'_> = self.tree;
        let raw = tree.raw(id);
        let node = match &raw.kind {
            Kind::Alias { .. } if !matches!(tree.get(id).kind, Kind::Scalar { .. }) => return,
            Kind::Alias { .. } => tree.get(id),
            _ => raw,
        };
        match shape {
            Shape::Keys(keys) => self.keys(node, keys, what, key),
            Shape::Names(each) => {
                let Kind::Mapping(pairs) = &node.kind else { return };
                for (name, value) in pairs {
                    if tree.raw(*name).is_merge_key() {
                        continue;
                    }
                    let literal = tree.get(*name).literal();
                    if tree.get(*value).is_null() {
                        self.null(*name, literal);
                    } else {
                        self.node(*value, each, literal, *name);
                    }
                }
            }
            Shape::List(each) => {
                let Kind::Sequence(items) = &node.kind else { return };
                for item in items {
                    if tree.get(*item).is_null() {
                        let message = format!("{THEY} an empty entry of `{what}`");
                        let span = match tree.raw(*item).span {
                            it if it.end > it.start => it,
                            _ => tree.raw(key).span,
                        };
                        self.report(Rule::SchemaType, span, message, "remove the entry");
                    } else {
                        self.node(*item, each, what, *item);
                    }
                }
            }
            Shape::Text => self.text(id, node, what),
            Shape::OneOf(list) => {
                if !list.contains(&node.literal()) {
                    let fault = format!("only {} are known", list.join(", "));
                    self.value(id, what, &fault, "write one of these, or leave the key out");
                }
            }
            Shape::AtLeast(least) => {
                if node.literal().chars().count() < *least {
                    let fault = format!("it has fewer than {least} characters");
                    // The value may be a password: the report points at the key.
                    self.value(key, what, &fault, "write it out, or leave the key out");
                }
            }
            Shape::AbsolutePath => {
                if !node.literal().starts_with('/') {
                    self.value(
                        id,
                        what,
                        "the path does not begin with `/`",
                        "write an absolute path",
                    );
                }
            }
            Shape::Number(least, most) => self.number(id, node, *least, *most, what),
            Shape::Cores => {
                if !is_cores(node) {
                    self.value(
                        id,
                        what,
                        "it is not a number above zero",
                        "write cores like `0.5`, or `500m`",
                    );
                }
            }
            Shape::Amount => {
                if !is_digits(node.literal()) {
                    self.value(
                        id,
                        what,
                        "it is not digits with at most one point",
                        "write `100` or `12.5`",
                    );
                }
            }
            Shape::Window => {
                if !is_window(node.literal()) {
                    let hint = "write whole seconds, minutes or hours, like `36h`";
                    self.value(id, what, "they know one number with `s`, `m` or `h`", hint);
                }
            }
            Shape::Version => self.version(id, node),
            Shape::Volumes => match &node.kind {
                Kind::Sequence(items) => {
                    for item in items {
                        self.node(*item, &VOLUME, what, key);
                    }
                }
                _ => self.node(id, &VOLUME, what, key),
            },
            Shape::VolumeAttributes => self.volume_attributes(node, key),
            Shape::GpuUnits => {
                if is_quoted(node) && node.literal().trim_start_matches('0').is_empty() {
                    let hint = "write `units: 0` without quotes, or remove `gpu`";
                    self.report(
                        Rule::SchemaGpu,
                        tree.raw(id).span,
                        format!("{THEY} the text `0` as a number of GPUs"),
                        hint,
                    );
                }
            }
            Shape::GpuVendor => {
                let Kind::Mapping(pairs) = &node.kind else { return };
                let nvidia = pairs.iter().find(|it| tree.get(it.0).literal() == "nvidia");
                match nvidia {
                    Some((name, list)) if !tree.get(*list).is_null() => {
                        self.node(*list, &GPU_MODELS, "nvidia", *name);
                    }
                    Some(_) => {}
                    None => self.report(
                        Rule::SchemaGpu,
                        tree.raw(key).span,
                        format!("{THEY} a GPU without `nvidia` under `vendor`"),
                        "write `vendor:` with `nvidia:` below it; without it any NVIDIA model is meant here",
                    ),
                }
            }
            Shape::To => self.to(node),
            Shape::Free => {}
        }
    }

    fn null(&mut self, key: NodeId, what: &str) {
        let message = format!("{THEY} `{what}` without a value");
        let span = self.tree.raw(key).span;
        self.report(Rule::SchemaType, span, message, "remove the key, or give it a value");
    }

    fn keys(&mut self, node: &'w Node<'_>, keys: &'static [Key], what: &str, key: NodeId) {
        let tree: &'w Tree<'_> = self.tree;
        let Kind::Mapping(pairs) = &node.kind else { return };
        let mut missing = keys.iter().filter(|it| it.is_required).count();
        let mut is_merged = false;
        for (name, value) in pairs {
            let name_node = tree.raw(*name);
            let literal = match &name_node.kind {
                Kind::Scalar { text, .. } => text.as_ref(),
                _ => continue,
            };
            let Some(known) = keys.iter().find(|it| it.name == literal) else {
                is_merged |= literal == "<<";
                continue;
            };
            missing -= usize::from(known.is_required);
            if tree.get(*value).is_null() {
                if !known.may_be_null {
                    self.null(*name, literal);
                }
            } else {
                self.node(*value, &known.shape, literal, *name);
            }
        }
        if missing == 0 || is_merged {
            return;
        }
        let has = |key: &Key| pairs.iter().any(|it| tree.get(it.0).literal() == key.name);
        for absent in keys.iter().filter(|it| it.is_required && !has(it)) {
            let message = match what {
                "" => format!("{THEY} a file without `{}`", absent.name),
                _ => format!("{THEY} `{what}` without `{}`", absent.name),
            };
            let hint = format!("write `{}:` below it", absent.name);
            self.report(Rule::SchemaRequired, tree.raw(key).span, message, hint);
        }
    }

    fn text(&mut self, id: NodeId, node: &Node<'_>, what: &str) {
        let Some(kind) = bare(node) else { return };
        let message = format!("{THEY} `{what}`: {kind} stands where a text is wanted");
        let literal = node.literal();
        let hint = format!("put it in quotes: `\"{literal}\"`");
        self.report(Rule::SchemaType, self.tree.raw(id).span, message, hint);
    }

    fn number(&mut self, id: NodeId, node: &Node<'_>, least: u32, most: u32, what: &str) {
        let Ok(Some(value)) = node.uint32() else { return };
        if value < least || value > most {
            let fault = format!("it is not between {least} and {most}");
            let hint = match value {
                0 => "write a positive number, or leave the key out".to_owned(),
                _ => format!("write a number from {least} to {most}"),
            };
            self.value(id, what, &fault, hint);
        }
    }

    fn version(&mut self, id: NodeId, node: &Node<'_>) {
        let literal = node.literal();
        let is_known = matches!(literal, "2.0" | "2.1");
        if is_known && is_quoted(node) {
            return;
        }
        let span = self.tree.raw(id).span;
        let (message, hint) = match is_known {
            true => (
                format!("{THEY} a version without quotes"),
                format!("write `version: \"{literal}\"`"),
            ),
            false => (
                format!("{THEY} the version `{literal}`"),
                "write `version: \"2.0\"` or `version: \"2.1\"`".to_owned(),
            ),
        };
        self.report(Rule::SchemaVersion, span, message, hint);
    }

    fn volume_attributes(&mut self, node: &Node<'_>, key: NodeId) {
        let Kind::Mapping(pairs) = &node.kind else { return };
        let has = |name: &str| {
            pairs.iter().any(|it| {
                let literal = self.tree.get(it.0).literal();
                literal == name || literal == "<<"
            })
        };
        let (message, hint) = match (has("class"), has("persistent")) {
            (true, true) => return,
            (true, false) => (
                format!("{THEY} a volume with `class` and without `persistent`"),
                "add `persistent: false` for a volume in memory, `persistent: true` otherwise",
            ),
            (false, true) => (
                format!("{THEY} a volume with `persistent` and without `class`"),
                "add `class: default`, or remove `attributes` from a volume that is not persistent",
            ),
            (false, false) => (
                format!("{THEY} `attributes` without `class` and `persistent`"),
                "remove `attributes`",
            ),
        };
        self.report(Rule::SchemaStorage, self.tree.raw(key).span, message, hint);
    }

    fn to(&mut self, node: &'w Node<'_>) {
        let tree: &'w Tree<'_> = self.tree;
        let Kind::Mapping(pairs) = &node.kind else { return };
        for (key, value) in pairs {
            let span = tree.raw(*key).span;
            let literal = tree.get(*key).literal();
            match literal {
                "http_options" => self.report(
                    Rule::SchemaTo,
                    span,
                    format!("{THEY} `http_options` inside `to`; here it has no effect"),
                    "write it beside `to`",
                ),
                "ip" if tree.get(*value).literal().is_empty() => self.report(
                    Rule::SchemaTo,
                    span,
                    format!("{THEY} an empty `ip`"),
                    "remove the key, or name an endpoint",
                ),
                "service" if tree.get(*value).is_null() => self.null(*key, literal),
                "global" if tree.get(*value).is_null() => self.null(*key, literal),
                _ => {}
            }
        }
    }
}

fn is_quoted(node: &Node<'_>) -> bool {
    node.is_quoted() || node.tag.as_deref() == Some("!!str")
}

/// What a bare scalar is, unless it is a text.
fn bare(node: &Node<'_>) -> Option<&'static str> {
    let Kind::Scalar { text, style: Style::Plain } = &node.kind else { return None };
    if node.tag.is_some() {
        return None;
    }
    match text.as_bytes().first()? {
        b't' | b'T' | b'f' | b'F' => {
            matches!(text.as_ref(), "true" | "True" | "TRUE" | "false" | "False" | "FALSE")
                .then_some("a flag")
        }
        b'0'..=b'9' | b'+' | b'-' | b'.' => is_number(text).then_some("a number"),
        _ => None,
    }
}

/// A number as YAML 1.2 reads it.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(rest) = digits.strip_prefix(prefix) {
            return !rest.is_empty() && rest.chars().all(|it| it.is_digit(radix));
        }
    }
    crate::quantity::is_decimal_float(digits)
}

/// `^[0-9]+(\.[0-9]+)?$`, or a number that is not negative.
fn is_digits(text: &str) -> bool {
    let digits = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    match text.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => digits(text),
    }
}

/// A number above zero, or a text `^[0-9]+(\.[0-9]+)?[a-zA-Z]*$` other than zero.
fn is_cores(node: &Node<'_>) -> bool {
    let text = node.literal();
    let number = text.trim_end_matches(|it: char| it.is_ascii_alphabetic());
    let is_positive = text.bytes().any(|it| matches!(it, b'1'..=b'9'));
    is_positive && (is_digits(number) || (!is_quoted(node) && is_number(text)))
}

/// `^[1-9][0-9]*(s|m|h)$`.
fn is_window(text: &str) -> bool {
    let number = text.strip_suffix(['s', 'm', 'h']).unwrap_or_default();
    number.starts_with(|it: char| matches!(it, '1'..='9'))
        && number.bytes().all(|it| it.is_ascii_digit())
}
