//! Sign bytes, signatures and hashes against the recordings of the reference.

#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use std::path::PathBuf;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use client::{
    GasPrice, LocalSigner, Signer, any,
    keys::{Phrase, PrivateKey},
    rpc::TxHash,
    tx::{Unsigned, sign_bytes, sign_direct},
};
use prost::Message;
use serde_json::Value;
use sha2::{Digest, Sha256};
use types::wire::cosmos::{bank::v1beta1::MsgSend, base::v1beta1::Coin, tx::v1beta1::TxRaw};

fn coin(amount: &str) -> Vec<Coin> {
    vec![Coin { denom: "uakt".to_owned(), amount: amount.to_owned() }]
}

#[test]
fn a_send_gives_the_bytes_signature_and_hash_of_the_reference() {
    let words = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon \
                 abandon about";
    let signer = LocalSigner::new(words.parse::<Phrase>().unwrap().first_key().unwrap());
    let unsigned = Unsigned {
        messages: vec![any(&MsgSend {
            from_address: signer.address().to_owned(),
            to_address: signer.address().to_owned(),
            amount: coin("1000"),
        })],
        memo: "a<b>&c".to_owned(),
        fee: coin("5000"),
        gas_limit: 200_000,
        ..Default::default()
    };
    let tx = unsigned.sign(&signer, "testnet-1", 42, 7);
    let raw = TxRaw::decode(tx.as_slice()).unwrap();
    let document = sign_bytes(&raw.body_bytes, &raw.auth_info_bytes, "testnet-1", 42);
    assert_eq!(
        hex::encode(Sha256::digest(&document)),
        "089bec7d15d0a98a65b84e214e20e424635bc9f78155ecada4721604e4f5996d"
    );
    assert_eq!(
        BASE64.encode(&raw.signatures[0]),
        "SwWxzGnA2mCt7nXNTkQNJ17fxR80/9UEz5y2ET6z7NFJ3fWzarWKLPnpBKfaBico1t6oVPfHS2Go6Nov/4SWaw=="
    );
    assert_eq!(tx.len(), 322);
    assert_eq!(
        TxHash::of(&tx).to_string(),
        "958E5FA677F6DE20769ADE0B3CCBFA92F9A5AE25DB5F87FDDA2A5FF8F798B305"
    );
}

#[test]
fn every_recorded_transaction_is_signed_to_the_same_bytes() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/conformance/sign-vectors/vectors.jsonl");
    let Ok(text) = std::fs::read_to_string(&path) else {
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "skipped: {} is not there", path.display());
        return;
    };
    let mut lines = text.lines().map(|it| serde_json::from_str::<Value>(it).unwrap());
    let key = lines.next().unwrap();
    let secret = hex::decode(key["private_key_hex"].as_str().unwrap()).unwrap();
    let signer = LocalSigner::new(PrivateKey::from_bytes(&secret).unwrap());
    assert_eq!(signer.address(), key["address"].as_str().unwrap());
    assert_eq!(
        BASE64.encode(signer.public_key().to_bytes()),
        key["public_key_b64"].as_str().unwrap()
    );
    let mut count = 0;
    for line in lines {
        let (Some(tx), Some(expected)) =
            (line["tx_b64"].as_str(), line["direct_sign_bytes_b64"].as_str())
        else {
            continue;
        };
        let name = &line["name"];
        let tx = BASE64.decode(tx).unwrap();
        let raw = TxRaw::decode(tx.as_slice()).unwrap();
        let chain_id = line["chain_id"].as_str().unwrap();
        let number = line["account_number"].as_str().unwrap().parse().unwrap();
        let document = sign_bytes(&raw.body_bytes, &raw.auth_info_bytes, chain_id, number);
        assert_eq!(BASE64.encode(&document), expected, "{name}");
        let signed = sign_direct(&signer, raw.body_bytes, raw.auth_info_bytes, chain_id, number);
        assert_eq!(signed, tx, "{name}");
        assert_eq!(TxHash::of(&signed).to_string(), line["direct_tx_hash"].as_str().unwrap());
        count += 1;
    }
    assert!(count > 400, "only {count} lines");
}

#[test]
fn a_gas_price_is_read_shown_and_rounded_up() {
    for text in ["0.025uakt", "1uact", "0.0000005ibc/ABC", "12.5uusdc"] {
        assert_eq!(text.parse::<GasPrice>().unwrap().to_string(), text);
    }
    for bad in ["", "uakt", "0.025", ".5uakt", "1.2.3uakt", "-1uakt", "0.1234567890123456789uakt"] {
        assert!(bad.parse::<GasPrice>().is_err(), "{bad}");
    }
    let price: GasPrice = "0.025uakt".parse().unwrap();
    assert_eq!(price.fee(1).unwrap(), coin("1"));
    assert_eq!(price.fee(200_000).unwrap(), coin("5000"));
    assert_eq!(price.fee(200_001).unwrap(), coin("5001"));
    assert_eq!("0uakt".parse::<GasPrice>().unwrap().fee(5).unwrap(), []);
}
