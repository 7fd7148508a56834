//! Validator sets: order, hash, updates, and the rotation of proposers by priority.
//!
//! The arithmetic is CometBFT's (`types/validator_set`): who proposes, and the priorities that
//! `/validators` shows, follow from it bit by bit.

use borsh::{BorshDeserialize, BorshSerialize};
use prost::Message;
use types::wire::tendermint::{
    abci,
    crypto::{PublicKey, public_key},
    types as tm,
};

use super::merkle::{self, Hash, sha256};

/// The most power a set may have together: keeps priorities clear of overflow.
pub const MAX_TOTAL_VOTING_POWER: i64 = i64::MAX / 8;

/// Priorities stay within this many times the total power.
const PRIORITY_WINDOW: i64 = 2;

/// First 20 bytes of the SHA-256 of the key.
pub type ConsAddress = [u8; 20];

/// The address of an Ed25519 public key.
#[must_use]
pub fn address_of(public_key: &[u8; 32]) -> ConsAddress {
    let hash = sha256(public_key);
    let mut address = [0; 20];
    address.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    address
}

/// One member of a set.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Validator {
    /// Derived from the key.
    pub address: ConsAddress,
    /// Ed25519.
    pub public_key: [u8; 32],
    /// Positive.
    pub power: i64,
    /// The highest one proposes next.
    pub priority: i64,
}

/// The validators of one height, by power (greatest first), then by address.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ValidatorSet {
    validators: Vec<Validator>,
    /// Who was chosen by the last step of the rotation.
    proposer: Option<ConsAddress>,
}

/// A change that an application asks for. Power 0 removes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Ed25519.
    pub public_key: [u8; 32],
    /// The new power.
    pub power: i64,
}

/// Why a list of changes is refused. The application that asked for it is at fault, so the node
/// stops.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// Two changes of one validator.
    #[error("validator {0} is changed twice")]
    Duplicate(String),
    /// Powers are not negative.
    #[error("voting power of {0} is negative")]
    Negative(String),
    /// The total would pass [`MAX_TOTAL_VOTING_POWER`].
    #[error("total voting power would exceed {MAX_TOTAL_VOTING_POWER}")]
    TooMuchPower,
    /// Only members can be removed.
    #[error("validator {0} cannot be removed, it is not in the set")]
    Unknown(String),
    /// A chain needs somebody.
    #[error("the changes would leave no validator")]
    Empty,
    /// Only Ed25519 keys of 32 bytes are accepted.
    #[error("unsupported validator key")]
    Key,
}

impl Change {
    /// From the wire.
    ///
    /// # Errors
    /// [`ChangeError::Key`] for anything but Ed25519.
    pub fn from_wire(update: &abci::ValidatorUpdate) -> Result<Change, ChangeError> {
        match &update.pub_key.sum {
            Some(public_key::Sum::Ed25519(bytes)) => Ok(Change {
                public_key: bytes.as_slice().try_into().map_err(|_| ChangeError::Key)?,
                power: update.power,
            }),
            _ => Err(ChangeError::Key),
        }
    }
}

impl Validator {
    /// As `SimpleValidator`, what validator hashes are made of.
    fn hash_bytes(&self) -> Vec<u8> {
        tm::SimpleValidator { pub_key: Some(self.wire_key()), voting_power: self.power }
            .encode_to_vec()
    }

    /// The key as the wire writes it.
    #[must_use]
    pub fn wire_key(&self) -> PublicKey {
        PublicKey { sum: Some(public_key::Sum::Ed25519(self.public_key.to_vec())) }
    }

    /// The validator as the wire writes it.
    #[must_use]
    pub fn to_wire(&self) -> tm::Validator {
        tm::Validator {
            address: self.address.to_vec(),
            pub_key: self.wire_key(),
            voting_power: self.power,
            proposer_priority: self.priority,
        }
    }
}

impl ValidatorSet {
    /// A first set; its rotation has made one step.
    ///
    /// # Errors
    /// [`ChangeError`] as for updates; removals are refused.
    pub fn new(members: &[Change]) -> Result<ValidatorSet, ChangeError> {
        let mut set = ValidatorSet::default();
        if let Some(zero) = members.iter().find(|it| it.power == 0) {
            return Err(ChangeError::Unknown(hex::encode_upper(address_of(&zero.public_key))));
        }
        set.update(members)?;
        if !set.validators.is_empty() {
            set.rotate(1);
        }
        Ok(set)
    }

    /// In order.
    #[must_use]
    pub fn validators(&self) -> &[Validator] {
        &self.validators
    }

    /// Number of members.
    #[must_use]
    pub fn len(&self) -> usize {
        self.validators.len()
    }

    /// True for the set of nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.validators.is_empty()
    }

    /// The member with that address, and its place.
    #[must_use]
    pub fn find(&self, address: &[u8]) -> Option<(usize, &Validator)> {
        self.validators.iter().enumerate().find(|(_, it)| it.address == address)
    }

    /// Sum of the powers.
    #[must_use]
    pub fn total_power(&self) -> i64 {
        self.validators.iter().fold(0, |sum: i64, it| sum.saturating_add(it.power))
    }

    /// Hash of keys and powers in order; priorities do not enter.
    #[must_use]
    pub fn hash(&self) -> Hash {
        let leaves: Vec<Vec<u8>> = self.validators.iter().map(Validator::hash_bytes).collect();
        merkle::root(&leaves)
    }

    /// True when both sets have the same members and powers, whatever their priorities.
    #[must_use]
    pub fn same_members(&self, other: &ValidatorSet) -> bool {
        self.validators.len() == other.validators.len()
            && self
                .validators
                .iter()
                .zip(&other.validators)
                .all(|(a, b)| a.public_key == b.public_key && a.power == b.power)
    }

    /// The set as the wire writes it.
    #[must_use]
    pub fn to_wire(&self) -> tm::ValidatorSet {
        tm::ValidatorSet {
            validators: self.validators.iter().map(Validator::to_wire).collect(),
            proposer: self.proposer().map(Validator::to_wire),
            total_voting_power: self.total_power(),
        }
    }

    /// Who proposes in round 0 of the height this set belongs to.
    #[must_use]
    pub fn proposer(&self) -> Option<&Validator> {
        match self.proposer.and_then(|it| self.find(&it)) {
            Some((_, validator)) => Some(validator),
            None => {
                self.validators.iter().reduce(|best, it| if leads(it, best) { it } else { best })
            }
        }
    }

    /// Who proposes in `round`.
    #[must_use]
    pub fn proposer_of_round(&self, round: u32) -> Option<&Validator> {
        if round == 0 {
            return self.proposer();
        }
        let mut later = self.clone();
        later.rotate(round);
        let address = later.proposer()?.address;
        self.find(&address).map(|(_, it)| it)
    }

    /// Makes `times` steps of the rotation.
    pub fn rotate(&mut self, times: u32) {
        if self.validators.is_empty() {
            return;
        }
        let total = self.total_power();
        self.rescale(total);
        self.centre();
        for _ in 0..times {
            for it in &mut self.validators {
                it.priority = it.priority.saturating_add(it.power);
            }
            let chosen = self
                .validators
                .iter_mut()
                .reduce(|best, it| if leads(it, best) { it } else { best });
            if let Some(chosen) = chosen {
                chosen.priority = chosen.priority.saturating_sub(total);
                self.proposer = Some(chosen.address);
            }
        }
    }

    /// Applies changes; newcomers start with the lowest priority, so that leaving and coming
    /// back gains nothing. Nothing is changed when an error is returned.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub fn update(&mut self, changes: &[Change]) -> Result<(), ChangeError> {
        if changes.is_empty() {
            return Ok(());
        }
        let mut sorted: Vec<(ConsAddress, &Change)> =
            changes.iter().map(|it| (address_of(&it.public_key), it)).collect();
        sorted.sort_by_key(|it| it.0);
        for pair in sorted.windows(2) {
            if let [(a, _), (b, _)] = pair
                && a == b
            {
                return Err(ChangeError::Duplicate(hex::encode_upper(a)));
            }
        }
        for (address, change) in &sorted {
            if change.power < 0 {
                return Err(ChangeError::Negative(hex::encode_upper(address)));
            }
            if change.power > MAX_TOTAL_VOTING_POWER {
                return Err(ChangeError::TooMuchPower);
            }
        }
        let (removals, updates): (Vec<_>, Vec<_>) =
            sorted.into_iter().partition(|(_, it)| it.power == 0);

        let newcomers = updates.iter().filter(|(it, _)| self.find(it).is_none()).count();
        if newcomers == 0 && self.validators.len() == removals.len() {
            return Err(ChangeError::Empty);
        }
        let mut removed_power: i64 = 0;
        for (address, _) in &removals {
            let (_, member) = self
                .find(address)
                .ok_or_else(|| ChangeError::Unknown(hex::encode_upper(address)))?;
            removed_power = removed_power.saturating_add(member.power);
        }

        // The total is followed from the smallest difference to the greatest, without the
        // removed power; the priority of newcomers comes from the total with it.
        let mut deltas: Vec<i64> = updates
            .iter()
            .map(|(address, it)| {
                it.power.saturating_sub(self.find(address).map_or(0, |(_, old)| old.power))
            })
            .collect();
        deltas.sort_unstable();
        let mut total = self.total_power().saturating_sub(removed_power);
        for delta in deltas {
            total = total.saturating_add(delta);
            if total > MAX_TOTAL_VOTING_POWER {
                return Err(ChangeError::TooMuchPower);
            }
        }
        let before_removals = total.saturating_add(removed_power);
        let lowest = before_removals.saturating_add(before_removals >> 3).saturating_neg();

        for (address, change) in updates {
            match self.validators.iter_mut().find(|it| it.address == address) {
                Some(member) => member.power = change.power,
                None => self.validators.push(Validator {
                    address,
                    public_key: change.public_key,
                    power: change.power,
                    priority: lowest,
                }),
            }
        }
        self.validators.retain(|it| !removals.iter().any(|(address, _)| *address == it.address));

        let total = self.total_power();
        self.rescale(total);
        self.centre();
        self.validators.sort_by(|a, b| b.power.cmp(&a.power).then(a.address.cmp(&b.address)));
        Ok(())
    }

    /// Divides priorities when they have drifted further apart than the window.
    fn rescale(&mut self, total: i64) {
        let window = total.saturating_mul(PRIORITY_WINDOW);
        if window <= 0 {
            return;
        }
        let high = self.validators.iter().map(|it| it.priority).max().unwrap_or(0);
        let low = self.validators.iter().map(|it| it.priority).min().unwrap_or(0);
        let spread = high.saturating_sub(low);
        if spread <= window {
            return;
        }
        let ratio = spread.saturating_add(window).saturating_sub(1).checked_div(window);
        if let Some(ratio) = ratio {
            for it in &mut self.validators {
                // Towards zero, as Go divides.
                it.priority = it.priority.checked_div(ratio).unwrap_or(it.priority);
            }
        }
    }

    /// Moves priorities so that their mean is about zero.
    fn centre(&mut self) {
        let sum: i128 = self
            .validators
            .iter()
            .fold(0, |sum: i128, it| sum.saturating_add(i128::from(it.priority)));
        let count = i128::try_from(self.validators.len()).unwrap_or(i128::MAX);
        // Towards minus infinity, as Go's big integers divide.
        let mean = sum.checked_div_euclid(count).and_then(|it| i64::try_from(it).ok());
        if let Some(mean) = mean {
            for it in &mut self.validators {
                it.priority = it.priority.saturating_sub(mean);
            }
        }
    }
}

/// Higher priority leads; between equals the smaller address.
fn leads(a: &Validator, b: &Validator) -> bool {
    a.priority > b.priority || (a.priority == b.priority && a.address < b.address)
}

#[cfg(test)]
#[path = "validators_tests.rs"]
mod tests;
