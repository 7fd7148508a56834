//! "Did you mean": the nearest of some known words.

/// The word of `known` that `word` most probably stands for, if one is near enough.
#[must_use]
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    // Two edits in short words are another word; nobody misspells more than a third.
    let most = match word.chars().count() {
        0 => return None,
        1..=3 => 1,
        4..=7 => 2,
        more => more.min(24) / 3,
    };
    known
        .into_iter()
        .filter(|it| it.len().abs_diff(word.len()) <= 4 * most)
        .map(|it| (distance(word, it, most), it))
        .filter(|it| it.0 <= most)
        .min_by_key(|it| it.0)
        .map(|it| it.1)
}

/// Edits between two words, letter case and `-`/`_` counting nothing; more than `most` may come out as
/// anything above it.
fn distance(a: &str, b: &str, most: usize) -> usize {
    let fold = |text: &str| -> Vec<char> {
        text.chars()
            .filter(|it| !matches!(it, '-' | '_'))
            .map(|it| it.to_ascii_lowercase())
            .take(64)
            .collect()
    };
    let (a, b) = (fold(a), fold(b));
    if a.len().abs_diff(b.len()) > most {
        return most + 1;
    }
    // One row of the table at a time; the row before the last is kept for swapped neighbours.
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for (j, y) in b.iter().enumerate() {
            let at =
                |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX / 2);
            let substituted = at(&last, j) + usize::from(x != y);
            let mut best = substituted.min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let is_swap = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if is_swap {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let keys = ["image", "command", "args", "env", "expose", "params", "credentials"];
        assert_eq!(nearest("imge", keys), Some("image"));
        assert_eq!(nearest("Image", keys), Some("image"));
        assert_eq!(nearest("exposes", keys), Some("expose"));
        assert_eq!(nearest("credentails", keys), Some("credentials"));
        assert_eq!(nearest("volumes", keys), None);
        assert_eq!(nearest("", keys), None);
        assert_eq!(nearest("signed_by", ["signedBy"]), Some("signedBy"));
    }
}
