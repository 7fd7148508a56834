//! Light clients: created and looked at, not followed. A header or a proof of another chain is
//! refused after every check that does not need to verify it: nothing here trusts another chain.

use ledger::{Ctx, Fault, Item, Map, Plain, Raw, Result, View};
use prost::Message;
use prost_types::Any;
use types::wire::ibc::{
    core::client::{
        v1::{
            Height, MsgCreateClient, MsgCreateClientResponse, MsgDeleteClientCreator,
            MsgRecoverClient, MsgSubmitMisbehaviour, MsgUpdateClient, MsgUpdateParams,
            MsgUpgradeClient, Params,
        },
        v2::{Config, CounterpartyInfo, MsgRegisterCounterparty, MsgUpdateClientConfig},
    },
    lightclients::tendermint::v1::{ClientState, ConsensusState, Header, Misbehaviour},
};

use super::{
    STORE,
    errors::{client::Error, client_v2, ibc},
    host::{self, LOCALHOST},
    tendermint::{self, TYPE, height_text, unpack},
};
use crate::auth;

// State.
pub(super) const PARAMS: Item<Params> = Item::new(STORE, b"clientParams");
pub(super) const NEXT: Item<u64, Plain> = Item::new(STORE, b"nextClientSequence");
/// Everything of a client, by its name, a slash, and what it is.
pub(super) const CLIENTS: Map<String, Vec<u8>, Raw> = Map::new(STORE, b"clients/");

pub(super) const STATE: &str = "/clientState";
pub(super) const CONSENSUS: &str = "/consensusStates/";
const CREATOR: &str = "/creator";
const COUNTERPARTY: &str = "/counterparty";
const CONFIG: &str = "/config";

/// Whether this is what only the reference's client keeps beside its states.
pub(super) fn is_metadata(rest: &str) -> bool {
    rest.starts_with("iterateConsensusStates")
        || rest.strip_prefix("consensusStates/").is_some_and(|it| it.contains('/'))
}

pub(super) fn read<M: Message + Default>(view: &View, key: String) -> Result<Option<M>> {
    let Some(bytes) = CLIENTS.get(view, &key)? else { return Ok(None) };
    match M::decode(bytes.as_slice()) {
        Ok(message) => Ok(Some(message)),
        Err(_) => ledger::halt(format!("undecodable value in store {STORE} at clients/{key}")),
    }
}

pub(super) fn write<M: Message>(cx: &mut Ctx, key: String, message: &M) -> Result {
    CLIENTS.set(cx, &key, &message.encode_to_vec())
}

pub(super) fn state_any(view: &View, id: &str) -> Result<Option<Any>> {
    read(view, format!("{id}{STATE}"))
}

pub(super) fn state(view: &View, id: &str) -> Result<Option<ClientState>> {
    state_any(view, id)?.map(|any| unpack(Some(&any))).transpose()
}

pub(super) fn consensus_any(view: &View, id: &str, height: &Height) -> Result<Option<Any>> {
    read(view, format!("{id}{CONSENSUS}{}", height_text(height)))
}

/// The account that made a client, as long as it may still name a counterparty.
pub(super) fn creator(view: &View, id: &str) -> Result<String> {
    let bytes = CLIENTS.get(view, &format!("{id}{CREATOR}"))?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

pub(super) fn counterparty(view: &View, id: &str) -> Result<Option<CounterpartyInfo>> {
    read(view, format!("{id}{COUNTERPARTY}"))
}

pub(super) fn set_counterparty(cx: &mut Ctx, id: &str, info: &CounterpartyInfo) -> Result {
    write(cx, format!("{id}{COUNTERPARTY}"), info)
}

pub(super) fn config(view: &View, id: &str) -> Result<Config> {
    Ok(read(view, format!("{id}{CONFIG}"))?.unwrap_or_default())
}

pub(super) fn params(view: &View) -> Result<Params> {
    Ok(PARAMS.get(view)?.unwrap_or_else(default_params))
}

pub(super) fn default_params() -> Params {
    Params { allowed_clients: vec!["*".to_owned()] }
}

fn is_allowed(params: &Params, kind: &str) -> bool {
    params.allowed_clients.iter().any(|it| it == "*" || it == kind)
}

/// `Active`, `Expired`, `Frozen`, `Unknown` or `Unauthorized`.
pub(super) fn status(view: &View, id: &str) -> Result<&'static str> {
    let known = host::client_type(id).ok().filter(|it| [TYPE, LOCALHOST].contains(it));
    let allowed = |kind: &str| Ok::<_, Fault>(is_allowed(&params(view)?, kind));
    match known {
        Some(kind) if !allowed(kind)? => return Ok("Unauthorized"),
        None => return Ok("Unauthorized"),
        Some(LOCALHOST) => return Ok("Active"),
        Some(_) => {}
    }
    let Some(state) = state(view, id)? else { return Ok("Unknown") };
    if state.frozen_height != Height::default() {
        return Ok("Frozen");
    }
    let Some(any) = consensus_any(view, id, &state.latest_height)? else { return Ok("Expired") };
    let seen: ConsensusState = unpack(Some(&any))?;
    Ok(if tendermint::is_expired(view, &state, &seen) { "Expired" } else { "Active" })
}

/// Refuses what needs a client that is not active: `client/29`.
pub(super) fn require_active(view: &View, id: &str) -> Result {
    match status(view, id)? {
        "Active" => Ok(()),
        other => Err(Error::NotActive.wrap(format!("client ({id}) status is {other}"))),
    }
}

/// Refuses who is not governance: `ibc/2`.
pub(crate) fn require_authority(signer: &str) -> Result {
    let expected = auth::authority_address();
    if signer == expected {
        return Ok(());
    }
    Err(ibc::Error::Unauthorized.wrap(format!("expected {expected}, got {signer}")))
}

// Creating.

pub(super) fn check_create(msg: &MsgCreateClient) -> Result {
    let state: ClientState = unpack(msg.client_state.as_ref())?;
    tendermint::check_state(&state)?;
    tendermint::check_consensus(&unpack(msg.consensus_state.as_ref())?)
}

pub(super) fn create(cx: &mut Ctx, msg: MsgCreateClient) -> Result<MsgCreateClientResponse> {
    if !is_allowed(&params(cx)?, TYPE) {
        let why = format!("client state type {TYPE} is not registered in the allowlist");
        return Err(Error::InvalidType.wrap(why));
    }
    let state: ClientState = unpack(msg.client_state.as_ref())?;
    let number = NEXT.get_or_default(cx)?;
    NEXT.set(cx, &number.saturating_add(1))?;
    let client_id = format!("{TYPE}-{number}");
    let height = height_text(&state.latest_height);
    write(cx, format!("{client_id}{STATE}"), &msg.client_state.unwrap_or_default())?;
    let at = format!("{client_id}{CONSENSUS}{height}");
    let consensus = msg.consensus_state.unwrap_or_default();
    write(cx, at.clone(), &consensus)?;
    // When and where this node saw it.
    let now = u64::try_from(cx.unix_nanos()).unwrap_or_default();
    CLIENTS.set(cx, &format!("{at}/processedTime"), &now.to_be_bytes().to_vec())?;
    let here = height_text(&self_height(cx));
    CLIENTS.set(cx, &format!("{at}/processedHeight"), &here.into_bytes())?;
    if status(cx, &client_id)? != "Active" {
        let why =
            format!("cannot create client ({client_id}) with status {}", status(cx, &client_id)?);
        return Err(Error::NotActive.wrap(why));
    }
    CLIENTS.set(cx, &format!("{client_id}{CREATOR}"), &msg.signer.into_bytes())?;
    cx.emit_plain(
        "create_client",
        [("client_id", &*client_id), ("client_type", TYPE), ("consensus_height", &height)],
    );
    cx.emit_plain("message", [("module", "ibc_client")]);
    Ok(MsgCreateClientResponse { client_id })
}

/// This chain's height as other chains count it.
pub(super) fn self_height(view: &View) -> Height {
    Height {
        revision_number: host::revision(view.chain_id()),
        revision_height: u64::try_from(view.height()).unwrap_or_default(),
    }
}

// What would need to verify another chain's word.

pub(super) fn check_update(msg: &MsgUpdateClient) -> Result {
    let any = msg.client_message.as_ref();
    match unpack::<Misbehaviour>(any) {
        Ok(found) => tendermint::check_misbehaviour(&found)?,
        Err(_) => tendermint::check_header(&unpack::<Header>(any)?)?,
    }
    host::client(&msg.client_id)
}

pub(super) fn update(cx: &mut Ctx, msg: MsgUpdateClient) -> Result {
    require_known(&msg.client_id)?;
    require_active(cx, &msg.client_id).map_err(|it| it.context("cannot update client"))?;
    Err(Error::UpdateFailed.wrap("this node does not follow other chains"))
}

fn require_known(id: &str) -> Result {
    let kind = host::client_type(id)?;
    if kind == TYPE { Ok(()) } else { Err(Error::RouteNotFound.wrap(kind)) }
}

pub(super) fn check_misbehaviour(msg: &MsgSubmitMisbehaviour) -> Result {
    tendermint::check_misbehaviour(&unpack(msg.misbehaviour.as_ref())?)?;
    host::client(&msg.client_id)
}

pub(super) fn misbehaviour(cx: &mut Ctx, msg: MsgSubmitMisbehaviour) -> Result {
    require_known(&msg.client_id)?;
    require_active(cx, &msg.client_id)?;
    Err(Error::InvalidMisbehaviour.wrap("this node does not follow other chains"))
}

pub(super) fn check_upgrade(msg: &MsgUpgradeClient) -> Result {
    unpack::<ClientState>(msg.client_state.as_ref())?;
    unpack::<ConsensusState>(msg.consensus_state.as_ref())?;
    if msg.proof_upgrade_client.is_empty() {
        return Err(Error::InvalidUpgrade.wrap("proof of upgrade client cannot be empty"));
    }
    if msg.proof_upgrade_consensus_state.is_empty() {
        let why = "proof of upgrade consensus state cannot be empty";
        return Err(Error::InvalidUpgrade.wrap(why));
    }
    host::client(&msg.client_id)
}

pub(super) fn upgrade(cx: &mut Ctx, msg: MsgUpgradeClient) -> Result {
    require_known(&msg.client_id)?;
    require_active(cx, &msg.client_id).map_err(|it| it.context("cannot upgrade client"))?;
    Err(Error::InvalidUpgrade.wrap("this node does not follow other chains"))
}

// Governance and creators.

pub(super) fn check_recover(msg: &MsgRecoverClient) -> Result {
    host::client(&msg.subject_client_id)?;
    host::client(&msg.substitute_client_id)?;
    if msg.subject_client_id == msg.substitute_client_id {
        let why = "subject and substitute clients must be different";
        return Err(Error::InvalidSubstitute.wrap(why));
    }
    Ok(())
}

/// Puts a client that ended (expired, frozen) in the state of one that follows the same chain.
pub(super) fn recover(cx: &mut Ctx, msg: MsgRecoverClient) -> Result {
    require_authority(&msg.signer)?;
    let (subject_id, substitute_id) = (&msg.subject_client_id, &msg.substitute_client_id);
    require_known(subject_id)?;
    if status(cx, subject_id)? == "Active" {
        let why = "cannot recover client with status Active";
        return Err(Error::InvalidRecovery.wrap(why));
    }
    require_known(substitute_id)?;
    let unknown = |id: &str| Error::NotFound.wrap(id);
    let subject = state(cx, subject_id)?.ok_or_else(|| unknown(subject_id))?;
    let substitute = state(cx, substitute_id)?.ok_or_else(|| unknown(substitute_id))?;
    if status(cx, substitute_id)? != "Active" {
        let why = "cannot recover client using substitute client that is not active";
        return Err(Error::NotActive.wrap(why));
    }
    // But for heights, the trusting period and the chain's name they must be the same.
    let core = |it: &ClientState| ClientState {
        latest_height: Height::default(),
        frozen_height: Height::default(),
        trusting_period: prost_types::Duration::default(),
        chain_id: String::new(),
        ..it.clone()
    };
    if core(&subject) != core(&substitute) {
        let why = "subject client state does not match substitute client state";
        return Err(Error::InvalidSubstitute.wrap(why));
    }
    let consensus = consensus_any(cx, substitute_id, &substitute.latest_height)?
        .ok_or_else(|| unknown(substitute_id))?;
    let height = height_text(&substitute.latest_height);
    let at = format!("{subject_id}{CONSENSUS}{height}");
    for kept in ["/processedTime", "/processedHeight"] {
        let from = format!("{substitute_id}{CONSENSUS}{height}{kept}");
        if let Some(bytes) = CLIENTS.get(cx, &from)? {
            CLIENTS.set(cx, &format!("{at}{kept}"), &bytes)?;
        }
    }
    write(cx, at, &consensus)?;
    let recovered = ClientState {
        frozen_height: Height::default(),
        latest_height: substitute.latest_height,
        chain_id: substitute.chain_id,
        trusting_period: substitute.trusting_period,
        ..subject
    };
    let any = Any {
        type_url: format!("/{}", <ClientState as prost::Name>::full_name()),
        value: recovered.encode_to_vec(),
    };
    write(cx, format!("{subject_id}{STATE}"), &any)?;
    cx.emit_plain("recover_client", [("subject_client_id", &**subject_id), ("client_type", TYPE)]);
    cx.emit_plain("message", [("module", "ibc_client")]);
    Ok(())
}

pub(super) fn check_params(params: &Params) -> Result {
    let all = &params.allowed_clients;
    if let Some(at) = all.iter().position(|it| it.trim().is_empty()) {
        return Err(Fault::plain(format!("client type {at} cannot be blank")));
    }
    if all.iter().any(|it| it == "*") && all.len() > 1 {
        let why = "allow list must have only one element because the allow all clients wildcard \
                   (*) is present";
        return Err(Fault::plain(why));
    }
    Ok(())
}

pub(super) fn check_update_params(msg: &MsgUpdateParams) -> Result {
    check_params(&msg.params)
}

pub(super) fn update_params(cx: &mut Ctx, msg: MsgUpdateParams) -> Result {
    require_authority(&msg.signer)?;
    PARAMS.set(cx, &msg.params)
}

pub(super) fn check_delete_creator(msg: &MsgDeleteClientCreator) -> Result {
    host::client(&msg.client_id)?;
    host::client_type(&msg.client_id).map(|_| ())
}

pub(super) fn delete_creator(cx: &mut Ctx, msg: MsgDeleteClientCreator) -> Result {
    let id = &msg.client_id;
    let creator = creator(cx, id)?;
    if creator.is_empty() {
        return Err(Error::NotFound.wrap(format!("client creator for {id} not found")));
    }
    if msg.signer != creator && msg.signer != auth::authority_address() {
        let why =
            format!("expected signer to be either {creator} or {}", auth::authority_address());
        return Err(ibc::Error::Unauthorized.wrap(why));
    }
    CLIENTS.del(cx, &format!("{id}{CREATOR}"))
}

// Version 2: the client itself is the channel.

pub(super) fn check_register(msg: &MsgRegisterCounterparty) -> Result {
    let refuse = |why: &str| Err(client_v2::Error::InvalidCounterparty.wrap(why));
    if msg.counterparty_merkle_prefix.is_empty() {
        return refuse("counterparty messaging key cannot be empty");
    }
    host::client(&msg.client_id)?;
    host::client(&msg.counterparty_client_id)
}

pub(super) fn register(cx: &mut Ctx, msg: MsgRegisterCounterparty) -> Result {
    let id = &msg.client_id;
    let creator = creator(cx, id)?;
    if creator != msg.signer {
        let why =
            format!("expected same signer as createClient submittor {creator}, got {}", msg.signer);
        return Err(ibc::Error::Unauthorized.wrap(why));
    }
    let info = CounterpartyInfo {
        merkle_prefix: msg.counterparty_merkle_prefix,
        client_id: msg.counterparty_client_id,
    };
    set_counterparty(cx, id, &info)?;
    CLIENTS.del(cx, &format!("{id}{CREATOR}"))
}

pub(super) fn check_config(msg: &MsgUpdateClientConfig) -> Result {
    host::client(&msg.client_id)?;
    host::client_type(&msg.client_id)?;
    for relayer in &msg.config.allowed_relayers {
        if let Err(error) = relayer.parse::<types::Address>() {
            let why = format!("invalid relayer address {relayer}: {error}");
            return Err(ibc::Error::InvalidAddress.wrap(why));
        }
    }
    Ok(())
}

pub(super) fn update_config(cx: &mut Ctx, msg: MsgUpdateClientConfig) -> Result {
    let id = &msg.client_id;
    let creator = creator(cx, id)?;
    if msg.signer != creator && msg.signer != auth::authority_address() {
        let why =
            format!("expected signer to be either {creator} or {}", auth::authority_address());
        return Err(ibc::Error::Unauthorized.wrap(why));
    }
    write(cx, format!("{id}{CONFIG}"), &msg.config)
}
