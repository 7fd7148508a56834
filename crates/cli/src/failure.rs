//! How a command fails: a sentence, its causes, what to try, and an exit code.
//!
//! Called by every command. The exit codes are part of the interface and stand in `--help`.

use std::{error::Error as StdError, fmt};

/// Something went wrong that has no code of its own.
pub const GENERAL: u8 = 1;
/// The command line, the settings or an SDL file is wrong; nothing was sent.
pub const WRONG_INPUT: u8 = 2;
/// A node or a provider cannot be reached, or the chain has halted.
pub const UNREACHABLE: u8 = 3;
/// The chain refused a transaction or it failed.
pub const REFUSED: u8 = 4;
/// No provider made a bid that can be taken.
pub const NO_BIDS: u8 = 5;
/// The thing asked for does not exist.
pub const NOT_FOUND: u8 = 6;
/// The chain goes on with another build of this program: an upgrade of the network.
pub const WRONG_BUILD: u8 = 7;
/// Interrupted by the user.
pub const INTERRUPTED: u8 = 130;

/// The exit codes, for `--help`.
pub const HELP: &str = "\
Exit codes:
  0    done
  1    failed
  2    wrong command line, settings or SDL file; nothing was sent
  3    a node or a provider cannot be reached, or the chain has halted
  4    the chain refused the transaction, or it failed
  5    no provider made a bid that can be taken
  6    what was asked for does not exist
  7    the network goes on with another version of this program
  130  interrupted";

/// A result of the command line.
pub type Result<T = (), E = Failure> = std::result::Result<T, E>;

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub struct Failure {
    /// How the process ends.
    pub code: u8,
    /// What went wrong, from the outside in.
    pub messages: Vec<String>,
    /// What to try.
    pub hint: Option<String>,
    /// More for `--json`, such as the list of problems in a file.
    pub detail: Option<Box<serde_json::Value>>,
    /// Text that is shown as it is before the messages (a rendered excerpt of a file).
    pub rendered: Option<String>,
    /// Everything was said already; only the exit code is left.
    pub is_told: bool,
}

impl Failure {
    /// A failure in one sentence, without a full stop.
    pub fn new(message: impl Into<String>) -> Failure {
        Failure {
            code: GENERAL,
            messages: vec![message.into()],
            hint: None,
            detail: None,
            rendered: None,
            is_told: false,
        }
    }

    /// An exit code, after everything was said.
    pub fn told(code: u8) -> Failure {
        Failure { is_told: true, ..Failure::new("failed").code(code) }
    }

    /// Wrong input.
    pub fn input(message: impl Into<String>) -> Failure {
        Failure::new(message).code(WRONG_INPUT)
    }

    /// Something that does not exist.
    pub fn not_found(message: impl Into<String>) -> Failure {
        Failure::new(message).code(NOT_FOUND)
    }

    /// Sets the exit code.
    #[must_use]
    pub fn code(mut self, code: u8) -> Failure {
        self.code = code;
        self
    }

    /// Sets what to try.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a cause and its causes.
    #[must_use]
    pub fn caused_by(mut self, error: impl StdError) -> Failure {
        let mut next: Option<&dyn StdError> = Some(&error);
        while let Some(it) = next {
            let text = it.to_string();
            // Some libraries repeat their source; say it once.
            if self.messages.last().is_none_or(|last| !last.contains(&text)) {
                self.messages.push(text);
            }
            next = it.source();
        }
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.messages.join(": "))
    }
}

impl From<client::Error> for Failure {
    fn from(error: client::Error) -> Failure {
        use client::Error as E;
        let code = match &error {
            E::Unreachable { .. }
            | E::BadAnswer { .. }
            | E::Halted { .. }
            | E::NotIncluded { .. }
            | E::Gateway(client::gateway::GatewayError::Unreachable { .. }) => UNREACHABLE,
            E::Refused { .. }
            | E::Failed { .. }
            | E::Expired { .. }
            | E::LowBalance { .. }
            | E::NoAccount { .. } => REFUSED,
            E::BadUrl { .. } | E::WrongChain { .. } | E::Invalid { .. } | E::Key(_) => WRONG_INPUT,
            E::Keyring(client::keyring::KeyringError::NoSuchKey { .. }) => NOT_FOUND,
            E::Gateway(client::gateway::GatewayError::NoProvider(_)) => NOT_FOUND,
            E::Query { .. } if error.is_not_found() => NOT_FOUND,
            _ => GENERAL,
        };
        let hint = error.hint();
        let mut failure = Failure::new(error.to_string()).code(code);
        failure.hint = hint;
        // Transports wrap the cause several times; the innermost says what happened.
        let mut cause = std::error::Error::source(&error);
        while let Some(inner) = cause.and_then(std::error::Error::source) {
            cause = Some(inner);
        }
        failure.messages.extend(cause.map(ToString::to_string));
        failure
    }
}

impl From<client::keyring::KeyringError> for Failure {
    fn from(error: client::keyring::KeyringError) -> Failure {
        client::Error::from(error).into()
    }
}

impl From<client::keys::KeyError> for Failure {
    fn from(error: client::keys::KeyError) -> Failure {
        client::Error::from(error).into()
    }
}

impl From<client::gateway::GatewayError> for Failure {
    fn from(error: client::gateway::GatewayError) -> Failure {
        client::Error::from(error).into()
    }
}

impl From<types::NumberError> for Failure {
    fn from(error: types::NumberError) -> Failure {
        Failure::new("could not compute an amount").caused_by(error)
    }
}
