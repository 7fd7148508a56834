//! `haggle cert`: certificates for talking to gateways by mTLS, in place of tokens.
//!
//! The key rests beside the keyring in a file that only the user can read.

use std::time::Duration;

use client::{cert, keyring::write_atomically};
use serde_json::json;
use types::wire::akash::cert::v1::{Id, MsgRevokeCertificate, State};

use crate::{
    context::{Context, TxFlags},
    failure::{Failure, Result},
    printer::Column,
};

/// What to do with certificates.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make a certificate and publish it on the chain
    Create {
        /// Days that it is valid
        #[arg(long, default_value_t = 365)]
        days: u32,
        /// Host names and addresses, for a certificate of a server
        #[arg(value_name = "HOST")]
        hosts: Vec<String>,
        /// How to pay
        #[command(flatten)]
        tx: TxFlags,
    },
    /// List the certificates of an account
    List {
        /// The account; the own one by default
        #[arg(long)]
        owner: Option<String>,
        /// Only `valid` or only `revoked` ones
        #[arg(long, default_value = "", hide_default_value = true)]
        state: String,
    },
    /// Revoke a certificate for good
    Revoke {
        /// Its serial number
        serial: String,
        /// How to pay
        #[command(flatten)]
        tx: TxFlags,
    },
}

/// Runs the command.
pub async fn run(cx: &Context, command: Command) -> Result {
    let out = &cx.printer;
    match command {
        Command::Create { days, hosts, tx } => {
            let signer = cx.signer()?;
            let chain = cx.chain().await?;
            let wallet = cx.wallet(chain, signer, &tx)?;
            let life = Duration::from_secs(u64::from(days) * 24 * 3600);
            let made = cert::generate(wallet.address(), &hosts, life)?;
            let path = cx.config.home.join(format!("{}.pem", wallet.address()));
            // The file first: a published certificate whose key is lost is of no use.
            let text = format!("{}{}", made.certificate_pem, *made.key_pem);
            write_atomically(&path, text.as_bytes())?;
            let done = wallet.send_one(&made.message()).await?;
            out.json(&json!({
                "serial": made.serial, "owner": made.owner, "file": path,
                "txhash": done.hash.to_string(), "height": done.height,
            }));
            out.done(format!("published certificate {} in block {}", made.serial, done.height));
            out.line(path.display().to_string());
        }
        Command::List { owner, state } => {
            let owner = match owner {
                Some(owner) => owner,
                None => cx.address()?,
            };
            let found = cx.chain().await?.certificates(&owner, &state).await?;
            let name = |it: i32| match State::try_from(it) {
                Ok(State::Valid) => "valid",
                Ok(State::Revoked) => "revoked",
                _ => "unknown",
            };
            let list: Vec<_> = found
                .iter()
                .map(|it| json!({ "serial": it.serial, "state": name(it.certificate.state) }))
                .collect();
            out.json(&json!({ "owner": owner, "certificates": list }));
            let rows: Vec<_> = found
                .iter()
                .map(|it| vec![it.serial.clone(), name(it.certificate.state).to_owned()])
                .collect();
            if rows.is_empty() {
                out.line(format!("{owner} has no certificates."));
            } else {
                out.table(&[Column::Text("serial"), Column::Text("state")], &rows);
            }
        }
        Command::Revoke { serial, tx } => {
            if serial.is_empty() || !serial.chars().all(|it| it.is_ascii_digit()) {
                return Err(Failure::input(format!("`{serial}` is not a serial number"))
                    .hint("see `haggle cert list`"));
            }
            let signer = cx.signer()?;
            let chain = cx.chain().await?;
            let wallet = cx.wallet(chain, signer, &tx)?;
            let message = MsgRevokeCertificate {
                id: Id { owner: wallet.address().to_owned(), serial: serial.clone() },
            };
            let done = wallet.send_one(&message).await?;
            out.json(&json!({
                "serial": serial, "txhash": done.hash.to_string(), "height": done.height,
            }));
            out.done(format!("revoked certificate {serial} in block {}", done.height));
        }
    }
    Ok(())
}
