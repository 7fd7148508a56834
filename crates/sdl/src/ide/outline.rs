//! The keys and values of a file with their places, also while it is being typed.
//!
//! From the tree where the text is YAML, else line by line from the indentation: half a key, an open quote
//! or a missing colon then spoils its own line and nothing else.

use crate::Span;
use crate::yaml::{self, Kind, NodeId, Tree};
use std::ops::Range;

/// Lists that may begin on one line of a text that is no YAML.
const MOST_LEVELS: usize = 64;

/// What stands as a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Empty,
    Scalar,
    Alias,
    Map,
    Seq,
}

/// A text and where it stands, quotes included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) place: Range<usize>,
}

/// One entry: a key with its value, or an entry of a list.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) parent: usize,
    /// Absent in lists.
    pub(super) key: Option<Word>,
    /// Which entry of the list or mapping around it.
    pub(super) index: usize,
    /// The value, if it is a scalar or an alias.
    pub(super) value: Option<Word>,
    pub(super) shape: Shape,
    /// From the key to the end of the value.
    pub(super) place: Range<usize>,
    pub(super) children: Vec<usize>,
}

/// All entries; the first is the file itself.
#[derive(Clone, Debug)]
pub(super) struct Outline {
    pub(super) items: Vec<Item>,
}

fn range(span: Span) -> Range<usize> {
    let wide = |it: u32| usize::try_from(it).unwrap_or(usize::MAX);
    wide(span.start)..wide(span.end)
}

impl Outline {
    /// Reads a text by its tree if it has one, else by its lines.
    pub(super) fn new(text: &str) -> Self {
        match yaml::parse(text) {
            Ok(tree) => Self::of_tree(&tree, text.len()),
            Err(_) => Self::of_lines(text),
        }
    }

    fn empty(end: usize) -> Self {
        let root = Item {
            parent: 0,
            key: None,
            index: 0,
            value: None,
            shape: Shape::Empty,
            place: 0..end,
            children: Vec::new(),
        };
        Self { items: vec![root] }
    }

    fn add(&mut self, parent: usize, key: Option<Word>, place: Range<usize>) -> usize {
        let id = self.items.len();
        let index = self.items.get(parent).map_or(0, |it| it.children.len());
        let shape = Shape::Empty;
        let item = Item { parent, key, index, value: None, shape, place, children: Vec::new() };
        self.items.push(item);
        if let Some(parent) = self.items.get_mut(parent) {
            parent.children.push(id);
        }
        id
    }

    pub(super) fn get(&self, id: usize) -> Option<&Item> {
        self.items.get(id)
    }

    /// The keys down to an item; entries of lists by their number.
    pub(super) fn path(&self, id: usize) -> Vec<String> {
        let mut path = Vec::new();
        let mut at = id;
        while at != 0 {
            let Some(item) = self.items.get(at) else { break };
            path.push(match &item.key {
                Some(key) => key.text.clone(),
                None => format!("[{}]", item.index),
            });
            at = item.parent;
        }
        path.reverse();
        path
    }

    pub(super) fn children(&self, id: usize) -> impl Iterator<Item = (usize, &Item)> {
        let ids = self.items.get(id).map(|it| it.children.as_slice()).unwrap_or_default();
        ids.iter().filter_map(|id| Some((*id, self.items.get(*id)?)))
    }

    /// The entry with a key.
    pub(super) fn child(&self, id: usize, key: &str) -> Option<(usize, &Item)> {
        self.children(id).find(|it| it.1.key.as_ref().is_some_and(|word| word.text == key))
    }

    /// The entry at the end of a path of keys.
    pub(super) fn find(&self, path: &[&str]) -> Option<usize> {
        path.iter().try_fold(0, |at, key| self.child(at, key).map(|it| it.0))
    }

    /// The named entries below a path of keys.
    pub(super) fn names(&self, path: &[&str]) -> Vec<String> {
        let Some(id) = self.find(path) else { return Vec::new() };
        self.children(id).filter_map(|it| it.1.key.as_ref()).map(|it| it.text.clone()).collect()
    }

    /// The entry whose key or value stands at a place, and whether it is the key.
    pub(super) fn at(&self, place: usize) -> Option<(usize, bool)> {
        let touches = |word: &Option<Word>| {
            word.as_ref().is_some_and(|it| it.place.start <= place && place <= it.place.end)
        };
        self.items.iter().enumerate().skip(1).find_map(|(id, item)| {
            if touches(&item.key) {
                return Some((id, true));
            }
            touches(&item.value).then_some((id, false))
        })
    }

    // From the tree.

    fn of_tree(tree: &Tree<'_>, end: usize) -> Self {
        let mut outline = Self::empty(end);
        if let Some(root) = tree.root() {
            outline.value(tree, root, 0);
        }
        outline
    }

    fn value(&mut self, tree: &Tree<'_>, id: NodeId, item: usize) {
        let node = tree.raw(id);
        let place = range(node.span);
        let (shape, word) = match &node.kind {
            Kind::Scalar { .. } if place.is_empty() => (Shape::Empty, None),
            Kind::Scalar { text, .. } => (Shape::Scalar, Some(text.clone().into_owned())),
            Kind::Alias { name, .. } | Kind::Cycle { name } => {
                (Shape::Alias, Some((*name).to_owned()))
            }
            Kind::Sequence(_) => (Shape::Seq, None),
            Kind::Mapping(_) => (Shape::Map, None),
        };
        if let Some(item) = self.items.get_mut(item) {
            item.shape = shape;
            item.value = word.map(|text| Word { text, place: place.clone() });
            item.place.end = item.place.end.max(place.end);
        }
        match &node.kind {
            Kind::Sequence(items) => {
                for child in items {
                    let place = range(tree.raw(*child).span);
                    let id = self.add(item, None, place);
                    self.value(tree, *child, id);
                }
            }
            Kind::Mapping(pairs) => {
                for (key, child) in pairs {
                    let node = tree.raw(*key);
                    let place = range(node.span);
                    let text = node.literal().to_owned();
                    let word = Word { text, place: place.clone() };
                    let id = self.add(item, Some(word), place);
                    self.value(tree, *child, id);
                }
            }
            _ => {}
        }
    }

    // From the lines.

    pub(super) fn of_lines(text: &str) -> Self {
        let mut lines = Lines { outline: Self::empty(text.len()), open: Vec::new(), block: None };
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            lines.line(line.trim_end_matches(['\n', '\r']), at);
            at += line.len();
        }
        lines.outline.close();
        lines.outline
    }

    /// Makes each entry reach to the end of its last part.
    fn close(&mut self) {
        for id in (1..self.items.len()).rev() {
            let Some(item) = self.items.get(id) else { continue };
            let (parent, end) = (item.parent, item.place.end);
            if let Some(parent) = self.items.get_mut(parent) {
                parent.place.end = parent.place.end.max(end);
            }
        }
    }
}

/// An entry that later lines may belong to.
struct Open {
    column: usize,
    item: usize,
    is_list_entry: bool,
}

struct Lines {
    outline: Outline,
    open: Vec<Open>,
    /// Inside a block text: the column of its key.
    block: Option<usize>,
}

impl Lines {
    fn line(&mut self, line: &str, start: usize) {
        let line_text = line.trim_start_matches('\u{feff}');
        let start = start + (line.len() - line_text.len());
        let indent = line_text.len() - line_text.trim_start_matches([' ', '\t']).len();
        let rest = line_text.get(indent..).unwrap_or_default();
        if rest.is_empty() {
            return;
        }
        if let Some(column) = self.block {
            if indent > column {
                return;
            }
            self.block = None;
        }
        let is_marker = indent == 0
            && (rest.starts_with('%') || rest.starts_with("---") || rest.starts_with("..."));
        if rest.starts_with('#') || is_marker {
            return;
        }
        // Deeper lines count as parts of the deepest level that is followed.
        self.open.truncate(yaml::MAX_DEPTH);
        self.content(rest, indent, start + indent);
    }

    /// What stands at a column, `- ` first.
    fn content(&mut self, mut rest: &str, mut column: usize, mut at: usize) {
        let mut parent = None;
        let mut dash = column;
        for _ in 0..MOST_LEVELS {
            let Some(after) =
                rest.strip_prefix('-').filter(|it| it.is_empty() || it.starts_with(' '))
            else {
                break;
            };
            let holder = match parent {
                Some(id) => id,
                None => self.list_at(column),
            };
            let id = self.outline.add(holder, None, at..at + 1);
            self.set_shape(holder, Shape::Seq);
            self.open.push(Open { column, item: id, is_list_entry: true });
            dash = column;
            let skipped = 1 + after.len() - after.trim_start_matches(' ').len();
            rest = rest.get(skipped..).unwrap_or_default();
            (column, at) = (column + skipped, at + skipped);
            parent = Some(id);
            if rest.starts_with('#') {
                return;
            }
        }
        if rest.is_empty() {
            return;
        }
        if let Some((key, after)) = split_key(rest) {
            let holder = parent.unwrap_or_else(|| self.mapping_at(column));
            let word = Word { text: unquoted(key).to_owned(), place: at..at + key.len() };
            let id = self.outline.add(holder, Some(word), at..at + after);
            self.set_shape(holder, Shape::Map);
            self.open.push(Open { column, item: id, is_list_entry: false });
            self.value(id, rest.get(after..).unwrap_or_default(), at + after, column);
            return;
        }
        match parent {
            Some(id) => self.value(id, rest, at, dash),
            None => {
                // Half a key, or more of a text; it can be asked about as a key.
                let holder = self.mapping_at(column);
                let text = without_comment(rest);
                let is_word = !text.is_empty() && !text.contains(char::is_whitespace);
                if is_word && self.outline.get(holder).is_some_and(|it| it.value.is_none()) {
                    let word = Word { text: text.to_owned(), place: at..at + text.len() };
                    self.outline.add(holder, Some(word), at..at + text.len());
                }
            }
        }
    }

    fn set_shape(&mut self, id: usize, shape: Shape) {
        if let Some(item) = self.outline.items.get_mut(id) {
            item.shape = shape;
        }
    }

    /// What a list that begins at a column belongs to: its key may stand at the same column.
    fn list_at(&mut self, column: usize) -> usize {
        while let Some(last) = self.open.last() {
            if last.column > column || (last.column == column && last.is_list_entry) {
                self.open.pop();
            } else {
                break;
            }
        }
        self.open.last().map_or(0, |it| it.item)
    }

    fn mapping_at(&mut self, column: usize) -> usize {
        while self.open.last().is_some_and(|it| it.column >= column) {
            self.open.pop();
        }
        self.open.last().map_or(0, |it| it.item)
    }

    fn value(&mut self, id: usize, rest: &str, at: usize, column: usize) {
        let skipped = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let (mut text, mut at) =
            (without_comment(rest.get(skipped..).unwrap_or_default()), at + skipped);
        while text.starts_with(['&', '!']) {
            let word = text.find(' ').map_or(text.len(), |it| it + 1);
            text = text.get(word..).unwrap_or_default();
            at += word;
        }
        if text.is_empty() {
            return;
        }
        if text.starts_with(['|', '>']) {
            self.block = Some(column);
            self.set_shape(id, Shape::Scalar);
            return;
        }
        if text.starts_with(['[', '{'])
            && let Ok(tree) = yaml::parse(text)
        {
            let inner = Outline::of_tree(&tree, text.len());
            self.graft(&inner, 0, id, at);
            return;
        }
        let (shape, word) = match text.strip_prefix('*') {
            Some(name) => (Shape::Alias, name),
            None => (Shape::Scalar, unquoted(text)),
        };
        if let Some(item) = self.outline.items.get_mut(id) {
            item.shape = shape;
            item.value = Some(Word { text: word.to_owned(), place: at..at + text.len() });
            item.place.end = at + text.len();
        }
    }

    /// Takes over the children of an outline that begins at an offset.
    fn graft(&mut self, inner: &Outline, from: usize, to: usize, offset: usize) {
        let moved = |it: &Range<usize>| it.start + offset..it.end + offset;
        let word = |it: &Word| Word { text: it.text.clone(), place: moved(&it.place) };
        let Some(source) = inner.get(from) else { return };
        if let Some(target) = self.outline.items.get_mut(to) {
            target.shape = source.shape;
            target.value = source.value.as_ref().map(word);
            target.place.end = target.place.end.max(moved(&source.place).end);
        }
        for (child, item) in inner.children(from) {
            let id = self.outline.add(to, item.key.as_ref().map(word), moved(&item.place));
            self.graft(inner, child, id, offset);
        }
    }
}

/// A key before its `:`, and the length up to behind that; brackets and quotes are respected.
pub(super) fn split_key(text: &str) -> Option<(&str, usize)> {
    let bytes = text.as_bytes();
    if matches!(bytes.first(), Some(b'[' | b'{' | b'#' | b'|' | b'>' | b'&' | b'*' | b'!')) {
        return None;
    }
    let mut from = 0;
    if let Some(quote @ (b'"' | b'\'')) = bytes.first() {
        from = bytes.iter().skip(1).position(|it| it == quote)? + 2;
    }
    for (at, byte) in bytes.iter().enumerate().skip(from) {
        let gap = matches!(bytes.get(at + 1), None | Some(b' ' | b'\t'));
        if *byte == b':' && gap {
            return Some((text.get(..at)?.trim_end(), at + 1));
        }
        if *byte == b'#' && at > 0 && matches!(bytes.get(at - 1), Some(b' ' | b'\t')) {
            return None;
        }
    }
    None
}

/// The text before a comment, trimmed.
fn without_comment(text: &str) -> &str {
    if text.starts_with('#') {
        return "";
    }
    let mut quote = None;
    let mut before = ' ';
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (None, '"' | '\'') if matches!(before, ' ' | ',' | '[' | '{' | ':') => {
                quote = Some(character);
            }
            (Some(open), it) if it == open && before != '\\' => quote = None,
            (None, '#') if before == ' ' || before == '\t' => {
                return text.get(..at).unwrap_or_default().trim_end();
            }
            _ => {}
        }
        before = character;
    }
    text.trim_end()
}

fn unquoted(text: &str) -> &str {
    let inner =
        |quote: char| text.strip_prefix(quote).map(|it| it.strip_suffix(quote).unwrap_or(it));
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(outline: &Outline) -> Vec<String> {
        let line = |id: usize| {
            let item = outline.get(id).expect("an item");
            let value = item.value.as_ref().map_or(String::new(), |it| format!(" = {}", it.text));
            format!("{}{value}", outline.path(id).join("."))
        };
        (1..outline.items.len()).map(line).collect()
    }

    #[test]
    fn lines_and_tree_see_the_same() {
        let text = "\
version: \"2.0\"  # v
services:
  web:
    image: nginx
    command: [sh, -c]
    env:
    - A=1
    -   B=2
    expose:
      - port: 80
        to: [{global: true}]
    args:
      - |
        x: y
      - z
";
        let tree = show(&Outline::of_tree(&yaml::parse(text).expect("YAML"), text.len()));
        let lines = show(&Outline::of_lines(text));
        let tree: Vec<_> = tree.iter().map(|it| it.replace(" = x: y\n", "")).collect();
        assert_eq!(tree, lines);
        assert!(lines.contains(&"services.web.expose.[0].to.[0].global = true".to_owned()));
    }

    #[test]
    fn a_broken_line_spoils_only_itself() {
        let text = "services:\n  web:\n    ima\n    env:\n      - \"A=\n  api:\n    image: x\n";
        assert!(yaml::parse(text).is_err());
        let lines = show(&Outline::new(text));
        assert_eq!(
            lines,
            [
                "services",
                "services.web",
                "services.web.ima",
                "services.web.env",
                "services.web.env.[0] = A=",
                "services.api",
                "services.api.image = x",
            ]
        );
    }
}
