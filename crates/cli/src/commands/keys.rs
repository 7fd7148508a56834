//! `haggle keys`: make, import, export, list and delete keys.

use std::io::Read;

use client::keys::{DEFAULT_PATH, Phrase, PrivateKey};
use serde_json::json;
use zeroize::Zeroizing;

use crate::{
    context::Context,
    failure::{Failure, Result},
    printer::Column,
};

/// What to do with keys.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make a new key and show its recovery phrase once
    Add {
        /// Name of the key
        name: String,
    },
    /// Import a key from its recovery phrase or its hexadecimal private key, read from stdin
    Import {
        /// Name of the key
        name: String,
        /// Where in the phrase's tree the key is
        #[arg(long, default_value = DEFAULT_PATH)]
        path: String,
        /// What is read is a private key of 64 hexadecimal digits
        #[arg(long)]
        hex: bool,
    },
    /// List the keys
    List,
    /// Show one key
    Show {
        /// Name or address
        key: String,
    },
    /// Print a private key in hexadecimal; whoever has it has the account
    Export {
        /// Name or address
        key: String,
    },
    /// Delete a key; without its phrase the account is lost
    Delete {
        /// Name or address
        key: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

/// Runs the command.
pub fn run(cx: &Context, command: Command) -> Result {
    let keyring = cx.keyring()?;
    let out = &cx.printer;
    match command {
        Command::Add { name } => {
            let password = cx.password(keyring.list()?.is_empty())?;
            let phrase = Phrase::generate()?;
            let info = keyring.add(&name, &phrase.first_key()?, &password)?;
            out.json(&json!({
                "name": info.name, "address": info.address, "public_key": info.public_key,
                "phrase": phrase.words(),
            }));
            out.line(format!("{}  {}", info.name, info.address));
            out.line("");
            out.line("Recovery phrase, shown only now. Write it down and keep it secret:");
            out.line("");
            out.line(format!("  {}", phrase.words()));
        }
        Command::Import { name, path, hex } => {
            let secret = read_secret(cx, hex)?;
            let key = if hex {
                let bytes = Zeroizing::new(hex::decode(secret.trim()).map_err(|_| {
                    Failure::input("this is not a private key of 64 hexadecimal digits")
                })?);
                PrivateKey::from_bytes(&bytes)?
            } else {
                secret.parse::<Phrase>()?.derive(&path)?
            };
            let password = cx.password(keyring.list()?.is_empty())?;
            let info = keyring.add(&name, &key, &password)?;
            out.json(&info);
            out.line(format!("{}  {}", info.name, info.address));
        }
        Command::List => {
            let keys = keyring.list()?;
            out.json(&keys);
            if keys.is_empty() {
                out.line("No keys yet. Make one with `haggle keys add NAME`.");
                return Ok(());
            }
            let rows: Vec<_> = keys.into_iter().map(|it| vec![it.name, it.address]).collect();
            out.table(&[Column::Text("name"), Column::Text("address")], &rows);
        }
        Command::Show { key } => {
            let info = keyring.info(&key)?;
            out.json(&info);
            out.line(format!("name        {}", info.name));
            out.line(format!("address     {}", info.address));
            out.line(format!("public key  {}", info.public_key));
        }
        Command::Export { key } => {
            let info = keyring.info(&key)?;
            let secret = keyring.secret(&info.name, &cx.password(false)?)?;
            let text = Zeroizing::new(hex::encode(secret.to_bytes().as_ref()));
            out.json(&json!({ "name": info.name, "address": info.address, "private_key": *text }));
            out.line(text.as_str());
        }
        Command::Delete { key, yes } => {
            let info = keyring.info(&key)?;
            let question = format!("Delete {} ({})?", info.name, info.address);
            if !yes && !out.confirm(&question, false) {
                return Err(Failure::input("nothing was deleted").hint("give --yes to delete it"));
            }
            let info = keyring.delete(&info.name)?;
            out.json(&info);
            out.done(format!("deleted {}", info.name));
        }
    }
    Ok(())
}

/// A secret from the terminal without showing it, or from stdin.
fn read_secret(cx: &Context, hex: bool) -> Result<Zeroizing<String>> {
    let prompt = if hex { "Private key" } else { "Recovery phrase" };
    if let Some(text) = cx.printer.ask_password(prompt, false) {
        return Ok(Zeroizing::new(text));
    }
    let mut text = Zeroizing::new(String::new());
    let mut stdin = std::io::stdin().lock().take(4096);
    stdin
        .read_to_string(&mut text)
        .map_err(|it| Failure::input("could not read the secret from stdin").caused_by(it))?;
    if text.trim().is_empty() {
        return Err(Failure::input("nothing was given on stdin")
            .hint("for example: haggle keys import alice < phrase.txt"));
    }
    Ok(text)
}
