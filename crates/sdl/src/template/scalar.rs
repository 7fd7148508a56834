//! Texts as YAML scalars that every parser reads back the same.

/// A text as a plain scalar where that is safe, and in double quotes otherwise.
pub(crate) fn scalar(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { quoted(text) }
}

/// A text in double quotes.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for it in text.chars() {
        match it {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{feff}' | '\u{2028}' | '\u{2029}' | '\u{85}' | '\u{fffe}' | '\u{ffff}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(it)));
            }
            it if it.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(it))),
            it => out.push(it),
        }
    }
    out.push('"');
    out
}

/// Whether a text stands for itself without quotes: nothing that could be a number, a flag, a null or punctuation.
fn is_plain(text: &str) -> bool {
    let is_inner = |it: char| it.is_ascii_alphanumeric() || "-_./:@=+,".contains(it);
    let lower = text.to_ascii_lowercase();
    let is_word = matches!(
        lower.as_str(),
        "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n" | "null" | "nan" | "inf"
    );
    text.starts_with(|it: char| it.is_ascii_alphabetic() || it == '/' || it == '_')
        && text.chars().all(is_inner)
        && !text.ends_with(':')
        && !text.contains(": ")
        && !is_word
}

/// The words in a comment, broken at so many columns.
pub(crate) fn comment(out: &mut String, indent: usize, text: &str) {
    let first = format!("{:indent$}# ", "");
    for line in text.lines() {
        let mut wrapped = String::new();
        crate::explain::words::wrap(&mut wrapped, "", 0, line, 96_usize.saturating_sub(indent));
        for it in wrapped.lines() {
            out.push_str(format!("{first}{it}").trim_end());
            out.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        let texts = [
            "nginx:1.28",
            "5",
            "0x10",
            "true",
            "No",
            "",
            " a",
            "a: b",
            "a #b",
            "#x",
            "it's",
            "\"q\"",
            "a\\b",
            "a\nb",
            "\u{feff}x",
            "é",
            "-",
            "- a",
            "{a}",
            "[a]",
            "*x",
            "&x",
            "!x",
            "%x",
            "@x",
            "`x`",
            "a:",
            "~",
            "null",
            "<<",
            "=",
            "\u{7f}",
            "\u{2028}",
            "K=v w",
            "1e3",
            "0o7",
            "2001-01-01",
            "/x",
            "_",
            "a,b",
            "x=#y",
            "\u{1}",
        ];
        for text in texts {
            let source = format!(
                "version: \"2.0\"\nservices:\n  web:\n    image: nginx\n    args:\n      - {}\n    expose: [{{port: 80, to: [{{global: true}}]}}]\nprofiles:\n  compute: {{web: {{resources: {{cpu: {{units: 1}}, memory: {{size: 1Gi}}, storage: {{size: 1Gi}}}}}}}}\n  placement: {{dc: {{pricing: {{web: {{denom: uact, amount: 1}}}}}}}}\ndeployment: {{web: {{dc: {{profile: web, count: 1}}}}}}\n",
                scalar(text)
            );
            let compiled = crate::compile(&source).unwrap_or_else(|it| panic!("{text:?}: {it}"));
            assert_eq!(
                compiled.manifest.0[0].services()[0].args.as_deref(),
                Some(&[text.to_owned()][..])
            );
        }
    }
}
