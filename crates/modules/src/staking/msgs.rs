//! Messages of staking (cosmos.md 4.8). The order of checks is the reference's.

use ledger::{Ctx, Fault, Result, Sdk};
use prost_types::Timestamp;
use types::{
    Address, Coin, Dec, Int, ValAddress,
    wire::cosmos::{
        base::v1beta1::Coin as WireCoin,
        staking::v1beta1::{
            BondStatus, Description, DvPair, DvvTriplet, MsgBeginRedelegate,
            MsgBeginRedelegateResponse, MsgCancelUnbondingDelegation, MsgCreateValidator,
            MsgDelegate, MsgEditValidator, MsgUndelegate, MsgUndelegateResponse, MsgUpdateParams,
            Params, Redelegation, RedelegationEntry, UnbondingDelegation, UnbondingDelegationEntry,
        },
    },
};

use super::{
    Error, ValidatorCreated,
    calls::{Source, bond_denom, delegate, move_to_pool, params, shares_to_unbond, unbond},
    set::AT_ONCE,
    state::{
        self, BY_CONSENSUS, Commission, PARAMS, REDELEGATION_QUEUE, REDELEGATIONS_TO,
        UNBONDING_QUEUE, Validator, bytes,
    },
};
use crate::{
    auth,
    base::{moment::Moment, time::after},
};

/// A text that an edit leaves as it is.
const DO_NOT_MODIFY: &str = "[do-not-modify]";
/// Least seconds between two changes of a commission.
const COMMISSION_PAUSE_SECONDS: i64 = 86_400;

fn refuse(text: impl std::fmt::Display) -> Fault {
    Sdk::InvalidRequest.wrap(text)
}

fn operator_of(text: &str, role: &str) -> Result<ValAddress> {
    text.parse().map_err(|error: types::AddressError| {
        Sdk::InvalidAddress.wrap(format!("invalid {role}validator address: {error}"))
    })
}

fn delegator_of(text: &str) -> Result<Address> {
    text.parse().map_err(|error: types::AddressError| {
        Sdk::InvalidAddress.wrap(format!("invalid delegator address: {error}"))
    })
}

/// The amount of a coin that must be valid and positive.
fn positive(coin: &WireCoin, refusal: &str) -> Result<Int> {
    let amount = Int::from_wire(&coin.amount).map_err(|_| refuse(refusal))?;
    if !amount.is_positive() || types::validate_denom(&coin.denom).is_err() {
        return Err(refuse(refusal));
    }
    Ok(amount)
}

fn check_denom(cx: &Ctx, coin: &WireCoin) -> Result {
    let expected = bond_denom(cx)?;
    if coin.denom == expected {
        return Ok(());
    }
    Err(refuse(format!("invalid coin denomination: got {}, expected {expected}", coin.denom)))
}

fn check_lengths(it: &Description) -> Result {
    for (name, text, max) in [
        ("moniker", &it.moniker, 70usize),
        ("identity", &it.identity, 3000),
        ("website", &it.website, 140),
        ("security contact", &it.security_contact, 140),
        ("details", &it.details, 280),
    ] {
        if text.len() > max {
            return Err(refuse(format!("invalid {name} length; got: {}, max: {max}", text.len())));
        }
    }
    Ok(())
}

fn check_commission(it: &Commission) -> Result {
    let error = if it.max_rate.is_negative() {
        Error::NegativeCommission
    } else if it.max_rate > Dec::ONE {
        Error::HugeCommission
    } else if it.rate.is_negative() {
        Error::NegativeCommission
    } else if it.rate > it.max_rate {
        Error::CommissionAboveMax
    } else if it.max_change_rate.is_negative() {
        Error::NegativeChangeRate
    } else if it.max_change_rate > it.max_rate {
        Error::ChangeRateAboveMax
    } else {
        return Ok(());
    };
    Err(error.into())
}

pub(super) fn create_validator(cx: &mut Ctx, message: MsgCreateValidator) -> Result {
    let MsgCreateValidator {
        description,
        commission: rates,
        min_self_delegation,
        validator_address,
        pubkey,
        value,
        ..
    } = message;
    let operator = operator_of(&validator_address, "")?;
    let pubkey = pubkey.ok_or(Error::NoPublicKey)?;
    let amount = positive(&value, "invalid delegation amount")?;
    if description == Description::default() {
        return Err(refuse("empty description"));
    }
    let commission = Commission::from_rates(&rates, cx.time())?;
    check_commission(&commission)?;
    let min_self_delegation = Int::from_wire_or_zero(&min_self_delegation)?;
    if !min_self_delegation.is_positive() {
        return Err(refuse("minimum self delegation must be a positive integer"));
    }
    if amount < min_self_delegation {
        return Err(Error::SelfDelegationTooSmall.into());
    }

    let least = Dec::from_wire_or_zero(&params(cx)?.min_commission_rate)?;
    if commission.rate < least {
        let text = format!("cannot set validator commission to less than minimum rate of {least}");
        return Err(Error::CommissionBelowMin.wrap(text));
    }
    if state::load(cx, &operator)?.is_some() {
        return Err(Error::OperatorTaken.into());
    }
    let consensus = state::consensus_address(&pubkey)?;
    if BY_CONSENSUS.has(cx, &bytes(&consensus))? {
        return Err(Error::PublicKeyTaken.into());
    }
    check_denom(cx, &value)?;
    check_lengths(&description)?;
    let (kind, _) = state::public_key(&pubkey)?;
    if let Some(allowed) = &cx.consensus_params().validator
        && !allowed.pub_key_types.iter().any(|it| it == kind)
    {
        let text = format!("got: {kind}, expected: [{}]", allowed.pub_key_types.join(" "));
        return Err(Error::PublicKeyKind.wrap(text));
    }

    let validator = Validator {
        operator: operator.clone(),
        consensus_pubkey: pubkey,
        jailed: false,
        status: BondStatus::Unbonded,
        tokens: Int::ZERO,
        shares: Dec::ZERO,
        description,
        unbonding_height: 0,
        unbonding_time: Timestamp::default(),
        commission,
        min_self_delegation,
        unbonding_on_hold_ref_count: 0,
        unbonding_ids: Vec::new(),
    };
    state::save(cx, &validator)?;
    BY_CONSENSUS.set(cx, &bytes(&consensus), &operator.as_bytes().to_vec())?;
    state::rank(cx, &validator)?;
    cx.tell(&ValidatorCreated { operator: operator.clone(), consensus })?;
    delegate(cx, &Address::from(&operator), amount, Source::Account, validator)?;
    let amount = format!("{amount}{}", value.denom);
    cx.emit_plain("create_validator", [("validator", &*validator_address), ("amount", &amount)]);
    Ok(())
}

pub(super) fn edit_validator(cx: &mut Ctx, message: MsgEditValidator) -> Result {
    let MsgEditValidator { description, validator_address, commission_rate, min_self_delegation } =
        message;
    let operator = operator_of(&validator_address, "")?;
    if description == Description::default() {
        return Err(refuse("empty description"));
    }
    let min_self_delegation = match min_self_delegation.as_str() {
        "" => None,
        text => Some(Int::from_wire(text)?),
    };
    if min_self_delegation.is_some_and(|it| !it.is_positive()) {
        return Err(refuse("minimum self delegation must be a positive integer"));
    }
    let rate = match commission_rate.as_str() {
        "" => None,
        text => Some(Dec::from_wire(text)?),
    };
    if let Some(rate) = rate {
        if rate > Dec::ONE || rate.is_negative() {
            return Err(refuse("commission rate must be between 0 and 1 (inclusive)"));
        }
        let least = Dec::from_wire_or_zero(&params(cx)?.min_commission_rate)?;
        if rate < least {
            let text = "commission rate cannot be less than the min commission rate";
            return Err(refuse(format!("{text} {least}")));
        }
    }
    let mut validator = state::must_load(cx, &operator)?;
    let old = std::mem::take(&mut validator.description);
    let pick = |new: String, old: String| if new == DO_NOT_MODIFY { old } else { new };
    validator.description = Description {
        moniker: pick(description.moniker, old.moniker),
        identity: pick(description.identity, old.identity),
        website: pick(description.website, old.website),
        security_contact: pick(description.security_contact, old.security_contact),
        details: pick(description.details, old.details),
    };
    check_lengths(&validator.description)?;
    if let Some(rate) = rate {
        change_commission(cx, &mut validator, rate)?;
    }
    if let Some(least) = min_self_delegation {
        if least <= validator.min_self_delegation {
            return Err(Error::MinSelfDelegationLowered.into());
        }
        if least > validator.tokens {
            return Err(Error::SelfDelegationTooSmall.into());
        }
        validator.min_self_delegation = least;
    }
    state::save(cx, &validator)?;
    let commission = validator.commission.proto_text();
    let least = validator.min_self_delegation.to_string();
    cx.emit_plain(
        "edit_validator",
        [("commission_rate", &*commission), ("min_self_delegation", &least)],
    );
    Ok(())
}

fn change_commission(cx: &Ctx, validator: &mut Validator, rate: Dec) -> Result {
    let commission = &mut validator.commission;
    let passed = cx.unix_nanos().saturating_sub(ledger::nanos(&commission.update_time));
    if passed < i128::from(COMMISSION_PAUSE_SECONDS).saturating_mul(1_000_000_000) {
        return Err(Error::CommissionChangedLately.into());
    }
    if rate.is_negative() {
        return Err(Error::NegativeCommission.into());
    }
    if rate > commission.max_rate {
        return Err(Error::CommissionAboveMax.into());
    }
    if rate.sub(commission.rate)? > commission.max_change_rate {
        return Err(Error::CommissionChangeTooBig.into());
    }
    let least = Dec::from_wire_or_zero(&params(cx)?.min_commission_rate)?;
    if rate < least {
        let text = format!("cannot set validator commission to less than minimum rate of {least}");
        return Err(Error::CommissionBelowMin.wrap(text));
    }
    commission.rate = rate;
    commission.update_time = cx.time();
    Ok(())
}

pub(super) fn delegate_message(cx: &mut Ctx, message: MsgDelegate) -> Result {
    let MsgDelegate { delegator_address, validator_address, amount: coin } = message;
    let operator = operator_of(&validator_address, "")?;
    let delegator = delegator_of(&delegator_address)?;
    let amount = positive(&coin, "invalid delegation amount")?;
    let validator = state::must_load(cx, &operator)?;
    check_denom(cx, &coin)?;
    let shares = delegate(cx, &delegator, amount, Source::Account, validator)?;
    let (amount, shares) = (format!("{amount}{}", coin.denom), shares.to_string());
    cx.emit_plain(
        "delegate",
        [
            ("validator", &*validator_address),
            ("delegator", &delegator_address),
            ("amount", &amount),
            ("new_shares", &shares),
        ],
    );
    Ok(())
}

pub(super) fn undelegate(cx: &mut Ctx, message: MsgUndelegate) -> Result<MsgUndelegateResponse> {
    let MsgUndelegate { delegator_address, validator_address, amount: coin } = message;
    let operator = operator_of(&validator_address, "")?;
    let delegator = delegator_of(&delegator_address)?;
    let amount = positive(&coin, "invalid shares amount")?;
    let shares = shares_to_unbond(cx, &delegator, &operator, amount)?;
    check_denom(cx, &coin)?;

    let validator = state::must_load(cx, &operator)?;
    let params = params(cx)?;
    let record = state::unbonding_of(cx, &delegator, &operator)?;
    if record.as_ref().is_some_and(|it| is_full(it.entries.len(), &params)) {
        return Err(Error::TooManyUnbondings.into());
    }
    let returned = unbond(cx, &delegator, &operator, shares)?;
    if validator.is_bonded() {
        move_to_pool(cx, false, returned)?;
    }
    let completion_time = after(&cx.time(), &params.unbonding_time);
    let id = state::next_unbonding_id(cx)?;
    let mut record = record.unwrap_or_else(|| UnbondingDelegation {
        delegator_address: delegator_address.clone(),
        validator_address: validator_address.clone(),
        entries: Vec::new(),
    });
    let height = cx.height();
    let same = record
        .entries
        .iter_mut()
        .find(|it| it.creation_height == height && it.completion_time == completion_time);
    if let Some(entry) = same {
        let add = |text: &str| -> Result<String> {
            Ok(Int::from_wire_or_zero(text)?.add(returned)?.to_string())
        };
        entry.balance = add(&entry.balance)?;
        entry.initial_balance = add(&entry.initial_balance)?;
    } else {
        record.entries.push(UnbondingDelegationEntry {
            creation_height: height,
            completion_time,
            initial_balance: returned.to_string(),
            balance: returned.to_string(),
            unbonding_id: id,
            unbonding_on_hold_ref_count: 0,
        });
    }
    state::save_unbonding(cx, &record)?;
    let item = DvPair {
        delegator_address: delegator_address.clone(),
        validator_address: validator_address.clone(),
    };
    UNBONDING_QUEUE.set(cx, &(Moment(completion_time), id), &item)?;

    let coin = Coin::new(coin.denom, returned);
    let (amount, completion) = (coin.to_string(), seconds_text(&completion_time));
    cx.emit_plain(
        "unbond",
        [
            ("validator", &*validator_address),
            ("delegator", &delegator_address),
            ("amount", &amount),
            ("completion_time", &completion),
        ],
    );
    Ok(MsgUndelegateResponse { completion_time, amount: coin.into() })
}

fn is_full(entries: usize, params: &Params) -> bool {
    u32::try_from(entries).unwrap_or(u32::MAX) >= params.max_entries
}

/// A completion time as events show it: RFC 3339 with seconds.
fn seconds_text(time: &Timestamp) -> String {
    types::timestamp::whole_seconds_text(time)
}

pub(super) fn begin_redelegate(
    cx: &mut Ctx,
    message: MsgBeginRedelegate,
) -> Result<MsgBeginRedelegateResponse> {
    let MsgBeginRedelegate {
        delegator_address,
        validator_src_address,
        validator_dst_address,
        amount: coin,
    } = message;
    let from = operator_of(&validator_src_address, "source ")?;
    let delegator = delegator_of(&delegator_address)?;
    let to = operator_of(&validator_dst_address, "destination ")?;
    let amount = positive(&coin, "invalid shares amount")?;
    let shares = shares_to_unbond(cx, &delegator, &from, amount)?;
    check_denom(cx, &coin)?;

    if from == to {
        return Err(Error::SelfRedelegation.into());
    }
    let destination = state::load(cx, &to)?.ok_or(Error::NoDestination)?;
    let source = state::load(cx, &from)?.ok_or(Error::NoSource)?;
    if is_arriving(cx, &delegator, &from)? {
        return Err(Error::TransitiveRedelegation.into());
    }
    let params = params(cx)?;
    let record = state::redelegation_of(cx, &delegator, &from, &to)?;
    if record.as_ref().is_some_and(|it| is_full(it.entries.len(), &params)) {
        return Err(Error::TooManyRedelegations.into());
    }
    let returned = unbond(cx, &delegator, &from, shares)?;
    if returned.is_zero() {
        return Err(Error::TinyRedelegation.into());
    }
    // The destination may have gained or lost tokens while rewards were paid.
    let destination = state::load(cx, &to)?.unwrap_or(destination);
    let shares_dst = delegate(cx, &delegator, returned, Source::Pool(source.status), destination)?;

    // An unbonded validator ends with its last share, so the last share cannot leave it this way.
    let source = state::load(cx, &from)?.ok_or(Error::NoValidator)?;
    let pending = if source.is_unbonded() {
        None
    } else if source.is_unbonding() {
        Some((source.unbonding_time, source.unbonding_height))
    } else {
        Some((after(&cx.time(), &params.unbonding_time), cx.height()))
    };
    let completion_time = pending.map_or(AT_ONCE, |(time, _)| time);
    if let Some((completion_time, creation_height)) = pending {
        let id = state::next_unbonding_id(cx)?;
        let mut record = record.unwrap_or_else(|| Redelegation {
            delegator_address: delegator_address.clone(),
            validator_src_address: validator_src_address.clone(),
            validator_dst_address: validator_dst_address.clone(),
            entries: Vec::new(),
        });
        record.entries.push(RedelegationEntry {
            creation_height,
            completion_time,
            initial_balance: returned.to_string(),
            shares_dst: shares_dst.to_wire(),
            unbonding_id: id,
            unbonding_on_hold_ref_count: 0,
        });
        state::save_redelegation(cx, &record)?;
        let item = DvvTriplet {
            delegator_address,
            validator_src_address: validator_src_address.clone(),
            validator_dst_address: validator_dst_address.clone(),
        };
        REDELEGATION_QUEUE.set(cx, &(Moment(completion_time), id), &item)?;
    }
    let (amount, completion) = (format!("{amount}{}", coin.denom), seconds_text(&completion_time));
    cx.emit_plain(
        "redelegate",
        [
            ("source_validator", &*validator_src_address),
            ("destination_validator", &validator_dst_address),
            ("amount", &amount),
            ("completion_time", &completion),
        ],
    );
    Ok(MsgBeginRedelegateResponse { completion_time })
}

/// Whether stake of a delegator that was moved to a validator may still be slashed for the one
/// before.
fn is_arriving(cx: &Ctx, delegator: &Address, to: &ValAddress) -> Result<bool> {
    let incoming = REDELEGATIONS_TO.walk().under(&state::pair(to, delegator)).iter(cx).next();
    Ok(incoming.transpose()?.is_some())
}

pub(super) fn cancel_unbonding(cx: &mut Ctx, message: MsgCancelUnbondingDelegation) -> Result {
    let MsgCancelUnbondingDelegation {
        delegator_address,
        validator_address,
        amount: coin,
        creation_height,
    } = message;
    let operator = operator_of(&validator_address, "")?;
    let delegator = delegator_of(&delegator_address)?;
    let amount = positive(&coin, "invalid amount")?;
    if creation_height <= 0 {
        return Err(refuse("invalid height"));
    }
    check_denom(cx, &coin)?;
    let validator = state::must_load(cx, &operator)?;
    if validator.has_invalid_rate() {
        return Err(Error::InvalidRate.into());
    }
    if validator.jailed {
        return Err(Error::Jailed.into());
    }
    let mut record = state::unbonding_of(cx, &delegator, &operator)?.ok_or_else(|| {
        Fault::not_found(format!(
            "unbonding delegation with delegator {delegator_address} not found for validator {validator_address}"
        ))
    })?;
    let now = cx.time();
    let found =
        record.entries.iter_mut().enumerate().find(|(_, it)| it.creation_height == creation_height);
    let Some((at, entry)) = found else {
        let text = "unbonding delegation entry is not found at block height";
        return Err(Sdk::NotFound.wrap(format!("{text} {creation_height}")));
    };
    let balance = Int::from_wire_or_zero(&entry.balance)?;
    if balance < amount {
        return Err(refuse("amount is greater than the unbonding delegation entry balance"));
    }
    if ledger::nanos(&entry.completion_time) < ledger::nanos(&now) {
        return Err(refuse("unbonding delegation is already processed"));
    }
    let status = BondStatus::Unbonding;
    let left = balance.sub(amount)?;
    entry.balance = left.to_string();
    let initial = Int::from_wire_or_zero(&entry.initial_balance)?.sub(amount)?;
    entry.initial_balance = initial.to_string();
    if left.is_zero() {
        record.entries.remove(at);
    }
    delegate(cx, &delegator, amount, Source::Pool(status), validator)?;
    state::save_unbonding(cx, &record)?;
    let (amount, height) = (format!("{amount}{}", coin.denom), creation_height.to_string());
    cx.emit_plain(
        "cancel_unbonding_delegation",
        [
            ("amount", &*amount),
            ("validator", &validator_address),
            ("delegator", &delegator_address),
            ("creation_height", &height),
        ],
    );
    Ok(())
}

pub(super) fn update_params(cx: &mut Ctx, message: MsgUpdateParams) -> Result {
    let MsgUpdateParams { authority, params } = message;
    auth::require_authority(&authority)?;
    check_params(&params)?;
    PARAMS.set(cx, &params)
}

/// What parameters must be, at genesis too.
pub(super) fn check_params(params: &Params) -> Result {
    let span = &params.unbonding_time;
    if span.seconds < 0 || span.nanos < 0 || (span.seconds == 0 && span.nanos == 0) {
        let nanos = i128::from(span.seconds) * 1_000_000_000 + i128::from(span.nanos);
        return Err(Fault::plain(format!("unbonding time must be positive: {nanos}")));
    }
    if params.max_validators == 0 {
        return Err(Fault::plain("max validators must be positive: 0"));
    }
    if params.max_entries == 0 {
        return Err(Fault::plain("max entries must be positive: 0"));
    }
    if params.bond_denom.trim().is_empty() {
        return Err(Fault::plain("bond denom cannot be blank"));
    }
    types::validate_denom(&params.bond_denom)?;
    let least = Dec::from_wire(&params.min_commission_rate)
        .map_err(|_| Fault::plain("minimum commission rate cannot be nil"))?;
    if least.is_negative() {
        return Err(Fault::plain(format!("minimum commission rate cannot be negative: {least}")));
    }
    if least > Dec::ONE {
        let text = format!("minimum commission rate cannot be greater than 100%: {least}");
        return Err(Fault::plain(text));
    }
    Ok(())
}
