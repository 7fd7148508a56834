//! A read file to text.

use super::{INDENT, Style, WIDTH, scalar};
use crate::cst::{Block, Body, Comment, Entry, File, Node, Parts};
use crate::yaml;
use std::mem::take;

/// Writes a file down.
pub(super) fn write(file: File<'_>, style: Style) -> String {
    let mut writer = Writer { out: String::new(), style, path: Vec::new(), is_open: false };
    writer.file(file);
    writer.out
}

struct Writer {
    out: String,
    style: Style,
    /// Keys down to here; empty texts for entries of lists.
    path: Vec<String>,
    /// The last text keeps the line ends after it: a blank line would become part of it.
    is_open: bool,
}

impl Writer {
    fn file(&mut self, file: File<'_>) {
        self.comments(&file.prologue, 0, false);
        for line in &file.directives {
            self.out.push_str(line);
            self.out.push('\n');
        }
        if let Some(comment) = &file.marker {
            self.out.push_str("---");
            self.end_line(comment.as_ref());
        }
        let is_first = self.out.is_empty();
        match file.root {
            None => {}
            Some(Node { properties, body: Body::Map(block), .. }) if properties.is_empty() => {
                self.block(block, 0, false);
            }
            Some(node) => self.root(node),
        }
        let begins_apart = !is_first || !self.out.is_empty();
        self.comments(&file.tail, 0, begins_apart);
        if !file.rest.is_empty() {
            self.out.push_str(file.rest.trim_end_matches('\n'));
            self.out.push('\n');
        }
    }

    /// A root that is no plain mapping.
    fn root(&mut self, mut node: Node<'_>) {
        let before = take(&mut node.before);
        self.comments(&before, 0, false);
        if node.properties.is_empty()
            && let Body::Flow { parts, .. } = &mut node.body
            && let Some(Parts::Map(pairs)) =
                parts.take_if(|it| matches!(it, Parts::Map(_)) && !is_empty(it))
        {
            self.block(unfold(Parts::Map(pairs)), 0, false);
            return;
        }
        if matches!(node.body, Body::Map(_) | Body::Seq(_)) {
            if !node.properties.is_empty() {
                self.out.push_str(&node.properties.join(" "));
                self.out.push('\n');
            }
            if let Body::Map(block) | Body::Seq(block) = node.body {
                self.block(block, 0, false);
            }
            return;
        }
        let start = self.out.len();
        self.value(node, 0, None, None);
        // The value wrote the space that parts it from what announces it.
        if self.out.get(start..).is_some_and(|it| it.starts_with(' ')) {
            self.out.remove(start);
        }
    }

    fn indent(&mut self, columns: usize) {
        self.out.extend(std::iter::repeat_n(' ', columns));
    }

    fn blank_line(&mut self) {
        if !self.is_open && !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    /// Ends a line, with a comment if there is one.
    fn end_line(&mut self, comment: Option<&Comment<'_>>) {
        if let Some(comment) = comment {
            self.out.push_str("  ");
            self.out.push_str(comment.text);
        }
        self.out.push('\n');
        self.is_open = false;
    }

    /// Comments with a line each; `begins_apart` if a blank line before the first one counts.
    fn comments(&mut self, comments: &[Comment<'_>], column: usize, begins_apart: bool) {
        for (index, comment) in comments.iter().enumerate() {
            if comment.after_blank && (index > 0 || begins_apart) {
                self.blank_line();
            }
            self.indent(column);
            self.out.push_str(comment.text);
            self.out.push('\n');
            self.is_open = false;
        }
    }

    /// The entries of a block; `is_inline` if the first one follows `- ` on its line.
    fn block(&mut self, block: Block<'_>, column: usize, is_inline: bool) {
        let is_top = column == 0 && self.path.is_empty();
        let mut was_section = false;
        for (index, mut entry) in block.entries.into_iter().enumerate() {
            hoist(&mut entry);
            let is_section = is_top
                && entry.key.is_some()
                && matches!(&entry.value.body, Body::Map(_) | Body::Seq(_));
            if index > 0 && (entry.is_set_apart() || is_section || was_section) {
                self.blank_line();
            }
            was_section = is_section;
            if !(is_inline && index == 0) {
                self.comments(&entry.lead, column, false);
                if entry.after_blank && !entry.lead.is_empty() {
                    self.blank_line();
                }
                self.indent(column);
            }
            self.entry(entry, column);
        }
        self.comments(&block.tail, column, true);
    }

    fn entry(&mut self, entry: Entry<'_>, column: usize) {
        let Entry { key, head, value, inner, tail, .. } = entry;
        match key {
            Some(key) => {
                let name = match &key.body {
                    Body::Scalar { text, .. } => text.clone().into_owned(),
                    _ => String::new(),
                };
                let text = self.inline(&key).unwrap_or_default();
                self.out.push_str(&text);
                // `*a:` would be an alias called `a:`.
                let needs_space = matches!(key.body, Body::Alias(_) | Body::Empty);
                self.out.push_str(if needs_space { " :" } else { ":" });
                self.path.push(name);
            }
            None => {
                self.out.push('-');
                self.path.push("[]".into());
            }
        }
        self.value(value, column, head.as_ref(), tail.as_ref());
        self.path.pop();
        self.comments(&inner, column + INDENT, true);
    }

    /// What follows `key:` or `-`, to the end of the last line.
    fn value(
        &mut self,
        node: Node<'_>,
        column: usize,
        head: Option<&Comment<'_>>,
        tail: Option<&Comment<'_>>,
    ) {
        let is_item = self.path.last().is_some_and(|it| it == "[]");
        for property in &node.properties {
            self.out.push(' ');
            self.out.push_str(property);
        }
        let has_properties = !node.properties.is_empty();
        match node.body {
            Body::Empty => self.end_line(tail),
            Body::Alias(raw) => {
                self.out.push(' ');
                self.out.push_str(raw);
                self.end_line(tail);
            }
            Body::Map(block) | Body::Seq(block) => {
                if is_item && !has_properties {
                    self.out.push(' ');
                    self.block(block, column + INDENT, true);
                } else {
                    self.end_line(head);
                    self.block(block, column + INDENT, false);
                }
            }
            Body::Scalar {
                raw,
                style: yaml::Style::Literal | yaml::Style::Folded,
                column: old,
                ..
            } => {
                self.out.push(' ');
                self.block_scalar(raw, column, old);
            }
            Body::Scalar { raw, .. } if raw.contains('\n') => {
                self.out.push(' ');
                for (index, line) in raw.split('\n').enumerate() {
                    let text = if index == 0 { line } else { line.trim_start_matches([' ', '\t']) };
                    if index > 0 {
                        self.out.push('\n');
                        if !text.is_empty() {
                            self.indent(column + INDENT);
                        }
                    }
                    self.out.push_str(text);
                }
                self.end_line(tail);
            }
            Body::Scalar { .. } => {
                let bare = Node { properties: Vec::new(), ..node };
                let text = self.scalar_text(&bare, has_properties);
                self.out.push(' ');
                self.out.push_str(&text);
                self.end_line(tail);
            }
            Body::Flow { raw, parts } => self.flow(raw, parts, column, has_properties, tail),
        }
    }

    fn flow(
        &mut self,
        raw: &str,
        parts: Option<Parts<'_>>,
        column: usize,
        has_properties: bool,
        tail: Option<&Comment<'_>>,
    ) {
        let is_item = self.path.last().is_some_and(|it| it == "[]");
        let Some(parts) = parts else {
            self.out.push(' ');
            self.shifted(raw, column);
            self.end_line(tail);
            return;
        };
        let line_start = self.out.rfind('\n').map_or(0, |it| it + 1);
        let used = self.out.get(line_start..).unwrap_or_default().chars().count() + 1;
        let text = self.brackets(&parts);
        if is_empty(&parts) || used + text.chars().count() <= WIDTH || self.path.is_empty() {
            self.out.push(' ');
            self.out.push_str(&text);
            self.end_line(tail);
            return;
        }
        let block = unfold(parts);
        if is_item && !has_properties {
            // The comment of the last line has to stand somewhere: on the first one.
            self.out.push(' ');
            if let Some(tail) = tail {
                self.out.truncate(self.out.len() - 1);
                self.end_line(Some(tail));
                self.block(block, column + INDENT, false);
            } else {
                self.block(block, column + INDENT, true);
            }
        } else {
            self.end_line(tail);
            self.block(block, column + INDENT, false);
        }
    }

    /// Lines of brackets that are kept as they are, moved to where they begin now.
    fn shifted(&mut self, raw: &str, column: usize) {
        let lines: Vec<&str> = raw.split('\n').collect();
        let width = |it: &str| it.len() - it.trim_start_matches([' ', '\t']).len();
        let least =
            lines.iter().skip(1).filter(|it| !it.trim().is_empty()).map(|it| width(it)).min();
        let closes = lines.last().is_some_and(|it| it.trim_start().starts_with([']', '}']));
        let base = if closes { column } else { column + INDENT };
        for (index, line) in lines.iter().enumerate() {
            if index == 0 {
                self.out.push_str(line);
                continue;
            }
            self.out.push('\n');
            if !line.trim().is_empty() {
                self.indent(base);
                self.out.push_str(line.get(least.unwrap_or(0)..).unwrap_or_default());
            }
        }
    }

    /// `|` or `>` and its lines, moved below the new column of its key.
    fn block_scalar(&mut self, raw: &str, column: usize, old_column: usize) {
        let mut lines = raw.split('\n');
        let header = lines.next().unwrap_or_default().trim_end();
        let marks = header.split([' ', '\t', '#']).next().unwrap_or_default();
        let explicit =
            marks.chars().find_map(|it| it.to_digit(10)).and_then(|it| usize::try_from(it).ok());
        let lines: Vec<&str> = lines.collect();
        let width = |it: &str| it.len() - it.trim_start_matches(' ').len();
        let (old, new) = match explicit {
            Some(more) => (old_column + more, column + more),
            None => {
                let first = lines.iter().find(|it| !it.trim_matches(' ').is_empty());
                (first.map_or(0, |it| width(it)), column + INDENT)
            }
        };
        self.out.push_str(header);
        let keeps = marks.contains('+');
        for (index, line) in lines.iter().enumerate() {
            let is_last = index + 1 == lines.len();
            // The text ended with a line end, which is written below.
            if is_last && line.is_empty() && keeps {
                break;
            }
            self.out.push('\n');
            let text = line.get(old.min(width(line))..).unwrap_or_default();
            if !text.is_empty() {
                self.indent(new);
                self.out.push_str(text);
            }
        }
        self.out.push('\n');
        self.is_open = keeps;
    }

    /// A value on one line, properties first.
    fn inline(&self, node: &Node<'_>) -> Option<String> {
        let mut text = node.properties.join(" ");
        let has_properties = !text.is_empty();
        if has_properties {
            text.push(' ');
        }
        match &node.body {
            Body::Empty => {}
            Body::Alias(raw) => text.push_str(raw),
            Body::Scalar { .. } => text.push_str(&self.scalar_text(node, has_properties)),
            Body::Flow { parts: Some(parts), .. } => text.push_str(&self.brackets(parts)),
            _ => return None,
        }
        Some(text)
    }

    fn brackets(&self, parts: &Parts<'_>) -> String {
        match parts {
            Parts::Seq(items) => {
                let items: Vec<_> = items.iter().filter_map(|it| self.inline(it)).collect();
                format!("[{}]", items.join(", "))
            }
            Parts::Map(pairs) => {
                let pair = |(key, value): &(Node<'_>, Node<'_>)| {
                    let space = if matches!(key.body, Body::Alias(_)) { " " } else { "" };
                    Some(format!("{}{space}: {}", self.inline(key)?, self.inline(value)?))
                };
                let pairs: Vec<_> = pairs.iter().filter_map(pair).collect();
                format!("{{{}}}", pairs.join(", "))
            }
        }
    }

    fn scalar_text(&self, node: &Node<'_>, has_properties: bool) -> String {
        let Body::Scalar { raw, text, style, .. } = &node.body else { return String::new() };
        let is_tagged = has_properties && node.properties.iter().any(|it| it.starts_with('!'));
        let is_version =
            self.path.len() == 1 && self.path.first().is_some_and(|it| it == "version");
        if !self.style.changes_quotes || is_tagged || has_properties {
            return (*raw).to_owned();
        }
        let is_quoted = *style != yaml::Style::Plain;
        match () {
            () if is_version && !text.is_empty() && !text.starts_with('~') => {
                scalar::quoted(text).unwrap_or_else(|| (*raw).to_owned())
            }
            () if !is_quoted => (*raw).to_owned(),
            () if scalar::is_plain(text) => text.clone().into_owned(),
            () if *style == yaml::Style::SingleQuoted => {
                scalar::quoted(text).unwrap_or_else(|| (*raw).to_owned())
            }
            () => (*raw).to_owned(),
        }
    }
}

/// A list entry begins on the line of its `-`, so comments before its content go before the entry.
fn hoist(entry: &mut Entry<'_>) {
    if entry.key.is_some() || !entry.value.properties.is_empty() {
        return;
    }
    let mut moved: Vec<Comment<'_>> = entry.head.take().into_iter().collect();
    if let Body::Map(block) | Body::Seq(block) = &mut entry.value.body
        && let Some(first) = block.entries.first_mut()
    {
        hoist(first);
        moved.append(&mut first.lead);
        first.after_blank = false;
    }
    for comment in &mut moved {
        comment.after_blank = false;
    }
    if let Some(first) = moved.first_mut() {
        // The blank line was before the `-`.
        first.after_blank = take(&mut entry.after_blank);
    }
    entry.lead.append(&mut moved);
}

fn is_empty(parts: &Parts<'_>) -> bool {
    match parts {
        Parts::Seq(items) => items.is_empty(),
        Parts::Map(pairs) => pairs.is_empty(),
    }
}

/// Brackets to lines.
fn unfold<'s>(parts: Parts<'s>) -> Block<'s> {
    let entry = |key, value| Entry {
        lead: Vec::new(),
        after_blank: false,
        key,
        head: None,
        value,
        inner: Vec::new(),
        tail: None,
    };
    let entries = match parts {
        Parts::Seq(items) => items.into_iter().map(|it| entry(None, it)).collect(),
        Parts::Map(pairs) => pairs.into_iter().map(|it| entry(Some(it.0), it.1)).collect(),
    };
    Block { entries, tail: Vec::new() }
}
