//! One transaction through admission and its messages (cosmos.md 1.10 to 1.13).

use prost::Message;
use prost_types::Any;
use types::wire::{
    cosmos::base::abci::v1beta1::TxMsgData,
    tendermint::abci::{Event, ExecTxResult},
};

use crate::{
    Ctx, Fault, Result, Runtime, Sdk, Stage, Tx,
    ante::Admission,
    events::{attribute, event},
    gas::Gas,
    tx::signers_of,
};

/// What became of a transaction.
pub(super) struct Outcome {
    pub(super) gas_wanted: u64,
    pub(super) gas_used: u64,
    pub(super) events: Vec<Event>,
    /// The messages' packed replies; none were executed when checking.
    pub(super) replies: Result<Vec<Any>>,
}

impl Outcome {
    pub(super) fn refused(fault: Fault) -> Self {
        Self { gas_wanted: 0, gas_used: 0, events: Vec::new(), replies: Err(fault) }
    }

    pub(super) fn into_result(self) -> ExecTxResult {
        let Self { gas_wanted, gas_used, events, replies } = self;
        let mut result = ExecTxResult {
            gas_wanted: gas_wanted.cast_signed(),
            gas_used: gas_used.cast_signed(),
            events,
            ..ExecTxResult::default()
        };
        match replies {
            Ok(replies) => result.data = data(replies),
            Err(fault) => {
                result.code = fault.code();
                result.codespace = fault.codespace().to_owned();
                result.log = fault.to_string();
            }
        }
        result
    }
}

/// The data of a success.
pub(super) fn data(msg_responses: Vec<Any>) -> Vec<u8> {
    TxMsgData { msg_responses, ..TxMsgData::default() }.encode_to_vec()
}

/// Runs a transaction. On failure nothing is kept, except what admission did when only a message
/// failed. `room` is the gas left in the block; a transaction that needs more fails after its
/// execution.
pub(super) fn run<R: Runtime>(cx: &mut Ctx, tx: &Tx, stage: Stage, room: Option<u64>) -> Outcome {
    if let Err(fault) = check_messages(cx, tx, stage) {
        return Outcome::refused(fault);
    }
    let gas_limit = tx.gas_limit();
    let max_gas = cx.consensus_params().block.as_ref().map_or(0, |it| it.max_gas);
    if let Ok(max_gas @ 1..) = u64::try_from(max_gas)
        && gas_limit > max_gas
    {
        let text = format!("tx gas limit {gas_limit} exceeds block max gas {max_gas}");
        let fault = Sdk::InvalidGasLimit.wrap(text);
        return Outcome { gas_wanted: gas_limit, ..Outcome::refused(fault) };
    }
    let gas = match stage {
        Stage::Simulate | Stage::Genesis => Gas::unlimited(),
        Stage::Check | Stage::Recheck | Stage::Deliver => Gas::limited(gas_limit),
    };
    let before = cx.take_events();
    let outer = cx.set_gas(gas);
    let outcome = admit_and_execute::<R>(cx, tx, stage, room);
    let gas = cx.set_gas(outer);
    let events = std::mem::replace(cx.events_mut(), before);
    Outcome {
        gas_wanted: gas.limit(),
        gas_used: gas.used(),
        events,
        replies: outcome.map_err(|fault| explain_out_of_gas(fault, &gas)),
    }
}

fn explain_out_of_gas(fault: Fault, gas: &Gas) -> Fault {
    match fault.out_of_gas_location() {
        Some(location) => Sdk::OutOfGas.wrap(format!(
            "out of gas in location: {location}; gasWanted: {}, gasUsed: {}",
            gas.limit(),
            gas.used()
        )),
        None => fault,
    }
}

/// At least one message, each of them sound and with a handler.
fn check_messages(cx: &Ctx, tx: &Tx, stage: Stage) -> Result {
    if tx.messages().is_empty() {
        return Err(Sdk::InvalidRequest.wrap("must contain at least one message"));
    }
    let router = cx.router();
    if stage != Stage::Recheck {
        for message in tx.messages() {
            router.check(&message.type_url, &message.value)?;
        }
    }
    for message in tx.messages() {
        if !router.has_msg(&message.type_url) {
            return Err(crate::routes::no_handler(&message.type_url));
        }
    }
    Ok(())
}

fn admit_and_execute<R: Runtime>(
    cx: &mut Ctx,
    tx: &Tx,
    stage: Stage,
    room: Option<u64>,
) -> Result<Vec<Any>> {
    cx.guarded(|cx| R::Ante::admit(cx, tx, stage))?;
    if matches!(stage, Stage::Check | Stage::Recheck) {
        return Ok(Vec::new());
    }
    cx.guarded(|cx| {
        let replies = execute(cx, tx.messages())?;
        if room.is_some_and(|room| cx.gas().used().min(cx.gas().limit()) > room) {
            return Err(Fault::out_of_gas("block gas meter"));
        }
        Ok(replies)
    })
}

/// Executes messages in order; the first failure undoes them all.
fn execute(cx: &mut Ctx, messages: &[Any]) -> Result<Vec<Any>> {
    let mut replies = Vec::with_capacity(messages.len());
    for (index, message) in messages.iter().enumerate() {
        let from = cx.events().len();
        let reply = cx.dispatch(message).map_err(|fault| {
            if fault.is_abrupt() {
                return fault;
            }
            fault.context(format!("failed to execute message; message index: {index}"))
        })?;
        replies.push(reply);
        let mut own = cx.events_mut().split_off(from);
        own.insert(0, message_event(message, &own));
        let index = index.to_string();
        for event in &mut own {
            event.attributes.push(attribute("msg_index", &index));
        }
        cx.events_mut().append(&mut own);
    }
    Ok(replies)
}

/// The event in front of a message's own: what, who, and which module unless one of them says.
fn message_event(message: &Any, own: &[Event]) -> Event {
    let mut first = event("message", [("action", &*message.type_url)]);
    if let Ok(signers) = signers_of(message)
        && let Some(sender) = signers.first()
    {
        first.attributes.push(attribute("sender", &sender.to_string()));
    }
    let says_module = |it: &Event| it.attributes.iter().any(|it| it.key == "module");
    if !own.iter().any(says_module)
        && let Some(module) = message.type_url.split('.').nth(1)
    {
        first.attributes.push(attribute("module", module));
    }
    first
}
