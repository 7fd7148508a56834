//! What can go wrong between a client and the network, and what to try.
//!
//! Called by every module of this crate. Each error says what was attempted and what went wrong;
//! [`Error::hint`] says what to try next. Messages never repeat their source: walk the chain.

use crate::rpc::TxHash;

/// The source of a transport failure.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The result of everything that talks to a node.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed conversation with a node.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody answered at the node's address.
    #[error("could not {what}: no answer from the node at {url}")]
    Unreachable {
        /// What was attempted, as a verb phrase.
        what: String,
        /// The address that was tried.
        url: String,
        /// What the transport said.
        #[source]
        source: Cause,
    },
    /// The node's address is not an address.
    #[error("`{url}` is not the address of a node: {detail}")]
    BadUrl {
        /// As given.
        url: String,
        /// Why not.
        detail: String,
    },
    /// An answer that is not what the protocol says.
    #[error("could not {what}: the node at {url} gave an answer that is not understood: {detail}")]
    BadAnswer {
        /// What was attempted.
        what: String,
        /// The address that answered.
        url: String,
        /// What is wrong with the answer.
        detail: String,
    },
    /// The node's RPC refused the call.
    #[error("could not {what}: the node answered: {message}")]
    Rpc {
        /// What was attempted.
        what: String,
        /// The JSON-RPC error code.
        code: i64,
        /// The text of the node.
        message: String,
    },
    /// A query was answered with an error of a module.
    #[error("could not {what}: {log} ({codespace}/{code})")]
    Query {
        /// What was attempted.
        what: String,
        /// The error space of the module.
        codespace: String,
        /// The number within it.
        code: u32,
        /// The cause.
        log: String,
    },
    /// The node serves another chain than the one asked for.
    #[error("the node at {url} serves the chain `{actual}`, not `{expected}`")]
    WrongChain {
        /// The address that answered.
        url: String,
        /// The chain asked for.
        expected: String,
        /// The chain served.
        actual: String,
    },
    /// The signing account does not exist on the chain.
    #[error("account {address} does not exist on chain `{chain_id}`")]
    NoAccount {
        /// The account.
        address: String,
        /// The chain that was asked.
        chain_id: String,
    },
    /// The account cannot pay.
    #[error("the balance of {address} is too low: {log}")]
    LowBalance {
        /// The account.
        address: String,
        /// What the chain said.
        log: String,
    },
    /// A transaction was refused before it entered a block; nothing changed and nothing was paid.
    #[error("the transaction was refused: {log} ({codespace}/{code})")]
    Refused {
        /// The error space.
        codespace: String,
        /// The number within it.
        code: u32,
        /// The cause.
        log: String,
    },
    /// A transaction entered a block and failed there; its fee is paid.
    #[error("the transaction {hash} failed in block {height}: {log} ({codespace}/{code})")]
    Failed {
        /// Hash of the transaction.
        hash: TxHash,
        /// The block that holds it.
        height: u64,
        /// The error space.
        codespace: String,
        /// The number within it.
        code: u32,
        /// The cause.
        log: String,
    },
    /// The chain passed the height until which the transaction was valid, without including it.
    #[error(
        "the transaction {hash} was not included up to block {timeout_height} and cannot be any more"
    )]
    Expired {
        /// Hash of the transaction.
        hash: TxHash,
        /// The last height at which it could have entered a block.
        timeout_height: u64,
    },
    /// The transaction is in no block yet, and may still enter one.
    #[error(
        "the transaction {hash} is in no block after {waited_s} s; the chain is at height {height}"
    )]
    NotIncluded {
        /// Hash of the transaction.
        hash: TxHash,
        /// How long the client waited.
        waited_s: u64,
        /// The latest height that was seen.
        height: u64,
    },
    /// The chain makes no blocks.
    #[error("the chain `{chain_id}` has halted: no block since height {height}, for {waited_s} s")]
    Halted {
        /// The chain.
        chain_id: String,
        /// The latest height.
        height: u64,
        /// How long it has been standing there.
        waited_s: u64,
    },
    /// A height was asked for that the node no longer keeps.
    #[error("block {height} is not available any more; the node keeps blocks from {lowest}")]
    Pruned {
        /// The height asked for.
        height: u64,
        /// The lowest height kept.
        lowest: u64,
    },
    /// A value given by the caller cannot be used.
    #[error("could not {what}: {detail}")]
    Invalid {
        /// What was attempted.
        what: String,
        /// What is wrong.
        detail: String,
    },
    /// A key or a phrase that cannot be used.
    #[error(transparent)]
    Key(#[from] crate::keys::KeyError),
    /// The keyring could not be read or written.
    #[error(transparent)]
    Keyring(#[from] crate::keyring::KeyringError),
    /// A provider's gateway refused or could not be reached.
    #[error(transparent)]
    Gateway(#[from] crate::gateway::GatewayError),
}

impl Error {
    /// What to try next, as one sentence without a full stop; `None` where nothing helps.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Error::Unreachable { url, .. } => format!(
                "check that a node runs at {url} (`haggle up` starts one), or give another with --node"
            ),
            Error::BadUrl { .. } => "write it like http://127.0.0.1:26657".to_owned(),
            Error::BadAnswer { url, .. } => {
                format!("check that {url} is the RPC address of a node (port 26657 by default)")
            }
            Error::WrongChain { actual, .. } => {
                format!("give --chain-id {actual} to use that chain, or another --node")
            }
            Error::NoAccount { address, .. } => {
                format!("send coins to {address} first; an account exists from its first coin on")
            }
            Error::LowBalance { address, .. } => {
                format!("send coins to {address}, or choose a lower deposit or gas price")
            }
            Error::Refused { codespace, code, .. } | Error::Failed { codespace, code, .. } => {
                return crate::hints::of_code(codespace, *code).map(str::to_owned);
            }
            Error::Expired { .. } => {
                "send it again; the first one can no longer take effect".to_owned()
            }
            Error::NotIncluded { hash, .. } => format!(
                "do not send it again blindly: ask `haggle query tx get-tx --hash {hash}` whether it got in"
            ),
            Error::Halted { .. } => {
                "ask the operator of the network, or look at the node's log".to_owned()
            }
            Error::Pruned { .. } => "use an archive node, or start from a later height".to_owned(),
            Error::Gateway(inner) => return inner.hint(),
            Error::Keyring(inner) => return inner.hint(),
            Error::Rpc { .. } | Error::Query { .. } | Error::Invalid { .. } | Error::Key(_) => {
                return None;
            }
        })
    }

    /// Whether the same call may well succeed when it is repeated a little later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Error::Unreachable { .. })
    }

    /// Whether a query found nothing under the id it was given.
    pub fn is_not_found(&self) -> bool {
        match self {
            Error::NoAccount { .. } => true,
            Error::Query { codespace, code, log, .. } => {
                (codespace == "sdk" && (*code == 22 || *code == 38)) || log.contains("not found")
            }
            _ => false,
        }
    }
}
