//! The vectors of fixtures/jwt, and what they leave out.

use std::path::PathBuf;

use serde_json::Value;

use super::*;
use crate::keys::LocalSigner;

/// A file of the shared fixtures; `None`, with a word about it, where they are not there.
fn fixture(name: &str) -> Option<String> {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/jwt").join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(_) => {
            let mut err = std::io::stderr();
            let _ = std::io::Write::write_fmt(
                &mut err,
                format_args!("skipped: {} is not there\n", path.display()),
            );
            None
        }
    }
}

fn signer() -> Option<LocalSigner> {
    Some(LocalSigner::from_phrase(&fixture("mnemonic.txt")?).unwrap())
}

const NOW: u64 = 1_800_000_000;

#[test]
fn signatures_of_the_vectors_verify_or_fail_as_they_say() {
    let (Some(signer), Some(text)) = (signer(), fixture("cases_es256k.json")) else { return };
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(cases.len(), 5);
    for case in cases {
        let token = case["tokenString"].as_str().unwrap();
        let verified = Unverified::parse(token)
            .and_then(|it| it.verify_signature(&signer.public_key()).map(|()| it));
        assert_eq!(
            verified.is_err(),
            case["mustFail"].as_bool().unwrap(),
            "{}",
            case["description"]
        );
        if let Ok(token) = verified {
            let adr36 = case["expected"]["alg"] == "ES256KADR36";
            assert_eq!(token.algorithm == Algorithm::Es256kAdr36, adr36);
        }
    }
}

#[test]
fn claims_of_the_vectors_pass_or_fail_as_they_say_after_being_signed() {
    let (Some(signer), Some(text)) = (signer(), fixture("cases_jwt.template.json")) else { return };
    let mut text = text;
    for (name, value) in [
        ("Issuer", signer.address().to_owned()),
        ("Provider", signer.address().to_owned()),
        ("IatCurr", NOW.to_string()),
        ("NbfCurr", NOW.to_string()),
        ("Iat24h", (NOW + 86_400).to_string()),
        ("Nbf24h", (NOW + 86_400).to_string()),
        ("Exp48h", (NOW + 172_800).to_string()),
    ] {
        text = text.replace(&format!("{{{{.{name}}}}}"), &value);
    }
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(cases.len(), 31);
    for case in cases {
        let claims: Claims = serde_json::from_value(case["claims"].clone()).unwrap();
        let token = sign(&signer, &claims);
        if let Some(expected) = case["tokenString"].as_str()
            && claims.exp.is_some()
        {
            assert_eq!(token, expected, "{}", case["description"]);
        }
        let verified =
            Unverified::parse(&token).and_then(|it| it.verify(&signer.public_key(), NOW));
        let must_fail = case["expected"]["verifyFail"].as_bool().unwrap();
        assert_eq!(verified.is_err(), must_fail, "{}", case["description"]);
    }
}

#[test]
fn a_minted_token_is_believed_for_fifteen_minutes() {
    let signer = LocalSigner::new(crate::keys::PrivateKey::generate());
    let token = mint(&signer, NOW);
    let verify = |now| Unverified::parse(&token).unwrap().verify(&signer.public_key(), now);
    assert_eq!(verify(NOW).unwrap().iss, signer.address());
    assert!(verify(NOW + DEFAULT_LIFE_S - 1).is_ok());
    assert_eq!(verify(NOW + DEFAULT_LIFE_S), Err(TokenError::Claims));
    assert_eq!(verify(NOW - 1), Err(TokenError::Claims));
}

#[test]
fn a_token_of_another_key_or_with_another_issuer_is_invalid() {
    let (alice, bob) = (crate::keys::PrivateKey::generate(), crate::keys::PrivateKey::generate());
    let (alice, bob) = (LocalSigner::new(alice), LocalSigner::new(bob));
    let token = mint(&alice, NOW);
    let parsed = Unverified::parse(&token).unwrap();
    assert_eq!(parsed.verify(&bob.public_key(), NOW), Err(TokenError::Invalid));
    let forged = sign(&bob, &Claims::full(alice.address(), NOW, 60));
    let parsed = Unverified::parse(&forged).unwrap();
    assert_eq!(parsed.verify(&bob.public_key(), NOW), Err(TokenError::Invalid));
}

#[test]
fn anything_that_is_no_token_is_invalid() {
    for text in ["", ".", "..", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "e30.e30.e30"] {
        assert_eq!(Unverified::parse(text).err(), Some(TokenError::Invalid), "{text}");
    }
}
