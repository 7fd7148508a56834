//! The page of each rule: why it is one, with an example that breaks it and one that does not.
//!
//! Called by `haggle sdl rules` and by whoever links a diagnostic to its explanation. The text lies in
//! `pages/*.txt`; every example is a whole file, most of them `pages/base.yaml` with a few lines replaced, and
//! a test compiles them all. The committed reference page is made from this.

use super::{Rule, Severity};
use std::fmt::Write;

/// Where the text of the pages lies.
const TEXTS: [&str; 2] = [include_str!("pages/errors.txt"), include_str!("pages/warnings.txt")];

/// The file that most examples are variations of. It compiles without a word.
pub const BASE: &str = include_str!("pages/base.yaml");

/// What there is to know about a rule, beyond its code and its summary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Why this is a rule, in a few sentences; each stands on a line of its own.
    pub why: &'static str,
    /// A file that breaks this rule and no other.
    pub wrong: Example,
    /// The same without the fault.
    pub right: Example,
}

/// A file as an example.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Example {
    /// The whole file; bytes, because one rule is about what is no text.
    pub file: Vec<u8>,
    /// The part of it that matters, for people.
    pub excerpt: String,
}

impl Rule {
    /// The page of this rule.
    #[must_use]
    pub fn page(self) -> Page {
        let text = TEXTS.iter().find_map(|it| section(it, self.code())).unwrap_or_default();
        let (why, blocks) = text.split_once("\n@ ").unwrap_or((text, ""));
        let mut wrong = Draft::default();
        let mut right = Draft::default();
        let mut replaced = "";
        for block in blocks.split("\n@ ") {
            let (head, body) = block.split_once('\n').unwrap_or((block, ""));
            match head {
                "replace" => {
                    replaced = body;
                }
                "wrong" => wrong.replace(replaced, body),
                "right" => right.replace(replaced, body),
                "file wrong" => wrong.whole(body),
                "file right" => right.whole(body),
                _ => {}
            }
        }
        Page { why: why.trim(), wrong: wrong.example(), right: right.example() }
    }
}

/// The text below the heading of a rule, up to the next heading.
fn section(text: &'static str, code: &str) -> Option<&'static str> {
    text.split("\n# sdl::")
        .map(|it| it.strip_prefix("# sdl::").unwrap_or(it))
        .find_map(|it| it.strip_prefix(code.strip_prefix("sdl::")?)?.strip_prefix('\n'))
}

/// An example as it is put together.
#[derive(Default)]
struct Draft {
    edits: Vec<(&'static str, &'static str)>,
    whole: Option<&'static str>,
}

impl Draft {
    fn replace(&mut self, old: &'static str, new: &'static str) {
        self.edits.push((old.trim_end(), new.trim_end()));
    }

    fn whole(&mut self, text: &'static str) {
        self.whole = Some(if text.trim() == "=base" { BASE } else { text });
    }

    fn example(self) -> Example {
        if let Some(text) = self.whole {
            return Example { file: expanded(text), excerpt: shortened(text) };
        }
        let mut file = BASE.to_owned();
        let mut excerpts = Vec::new();
        for (old, new) in self.edits {
            file = file.replacen(old, new, 1);
            excerpts.push(dedented(&shortened(new)));
        }
        Example { file: expanded(&file), excerpt: excerpts.join("# …\n") }
    }
}

/// The same lines as far to the left as they go.
fn dedented(text: &str) -> String {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let least = text.lines().filter(|it| !it.trim().is_empty()).map(indent).min().unwrap_or(0);
    text.lines().map(|it| format!("{}\n", it.get(least..).unwrap_or_default())).collect()
}

/// Splits a text at `⟦…⟧`: what stands before, and what stands in the brackets.
fn marked(text: &str) -> impl Iterator<Item = (&str, Option<(&str, &str)>)> {
    text.split('⟧').map(|it| match it.split_once('⟦') {
        Some((before, mark)) => (before, mark.split_once(' ').or(Some((mark, "")))),
        None => (it, None),
    })
}

/// `⟦3 x⟧` is `xxx`, `#` in it counts from 1; `⟦=FC⟧` is a byte.
fn expanded(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for (before, mark) in marked(text) {
        out.extend_from_slice(before.as_bytes());
        let Some((head, body)) = mark else { continue };
        if let Some(hex) = head.strip_prefix('=') {
            out.extend(u8::from_str_radix(hex, 16));
            continue;
        }
        let times: usize = head.parse().unwrap_or(1);
        match body.contains('#') {
            false => out.extend(body.repeat(times).into_bytes()),
            true => (1..=times)
                .for_each(|it| out.extend(body.replace('#', &it.to_string()).into_bytes())),
        }
    }
    out
}

/// The same for people: the beginning of what is repeated.
fn shortened(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (before, mark) in marked(text) {
        out.push_str(before);
        let Some((head, body)) = mark else { continue };
        if let Some(hex) = head.strip_prefix('=') {
            let _ = write!(out, "\\x{hex}");
            continue;
        }
        for index in 1..=3 {
            out.push_str(&body.replace('#', &index.to_string()));
        }
        out.push('…');
    }
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

/// The name of a rule in a link: `sdl-image-latest`.
fn anchor(rule: Rule) -> String {
    rule.code().replace("::", "-")
}

fn severity(rule: Rule) -> &'static str {
    match rule.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

impl Page {
    /// The page as Markdown, for a rule.
    #[must_use]
    pub fn to_markdown(&self, rule: Rule) -> String {
        let mut out = String::new();
        let _ = writeln!(out, "## `{}`\n", rule.code());
        let _ = writeln!(out, "**{}**: {}\n", severity(rule), rule.summary());
        let _ = writeln!(out, "{}\n", self.why);
        let _ = writeln!(out, "Wrong:\n\n```yaml\n{}```\n", self.wrong.excerpt);
        let _ = writeln!(out, "Right:\n\n```yaml\n{}```", self.right.excerpt);
        out
    }
}

/// The reference page of all rules (`docs/reference/sdl-rules.md`).
#[must_use]
pub fn reference() -> String {
    let mut out = String::from(REFERENCE_HEAD);
    out.push_str("| code | | what is wrong |\n|---|---|---|\n");
    for rule in Rule::ALL {
        let (code, link) = (rule.code(), anchor(*rule));
        let _ = writeln!(out, "| [`{code}`](#{link}) | {} | {} |", severity(*rule), rule.summary());
    }
    for rule in Rule::ALL {
        let _ =
            write!(out, "\n<a id=\"{}\"></a>\n\n{}", anchor(*rule), rule.page().to_markdown(*rule));
    }
    out
}

const REFERENCE_HEAD: &str = "\
# The rules of the SDL compiler

<!-- Generated from crates/sdl/src/rules; to renew: HAGGLE_UPDATE_SNAPSHOTS=1 cargo test -p sdl --test pages -->

Every diagnostic of `haggle sdl` carries one of the codes below. Codes are stable: they are never renamed.
`haggle sdl rules CODE` prints the page of one.

An *error* stops the compiler, and everything that the reference compiler of the network refuses is one.
A *warning* is what compiles and is hardly meant. What a warning says can be silenced where it is right:

```yaml
# haggle: allow sdl::secret::env
```

At the top of the file this holds for the whole file, on a line of its own for the entry below it, and behind
something for that line. Several codes are separated by commas, `sdl::schema` names a family, and what follows ` - `
is the reason. `# haggle: budget 50 usd/month` states what a month may cost, and the prices are held against it.

The examples are excerpts of this file:

```yaml
version: \"2.0\"
services:
  web:
    image: nginx:1.27.3
    expose:
      - port: 80
        to:
          - global: true
profiles:
  compute:
    web:
      resources:
        cpu:
          units: 0.5
        memory:
          size: 512Mi
        storage:
          size: 1Gi
  placement:
    cloud:
      pricing:
        web:
          denom: uact
          amount: 100
deployment:
  web:
    cloud:
      profile: web
      count: 1
```

";
