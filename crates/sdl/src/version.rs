//! The `version` of a file, read as a tolerant semantic version (spec `sdl.md` 4).

use crate::Language;

/// A semantic version; build metadata takes no part in comparison and is dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    major: u64,
    minor: u64,
    patch: u64,
    pre_release: Vec<String>,
}

impl Version {
    /// Reads `2`, `2.0`, `v2.0.0`, `2.00`, with white space around.
    ///
    /// # Errors
    /// What is wrong, in plain words.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        let text = text.strip_prefix('v').unwrap_or(text);
        let mut parts: Vec<&str> = text.splitn(3, '.').collect();
        if parts.len() < 3 && parts.last().is_some_and(|it| it.contains(['+', '-'])) {
            return Err("a short version cannot carry a pre-release or build");
        }
        parts.resize(3, "0");
        let [major, minor, patch] = parts.as_slice() else { return Err("not a version") };
        let suffix_at = patch.find(['-', '+']).unwrap_or(patch.len());
        let (patch, suffix) = patch.split_at(suffix_at);
        let (pre_release, build) = match suffix.split_once('+') {
            Some((pre, build)) => (pre, Some(build)),
            None => (suffix, None),
        };
        let identifiers = |text: &str| -> Result<Vec<String>, &'static str> {
            let valid = |it: &str| {
                !it.is_empty() && it.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-')
            };
            let list: Vec<String> = text.split('.').map(str::to_owned).collect();
            if list.iter().all(|it| valid(it)) { Ok(list) } else { Err("a malformed pre-release") }
        };
        let pre_release = match pre_release.strip_prefix('-') {
            Some(text) => identifiers(text)?,
            None => Vec::new(),
        };
        let has_leading_zero = |it: &String| {
            it.len() > 1 && it.starts_with('0') && it.bytes().all(|it| it.is_ascii_digit())
        };
        if pre_release.iter().any(has_leading_zero) {
            return Err("a pre-release number with a leading zero");
        }
        if let Some(build) = build {
            identifiers(build)?;
        }
        Ok(Self {
            major: number(major)?,
            minor: number(minor)?,
            patch: number(patch)?,
            pre_release,
        })
    }

    /// Which compiler the version asks for, if there is one.
    pub(crate) fn language(&self) -> Option<Language> {
        let release = (self.major, self.minor, self.patch);
        if release == (2, 0, 0) && self.pre_release.is_empty() {
            return Some(Language::V2_0);
        }
        let least = (2, 1, 0);
        (release > least || (release == least && self.pre_release.is_empty()))
            .then_some(Language::V2_1)
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.pre_release.is_empty() {
            write!(f, "-{}", self.pre_release.join("."))?;
        }
        Ok(())
    }
}

fn number(text: &str) -> Result<u64, &'static str> {
    if text.is_empty() || !text.bytes().all(|it| it.is_ascii_digit()) {
        return Err("a version is up to three numbers with points between them");
    }
    text.parse().map_err(|_| "a version number is too large")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_choose_the_compiler() {
        let language = |text: &str| Version::parse(text).unwrap().language();
        for text in ["2", "2.0", "v2.0.0", "2.00", " 2.0 ", "02.0", "2.0.0+build"] {
            assert_eq!(language(text), Some(Language::V2_0), "{text}");
        }
        for text in ["2.1", "2.1.0", "2.2", "3.0", "2.2.0-rc.1"] {
            assert_eq!(language(text), Some(Language::V2_1), "{text}");
        }
        for text in ["1.0", "2.0.1", "2.0.0-x", "2.1.0-x", "0"] {
            assert_eq!(language(text), None, "{text}");
        }
        for text in ["", "two", "2.x", "2.0-x", "2.0.0.0", "2.0.0-", "-2"] {
            assert!(Version::parse(text).is_err(), "{text}");
        }
    }
}
