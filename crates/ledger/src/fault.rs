//! What goes wrong while executing: a deterministic [`Fault`] fails a transaction or a query, a
//! local [`Halt`] stops this node before it signs anything. Neither ever becomes the other.

use std::{borrow::Cow, fmt};

/// The result of everything that executes: handlers, hooks, state reads, queries.
pub type Result<T = (), E = Fault> = std::result::Result<T, E>;

/// A deterministic failure. Every node computes the same one.
///
/// The text is the reference's: contexts from the outside in, then the root text, joined by ": ".
#[derive(Clone, PartialEq, Eq)]
pub struct Fault(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    kind: Kind,
    context: String,
    root: Cow<'static, str>,
    status: Option<Status>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Registered in an error table: keeps its number on the wire.
    Registered { codespace: &'static str, code: u32 },
    /// Not registered: `undefined/1` in a transaction.
    Plain,
    /// A gRPC status built by a query.
    Status,
    /// The gas meter refused; `root` is the name of the refused charge.
    OutOfGas,
    /// A panic that the transaction boundary caught.
    Panic,
}

/// A gRPC status number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    Unknown = 2,
    InvalidArgument = 3,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    Unauthenticated = 16,
}

impl Status {
    /// The number on the wire.
    pub fn number(self) -> u32 {
        u32::from(self as u8)
    }
}

impl Fault {
    /// A fault of an error table. Called by `errors!`; elsewhere use the table's own enum.
    pub fn registered(
        codespace: &'static str,
        code: u32,
        root: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(Kind::Registered { codespace, code }, root)
    }

    /// An unregistered error: `undefined/1` in a transaction, `sdk/18` in a query.
    pub fn plain(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Plain, text)
    }

    /// A gRPC status, as queries return it.
    pub fn status(status: Status, text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Status, text).with_status(status)
    }

    pub fn not_found(text: impl Into<Cow<'static, str>>) -> Self {
        Self::status(Status::NotFound, text)
    }

    pub fn invalid_argument(text: impl Into<Cow<'static, str>>) -> Self {
        Self::status(Status::InvalidArgument, text)
    }

    pub fn internal(text: impl Into<Cow<'static, str>>) -> Self {
        Self::status(Status::Internal, text)
    }

    pub(crate) fn out_of_gas(location: &'static str) -> Self {
        Self::new(Kind::OutOfGas, location)
    }

    pub(crate) fn panic(text: String) -> Self {
        Self::new(Kind::Panic, text)
    }

    fn new(kind: Kind, root: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner { kind, context: String::new(), root: root.into(), status: None }))
    }

    /// Prefixes a context: the text becomes `context: text`. The number stays.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        let inner = &mut self.0;
        inner.context = if inner.context.is_empty() {
            context.to_string()
        } else {
            format!("{context}: {}", inner.context)
        };
        self
    }

    /// Loses the number and keeps the text, as an error formatted into another does (chain.md 1.3).
    #[must_use]
    pub fn into_plain(self) -> Self {
        Self::plain(self.to_string())
    }

    /// Becomes the detail of another error, as in `fault.inside(|it| Error::Refused.wrap(it))`. What
    /// ends the transaction from wherever it is, such as a lack of gas, stays what it is.
    #[must_use]
    pub fn inside(self, outer: impl FnOnce(Self) -> Self) -> Self {
        if self.is_abrupt() { self } else { outer(self) }
    }

    /// Gives a registered error the gRPC status that native gRPC clients see.
    #[must_use]
    pub fn with_status(mut self, status: Status) -> Self {
        self.0.status = Some(status);
        self
    }

    /// The error space: the module's name, `sdk`, or `undefined`.
    pub fn codespace(&self) -> &'static str {
        match self.0.kind {
            Kind::Registered { codespace, .. } => codespace,
            Kind::OutOfGas => "sdk",
            Kind::Plain | Kind::Status | Kind::Panic => "undefined",
        }
    }

    /// The number within the error space.
    pub fn code(&self) -> u32 {
        match self.0.kind {
            Kind::Registered { code, .. } => code,
            Kind::OutOfGas => 11,
            Kind::Plain | Kind::Status => 1,
            Kind::Panic => 111_222,
        }
    }

    /// The name of the charge that the gas meter refused.
    pub(crate) fn out_of_gas_location(&self) -> Option<&str> {
        (self.0.kind == Kind::OutOfGas).then_some(&*self.0.root)
    }

    /// Whether the fault ends the transaction from wherever it is, as a panic of the reference
    /// does: nothing is written around its text.
    pub(crate) fn is_abrupt(&self) -> bool {
        matches!(self.0.kind, Kind::OutOfGas | Kind::Panic)
    }

    /// Whether this is that registered error, whatever context it carries.
    pub fn is(&self, other: impl Into<Fault>) -> bool {
        let other = other.into();
        self.codespace() == other.codespace() && self.code() == other.code()
    }

    /// What native gRPC answers: status number and message (cosmos.md 3.3: root first).
    pub fn grpc(&self) -> (Status, String) {
        let inner = &self.0;
        let status = inner.status.unwrap_or(Status::Unknown);
        let message = match inner.kind {
            Kind::Registered { codespace, code } if inner.context.is_empty() => {
                format!("codespace {codespace} code {code}: {}", inner.root)
            }
            Kind::Registered { codespace, code } => {
                format!("codespace {codespace} code {code}: {}: {}", inner.root, inner.context)
            }
            Kind::Panic => return (Status::Internal, self.text()),
            _ => self.text(),
        };
        (status, message)
    }

    /// What `abci_query` answers: the code of the space `sdk` and the log (cosmos.md 3.10).
    pub fn abci_query(&self) -> (u32, String) {
        let inner = &self.0;
        let root = match (inner.kind, inner.status) {
            (Kind::Plain, None) => Sdk::InvalidRequest,
            (_, Some(Status::NotFound)) => Sdk::KeyNotFound,
            (_, Some(Status::InvalidArgument | Status::FailedPrecondition)) => Sdk::InvalidRequest,
            (_, Some(Status::Unauthenticated)) => Sdk::Unauthorized,
            _ => Sdk::UnknownRequest,
        };
        let root = Fault::from(root);
        (root.code(), format!("{self}: {root}"))
    }

    /// The text without the `rpc error` frame of a status.
    fn text(&self) -> String {
        let inner = &self.0;
        if inner.context.is_empty() {
            inner.root.to_string()
        } else {
            format!("{}: {}", inner.context, inner.root)
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        if !inner.context.is_empty() {
            write!(f, "{}: ", inner.context)?;
        }
        match (inner.kind, inner.status) {
            (Kind::Status, Some(status)) => {
                write!(f, "rpc error: code = {status:?} desc = {}", inner.root)
            }
            (Kind::OutOfGas, _) => write!(f, "out of gas in location: {}: out of gas", inner.root),
            _ => f.write_str(&inner.root),
        }
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} \"{self}\"", self.codespace(), self.code())
    }
}

impl std::error::Error for Fault {}

/// Vocabulary that does not parse or compute is an unregistered error unless the module wraps it.
macro_rules! plain_from {
    ($($error:ty),*) => { $(
        impl From<$error> for Fault {
            fn from(error: $error) -> Self {
                Self::plain(error.to_string())
            }
        }
    )* };
}
plain_from!(types::AddressError, types::CoinError, types::NumberError);

/// An id that does not parse names the root error itself; `sdk/18` for a text that is no id.
impl From<types::IdError> for Fault {
    fn from(error: types::IdError) -> Self {
        let root: Fault = match error.code {
            3 => Sdk::InvalidSequence.into(),
            7 => Sdk::InvalidAddress.into(),
            36 => Sdk::Conflict.into(),
            _ => Sdk::InvalidRequest.into(),
        };
        let suffix = format!(": {root}");
        match error.text.strip_suffix(&suffix) {
            Some(context) => root.context(context),
            None if error.text == root.to_string() => root,
            None => root.context(error.text),
        }
    }
}

/// Stops this node: its disk, its state or its peers' hashes cannot be trusted any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Halt(pub String);

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Halt {}

/// Leaves execution for good. The app's boundary turns it into `Err(Halt)`; the transaction
/// boundary lets it pass, since a halt reported as a failed transaction would be a fork.
pub fn halt(why: impl Into<String>) -> ! {
    std::panic::resume_unwind(Box::new(Halt(why.into())))
}

/// Declares a module's error table: number, name, fields, message.
///
/// ```text
/// errors! { Escrow;
///     1 NotFound(AccountId) "no escrow account {0}",
///     2 EmptyDeposit        "deposit must be positive",
///     3 Missing             "no such order" => NotFound,   // gRPC status, optional
/// }
/// ```
/// Makes `enum Error` with `Into<Fault>`, `Display`, `.wrap(context)` and `Error::TABLE`.
/// The module must derive nothing; `thiserror` must be among the crate's dependencies.
#[macro_export]
macro_rules! errors {
    ($module:ty; $($rest:tt)*) => {
        $crate::errors_in! { <$module as $crate::Module>::NAME; $($rest)* }
    };
}

/// `errors!` for a codespace that is not a module's name: `errors_in! { "sdk"; 2 … }`.
#[macro_export]
macro_rules! errors_in {
    ($space:expr; $( $number:literal $name:ident $(( $($field:ty),+ $(,)? ))? $text:literal $(=> $status:ident)? ),+ $(,)?) => {
        /// The module's errors. Their numbers are on the wire: append, never renumber.
        #[derive(Clone, Debug, PartialEq, Eq, ::thiserror::Error)]
        pub enum Error {
            $( #[error($text)] $name $(( $($field),+ ))?, )+
        }

        impl Error {
            /// Number, name and message template of every error, for the reference pages.
            pub const TABLE: &'static [(u32, &'static str, &'static str)] =
                &[$( ($number, stringify!($name), $text) ),+];

            /// The fault with a context in front: `context: message`.
            pub fn wrap(self, context: impl ::std::fmt::Display) -> $crate::Fault {
                $crate::Fault::from(self).context(context)
            }
        }

        impl ::std::convert::From<Error> for $crate::Fault {
            fn from(error: Error) -> Self {
                let text = error.to_string();
                match error {
                    $( Error::$name { .. } => {
                        let fault = $crate::Fault::registered($space, $number, text);
                        $( let fault = fault.with_status($crate::Status::$status); )?
                        fault
                    } )+
                }
            }
        }
    };
}

mod sdk {
    errors_in! { "sdk";
        2 TxDecode "tx parse error",
        3 InvalidSequence "invalid sequence",
        4 Unauthorized "unauthorized",
        5 InsufficientFunds "insufficient funds",
        6 UnknownRequest "unknown request",
        7 InvalidAddress "invalid address",
        8 InvalidPubKey "invalid pubkey",
        9 UnknownAddress "unknown address",
        10 InvalidCoins "invalid coins",
        11 OutOfGas "out of gas",
        12 MemoTooLarge "memo too large",
        13 InsufficientFee "insufficient fee",
        14 TooManySignatures "maximum number of signatures exceeded",
        15 NoSignatures "no signatures supplied",
        16 JsonMarshal "failed to marshal JSON bytes",
        17 JsonUnmarshal "failed to unmarshal JSON bytes",
        18 InvalidRequest "invalid request",
        19 TxInMempool "tx already in mempool",
        20 MempoolFull "mempool is full",
        21 TxTooLarge "tx too large",
        22 KeyNotFound "key not found",
        23 WrongPassword "invalid account password",
        24 WrongSigner "tx intended signer does not match the given signer",
        25 InvalidGasAdjustment "invalid gas adjustment",
        26 InvalidHeight "invalid height",
        27 InvalidVersion "invalid version",
        28 InvalidChainId "invalid chain-id",
        29 InvalidType "invalid type",
        30 TxTimeoutHeight "tx timeout height",
        31 UnknownExtensionOptions "unknown extension options",
        32 WrongSequence "incorrect account sequence",
        33 PackAny "failed packing protobuf message to Any",
        34 UnpackAny "failed unpacking protobuf message from Any",
        35 Logic "internal logic error",
        36 Conflict "conflict",
        37 NotSupported "feature not supported",
        38 NotFound "not found",
        39 Io "internal IO error",
        40 AppConfig "error in app.toml",
        41 InvalidGasLimit "invalid gas limit",
        42 TxTimeout "tx timeout",
    }
}

/// The root errors of the space `sdk` (cosmos.md 1.14): `Sdk::Unauthorized.wrap("context")`.
pub use sdk::Error as Sdk;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_stand_in_front_of_the_root_text() {
        let fault = Sdk::Unauthorized.wrap("inner").context("outer");
        assert_eq!(fault.to_string(), "outer: inner: unauthorized");
        assert_eq!((fault.codespace(), fault.code()), ("sdk", 4));
        assert_eq!(fault.grpc().1, "codespace sdk code 4: unauthorized: outer: inner");
    }

    #[test]
    fn a_status_prints_its_frame_only_over_abci() {
        let fault = Fault::not_found("account akash1x not found");
        let (code, log) = fault.abci_query();
        assert_eq!(code, 22);
        assert_eq!(
            log,
            "rpc error: code = NotFound desc = account akash1x not found: key not found"
        );
        assert_eq!(fault.grpc(), (Status::NotFound, "account akash1x not found".to_owned()));
        assert_eq!(Fault::plain("odd").abci_query().0, 18);
    }
}
