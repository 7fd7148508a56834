//! The differences as text for a terminal: the verdict first.

use super::{Change, Changes, Consequence, Effect};
use crate::explain::words::wrap;

pub(super) fn render(it: &Changes, width: usize) -> String {
    let width = width.max(40);
    let mut out = String::new();
    wrap(&mut out, "", 0, &it.summary, width);
    for (consequence, title) in [
        (Consequence::NewDeployment, "Needs a new deployment"),
        (Consequence::ManifestUpdate, "Possible as an update"),
        (Consequence::Nothing, "Without consequence"),
    ] {
        let changes: Vec<&Change> =
            it.changes.iter().filter(|it| it.consequence == consequence).collect();
        if changes.is_empty() {
            continue;
        }
        out.push_str(&format!("\n{title}\n"));
        for change in changes {
            render_change(&mut out, change, width);
        }
    }
    if !it.steps.is_empty() {
        out.push_str("\nWhat to do\n");
        for (index, step) in it.steps.iter().enumerate() {
            wrap(&mut out, &format!("  {}. ", index + 1), 5, step, width);
        }
    }
    out.push_str("\nHash\n");
    match it.old_version == it.new_version {
        true => out.push_str(&format!("  = {}\n", it.new_version)),
        false => out.push_str(&format!("  - {}\n  + {}\n", it.old_version, it.new_version)),
    }
    out
}

fn render_change(out: &mut String, it: &Change, width: usize) {
    out.push_str(&format!("  {}\n", it.path));
    match (&it.old, &it.new) {
        (None, None) => {}
        (old, new) => {
            let none = "(none)";
            wrap(out, "    - ", 6, old.as_deref().unwrap_or(none), width);
            wrap(out, "    + ", 6, new.as_deref().unwrap_or(none), width);
        }
    }
    let marks: Vec<&str> = it
        .effects
        .iter()
        .map(|it| match it {
            Effect::Restart => "restart",
            Effect::AddressChange => "new address",
            Effect::DataLoss => "data loss",
        })
        .collect();
    let marks = if marks.is_empty() { String::new() } else { format!("[{}] ", marks.join(", ")) };
    wrap(out, "    ", 4, &format!("{marks}{}", it.why), width);
}
