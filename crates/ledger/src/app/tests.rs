//! The pipeline around a toy module: a message of bank writes its amount, and a few amounts
//! misbehave.

use types::wire::{
    cosmos::{
        bank::v1beta1::{GenesisState, MsgSend, QuerySupplyOfRequest, QuerySupplyOfResponse},
        base::v1beta1::Coin,
    },
    tendermint::abci::{RequestInfo, RequestPrepareProposal, RequestQuery},
};

use crate::{
    Admission, Claim, Config, Counter, Ctx, Fault, Invariant, Map, Module, Plain, Result, Routes,
    Sdk, Stage, Status, Tx, View, halt, holds,
    testing::{Chain, Node, Signer, attribute},
};

struct Toy;

const AMOUNTS: Map<String, u64, Plain> = Map::new("bank", &[1]);
const BLOCKS: Counter = Counter::new("bank", &[2]);

impl Module for Toy {
    const NAME: &'static str = "bank";
    const INVARIANTS: &'static [Invariant] = &[Invariant("no unlucky amount", |view| {
        for amount in AMOUNTS.values(view) {
            let amount = amount?;
            holds!(amount != 999, "{amount}")?;
        }
        Ok(())
    })];
    type Genesis = GenesisState;

    fn routes(r: &mut Routes<'_>) {
        r.msg_checked(check, send).query(supply);
    }
    fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
        for coin in genesis.supply {
            AMOUNTS.set(cx, &coin.denom, &amount_of(&coin)?)?;
        }
        Ok(())
    }
    fn export(view: &View) -> Result<GenesisState> {
        let supply = AMOUNTS
            .iter(view)
            .map(|it| it.map(|(denom, amount)| Coin { denom, amount: amount.to_string() }));
        Ok(GenesisState { supply: supply.collect::<Result<_>>()?, ..GenesisState::default() })
    }
    fn begin_block(cx: &mut Ctx) -> Result {
        BLOCKS.next(cx)?;
        cx.emit_plain("began", []);
        Ok(())
    }
    fn end_block(cx: &mut Ctx) -> Result {
        cx.emit_plain("ended", []);
        Ok(())
    }
}

fn amount_of(coin: &Coin) -> Result<u64> {
    coin.amount.parse().map_err(|_| Sdk::InvalidCoins.wrap(&coin.amount))
}

fn check(message: &MsgSend) -> Result {
    holds!(!message.amount.is_empty(), "nothing to send")
}

fn send(cx: &mut Ctx, message: MsgSend) -> Result {
    for coin in &message.amount {
        let amount = amount_of(coin)?;
        cx.emit_plain("wrote", [("denom", &*coin.denom)]);
        AMOUNTS.set(cx, &coin.denom, &amount)?;
        match amount {
            13 => return Err(Error::Unlucky(amount).wrap("while writing")),
            66 => panic!("sixty-six"),
            77 => halt("the disk is gone"),
            88 => {
                let _ = cx.consume_gas(u64::MAX, "swallowed");
            }
            _ => {}
        }
    }
    Ok(())
}

fn supply(view: &View, request: QuerySupplyOfRequest) -> Result<QuerySupplyOfResponse> {
    if request.denom.is_empty() {
        return Err(Fault::invalid_argument("empty denom"));
    }
    if request.denom == "endless" {
        loop {
            AMOUNTS.get(view, &request.denom)?;
        }
    }
    let amount = AMOUNTS.get(view, &request.denom)?;
    let amount = amount.ok_or_else(|| Fault::not_found(format!("no {}", request.denom)))?;
    let coin = Coin { denom: request.denom, amount: amount.to_string() };
    Ok(QuerySupplyOfResponse { amount: coin })
}

crate::errors! { Toy;
    4 Unlucky(u64) "unlucky amount {0}",
}

/// Marks every transaction that it admits.
struct Open;

impl Admission for Open {
    fn admit(cx: &mut Ctx, tx: &Tx, _: Stage) -> Result {
        if tx.body.memo == "refuse" {
            return Err(Sdk::Unauthorized.wrap("by its memo"));
        }
        AMOUNTS.set(cx, &"admitted".to_owned(), &1)?;
        cx.emit_plain("admitted", []);
        Ok(())
    }
    fn claims(_: &View, _: &Tx) -> Vec<Claim> {
        Vec::new()
    }
}

crate::runtime! {
    struct Toys;
    modules: Toy;
    ante: Open;
    pre_block: "bank";
    genesis: "bank";
    begin_block: "bank";
    end_block: "bank";
}

fn node() -> Node<Toys> {
    let genesis = serde_json::json!({ "bank": {
        "params": { "send_enabled": [], "default_send_enabled": false }, "balances": [],
        "supply": [{ "denom": "uakt", "amount": "5" }], "denom_metadata": [], "send_enabled": [],
    } });
    let mut node = Node::new(&genesis, Config::default());
    node.block(Vec::new());
    node
}

fn tx(amounts: &[&[u64]]) -> Vec<u8> {
    let signer = Signer::new(1, "test-1");
    let message = |amounts: &&[u64]| {
        let coin = |amount: &u64| Coin { denom: "uakt".to_owned(), amount: amount.to_string() };
        prost_types::Any {
            type_url: "/cosmos.bank.v1beta1.MsgSend".to_owned(),
            value: prost::Message::encode_to_vec(&MsgSend {
                from_address: signer.address().to_string(),
                amount: amounts.iter().map(coin).collect(),
                ..MsgSend::default()
            }),
        }
    };
    signer.sign(&amounts.iter().map(message).collect::<Vec<_>>())
}

const SUPPLY: &str = "/cosmos.bank.v1beta1.Query/SupplyOf";

fn amount(node: &Node<Toys>, denom: &str) -> Option<String> {
    let request = QuerySupplyOfRequest { denom: denom.to_owned() };
    let answer: Result<QuerySupplyOfResponse, _> = node.query(SUPPLY, &request);
    answer.ok().map(|it| it.amount.amount)
}

fn check_failure(amounts: &[&[u64]], codespace: &str, code: u32, log: &str) {
    let mut node = node();
    let result = node.block(vec![tx(amounts)]).tx_results.remove(0);
    assert_eq!((result.codespace.as_str(), result.code), (codespace, code), "{}", result.log);
    assert!(result.log.contains(log), "{}", result.log);
    let kinds: Vec<&str> = result.events.iter().map(|it| it.r#type.as_str()).collect();
    assert_eq!(kinds, ["admitted"]);
    assert_eq!(amount(&node, "uakt").as_deref(), Some("5"));
    assert_eq!(amount(&node, "admitted").as_deref(), Some("1"));
}

#[test]
fn a_failed_message_undoes_all_messages_and_keeps_admission() {
    let text = "failed to execute message; message index: 1: while writing: unlucky amount 13";
    check_failure(&[&[1], &[13], &[2]], "bank", 4, text);
}

#[test]
fn a_panic_fails_the_transaction_only() {
    check_failure(&[&[66]], "undefined", 111_222, "recovered: sixty-six");
}

#[test]
fn gas_that_a_handler_swallows_still_fails_it() {
    check_failure(&[&[88]], "sdk", 11, "out of gas in location: swallowed; gasWanted: 2000000");
}

#[test]
fn a_halt_passes_every_boundary_but_the_apps() {
    let node = node();
    let outcome = node.app.finalize_block(types::wire::tendermint::abci::RequestFinalizeBlock {
        txs: vec![tx(&[&[77]])],
        height: 2,
        ..Default::default()
    });
    assert_eq!(outcome, Err(crate::Halt("the disk is gone".to_owned())));
}

#[test]
fn a_message_that_fails_its_check_is_never_admitted() {
    let mut node = node();
    let result = node.block(vec![tx(&[&[1], &[]])]).tx_results.remove(0);
    assert_eq!((result.codespace.as_str(), result.code), ("undefined", 1));
    assert_eq!(result.log, "nothing to send");
    assert_eq!(amount(&node, "admitted"), None);
}

#[test]
fn events_stand_in_the_order_of_the_reference() {
    let mut node = node();
    let response = node.block(vec![tx(&[&[1, 2], &[3]])]);
    let result = &response.tx_results[0];
    let kinds: Vec<&str> = result.events.iter().map(|it| it.r#type.as_str()).collect();
    assert_eq!(kinds, ["admitted", "message", "wrote", "wrote", "message", "wrote"]);
    let message = &result.events[4];
    assert_eq!(attribute(message, "action"), "/cosmos.bank.v1beta1.MsgSend");
    assert_eq!(attribute(message, "module"), "bank");
    assert_eq!(attribute(message, "msg_index"), "1");
    let block: Vec<(&str, &str)> =
        response.events.iter().map(|it| (it.r#type.as_str(), attribute(it, "mode"))).collect();
    assert_eq!(block, [("began", "BeginBlock"), ("ended", "EndBlock")]);
}

fn ask(node: &Node<Toys>, path: &str, data: &[u8], height: i64, prove: bool) -> (u32, String, i64) {
    let request = RequestQuery { path: path.to_owned(), data: data.to_vec(), height, prove };
    let answer = node.app.query(request).unwrap();
    (answer.code, answer.log, answer.height)
}

#[test]
fn queries_answer_at_heights_and_refuse_in_the_words_clients_know() {
    let mut node = node();
    node.block(vec![tx(&[&[7]])]);
    let request = prost::Message::encode_to_vec(&QuerySupplyOfRequest { denom: "uakt".into() });
    let at = |height| node.app.grpc_query(SUPPLY, &request, height).unwrap();
    let amount_at = |height| {
        let (bytes, at) = at(height).unwrap();
        let answer: QuerySupplyOfResponse = prost::Message::decode(bytes.as_slice()).unwrap();
        (answer.amount.amount, at)
    };
    assert_eq!(amount_at(1), ("5".to_owned(), 1));
    assert_eq!(amount_at(0), ("7".to_owned(), 2));
    let future = "codespace sdk code 26: invalid height: cannot query with height in the future; please provide a valid height";
    assert_eq!(at(3), Err((Status::Unknown, future.to_owned())));

    let (code, log, height) = ask(&node, SUPPLY, &[], 0, false);
    assert_eq!((code, height), (18, 2));
    assert!(log.starts_with("rpc error: code = InvalidArgument desc = empty denom"), "{log}");
    assert_eq!(
        ask(&node, "/no.Such/Path", &[], 0, false),
        (6, "unknown query path: unknown request".into(), 0)
    );
    assert_eq!(ask(&node, "", &[], 0, false).0, 6);
    assert_eq!(ask(&node, "/store/nope/key", &[1], 0, false).0, 4);
    assert_eq!(ask(&node, "/store/bank/key", &[], 0, false).0, 3);
    assert_eq!(ask(&node, "/store/bank/key", &[1], 1, true).0, 18);
    assert_eq!(ask(&node, "/app/version", &[], 0, false).0, 0);
}

#[test]
fn store_keys_come_with_their_proofs() {
    let mut node = node();
    node.block(vec![tx(&[&[7]])]);
    let request = RequestQuery {
        path: "/store/bank/key".to_owned(),
        data: [&[1u8], b"uakt".as_slice()].concat(),
        height: 0,
        prove: true,
    };
    let answer = node.app.query(request).unwrap();
    assert_eq!(answer.value, 7u64.to_be_bytes());
    let kinds: Vec<String> =
        answer.proof_ops.unwrap().ops.into_iter().map(|it| it.r#type).collect();
    assert_eq!(kinds, ["ics23:smt", "ics23:simple"]);
}

#[test]
fn simulation_counts_without_a_limit_and_changes_nothing() {
    let mut node = node();
    let (code, _, _) = ask(&node, "/app/simulate", &tx(&[&[9]]), 0, false);
    assert_eq!(code, 0);
    let (code, log, _) = ask(&node, "/app/simulate", &tx(&[&[13]]), 0, false);
    assert_eq!(code, 4);
    assert!(log.starts_with("failed to simulate tx: failed to execute message"), "{log}");
    let untouched = node.block(Vec::new());
    assert_eq!(amount(&node, "uakt").as_deref(), Some("5"));
    assert!(untouched.tx_results.is_empty());
}

#[test]
fn the_app_says_where_it_is_and_what_it_exports() {
    let mut node = node();
    let committed = node.block(vec![tx(&[&[8]])]);
    let info = node.app.info(RequestInfo::default()).unwrap();
    assert_eq!((info.last_block_height, info.last_block_app_hash), (2, committed.app_hash));
    let exported = node.app.export().unwrap();
    let again = Chain::<Toys>::new(exported.clone());
    assert_eq!(again.export(), exported);
}

#[test]
fn a_proposal_takes_what_fits_by_bytes_and_by_gas_in_the_order_of_the_mempool() {
    let proposed = |node: &Node<Toys>, max_tx_bytes: usize| {
        let request = RequestPrepareProposal {
            txs: (1..=4).map(|it| tx(&[&[it]])).collect(),
            max_tx_bytes: i64::try_from(max_tx_bytes).unwrap(),
            ..RequestPrepareProposal::default()
        };
        let all = request.txs.clone();
        let taken = node.app.prepare_proposal(request).unwrap().txs;
        assert_eq!(taken, all[..taken.len()]);
        taken.len()
    };
    let framed = tx(&[&[1]]).len() + 3;
    assert_eq!(proposed(&node(), framed * 2), 2);
    assert_eq!(proposed(&node(), framed * 2 - 1), 1);

    let names = crate::store_names::<Toys>();
    let store = store::Store::memory(store::Options { stores: names, history: 1 }).unwrap();
    // Each transaction wants two million.
    let mut limited =
        Node::<Toys>::over(store, &serde_json::json!({}), Config::default(), 7_000_000);
    limited.block(Vec::new());
    assert_eq!(proposed(&limited, 1_000_000), 3);
}

#[test]
fn a_query_that_reads_without_end_is_stopped() {
    let node = node();
    let request = QuerySupplyOfRequest { denom: "endless".to_owned() };
    let data = prost::Message::encode_to_vec(&request);
    let (status, text) = node.app.grpc_query(SUPPLY, &data, 0).unwrap().unwrap_err();
    assert_eq!(status, Status::ResourceExhausted);
    assert!(text.contains("ask for less"), "{text}");
}
