//! Secrets in plain text. No message names a value, and no excerpt shows one ([`Diagnostic::conceal`]).
//!
//! The manifest goes to the provider in clear, so whoever runs the machine reads it; and the file itself tends
//! to end in a repository. Runs even when the file has errors, because their excerpts could show secrets.

use super::Cx;
use super::process::name_span;
use crate::ast::Text;
use crate::diagnostics::{Diagnostic, Sink, Span};
use crate::rules::Rule;

pub(super) fn check(cx: &Cx<'_, '_, '_>, sink: &mut Sink) {
    for (_, entry) in cx.deployed() {
        let service = &entry.value;
        for text in service.env.iter().flatten() {
            variable(cx, text, sink);
        }
        let words = service.command.iter().chain(&service.args).flatten();
        for text in words {
            if let Some(what) = known_form(&text.text) {
                sink.push(exposed(what, at_start(text.span), text.span));
            }
        }
        if let Some(credentials) = &service.credentials {
            registry(cx, &credentials.password, sink);
        }
    }
}

fn at_start(span: Span) -> Span {
    Span { start: span.start, end: span.start }
}

fn exposed(what: &str, span: Span, secret: Span) -> Diagnostic {
    Diagnostic::new(Rule::SecretValue, span, format!("{what} stands here in plain text"))
        .hint("revoke it if this file was ever shared; let the container fetch it when it starts, or put it in just before deploying")
        .conceal(secret)
}

fn variable(cx: &Cx<'_, '_, '_>, text: &Text<'_>, sink: &mut Sink) {
    let Some((name, value)) = text.text.split_once('=') else { return };
    let value = value.trim_matches(['"', '\'', ' ', '\n']);
    if value.is_empty() {
        return;
    }
    if let Some(what) = known_form(value) {
        let what = format!("{what} (`{name}`)");
        sink.push(exposed(&what, name_span(text), value_span(cx, text)));
        return;
    }
    let kind = Name::of(name);
    if kind == Name::Harmless || is_switch(value) {
        return;
    }
    if kind == Name::Password && is_tried_first(value) {
        let message = format!("the value of `{name}` is one of those that everybody tries first");
        sink.push(
            Diagnostic::new(Rule::DefaultPassword, name_span(text), message)
                .hint("make one up: `openssl rand -hex 16`")
                .conceal(value_span(cx, text)),
        );
        return;
    }
    if is_placeholder(value) {
        return;
    }
    let message = format!("the secret `{name}` stands here in plain text");
    sink.push(
        Diagnostic::new(Rule::SecretEnv, name_span(text), message)
            .hint("the provider can read it, and so can everyone with this file: keep it out of the file until you deploy, and make it one that opens nothing else")
            .conceal(value_span(cx, text)),
    );
}

fn registry(cx: &Cx<'_, '_, '_>, password: &Text<'_>, sink: &mut Sink) {
    let value = password.text.trim();
    if value.is_empty() || is_placeholder(value) || !super::is_there(password.span) {
        return;
    }
    let secret = password.span;
    let line = Span { start: key_start(cx, secret), end: secret.start };
    let is_token = known_form(value).is_some() || value.starts_with("dckr_pat_");
    if is_token {
        // A token is the right thing here; it has to be in the file, but no report may show it.
        sink.push(
            Diagnostic::new(Rule::RegistryPassword, line, "a registry token stands in this file")
                .hint("see that it can do nothing but pull this image, and keep the file private")
                .conceal(secret),
        );
        return;
    }
    sink.push(
        Diagnostic::new(Rule::RegistryPassword, line, "the registry password stands in this file")
            .hint("make a token that can do nothing but pull this image, and write that instead")
            .conceal(secret),
    );
}

/// Where the key begins whose value begins at the span, as far as it is on the same line.
fn key_start(cx: &Cx<'_, '_, '_>, value: Span) -> u32 {
    let at = usize::try_from(value.start).unwrap_or(usize::MAX);
    let before = cx.source.get(..at).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    let key = line.trim_start_matches([' ', '-', '{', ',']);
    value.start.saturating_sub(u32::try_from(key.len()).unwrap_or(0))
}

/// Where the value of a variable stands.
fn value_span(cx: &Cx<'_, '_, '_>, text: &Text<'_>) -> Span {
    let slice = cx.slice(text.span);
    let offset = slice.find('=').map_or(0, |it| it + 1);
    let start = text.span.start.saturating_add(u32::try_from(offset).unwrap_or(u32::MAX));
    let closing = u32::from(slice.starts_with(['"', '\'']));
    Span { start, end: text.span.end.saturating_sub(closing).max(start) }
}

/// What the name of a variable says about its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Password,
    Secret,
    Harmless,
}

impl Name {
    /// Judged by its last word: `DB_PASSWORD` is one, `PASSWORD_LENGTH` is not.
    fn of(name: &str) -> Self {
        // Most names are none; a look at the ends of all words costs nothing.
        let mut words = name.rsplit(['_', '-', '.']).filter(|it| !it.is_empty());
        let Some(mut last) = words.next() else { return Self::Harmless };
        let mut before = words.next().unwrap_or_default();
        if last.bytes().all(|it| it.is_ascii_digit()) {
            last = before;
            before = words.next().unwrap_or_default();
        }
        let ends = |suffix: &str| {
            let at = last.len().checked_sub(suffix.len());
            at.and_then(|at| last.get(at..)).is_some_and(|it| it.eq_ignore_ascii_case(suffix))
        };
        let is_before = |list: &[&str]| list.iter().any(|it| before.eq_ignore_ascii_case(it));
        let is_public = || {
            name.split(['_', '-', '.'])
                .any(|it| it.eq_ignore_ascii_case("public") || it.eq_ignore_ascii_case("pub"))
        };
        if ends("password") || ends("passwd") || ends("passphrase") {
            return Self::Password;
        }
        if last.eq_ignore_ascii_case("pass") || (ends("pwd") && last.len() > 3) {
            return Self::Password;
        }
        if last.eq_ignore_ascii_case("pwd") && !before.is_empty() && !is_before(&["old", "work"]) {
            return Self::Password;
        }
        let is_secret = ends("secret")
            || ends("mnemonic")
            || (ends("token") && !is_before(&["max", "max_new", "eos", "bos", "pad"]))
            || ends("apikey")
            || ends("privatekey")
            || ends("secretkey")
            || ends("privkey")
            || (last.eq_ignore_ascii_case("key")
                && is_before(&[
                    "private",
                    "api",
                    "secret",
                    "access",
                    "encryption",
                    "auth",
                    "signing",
                    "master",
                    "app",
                    "license",
                    "priv",
                    "wallet",
                    "account",
                ])
                || last.eq_ignore_ascii_case("key") && ends_with(before, "secret"))
            || (last.eq_ignore_ascii_case("phrase") && is_before(&["seed", "recovery", "secret"]));
        match is_secret && !is_public() {
            true => Self::Secret,
            false => Self::Harmless,
        }
    }
}

fn ends_with(word: &str, suffix: &str) -> bool {
    let at = word.len().checked_sub(suffix.len());
    at.and_then(|at| word.get(at..)).is_some_and(|it| it.eq_ignore_ascii_case(suffix))
}

/// Values that switch something instead of being a secret, and references to elsewhere.
fn is_switch(value: &str) -> bool {
    const SWITCHES: [&str; 12] = [
        "true", "false", "yes", "no", "on", "off", "null", "none", "0", "1", "enabled", "disabled",
    ];
    SWITCHES.iter().any(|it| value.eq_ignore_ascii_case(it))
        || value.starts_with(['$', '/'])
        || value.contains("{{")
        || (value.contains("://") && !value.contains('@'))
}

/// Passwords at the top of every list that is tried.
fn is_tried_first(value: &str) -> bool {
    const LIST: [&str; 34] = [
        "password",
        "passw0rd",
        "password1",
        "password123",
        "pass",
        "pass123",
        "admin",
        "admin123",
        "administrator",
        "root",
        "toor",
        "user",
        "test",
        "test123",
        "guest",
        "default",
        "secret",
        "changeme",
        "change_me",
        "change-me",
        "changeit",
        "letmein",
        "welcome",
        "qwerty",
        "postgres",
        "mysql",
        "mariadb",
        "mongo",
        "redis",
        "minio",
        "minioadmin",
        "wordpress",
        "example",
        "demo",
    ];
    let is_digits = value.len() <= 9 && value.bytes().all(|it| it.is_ascii_digit());
    let repeated = (2..=9).contains(&value.len())
        && value.bytes().all(|it| Some(&it) == value.as_bytes().first());
    is_digits || repeated || LIST.iter().any(|it| value.eq_ignore_ascii_case(it))
}

/// Texts that stand for a secret that is still to be filled in.
fn is_placeholder(value: &str) -> bool {
    if value.starts_with(['<', '[', '{', '$', '%']) || value.contains("...") || value.contains('…')
    {
        return true;
    }
    let lower = value.to_ascii_lowercase();
    // Pools of miners want some password and look at none: `x`.
    let is_masked = (value.len() >= 3 || value == "x")
        && value.bytes().all(|it| matches!(it, b'x' | b'X' | b'*' | b'-' | b'.' | b'_'));
    const PARTS: [&str; 20] = [
        "your",
        "change",
        "replace",
        "placeholder",
        "insert",
        "fill",
        "enter",
        "todo",
        "example",
        "here",
        "xxxx",
        "generate",
        "some_",
        "some-",
        "my_",
        "my-",
        "sample",
        "dummy",
        "redacted",
        "****",
    ];
    is_masked || PARTS.iter().any(|it| lower.contains(it))
}

/// What a text is by its form, whatever it is called.
fn known_form(text: &str) -> Option<&'static str> {
    // The shortest of them is longer.
    if text.len() < 16 {
        return None;
    }
    if text.contains("-----BEGIN ") && text.contains("PRIVATE KEY") {
        return Some("a private key");
    }
    if is_recovery_phrase(text) {
        return Some("a recovery phrase");
    }
    text.split(|it: char| !it.is_ascii_alphanumeric() && !matches!(it, '_' | '-' | '.'))
        .find_map(token)
}

/// The same for whoever hides secrets, where one too many does no harm: placeholders and cut-off
/// tokens count as well.
pub(crate) fn looks_secret(text: &str) -> bool {
    let begins = |(prefix, _, _): &(&str, usize, &str)| text.starts_with(prefix);
    known_form(text).is_some() || text.len() >= 16 && TOKENS.iter().any(begins)
}

/// Tokens whose issuers gave them a recognizable form: prefix, least length of the rest, what it is.
const TOKENS: [(&str, usize, &str); 31] = [
    ("AGE-SECRET-KEY-1", 50, "an age key"),
    ("AIza", 35, "a Google API key"),
    ("AKIA", 16, "an AWS access key"),
    ("ASIA", 16, "an AWS access key"),
    ("SG.", 40, "a SendGrid key"),
    ("dckr_pat_", 20, "a Docker Hub token"),
    ("dop_v1_", 40, "a DigitalOcean token"),
    ("ghp_", 36, "a GitHub token"),
    ("gho_", 36, "a GitHub token"),
    ("ghr_", 36, "a GitHub token"),
    ("ghs_", 36, "a GitHub token"),
    ("ghu_", 36, "a GitHub token"),
    ("github_pat_", 50, "a GitHub token"),
    ("glpat-", 20, "a GitLab token"),
    ("gsk_", 40, "a Groq key"),
    ("hf_", 30, "a Hugging Face token"),
    ("npm_", 36, "an npm token"),
    ("nvapi-", 40, "an NVIDIA API key"),
    ("pypi-", 60, "a PyPI token"),
    ("rk_live_", 20, "a Stripe key"),
    ("shpat_", 32, "a Shopify token"),
    ("sk-ant-", 30, "an Anthropic key"),
    ("sk-or-v1-", 40, "an OpenRouter key"),
    ("sk-proj-", 30, "an OpenAI key"),
    ("sk-", 40, "an API key"),
    ("sk_live_", 20, "a Stripe key"),
    ("tskey-auth-", 20, "a Tailscale key"),
    ("whsec_", 30, "a webhook secret"),
    ("xoxa-", 30, "a Slack token"),
    ("xoxb-", 30, "a Slack token"),
    ("xoxp-", 30, "a Slack token"),
];

fn token(word: &str) -> Option<&'static str> {
    if word.len() < 16 {
        return None;
    }
    let (_, _, what) = TOKENS.iter().find(|(prefix, least, _)| {
        word.strip_prefix(prefix).is_some_and(|rest| {
            // A token is random: placeholders repeat letters, and prose has no digits.
            rest.len() >= *least && letters(rest) >= 8 && !is_placeholder(rest)
        })
    })?;
    Some(what)
}

/// How many different characters a text has, up to those of ASCII.
fn letters(text: &str) -> u32 {
    let seen = text.bytes().fold(0_u128, |seen, it| seen | 1_u128 << (it & 127));
    seen.count_ones()
}

/// Twelve to twenty-four plain words of three to eight letters: the form of BIP-39.
fn is_recovery_phrase(text: &str) -> bool {
    let mut count = 0;
    for word in text.split_ascii_whitespace() {
        count += 1;
        let is_word =
            (3..=8).contains(&word.len()) && word.bytes().all(|it| it.is_ascii_lowercase());
        if !is_word || count > 24 {
            return false;
        }
    }
    matches!(count, 12 | 15 | 18 | 21 | 24) && letters(text) > 12
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_judged_by_their_last_word() {
        for name in
            ["DB_PASSWORD", "password", "PGPASSWORD", "MYSQL_ROOT_PASSWORD", "VNC_PASS", "DB_PWD"]
        {
            assert_eq!(Name::of(name), Name::Password, "{name}");
        }
        for name in [
            "API_KEY",
            "JWT_SECRET",
            "TELEGRAM_TOKEN",
            "AWS_SECRET_ACCESS_KEY",
            "PRIVATE_KEY",
            "WALLET_MNEMONIC",
            "SECRET_KEY_1",
            "OPENAI_API_KEY",
            "seed_phrase",
        ] {
            assert_eq!(Name::of(name), Name::Secret, "{name}");
        }
        for name in [
            "PASSWORD_LENGTH",
            "TOKEN_URL",
            "MAX_TOKENS",
            "PWD",
            "KEY",
            "SECRET_NAME",
            "PASSWORD_FILE",
            "PUBLIC_API_KEY",
            "PRIVATE_KEY_PATH",
            "KEYBOARD",
            "BYPASS",
            "",
            "MAX_TOKEN",
            "WORK_PWD",
        ] {
            assert_eq!(Name::of(name), Name::Harmless, "{name}");
        }
    }

    #[test]
    fn tokens_are_known_by_their_form() {
        let github = format!("ghp_{}", "a1B2c3D4e5F6g7H8i9J0".repeat(2));
        assert_eq!(known_form(&github), Some("a GitHub token"));
        assert_eq!(known_form(&format!("curl -H x:{github} y")), Some("a GitHub token"));
        assert_eq!(known_form("AKIAQ3EGTUV7WXYZ2345"), Some("an AWS access key"));
        assert_eq!(
            known_form("-----BEGIN RSA PRIVATE KEY-----\nMII=\n-----END RSA PRIVATE KEY-----"),
            Some("a private key")
        );
        let phrase =
            "ripple cactus velvet oxygen jungle mother spider wagon planet quiz horn dizzy";
        assert_eq!(known_form(phrase), Some("a recovery phrase"));
        for text in [
            "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "AKIA................",
            "sk-your-key-goes-here-and-it-is-quite-long-1234",
            "the quick brown fox",
            "one two three four five six seven eight nine ten eleven TWELVE",
            "npm_config_cache",
        ] {
            assert_eq!(known_form(text), None, "{text}");
        }
    }
}
