//! Numbers, coins, addresses.

use ledger::sign::PublicKey;
use serde_json::{Value, json};
use types::{
    Address, Coin, CoinError, Coins, ConsAddress, Dec, DecCoins, Int, NumberError,
    address::to_bech32,
};

use super::{Report, text};

/// What an operation answers: a value, a refusal, or `None` for one that is not offered.
type Answer = Option<Result<Value, String>>;

/// One line of `dec-vectors.jsonl`.
pub(super) fn number(line: &Value, report: &mut Report) {
    let op = text(line, "op");
    let list = line.get("args").and_then(Value::as_array);
    let args: Vec<&str> = list.into_iter().flatten().filter_map(Value::as_str).collect();
    let (kind, name) = op.split_once('.').unwrap_or((op, ""));
    let what = match kind {
        "dec" => "decimals",
        "int" => "integers",
        "coin" | "coins" => "coins",
        "decCoins" => "decimal coins",
        "address" => "addresses",
        _ => "signatures of numbers",
    };
    // The recorder had registered uact as another name of uakt for coin texts; a node does not.
    let renamed = matches!(kind, "coin" | "coins") && !matches!(name, "validate" | "new");
    if renamed && args.iter().any(|it| it.contains("uact")) {
        report.known += 1;
        return;
    }
    let recorded = line.get("result").cloned().unwrap_or_default();
    let answer = match kind {
        "dec" => dec(name, &args),
        "int" => int(name, &args),
        "coin" if name == "parse" => {
            Some(arg(&args, 0).parse::<Coin>().map(shown).map_err(|it| it.to_string()))
        }
        "coins" => coins(name, &args),
        "decCoins" => dec_coins(name, &args),
        "address" => address(name, &args, &recorded),
        _ => None,
    };
    let Some(answer) = answer else { return report.not_offered(what) };
    let refused = line.get("error").is_some() || line.get("panic").is_some();
    let same = match &answer {
        Ok(value) => !refused && *value == recorded,
        // Clients show what is wrong with an address to people, and some look for the words.
        Err(cause) if op == "address.parseAcc" => text(line, "error") == cause,
        Err(_) => refused,
    };
    report.judge(what, &format!("{op} {args:?}"), same, || {
        let ours = match &answer {
            Ok(value) => value.to_string(),
            Err(cause) => format!("refused: {cause}"),
        };
        let told = |name: &str| line.get(name).map(|it| format!("refused: {it}"));
        let theirs = told("error").or_else(|| told("panic"));
        (ours, theirs.unwrap_or_else(|| recorded.to_string()))
    });
}

fn shown(it: impl ToString) -> Value {
    Value::String(it.to_string())
}

fn arg<'a>(args: &[&'a str], at: usize) -> &'a str {
    args.get(at).copied().unwrap_or_default()
}

fn dec(op: &str, args: &[&str]) -> Answer {
    let run = || -> Result<Option<Value>, NumberError> {
        let (a, b) = (arg(args, 0), arg(args, 1));
        match op {
            "parse" => return a.parse::<Dec>().map(shown).map(Some),
            "unmarshalProto" => {
                return match Dec::from_wire(a) {
                    Err(NumberError::Empty) => Ok(Some(shown("<nil>"))),
                    it => it.map(shown).map(Some),
                };
            }
            "unmarshalJSON" => {
                return serde_json::from_str::<Dec>(a)
                    .map(|it| Some(shown(it)))
                    .map_err(|_| NumberError::Malformed);
            }
            _ => {}
        }
        let a: Dec = a.parse()?;
        let dec = || b.parse::<Dec>();
        let int = || b.parse::<Int>();
        let small = || b.parse::<i64>().map_err(|_| NumberError::Malformed);
        Ok(Some(match op {
            "string" => shown(a),
            "neg" => shown(-a),
            "abs" => shown(a.abs()),
            "truncateInt" => shown(a.truncate_int()?),
            "truncateDec" => shown(a.truncate()),
            "roundInt" => shown(a.round_int()?),
            "ceil" => shown(a.ceil()?),
            "isInteger" => json!(a.is_integer()),
            "roundInt64" => json!(a.round_int()?.to_i64()?),
            "truncateInt64" => json!(a.truncate_int()?.to_i64()?),
            "json" | "amino_json" => shown(serde_json::to_string(&a).unwrap_or_default()),
            "proto_text" => shown(a.to_wire()),
            "power" => shown(a.power(b.parse().map_err(|_| NumberError::Malformed)?)?),
            "mulInt" => shown(a.mul_int(int()?)?),
            "quoInt" => shown(a.quo_int(int()?)?),
            "mulInt64" => shown(a.mul_int(small()?)?),
            "quoInt64" => shown(a.quo_int(small()?)?),
            "add" => shown(a.add(dec()?)?),
            "sub" => shown(a.sub(dec()?)?),
            "mul" => shown(a.mul(dec()?)?),
            "mulTruncate" => shown(a.mul_truncate(dec()?)?),
            "mulRoundUp" => shown(a.mul_round_up(dec()?)?),
            "quo" => shown(a.quo(dec()?)?),
            "quoTruncate" => shown(a.quo_truncate(dec()?)?),
            "quoRoundUp" => shown(a.quo_round_up(dec()?)?),
            "cmp" => {
                let b = dec()?;
                json!([a < b, a == b, a > b])
            }
            _ => return Ok(None),
        }))
    };
    run().map_err(|it| it.to_string()).transpose()
}

fn int(op: &str, args: &[&str]) -> Answer {
    let run = || -> Result<Option<Value>, NumberError> {
        if op == "unmarshalProto" {
            return match Int::from_wire(arg(args, 0)) {
                Err(NumberError::Empty) => Ok(Some(shown("<nil>"))),
                it => it.map(shown).map(Some),
            };
        }
        let a: Int = arg(args, 0).parse()?;
        let b = || arg(args, 1).parse::<Int>();
        Ok(Some(match op {
            "parse" | "proto_text" => shown(a),
            "neg" => shown(-a),
            "json" => shown(serde_json::to_string(&a).unwrap_or_default()),
            "isInt64" => json!(a.to_i64().is_ok()),
            "toDec" => shown(Dec::from_int(a)),
            "add" => shown(a.add(b()?)?),
            "sub" => shown(a.sub(b()?)?),
            "mul" => shown(a.mul(b()?)?),
            "quo" => shown(a.quo(b()?)?),
            "mod" => shown(a.modulo(b()?)?),
            _ => return Ok(None),
        }))
    };
    run().map_err(|it| it.to_string()).transpose()
}

fn words(error: CoinError) -> String {
    error.to_string()
}

fn coins(op: &str, args: &[&str]) -> Answer {
    let run = || -> Result<Option<Value>, String> {
        if matches!(op, "validate" | "isAllPositive" | "sort" | "new") {
            let list: Vec<Coin> =
                serde_json::from_str(arg(args, 0)).map_err(|it| it.to_string())?;
            return match op {
                "validate" => Coins::strict(list).map(|_| Some(shown("ok"))).map_err(words),
                "new" => Coins::new(list).map(|it| Some(shown(it))).map_err(words),
                _ => Ok(None),
            };
        }
        let a: Coins = arg(args, 0).parse().map_err(words)?;
        if op == "parse" {
            return Ok(Some(shown(a)));
        }
        let b: Coins = arg(args, 1).parse().map_err(words)?;
        Ok(Some(match op {
            "add" => shown(a.add(&b).map_err(words)?),
            "sub" => shown(a.sub(&b).map_err(words)?),
            "safeSub" => {
                let (list, negative) = a.safe_sub(&b).map_err(words)?;
                let list: Vec<_> = list.iter().map(ToString::to_string).collect();
                json!([format!("[{}]", list.join(" ")), negative])
            }
            "min" => shown(a.min(&b)),
            "intersect" => shown(DecCoins::from_coins(&a).min(&DecCoins::from_coins(&b))),
            "max" => shown(a.max(&b).map_err(words)?),
            "isAllGTE" => json!(a.covers(&b)),
            "isAllGT" => json!(a.is_all_greater(&b)),
            "isAnyGTE" => json!(a.covers_any(&b)),
            "isEqual" => json!(a == b),
            "denomsSubsetOf" => json!(a.denoms_subset_of(&b)),
            _ => return Ok(None),
        }))
    };
    run().transpose()
}

fn dec_coins(op: &str, args: &[&str]) -> Answer {
    let run = || -> Result<Option<Value>, String> {
        let a: DecCoins = arg(args, 0).parse().map_err(words)?;
        let b = || arg(args, 1).parse::<DecCoins>().map_err(words);
        let dec = || arg(args, 1).parse::<Dec>().map_err(|it| it.to_string());
        Ok(Some(match op {
            "parse" => shown(a),
            "truncate" => {
                let (whole, rest) = a.truncate_decimal().map_err(words)?;
                json!([whole.to_string(), rest.to_string()])
            }
            "add" => shown(a.add(&b()?).map_err(words)?),
            "sub" => shown(a.sub(&b()?).map_err(words)?),
            "intersect" => shown(a.min(&b()?)),
            "mulDec" => shown(a.mul_dec(dec()?).map_err(words)?),
            "mulDecTruncate" => shown(a.mul_dec_truncate(dec()?).map_err(words)?),
            "quoDec" => shown(a.quo_dec(dec()?).map_err(words)?),
            "quoDecTruncate" => shown(a.quo_dec_truncate(dec()?).map_err(words)?),
            _ => return Ok(None),
        }))
    };
    run().transpose()
}

fn address(op: &str, args: &[&str], recorded: &Value) -> Answer {
    let run = || -> Result<Option<Value>, String> {
        let unhex = |text: &str| hex::decode(text).map_err(|it| it.to_string());
        let bytes = || unhex(arg(args, 0));
        let key = |text: &str| -> Result<[u8; 33], String> {
            unhex(text)?.try_into().map_err(|_| "a key of another length".to_owned())
        };
        let words = |it: types::AddressError| it.to_string();
        Ok(Some(match op {
            "secp256k1" => {
                let account = Address::from_secp256k1(&key(arg(args, 0))?);
                let raw = account.as_bytes();
                json!({
                    "acc": account.to_string(),
                    "cons": to_bech32("akashvalcons", raw).map_err(words)?,
                    "hex": hex::encode(raw),
                    "val": to_bech32("akashvaloper", raw).map_err(words)?,
                })
            }
            "ed25519" => {
                let account = ConsAddress::from_ed25519(&bytes()?);
                json!({"cons": account.to_string(), "hex": hex::encode(account.as_bytes())})
            }
            "multisig" => {
                let (threshold, keys) = args.split_first().ok_or("no threshold")?;
                let keys = keys.iter().map(|it| Ok(PublicKey::Secp256k1(key(it)?)));
                let keys = keys.collect::<Result<Vec<_>, String>>()?;
                let threshold = threshold.parse().map_err(|_| "no threshold".to_owned())?;
                // The amino bytes are inside: the address is their hash.
                let account = PublicKey::Multisig { threshold, keys }.address();
                with(recorded, "acc", shown(account))
            }
            // Whether there is such an account, and what it may, is state: its address alone is
            // compared.
            "module" => with(recorded, "acc", shown(Address::of_module(arg(args, 0)))),
            "parseAcc" => {
                let account = arg(args, 0).parse::<Address>().map_err(words)?;
                shown(hex::encode(account.as_bytes()))
            }
            "format" => shown(Address::new(bytes()?).map_err(words)?),
            _ => return Ok(None),
        }))
    };
    run().transpose()
}

/// What was recorded, with one member of ours.
fn with(recorded: &Value, member: &str, ours: Value) -> Value {
    let mut it = recorded.clone();
    if let Some(members) = it.as_object_mut() {
        members.insert(member.to_owned(), ours);
    }
    it
}
