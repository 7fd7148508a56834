//! Taking the compiler by its word: what `haggle sdl check --fix` replaces.
//!
//! Called by `check`. A fix is a guess ("did you mean"), so each is kept only if the file has fewer
//! problems with it.

use sdl::{CheckOptions, Diagnostics, diagnostics::Fix};

use super::report::Count;

/// Most times that one file is compiled to mend it.
const MOST_TRIES: usize = 300;

/// Mends what can be mended: the new text, and how many places it differs in.
pub(crate) fn mend(source: &str, options: &CheckOptions) -> Option<(String, usize)> {
    let mut text = source.to_owned();
    let mut found = sdl::check(&text, options).diagnostics;
    let mut mended = 0;
    let mut tries = 0;
    // From the start again after each: all places behind it have moved.
    'again: loop {
        let fixes: Vec<Fix> = found.iter().filter_map(|it| found.fix(it)).collect();
        for it in fixes {
            let Some(next) = put(&text, &it) else { continue };
            tries += 1;
            if tries > MOST_TRIES {
                break 'again;
            }
            let after = sdl::check(&next, options).diagnostics;
            if rank(&after) < rank(&found) {
                (text, found) = (next, after);
                mended += 1;
                continue 'again;
            }
        }
        break;
    }
    (mended > 0).then_some((text, mended))
}

/// Fewer errors are better, then fewer warnings.
fn rank(found: &Diagnostics) -> (usize, usize) {
    let count = Count::of(found);
    (count.errors, count.warnings)
}

fn put(text: &str, fix: &Fix) -> Option<String> {
    let start = usize::try_from(fix.span.start).ok()?;
    let end = usize::try_from(fix.span.end).ok()?;
    Some(format!("{}{}{}", text.get(..start)?, fix.replacement, text.get(end..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: &str = include_str!("../../../../../examples/web.yaml");

    #[test]
    fn misspelt_words_are_mended_and_nothing_else_is_touched() {
        let wrong = WEB.replace("expose:", "exposes:").replace("profile: web", "profile: wbe");
        assert_eq!(mend(&wrong, &CheckOptions::default()), Some((WEB.to_owned(), 2)));
        assert_eq!(mend(WEB, &CheckOptions::default()), None);
        assert_eq!(mend("services: [", &CheckOptions::default()), None);
    }
}
