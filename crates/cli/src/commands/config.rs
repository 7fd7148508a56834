//! `haggle config`: what is set, and where.

use serde_json::json;

use crate::{config, context::Context, failure::Result, printer::Column};

/// What to do with the settings.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Show the effective settings and where each comes from
    Show,
}

/// Runs the command.
pub fn run(cx: &Context, command: Command) -> Result {
    let Command::Show = command;
    let shown = cx.config.show();
    let file = cx.config.home.join(config::FILE);
    cx.printer.json(&json!({ "home": cx.config.home, "file": file, "settings": shown }));
    let rows: Vec<Vec<String>> = shown
        .into_iter()
        .map(|it| vec![it.key.to_owned(), it.value.unwrap_or_else(|| "-".to_owned()), it.source])
        .collect();
    let columns = [Column::Text("setting"), Column::Text("value"), Column::Text("from")];
    cx.printer.table(&columns, &rows);
    cx.printer.line(format!("home: {}", cx.config.home.display()));
    cx.printer.line(format!("file: {}", file.display()));
    Ok(())
}
