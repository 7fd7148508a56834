//! Packets of version 2, where a client is the channel: refused, since no packet leaves or arrives.

use ledger::{Ctx, Map, Plain, Raw, Result, View};
use types::wire::ibc::core::channel::v2::{
    MsgAcknowledgement, MsgAcknowledgementResponse, MsgRecvPacket, MsgRecvPacketResponse,
    MsgSendPacket, MsgSendPacketResponse, MsgTimeout, MsgTimeoutResponse, Packet, Payload,
};

use super::{
    STORE, client, connection,
    errors::{channel_v2::Error, client_v2, commitment},
    host,
};

// State, by client and sequence.
pub(super) const COMMITMENTS: Map<(String, u64), Vec<u8>, Raw> = Map::new(STORE, &[1]);
pub(super) const RECEIPTS: Map<(String, u64), Vec<u8>, Raw> = Map::new(STORE, &[2]);
pub(super) const ACKS: Map<(String, u64), Vec<u8>, Raw> = Map::new(STORE, &[3]);
pub(super) const ASYNC: Map<(String, u64), Vec<u8>, Raw> = Map::new(STORE, &[4]);
pub(super) const NEXT_SEND: Map<String, u64, Plain> = Map::new(STORE, &[5]);

fn check_payload(it: &Payload) -> Result {
    host::port(&it.source_port).map_err(|it| it.context("invalid source port ID"))?;
    host::port(&it.destination_port).map_err(|it| it.context("invalid destination port ID"))?;
    let refuse = |why: &str| Err(Error::InvalidPayload.wrap(why));
    if it.version.trim().is_empty() {
        return refuse("payload version cannot be empty");
    }
    if it.encoding.trim().is_empty() {
        return refuse("payload encoding cannot be empty");
    }
    if it.value.is_empty() {
        return refuse("payload value cannot be empty");
    }
    Ok(())
}

fn check_packet(packet: &Packet) -> Result {
    let [payload] = packet.payloads.as_slice() else {
        return Err(Error::InvalidPacket.wrap("payloads must contain exactly one payload"));
    };
    check_payload(payload).map_err(|it| it.context("invalid Payload"))?;
    host::channel(&packet.source_client).map_err(|it| it.context("invalid source ID"))?;
    host::channel(&packet.destination_client).map_err(|it| it.context("invalid destination ID"))?;
    if packet.sequence == 0 {
        return Err(Error::InvalidPacket.wrap("packet sequence cannot be 0"));
    }
    if packet.timeout_timestamp == 0 {
        return Err(Error::InvalidPacket.wrap("packet timeout timestamp cannot be 0"));
    }
    Ok(())
}

fn check_proof(proof: &[u8], why: &str) -> Result {
    if proof.is_empty() { Err(commitment::Error::InvalidProof.wrap(why)) } else { Ok(()) }
}

pub(super) fn check_send(msg: &MsgSendPacket) -> Result {
    host::client(&msg.source_client)?;
    check_timeout_time(msg.timeout_timestamp)?;
    let [payload] = msg.payloads.as_slice() else {
        return Err(Error::InvalidPayload.wrap("payloads must contain exactly one payload"));
    };
    check_payload(payload)
}

/// The end of a packet's life, in seconds: `channelv2/8` for none.
pub(crate) fn check_timeout_time(seconds: u64) -> Result {
    if seconds == 0 { Err(Error::InvalidTimeout.wrap("timeout must not be 0")) } else { Ok(()) }
}

pub(super) fn check_recv(msg: &MsgRecvPacket) -> Result {
    check_proof(&msg.proof_commitment, "proof commitment can not be empty")?;
    check_packet(&msg.packet)
}

pub(super) fn check_timeout(msg: &MsgTimeout) -> Result {
    check_proof(&msg.proof_unreceived, "proof unreceived can not be empty")?;
    check_packet(&msg.packet)
}

pub(super) fn check_acknowledgement(msg: &MsgAcknowledgement) -> Result {
    check_proof(&msg.proof_acked, "cannot submit an empty acknowledgement proof")?;
    let [one] = msg.acknowledgement.app_acknowledgements.as_slice() else {
        let why = "app acknowledgements must be of length one";
        return Err(Error::InvalidAcknowledgement.wrap(why));
    };
    if one.is_empty() {
        return Err(Error::InvalidAcknowledgement.wrap("app acknowledgement cannot be empty"));
    }
    check_packet(&msg.packet)
}

/// What sending from a client asks: `clientv2/35` while it has no counterparty.
pub(crate) fn send_from(view: &View, source: &str) -> Result {
    let send = || -> Result {
        require_counterparty(view, source)?;
        client::require_active(view, source)?;
        Err(connection::unverified())
    };
    send().map_err(|it| it.context(format!("send packet failed for source id: {source}")))
}

fn require_counterparty(view: &View, id: &str) -> Result {
    if client::counterparty(view, id)?.is_some() {
        return Ok(());
    }
    let why = format!("counterparty not found for client: {id}");
    Err(client_v2::Error::CounterpartyNotFound.wrap(why))
}

pub(super) fn send(cx: &mut Ctx, msg: MsgSendPacket) -> Result<MsgSendPacketResponse> {
    send_from(cx, &msg.source_client)?;
    Ok(MsgSendPacketResponse::default())
}

pub(super) fn recv(cx: &mut Ctx, msg: MsgRecvPacket) -> Result<MsgRecvPacketResponse> {
    let id = &msg.packet.destination_client;
    let refused = require_counterparty(cx, id).err().unwrap_or_else(connection::unverified);
    Err(refused
        .context(format!("receive packet failed for source id: {}", msg.packet.source_client)))
}

pub(super) fn timeout(cx: &mut Ctx, msg: MsgTimeout) -> Result<MsgTimeoutResponse> {
    let id = &msg.packet.source_client;
    let refused = require_counterparty(cx, id).err().unwrap_or_else(connection::unverified);
    Err(refused.context(format!("timeout packet failed for source id: {id}")))
}

pub(super) fn acknowledgement(
    cx: &mut Ctx,
    msg: MsgAcknowledgement,
) -> Result<MsgAcknowledgementResponse> {
    let id = &msg.packet.source_client;
    let refused = require_counterparty(cx, id).err().unwrap_or_else(connection::unverified);
    Err(refused.context(format!("acknowledge packet failed for source id: {id}")))
}
