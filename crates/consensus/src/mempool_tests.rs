//! The pool against an application that counts and refuses on demand.
#![expect(clippy::unwrap_used, reason = "tests")]

use parking_lot::Mutex as Lock;

use super::*;

/// Accepts what is not in `refused`; gas is the length of the transaction.
#[derive(Default)]
struct Gate {
    refused: Lock<Vec<Vec<u8>>>,
    rechecks: Lock<usize>,
}

impl Application for Gate {
    fn info(&self, _: abci::RequestInfo) -> Answer<abci::ResponseInfo> {
        Ok(abci::ResponseInfo::default())
    }

    fn init_chain(&self, _: abci::RequestInitChain) -> Answer<abci::ResponseInitChain> {
        Ok(abci::ResponseInitChain::default())
    }

    fn check_tx(&self, request: abci::RequestCheckTx) -> Answer<abci::ResponseCheckTx> {
        if request.r#type == i32::from(abci::CheckTxType::Recheck) {
            *self.rechecks.lock() += 1;
        }
        Ok(abci::ResponseCheckTx {
            code: u32::from(self.refused.lock().contains(&request.tx)),
            gas_wanted: i64::try_from(request.tx.len()).unwrap(),
            ..Default::default()
        })
    }

    fn finalize_block(&self, _: abci::RequestFinalizeBlock) -> Answer<abci::ResponseFinalizeBlock> {
        Ok(abci::ResponseFinalizeBlock::default())
    }

    fn commit(&self, _: abci::RequestCommit) -> Answer<abci::ResponseCommit> {
        Ok(abci::ResponseCommit::default())
    }

    fn query(&self, _: abci::RequestQuery) -> Answer<abci::ResponseQuery> {
        Ok(abci::ResponseQuery::default())
    }
}

fn pool(config: MempoolConfig) -> (Mempool, Arc<Gate>) {
    let gate = Arc::new(Gate::default());
    (Mempool::new(gate.clone(), config), gate)
}

fn text(error: Result<(abci::ResponseCheckTx, bool), SubmitError>) -> String {
    error.unwrap_err().to_string()
}

fn committed(pool: &Mempool, height: u64, txs: &[&[u8]], code: u32) {
    let txs: Vec<Vec<u8>> = txs.iter().map(|it| it.to_vec()).collect();
    let results = vec![abci::ExecTxResult { code, ..Default::default() }; txs.len()];
    let params = crate::genesis::default_params();
    pool.update(&pool.close(), height, &txs, &results, &params, 1).unwrap();
}

#[test]
fn transactions_leave_in_the_order_they_came() {
    let (pool, _) = pool(MempoolConfig::default());
    for tx in ["c", "a", "b"] {
        assert!(pool.submit(tx.into()).unwrap().1);
    }
    assert_eq!(pool.reap(i64::MAX, -1), [b"c", b"a", b"b"]);
    // Each takes three bytes of a block and one gas.
    assert_eq!(pool.reap(8, -1), [b"c", b"a"]);
    assert_eq!(pool.reap(i64::MAX, 1), [b"c"]);
    assert!(pool.reap(2, -1).is_empty());
    committed(&pool, 1, &[b"a"], 0);
    let view = pool.view(1);
    assert_eq!((view.txs, view.total, view.total_bytes), (vec!["c".into()], 2, 2));
}

#[test]
fn refusals_have_the_words_clients_look_for() {
    let config =
        MempoolConfig { max_txs: 2, max_bytes: 20, max_tx_bytes: 10, ..MempoolConfig::default() };
    let (pool, _) = pool(config);
    assert_eq!(text(pool.submit("12345678901".into())), "Tx too large. Max size is 10, but got 11");
    pool.submit("a".into()).unwrap();
    assert_eq!(text(pool.submit("a".into())), "tx already exists in cache");
    pool.submit("b".into()).unwrap();
    assert_eq!(
        text(pool.submit("c".into())),
        "mempool is full: number of txs 2 (max: 2), total txs bytes 2 (max: 20)"
    );
}

#[test]
fn what_was_refused_may_come_again_and_what_was_committed_may_not() {
    let (pool, gate) = pool(MempoolConfig::default());
    gate.refused.lock().push(b"a".to_vec());
    assert_eq!(pool.submit("a".into()).unwrap().0.code, 1);
    assert!(pool.is_empty());
    gate.refused.lock().clear();
    assert!(pool.submit("a".into()).unwrap().1);
    committed(&pool, 1, &[b"a"], 0);
    assert_eq!(text(pool.submit("a".into())), "tx already exists in cache");
    // One that failed in its block may be tried again.
    pool.submit("b".into()).unwrap();
    committed(&pool, 2, &[b"b"], 5);
    assert!(pool.submit("b".into()).unwrap().1);
}

#[test]
fn refused_bytes_are_remembered_where_the_operator_wants_it() {
    let config = MempoolConfig { keep_invalid_in_cache: true, ..MempoolConfig::default() };
    let (pool, gate) = pool(config);
    gate.refused.lock().push(b"a".to_vec());
    assert_eq!(pool.submit("a".into()).unwrap().0.code, 1);
    assert_eq!(text(pool.submit("a".into())), "tx already exists in cache");
    // What failed in a block stays remembered if it came here first, and only then.
    pool.submit("b".into()).unwrap();
    committed(&pool, 1, &[b"b", b"c"], 5);
    assert_eq!(text(pool.submit("b".into())), "tx already exists in cache");
    assert!(pool.submit("c".into()).unwrap().1);
    // So does what is dropped because the application no longer takes it.
    gate.refused.lock().push(b"c".to_vec());
    committed(&pool, 2, &[], 0);
    assert!(pool.is_empty());
    assert_eq!(text(pool.submit("c".into())), "tx already exists in cache");
}

#[test]
fn a_second_transaction_of_one_sequence_does_not_replace_the_first() {
    let (pool, gate) = pool(MempoolConfig::default());
    pool.submit("alice/0 cheap".into()).unwrap();
    // The application has counted the first on its check state and refuses the second.
    gate.refused.lock().push(b"alice/0 dear".to_vec());
    assert_eq!(pool.submit("alice/0 dear".into()).unwrap().0.code, 1);
    pool.submit("bob/0 dearer".into()).unwrap();
    assert_eq!(pool.reap(i64::MAX, -1), [b"alice/0 cheap".as_slice(), b"bob/0 dearer"]);
}

#[test]
fn after_a_block_every_waiting_transaction_is_looked_at_again() {
    let (pool, gate) = pool(MempoolConfig::default());
    for tx in ["a", "b", "c"] {
        pool.submit(tx.into()).unwrap();
    }
    gate.refused.lock().push(b"c".to_vec());
    committed(&pool, 1, &[b"a"], 0);
    assert_eq!(*gate.rechecks.lock(), 2);
    assert_eq!(pool.reap(i64::MAX, -1), [b"b"]);
}

#[test]
fn old_transactions_are_dropped_when_there_is_a_limit() {
    let (pool, _) = pool(MempoolConfig { ttl_blocks: 2, ..MempoolConfig::default() });
    pool.submit("a".into()).unwrap();
    committed(&pool, 2, &[], 0);
    assert_eq!(pool.view(0).total, 1);
    committed(&pool, 3, &[], 0);
    assert_eq!(pool.view(0).total, 0);
    assert!(pool.submit("a".into()).unwrap().1);
}

#[test]
fn gas_over_the_limit_of_a_block_is_not_kept() {
    let (pool, _) = pool(MempoolConfig::default());
    let mut params = crate::genesis::default_params();
    params.block = Some(tm::BlockParams { max_bytes: 1_000, max_gas: 3 });
    pool.update(&pool.close(), 1, &[], &[], &params, 1).unwrap();
    assert!(!pool.submit("four".into()).unwrap().1);
    assert!(pool.submit("six".into()).unwrap().1);
    let large = Bytes::from(vec![b'x'; 200]);
    assert!(text(pool.submit(large)).starts_with("tx pre check: tx size is too big"));
}

#[test]
fn the_cache_forgets_the_oldest() {
    let (pool, _) = pool(MempoolConfig { cache_txs: 2, ..MempoolConfig::default() });
    for tx in ["a", "b", "c"] {
        pool.submit(tx.into()).unwrap();
    }
    committed(&pool, 1, &[b"a", b"b", b"c"], 0);
    assert!(pool.submit("a".into()).unwrap().1);
    assert_eq!(text(pool.submit("c".into())), "tx already exists in cache");
    for number in 0..100 {
        let _ = pool.submit(format!("{number}").into());
    }
    let cache = &pool.pool.lock().cache;
    assert_eq!(cache.ticks.len(), 2);
    assert!(cache.order.len() <= 24, "{}", cache.order.len());
}

#[test]
fn many_threads_may_submit_at_once() {
    let (pool, _) = pool(MempoolConfig::default());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let pool = &pool;
            scope.spawn(move || {
                for number in 0..100 {
                    pool.submit(format!("{thread}/{number}").into()).unwrap();
                }
            });
        }
    });
    let txs = pool.reap(i64::MAX, -1);
    assert_eq!(txs.len(), 400);
    // Of one sender, in its order.
    let own: Vec<_> = txs.iter().filter(|it| it.starts_with(b"2/")).cloned().collect();
    let expected: Vec<_> = (0..100).map(|it| format!("2/{it}").into_bytes()).collect();
    assert_eq!(own, expected);
}
