//! Tokens that wallets sign: reading, checking, and what they allow (spec `provider.md` 4.3, 4.4).
//!
//! Called by: `gateway::auth`. Pure: the key of the issuer and the time are parameters.

use std::collections::BTreeSet;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use client::keys::PublicKey;
use serde_json::Value;
use types::Address;

/// How far a client's clock may run ahead, in seconds.
const LEEWAY_SECONDS: f64 = 5.0;
/// Longer tokens are refused unread.
const TOKEN_BYTES_MAX: usize = 64 * 1024;

/// Why a token is refused; the texts are the reference's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// Form, algorithm, issuer, key or signature.
    #[error("JWT is invalid")]
    Invalid,
    /// A rule about claims is broken, validity in time included.
    #[error("JWT has invalid claims")]
    Claims,
}

/// What a token may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    SendManifest,
    GetManifest,
    Logs,
    Shell,
    Events,
    Status,
    Restart,
    HostnameMigrate,
    IpMigrate,
    Attestation,
}

impl Scope {
    fn read(text: &str) -> Option<Scope> {
        Some(match text {
            "send-manifest" => Scope::SendManifest,
            "get-manifest" => Scope::GetManifest,
            "logs" => Scope::Logs,
            "shell" => Scope::Shell,
            "events" => Scope::Events,
            "status" => Scope::Status,
            "restart" => Scope::Restart,
            "hostname-migrate" => Scope::HostnameMigrate,
            "ip-migrate" => Scope::IpMigrate,
            "attestation" => Scope::Attestation,
            _ => return None,
        })
    }
}

/// What the holder of a token may do, everywhere or here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Access {
    Full,
    Scoped(BTreeSet<Scope>),
    Granular(Vec<Permission>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Permission {
    pub provider: Address,
    pub access: ProviderAccess,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ProviderAccess {
    Full,
    Scoped(BTreeSet<Scope>),
    Granular(Vec<Grant>),
}

/// Leave for one deployment; zero for `gseq` or `oseq` means any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    pub dseq: u64,
    pub gseq: u32,
    pub oseq: u32,
    pub scope: BTreeSet<Scope>,
    pub services: BTreeSet<String>,
}

/// What a request is about.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Target {
    pub dseq: u64,
    /// Zero where the route has none.
    pub gseq: u32,
    pub oseq: u32,
}

/// Which services a request may touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Services {
    All,
    Only(BTreeSet<String>),
}

impl Services {
    pub(crate) fn allow(&self, service: &str) -> bool {
        match self {
            Services::All => true,
            Services::Only(names) => names.contains(service),
        }
    }
}

impl Access {
    /// Whether the route may be used, and for which services. A route without a scope (`None`)
    /// needs leave for the provider, and for the deployment where it names one.
    pub(crate) fn allows(
        &self,
        provider: &Address,
        target: Option<Target>,
        scope: Option<Scope>,
    ) -> Option<Services> {
        let within = |scopes: &BTreeSet<Scope>| {
            scope.is_none_or(|it| scopes.contains(&it)).then_some(Services::All)
        };
        match self {
            Access::Full => Some(Services::All),
            Access::Scoped(scopes) => within(scopes),
            Access::Granular(permissions) => {
                let here = permissions.iter().find(|it| it.provider == *provider)?;
                match &here.access {
                    ProviderAccess::Full => Some(Services::All),
                    ProviderAccess::Scoped(scopes) => within(scopes),
                    ProviderAccess::Granular(grants) => granted(grants, target, scope),
                }
            }
        }
    }
}

fn granted(grants: &[Grant], target: Option<Target>, scope: Option<Scope>) -> Option<Services> {
    let Some(target) = target else { return Some(Services::All) };
    let mut names = BTreeSet::new();
    let mut any = false;
    for it in grants {
        let here = it.dseq == target.dseq
            && (it.gseq == 0 || target.gseq == 0 || it.gseq == target.gseq)
            && (it.oseq == 0 || target.oseq == 0 || it.oseq == target.oseq)
            && scope.is_none_or(|scope| it.scope.contains(&scope));
        if here {
            any = true;
            names.extend(it.services.iter().cloned());
        }
    }
    any.then_some(Services::Only(names))
}

/// A token taken apart, its signature not yet checked.
pub(crate) struct Token {
    pub issuer: Address,
    adr36: bool,
    signed: String,
    signature: Vec<u8>,
    claims: Value,
}

impl Token {
    /// Form, algorithm and issuer.
    pub(crate) fn read(text: &str) -> Result<Token, Refusal> {
        if text.len() > TOKEN_BYTES_MAX {
            return Err(Refusal::Invalid);
        }
        let parts: Vec<&str> = text.split('.').collect();
        let [header, payload, signature] = parts.as_slice() else { return Err(Refusal::Invalid) };
        let json = |it: &str| -> Result<Value, Refusal> {
            let bytes = URL_SAFE_NO_PAD.decode(it).map_err(|_| Refusal::Invalid)?;
            serde_json::from_slice(&bytes).map_err(|_| Refusal::Invalid)
        };
        let head = json(header)?;
        let adr36 = match head.get("alg").and_then(Value::as_str) {
            Some("ES256K") => false,
            Some("ES256KADR36") => true,
            _ => return Err(Refusal::Invalid),
        };
        if head.get("typ").is_some_and(|it| it.as_str() != Some("JWT")) {
            return Err(Refusal::Invalid);
        }
        let claims = json(payload)?;
        let issuer = claims.get("iss").and_then(Value::as_str).ok_or(Refusal::Invalid)?;
        Ok(Token {
            issuer: issuer.parse().map_err(|_| Refusal::Invalid)?,
            adr36,
            signed: format!("{header}.{payload}"),
            signature: URL_SAFE_NO_PAD.decode(signature).map_err(|_| Refusal::Invalid)?,
            claims,
        })
    }

    /// Signature by the issuer's key, then the claims. `now` is Unix time in seconds.
    pub(crate) fn verify(&self, key: &PublicKey, now: f64) -> Result<Access, Refusal> {
        if !self.signed_by(key) {
            return Err(Refusal::Invalid);
        }
        check(&self.claims, now)
    }

    fn signed_by(&self, key: &PublicKey) -> bool {
        let message = if self.adr36 {
            // ADR-036: the canonical amino JSON that browser wallets sign, around the signing text.
            let data = STANDARD.encode(&self.signed);
            adr36_document(&data, &key.address())
        } else {
            self.signed.clone()
        };
        key.verifies(message.as_bytes(), &self.signature)
    }
}

pub(crate) fn adr36_document(data: &str, signer: &str) -> String {
    format!(
        concat!(
            r#"{{"account_number":"0","chain_id":"","fee":{{"amount":[],"gas":"0"}},"memo":"","#,
            r#""msgs":[{{"type":"sign/MsgSignData","value":{{"data":"{}","signer":"{}"}}}}],"#,
            r#""sequence":"0"}}"#
        ),
        data, signer
    )
}

fn check(claims: &Value, now: f64) -> Result<Access, Refusal> {
    let access = read_access(claims.get("leases").unwrap_or(&Value::Null));
    // An address that cannot be read makes the reference refuse the token before its rules.
    if matches!(access, Err(Refusal::Invalid)) {
        return access;
    }
    date(claims.get("iat")).ok_or(Refusal::Claims)?;
    let not_before = date(claims.get("nbf")).ok_or(Refusal::Claims)?;
    let expires = date(claims.get("exp")).ok_or(Refusal::Claims)?;
    if not_before > now + LEEWAY_SECONDS || expires <= now {
        return Err(Refusal::Claims);
    }
    if claims.get("version").and_then(Value::as_str) != Some("v1") {
        return Err(Refusal::Claims);
    }
    access
}

/// A number, or a number written as text; fractions are fine.
fn date(value: Option<&Value>) -> Option<f64> {
    let seconds = match value? {
        Value::Number(it) => it.as_f64()?,
        Value::String(it) => it.parse().ok()?,
        _ => return None,
    };
    seconds.is_finite().then_some(seconds)
}

fn read_access(leases: &Value) -> Result<Access, Refusal> {
    let scope = leases.get("scope").filter(|it| !it.is_null());
    let permissions = leases.get("permissions").filter(|it| !it.is_null());
    // The addresses are read first, whatever the rest says.
    let permissions = permissions.map(read_permissions).transpose()?;
    match leases.get("access").and_then(Value::as_str) {
        Some("full") if scope.is_none() && permissions.is_none() => Ok(Access::Full),
        Some("scoped") if permissions.is_none() => Ok(Access::Scoped(read_scope(scope)?)),
        Some("granular") => {
            let permissions = permissions.ok_or(Refusal::Claims)??;
            let distinct: BTreeSet<&[u8]> =
                permissions.iter().map(|it| it.provider.as_bytes()).collect();
            if permissions.is_empty() || distinct.len() != permissions.len() {
                return Err(Refusal::Claims);
            }
            Ok(Access::Granular(permissions))
        }
        _ => Err(Refusal::Claims),
    }
}

/// The outer error is about addresses, the inner one about rules.
fn read_permissions(value: &Value) -> Result<Result<Vec<Permission>, Refusal>, Refusal> {
    let Some(list) = value.as_array() else { return Ok(Err(Refusal::Claims)) };
    let mut read = Ok(Vec::new());
    for it in list {
        let provider = it.get("provider").and_then(Value::as_str).unwrap_or_default();
        let provider: Address = provider.parse().map_err(|_| Refusal::Invalid)?;
        let access = provider_access(it);
        read = read.and_then(|mut before: Vec<Permission>| {
            before.push(Permission { provider, access: access? });
            Ok(before)
        });
    }
    Ok(read)
}

fn provider_access(it: &Value) -> Result<ProviderAccess, Refusal> {
    let scope = it.get("scope").filter(|it| !it.is_null());
    let deployments = it.get("deployments").filter(|it| !it.is_null());
    match it.get("access").and_then(Value::as_str) {
        Some("full") if scope.is_none() && deployments.is_none() => Ok(ProviderAccess::Full),
        Some("scoped") if deployments.is_none() => Ok(ProviderAccess::Scoped(read_scope(scope)?)),
        Some("granular") if scope.is_none() => {
            let list = deployments.and_then(Value::as_array).filter(|it| !it.is_empty());
            let grants = list.ok_or(Refusal::Claims)?.iter().map(read_grant);
            Ok(ProviderAccess::Granular(grants.collect::<Result<_, _>>()?))
        }
        _ => Err(Refusal::Claims),
    }
}

fn read_grant(it: &Value) -> Result<Grant, Refusal> {
    let number = |key: &str| match it.get(key) {
        None | Some(Value::Null) => Ok(0),
        Some(value) => value.as_u64().ok_or(Refusal::Claims),
    };
    let small = |key: &str| u32::try_from(number(key)?).map_err(|_| Refusal::Claims);
    let grant = Grant {
        dseq: number("dseq")?,
        gseq: small("gseq")?,
        oseq: small("oseq")?,
        scope: read_scope(it.get("scope"))?,
        services: texts(it.get("services"))?.into_iter().map(str::to_owned).collect(),
    };
    if grant.dseq == 0 || (grant.oseq > 0 && grant.gseq == 0) {
        return Err(Refusal::Claims);
    }
    Ok(grant)
}

fn read_scope(value: Option<&Value>) -> Result<BTreeSet<Scope>, Refusal> {
    texts(value)?.into_iter().map(|it| Scope::read(it).ok_or(Refusal::Claims)).collect()
}

/// A list of texts: not empty, no duplicates.
fn texts(value: Option<&Value>) -> Result<Vec<&str>, Refusal> {
    let list = value.and_then(Value::as_array).filter(|it| !it.is_empty());
    let texts: Option<Vec<&str>> = list.ok_or(Refusal::Claims)?.iter().map(Value::as_str).collect();
    let texts = texts.ok_or(Refusal::Claims)?;
    let distinct: BTreeSet<&str> = texts.iter().copied().collect();
    if distinct.len() == texts.len() { Ok(texts) } else { Err(Refusal::Claims) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use client::keys::{Phrase, PrivateKey};

    fn fixtures(file: &str) -> Option<String> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/fixtures/jwt/");
        let read = std::fs::read_to_string(format!("{path}{file}")).ok();
        if read.is_none() {
            eprintln!("skipped: {path}{file} is not there");
        }
        read
    }

    fn test_key() -> Option<PrivateKey> {
        let words = fixtures("mnemonic.txt")?;
        let phrase: Phrase = words.trim().parse().unwrap();
        Some(phrase.first_key().unwrap())
    }

    fn sign(key: &PrivateKey, claims: &Value) -> String {
        let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256K","typ":"JWT"}"#);
        let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    #[test]
    fn signatures_of_the_vectors_verify_or_fail_as_they_say() {
        let (Some(cases), Some(key)) = (fixtures("cases_es256k.json"), test_key()) else { return };
        let cases: Vec<Value> = serde_json::from_str(&cases).unwrap();
        for case in cases {
            let text = case["tokenString"].as_str().unwrap();
            let (signed, signature) = text.rsplit_once('.').unwrap();
            let parts: Vec<&str> = signed.split('.').collect();
            let head: Value =
                serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[0]).unwrap()).unwrap();
            let claims: Value =
                serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
            let adr36 = match head["alg"].as_str() {
                Some("ES256K") => Some(false),
                Some("ES256KADR36") => Some(true),
                _ => None,
            };
            let good = adr36.is_some_and(|adr36| {
                let token = Token {
                    issuer: key.public().address().parse().unwrap(),
                    adr36,
                    signed: signed.to_owned(),
                    signature: URL_SAFE_NO_PAD.decode(signature).unwrap_or_default(),
                    claims,
                };
                token.signed_by(&key.public())
            });
            let want = case["mustFail"] == Value::Bool(false);
            assert_eq!(good, want, "{}", case["description"]);
        }
    }

    #[test]
    fn claims_of_the_vectors_pass_or_fail_as_they_say() {
        let (Some(cases), Some(key)) = (fixtures("cases_jwt.template.json"), test_key()) else {
            return;
        };
        let now = 1_800_000_000_u64;
        let day = 86_400;
        let filled = cases
            .replace("{{.Issuer}}", &key.public().address())
            .replace("{{.Provider}}", &key.public().address())
            .replace("{{.IatCurr}}", &now.to_string())
            .replace("{{.NbfCurr}}", &now.to_string())
            .replace("{{.Iat24h}}", &(now + day).to_string())
            .replace("{{.Nbf24h}}", &(now + day).to_string())
            .replace("{{.Exp48h}}", &(now + 2 * day).to_string());
        let cases: Vec<Value> = serde_json::from_str(&filled).unwrap();
        for case in cases {
            let text = match case["tokenString"].as_str() {
                Some(text) => text.to_owned(),
                None => sign(&key, &case["claims"]),
            };
            let result = Token::read(&text).and_then(|it| it.verify(&key.public(), now as f64));
            let fails = case["expected"]["verifyFail"] == Value::Bool(true);
            assert_eq!(result.is_err(), fails, "{}: {result:?}", case["description"]);
        }
    }

    #[test]
    fn a_grant_names_the_services_it_is_for() {
        let provider: Address = PrivateKey::generate().public().address().parse().unwrap();
        let grant = |dseq, service: &str| Grant {
            dseq,
            gseq: 1,
            oseq: 0,
            scope: [Scope::Logs].into(),
            services: [service.to_owned()].into(),
        };
        let access = Access::Granular(vec![Permission {
            provider: provider.clone(),
            access: ProviderAccess::Granular(vec![grant(7, "web"), grant(7, "db"), grant(8, "x")]),
        }]);
        let target = |dseq, gseq| Some(Target { dseq, gseq, oseq: 1 });
        let services = access.allows(&provider, target(7, 1), Some(Scope::Logs)).unwrap();
        assert!(services.allow("web") && services.allow("db") && !services.allow("x"));
        assert_eq!(access.allows(&provider, target(7, 2), Some(Scope::Logs)), None);
        assert_eq!(access.allows(&provider, target(7, 1), Some(Scope::Shell)), None);
        let other: Address = PrivateKey::generate().public().address().parse().unwrap();
        assert_eq!(access.allows(&other, target(7, 1), Some(Scope::Logs)), None);
    }

    #[test]
    fn rules_about_claims() {
        for (leases, want) in [
            (serde_json::json!({"access": "full"}), None),
            (serde_json::json!({"access": "full", "scope": ["logs"]}), Some(Refusal::Claims)),
            (serde_json::json!({"access": "none"}), Some(Refusal::Claims)),
            (serde_json::json!({"access": "scoped", "scope": []}), Some(Refusal::Claims)),
            (
                serde_json::json!({"access": "scoped", "scope": ["logs"], "permissions": []}),
                Some(Refusal::Claims),
            ),
            (serde_json::json!({"access": "granular", "permissions": []}), Some(Refusal::Claims)),
            (
                serde_json::json!({"access": "granular", "permissions": [{"provider": "x", "access": "full"}]}),
                Some(Refusal::Invalid),
            ),
        ] {
            assert_eq!(read_access(&leases).err(), want, "{leases}");
        }
    }
}
