//! Who calls, and what they may do (spec `provider.md` 4.3 to 4.5).
//!
//! Called by: `gateway`. Calls: the chain, for public keys of accounts.

use std::{collections::BTreeMap, time::Duration};

use client::keys::PublicKey;
use http::{HeaderMap, StatusCode, header::AUTHORIZATION};
use parking_lot::Mutex;
use types::Address;

use super::token::{Access, Refusal, Scope, Services, Target, Token};
use crate::chain::{self, Chain};

/// The chain is not waited for longer when a key is looked up.
const LOOKUP_LIMIT: Duration = Duration::from_secs(5);
/// At most so many keys are kept. Accounts never change theirs.
const KEYS_MOST: usize = 50_000;

/// Why a caller is turned away: status and text of the reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Denied {
    pub status: StatusCode,
    pub text: String,
}

impl Denied {
    fn new(status: StatusCode, text: &str) -> Denied {
        Denied { status, text: text.to_owned() }
    }

    pub(crate) fn unauthorized() -> Denied {
        Denied::new(StatusCode::UNAUTHORIZED, "unauthorized access")
    }
}

impl From<Refusal> for Denied {
    fn from(it: Refusal) -> Denied {
        let status = match it {
            Refusal::Invalid => StatusCode::UNAUTHORIZED,
            Refusal::Claims => StatusCode::BAD_REQUEST,
        };
        Denied::new(status, &it.to_string())
    }
}

/// An account that proved itself, and what it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub owner: Address,
    access: Access,
}

impl Caller {
    /// Everything, for the holder of a certificate.
    pub(crate) fn by_certificate(owner: Address) -> Caller {
        Caller { owner, access: Access::Full }
    }

    /// The services that the caller may touch by this route.
    pub(crate) fn may(
        &self,
        provider: &Address,
        target: Option<Target>,
        scope: Option<Scope>,
    ) -> Result<Services, Denied> {
        self.access.allows(provider, target, scope).ok_or_else(Denied::unauthorized)
    }
}

/// Public keys of accounts. Look-ups are independent of each other and end in time.
#[derive(Debug, Default)]
pub(crate) struct Keys(Mutex<BTreeMap<Vec<u8>, PublicKey>>);

impl Keys {
    async fn of(&self, chain: &dyn Chain, owner: &Address) -> Result<PublicKey, Denied> {
        if let Some(key) = self.0.lock().get(owner.as_bytes()) {
            return Ok(*key);
        }
        let found = tokio::time::timeout(LOOKUP_LIMIT, chain.account_key(owner)).await;
        let key = match found {
            Ok(Ok(Some(key))) => PublicKey::from_bytes(&key).map_err(|_| Refusal::Invalid)?,
            Ok(Ok(None)) => return Err(Refusal::Invalid.into()),
            Ok(Err(chain::Error::Unreachable(error))) => {
                tracing::warn!(%error, "cannot look up the key of an account");
                return Err(away());
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "cannot look up the key of an account");
                return Err(Refusal::Invalid.into());
            }
            Err(_) => return Err(away()),
        };
        if key.address() != owner.to_string() {
            return Err(Refusal::Invalid.into());
        }
        let mut keys = self.0.lock();
        if keys.len() >= KEYS_MOST {
            keys.clear();
        }
        keys.insert(owner.as_bytes().to_vec(), key);
        Ok(key)
    }
}

fn away() -> Denied {
    Denied::new(StatusCode::SERVICE_UNAVAILABLE, "the chain cannot be reached")
}

/// The caller, or none without credentials. `certificate` is the account of a client certificate.
pub(crate) async fn caller(
    chain: &dyn Chain,
    keys: &Keys,
    headers: &HeaderMap,
    certificate: Option<&Address>,
) -> Result<Option<Caller>, Denied> {
    let header = match headers.get(AUTHORIZATION).map(|it| it.to_str()) {
        None | Some(Ok("")) => None,
        Some(Ok(text)) => Some(text),
        Some(Err(_)) => Some("?"),
    };
    let text = match (header, certificate) {
        (None, None) => return Ok(None),
        (None, Some(owner)) => return Ok(Some(Caller::by_certificate(owner.clone()))),
        (Some(_), Some(_)) => {
            return Err(Denied::new(
                StatusCode::BAD_REQUEST,
                "auth: ambiguous authentication. may not use mTLS and JWT at the same time",
            ));
        }
        (Some(text), None) => text,
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let [scheme, token] = words.as_slice() else { return Err(bad_header()) };
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(bad_header());
    }
    let token = Token::read(token)?;
    let key = keys.of(chain, &token.issuer).await?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let access = token.verify(&key, now.unwrap_or_default().as_secs_f64())?;
    Ok(Some(Caller { owner: token.issuer, access }))
}

fn bad_header() -> Denied {
    Denied::new(StatusCode::BAD_REQUEST, "invalid authorization header")
}
