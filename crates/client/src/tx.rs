//! Transactions: build, sign (SIGN_MODE_DIRECT), simulate, broadcast, and wait for what really
//! happened.
//!
//! Called by the provider and the command line; calls [`Chain`] and a [`Signer`]. Owns the next
//! sequence number of one account: a [`Wallet`] sends one transaction after the other, also when
//! many tasks share it. Source: cosmos.md 1.1, 1.4, 1.8, 1.10 to 1.12.

use std::{fmt, str::FromStr, sync::Arc, time::Duration};

use prost::{Message, Name};
use prost_types::Any;
use tokio::{sync::Mutex, time::Instant};
use types::wire::cosmos::{
    base::{
        abci::v1beta1::{SimulationResponse, TxMsgData},
        v1beta1::Coin,
    },
    crypto::secp256k1::PubKey,
    tx::v1beta1::{
        AuthInfo, Fee, ModeInfo, SignDoc, SignerInfo, SimulateRequest, SimulateResponse, TxBody,
        TxRaw, mode_info,
    },
};

use crate::{
    chain::Chain,
    error::{Error, Result},
    keys::{PublicKey, Signer},
    rpc::{Event, TxFound, TxHash},
};

/// SIGN_MODE_DIRECT.
const DIRECT: i32 = 1;
/// How often a wrong sequence number is corrected before the error is reported.
const SEQUENCE_TRIES: usize = 6;
/// How often the same bytes are offered to a node that does not answer.
const BROADCAST_TRIES: u32 = 5;
/// The first pause between two looks for a transaction; it doubles up to [`POLL_MAX`].
const POLL_MIN: Duration = Duration::from_millis(100);
/// The longest pause between two looks.
const POLL_MAX: Duration = Duration::from_secs(1);

/// A message in the form that transactions carry.
pub fn any<M: Name>(message: &M) -> Any {
    Any { type_url: format!("/{}", M::full_name()), value: message.encode_to_vec() }
}

/// A price of one unit of gas, such as `0.025uakt`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GasPrice {
    /// The amount times 10^18.
    scaled: u128,
    /// The denomination that pays.
    pub denom: String,
}

const SCALE: u128 = 1_000_000_000_000_000_000;

impl GasPrice {
    /// The fee of a gas limit, rounded up.
    pub fn fee(&self, gas: u64) -> Result<Vec<Coin>> {
        let amount = self.scaled.checked_mul(u128::from(gas)).map(|it| it.div_ceil(SCALE));
        let amount = amount.ok_or_else(|| Error::Invalid {
            what: "compute the fee".to_owned(),
            detail: format!("the gas price {self} is too high"),
        })?;
        if amount == 0 {
            return Ok(Vec::new());
        }
        Ok(vec![Coin { denom: self.denom.clone(), amount: amount.to_string() }])
    }
}

impl Default for GasPrice {
    fn default() -> GasPrice {
        GasPrice { scaled: SCALE / 40, denom: "uakt".to_owned() }
    }
}

impl FromStr for GasPrice {
    type Err = Error;

    fn from_str(text: &str) -> Result<GasPrice> {
        let bad = || Error::Invalid {
            what: "read the gas price".to_owned(),
            detail: format!("`{text}` is not an amount and a denomination, such as 0.025uakt"),
        };
        let end = text.find(|it: char| !(it.is_ascii_digit() || it == '.')).ok_or_else(bad)?;
        let (amount, denom) = text.split_at(end);
        let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
        if whole.is_empty() || fraction.len() > 18 || fraction.contains('.') {
            return Err(bad());
        }
        let scaled = format!("{whole}{fraction:0<18}").parse().map_err(|_| bad())?;
        Ok(GasPrice { scaled, denom: denom.to_owned() })
    }
}

impl fmt::Display for GasPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fraction = format!("{:018}", self.scaled % SCALE);
        let fraction = fraction.trim_end_matches('0');
        let dot = if fraction.is_empty() { "" } else { "." };
        write!(f, "{}{dot}{fraction}{}", self.scaled / SCALE, self.denom)
    }
}

/// How transactions are paid and how long they are waited for.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The price of gas.
    pub gas_price: GasPrice,
    /// The gas limit in per cent of what the simulation used.
    pub gas_adjustment_percent: u32,
    /// A fixed gas limit instead of a simulation.
    pub gas: Option<u64>,
    /// A note in the transaction.
    pub memo: String,
    /// An account that pays the fee by a fee grant; empty for the signer itself.
    pub fee_granter: String,
    /// A transaction that is in no block after so many blocks can never enter one.
    pub timeout_blocks: u64,
    /// How long [`Wallet::send`] waits for a block with the transaction.
    pub wait: Duration,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            gas_price: GasPrice::default(),
            gas_adjustment_percent: 150,
            gas: None,
            memo: String::new(),
            fee_granter: String::new(),
            timeout_blocks: 100,
            wait: Duration::from_secs(120),
        }
    }
}

/// A transaction before it is signed.
#[derive(Clone, Debug, Default)]
pub struct Unsigned {
    /// The messages.
    pub messages: Vec<Any>,
    /// A note.
    pub memo: String,
    /// The last height at which it may enter a block; 0 for any.
    pub timeout_height: u64,
    /// The fee.
    pub fee: Vec<Coin>,
    /// The gas limit.
    pub gas_limit: u64,
    /// Who pays the fee by a grant; empty for the signer.
    pub fee_granter: String,
}

impl Unsigned {
    fn body(&self) -> Vec<u8> {
        TxBody {
            messages: self.messages.clone(),
            memo: self.memo.clone(),
            timeout_height: self.timeout_height,
            ..Default::default()
        }
        .encode_to_vec()
    }

    fn auth_info(&self, key: PublicKey, sequence: u64) -> Vec<u8> {
        let single = mode_info::Single { mode: DIRECT };
        AuthInfo {
            signer_infos: vec![SignerInfo {
                public_key: Some(any(&PubKey { key: key.to_bytes().to_vec() })),
                mode_info: Some(ModeInfo { sum: Some(mode_info::Sum::Single(single)) }),
                sequence,
            }],
            fee: Some(Fee {
                amount: self.fee.clone(),
                gas_limit: self.gas_limit,
                payer: String::new(),
                granter: self.fee_granter.clone(),
            }),
            ..Default::default()
        }
        .encode_to_vec()
    }

    /// Signs in SIGN_MODE_DIRECT and returns the bytes to broadcast.
    pub fn sign(
        &self,
        signer: &dyn Signer,
        chain_id: &str,
        account_number: u64,
        sequence: u64,
    ) -> Vec<u8> {
        let auth_info = self.auth_info(signer.public_key(), sequence);
        sign_direct(signer, self.body(), auth_info, chain_id, account_number)
    }

    /// The bytes for a simulation: complete but for the signature.
    pub fn unsigned_bytes(&self, key: PublicKey, sequence: u64) -> Vec<u8> {
        TxRaw {
            body_bytes: self.body(),
            auth_info_bytes: self.auth_info(key, sequence),
            signatures: vec![Vec::new()],
        }
        .encode_to_vec()
    }
}

/// What SIGN_MODE_DIRECT signs (cosmos.md 1.4): fields in the order of their numbers, defaults left
/// out, the two parts exactly as they are broadcast.
pub fn sign_bytes(
    body_bytes: &[u8],
    auth_info_bytes: &[u8],
    chain_id: &str,
    account_number: u64,
) -> Vec<u8> {
    SignDoc {
        body_bytes: body_bytes.to_vec(),
        auth_info_bytes: auth_info_bytes.to_vec(),
        chain_id: chain_id.to_owned(),
        account_number,
    }
    .encode_to_vec()
}

/// Signs encoded parts and returns the bytes to broadcast.
pub fn sign_direct(
    signer: &dyn Signer,
    body_bytes: Vec<u8>,
    auth_info_bytes: Vec<u8>,
    chain_id: &str,
    account_number: u64,
) -> Vec<u8> {
    let document = sign_bytes(&body_bytes, &auth_info_bytes, chain_id, account_number);
    let signatures = vec![signer.sign(&document).to_vec()];
    TxRaw { body_bytes, auth_info_bytes, signatures }.encode_to_vec()
}

/// A transaction that the node has accepted for a block.
#[derive(Clone, Debug)]
pub struct Pending {
    /// Its hash.
    pub hash: TxHash,
    /// The last height at which it can enter a block.
    pub timeout_height: u64,
    /// The fee it offers.
    pub fee: Vec<Coin>,
}

/// A transaction that is in a block and succeeded.
#[derive(Clone, Debug)]
pub struct Done {
    /// Its hash.
    pub hash: TxHash,
    /// The block.
    pub height: u64,
    /// The gas limit.
    pub gas_wanted: i64,
    /// The gas used.
    pub gas_used: i64,
    /// The fee that was paid.
    pub fee: Vec<Coin>,
    /// What happened.
    pub events: Vec<Event>,
    /// Encoded `TxMsgData`.
    pub data: Vec<u8>,
}

impl Done {
    /// The response of each message.
    pub fn responses(&self) -> Vec<Any> {
        TxMsgData::decode(self.data.as_slice()).map(|it| it.msg_responses).unwrap_or_default()
    }
}

/// One account that sends transactions, one after the other. Cheap to clone; clones share the
/// sequence number.
#[derive(Clone)]
pub struct Wallet {
    chain: Chain,
    signer: Arc<dyn Signer>,
    policy: Policy,
    lane: Arc<Mutex<Lane>>,
}

/// What is known of the account; `None` until it was asked.
#[derive(Default)]
struct Lane {
    account_number: Option<u64>,
    sequence: Option<u64>,
}

impl Wallet {
    /// An account on a chain. Use one wallet per account and process.
    pub fn new(chain: Chain, signer: Arc<dyn Signer>, policy: Policy) -> Wallet {
        Wallet { chain, signer, policy, lane: Arc::default() }
    }

    /// The account, in bech32.
    pub fn address(&self) -> &str {
        self.signer.address()
    }

    /// The chain it lives on.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Who signs.
    pub fn signer(&self) -> &Arc<dyn Signer> {
        &self.signer
    }

    /// How transactions are paid.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The same account with another policy; the sequence stays shared.
    pub fn with_policy(&self, policy: Policy) -> Wallet {
        Wallet { policy, ..self.clone() }
    }

    /// Sends messages in one transaction and waits until it is in a block. A transaction that
    /// failed there is [`Error::Failed`].
    pub async fn send(&self, messages: Vec<Any>) -> Result<Done> {
        let pending = self.broadcast(messages).await?;
        self.wait(&pending).await
    }

    /// Sends one message; see [`Wallet::send`].
    pub async fn send_one<M: Name>(&self, message: &M) -> Result<Done> {
        self.send(vec![any(message)]).await
    }

    /// The gas that the messages would use now.
    pub async fn simulate(&self, messages: Vec<Any>) -> Result<u64> {
        let mut lane = self.lane.lock().await;
        let unsigned = self.unsigned(messages);
        for attempt in 1.. {
            let (_, sequence) = self.account(&mut lane).await?;
            match self.simulate_at(&unsigned, sequence).await {
                Err(error) if attempt < SEQUENCE_TRIES && correct(&mut lane, &error) => {}
                other => return other.map(|it| it.0),
            }
        }
        unreachable!("the loop returns")
    }

    /// Offers messages in one transaction to the node and returns as soon as it is accepted.
    pub async fn broadcast(&self, messages: Vec<Any>) -> Result<Pending> {
        let mut lane = self.lane.lock().await;
        let mut unsigned = self.unsigned(messages);
        for attempt in 1.. {
            let (account_number, sequence) = self.account(&mut lane).await?;
            let result = self.broadcast_at(&mut unsigned, account_number, sequence).await;
            match result {
                Ok(pending) => {
                    lane.sequence = Some(sequence.saturating_add(1));
                    tracing::debug!(tx = %pending.hash, sequence, "transaction accepted");
                    return Ok(pending);
                }
                Err(error) if attempt < SEQUENCE_TRIES && correct(&mut lane, &error) => {
                    tracing::debug!(sequence, "sequence corrected, sending again");
                }
                Err(error) => {
                    // Whatever went wrong, the next one asks the chain afresh.
                    lane.sequence = None;
                    return Err(error);
                }
            }
        }
        unreachable!("the loop returns")
    }

    /// Waits until a transaction is in a block; survives a node that is away for a while.
    pub async fn wait(&self, pending: &Pending) -> Result<Done> {
        let found =
            wait(&self.chain, pending.hash, pending.timeout_height, self.policy.wait).await?;
        let TxFound { height, outcome, .. } = found;
        if outcome.code != 0 {
            return Err(Error::Failed {
                hash: pending.hash,
                height,
                codespace: outcome.codespace,
                code: outcome.code,
                log: outcome.log,
            });
        }
        Ok(Done {
            hash: pending.hash,
            height,
            gas_wanted: outcome.gas_wanted,
            gas_used: outcome.gas_used,
            fee: pending.fee.clone(),
            events: outcome.events,
            data: outcome.data,
        })
    }

    fn unsigned(&self, messages: Vec<Any>) -> Unsigned {
        Unsigned {
            messages,
            memo: self.policy.memo.clone(),
            fee_granter: self.policy.fee_granter.clone(),
            ..Default::default()
        }
    }

    async fn account(&self, lane: &mut Lane) -> Result<(u64, u64)> {
        if let (Some(number), Some(sequence)) = (lane.account_number, lane.sequence) {
            return Ok((number, sequence));
        }
        let account = self.chain.account(self.address()).await?;
        lane.account_number = Some(account.account_number);
        Ok((account.account_number, *lane.sequence.get_or_insert(account.sequence)))
    }

    async fn broadcast_at(
        &self,
        unsigned: &mut Unsigned,
        account_number: u64,
        sequence: u64,
    ) -> Result<Pending> {
        let height = match self.policy.gas {
            Some(gas) => {
                unsigned.gas_limit = gas;
                self.chain.status().await?.latest_height
            }
            None => {
                let (used, height) = self.simulate_at(unsigned, sequence).await?;
                let scaled = u128::from(used) * u128::from(self.policy.gas_adjustment_percent);
                unsigned.gas_limit = u64::try_from(scaled.div_ceil(100)).unwrap_or(u64::MAX >> 1);
                height
            }
        };
        unsigned.fee = self.policy.gas_price.fee(unsigned.gas_limit)?;
        unsigned.timeout_height = height.saturating_add(self.policy.timeout_blocks);
        let chain_id = self.chain.chain_id();
        let tx = unsigned.sign(self.signer.as_ref(), chain_id, account_number, sequence);
        self.offer(&tx).await?;
        Ok(Pending {
            hash: TxHash::of(&tx),
            timeout_height: unsigned.timeout_height,
            fee: std::mem::take(&mut unsigned.fee),
        })
    }

    /// Offers the bytes until the node has said yes or no. The same bytes may be offered twice: a
    /// node that has them already says so.
    async fn offer(&self, tx: &[u8]) -> Result<()> {
        let mut pause = POLL_MIN;
        for attempt in 1..=BROADCAST_TRIES {
            match self.chain.rpc().broadcast_sync(tx).await {
                Ok(checked) if checked.code == 0 => return Ok(()),
                Ok(checked) if attempt > 1 && checked.codespace == "sdk" => match checked.code {
                    // 19: it waits there already. 32: it, or a rival, used the sequence number;
                    // the wait until the timeout height tells which.
                    19 | 32 => return Ok(()),
                    code => return Err(self.refused(checked.codespace, code, checked.log)),
                },
                Ok(checked) if (checked.codespace.as_str(), checked.code) == ("sdk", 19) => {
                    return Ok(());
                }
                Ok(checked) => {
                    return Err(self.refused(checked.codespace, checked.code, checked.log));
                }
                Err(error) if error.is_transient() && attempt < BROADCAST_TRIES => {
                    tracing::debug!(%error, "broadcast not answered, offering it again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 3).min(Duration::from_secs(5));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn refused(&self, codespace: String, code: u32, log: String) -> Error {
        if (codespace.as_str(), code) == ("sdk", 5) {
            return Error::LowBalance { address: self.address().to_owned(), log };
        }
        if (codespace.as_str(), code) == ("sdk", 9) {
            return Error::NoAccount {
                address: self.address().to_owned(),
                chain_id: self.chain.chain_id().to_owned(),
            };
        }
        Error::Refused { codespace, code, log }
    }

    /// Gas used, and the height of the state that answered.
    async fn simulate_at(&self, unsigned: &Unsigned, sequence: u64) -> Result<(u64, u64)> {
        let bare = Unsigned { fee: Vec::new(), gas_limit: 0, ..unsigned.clone() };
        let tx = bare.unsigned_bytes(self.signer.public_key(), sequence);
        let answer = self.chain.simulate(tx).await;
        let (gas, height) = answer.map_err(|error| match error {
            Error::Query { codespace, code, log, .. } => {
                let (codespace, code) = sharpen(codespace, code, &log);
                let mut log = log.trim_start_matches("failed to simulate tx: ");
                if unsigned.messages.len() == 1 {
                    log = log.trim_start_matches("failed to execute message; message index: 0: ");
                }
                self.refused(codespace, code, log.to_owned())
            }
            other => other,
        })?;
        Ok((gas, height))
    }
}

impl Chain {
    /// Simulates encoded transaction bytes: gas used, and the height of the state that answered.
    pub async fn simulate(&self, tx: Vec<u8>) -> Result<(u64, u64)> {
        // Over RPC `/app/simulate` keeps the module's own error code; gRPC has only the service.
        if !self.has_grpc() {
            match self.query_raw("/app/simulate", tx.clone(), 0).await {
                Err(Error::Query { log, .. }) if log.contains("unknown query") => {}
                other => {
                    let answer = other?;
                    let gas = SimulationResponse::decode(answer.value.as_slice())
                        .map(|it| it.gas_info.gas_used)
                        .map_err(|it| self.bad_answer("simulate the transaction", it))?;
                    let height = match answer.height {
                        0 => self.status().await?.latest_height,
                        height => height,
                    };
                    return Ok((gas, height));
                }
            }
        }
        let request = SimulateRequest { tx_bytes: tx, ..Default::default() };
        let path = "/cosmos.tx.v1beta1.Service/Simulate";
        let answer = self.query_raw(path, request.encode_to_vec(), 0).await?;
        let gas = SimulateResponse::decode(answer.value.as_slice())
            .map_err(|it| self.bad_answer("simulate the transaction", it))?
            .gas_info
            .map(|it| it.gas_used)
            .unwrap_or_default();
        let height = match answer.height {
            0 => self.status().await?.latest_height,
            height => height,
        };
        Ok((gas, height))
    }
}

/// Waits until the transaction is in a block, the chain has passed `timeout_height` (0: never), or
/// `limit` has passed. A node that does not answer is asked again.
pub async fn wait(
    chain: &Chain,
    hash: TxHash,
    timeout_height: u64,
    limit: Duration,
) -> Result<TxFound> {
    let start = Instant::now();
    let mut pause = POLL_MIN;
    let mut height = 0;
    let mut moved = Instant::now();
    loop {
        // The height is read before the transaction is looked for: what is not there after the
        // chain had passed the timeout height will never be there.
        let look = async {
            let latest = chain.status().await?.latest_height;
            Ok::<_, Error>((latest, chain.rpc().tx(hash).await?))
        };
        match look.await {
            Ok((_, Some(found))) => return Ok(found),
            Ok((latest, None)) => {
                if timeout_height > 0 && latest > timeout_height {
                    return Err(Error::Expired { hash, timeout_height });
                }
                if latest > height {
                    height = latest;
                    moved = Instant::now();
                }
                if start.elapsed() >= limit {
                    return Err(match moved.elapsed().as_secs() {
                        waited_s if waited_s >= limit.as_secs().min(60) => Error::Halted {
                            chain_id: chain.chain_id().to_owned(),
                            height,
                            waited_s,
                        },
                        _ => Error::NotIncluded { hash, waited_s: limit.as_secs(), height },
                    });
                }
            }
            Err(error) if error.is_transient() && start.elapsed() < limit => {
                tracing::debug!(%error, tx = %hash, "node away while waiting, asking again");
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(POLL_MAX);
    }
}

/// Takes the right sequence number out of a refusal; whether there was one.
fn correct(lane: &mut Lane, error: &Error) -> bool {
    let Error::Refused { codespace, code: 32, log } = error else { return false };
    if codespace != "sdk" {
        return false;
    }
    lane.sequence = expected_sequence(log);
    true
}

/// `account sequence mismatch, expected 5, got 4: incorrect account sequence` has 5.
fn expected_sequence(log: &str) -> Option<u64> {
    let rest = log.split_once("expected ")?.1;
    rest.split(|it: char| !it.is_ascii_digit()).next()?.parse().ok()
}

/// Simulation over gRPC loses the code; the text still has it.
fn sharpen(codespace: String, code: u32, log: &str) -> (String, u32) {
    if code > 6 && code != 18 {
        return (codespace, code);
    }
    for (text, code) in [
        ("incorrect account sequence", 32),
        ("insufficient funds", 5),
        ("unknown address", 9),
        ("out of gas", 11),
        ("unauthorized", 4),
    ] {
        if codespace == "sdk" && log.contains(text) {
            return (codespace, code);
        }
    }
    (codespace, code)
}
