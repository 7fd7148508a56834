//! The explanation as text for a terminal.

use super::cost::Amount;
use super::words::wrap;
use super::{Explanation, GroupExplained, ServiceExplained, UnitExplained};

pub(super) fn render(it: &Explanation, width: usize) -> String {
    let width = width.max(40);
    let mut out = String::new();
    wrap(&mut out, "", 0, &it.summary, width);
    for group in &it.groups {
        out.push('\n');
        render_group(&mut out, group, width);
    }
    if let Some(cost) = &it.cost {
        out.push_str("\nCost at the most, all groups together\n");
        let rows = [
            ("per block", &cost.per_block),
            ("per hour", &cost.per_hour),
            ("per day", &cost.per_day),
            ("per month", &cost.per_month),
        ];
        let header = ["", "amount", "whole units", "USD"];
        let rows = rows.map(|(name, amount): (&str, &Amount)| {
            let micro = format!("{} {}", micro(&amount.amount), cost.denom);
            vec![
                name.to_owned(),
                micro,
                amount.words.clone(),
                amount.usd.clone().unwrap_or_else(|| "-".into()),
            ]
        });
        table(&mut out, &header, &rows, width);
    }
    if let Some(deposit) = &it.deposit {
        out.push_str("\nDeposit\n");
        let text = format!(
            "At least {} ({} {}); at the highest price that lasts {} ({}). A month takes {}.",
            deposit.words,
            deposit.minimum,
            deposit.denom,
            deposit.lasts,
            if deposit.lasts_blocks == "1" {
                "1 block".to_owned()
            } else {
                format!("{} blocks", super::cost::grouped(&deposit.lasts_blocks))
            },
            deposit.one_month
        );
        wrap(&mut out, "  ", 2, &text, width);
    }
    if let Some(reclamation) = &it.reclamation {
        out.push_str("\nNotice\n");
        wrap(&mut out, "  ", 2, &reclamation.words, width);
    }
    section(&mut out, "What lasts", &it.lifetime, width);
    section(&mut out, "What will not work", &it.obstacles, width);
    section(&mut out, "What is not known", &it.unknowns, width);
    out.push_str("\nVersion\n");
    out.push_str(&format!("  {} (SDL {})\n", it.version, it.language));
    out
}

/// At most six digits after the point are shown; the JSON has all of them.
fn micro(amount: &str) -> String {
    let amount = super::cost::grouped(amount);
    match amount.split_once('.') {
        Some((whole, fraction)) if fraction.len() > 6 => {
            format!("{whole}.{}…", fraction.get(..6).unwrap_or_default())
        }
        _ => amount,
    }
}

fn section(out: &mut String, title: &str, list: &[String], width: usize) {
    if list.is_empty() {
        return;
    }
    out.push_str(&format!("\n{title}\n"));
    for it in list {
        wrap(out, "  - ", 4, it, width);
    }
}

fn render_group(out: &mut String, group: &GroupExplained, width: usize) {
    out.push_str(&format!("Group {}\n", group.name));
    for (index, it) in group.requirements.iter().enumerate() {
        let first = if index == 0 { "  provider  " } else { "            " };
        wrap(out, first, 12, it, width);
    }
    out.push('\n');
    let header = ["unit", "replicas", "CPU", "memory", "GPU", "storage", "most per block", "for"];
    let mut rows: Vec<Vec<String>> = group.units.iter().map(row).collect();
    let storage: Vec<&str> = group.total.storage.iter().map(|it| it.words.as_str()).collect();
    let total = &group.total;
    rows.push(vec![
        "all".to_owned(),
        total.replicas.to_string(),
        total.cpu.trim_end_matches(" CPU").to_owned(),
        total.memory.clone(),
        if total.gpu == 0 { "-".to_owned() } else { total.gpu.to_string() },
        storage.join("\n"),
        format!("{} {}", micro(&group.cost.per_block.amount), group.cost.denom),
        String::new(),
    ]);
    table(out, &header, &rows, width);
    for service in &group.services {
        out.push('\n');
        render_service(out, service, width);
    }
}

/// One unit; lines of a cell stand below each other.
fn row(it: &UnitExplained) -> Vec<String> {
    let volumes: Vec<&str> = it.volumes.iter().map(|it| it.words.as_str()).collect();
    let gpu = it
        .gpu
        .as_ref()
        .map_or_else(|| "-".to_owned(), |it| format!("{} × {}", it.units, it.models.join("\nor ")));
    vec![
        it.id.to_string(),
        it.count.to_string(),
        it.cpu.replace(" CPU", ""),
        it.memory.clone(),
        gpu,
        volumes.join("\n"),
        it.price_per_block.clone(),
        it.services.join("\n"),
    ]
}

fn render_service(out: &mut String, it: &ServiceExplained, width: usize) {
    let count = super::words::plural(u128::from(it.count), "replica");
    out.push_str(&format!("  {} ({count} of unit {})\n", it.name, it.unit));
    let mut line = |label: &str, text: &str| {
        wrap(out, &format!("    {label:<9} "), 14, text, width);
    };
    line("image", &it.image);
    if let Some(host) = &it.private_registry {
        line("registry", &format!("{host}, with a password"));
    }
    if let Some(starts) = &it.starts {
        line("starts", starts);
    }
    if !it.env.is_empty() {
        line("env", &it.env.join(", "));
    }
    match it.ports.as_slice() {
        [] => line("ports", "none: nobody can connect"),
        ports => ports.iter().for_each(|port| line("port", &port.words)),
    }
    for mount in &it.mounts {
        line("mount", &mount.words);
    }
    if !it.permissions.is_empty() {
        line("may read", &format!("{} of its own lease", it.permissions.join(", ")));
    }
    if let Some(tee) = &it.tee {
        line("runs", tee);
    }
}

/// Columns two spaces apart. Where they do not fit, each row becomes a list of `column: value`.
fn table(out: &mut String, header: &[&str], rows: &[Vec<String>], width: usize) {
    let length = |text: &str| text.chars().count();
    let is_used = |at: usize| {
        rows.iter().any(|row| row.get(at).is_some_and(|it| !it.is_empty() && it != "-"))
    };
    let columns: Vec<usize> = (0..header.len()).filter(|at| is_used(*at)).collect();
    let cell = |row: &[String], at: usize| row.get(at).cloned().unwrap_or_default();
    let title = |at: usize| header.get(at).copied().unwrap_or_default();
    let widest = |text: &str| text.lines().map(length).max().unwrap_or(0);
    let size = |at: usize| {
        rows.iter().map(|row| widest(&cell(row, at))).max().unwrap_or(0).max(length(title(at)))
    };
    let total: usize = columns.iter().map(|at| size(*at) + 2).sum();
    if total > width {
        for row in rows {
            let fields = columns
                .iter()
                .map(|at| (title(*at), cell(row, *at)))
                .filter(|(_, value)| !value.is_empty() && value != "-")
                .map(|(title, value)| {
                    format!("{title} {}", value.replace('\n', " + ")).trim_start().to_owned()
                })
                .collect::<Vec<_>>();
            wrap(out, "  ", 4, &fields.join(", "), width);
        }
        return;
    }
    let titles = columns.iter().map(|at| title(*at).to_owned()).collect::<Vec<_>>();
    let cells = rows.iter().map(|row| columns.iter().map(|at| cell(row, *at)).collect::<Vec<_>>());
    for cells in std::iter::once(titles).chain(cells) {
        let lines = cells.iter().map(|it| it.lines().count()).max().unwrap_or(0);
        for line in 0..lines {
            let mut text = String::new();
            for (cell, at) in cells.iter().zip(&columns) {
                let part = cell.lines().nth(line).unwrap_or_default();
                text.push_str("  ");
                text.push_str(part);
                text.extend(std::iter::repeat_n(' ', size(*at).saturating_sub(length(part))));
            }
            out.push_str(text.trim_end());
            out.push('\n');
        }
    }
}
