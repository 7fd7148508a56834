//! Who signs and who does not: signing infos, jail for downtime, release from it.
//!
//! Called by: evidence (double signs). Calls: auth, staking, whose facts it hooks. Owns: store
//! `slashing` (cosmos.md 4.9).

mod query;
#[cfg(test)]
mod tests;

use ledger::{
    Ctx, Fault, Invariant, Item, Map, Module, Prefixed, Raw, Result, Routes, View, holds,
};
use prost_types::{Duration, Timestamp};
use types::{
    ConsAddress, Dec, Int, ValAddress,
    wire::{
        cosmos::slashing::v1beta1::{
            GenesisState, MissedBlock, MsgUnjail, MsgUpdateParams, Params, SigningInfo,
            ValidatorMissedBlocks, ValidatorSigningInfo,
        },
        tendermint::{abci::VoteInfo, types::BlockIdFlag},
    },
};

use crate::{auth, base::time::after, staking};

pub struct Slashing;

impl Module for Slashing {
    const NAME: &'static str = "slashing";
    const INVARIANTS: &'static [Invariant] =
        &[Invariant("missed blocks are counted", missed_blocks_are_counted)];
    type Genesis = GenesisState;

    fn routes(r: &mut Routes<'_>) {
        r.hook(on_bonded);
        r.msg(unjail).msg(update_params);
        query::routes(r);
    }

    fn default_genesis() -> GenesisState {
        GenesisState { params: default_params(), ..GenesisState::default() }
    }

    fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
        check_params(&genesis.params)?;
        PARAMS.set(cx, &genesis.params)?;
        for SigningInfo { address, validator_signing_info: info } in &genesis.signing_infos {
            INFOS.set(cx, &key(&address.parse()?), info)?;
        }
        for ValidatorMissedBlocks { address, missed_blocks } in &genesis.missed_blocks {
            let address = address.parse()?;
            for MissedBlock { index, missed } in missed_blocks {
                set_missed(cx, &address, *index, *missed)?;
            }
        }
        Ok(())
    }

    fn export(view: &View) -> Result<GenesisState> {
        let mut signing_infos = Vec::new();
        let mut missed_blocks = Vec::new();
        for entry in INFOS.iter(view) {
            let (Prefixed(bytes), info) = entry?;
            let address = ConsAddress::new(bytes)?;
            missed_blocks.push(ValidatorMissedBlocks {
                address: address.to_string(),
                missed_blocks: missed_of(view, &address)?,
            });
            signing_infos
                .push(SigningInfo { address: address.to_string(), validator_signing_info: info });
        }
        Ok(GenesisState { params: params(view)?, signing_infos, missed_blocks })
    }

    /// Looks at every vote of the previous block: at most as many as there are validators.
    fn begin_block(cx: &mut Ctx) -> Result {
        let params = params(cx)?;
        let votes = cx.block().last_commit.votes.clone();
        votes.iter().try_for_each(|vote| count_vote(cx, vote, &params))
    }
}

// State.
const STORE: &str = "slashing";
const PARAMS: Item<Params> = Item::new(STORE, &[0]);
const INFOS: Map<Prefixed, ValidatorSigningInfo> = Map::new(STORE, &[1]);
/// Missed blocks of the window as bits, [`CHUNK_BITS`] in a row; a row without any is left out.
const MISSED: Map<(Prefixed, u64), Vec<u8>, Raw> = Map::new(STORE, &[2]);

const CHUNK_BITS: u64 = 1024;

/// When a tombstoned validator may be released: 9999-12-31T23:59:59Z.
const NEVER: Timestamp = Timestamp { seconds: 253_402_300_799, nanos: 0 };

fn key(address: &ConsAddress) -> Prefixed {
    Prefixed(address.as_bytes().to_vec())
}

/// Where a block's bit stands: chunk, byte, mask.
fn place(index: i64) -> (u64, usize, u8) {
    let index = u64::try_from(index).unwrap_or_default();
    let (chunk, bit) = (index / CHUNK_BITS, index % CHUNK_BITS);
    (chunk, usize::try_from(bit / 8).unwrap_or_default(), 1 << (bit % 8))
}

fn is_missed(view: &View, address: &ConsAddress, index: i64) -> Result<bool> {
    let (chunk, byte, mask) = place(index);
    let bits = MISSED.get(view, &(key(address), chunk))?.unwrap_or_default();
    Ok(bits.get(byte).is_some_and(|it| it & mask != 0))
}

fn set_missed(cx: &mut Ctx, address: &ConsAddress, index: i64, missed: bool) -> Result {
    let (chunk, byte, mask) = place(index);
    let key = (key(address), chunk);
    let mut bits = MISSED.get(cx, &key)?.unwrap_or_default();
    if bits.len() <= byte {
        bits.resize(byte.saturating_add(1), 0);
    }
    if let Some(it) = bits.get_mut(byte) {
        if missed {
            *it |= mask;
        } else {
            *it &= !mask;
        }
    }
    while bits.last() == Some(&0) {
        bits.pop();
    }
    if bits.is_empty() { MISSED.del(cx, &key) } else { MISSED.set(cx, &key, &bits) }
}

/// The blocks of the window that a validator missed.
fn missed_of(view: &View, address: &ConsAddress) -> Result<Vec<MissedBlock>> {
    let mut missed = Vec::new();
    for entry in MISSED.walk().under(&key(address)).iter(view) {
        let ((_, chunk), bits) = entry?;
        let first = i64::try_from(chunk.saturating_mul(CHUNK_BITS)).unwrap_or(i64::MAX);
        for (at, byte) in (0i64..).step_by(8).zip(&bits) {
            for bit in (0..8).filter(|bit| byte & (1u8 << bit) != 0) {
                let index = first.saturating_add(at).saturating_add(i64::from(bit));
                missed.push(MissedBlock { index, missed: true });
            }
        }
    }
    Ok(missed)
}

fn forget_missed(cx: &mut Ctx, address: &ConsAddress) -> Result {
    let walk = MISSED.walk().under(&key(address));
    let keys = walk.iter(cx).map(|it| Ok(it?.0)).collect::<Result<Vec<_>>>()?;
    keys.iter().try_for_each(|it| MISSED.del(cx, it))
}

// Blocks.

fn count_vote(cx: &mut Ctx, vote: &VoteInfo, params: &Params) -> Result {
    let address = ConsAddress::new(vote.validator.address.clone())?;
    // A validator that is jailed, or gone, no longer has to sign; its last votes still arrive.
    let is_counted =
        staking::validator_by_consensus(cx, &address)?.is_some_and(|validator| !validator.jailed);
    if !is_counted {
        return Ok(());
    }
    let Some(mut info) = INFOS.get(cx, &key(&address))? else {
        let text = format!("Expected signing info for validator {address} but not found");
        return Err(Fault::plain(text));
    };
    let window = params.signed_blocks_window.max(1);
    let index = info.index_offset.wrapping_rem(window);
    info.index_offset = info.index_offset.saturating_add(1);
    let missed = vote.block_id_flag == i32::from(BlockIdFlag::Absent);
    let missed_before = is_missed(cx, &address, index)?;
    if missed != missed_before {
        set_missed(cx, &address, index, missed)?;
        let step = if missed { 1 } else { -1 };
        info.missed_blocks_counter = info.missed_blocks_counter.saturating_add(step);
    }
    if missed {
        let (validator, height) = (address.to_string(), cx.height().to_string());
        let missed_blocks = info.missed_blocks_counter.to_string();
        cx.emit_plain(
            "liveness",
            [("address", &*validator), ("missed_blocks", &missed_blocks), ("height", &height)],
        );
    }
    let least = dec(&params.min_signed_per_window)?.mul_int(window)?.round_int()?.to_i64()?;
    let most_missed = window.saturating_sub(least);
    let is_past_first_window = cx.height() > info.start_height.saturating_add(window);
    if is_past_first_window && info.missed_blocks_counter > most_missed {
        // Those who signed the missing vote were the validators of two blocks ago.
        let height = cx.height().saturating_sub(2);
        let power = vote.validator.power;
        let fraction = dec(&params.slash_fraction_downtime)?;
        let burned = staking::slash(cx, &address, height, power, fraction)?;
        emit_slash(cx, &address, power, "missing_signature", true, burned);
        staking::jail_validator(cx, &address)?;
        info.jailed_until = after(&cx.time(), &params.downtime_jail_duration);
        info.missed_blocks_counter = 0;
        info.index_offset = 0;
        forget_missed(cx, &address)?;
    }
    INFOS.set(cx, &key(&address), &info)
}

fn emit_slash(
    cx: &mut Ctx,
    address: &ConsAddress,
    power: i64,
    reason: &str,
    jails: bool,
    burned: Int,
) {
    let (address, power, burned) = (address.to_string(), power.to_string(), burned.to_string());
    let mut attributes = vec![("address", &*address), ("power", &power), ("reason", reason)];
    if jails {
        attributes.push(("jailed", &address));
    }
    attributes.push(("burned_coins", &burned));
    cx.emit_plain("slash", attributes);
}

// Hooks.

/// A validator that takes a seat has a window before it.
fn on_bonded(cx: &mut Ctx, it: &staking::ValidatorBonded) -> Result {
    let key = key(&it.consensus);
    let fresh = || ValidatorSigningInfo {
        address: it.consensus.to_string(),
        ..ValidatorSigningInfo::default()
    };
    let mut info = INFOS.get(cx, &key)?.unwrap_or_else(fresh);
    info.start_height = cx.height();
    INFOS.set(cx, &key, &info)
}

// Messages.

fn unjail(cx: &mut Ctx, MsgUnjail { validator_addr }: MsgUnjail) -> Result {
    let operator: ValAddress = validator_addr.parse()?;
    let validator = staking::validator(cx, &operator)?.ok_or(staking::Error::NoValidator)?;
    let own = staking::delegation(cx, &validator.account(), &operator)?;
    let own = own.ok_or(staking::Error::NoDelegation)?;
    let tokens = validator.tokens_from_shares(own)?.truncate_int()?;
    if tokens < validator.min_self_delegation {
        let text = format!("{tokens} less than {}", validator.min_self_delegation);
        return Err(Error::SelfDelegationTooLow.wrap(text));
    }
    if !validator.jailed {
        return Err(Error::NotJailed.into());
    }
    let address = validator.consensus_address()?;
    if let Some(info) = INFOS.get(cx, &key(&address))? {
        let is_early = cx.unix_nanos() < ledger::nanos(&info.jailed_until);
        if info.tombstoned || is_early {
            return Err(Error::StillJailed.into());
        }
    }
    staking::unjail_validator(cx, &address)
}

fn update_params(cx: &mut Ctx, MsgUpdateParams { authority, params }: MsgUpdateParams) -> Result {
    auth::require_authority(&authority)?;
    check_params(&params)?;
    PARAMS.set(cx, &params)
}

fn dec(bytes: &[u8]) -> Result<Dec> {
    Ok(Dec::from_wire_or_zero(&String::from_utf8_lossy(bytes))?)
}

fn check_params(params: &Params) -> Result {
    if params.signed_blocks_window <= 0 {
        let text =
            format!("signed blocks window must be positive: {}", params.signed_blocks_window);
        return Err(Fault::plain(text));
    }
    let Duration { seconds, nanos } = params.downtime_jail_duration;
    if seconds < 0 || nanos < 0 || (seconds == 0 && nanos == 0) {
        return Err(Fault::plain(format!("downtime jail duration must be positive: {seconds}s")));
    }
    for (name, bytes) in [
        ("min signed per window", &params.min_signed_per_window),
        ("double sign slash fraction", &params.slash_fraction_double_sign),
        ("downtime slash fraction", &params.slash_fraction_downtime),
    ] {
        let value = dec(bytes)?;
        if value.is_negative() {
            return Err(Fault::plain(format!("{name} cannot be negative: {value}")));
        }
        if value > Dec::ONE {
            return Err(Fault::plain(format!("{name} too large: {value}")));
        }
    }
    Ok(())
}

// Calls open to other modules.

/// Those of the reference: half of a hundred blocks, ten minutes, 5 % and 1 %.
pub fn default_params() -> Params {
    let percent = |value: u64| Dec::new(value, 2).map(|it| it.to_wire().into_bytes());
    let percent = |value| percent(value).unwrap_or_default();
    Params {
        signed_blocks_window: 100,
        min_signed_per_window: percent(50),
        downtime_jail_duration: Duration { seconds: 600, nanos: 0 },
        slash_fraction_double_sign: percent(5),
        slash_fraction_downtime: percent(1),
    }
}

pub fn params(view: &View) -> Result<Params> {
    Ok(PARAMS.get(view)?.unwrap_or_else(default_params))
}

/// Whether a validator signed twice and may never come back. None: it never had a seat.
pub fn is_tombstoned(view: &View, address: &ConsAddress) -> Result<Option<bool>> {
    Ok(INFOS.get(view, &key(address))?.map(|it| it.tombstoned))
}

/// Slashes a validator that signed twice at `height`, jails it and lets it never come back.
pub fn tombstone(cx: &mut Ctx, address: &ConsAddress, height: i64, power: i64) -> Result {
    let Some(mut info) = INFOS.get(cx, &key(address))? else {
        return Err(Error::NoSigningInfo.into());
    };
    let fraction = dec(&params(cx)?.slash_fraction_double_sign)?;
    // The set that signs a block was decided at the end of the one before.
    let burned = staking::slash(cx, address, height.saturating_sub(1), power, fraction)?;
    emit_slash(cx, address, power, "double_sign", false, burned);
    if staking::validator_by_consensus(cx, address)?.is_some_and(|it| !it.jailed) {
        staking::jail_validator(cx, address)?;
        let address = address.to_string();
        cx.emit_plain("slash", [("jailed", &*address)]);
    }
    info.jailed_until = NEVER;
    info.tombstoned = true;
    INFOS.set(cx, &key(address), &info)
}

fn missed_blocks_are_counted(view: &View) -> Result {
    for entry in INFOS.iter(view) {
        let (Prefixed(bytes), info) = entry?;
        let address = ConsAddress::new(bytes)?;
        let missed = missed_of(view, &address)?.len();
        let counted = info.missed_blocks_counter;
        holds!(
            i64::try_from(missed) == Ok(counted),
            "{address} missed {missed} blocks of its window, counted are {counted}"
        )?;
    }
    Ok(())
}

// Errors: the numbers are on the wire.
ledger::errors! { Slashing;
    2 NoOperator "address is not associated with any known validator",
    3 NoValidator "validator does not exist for that address",
    4 StillJailed "validator still jailed; cannot be unjailed",
    5 NotJailed "validator not jailed; cannot be unjailed",
    6 NoSelfDelegation "validator has no self-delegation; cannot be unjailed",
    7 SelfDelegationTooLow "validator's self delegation less than minimum; cannot be unjailed",
    8 NoSigningInfo "no validator signing info found",
    9 Tombstoned "validator already tombstoned",
}
