//! Identifiers: who may be named how.

use ledger::{Fault, Result};

use super::errors::host::Error;

/// An identifier of `min` to `max` bytes out of a small alphabet.
fn id(text: &str, min: usize, max: usize) -> Result {
    const OTHERS: &str = "._+-#[]<>";
    let refuse = |why: String| Err(Error::InvalidId.wrap(why));
    if text.trim().is_empty() {
        return refuse("identifier cannot be blank".to_owned());
    }
    if text.contains('/') {
        return refuse(format!("identifier {text} cannot contain separator '/'"));
    }
    if !(min..=max).contains(&text.len()) {
        return refuse(format!(
            "identifier {text} has invalid length: {}, must be between {min}-{max} characters",
            text.len()
        ));
    }
    if !text.chars().all(|it| it.is_ascii_alphanumeric() || OTHERS.contains(it)) {
        return refuse(format!(
            "identifier {text} must contain only alphanumeric or the following characters: '.', \
             '_', '+', '-', '#', '[', ']', '<', '>'"
        ));
    }
    Ok(())
}

pub(super) fn client(text: &str) -> Result {
    id(text, 4, 64)
}

pub(super) fn connection(text: &str) -> Result {
    id(text, 10, 64)
}

pub(crate) fn channel(text: &str) -> Result {
    id(text, 8, 64)
}

pub(crate) fn port(text: &str) -> Result {
    id(text, 2, 128)
}

/// The number behind `channel-` or `connection-`, if that is what the text is.
fn numbered(text: &str, prefix: &str) -> Option<u64> {
    let digits = text.strip_prefix(prefix)?;
    let canonical = digits == "0" || !digits.starts_with('0');
    let number = canonical && !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit());
    number.then(|| digits.parse().ok()).flatten()
}

pub(super) fn is_connection(text: &str) -> bool {
    numbered(text, "connection-").is_some()
}

pub(super) fn is_channel(text: &str) -> bool {
    numbered(text, "channel-").is_some()
}

/// Light clients of the chain itself, which need no state.
pub(super) const LOCALHOST: &str = "09-localhost";

/// The type in front of a client's number: `07-tendermint` of `07-tendermint-3`.
pub(super) fn client_type(text: &str) -> Result<&str> {
    if text == LOCALHOST {
        return Ok(text);
    }
    let parsed = text.rsplit_once('-').filter(|(kind, digits)| {
        !kind.trim().is_empty() && digits.parse::<u64>().is_ok_and(|it| it.to_string() == *digits)
    });
    parsed.map(|it| it.0).ok_or_else(|| {
        let why = format!("client ID {text} must be in valid format: {{string}}-{{number}}");
        Fault::from(Error::InvalidId).context(why)
    })
}

/// The revision that a chain id tells: the number behind its last dash, 0 without one.
pub(super) fn revision(chain_id: &str) -> u64 {
    let Some((name, digits)) = chain_id.rsplit_once('-') else { return 0 };
    let well_formed = !name.is_empty() && !name.ends_with('-') && !digits.starts_with('0');
    if well_formed { digits.parse().unwrap_or_default() } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart_by_form() {
        assert_eq!(revision("conf-misc-7"), 7);
        assert_eq!(revision("akashnet-2"), 2);
        assert_eq!((revision("local"), revision("a--2"), revision("a-02")), (0, 0, 0));
        assert_eq!(client_type("07-tendermint-12").unwrap(), "07-tendermint");
        assert!(client_type("delta").is_err());
        assert!(is_channel("channel-0") && !is_channel("channel-01") && !is_channel("x"));
        let text = channel("x").unwrap_err().to_string();
        assert_eq!(
            text,
            "identifier x has invalid length: 1, must be between 8-64 characters: invalid \
             identifier"
        );
    }
}
