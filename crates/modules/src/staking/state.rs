//! Every key that staking owns, and its records (cosmos.md 4.8).

use ledger::{
    Codec, Ctx, Fault, Item, Map, Plain, Prefixed, Raw, Result, Sdk, Text, Unit, View, nanos,
};
use prost::Message;
use prost_types::{Any, Timestamp};
use types::{
    Address, ConsAddress, Dec, Int, ValAddress,
    wire::cosmos::{
        crypto::{ed25519, secp256k1},
        staking::v1beta1::{
            BondStatus, Commission as WireCommission, CommissionRates, Delegation, Description,
            DvPair, DvvTriplet, HistoricalInfo, Params, Redelegation, UnbondingDelegation,
            Validator as WireValidator,
        },
    },
};

use crate::base::moment::Moment;

pub(super) const STORE: &str = "staking";

/// Tokens that make one unit of consensus power.
pub const POWER_REDUCTION: i64 = 1_000_000;

/// (Delegator, validator), or the reverse in an index.
pub(super) type Pair = (Prefixed, Prefixed);
/// (Delegator, source, destination), or another order in an index.
pub(super) type Triple = (Prefixed, Prefixed, Prefixed);

/// Power in consensus after the latest block, by operator.
pub(super) const LAST_POWERS: Map<Prefixed, i64, Text> = Map::new(STORE, &[0x11]);
pub(super) const LAST_TOTAL_POWER: Item<Int, Text> = Item::new(STORE, &[0x12]);
pub(super) const VALIDATORS: Map<Prefixed, Validator, Typed> = Map::new(STORE, &[0x21]);
/// Operators by consensus address.
pub(super) const BY_CONSENSUS: Map<Prefixed, Vec<u8>, Raw> = Map::new(STORE, &[0x22]);
/// Operators that are not jailed by (power, inverted operator): walked backwards, the strongest
/// comes first, and of equals the one with the smaller address.
pub(super) const BY_POWER: Map<(u64, Prefixed), Vec<u8>, Raw> = Map::new(STORE, &[0x23]);
pub(super) const DELEGATIONS: Map<Pair, Delegation> = Map::new(STORE, &[0x31]);
pub(super) const UNBONDINGS: Map<Pair, UnbondingDelegation> = Map::new(STORE, &[0x32]);
/// (Validator, delegator) of `UNBONDINGS`.
pub(super) const UNBONDINGS_FROM: Map<Pair, (), Unit> = Map::new(STORE, &[0x33]);
pub(super) const REDELEGATIONS: Map<Triple, Redelegation> = Map::new(STORE, &[0x34]);
/// (Source, delegator, destination) of `REDELEGATIONS`.
pub(super) const REDELEGATIONS_FROM: Map<Triple, (), Unit> = Map::new(STORE, &[0x35]);
/// (Destination, delegator, source) of `REDELEGATIONS`.
pub(super) const REDELEGATIONS_TO: Map<Triple, (), Unit> = Map::new(STORE, &[0x36]);
/// The latest number given to something that unbonds; 0 before the first.
pub(super) const UNBONDING_ID: Item<u64, Plain> = Item::new(STORE, &[0x37]);
/// Undelegations by completion time and number: what is due is a prefix of the walk.
pub(super) const UNBONDING_QUEUE: Map<(Moment, u64), DvPair> = Map::new(STORE, &[0x41]);
pub(super) const REDELEGATION_QUEUE: Map<(Moment, u64), DvvTriplet> = Map::new(STORE, &[0x42]);
/// Unbonding validators by (completion time, unbonding height, operator).
pub(super) const VALIDATOR_QUEUE: Map<(Moment, u64, Prefixed), (), Unit> = Map::new(STORE, &[0x43]);
pub(super) const HISTORY: Map<u64, HistoricalInfo> = Map::new(STORE, &[0x50]);
pub(super) const PARAMS: Item<Params> = Item::new(STORE, &[0x51]);
/// (Validator, delegator) of `DELEGATIONS`.
pub(super) const DELEGATIONS_TO: Map<Pair, (), Unit> = Map::new(STORE, &[0x71]);

pub(super) fn bytes(address: impl AsRef<[u8]>) -> Prefixed {
    Prefixed(address.as_ref().to_vec())
}

pub(super) fn pair(first: impl AsRef<[u8]>, second: impl AsRef<[u8]>) -> Pair {
    (bytes(first), bytes(second))
}

/// A validator: whom it serves under, its stake and its terms.
#[derive(Clone, Debug, PartialEq)]
pub struct Validator {
    pub operator: ValAddress,
    pub consensus_pubkey: Any,
    pub jailed: bool,
    pub status: BondStatus,
    /// Delegated tokens, its own included, less what was slashed.
    pub tokens: Int,
    /// Shares of all delegators.
    pub shares: Dec,
    pub description: Description,
    /// When it began to unbond last.
    pub unbonding_height: i64,
    /// When its unbonding completes, or did.
    pub unbonding_time: Timestamp,
    pub commission: Commission,
    pub min_self_delegation: Int,
    pub unbonding_on_hold_ref_count: i64,
    pub unbonding_ids: Vec<u64>,
}

/// What a validator keeps of its delegators' rewards, and how it may change that.
#[derive(Clone, Debug, PartialEq)]
pub struct Commission {
    pub rate: Dec,
    pub max_rate: Dec,
    pub max_change_rate: Dec,
    pub update_time: Timestamp,
}

impl Validator {
    pub fn is_bonded(&self) -> bool {
        self.status == BondStatus::Bonded
    }

    pub fn is_unbonding(&self) -> bool {
        self.status == BondStatus::Unbonding
    }

    pub fn is_unbonded(&self) -> bool {
        self.status == BondStatus::Unbonded
    }

    pub fn commission_rate(&self) -> Dec {
        self.commission.rate
    }

    /// Where its own stake belongs.
    pub fn account(&self) -> Address {
        Address::from(&self.operator)
    }

    pub fn consensus_address(&self) -> Result<ConsAddress> {
        consensus_address(&self.consensus_pubkey)
    }

    /// Units of consensus power that its tokens are worth, bonded or not.
    pub fn potential_power(&self) -> Result<i64> {
        Ok(self.tokens.quo(Int::from(POWER_REDUCTION))?.to_i64()?)
    }

    /// Units of consensus power; 0 unless it is bonded.
    pub fn power(&self) -> Result<i64> {
        if self.is_bonded() { self.potential_power() } else { Ok(0) }
    }

    /// Whether shares can no longer be priced: there are some, and no tokens behind them.
    pub fn has_invalid_rate(&self) -> bool {
        self.tokens.is_zero() && self.shares.is_positive()
    }

    /// What shares are worth, rounded half to even.
    pub fn tokens_from_shares(&self, shares: Dec) -> Result<Dec> {
        Ok(shares.mul_int(self.tokens)?.quo(self.shares)?)
    }

    /// What shares are worth, rounded toward zero.
    pub fn tokens_from_shares_truncated(&self, shares: Dec) -> Result<Dec> {
        Ok(shares.mul_int(self.tokens)?.quo_truncate(self.shares)?)
    }

    /// What tokens are worth in shares; /22 when nothing is left to price them with.
    pub(super) fn shares_from_tokens(&self, amount: Int) -> Result<Dec> {
        if self.tokens.is_zero() {
            return Err(super::Error::InsufficientShares.into());
        }
        Ok(self.shares.mul_int(amount)?.quo_int(self.tokens)?)
    }

    /// The same, rounded toward zero.
    pub(super) fn shares_from_tokens_truncated(&self, amount: Int) -> Result<Dec> {
        if self.tokens.is_zero() {
            return Err(super::Error::InsufficientShares.into());
        }
        Ok(self.shares.mul_int(amount)?.quo_truncate(Dec::from_int(self.tokens))?)
    }

    /// Takes tokens in; returns the shares that they are given.
    pub(super) fn add_tokens(&mut self, amount: Int) -> Result<Dec> {
        let issued = if self.shares.is_zero() {
            Dec::from_int(amount)
        } else {
            self.shares_from_tokens(amount)?
        };
        self.tokens = self.tokens.add(amount)?;
        self.shares = self.shares.add(issued)?;
        Ok(issued)
    }

    /// Takes shares back; returns the tokens that they are worth. The last shares take all.
    pub(super) fn remove_shares(&mut self, shares: Dec) -> Result<Int> {
        let remaining = self.shares.sub(shares)?;
        let tokens = if remaining.is_zero() {
            self.tokens
        } else {
            self.tokens_from_shares(shares)?.truncate_int()?
        };
        self.tokens = self.tokens.sub(tokens)?;
        self.shares = remaining;
        if self.tokens.is_negative() {
            return Err(Fault::plain(
                "attempting to remove more tokens than available in validator",
            ));
        }
        Ok(tokens)
    }

    /// Reads the wire form.
    pub(super) fn from_wire(wire: WireValidator) -> Result<Self> {
        let status = BondStatus::try_from(wire.status).unwrap_or(BondStatus::Unspecified);
        let WireCommission { commission_rates: rates, update_time } = wire.commission;
        Ok(Self {
            operator: wire.operator_address.parse()?,
            consensus_pubkey: wire.consensus_pubkey.unwrap_or_default(),
            jailed: wire.jailed,
            status,
            tokens: Int::from_wire_or_zero(&wire.tokens)?,
            shares: Dec::from_wire_or_zero(&wire.delegator_shares)?,
            description: wire.description,
            unbonding_height: wire.unbonding_height,
            unbonding_time: wire.unbonding_time,
            commission: Commission::from_rates(&rates, update_time)?,
            min_self_delegation: Int::from_wire_or_zero(&wire.min_self_delegation)?,
            unbonding_on_hold_ref_count: wire.unbonding_on_hold_ref_count,
            unbonding_ids: wire.unbonding_ids,
        })
    }

    pub(super) fn to_wire(&self) -> WireValidator {
        WireValidator {
            operator_address: self.operator.to_string(),
            consensus_pubkey: Some(self.consensus_pubkey.clone()),
            jailed: self.jailed,
            status: self.status.into(),
            tokens: self.tokens.to_string(),
            delegator_shares: self.shares.to_wire(),
            description: self.description.clone(),
            unbonding_height: self.unbonding_height,
            unbonding_time: self.unbonding_time,
            commission: WireCommission {
                commission_rates: self.commission.rates(),
                update_time: self.commission.update_time,
            },
            min_self_delegation: self.min_self_delegation.to_string(),
            unbonding_on_hold_ref_count: self.unbonding_on_hold_ref_count,
            unbonding_ids: self.unbonding_ids.clone(),
        }
    }
}

impl Commission {
    pub(super) fn from_rates(rates: &CommissionRates, update_time: Timestamp) -> Result<Self> {
        Ok(Self {
            rate: Dec::from_wire_or_zero(&rates.rate)?,
            max_rate: Dec::from_wire_or_zero(&rates.max_rate)?,
            max_change_rate: Dec::from_wire_or_zero(&rates.max_change_rate)?,
            update_time,
        })
    }

    fn rates(&self) -> CommissionRates {
        CommissionRates {
            rate: self.rate.to_wire(),
            max_rate: self.max_rate.to_wire(),
            max_change_rate: self.max_change_rate.to_wire(),
        }
    }

    /// The proto text form, which the event of an edit shows.
    pub(super) fn proto_text(&self) -> String {
        let CommissionRates { rate, max_rate, max_change_rate } = self.rates();
        let Timestamp { seconds, nanos } = self.update_time;
        let mut time = String::new();
        if seconds != 0 {
            time.push_str(&format!("seconds:{seconds} "));
        }
        if nanos != 0 {
            time.push_str(&format!("nanos:{nanos} "));
        }
        format!(
            "commission_rates:<rate:\"{rate}\" max_rate:\"{max_rate}\" max_change_rate:\"{max_change_rate}\" > update_time:<{time}> "
        )
    }
}

/// Validators are stored in their wire form.
#[derive(Clone, Copy, Debug)]
pub(super) enum Typed {}

impl Codec<Validator> for Typed {
    fn encode(value: &Validator) -> Vec<u8> {
        value.to_wire().encode_to_vec()
    }

    fn decode(bytes: &[u8]) -> Option<Validator> {
        Validator::from_wire(WireValidator::decode(bytes).ok()?).ok()
    }
}

/// A consensus key: what consensus calls its kind, and its bytes.
pub(super) fn public_key(any: &Any) -> Result<(&'static str, Vec<u8>)> {
    use prost::Name;
    let read = |error: prost::DecodeError| Sdk::InvalidPubKey.wrap(error);
    let (kind, key, length) = if any.type_url == ed25519::PubKey::type_url() {
        ("ed25519", ed25519::PubKey::decode(any.value.as_slice()).map_err(read)?.key, 32)
    } else if any.type_url == secp256k1::PubKey::type_url() {
        ("secp256k1", secp256k1::PubKey::decode(any.value.as_slice()).map_err(read)?.key, 33)
    } else {
        let text = format!("Expecting cryptotypes.PubKey, got {}", any.type_url);
        return Err(Sdk::InvalidType.wrap(text));
    };
    if key.len() != length {
        return Err(Sdk::InvalidPubKey.wrap(format!("length of {kind} key is {}", key.len())));
    }
    Ok((kind, key))
}

/// The address that consensus knows the owner of a key by.
pub(super) fn consensus_address(any: &Any) -> Result<ConsAddress> {
    let (kind, key) = public_key(any)?;
    if kind == "ed25519" {
        return Ok(ConsAddress::from_ed25519(&key));
    }
    let key: [u8; 33] =
        key.try_into().map_err(|_| Sdk::InvalidPubKey.wrap("length of secp256k1 key"))?;
    Ok(ConsAddress::new(Address::from_secp256k1(&key).into_bytes())?)
}

// Validators with their indexes.

pub(super) fn load(view: &View, operator: &ValAddress) -> Result<Option<Validator>> {
    VALIDATORS.get(view, &bytes(operator))
}

/// A validator that must exist, /3.
pub(super) fn must_load(view: &View, operator: &ValAddress) -> Result<Validator> {
    load(view, operator)?.ok_or_else(|| super::Error::NoValidator.into())
}

pub(super) fn save(cx: &mut Ctx, validator: &Validator) -> Result {
    VALIDATORS.set(cx, &bytes(&validator.operator), validator)
}

fn power_key(validator: &Validator) -> Result<(u64, Prefixed)> {
    let power = u64::try_from(validator.potential_power()?).unwrap_or_default();
    let inverted = validator.operator.as_bytes().iter().map(|it| !it).collect();
    Ok((power, Prefixed(inverted)))
}

/// Puts a validator into the order of powers, unless it is jailed.
pub(super) fn rank(cx: &mut Ctx, validator: &Validator) -> Result {
    if validator.jailed {
        return Ok(());
    }
    BY_POWER.set(cx, &power_key(validator)?, &validator.operator.as_bytes().to_vec())
}

/// Takes a validator out of the order of powers; its power must still be the one it went in with.
pub(super) fn unrank(cx: &mut Ctx, validator: &Validator) -> Result {
    BY_POWER.del(cx, &power_key(validator)?)
}

pub(super) fn is_ranked(view: &View, validator: &Validator) -> Result<bool> {
    BY_POWER.has(view, &power_key(validator)?)
}

// Unbonding.

/// The next number of something that unbonds.
pub(super) fn next_unbonding_id(cx: &mut Ctx) -> Result<u64> {
    let id = UNBONDING_ID.get_or_default(cx)?;
    let id = id.checked_add(1).ok_or_else(|| Fault::plain("unbonding ids are exhausted"))?;
    UNBONDING_ID.set(cx, &id)?;
    Ok(id)
}

pub(super) fn unbonding_of(
    view: &View,
    delegator: &Address,
    operator: &ValAddress,
) -> Result<Option<UnbondingDelegation>> {
    UNBONDINGS.get(view, &pair(delegator, operator))
}

/// Stores an unbonding record, or deletes it when it has no entries left.
pub(super) fn save_unbonding(cx: &mut Ctx, record: &UnbondingDelegation) -> Result {
    let delegator: Address = record.delegator_address.parse()?;
    let operator: ValAddress = record.validator_address.parse()?;
    let (key, reverse) = (pair(&delegator, &operator), pair(&operator, &delegator));
    if record.entries.is_empty() {
        UNBONDINGS.del(cx, &key)?;
        return UNBONDINGS_FROM.del(cx, &reverse);
    }
    UNBONDINGS.set(cx, &key, record)?;
    UNBONDINGS_FROM.set(cx, &reverse, &())
}

pub(super) fn redelegation_of(
    view: &View,
    delegator: &Address,
    from: &ValAddress,
    to: &ValAddress,
) -> Result<Option<Redelegation>> {
    REDELEGATIONS.get(view, &(bytes(delegator), bytes(from), bytes(to)))
}

/// Stores a redelegation record, or deletes it when it has no entries left.
pub(super) fn save_redelegation(cx: &mut Ctx, record: &Redelegation) -> Result {
    let delegator = bytes(record.delegator_address.parse::<Address>()?);
    let from = bytes(record.validator_src_address.parse::<ValAddress>()?);
    let to = bytes(record.validator_dst_address.parse::<ValAddress>()?);
    let key = (delegator.clone(), from.clone(), to.clone());
    let outgoing = (from.clone(), delegator.clone(), to.clone());
    let incoming = (to, delegator, from);
    if record.entries.is_empty() {
        REDELEGATIONS.del(cx, &key)?;
        REDELEGATIONS_FROM.del(cx, &outgoing)?;
        return REDELEGATIONS_TO.del(cx, &incoming);
    }
    REDELEGATIONS.set(cx, &key, record)?;
    REDELEGATIONS_FROM.set(cx, &outgoing, &())?;
    REDELEGATIONS_TO.set(cx, &incoming, &())
}

/// Whether a time has come.
pub(super) fn is_due(time: &Timestamp, now: Timestamp) -> bool {
    nanos(time) <= nanos(&now)
}
