//! Tokens that a wallet signs for a provider's gateway.
//!
//! Called by [`super::Gateway`] to mint and by the provider to check. Pure: the time is a
//! parameter. Source: provider.md 4.3; vectors: fixtures/jwt.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde::{Deserialize, Serialize};

use crate::keys::{PublicKey, Signer};

/// How long a token is valid that [`mint`] is given no other life for, in seconds.
pub const DEFAULT_LIFE_S: u64 = 15 * 60;

/// Why a token is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a token, another algorithm, or a signature that does not verify: HTTP 401.
    #[error("JWT is invalid")]
    Invalid,
    /// A claim breaks a rule, or the time is not within its life: HTTP 400.
    #[error("JWT has invalid claims")]
    Claims,
}

/// How the signing string was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// The signing string itself.
    Es256k,
    /// Wrapped in an off-chain sign document, as browser wallets do.
    Es256kAdr36,
}

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The account that signed, in bech32: the owner of the leases.
    #[serde(default)]
    pub iss: String,
    /// Valid until, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "date")]
    pub exp: Option<u64>,
    /// Valid from.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "date")]
    pub nbf: Option<u64>,
    /// Made at.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "date")]
    pub iat: Option<u64>,
    /// Ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// `v1`.
    #[serde(default)]
    pub version: String,
    /// What it allows.
    #[serde(default)]
    pub leases: Leases,
}

/// What a token allows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leases {
    /// `full`, `scoped` or `granular`.
    #[serde(default)]
    pub access: String,
    /// For `scoped`: the routes allowed everywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scope: Vec<String>,
    /// For `granular`: one entry per provider.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<Permission>,
}

/// What a token allows at one provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permission {
    /// The provider, in bech32.
    pub provider: String,
    /// `full`, `scoped` or `granular`.
    #[serde(default)]
    pub access: String,
    /// For `scoped`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scope: Vec<String>,
    /// For `granular`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deployments: Vec<DeploymentPermission>,
}

/// What a token allows for one deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentPermission {
    /// The deployment.
    #[serde(default)]
    pub dseq: u64,
    /// The group; 0 for all.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub gseq: u32,
    /// The order; 0 for all.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub oseq: u32,
    /// The routes allowed.
    #[serde(default)]
    pub scope: Vec<String>,
    /// The services allowed; at least one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
}

/// The routes that a token can name.
pub const SCOPES: [&str; 10] = [
    "send-manifest",
    "get-manifest",
    "logs",
    "shell",
    "events",
    "status",
    "restart",
    "hostname-migrate",
    "ip-migrate",
    "attestation",
];

impl Claims {
    /// Full access for `life_s` seconds from `now_s` on (seconds since 1970).
    pub fn full(issuer: &str, now_s: u64, life_s: u64) -> Claims {
        Claims {
            iss: issuer.to_owned(),
            exp: Some(now_s.saturating_add(life_s)),
            nbf: Some(now_s),
            iat: Some(now_s),
            jti: None,
            version: "v1".to_owned(),
            leases: Leases { access: "full".to_owned(), ..Default::default() },
        }
    }

    /// Checks every rule of the claims at the time `now_s`.
    pub fn check(&self, now_s: u64) -> Result<(), TokenError> {
        let in_life = self.iat.is_some()
            && self.nbf.is_some_and(|it| it <= now_s)
            && self.exp.is_some_and(|it| it > now_s);
        if !in_life || self.version != "v1" || self.iss.is_empty() {
            return Err(TokenError::Claims);
        }
        self.leases.check()
    }
}

impl Leases {
    fn check(&self) -> Result<(), TokenError> {
        let good = match self.access.as_str() {
            "full" => self.scope.is_empty() && self.permissions.is_empty(),
            "scoped" => scope_is_good(&self.scope) && self.permissions.is_empty(),
            "granular" => {
                // An account that is not one makes the token invalid, not its claims.
                if self
                    .permissions
                    .iter()
                    .any(|it| crate::keys::decode_address(&it.provider).is_err())
                {
                    return Err(TokenError::Invalid);
                }
                !self.permissions.is_empty()
                    && unique(self.permissions.iter().map(|it| &it.provider))
                    && self.permissions.iter().all(Permission::is_good)
            }
            _ => false,
        };
        if good { Ok(()) } else { Err(TokenError::Claims) }
    }
}

impl Permission {
    fn is_good(&self) -> bool {
        match self.access.as_str() {
            "full" => self.scope.is_empty() && self.deployments.is_empty(),
            "scoped" => scope_is_good(&self.scope) && self.deployments.is_empty(),
            "granular" => {
                self.scope.is_empty()
                    && !self.deployments.is_empty()
                    && self.deployments.iter().all(DeploymentPermission::is_good)
            }
            _ => false,
        }
    }
}

impl DeploymentPermission {
    fn is_good(&self) -> bool {
        self.dseq > 0
            && (self.oseq == 0 || self.gseq > 0)
            && scope_is_good(&self.scope)
            && !self.services.is_empty()
            && self.services.iter().all(|it| !it.is_empty())
            && unique(self.services.iter())
    }
}

fn scope_is_good(scope: &[String]) -> bool {
    !scope.is_empty()
        && scope.iter().all(|it| SCOPES.contains(&it.as_str()))
        && unique(scope.iter())
}

fn unique<T: Ord>(items: impl Iterator<Item = T>) -> bool {
    let mut seen = std::collections::BTreeSet::new();
    items.into_iter().all(|it| seen.insert(it))
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A numeric date: whole, with a fraction (cut), or written as text.
fn date<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let text = match serde_json::Value::deserialize(from)? {
        serde_json::Value::Null => return Ok(None),
        serde_json::Value::String(text) => text,
        serde_json::Value::Number(number) => number.to_string(),
        _ => return Err(serde::de::Error::custom("not a date")),
    };
    let whole = text.split_once('.').map_or(text.as_str(), |it| it.0);
    whole.parse().map(Some).map_err(serde::de::Error::custom)
}

/// Signs claims with ES256K.
pub fn sign(signer: &dyn Signer, claims: &Claims) -> String {
    let header = BASE64URL.encode(r#"{"alg":"ES256K","typ":"JWT"}"#);
    let payload = BASE64URL.encode(serde_json::to_vec(claims).unwrap_or_default());
    let signed = format!("{header}.{payload}");
    let signature = BASE64URL.encode(signer.sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// A token with full access for [`DEFAULT_LIFE_S`] from `now_s` on.
pub fn mint(signer: &dyn Signer, now_s: u64) -> String {
    sign(signer, &Claims::full(signer.address(), now_s, DEFAULT_LIFE_S))
}

/// A token that was taken apart and not yet believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unverified {
    /// How it says it was signed.
    pub algorithm: Algorithm,
    /// What it says.
    pub claims: Claims,
    signed: String,
    signature: Vec<u8>,
}

impl Unverified {
    /// Takes a token apart.
    pub fn parse(token: &str) -> Result<Unverified, TokenError> {
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Invalid)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenError::Invalid)?;
        let decode = |text: &str| BASE64URL.decode(text).map_err(|_| TokenError::Invalid);
        #[derive(Deserialize)]
        struct Header {
            alg: String,
        }
        let header: Header =
            serde_json::from_slice(&decode(header)?).map_err(|_| TokenError::Invalid)?;
        let algorithm = match header.alg.as_str() {
            "ES256K" => Algorithm::Es256k,
            "ES256KADR36" => Algorithm::Es256kAdr36,
            _ => return Err(TokenError::Invalid),
        };
        Ok(Unverified {
            algorithm,
            claims: serde_json::from_slice(&decode(payload)?).map_err(|_| TokenError::Invalid)?,
            signature: decode(signature)?,
            signed: signed.to_owned(),
        })
    }

    /// Checks the signature with the key of the account that [`Claims::iss`] names, then the
    /// claims at the time `now_s`.
    pub fn verify(self, key: &PublicKey, now_s: u64) -> Result<Claims, TokenError> {
        self.verify_signature(key)?;
        if key.address() != self.claims.iss {
            return Err(TokenError::Invalid);
        }
        self.claims.check(now_s)?;
        Ok(self.claims)
    }

    fn verify_signature(&self, key: &PublicKey) -> Result<(), TokenError> {
        let good = match self.algorithm {
            Algorithm::Es256k => key.verifies(self.signed.as_bytes(), &self.signature),
            Algorithm::Es256kAdr36 => {
                let document = adr36_document(&self.signed, &key.address());
                key.verifies(document.as_bytes(), &self.signature)
            }
        };
        if good { Ok(()) } else { Err(TokenError::Invalid) }
    }
}

/// The canonical off-chain sign document around `data`.
fn adr36_document(data: &str, signer: &str) -> String {
    use base64::engine::general_purpose::STANDARD;
    let data = STANDARD.encode(data);
    // An address needs no escape; anything else never equals a signed document.
    format!(
        concat!(
            r#"{{"account_number":"0","chain_id":"","fee":{{"amount":[],"gas":"0"}},"memo":"","#,
            r#""msgs":[{{"type":"sign/MsgSignData","value":{{"data":"{}","signer":"{}"}}}}],"#,
            r#""sequence":"0"}}"#
        ),
        data, signer
    )
}

#[cfg(test)]
#[path = "jwt_tests.rs"]
mod tests;
