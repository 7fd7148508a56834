//! Which texts the reference takes for a URL: host addresses and web sites of providers.
//! Called by `provider`; owns nothing. It parses, it never resolves.

/// The parts of a URL that a registration is checked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Url {
    /// In lower case; empty when the text has none.
    pub scheme: String,
    /// Host with its port.
    pub host: String,
    pub path: String,
}

impl Url {
    /// The cause in words when the text is no URL. Empty text is one, without any part.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.bytes().any(|it| it < 0x20 || it == 0x7f) {
            return Err("invalid control character in URL");
        }
        let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
        check_escapes(fragment)?;
        let (scheme, rest) = scheme(text)?;
        let scheme = scheme.to_ascii_lowercase();
        let rest = rest.split_once('?').map_or(rest, |(before, _)| before);

        if !rest.starts_with('/') {
            if !scheme.is_empty() {
                return Ok(Self { scheme, host: String::new(), path: String::new() });
            }
            let first_segment = rest.split('/').next().unwrap_or_default();
            if first_segment.contains(':') {
                return Err("first path segment in URL cannot contain colon");
            }
        }
        let has_authority =
            rest.starts_with("//") && (!scheme.is_empty() || !rest.starts_with("///"));
        let (authority, path) = match rest.strip_prefix("//") {
            Some(after) if has_authority => {
                let end = after.find('/').unwrap_or(after.len());
                after.split_at(end)
            }
            _ => ("", rest),
        };
        let host = host(authority)?;
        check_escapes(path)?;
        Ok(Self { scheme, host: host.to_owned(), path: path.to_owned() })
    }
}

fn scheme(text: &str) -> Result<(&str, &str), &'static str> {
    for (at, it) in text.bytes().enumerate() {
        match it {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return Err("missing protocol scheme"),
            b':' => {
                let (scheme, rest) = text.split_at(at);
                return Ok((scheme, rest.strip_prefix(':').unwrap_or(rest)));
            }
            _ => break,
        }
    }
    Ok(("", text))
}

fn host(authority: &str) -> Result<&str, &'static str> {
    let host = match authority.rsplit_once('@') {
        Some((user, host)) => {
            let plain = |it: char| it.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(it);
            if !user.chars().all(plain) {
                return Err("invalid userinfo");
            }
            check_escapes(user)?;
            host
        }
        None => authority,
    };
    let port = if host.starts_with('[') {
        let (_, port) = host.rsplit_once(']').ok_or("missing ']' in host")?;
        port
    } else {
        host.rfind(':').map_or("", |at| host.split_at(at).1)
    };
    let digits = port.strip_prefix(':').unwrap_or(port);
    if (!port.is_empty() && !port.starts_with(':')) || !digits.bytes().all(|it| it.is_ascii_digit())
    {
        return Err("invalid port after host");
    }
    check_escapes(host)?;
    let allowed = |it: char| {
        !it.is_ascii() || it.is_ascii_alphanumeric() || "-_.~!$&'()*+,;=:[]<>\"%".contains(it)
    };
    if !host.chars().all(allowed) {
        return Err("invalid character in host name");
    }
    // Only bytes beyond ASCII may be written as an escape in a host name (and the zone's sign).
    let foreign = host.split('%').skip(1).all(|it| {
        it.starts_with("25")
            || it.bytes().next().is_some_and(|hex| !hex.is_ascii_digit() || hex >= b'8')
    });
    if !foreign {
        return Err("invalid URL escape in host name");
    }
    Ok(host)
}

/// Every `%` is followed by two hexadecimal digits.
fn check_escapes(text: &str) -> Result<(), &'static str> {
    let whole = text.split('%').skip(1).all(|it| {
        let mut digits = it.bytes();
        let mut hex = || digits.next().is_some_and(|it| it.is_ascii_hexdigit());
        hex() && hex()
    });
    if whole { Ok(()) } else { Err("invalid URL escape") }
}

#[cfg(test)]
mod tests {
    use super::Url;

    #[test]
    fn parts_of_a_url() {
        let url = Url::parse("HTTPS://p1.example.com:8443").unwrap();
        assert_eq!((url.scheme.as_str(), url.host.as_str()), ("https", "p1.example.com:8443"));
        assert_eq!(url.path, "");
        assert_eq!(Url::parse("https://h/x?q#f").unwrap().path, "/x");
        assert_eq!(Url::parse("https://:8443").unwrap().host, ":8443");
        assert_eq!(Url::parse("https://[::1]:8443").unwrap().host, "[::1]:8443");
        assert_eq!(Url::parse("p1.example.com").unwrap().scheme, "");
        assert_eq!(Url::parse("").unwrap().host, "");
        assert_eq!(Url::parse("mailto:someone").unwrap().host, "");
    }

    #[test]
    fn what_is_no_url() {
        for text in [
            "https://a b",
            ":x",
            "a b:c",
            "https://h:port",
            "https://[::1",
            "1:2",
            "https://h%41",
            "https://h/%4",
            "https://u^@h",
            "a\u{7f}b",
        ] {
            assert!(Url::parse(text).is_err(), "{text:?}");
        }
    }
}
