//! Accounts and payments: their ids, their typed form, their place in the store (chain.md 6.1).

use std::{fmt, str::FromStr};

use ledger::{Ctx, Fault, Key, Map, Result, View, broken_key, halt};
use types::{
    Address, Dec, DecCoin, Int,
    ids::{BidId, DeploymentId, LeaseId},
    wire::{
        akash::{
            base::deposit::v1::Source,
            escrow::{
                id::v1::{Account as WireAccountId, Payment as WirePaymentId, Scope},
                types::v1::{self as wire, AccountState, PaymentState, State},
            },
        },
        cosmos::base::v1beta1 as coin,
    },
};

use super::Error;
use crate::base::number;

/// Whose account it is. Payments hang below deployment accounts only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccountId {
    Deployment(DeploymentId),
    /// `bseq` is not part of the text, and always 0.
    Bid(BidId),
}

impl fmt::Display for AccountId {
    /// The key text: scope, then xid.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deployment(id) => write!(f, "deployment/{id}"),
            Self::Bid(id) => write!(f, "bid/{id}"),
        }
    }
}

impl From<&AccountId> for WireAccountId {
    fn from(id: &AccountId) -> Self {
        match id {
            AccountId::Deployment(id) => {
                Self { scope: Scope::Deployment.into(), xid: id.to_string() }
            }
            AccountId::Bid(id) => Self { scope: Scope::Bid.into(), xid: id.to_string() },
        }
    }
}

impl TryFrom<&WireAccountId> for AccountId {
    type Error = Fault;

    /// `escrow/12` with the part that is wrong.
    fn try_from(id: &WireAccountId) -> Result<Self> {
        let parts: Vec<&str> = id.xid.split('/').collect();
        let address = |name: &str, text: &str| -> Result<Address> {
            text.parse()
                .map_err(|it| Error::InvalidId.wrap(format_args!("invalid xid/{name}: {it}")))
        };
        match (Scope::try_from(id.scope), parts.as_slice()) {
            (Ok(Scope::Deployment), [owner, dseq]) => {
                let owner = address("owner", owner)?;
                Ok(Self::Deployment(DeploymentId { owner, dseq: sequence("dseq", dseq)? }))
            }
            (Ok(Scope::Bid), [owner, dseq, gseq, oseq, provider]) => Ok(Self::Bid(BidId {
                owner: address("owner", owner)?,
                dseq: sequence("dseq", dseq)?,
                gseq: sequence("gseq", gseq)?,
                oseq: sequence("oseq", oseq)?,
                provider: address("provider", provider)?,
                bseq: 0,
            })),
            (Ok(Scope::Deployment | Scope::Bid), _) => {
                Err(Error::InvalidId.wrap("invalid xid format"))
            }
            _ => Err(Error::InvalidId.wrap("invalid scope")),
        }
    }
}

/// A number of an xid, in the one form it is written in: no sign, no leading zero.
fn sequence<T: FromStr + ToString>(name: &str, text: &str) -> Result<T> {
    let value: Option<T> = text.parse().ok();
    match value {
        Some(value) if value.to_string() == text => Ok(value),
        _ => Err(Error::InvalidId.wrap(format_args!("invalid xid/{name}: {text:?} is no number"))),
    }
}

/// The key text of a payment, the one of its account in front.
fn payment_text(id: &LeaseId) -> String {
    format!("deployment/{id}")
}

fn wire_payment_id(id: &LeaseId) -> WirePaymentId {
    WirePaymentId {
        aid: (&AccountId::Deployment(id.deployment())).into(),
        xid: format!("{}/{}/{}", id.gseq, id.oseq, id.provider),
    }
}

/// The lease that a payment pays; `escrow/12` when it is none.
pub(super) fn lease_of(id: &WirePaymentId) -> Result<LeaseId> {
    match AccountId::try_from(&id.aid)? {
        AccountId::Deployment(deployment) => lease_from_text(&format!("{deployment}/{}", id.xid))
            .ok_or_else(|| Error::InvalidId.wrap("invalid xid format")),
        AccountId::Bid(_) => Err(Error::InvalidId.wrap("invalid scope")),
    }
}

fn lease_from_text(text: &str) -> Option<LeaseId> {
    let id = WireAccountId { scope: Scope::Bid.into(), xid: text.to_owned() };
    match AccountId::try_from(&id) {
        Ok(AccountId::Bid(bid)) => Some(bid.lease()),
        _ => None,
    }
}

/// What is left of one deposit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deposit {
    pub owner: Address,
    /// Block it was made in.
    pub height: i64,
    pub source: Source,
    pub balance: DecCoin,
}

/// Money put aside for a deployment or a bid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub id: AccountId,
    pub owner: Address,
    pub state: State,
    /// What was moved to payments so far, per denomination.
    pub transferred: Vec<DecCoin>,
    /// Height up to which payments were charged.
    pub settled_at: i64,
    /// What is left of the deposits per denomination, or minus the debt. Denominations in the
    /// order they first came; the first one decides settlement.
    pub funds: Vec<DecCoin>,
    /// First in, first out.
    pub deposits: Vec<Deposit>,
}

/// What one lease has earned, in one denomination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    pub id: LeaseId,
    pub owner: Address,
    pub state: State,
    pub denom: String,
    /// Per block.
    pub rate: Dec,
    /// Settled and not yet paid out.
    pub balance: Dec,
    /// Debt while overdrawn.
    pub unsettled: Dec,
    /// Paid out in total.
    pub withdrawn: Int,
}

// The store: an object lives under exactly one state byte; its id is in the key.

/// State, then `/`, then the id's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) state: u8,
    pub(super) text: String,
}

impl Key for Place {
    fn write_last(&self, out: &mut Vec<u8>) {
        out.extend([self.state, b'/']);
        out.extend_from_slice(self.text.as_bytes());
    }

    fn read_last(bytes: &[u8]) -> Result<Self> {
        match bytes {
            [state, b'/', text @ ..] => {
                let text = String::from_utf8(text.to_vec()).map_err(|_| broken_key())?;
                Ok(Self { state: *state, text })
            }
            _ => Err(broken_key()),
        }
    }

    fn read(bytes: &mut &[u8]) -> Result<Self> {
        Self::read_last(std::mem::take(bytes))
    }
}

pub(super) const ACCOUNTS_ROOT: &[u8] = &[0x11, 0x00];
pub(super) const ACCOUNTS: Map<Place, AccountState> = Map::new("escrow", ACCOUNTS_ROOT);
pub(super) const PAYMENTS_ROOT: &[u8] = &[0x12, 0x00];
pub(super) const PAYMENTS: Map<Place, PaymentState> = Map::new("escrow", PAYMENTS_ROOT);

/// In the order a lookup tries them, and a list walks them.
pub(super) const STATES: [State; 3] = [State::Open, State::Closed, State::Overdrawn];

pub(super) fn byte(state: State) -> u8 {
    match state {
        State::Invalid => 0,
        State::Open => 1,
        State::Closed => 2,
        State::Overdrawn => 3,
    }
}

fn place(state: State, text: impl Into<String>) -> Place {
    Place { state: byte(state), text: text.into() }
}

/// The account in whatever state it is.
pub fn find_account(view: &View, id: &AccountId) -> Result<Option<Account>> {
    let text = id.to_string();
    for state in STATES {
        if let Some(found) = ACCOUNTS.get(view, &place(state, text.as_str()))? {
            return Ok(Some(Account::read(id.clone(), &found)));
        }
    }
    Ok(None)
}

/// The payment of a lease in whatever state it is.
pub fn find_payment(view: &View, id: &LeaseId) -> Result<Option<Payment>> {
    let text = payment_text(id);
    for state in STATES {
        if let Some(found) = PAYMENTS.get(view, &place(state, text.as_str()))? {
            return Ok(Some(Payment::read(id.clone(), &found)));
        }
    }
    Ok(None)
}

/// Payments of exactly this account in that state, in the order of their text.
pub(super) fn payments_of(view: &View, id: &AccountId, state: State) -> Result<Vec<Payment>> {
    let walk = PAYMENTS.walk().under_bytes(&place(state, format!("{id}/")).to_bytes());
    walk.iter(view).map(|it| it.map(|(place, found)| Payment::at(&place, &found))).collect()
}

pub(super) fn store_account(cx: &mut Ctx, account: &Account, was: Option<State>) -> Result {
    let text = account.id.to_string();
    if let Some(was) = was.filter(|it| *it != account.state) {
        ACCOUNTS.del(cx, &place(was, text.as_str()))?;
    }
    ACCOUNTS.set(cx, &place(account.state, text), &account.write())
}

pub(super) fn store_payment(cx: &mut Ctx, payment: &Payment, was: Option<State>) -> Result {
    let text = payment_text(&payment.id);
    if let Some(was) = was.filter(|it| *it != payment.state) {
        PAYMENTS.del(cx, &place(was, text.as_str()))?;
    }
    PAYMENTS.set(cx, &place(payment.state, text), &payment.write())
}

// Typed and wire forms. What is in the store was written here, so it reads back or the node halts.

impl Account {
    pub(super) fn read(id: AccountId, state: &AccountState) -> Self {
        let text = id.to_string();
        Self::parse(id, state).unwrap_or_else(|it| halt(format!("escrow account {text}: {it}")))
    }

    pub(super) fn at(place: &Place, state: &AccountState) -> Self {
        let (scope, xid) = place.text.split_once('/').unwrap_or_default();
        let scope = Scope::from_str_name(scope).unwrap_or_default().into();
        let id = AccountId::try_from(&WireAccountId { scope, xid: xid.to_owned() });
        match id {
            Ok(id) => Self::read(id, state),
            Err(it) => halt(format!("escrow account {}: {it}", place.text)),
        }
    }

    pub(super) fn parse(id: AccountId, state: &AccountState) -> Result<Self> {
        let amount = |denom: &str, amount: &str| -> Result<DecCoin> {
            Ok(DecCoin {
                denom: denom.to_owned(),
                amount: Dec::from_wire_or_zero(amount).map_err(number)?,
            })
        };
        let coins = |list: &[coin::DecCoin]| -> Result<Vec<DecCoin>> {
            list.iter().map(|it| amount(&it.denom, &it.amount)).collect()
        };
        Ok(Self {
            id,
            owner: address(&state.owner)?,
            state: known_state(state.state)?,
            transferred: coins(&state.transferred)?,
            settled_at: state.settled_at,
            funds: state
                .funds
                .iter()
                .map(|it| amount(&it.denom, &it.amount))
                .collect::<Result<_>>()?,
            deposits: state
                .deposits
                .iter()
                .map(|it| {
                    Ok(Deposit {
                        owner: address(&it.owner)?,
                        height: it.height,
                        source: Source::try_from(it.source)
                            .map_err(|_| Fault::from(Error::InvalidAccountDepositor))?,
                        balance: amount(&it.balance.denom, &it.balance.amount)?,
                    })
                })
                .collect::<Result<_>>()?,
        })
    }

    fn write(&self) -> AccountState {
        AccountState {
            owner: self.owner.to_string(),
            state: self.state.into(),
            transferred: self.transferred.iter().map(Into::into).collect(),
            settled_at: self.settled_at,
            funds: self
                .funds
                .iter()
                .map(|it| wire::Balance { denom: it.denom.clone(), amount: it.amount.to_wire() })
                .collect(),
            deposits: self
                .deposits
                .iter()
                .map(|it| wire::Depositor {
                    owner: it.owner.to_string(),
                    height: it.height,
                    source: it.source.into(),
                    balance: (&it.balance).into(),
                })
                .collect(),
        }
    }

    /// As queries and exports show it.
    #[must_use]
    pub fn to_wire(&self) -> wire::Account {
        wire::Account { id: (&self.id).into(), state: self.write() }
    }
}

impl Payment {
    pub(super) fn read(id: LeaseId, state: &PaymentState) -> Self {
        let text = id.to_string();
        Self::parse(id, state).unwrap_or_else(|it| halt(format!("escrow payment {text}: {it}")))
    }

    pub(super) fn at(place: &Place, state: &PaymentState) -> Self {
        let id = place.text.strip_prefix("deployment/").and_then(lease_from_text);
        match id {
            Some(id) => Self::read(id, state),
            None => halt(format!("escrow payment {} is of no lease", place.text)),
        }
    }

    pub(super) fn parse(id: LeaseId, state: &PaymentState) -> Result<Self> {
        let read = |coin: &coin::DecCoin| Dec::from_wire_or_zero(&coin.amount).map_err(number);
        Ok(Self {
            id,
            owner: address(&state.owner)?,
            state: known_state(state.state)?,
            denom: state.rate.denom.clone(),
            rate: read(&state.rate)?,
            balance: read(&state.balance)?,
            unsettled: read(&state.unsettled)?,
            withdrawn: Int::from_wire_or_zero(&state.withdrawn.amount).map_err(number)?,
        })
    }

    fn write(&self) -> PaymentState {
        let coin =
            |amount: Dec| coin::DecCoin { denom: self.denom.clone(), amount: amount.to_wire() };
        PaymentState {
            owner: self.owner.to_string(),
            state: self.state.into(),
            rate: coin(self.rate),
            balance: coin(self.balance),
            unsettled: coin(self.unsettled),
            withdrawn: coin::Coin { denom: self.denom.clone(), amount: self.withdrawn.to_string() },
        }
    }

    /// As queries and exports show it.
    #[must_use]
    pub fn to_wire(&self) -> wire::Payment {
        wire::Payment { id: wire_payment_id(&self.id), state: self.write() }
    }
}

fn address(text: &str) -> Result<Address> {
    text.parse().map_err(|it| Error::InvalidAccount.wrap(it))
}

fn known_state(state: i32) -> Result<State> {
    match State::try_from(state) {
        Ok(State::Invalid) | Err(_) => Err(Error::InvalidAccount.wrap("invalid state")),
        Ok(state) => Ok(state),
    }
}
