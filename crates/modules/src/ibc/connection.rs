//! Connections: opened from this side, never answered. What needs the other chain's proof is
//! refused.

use ledger::{Ctx, Fault, Item, Map, Plain, Result, View};
use types::wire::ibc::core::{
    client::v1::Height,
    commitment::v1::MerklePrefix,
    connection::v1::{
        ClientPaths, ConnectionEnd, Counterparty, MsgConnectionOpenAck, MsgConnectionOpenConfirm,
        MsgConnectionOpenInit, MsgConnectionOpenTry, MsgUpdateParams, Params, State, Version,
    },
};

use super::{
    STORE, client,
    errors::{commitment, connection::Error},
    host,
    host::LOCALHOST,
};

// State.
pub(super) const PARAMS: Item<Params> = Item::new(STORE, b"connectionParams");
pub(super) const NEXT: Item<u64, Plain> = Item::new(STORE, b"nextConnectionSequence");
pub(super) const CONNECTIONS: Map<String, ConnectionEnd> = Map::new(STORE, b"connections/");

/// The connection of the chain to itself.
pub(super) const OF_LOCALHOST: &str = "connection-localhost";
const MAX_TIME_PER_BLOCK_NANOS: u64 = 30_000_000_000;

pub(super) fn default_params() -> Params {
    Params { max_expected_time_per_block: MAX_TIME_PER_BLOCK_NANOS }
}

pub(super) fn params(view: &View) -> Result<Params> {
    Ok(PARAMS.get(view)?.unwrap_or_else(default_params))
}

fn version() -> Version {
    let features = ["ORDER_ORDERED", "ORDER_UNORDERED"].map(str::to_owned).into();
    Version { identifier: "1".to_owned(), features }
}

pub(super) fn localhost() -> ConnectionEnd {
    ConnectionEnd {
        client_id: LOCALHOST.to_owned(),
        versions: vec![version()],
        state: State::Open.into(),
        counterparty: Counterparty {
            client_id: LOCALHOST.to_owned(),
            connection_id: OF_LOCALHOST.to_owned(),
            prefix: MerklePrefix { key_prefix: STORE.as_bytes().to_vec() },
        },
        delay_period: 0,
    }
}

fn paths_key(client_id: &str) -> String {
    format!("{client_id}/connections")
}

/// The connections over a client.
pub(super) fn paths(view: &View, client_id: &str) -> Result<Option<Vec<String>>> {
    Ok(client::read::<ClientPaths>(view, paths_key(client_id))?.map(|it| it.paths))
}

pub(super) fn set_paths(cx: &mut Ctx, client_id: &str, paths: Vec<String>) -> Result {
    client::write(cx, paths_key(client_id), &ClientPaths { paths })
}

pub(super) fn load(view: &View, id: &str) -> Result<ConnectionEnd> {
    CONNECTIONS.get(view, &id.to_owned())?.ok_or_else(|| Error::NotFound.wrap(id))
}

/// `STATE_INIT` and the like.
fn state_name(state: i32) -> &'static str {
    State::try_from(state).unwrap_or(State::UninitializedUnspecified).as_str_name()
}

/// Refuses what needs the connection to be open: `connection/6`.
pub(super) fn require_open(connection: &ConnectionEnd) -> Result {
    if connection.state == i32::from(State::Open) {
        return Ok(());
    }
    let got = state_name(connection.state);
    Err(Error::InvalidState.wrap(format!("connection state is not OPEN (got {got})")))
}

fn check_counterparty(it: &Counterparty) -> Result {
    if !it.connection_id.is_empty() {
        host::connection(&it.connection_id)
            .map_err(|fault| fault.context("invalid counterparty connection ID"))?;
    }
    host::client(&it.client_id).map_err(|fault| fault.context("invalid counterparty client ID"))?;
    if it.prefix.key_prefix.is_empty() {
        return Err(Error::InvalidCounterparty.wrap("counterparty prefix cannot be empty"));
    }
    Ok(())
}

fn check_version(version: &Version) -> Result {
    if version.identifier.trim().is_empty() {
        return Err(Error::InvalidVersion.wrap("version identifier cannot be blank"));
    }
    if let Some(at) = version.features.iter().position(|it| it.trim().is_empty()) {
        let why = format!("feature cannot be blank, index {at}");
        return Err(Error::InvalidVersion.wrap(why));
    }
    Ok(())
}

fn require_proof(proof: &[u8], which: &str) -> Result {
    if !proof.is_empty() {
        return Ok(());
    }
    Err(commitment::Error::InvalidProof.wrap(format!("cannot submit an empty {which} proof")))
}

/// What every message that rests on another chain's word ends with.
pub(super) fn unverified() -> Fault {
    commitment::Error::InvalidProof.wrap("this node verifies no proofs of other chains")
}

pub(super) fn check_open_init(msg: &MsgConnectionOpenInit) -> Result {
    host::client(&msg.client_id).map_err(|it| it.context("invalid client ID"))?;
    if !msg.counterparty.connection_id.is_empty() {
        let why = "counterparty connection identifier must be empty";
        return Err(Error::InvalidCounterparty.wrap(why));
    }
    if let Some(version) = &msg.version {
        check_version(version)
            .map_err(|it| it.context("basic validation of the provided version failed"))?;
    }
    check_counterparty(&msg.counterparty)
}

pub(super) fn open_init(cx: &mut Ctx, msg: MsgConnectionOpenInit) -> Result {
    open(cx, msg).map_err(|it| it.context("connection handshake open init failed"))
}

fn open(cx: &mut Ctx, msg: MsgConnectionOpenInit) -> Result {
    let MsgConnectionOpenInit { client_id, counterparty, version: wanted, delay_period, .. } = msg;
    let ours = version();
    let versions = match wanted {
        None => vec![ours],
        Some(it)
            if it.identifier == ours.identifier
                && !it.features.is_empty()
                && it.features.iter().all(|feature| ours.features.contains(feature)) =>
        {
            vec![it]
        }
        Some(_) => return Err(Error::InvalidVersion.wrap("version is not supported")),
    };
    client::require_active(cx, &client_id)?;
    let number = NEXT.get_or_default(cx)?;
    NEXT.set(cx, &number.saturating_add(1))?;
    let id = format!("connection-{number}");
    let mut over = paths(cx, &client_id)?.unwrap_or_default();
    over.push(id.clone());
    set_paths(cx, &client_id, over)?;
    let other = counterparty.client_id.clone();
    let state = State::Init.into();
    let end =
        ConnectionEnd { client_id: client_id.clone(), versions, state, counterparty, delay_period };
    CONNECTIONS.set(cx, &id, &end)?;
    cx.emit_plain(
        "connection_open_init",
        [("connection_id", &*id), ("client_id", &client_id), ("counterparty_client_id", &other)],
    );
    cx.emit_plain("message", [("module", "ibc_connection")]);
    Ok(())
}

pub(super) fn check_open_try(msg: &MsgConnectionOpenTry) -> Result {
    if !msg.previous_connection_id.is_empty() {
        let why = "previous connection identifier must be empty, this field has been deprecated as \
                   crossing hellos are no longer supported";
        return Err(Error::InvalidId.wrap(why));
    }
    host::client(&msg.client_id).map_err(|it| it.context("invalid client ID"))?;
    host::connection(&msg.counterparty.connection_id)
        .map_err(|it| it.context("invalid counterparty connection ID"))?;
    check_counterparty(&msg.counterparty)?;
    if msg.counterparty_versions.is_empty() {
        return Err(Error::InvalidVersion.wrap("empty counterparty versions"));
    }
    for (at, version) in msg.counterparty_versions.iter().enumerate() {
        check_version(version).map_err(|it| {
            it.context(format!("basic validation failed on version with index {at}"))
        })?;
    }
    require_proof(&msg.proof_init, "init")
}

pub(super) fn open_try(cx: &mut Ctx, msg: MsgConnectionOpenTry) -> Result {
    let refused = client::require_active(cx, &msg.client_id).err().unwrap_or_else(unverified);
    Err(refused.context("connection handshake open try failed"))
}

fn require_height(height: &Height) -> Result {
    if *height == Height::default() {
        return Err(commitment::Error::InvalidProof.wrap("proof height must be non-zero"));
    }
    Ok(())
}

pub(super) fn check_open_ack(msg: &MsgConnectionOpenAck) -> Result {
    if !host::is_connection(&msg.connection_id) {
        return Err(Error::InvalidId.into());
    }
    host::connection(&msg.counterparty_connection_id)
        .map_err(|it| it.context("invalid counterparty connection ID"))?;
    check_version(&msg.version.clone().unwrap_or_default())?;
    require_proof(&msg.proof_try, "try")
}

pub(super) fn open_ack(cx: &mut Ctx, msg: MsgConnectionOpenAck) -> Result {
    let acknowledge = |cx: &Ctx| -> Result {
        let connection = load(cx, &msg.connection_id)?;
        if connection.state != i32::from(State::Init) {
            let got = state_name(connection.state);
            let why = format!("connection state is not INIT (got {got})");
            return Err(Error::InvalidState.wrap(why));
        }
        require_height(&msg.proof_height)?;
        client::require_active(cx, &connection.client_id)?;
        Err(unverified())
    };
    acknowledge(cx).map_err(|it| it.context("connection handshake open ack failed"))
}

pub(super) fn check_open_confirm(msg: &MsgConnectionOpenConfirm) -> Result {
    if !host::is_connection(&msg.connection_id) {
        return Err(Error::InvalidId.into());
    }
    require_proof(&msg.proof_ack, "acknowledgement")
}

pub(super) fn open_confirm(cx: &mut Ctx, msg: MsgConnectionOpenConfirm) -> Result {
    let confirm = |cx: &Ctx| -> Result {
        let connection = load(cx, &msg.connection_id)?;
        if connection.state != i32::from(State::Tryopen) {
            let got = state_name(connection.state);
            let why = format!("connection state is not TRYOPEN (got {got})");
            return Err(Error::InvalidState.wrap(why));
        }
        require_height(&msg.proof_height)?;
        Err(unverified())
    };
    confirm(cx).map_err(|it| it.context("connection handshake open confirm failed"))
}

pub(super) fn check_params(params: &Params) -> Result {
    if params.max_expected_time_per_block == 0 {
        return Err(Fault::plain("MaxExpectedTimePerBlock cannot be zero"));
    }
    Ok(())
}

pub(super) fn check_update_params(msg: &MsgUpdateParams) -> Result {
    check_params(&msg.params)
}

pub(super) fn update_params(cx: &mut Ctx, msg: MsgUpdateParams) -> Result {
    client::require_authority(&msg.signer)?;
    PARAMS.set(cx, &msg.params)
}
