//! The kinds of accounts, packed and unpacked, and what vesting keeps locked (cosmos.md 4.4).

use ledger::{Result, Sdk};
use prost::{Message, Name};
use prost_types::Any;
use types::{
    Address, Coin, Coins, Dec, Int,
    wire::cosmos::{
        auth::v1beta1::{BaseAccount, ModuleAccount},
        vesting::v1beta1::{
            BaseVestingAccount, ContinuousVestingAccount, DelayedVestingAccount, Period,
            PeriodicVestingAccount, PermanentLockedAccount,
        },
    },
};

/// An account of any kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    pub base: BaseAccount,
    pub kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    Base,
    Module { name: String, permissions: Vec<String> },
    Vesting(Vesting),
}

/// Coins that become spendable over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Vesting {
    pub original: Coins,
    pub delegated_free: Coins,
    pub delegated_vesting: Coins,
    /// Seconds since 1970; 0 for the permanently locked.
    pub end_time: i64,
    pub schedule: Schedule,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    Continuous { start_time: i64 },
    Delayed,
    Periodic { start_time: i64, periods: Vec<Period> },
    Permanent,
}

impl Account {
    pub fn address(&self) -> Result<Address> {
        super::parse_address(&self.base.address)
    }

    /// Coins that may not be spent at a time: not yet vested and not delegated.
    pub fn locked(&self, unix_seconds: i64) -> Result<Coins> {
        match &self.kind {
            Kind::Vesting(vesting) => vesting.locked(unix_seconds),
            Kind::Base | Kind::Module { .. } => Ok(Coins::default()),
        }
    }

    pub fn from_any(any: &Any) -> Result<Self> {
        fn read<M: Message + Name + Default>(any: &Any) -> Result<M> {
            M::decode(any.value.as_slice()).map_err(|error| Sdk::UnpackAny.wrap(error))
        }
        let url = any.type_url.as_str();
        if url == BaseAccount::type_url() {
            return Ok(Self { base: read(any)?, kind: Kind::Base });
        }
        if url == ModuleAccount::type_url() {
            let ModuleAccount { base_account, name, permissions } = read(any)?;
            let base = base_account.unwrap_or_default();
            return Ok(Self { base, kind: Kind::Module { name, permissions } });
        }
        let (base, schedule) = if url == ContinuousVestingAccount::type_url() {
            let it: ContinuousVestingAccount = read(any)?;
            (it.base_vesting_account, Schedule::Continuous { start_time: it.start_time })
        } else if url == DelayedVestingAccount::type_url() {
            let it: DelayedVestingAccount = read(any)?;
            (it.base_vesting_account, Schedule::Delayed)
        } else if url == PeriodicVestingAccount::type_url() {
            let it: PeriodicVestingAccount = read(any)?;
            let (start_time, periods) = (it.start_time, it.vesting_periods);
            (it.base_vesting_account, Schedule::Periodic { start_time, periods })
        } else if url == PermanentLockedAccount::type_url() {
            let it: PermanentLockedAccount = read(any)?;
            (it.base_vesting_account, Schedule::Permanent)
        } else {
            return Err(Sdk::InvalidType.wrap(format!("no account type {url}")));
        };
        let base = base.unwrap_or_default();
        let vesting = Vesting {
            original: Coins::from_wire(&base.original_vesting)?,
            delegated_free: Coins::from_wire(&base.delegated_free)?,
            delegated_vesting: Coins::from_wire(&base.delegated_vesting)?,
            end_time: base.end_time,
            schedule,
        };
        Ok(Self { base: base.base_account.unwrap_or_default(), kind: Kind::Vesting(vesting) })
    }

    pub fn to_any(&self) -> Any {
        fn pack<M: Message + Name>(message: &M) -> Any {
            Any { type_url: M::type_url(), value: message.encode_to_vec() }
        }
        let vesting = match &self.kind {
            Kind::Base => return pack(&self.base),
            Kind::Module { name, permissions } => {
                return pack(&ModuleAccount {
                    base_account: Some(self.base.clone()),
                    name: name.clone(),
                    permissions: permissions.clone(),
                });
            }
            Kind::Vesting(vesting) => vesting,
        };
        let base_vesting_account = Some(BaseVestingAccount {
            base_account: Some(self.base.clone()),
            original_vesting: vesting.original.to_wire(),
            delegated_free: vesting.delegated_free.to_wire(),
            delegated_vesting: vesting.delegated_vesting.to_wire(),
            end_time: vesting.end_time,
        });
        match &vesting.schedule {
            Schedule::Continuous { start_time } => {
                pack(&ContinuousVestingAccount { base_vesting_account, start_time: *start_time })
            }
            Schedule::Delayed => pack(&DelayedVestingAccount { base_vesting_account }),
            Schedule::Periodic { start_time, periods } => pack(&PeriodicVestingAccount {
                base_vesting_account,
                start_time: *start_time,
                vesting_periods: periods.clone(),
            }),
            Schedule::Permanent => pack(&PermanentLockedAccount { base_vesting_account }),
        }
    }
}

impl Vesting {
    /// Coins vested at a time.
    pub fn vested(&self, now: i64) -> Result<Coins> {
        match &self.schedule {
            Schedule::Permanent => Ok(Coins::default()),
            Schedule::Delayed if now >= self.end_time => Ok(self.original.clone()),
            Schedule::Delayed => Ok(Coins::default()),
            Schedule::Continuous { start_time } | Schedule::Periodic { start_time, .. }
                if now <= *start_time =>
            {
                Ok(Coins::default())
            }
            Schedule::Continuous { .. } | Schedule::Periodic { .. } if now >= self.end_time => {
                Ok(self.original.clone())
            }
            Schedule::Continuous { start_time } => {
                let passed = Dec::from_int(Int::from(now.saturating_sub(*start_time)));
                let whole = Dec::from_int(Int::from(self.end_time.saturating_sub(*start_time)));
                let share = passed.quo(whole)?;
                let mut vested = Vec::new();
                for coin in &self.original {
                    let amount = Dec::from_int(coin.amount).mul(share)?.round_int()?;
                    vested.push(Coin::new(coin.denom.clone(), amount));
                }
                Ok(Coins::new(vested)?)
            }
            Schedule::Periodic { start_time, periods } => {
                let mut end = *start_time;
                let mut vested = Coins::default();
                for period in periods {
                    end = end.saturating_add(period.length);
                    if now < end {
                        break;
                    }
                    vested = vested.add(&Coins::from_wire(&period.amount)?)?;
                }
                Ok(vested)
            }
        }
    }

    /// Not vested, less what is delegated of it.
    pub fn locked(&self, now: i64) -> Result<Coins> {
        let vesting = self.original.sub(&self.vested(now)?)?;
        Ok(vesting.sub(&vesting.min(&self.delegated_vesting))?)
    }

    /// Books a delegation: first coins still vesting, then free ones.
    pub fn delegate(&mut self, now: i64, amount: &Coins) -> Result {
        let vesting = self.original.sub(&self.vested(now)?)?;
        let (rest, _) = vesting.safe_sub(&self.delegated_vesting)?;
        let open = Coins::new(rest.into_iter().filter(Coin::is_positive))?;
        let from_vesting = open.min(amount);
        self.delegated_vesting = self.delegated_vesting.add(&from_vesting)?;
        self.delegated_free = self.delegated_free.add(&amount.sub(&from_vesting)?)?;
        Ok(())
    }

    /// Books an undelegation: first free coins, then vesting ones.
    pub fn undelegate(&mut self, amount: &Coins) -> Result {
        let free = self.delegated_free.min(amount);
        self.delegated_free = self.delegated_free.sub(&free)?;
        let vesting = self.delegated_vesting.min(&amount.sub(&free)?);
        self.delegated_vesting = self.delegated_vesting.sub(&vesting)?;
        Ok(())
    }
}
