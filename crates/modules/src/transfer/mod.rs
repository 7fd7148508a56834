//! Transfers of coins to other chains, as a chain shows them that no other chain talks to: its
//! parameters, no foreign denominations, nothing in escrow; a transfer is refused where the
//! reference refuses it (cosmos.md 7.1).
//!
//! Calls: auth, bank, ibc. Called by: ibc's channels, for the errors. Owns: store `transfer`.

mod query;

use ledger::{Ctx, Item, Map, Module, Result, Routes, View, errors};
use sha2::{Digest, Sha256};
use types::{
    Address, Coin, Coins, Int,
    wire::ibc::applications::transfer::v1::{
        Denom, GenesisState, MsgTransfer, MsgTransferResponse, MsgUpdateParams, Params,
    },
};

use crate::{bank, ibc};

pub struct Transfer;

/// Where transfers listen, as a name and as a version.
const PORT: &str = "transfer";
const VERSION: &str = "ics20-1";
const RECEIVER_LEN_MAX: usize = 2048;
const MEMO_LEN_MAX: usize = 32_768;

impl Module for Transfer {
    const NAME: &'static str = "transfer";
    type Genesis = GenesisState;

    fn routes(r: &mut Routes<'_>) {
        r.msg_checked(check_transfer, transfer).msg(update_params);
        query::routes(r);
    }

    fn default_genesis() -> GenesisState {
        let params = Params { send_enabled: true, receive_enabled: true };
        GenesisState { port_id: PORT.to_owned(), params, ..GenesisState::default() }
    }

    fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
        ibc::check_port_id(&genesis.port_id)?;
        PORT_ID.set(cx, &genesis.port_id)?;
        for denom in genesis.denoms {
            DENOMS.set(cx, &hash(&denom).to_vec(), &denom)?;
        }
        PARAMS.set(cx, &genesis.params)?;
        for coin in genesis.total_escrowed {
            let Coin { denom, amount } = coin.try_into()?;
            ESCROWED.set(cx, &denom.to_string(), &amount)?;
        }
        Ok(())
    }

    fn export(view: &View) -> Result<GenesisState> {
        let denoms: Vec<Denom> = DENOMS.values(view).collect::<Result<_>>()?;
        let mut total_escrowed = Vec::new();
        for entry in ESCROWED.iter(view) {
            let (denom, amount) = entry?;
            let amount = amount.to_string();
            total_escrowed.push(types::wire::cosmos::base::v1beta1::Coin { denom, amount });
        }
        let port_id = PORT_ID.get(view)?.unwrap_or_else(|| PORT.to_owned());
        Ok(GenesisState { port_id, denoms, params: params(view)?, total_escrowed })
    }
}

// State.
const PORT_ID: Item<String, ledger::Plain> = Item::new(Transfer::NAME, &[0x01]);
/// Denominations of other chains, by the hash of their path.
const DENOMS: Map<Vec<u8>, Denom> = Map::new(Transfer::NAME, &[0x02]);
const PARAMS: Item<Params> = Item::new(Transfer::NAME, &[0x03]);
/// What is held for other chains, by denomination.
const ESCROWED: Map<String, Int, ledger::Text> = Map::new(Transfer::NAME, b"totalEscrowForDenom/");

fn params(view: &View) -> Result<Params> {
    Ok(PARAMS.get(view)?.unwrap_or_else(|| Transfer::default_genesis().params))
}

/// `transfer/channel-0/uatom`.
fn path_of(denom: &Denom) -> String {
    let hops = denom.trace.iter().map(|it| format!("{}/{}/", it.port_id, it.channel_id));
    hops.collect::<String>() + &denom.base
}

fn hash(denom: &Denom) -> [u8; 32] {
    Sha256::digest(path_of(denom)).into()
}

/// The account that holds what left over a channel.
fn escrow_address(port_id: &str, channel_id: &str) -> Result<Address> {
    let hash = Sha256::new()
        .chain_update(VERSION)
        .chain_update([0])
        .chain_update(format!("{port_id}/{channel_id}"))
        .finalize();
    Ok(Address::new(hash.get(..20).unwrap_or_default())?)
}

// Messages.

fn check_transfer(msg: &MsgTransfer) -> Result {
    let (port, channel) = (&msg.source_port, &msg.source_channel);
    ibc::check_port_id(port).map_err(|it| it.context(format!("invalid source port ID {port}")))?;
    ibc::check_channel_id(channel)
        .map_err(|it| it.context(format!("invalid source channel ID {channel}")))?;
    let coin: Result<Coin, _> = msg.token.clone().try_into();
    if !coin.is_ok_and(|it| it.validate().is_ok() && it.is_positive()) {
        let text = format!("{}{}", msg.token.amount, msg.token.denom);
        return Err(ibc::Error::InvalidCoins.wrap(text));
    }
    if msg.receiver.trim().is_empty() {
        return Err(ibc::Error::InvalidAddress.wrap("missing recipient address"));
    }
    if msg.receiver.len() > RECEIVER_LEN_MAX {
        let why = format!("recipient address must not exceed {RECEIVER_LEN_MAX} bytes");
        return Err(ibc::Error::InvalidAddress.wrap(why));
    }
    if msg.memo.len() > MEMO_LEN_MAX {
        let why = format!("memo must not exceed {MEMO_LEN_MAX} bytes");
        return Err(Error::InvalidMemo.wrap(why));
    }
    Ok(())
}

/// Nanoseconds to a second.
const NANOS: u64 = 1_000_000_000;

/// Ends with a refusal: no channel is ever open.
fn transfer(cx: &mut Ctx, msg: MsgTransfer) -> Result<MsgTransferResponse> {
    if !params(cx)?.send_enabled {
        return Err(Error::SendDisabled.into());
    }
    let sender: Address = msg.sender.parse()?;
    let token: Coin = msg.token.try_into()?;
    let coins = Coins::strict([token.clone()])?;
    bank::require_send_enabled(cx, &coins)
        .map_err(|fault| fault.inside(|it| Error::SendDisabled.wrap(it)))?;
    if bank::is_blocked(&sender) {
        let why = format!("{sender} is not allowed to send funds");
        return Err(ibc::Error::Unauthorized.wrap(why));
    }
    if let Some(hash) = token.denom.to_string().strip_prefix("ibc/") {
        let known = query::unhex(hash).ok().map(|it| DENOMS.has(cx, &it)).transpose()?;
        if known != Some(true) {
            return Err(Error::DenomNotFound.wrap(hash));
        }
    }
    match ibc::find_channel(cx, &msg.source_port, &msg.source_channel)? {
        Some(channel) => {
            let vault = escrow_address(&msg.source_port, &msg.source_channel)?;
            bank::send(cx, &sender, &vault, &coins)?;
            ibc::require_open(&channel)?;
        }
        None => ibc::check_timeout_time(msg.timeout_timestamp / NANOS)?,
    }
    ibc::send_from(cx, &msg.source_channel)?;
    Ok(MsgTransferResponse::default())
}

fn update_params(cx: &mut Ctx, msg: MsgUpdateParams) -> Result {
    ibc::require_authority(&msg.signer)?;
    PARAMS.set(cx, &msg.params)
}

// Errors: the numbers are on the wire.
errors! { Transfer;
    3 InvalidDenom "invalid denomination for cross-chain transfer",
    4 InvalidVersion "invalid ICS20 version",
    6 DenomNotFound "denomination not found",
    7 SendDisabled "fungible token transfers from this chain are disabled",
    11 InvalidMemo "invalid memo",
}
