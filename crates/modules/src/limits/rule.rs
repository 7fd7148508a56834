//! What a rule must be, and which messages it lets through. What they spend is measured, not read:
//! [`super::books`].

use std::collections::BTreeSet;

use ledger::{Ctx, Result, Sdk};
use prost::{Message, Name};
use prost_types::Any;
use types::{
    Address, Coins, Dec, DecCoin, DecCoins, timestamp,
    wire::{
        akash::{
            base::{deposit::v1::Source, resources::v1beta4::ResourceValue},
            bme::v1::{MsgBurnAct, MsgBurnMint, MsgMintAct},
            cert::v1::{MsgCreateCertificate, MsgRevokeCertificate},
            deployment::v1beta4::{
                GroupSpec, MsgCloseDeployment, MsgCloseGroup, MsgCreateDeployment, MsgPauseGroup,
                MsgStartGroup, MsgUpdateDeployment,
            },
            escrow::{id::v1::Scope, v1::MsgAccountDeposit},
            market::v1beta5::{
                MsgCloseBid, MsgCloseLease, MsgCreateBid, MsgCreateLease, MsgWithdrawLease,
            },
        },
        cosmos::{
            bank::v1beta1::{MsgMultiSend, MsgSend},
            base::v1beta1 as coin,
            distribution::v1beta1::{MsgWithdrawDelegatorReward, MsgWithdrawValidatorCommission},
            gov::v1::{MsgDeposit, MsgVote, MsgVoteWeighted},
            staking::v1beta1::{MsgDelegate, MsgUndelegate},
        },
        haggle::limits::v1::{DeploymentShape, Rule, SpendingLimitAuthorization},
    },
};

use super::{
    Error,
    state::{self, Key},
};
use crate::base::{money, number};

/// Denominations of a cap.
const DENOMS_MAX: usize = 8;
/// Types of messages of a rule.
const MESSAGES_MAX: usize = 32;
const RECIPIENTS_MAX: usize = 32;
/// Deployments of a key that may be open at a time.
pub(super) const OPEN_DEPLOYMENTS_MAX: u32 = 50;
/// Gas for a message or a fee under a rule. Not by bytes, so that a simulation without a fee never
/// promises less than the transaction takes.
const RULE_GAS: u64 = 40_000;
/// Gas for each entry of its books, which are read and written as a whole.
const ENTRY_GAS: u64 = 300;

/// A deployment as a message names it: owner's text and dseq.
type Named = Option<(String, u64)>;

/// Which other checks a message needs.
#[derive(Clone, Copy)]
enum Care {
    /// None: it gives nothing away but what is measured.
    Plain,
    Send,
    MultiSend,
    Bid,
    Create,
    /// About a deployment: only one that the key opened.
    Deployment(fn(&[u8]) -> Result<Named>),
    Deposit,
}

/// The messages that a rule may allow. Everything else never can be: what hands out power (grants,
/// allowances, nested execution, withdraw addresses, parameters), what moves value past the balance
/// (redelegations, canceled unbondings), and whatever is new until somebody has thought about it.
fn care(type_url: &str) -> Option<Care> {
    macro_rules! of {
        ($($kind:ty => $care:expr),+ $(,)?) => {
            $( if type_url == <$kind>::type_url() { return Some($care); } )+
        };
    }
    of! {
        MsgSend => Care::Send,
        MsgMultiSend => Care::MultiSend,
        MsgCreateDeployment => Care::Create,
        MsgUpdateDeployment => Care::Deployment(|it| {
            let it = read::<MsgUpdateDeployment>(it)?.id;
            Ok(Some((it.owner, it.dseq)))
        }),
        MsgCloseDeployment => Care::Deployment(|it| {
            let it = read::<MsgCloseDeployment>(it)?.id;
            Ok(Some((it.owner, it.dseq)))
        }),
        MsgCloseGroup => Care::Deployment(|it| {
            let it = read::<MsgCloseGroup>(it)?.id;
            Ok(Some((it.owner, it.dseq)))
        }),
        MsgPauseGroup => Care::Deployment(|it| {
            let it = read::<MsgPauseGroup>(it)?.id;
            Ok(Some((it.owner, it.dseq)))
        }),
        MsgStartGroup => Care::Deployment(|it| {
            let it = read::<MsgStartGroup>(it)?.id;
            Ok(Some((it.owner, it.dseq)))
        }),
        MsgCreateLease => Care::Deployment(|it| {
            let it = read::<MsgCreateLease>(it)?.bid_id;
            Ok(Some((it.owner, it.dseq)))
        }),
        MsgCloseLease => Care::Deployment(|it| {
            let it = read::<MsgCloseLease>(it)?.id;
            Ok(Some((it.owner, it.dseq)))
        }),
        MsgAccountDeposit => Care::Deposit,
        MsgCreateBid => Care::Bid,
        MsgCloseBid => Care::Plain,
        MsgWithdrawLease => Care::Plain,
        MsgBurnMint => Care::Plain,
        MsgMintAct => Care::Plain,
        MsgBurnAct => Care::Plain,
        MsgCreateCertificate => Care::Plain,
        MsgRevokeCertificate => Care::Plain,
        MsgDelegate => Care::Plain,
        MsgUndelegate => Care::Plain,
        MsgWithdrawDelegatorReward => Care::Plain,
        MsgWithdrawValidatorCommission => Care::Plain,
        MsgVote => Care::Plain,
        MsgVoteWeighted => Care::Plain,
        MsgDeposit => Care::Plain,
    }
    None
}

fn read<M: Message + Default>(value: &[u8]) -> Result<M> {
    M::decode(value).map_err(|it| Sdk::UnpackAny.wrap(it))
}

fn invalid(why: impl Into<String>) -> ledger::Fault {
    Error::Invalid(why.into()).into()
}

/// Coins that are valid; none at all is a cap, too.
pub(super) fn cap(coins: &[coin::Coin]) -> Result<Coins> {
    if coins.len() > DENOMS_MAX {
        return Err(invalid(format!("more than {DENOMS_MAX} denominations")));
    }
    Coins::from_wire(coins).map_err(|it| invalid(it.to_string()))
}

/// What must hold when a rule is granted.
pub fn validate(it: &SpendingLimitAuthorization) -> Result {
    cap(&it.per_day)?;
    cap(&it.fees_per_day)?;
    if it.messages.is_empty() || it.messages.len() > MESSAGES_MAX {
        return Err(invalid(format!("a rule allows 1 to {MESSAGES_MAX} types of messages")));
    }
    let mut types = BTreeSet::new();
    for message in &it.messages {
        if care(&message.type_url).is_none() {
            return Err(invalid(format!("no rule may allow {}", message.type_url)));
        }
        if !types.insert(message.type_url.as_str()) {
            return Err(invalid(format!("{} is listed twice", message.type_url)));
        }
        cap(&message.per_day)?;
    }
    if it.recipients.len() > RECIPIENTS_MAX {
        return Err(invalid(format!("more than {RECIPIENTS_MAX} recipients")));
    }
    for recipient in &it.recipients {
        let parsed = recipient.parse::<Address>();
        parsed.map_err(|error| invalid(format!("recipient {recipient}: {error}")))?;
    }
    let creates = types.contains(MsgCreateDeployment::type_url().as_str());
    match &it.deployment {
        None if creates => return Err(invalid("it does not say what deployments may look like")),
        None => {}
        Some(shape) => validate_shape(shape)?,
    }
    match &it.return_at {
        Some(at) if at.seconds < 0 || !timestamp::is_valid(at) => Err(invalid("the return date")),
        _ => Ok(()),
    }
}

fn validate_shape(shape: &DeploymentShape) -> Result {
    if shape.open_deployments > OPEN_DEPLOYMENTS_MAX {
        let text = format!("more than {OPEN_DEPLOYMENTS_MAX} open deployments");
        return Err(invalid(text));
    }
    if shape.price_per_block.len() > DENOMS_MAX {
        return Err(invalid(format!("more than {DENOMS_MAX} denominations")));
    }
    DecCoins::from_wire(&shape.price_per_block).map_err(|it| invalid(it.to_string()))?;
    Ok(())
}

/// Whether the rule that `key` is under lets it send a message in the owner's name; none of the
/// checks is about what the message will have spent. The caller knows that the owner signs it.
pub fn admit(cx: &mut Ctx, owner: &Address, key: &Address, message: &Any) -> Result {
    let id = (owner.clone(), key.clone());
    let rule = charged(cx, &id)?;
    cx.without_gas(|cx| check(cx, &id, &rule, message))
}

/// The rule of a pair, if it stands; charges for its books.
pub(super) fn charged(cx: &mut Ctx, id: &Key) -> Result<Rule> {
    cx.consume_gas(RULE_GAS, "spending limit")?;
    let rule = cx.without_gas(|cx| state::standing(cx, id))?;
    let entries = rule.hours.iter().map(|it| it.spending.len()).sum::<usize>();
    let entries = u64::try_from(entries).unwrap_or(u64::MAX);
    cx.consume_gas(ENTRY_GAS.saturating_mul(entries), "spending limit")?;
    Ok(rule)
}

fn check(cx: &Ctx, id: &Key, rule: &Rule, message: &Any) -> Result {
    let (type_url, value) = (&message.type_url, &message.value);
    let listed = rule.limits.messages.iter().any(|it| it.type_url == *type_url);
    let Some(care) = care(type_url).filter(|_| listed) else {
        return Err(Error::NotAllowed(type_url.clone()).into());
    };
    match care {
        Care::Plain => Ok(()),
        Care::Send => recipient(&rule.limits, &read::<MsgSend>(value)?.to_address),
        Care::MultiSend => {
            let it: MsgMultiSend = read(value)?;
            it.outputs.iter().try_for_each(|it| recipient(&rule.limits, &it.address))
        }
        Care::Bid => own_balance(&read::<MsgCreateBid>(value)?.deposit.sources),
        Care::Create => {
            let it: MsgCreateDeployment = read(value)?;
            own_balance(&it.deposit.sources)?;
            let Some(shape) = &rule.limits.deployment else {
                return Err(Error::NotAllowed(type_url.clone()).into());
            };
            let open = state::deployments_of(cx, id)?.len();
            if u32::try_from(open).unwrap_or(u32::MAX) >= shape.open_deployments {
                let text = format!("{open} are open");
                return Err(Error::Shape(text).into());
            }
            fits(shape, &it.groups)
        }
        Care::Deployment(of) => opened(cx, id, of(value)?),
        Care::Deposit => {
            let it: MsgAccountDeposit = read(value)?;
            own_balance(&it.deposit.sources)?;
            // `owner/dseq`, as the account of a deployment is named.
            let place = it.id.xid.split_once('/').filter(|_| it.id.scope() == Scope::Deployment);
            let place = place.and_then(|(owner, dseq)| Some((owner.into(), dseq.parse().ok()?)));
            opened(cx, id, place)
        }
    }
}

fn recipient(limits: &SpendingLimitAuthorization, to: &str) -> Result {
    let same = |one: &String| one.parse::<Address>().ok() == to.parse::<Address>().ok();
    if limits.recipients.is_empty() || limits.recipients.iter().any(same) {
        return Ok(());
    }
    Err(Error::Recipient(to.to_owned()).into())
}

/// Deposit grants that others gave to the owner are not the key's to spend.
fn own_balance(sources: &[i32]) -> Result {
    if sources.iter().all(|it| *it == i32::from(Source::Balance)) {
        return Ok(());
    }
    Err(Error::Source.into())
}

/// What the owner runs by itself is not the key's to lease, feed or stop.
fn opened(cx: &Ctx, id: &Key, deployment: Named) -> Result {
    if let Some((owner, dseq)) = deployment
        && owner.parse::<Address>().is_ok_and(|it| it == id.0)
        && state::opener(cx, &id.0, dseq)?.is_some_and(|it| it == id.1)
    {
        return Ok(());
    }
    Err(Error::NotOpened.into())
}

fn fits(shape: &DeploymentShape, groups: &[GroupSpec]) -> Result {
    let (mut cpu, mut memory, mut storage, mut gpus) = (0u128, 0u128, 0u128, 0u128);
    for unit in groups.iter().flat_map(|it| &it.resources) {
        let times = u128::from(unit.count);
        let add = |sum: &mut u128, value: &ResourceValue| -> Result {
            *sum = sum.saturating_add(u128::from(quantity(value)?).saturating_mul(times));
            Ok(())
        };
        let resource = &unit.resource;
        resource.cpu.as_ref().map_or(Ok(()), |it| add(&mut cpu, &it.units))?;
        resource.memory.as_ref().map_or(Ok(()), |it| add(&mut memory, &it.quantity))?;
        resource.gpu.as_ref().map_or(Ok(()), |it| add(&mut gpus, &it.units))?;
        resource.storage.iter().try_for_each(|it| add(&mut storage, &it.quantity))?;
    }
    let within = |asked: u128, most: u64, what: &str| {
        if asked <= u128::from(most) {
            return Ok(());
        }
        Err(ledger::Fault::from(Error::Shape(format!("{asked} {what}, at most {most}"))))
    };
    within(cpu, shape.cpu_milli, "thousandths of a CPU")?;
    within(memory, shape.memory_bytes, "bytes of memory")?;
    within(storage, shape.storage_bytes, "bytes of storage")?;
    within(gpus, shape.gpus, "GPUs")?;
    let most = DecCoins::from_wire(&shape.price_per_block).map_err(money)?;
    for (denom, price) in prices(groups)? {
        if price > most.amount_of(&denom) {
            let most = DecCoin::new(&denom, most.amount_of(&denom));
            let text = format!("{} per block, at most {most}", DecCoin::new(denom, price));
            return Err(Error::Shape(text).into());
        }
    }
    Ok(())
}

/// What all groups cost per block at most, by denomination.
fn prices(groups: &[GroupSpec]) -> Result<Vec<(String, Dec)>> {
    let mut sums: Vec<(String, Dec)> = Vec::new();
    for unit in groups.iter().flat_map(|it| &it.resources) {
        let price = DecCoin::try_from(&unit.price).map_err(money)?;
        let amount = price.amount.mul_int(u64::from(unit.count)).map_err(number)?;
        match sums.iter_mut().find(|it| it.0 == price.denom) {
            Some(sum) => sum.1 = sum.1.add(amount).map_err(number)?,
            None => sums.push((price.denom, amount)),
        }
    }
    Ok(sums)
}

fn quantity(value: &ResourceValue) -> Result<u64> {
    let text = std::str::from_utf8(&value.val).unwrap_or_default();
    text.parse().map_err(|_| Error::Shape("a quantity is no number".to_owned()).into())
}
