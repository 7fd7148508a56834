//! Channels and packets: opened from this side over the port of transfers, never answered, so that
//! no packet leaves or arrives.

use ledger::{Ctx, Item, Map, Plain, Raw, Result, View};
use types::wire::ibc::core::channel::v1::{
    Channel, Counterparty, MsgAcknowledgement, MsgAcknowledgementResponse, MsgChannelCloseConfirm,
    MsgChannelCloseInit, MsgChannelOpenAck, MsgChannelOpenConfirm, MsgChannelOpenInit,
    MsgChannelOpenInitResponse, MsgChannelOpenTry, MsgChannelOpenTryResponse, MsgRecvPacket,
    MsgRecvPacketResponse, MsgTimeout, MsgTimeoutOnClose, MsgTimeoutOnCloseResponse,
    MsgTimeoutResponse, Order, Packet, State,
};

use super::{
    STORE, client, connection,
    errors::{channel::Error, commitment, connection as connections, ibc, port},
    host,
};

// State. Keys are paths of ports and channels, as proofs name them.
pub(super) const NEXT: Item<u64, Plain> = Item::new(STORE, b"nextChannelSequence");
pub(super) const CHANNELS: Map<String, Channel> = Map::new(STORE, b"channelEnds/");
pub(super) const NEXT_SEND: Map<String, u64, Plain> = Map::new(STORE, b"nextSequenceSend/");
pub(super) const NEXT_RECV: Map<String, u64, Plain> = Map::new(STORE, b"nextSequenceRecv/");
pub(super) const NEXT_ACK: Map<String, u64, Plain> = Map::new(STORE, b"nextSequenceAck/");
pub(super) const COMMITMENTS: Map<String, Vec<u8>, Raw> = Map::new(STORE, b"commitments/");
pub(super) const ACKS: Map<String, Vec<u8>, Raw> = Map::new(STORE, b"acks/");
pub(super) const RECEIPTS: Map<String, Vec<u8>, Raw> = Map::new(STORE, b"receipts/");

/// The one application that packets are for.
const TRANSFER: &str = "transfer";
const TRANSFER_VERSION: &str = "ics20-1";

/// `ports/transfer/channels/channel-0`.
pub(super) fn path(port_id: &str, channel_id: &str) -> String {
    format!("ports/{port_id}/channels/{channel_id}")
}

/// Port and channel of such a path.
pub(super) fn of_path(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix("ports/")?.split_once("/channels/")
}

pub(super) fn packet_path(port_id: &str, channel_id: &str, sequence: u64) -> String {
    format!("{}/sequences/{sequence}", path(port_id, channel_id))
}

pub(crate) fn find(view: &View, port_id: &str, channel_id: &str) -> Result<Option<Channel>> {
    CHANNELS.get(view, &path(port_id, channel_id))
}

fn load(view: &View, port_id: &str, channel_id: &str) -> Result<Channel> {
    find(view, port_id, channel_id)?.ok_or_else(|| not_found(port_id, channel_id))
}

fn not_found(port_id: &str, channel_id: &str) -> ledger::Fault {
    Error::NotFound.wrap(format!("port ID ({port_id}) channel ID ({channel_id})"))
}

fn state_name(state: i32) -> &'static str {
    State::try_from(state).unwrap_or(State::UninitializedUnspecified).as_str_name()
}

fn order_name(order: i32) -> &'static str {
    Order::try_from(order).unwrap_or(Order::NoneUnspecified).as_str_name()
}

/// What sending over a channel asks first: `channel/5` while it is not open.
pub(crate) fn require_open(channel: &Channel) -> Result {
    if channel.state == i32::from(State::Open) {
        return Ok(());
    }
    let got = state_name(channel.state);
    Err(Error::InvalidState.wrap(format!("channel is not OPEN (got {got})")))
}

// Stateless checks.

fn check_port(id: &str) -> Result {
    host::port(id).map_err(|it| it.context("invalid port ID"))
}

fn check_id(id: &str) -> Result {
    if host::is_channel(id) { Ok(()) } else { Err(Error::InvalidId.into()) }
}

fn check_channel(channel: &Channel) -> Result {
    let state = State::try_from(channel.state).unwrap_or(State::UninitializedUnspecified);
    if state == State::UninitializedUnspecified {
        return Err(Error::InvalidState.into());
    }
    if !matches!(Order::try_from(channel.ordering), Ok(Order::Ordered | Order::Unordered)) {
        return Err(Error::InvalidOrdering.wrap(order_name(channel.ordering)));
    }
    let [hop] = channel.connection_hops.as_slice() else {
        return Err(Error::TooManyHops.wrap("current IBC version only supports one connection hop"));
    };
    host::connection(hop).map_err(|it| it.context("invalid connection hop ID"))?;
    let Counterparty { port_id, channel_id } = &channel.counterparty;
    host::port(port_id).map_err(|it| it.context("invalid counterparty port ID"))?;
    if !channel_id.is_empty() {
        host::channel(channel_id).map_err(|it| it.context("invalid counterparty channel ID"))?;
    }
    Ok(())
}

fn check_proof(proof: &[u8], which: &str) -> Result {
    if !proof.is_empty() {
        return Ok(());
    }
    Err(commitment::Error::InvalidProof.wrap(format!("cannot submit an empty {which} proof")))
}

pub(super) fn check_open_init(msg: &MsgChannelOpenInit) -> Result {
    check_port(&msg.port_id)?;
    if msg.channel.state != i32::from(State::Init) {
        let got = state_name(msg.channel.state);
        let why = format!(
            "channel state must be INIT in MsgChannelOpenInit. expected: STATE_INIT, got: {got}"
        );
        return Err(Error::InvalidState.wrap(why));
    }
    if !msg.channel.counterparty.channel_id.is_empty() {
        let why = "counterparty channel identifier must be empty";
        return Err(Error::InvalidCounterparty.wrap(why));
    }
    check_channel(&msg.channel)
}

pub(super) fn check_open_try(msg: &MsgChannelOpenTry) -> Result {
    check_port(&msg.port_id)?;
    if !msg.previous_channel_id.is_empty() {
        let why = "previous channel identifier must be empty, this field has been deprecated as \
                   crossing hellos are no longer supported";
        return Err(Error::InvalidId.wrap(why));
    }
    check_proof(&msg.proof_init, "init")?;
    if msg.channel.state != i32::from(State::Tryopen) {
        let got = state_name(msg.channel.state);
        let why = format!(
            "channel state must be TRYOPEN in MsgChannelOpenTry. expected: STATE_TRYOPEN, got: \
             {got}"
        );
        return Err(Error::InvalidState.wrap(why));
    }
    host::channel(&msg.channel.counterparty.channel_id)
        .map_err(|it| it.context("invalid counterparty channel ID"))?;
    check_channel(&msg.channel)
}

pub(super) fn check_open_ack(msg: &MsgChannelOpenAck) -> Result {
    check_port(&msg.port_id)?;
    check_id(&msg.channel_id)?;
    host::channel(&msg.counterparty_channel_id)
        .map_err(|it| it.context("invalid counterparty channel ID"))?;
    check_proof(&msg.proof_try, "try")
}

pub(super) fn check_open_confirm(msg: &MsgChannelOpenConfirm) -> Result {
    check_port(&msg.port_id)?;
    check_id(&msg.channel_id)?;
    check_proof(&msg.proof_ack, "acknowledgement")
}

pub(super) fn check_close_init(msg: &MsgChannelCloseInit) -> Result {
    check_port(&msg.port_id)?;
    check_id(&msg.channel_id)
}

pub(super) fn check_close_confirm(msg: &MsgChannelCloseConfirm) -> Result {
    check_port(&msg.port_id)?;
    check_id(&msg.channel_id)?;
    check_proof(&msg.proof_init, "init")
}

fn check_packet(packet: &Packet) -> Result {
    host::port(&packet.source_port).map_err(|it| it.context("invalid source port ID"))?;
    host::port(&packet.destination_port).map_err(|it| it.context("invalid destination port ID"))?;
    host::channel(&packet.source_channel).map_err(|it| it.context("invalid source channel ID"))?;
    host::channel(&packet.destination_channel)
        .map_err(|it| it.context("invalid destination channel ID"))?;
    let refuse = |why: &str| Err(Error::InvalidPacket.wrap(why));
    if packet.sequence == 0 {
        return refuse("packet sequence cannot be 0");
    }
    let height = &packet.timeout_height;
    if height.revision_number == 0 && height.revision_height == 0 && packet.timeout_timestamp == 0 {
        return refuse("packet timeout height and packet timeout timestamp cannot both be 0");
    }
    if packet.data.is_empty() {
        return refuse("packet data bytes cannot be empty");
    }
    Ok(())
}

pub(super) fn check_recv(msg: &MsgRecvPacket) -> Result {
    check_proof(&msg.proof_commitment, "commitment")?;
    check_packet(&msg.packet)
}

fn check_next_recv(sequence: u64) -> Result {
    if sequence > 0 {
        return Ok(());
    }
    Err(sequence_zero())
}

fn sequence_zero() -> ledger::Fault {
    ledger::Fault::registered("sdk", 3, "invalid sequence")
        .context("next sequence receive cannot be 0")
}

pub(super) fn check_timeout(msg: &MsgTimeout) -> Result {
    check_proof(&msg.proof_unreceived, "unreceived")?;
    check_next_recv(msg.next_sequence_recv)?;
    check_packet(&msg.packet)
}

pub(super) fn check_timeout_on_close(msg: &MsgTimeoutOnClose) -> Result {
    check_next_recv(msg.next_sequence_recv)?;
    check_proof(&msg.proof_unreceived, "unreceived")?;
    check_proof(&msg.proof_close, "of closed counterparty channel end")?;
    check_packet(&msg.packet)
}

pub(super) fn check_acknowledgement(msg: &MsgAcknowledgement) -> Result {
    check_proof(&msg.proof_acked, "acknowledgement")?;
    if msg.acknowledgement.is_empty() {
        return Err(Error::InvalidAcknowledgement.wrap("ack bytes cannot be empty"));
    }
    check_packet(&msg.packet)
}

// Opening.

/// Whether anything answers on a port: `port/5` otherwise.
fn require_route(port_id: &str) -> Result {
    if port_id == TRANSFER || port_id.starts_with("wasm") {
        return Ok(());
    }
    Err(port::Error::InvalidRoute.wrap(format!("route not found to module: {port_id}")))
}

pub(super) fn open_init(
    cx: &mut Ctx,
    msg: MsgChannelOpenInit,
) -> Result<MsgChannelOpenInitResponse> {
    let MsgChannelOpenInit { port_id, mut channel, .. } = msg;
    require_route(&port_id)?;
    let id =
        verify_open(cx, &channel).map_err(|it| it.context("channel handshake open init failed"))?;
    channel.version = ask_application(&port_id, &channel).map_err(|it| {
        it.context(format!(
            "channel open init callback failed for port ID: {port_id}, channel ID: {id}"
        ))
    })?;
    let at = path(&port_id, &id);
    CHANNELS.set(cx, &at, &channel)?;
    for next in [&NEXT_SEND, &NEXT_RECV, &NEXT_ACK] {
        next.set(cx, &at, &1)?;
    }
    let hop = channel.connection_hops.first().map_or("", String::as_str);
    cx.emit_plain(
        "channel_open_init",
        [
            ("port_id", &*port_id),
            ("channel_id", &id),
            ("counterparty_port_id", &channel.counterparty.port_id),
            ("connection_id", hop),
            ("version", &channel.version),
        ],
    );
    cx.emit_plain("message", [("module", "ibc_channel")]);
    Ok(MsgChannelOpenInitResponse { channel_id: id, version: channel.version })
}

/// The connection under a channel must be one, speak its order, and stand on an active client.
fn verify_open(cx: &mut Ctx, channel: &Channel) -> Result<String> {
    let hop = channel.connection_hops.first().map_or("", String::as_str);
    let connection = connection::load(cx, hop)?;
    let [version] = connection.versions.as_slice() else {
        let why = "single version must be negotiated on connection before opening channel";
        return Err(connections::Error::InvalidVersion.wrap(why));
    };
    let order = order_name(channel.ordering);
    if !version.features.iter().any(|it| it == order) {
        let why = format!("connection version does not support channel ordering: {order}");
        return Err(connections::Error::InvalidVersion.wrap(why));
    }
    client::require_active(cx, &connection.client_id)?;
    let number = NEXT.get_or_default(cx)?;
    NEXT.set(cx, &number.saturating_add(1))?;
    Ok(format!("channel-{number}"))
}

/// What the application of transfers asks of its channels; the version it speaks.
fn ask_application(port_id: &str, channel: &Channel) -> Result<String> {
    if port_id != TRANSFER {
        let why = format!("no contract answers on port {port_id}");
        return Err(port::Error::InvalidPort.wrap(why));
    }
    if channel.ordering != i32::from(Order::Unordered) {
        let why =
            format!("expected ORDER_UNORDERED channel, got {} ", order_name(channel.ordering));
        return Err(Error::InvalidOrdering.wrap(why));
    }
    match channel.version.trim() {
        "" | TRANSFER_VERSION => Ok(TRANSFER_VERSION.to_owned()),
        other => Err(crate::transfer::Error::InvalidVersion
            .wrap(format!("expected [{TRANSFER_VERSION}], got {other}"))),
    }
}

// What rests on the other chain's word.

pub(super) fn open_try(cx: &mut Ctx, msg: MsgChannelOpenTry) -> Result<MsgChannelOpenTryResponse> {
    require_route(&msg.port_id)?;
    let refused = |cx: &Ctx| -> Result {
        let hop = msg.channel.connection_hops.first().map_or("", String::as_str);
        connection::require_open(&connection::load(cx, hop)?)?;
        Err(connection::unverified())
    };
    refused(cx).map_err(|it| it.context("channel handshake open try failed"))?;
    Ok(MsgChannelOpenTryResponse::default())
}

/// Refuses what finds its channel in another state, or on a connection that is not open.
fn require_state(view: &View, channel: &Channel, wanted: State) -> Result {
    if channel.state != i32::from(wanted) {
        let (got, wanted) = (state_name(channel.state), wanted.as_str_name());
        let wanted = wanted.trim_start_matches("STATE_");
        let why = format!("channel state should be {wanted} (got {got})");
        return Err(Error::InvalidState.wrap(why));
    }
    let hop = channel.connection_hops.first().map_or("", String::as_str);
    connection::require_open(&connection::load(view, hop)?)
}

pub(super) fn open_ack(cx: &mut Ctx, msg: MsgChannelOpenAck) -> Result {
    require_route(&msg.port_id)?;
    let acknowledge = |cx: &Ctx| -> Result {
        require_state(cx, &load(cx, &msg.port_id, &msg.channel_id)?, State::Init)?;
        Err(connection::unverified())
    };
    acknowledge(cx).map_err(|it| it.context("channel handshake open ack failed"))
}

pub(super) fn open_confirm(cx: &mut Ctx, msg: MsgChannelOpenConfirm) -> Result {
    require_route(&msg.port_id)?;
    let confirm = |cx: &Ctx| -> Result {
        require_state(cx, &load(cx, &msg.port_id, &msg.channel_id)?, State::Tryopen)?;
        Err(connection::unverified())
    };
    confirm(cx).map_err(|it| it.context("channel handshake open confirm failed"))
}

/// Nobody closes a channel of transfers.
pub(super) fn close_init(_: &mut Ctx, msg: MsgChannelCloseInit) -> Result {
    let MsgChannelCloseInit { port_id, channel_id, .. } = msg;
    require_route(&port_id)?;
    let context = format!(
        "channel close init callback failed for port ID: {port_id}, channel ID: {channel_id}"
    );
    Err(ibc::Error::InvalidRequest.wrap("user cannot close channel").context(context))
}

pub(super) fn close_confirm(cx: &mut Ctx, msg: MsgChannelCloseConfirm) -> Result {
    require_route(&msg.port_id)?;
    let confirm = |cx: &Ctx| -> Result {
        let channel = load(cx, &msg.port_id, &msg.channel_id)?;
        if channel.state == i32::from(State::Closed) {
            return Err(Error::InvalidState.wrap("channel is already CLOSED"));
        }
        let hop = channel.connection_hops.first().map_or("", String::as_str);
        connection::require_open(&connection::load(cx, hop)?)?;
        Err(connection::unverified())
    };
    confirm(cx).map_err(|it| it.context("channel handshake close confirm failed"))
}

pub(super) fn recv(cx: &mut Ctx, msg: MsgRecvPacket) -> Result<MsgRecvPacketResponse> {
    let MsgRecvPacket { packet, .. } = msg;
    require_route(&packet.destination_port)?;
    let receive = |cx: &Ctx| -> Result {
        let channel = load(cx, &packet.destination_port, &packet.destination_channel)?;
        require_open(&channel)?;
        Err(connection::unverified())
    };
    receive(cx).map_err(|it| it.context("receive packet verification failed"))?;
    Ok(MsgRecvPacketResponse::default())
}

/// A packet's channel on the side that sent it, which must face where the packet went.
fn of_sent(view: &View, packet: &Packet) -> Result<Channel> {
    let channel = load(view, &packet.source_port, &packet.source_channel)?;
    let Counterparty { port_id, channel_id } = &channel.counterparty;
    for (what, given, facing) in [
        ("port", &packet.destination_port, port_id),
        ("channel", &packet.destination_channel, channel_id),
    ] {
        if given != facing {
            let why = format!(
                "packet destination {what} doesn't match the counterparty's {what} ({given} ≠ \
                 {facing})"
            );
            return Err(Error::InvalidPacket.wrap(why));
        }
    }
    Ok(channel)
}

pub(super) fn timeout(cx: &mut Ctx, msg: MsgTimeout) -> Result<MsgTimeoutResponse> {
    require_route(&msg.packet.source_port)?;
    let end = |cx: &Ctx| of_sent(cx, &msg.packet).and_then(|_| Err(connection::unverified()));
    end(cx).map_err(|it: ledger::Fault| it.context("timeout packet verification failed"))
}

pub(super) fn timeout_on_close(
    cx: &mut Ctx,
    msg: MsgTimeoutOnClose,
) -> Result<MsgTimeoutOnCloseResponse> {
    require_route(&msg.packet.source_port)?;
    let end = |cx: &Ctx| of_sent(cx, &msg.packet).and_then(|_| Err(connection::unverified()));
    end(cx).map_err(|it: ledger::Fault| it.context("timeout on close packet verification failed"))
}

pub(super) fn acknowledgement(
    cx: &mut Ctx,
    msg: MsgAcknowledgement,
) -> Result<MsgAcknowledgementResponse> {
    let MsgAcknowledgement { packet, .. } = msg;
    require_route(&packet.source_port)?;
    let acknowledge = |cx: &Ctx| -> Result<MsgAcknowledgementResponse> {
        require_open(&load(cx, &packet.source_port, &packet.source_channel)?)?;
        of_sent(cx, &packet)?;
        Err(connection::unverified())
    };
    acknowledge(cx).map_err(|it| it.context("acknowledge packet verification failed"))
}
