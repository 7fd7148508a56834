//! The only place that writes to the terminal.
//!
//! Results go to stdout, everything else to stderr. With `--json` stdout holds one JSON value and
//! nothing else is written anywhere. Colours appear on terminals only and never with `NO_COLOR`.
//! Text from elsewhere is stripped of control sequences before it is shown.

use std::{
    env,
    io::{self, IsTerminal, Write},
    process::ExitCode,
    time::Duration,
};

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use owo_colors::OwoColorize;
use serde::Serialize;
use serde_json::json;

use crate::failure::Failure;

/// Writes for one command. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Printer {
    json: bool,
    out_colors: bool,
    err_colors: bool,
    err_is_terminal: bool,
}

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Text, to the left.
    Text(&'static str),
    /// A number, to the right.
    Number(&'static str),
}

impl Printer {
    /// A printer for a person, or for a program with `json`.
    pub fn new(json: bool) -> Printer {
        let plain = env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty())
            || env::var_os("TERM").is_some_and(|it| it == "dumb");
        Printer {
            json,
            out_colors: !plain && io::stdout().is_terminal(),
            err_colors: !plain && io::stderr().is_terminal(),
            err_is_terminal: io::stderr().is_terminal(),
        }
    }

    /// Whether a program reads the answer.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Whether a person can be asked.
    pub fn can_ask(&self) -> bool {
        !self.json && self.err_is_terminal && io::stdin().is_terminal()
    }

    /// Whether stderr may be coloured.
    pub fn colors(&self) -> bool {
        self.err_colors
    }

    /// Whether a person reads stdout.
    pub fn is_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// Whether stdout may be coloured.
    pub fn out_colors(&self) -> bool {
        self.out_colors
    }

    /// The width of the terminal at most 100, or what `COLUMNS` says, or 100.
    pub fn width(&self) -> usize {
        let said = env::var("COLUMNS").ok().and_then(|it| it.parse().ok());
        let seen = || {
            let term = dialoguer::console::Term::stderr();
            term.size_checked().map(|(_, columns)| usize::from(columns).min(100))
        };
        said.or_else(seen).filter(|it| *it > 0).unwrap_or(100)
    }

    /// Bytes of the result, exactly these, for a person and a program alike.
    pub fn raw(&self, bytes: &[u8]) {
        let mut out = io::stdout().lock();
        let _ = out.write_all(bytes).and_then(|()| out.flush());
    }

    /// The result for a program; nothing for a person.
    pub fn json(&self, value: &impl Serialize) {
        if self.json {
            let text = serde_json::to_string(value).unwrap_or_default();
            let _ = writeln!(io::stdout().lock(), "{text}");
        }
    }

    /// One more JSON value on its own line, for streams.
    pub fn json_line(&self, value: &impl Serialize) {
        self.json(value);
    }

    /// A line of the result for a person; nothing for a program.
    pub fn line(&self, text: impl AsRef<str>) {
        if !self.json {
            let _ = writeln!(io::stdout().lock(), "{}", text.as_ref());
        }
    }

    /// A heading within the result.
    pub fn heading(&self, text: &str) {
        if self.out_colors {
            self.line(format!("{}", text.bold()));
        } else {
            self.line(text);
        }
    }

    /// JSON for a person, indented; for a program, in one line.
    pub fn value(&self, value: &serde_json::Value) {
        if self.json {
            self.json(value);
        } else {
            self.line(serde_json::to_string_pretty(value).unwrap_or_default());
        }
    }

    /// What is going on, for a person, on stderr.
    pub fn note(&self, text: impl AsRef<str>) {
        if !self.json {
            let _ = writeln!(io::stderr().lock(), "{}", text.as_ref());
        }
    }

    /// What to consider before an answer, on stderr.
    pub fn hint(&self, text: &str) {
        if self.err_colors { self.note(format!("{}", text.dimmed())) } else { self.note(text) }
    }

    /// Something that was done, for a person, on stderr.
    pub fn done(&self, text: impl AsRef<str>) {
        if self.err_colors {
            self.note(format!("{} {}", "✓".green(), text.as_ref()));
        } else {
            self.note(format!("✓ {}", text.as_ref()));
        }
    }

    /// Something to be careful about, on stderr.
    pub fn warn(&self, text: impl AsRef<str>) {
        if self.err_colors {
            self.note(format!("{} {}", "warning:".yellow().bold(), text.as_ref()));
        } else {
            self.note(format!("warning: {}", text.as_ref()));
        }
    }

    /// Something that went wrong while the command goes on, on stderr.
    pub fn error(&self, text: impl AsRef<str>) {
        if self.err_colors {
            self.note(format!("{} {}", "error:".red().bold(), text.as_ref()));
        } else {
            self.note(format!("error: {}", text.as_ref()));
        }
    }

    /// A table on stdout.
    pub fn table(&self, columns: &[Column], rows: &[Vec<String>]) {
        if !self.json {
            let _ = writeln!(io::stdout().lock(), "{}", self.format_table(columns, rows));
        }
    }

    fn format_table(&self, columns: &[Column], rows: &[Vec<String>]) -> String {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(columns.iter().map(|it| match it {
            Column::Text(name) | Column::Number(name) => *name,
        }));
        for row in rows {
            table.add_row(row.iter().map(|it| clean(it)));
        }
        for (at, column) in columns.iter().enumerate() {
            if let (Column::Number(_), Some(it)) = (column, table.column_mut(at)) {
                it.set_cell_alignment(CellAlignment::Right);
            }
        }
        table.to_string()
    }

    /// Shows that something takes time. On a terminal a spinner, otherwise one line.
    pub fn progress(&self, text: impl Into<String>) -> Progress {
        let text = text.into();
        if self.json {
            return Progress { bar: None };
        }
        if !self.err_is_terminal {
            self.note(&text);
            return Progress { bar: None };
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let template = if self.err_colors {
            "{spinner:.cyan} {msg} {elapsed:.dim}"
        } else {
            "{spinner} {msg} {elapsed}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(text);
        bar.enable_steady_tick(Duration::from_millis(120));
        Progress { bar: Some(bar) }
    }

    /// Says why the command failed, and gives the exit code.
    pub fn failure(&self, failure: &Failure) -> ExitCode {
        if failure.is_told {
            return ExitCode::from(failure.code);
        }
        if self.json {
            let mut error = json!({
                "message": failure.to_string(),
                "causes": failure.messages,
                "hint": failure.hint,
                "exit_code": failure.code,
            });
            if let (Some(detail), Some(error)) = (&failure.detail, error.as_object_mut()) {
                error.insert("detail".to_owned(), (**detail).clone());
            }
            self.json(&json!({ "error": error }));
            return ExitCode::from(failure.code);
        }
        let mut err = io::stderr().lock();
        if let Some(text) = &failure.rendered {
            let _ = writeln!(err, "{}\n", text.trim_end());
        }
        let label =
            if self.err_colors { "error:".red().bold().to_string() } else { "error:".into() };
        let mut messages = failure.messages.iter();
        if let Some(first) = messages.next() {
            let _ = writeln!(err, "{label} {}", clean(first));
        }
        for cause in messages {
            let _ = writeln!(err, "  because {}", clean(cause));
        }
        if let Some(hint) = &failure.hint {
            let label =
                if self.err_colors { "try:".cyan().bold().to_string() } else { "try:".into() };
            let _ = writeln!(err, "  {label} {hint}");
        }
        ExitCode::from(failure.code)
    }

    /// Asks for a password without showing it.
    pub fn ask_password(&self, prompt: &str, confirm: bool) -> Option<String> {
        if !self.can_ask() {
            return None;
        }
        let mut password = dialoguer::Password::new().with_prompt(prompt);
        if confirm {
            password = password.with_confirmation("Again", "They differ");
        }
        password.interact_on(&dialoguer::console::Term::stderr()).ok()
    }

    /// Asks yes or no; no where nobody can be asked.
    pub fn confirm(&self, prompt: &str, default: bool) -> bool {
        self.can_ask()
            && dialoguer::Confirm::new()
                .with_prompt(prompt)
                .default(default)
                .interact_on(&dialoguer::console::Term::stderr())
                .unwrap_or(false)
    }

    /// Asks for a line of text; `check` says what is wrong with one. `None` where nobody can be
    /// asked, or who was asked went away.
    pub fn ask(
        &self,
        prompt: &str,
        default: &str,
        check: impl Fn(&str) -> std::result::Result<(), String>,
    ) -> Option<String> {
        if !self.can_ask() {
            return None;
        }
        let mut input = dialoguer::Input::<String>::new()
            .with_prompt(prompt)
            .allow_empty(true)
            .validate_with(|it: &String| check(it));
        if !default.is_empty() {
            input = input.default(default.to_owned());
        }
        input.interact_on(&dialoguer::console::Term::stderr()).ok()
    }

    /// Lets a person choose one of several; `None` where nobody can be asked or nothing was chosen.
    pub fn choose(&self, prompt: &str, items: &[String], default: usize) -> Option<usize> {
        if !self.can_ask() {
            return None;
        }
        dialoguer::Select::new()
            .with_prompt(prompt)
            .items(items)
            .default(default)
            .interact_on_opt(&dialoguer::console::Term::stderr())
            .ok()
            .flatten()
    }
}

/// Something under way; gone from the screen when dropped.
pub struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Says what is happening now. Without a terminal this is silent: the first line stands.
    pub fn set(&self, text: impl Into<String>) {
        if let Some(bar) = &self.bar {
            bar.set_message(text.into());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Text from elsewhere without anything that steers a terminal.
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(it) = chars.next() {
        match it {
            '\u{1b}' => {
                // A control sequence ends with a letter; anything else loses only its escape.
                if chars.next_if_eq(&'[').is_some() {
                    while chars.next_if(|it| !('@'..='~').contains(it)).is_some() {}
                    chars.next();
                }
            }
            '\t' | '\n' => out.push(it),
            it if it.is_control() => {}
            it => out.push(it),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_sequences_of_strangers_do_not_reach_the_terminal() {
        assert_eq!(
            clean("\u{1b}[31mred\u{1b}[0m and \u{1b}]0;title\u{7}x\u{8}"),
            "red and ]0;titlex"
        );
        assert_eq!(clean("a\tb\nc"), "a\tb\nc");
    }

    #[test]
    fn numbers_stand_to_the_right() {
        let printer = Printer::new(false);
        let rows =
            vec![vec!["a".to_owned(), "1".to_owned()], vec!["b".to_owned(), "22".to_owned()]];
        let text = printer.format_table(&[Column::Text("name"), Column::Number("n")], &rows);
        assert!(text.contains("│ a    ┆  1 │"), "{text}");
    }
}
