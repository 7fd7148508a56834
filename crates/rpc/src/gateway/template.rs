//! Path templates of `google.api.http` rules: `/a/{b}/c`, `{b=**}`, `{b.c=d/*}`.

/// One piece of a path that a template wants.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    /// Exactly one piece.
    One,
    /// All pieces that are left before the rest of the template; none is enough.
    Rest,
}

/// A variable: the pieces it spans, and the dotted path of the field it fills.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Variable {
    field: String,
    from: usize,
    to: usize,
}

/// A parsed template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    pieces: Vec<Piece>,
    variables: Vec<Variable>,
    /// What follows a colon at the end.
    verb: Option<String>,
}

fn piece(text: &str) -> Piece {
    match text {
        "*" => Piece::One,
        "**" => Piece::Rest,
        literal => Piece::Literal(literal.to_owned()),
    }
}

impl Template {
    /// Reads a template; `None` for one that is malformed.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('/')?;
        let close = text.rfind('}').map_or(0, |it| it + 1);
        let (text, verb) = match text.get(close..)?.split_once(':') {
            Some((before, verb)) => (text.get(..close + before.len())?, Some(verb.to_owned())),
            None => (text, None),
        };
        let mut template = Self { pieces: Vec::new(), variables: Vec::new(), verb };
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('{') {
                let (inside, after) = after.split_once('}')?;
                let (field, pattern) = inside.split_once('=').unwrap_or((inside, "*"));
                let from = template.pieces.len();
                template.pieces.extend(pattern.split('/').map(piece));
                let to = template.pieces.len();
                template.variables.push(Variable { field: field.to_owned(), from, to });
                rest = after.strip_prefix('/').unwrap_or(after);
            } else {
                let (literal, after) = rest.split_once('/').unwrap_or((rest, ""));
                template.pieces.push(piece(literal));
                rest = after;
            }
        }
        Some(template)
    }

    /// Matches the pieces of a path: the texts of the variables, by field.
    pub(super) fn matches(&self, path: &[&str]) -> Option<Vec<(&str, String)>> {
        let mut path = path.to_vec();
        if let Some(verb) = &self.verb {
            let last = path.pop()?;
            path.push(last.strip_suffix(verb.as_str())?.strip_suffix(':')?);
        }
        let fixed = self.pieces.iter().filter(|it| **it != Piece::Rest).count();
        let has_rest = fixed < self.pieces.len();
        if path.len() < fixed || (!has_rest && path.len() > fixed) {
            return None;
        }
        // Where the pieces of the template begin in the path.
        let mut starts = Vec::with_capacity(self.pieces.len() + 1);
        let mut at = 0;
        for piece in &self.pieces {
            starts.push(at);
            match piece {
                Piece::Literal(literal) if path.get(at) != Some(&literal.as_str()) => return None,
                Piece::Rest => at += path.len() - fixed,
                _ => at += 1,
            }
        }
        starts.push(at);
        let variables = self.variables.iter().map(|it| {
            let text = path.get(*starts.get(it.from)?..*starts.get(it.to)?)?.join("/");
            Some((it.field.as_str(), text))
        });
        variables.collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn matched(template: &str, path: &str) -> Option<Vec<String>> {
        let template = Template::parse(template).unwrap();
        let path: Vec<_> = path.trim_start_matches('/').split('/').collect();
        let found = template.matches(&path)?;
        Some(found.into_iter().map(|(field, text)| format!("{field}={text}")).collect())
    }

    #[test]
    fn templates_match_what_they_name() {
        for (template, path, wanted) in [
            ("/a/b", "/a/b", Some(vec![])),
            ("/a/b", "/a/b/", None),
            ("/a/b", "/a", None),
            ("/a/{x}/c/{y.z}", "/a/1/c/2", Some(vec!["x=1", "y.z=2"])),
            ("/a/{x}", "/a/1/2", None),
            ("/a/{x=**}", "/a/ibc/ABC", Some(vec!["x=ibc/ABC"])),
            ("/a/{x=**}", "/a", Some(vec!["x="])),
            ("/a/{x=**}/end", "/a/1/2/end", Some(vec!["x=1/2"])),
            ("/a/{x=b/*}/c", "/a/b/7/c", Some(vec!["x=b/7"])),
            ("/a/{x}:go", "/a/1:go", Some(vec!["x=1"])),
            ("/a/{x}:go", "/a/1", None),
        ] {
            let wanted = wanted.map(|it| it.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(matched(template, path), wanted, "{template} {path}");
        }
    }
}
