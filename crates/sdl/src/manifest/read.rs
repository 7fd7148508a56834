//! Reading a received manifest (spec `provider.md` 4.8, 4.9), as leniently as the reference.

use super::{Group, Manifest};
use serde_json::Value;

impl Manifest {
    /// Reads the first JSON value of `bytes`; what follows it is ignored, `null` is no group, unknown
    /// keys are dropped and the last of repeated keys counts.
    ///
    /// # Errors
    /// A text for the sender: `EOF` for nothing at all, `unexpected EOF` for a document that is cut
    /// off, otherwise what is wrong and where.
    pub fn from_json(bytes: &[u8]) -> Result<Self, String> {
        // Reading by way of `Value` lets the last of repeated keys win.
        let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<Value>();
        let document = match values.next() {
            None => return Err("EOF".into()),
            Some(Err(error)) if error.is_eof() => return Err("unexpected EOF".into()),
            Some(Err(error)) => return Err(error.to_string()),
            Some(Ok(document)) => document,
        };
        let groups: Option<Vec<Group>> =
            serde_json::from_value(document).map_err(|error| error.to_string())?;
        Ok(Self(groups.unwrap_or_default()))
    }
}
