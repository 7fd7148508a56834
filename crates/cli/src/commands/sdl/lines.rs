//! Two texts, and the lines that differ: what `haggle sdl fmt --diff` prints.
//!
//! Called by `fmt`. The unified form, so that `patch` and editors read it.

use std::{fmt::Write as _, ops::Range};

/// Lines around a difference.
const CONTEXT: usize = 3;
/// Beyond this many comparisons the middle is shown as replaced whole.
const MOST_COMPARISONS: usize = 4_000_000;

/// One step from the old text to the new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step<'t> {
    Same(&'t str),
    Gone(&'t str),
    Come(&'t str),
}

/// The difference in unified form; empty when there is none.
pub(crate) fn unified(name: &str, old: &str, new: &str) -> String {
    let steps = steps(&split(old), &split(new));
    let mut out = String::new();
    for hunk in hunks(&steps) {
        if out.is_empty() {
            let _ = writeln!(out, "--- {name}\n+++ {name} (formatted)");
        }
        let before = steps.get(..hunk.start).unwrap_or_default();
        let within = steps.get(hunk).unwrap_or_default();
        let olds = |it: &[Step<'_>]| it.iter().filter(|it| !matches!(it, Step::Come(_))).count();
        let news = |it: &[Step<'_>]| it.iter().filter(|it| !matches!(it, Step::Gone(_))).count();
        let range = |before: usize, within: usize| match within {
            0 => format!("{before},0"),
            1 => format!("{}", before + 1),
            _ => format!("{},{within}", before + 1),
        };
        let from = range(olds(before), olds(within));
        let to = range(news(before), news(within));
        let _ = writeln!(out, "@@ -{from} +{to} @@");
        for step in within {
            let (mark, line) = match step {
                Step::Same(line) => (' ', line),
                Step::Gone(line) => ('-', line),
                Step::Come(line) => ('+', line),
            };
            let _ = write!(out, "{mark}{line}");
            if !line.ends_with('\n') {
                out.push_str("\n\\ No newline at end of file\n");
            }
        }
    }
    out
}

fn split(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

fn steps<'t>(old: &[&'t str], new: &[&'t str]) -> Vec<Step<'t>> {
    let start = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (head, old) = old.split_at(start);
    let new = new.get(start..).unwrap_or_default();
    let end = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    let (old, tail) = old.split_at(old.len() - end);
    let new = new.get(..new.len() - end).unwrap_or_default();

    let mut steps: Vec<_> = head.iter().map(|it| Step::Same(it)).collect();
    if old.len().saturating_mul(new.len()) > MOST_COMPARISONS {
        steps.extend(old.iter().map(|it| Step::Gone(it)));
        steps.extend(new.iter().map(|it| Step::Come(it)));
    } else {
        middle(old, new, &mut steps);
    }
    steps.extend(tail.iter().map(|it| Step::Same(it)));
    steps
}

/// Keeps a longest common subsequence of lines.
fn middle<'t>(old: &[&'t str], new: &[&'t str], steps: &mut Vec<Step<'t>>) {
    let columns = new.len() + 1;
    // How many lines the rests from (row, column) on have in common.
    let mut common = vec![0_usize; (old.len() + 1) * columns];
    let at = |common: &[usize], row: usize, column: usize| {
        common.get(row * columns + column).copied().unwrap_or_default()
    };
    for (row, old) in old.iter().enumerate().rev() {
        for (column, new) in new.iter().enumerate().rev() {
            let best = if old == new {
                at(&common, row + 1, column + 1) + 1
            } else {
                at(&common, row + 1, column).max(at(&common, row, column + 1))
            };
            if let Some(it) = common.get_mut(row * columns + column) {
                *it = best;
            }
        }
    }
    let (mut row, mut column) = (0, 0);
    loop {
        match (old.get(row), new.get(column)) {
            (Some(gone), Some(come)) if gone == come => {
                steps.push(Step::Same(gone));
                (row, column) = (row + 1, column + 1);
            }
            (Some(gone), come)
                if come.is_none()
                    || at(&common, row + 1, column) >= at(&common, row, column + 1) =>
            {
                steps.push(Step::Gone(gone));
                row += 1;
            }
            (_, Some(come)) => {
                steps.push(Step::Come(come));
                column += 1;
            }
            _ => return,
        }
    }
}

/// Ranges of steps that hold differences and their surroundings.
fn hunks(steps: &[Step<'_>]) -> Vec<Range<usize>> {
    let mut hunks: Vec<Range<usize>> = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        if matches!(step, Step::Same(_)) {
            continue;
        }
        let around = at.saturating_sub(CONTEXT)..(at + 1 + CONTEXT).min(steps.len());
        match hunks.last_mut() {
            Some(last) if around.start <= last.end => last.end = around.end,
            _ => hunks.push(around),
        }
    }
    hunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_has_no_difference() {
        assert_eq!(unified("a", "x\ny\n", "x\ny\n"), "");
        assert_eq!(unified("a", "", ""), "");
    }

    #[test]
    fn a_changed_line_stands_with_its_surroundings() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        let new = "1\n2\n3\n4\nfive\n6\n7\n8\n9\n";
        let expected =
            "--- a\n+++ a (formatted)\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n";
        assert_eq!(unified("a", old, new), expected);
    }

    #[test]
    fn far_changes_are_two_hunks_and_line_numbers_follow() {
        let old: String = (1..=30).map(|it| format!("{it}\n")).collect();
        let new = old.replacen("2\n", "2\ntwo\n", 1).replacen("29\n", "", 1);
        let text = unified("a", &old, &new);
        assert!(text.contains("@@ -1,5 +1,6 @@\n 1\n 2\n+two\n"), "{text}");
        assert!(text.contains("@@ -26,5 +27,4 @@\n"), "{text}");
    }

    #[test]
    fn a_missing_last_newline_is_said() {
        let text = unified("a", "x", "x\n");
        assert!(text.contains("-x\n\\ No newline at end of file\n+x\n"), "{text}");
    }
}
