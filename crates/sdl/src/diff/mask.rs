//! What must not be shown: values of environment variables and arguments that look like secrets.

/// What stands in place of a secret.
pub(crate) const HIDDEN: &str = "(hidden)";

/// Whether a name says that its value is a secret.
pub(crate) fn is_secret_name(name: &str) -> bool {
    const WORDS: [&str; 17] = [
        "password",
        "passwd",
        "passphrase",
        "secret",
        "token",
        "apikey",
        "privatekey",
        "accesskey",
        "credential",
        "mnemonic",
        "seedphrase",
        "signingkey",
        "encryptionkey",
        "masterkey",
        "authkey",
        "requirepass",
        "webhook",
    ];
    let folded: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|it| it.to_ascii_lowercase())
        .collect();
    // `..._FILE` names a path, `..._KEY` and `..._PWD` are secrets whatever stands before.
    let upper = name.to_ascii_uppercase();
    if upper.ends_with("_FILE") || upper.ends_with("_PATH") || upper.ends_with("PUBLIC_KEY") {
        return false;
    }
    WORDS.iter().any(|it| folded.contains(it))
        || ["_KEY", "_PWD", "_PASS", "_AUTH", "-KEY"].iter().any(|it| upper.ends_with(it))
        || matches!(upper.as_str(), "PASS" | "PWD" | "KEY")
}

/// Whether a value looks like a secret whatever its name is: as the lint says, and web tokens.
pub(crate) fn is_secret_value(value: &str) -> bool {
    crate::lint::looks_secret(value)
        || (value.starts_with("eyJ") && value.matches('.').count() == 2)
}

/// The value of an environment variable, fit to be shown.
pub(crate) fn env_value(name: &str, value: &str) -> String {
    if value.is_empty() {
        return "\"\"".to_owned();
    }
    match is_secret_name(name) || is_secret_value(value) {
        true => HIDDEN.to_owned(),
        false => without_url_password(value),
    }
}

/// `scheme://user:password@host` with the password hidden.
pub(crate) fn without_url_password(value: &str) -> String {
    let mut out = String::new();
    let mut rest = value;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let authority = after.find(['/', '?', '#', ' ', ',']).unwrap_or(after.len());
        let (authority, tail) = after.split_at(authority);
        match authority
            .rsplit_once('@')
            .and_then(|(user, host)| Some((user.split_once(':')?.0, host)))
        {
            Some((user, host)) => out.push_str(&format!("{user}:{HIDDEN}@{host}")),
            None => out.push_str(authority),
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// A command line, fit to be shown: `--password=x` and `--password x` lose their `x`.
pub(crate) fn command_line(words: &[String]) -> String {
    let mut hide_next = false;
    let mut out: Vec<String> = Vec::new();
    for word in words {
        if std::mem::take(&mut hide_next) && !word.starts_with('-') {
            out.push(HIDDEN.to_owned());
            continue;
        }
        let shown = match word.split_once('=') {
            Some((name, _)) if is_secret_name(name.trim_start_matches('-')) => {
                format!("{name}={HIDDEN}")
            }
            Some(_) => without_url_password(word),
            None if is_secret_value(word) => HIDDEN.to_owned(),
            None => {
                hide_next = word.starts_with('-') && is_secret_name(word.trim_start_matches('-'));
                without_url_password(word)
            }
        };
        out.push(crate::explain::words::shell_word(&shown));
    }
    out.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_and_the_rest_is_shown() {
        for name in [
            "DB_PASSWORD",
            "API_KEY",
            "JWT_SECRET",
            "token",
            "MYSQL_ROOT_PASSWORD",
            "AWS_ACCESS_KEY_ID",
            "REDIS_PASS",
        ] {
            assert_eq!(env_value(name, "abc"), HIDDEN, "{name}");
        }
        for name in
            ["PORT", "KEYBOARD", "POSTGRES_PASSWORD_FILE", "SSH_PUBLIC_KEY", "PATH", "MONKEY"]
        {
            assert_eq!(env_value(name, "abc"), "abc", "{name}");
        }
        for value in [
            "ghp_0123456789abcdef0123",
            "npm_0123456789abcdef0123",
            "curl -H x:AKIAQ3EGTUV7WXYZ2345 y",
            "legal winner thank year wave sausage worth useful legal winner thank yellow",
        ] {
            assert_eq!(env_value("X", value), HIDDEN, "{value}");
        }
        assert_eq!(
            env_value("DATABASE_URL", "postgres://bob:pw@db:5432/app"),
            "postgres://bob:(hidden)@db:5432/app"
        );
        let words = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            command_line(&words(&["redis-server", "--requirepass", "x", "--port", "1"])),
            "redis-server --requirepass (hidden) --port 1".replace("(hidden)", HIDDEN)
        );
        assert_eq!(command_line(&words(&["--password=x", "a b"])), "'--password=(hidden)' 'a b'");
    }
}
