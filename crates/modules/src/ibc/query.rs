//! Queries. Refusals carry the gRPC status of the reference, the text of its error.

use ledger::{Fault, Map, Raw, Result, Routes, View, paginate};
use prost_types::Any;
use types::wire::ibc::core::{
    channel::{v1 as ch, v2},
    client::{v1 as cl, v2 as cl2},
    connection::v1 as co,
};

use super::{
    channel, channel_v2, client, connection,
    genesis::{identified, packet_of},
    host, tendermint,
};

pub(super) fn routes(r: &mut Routes<'_>) {
    r.query(client_state).query(client_states).query(consensus_state).query(consensus_states);
    r.query(consensus_heights).query(client_status).query(client_params).query(client_creator);
    r.query(upgraded_client_state).query(upgraded_consensus_state).query(verify_membership);
    r.query(config).query(counterparty_info);
    r.query(connection_end).query(connections).query(client_connections);
    r.query(connection_client_state).query(connection_consensus_state).query(connection_params);
    r.query(channel_end).query(channels).query(connection_channels).query(channel_client_state);
    r.query(channel_consensus_state).query(commitment).query(commitments).query(receipt);
    r.query(acknowledgement).query(acknowledgements).query(unreceived_packets);
    r.query(unreceived_acks).query(next_receive).query(next_send);
    r.query(next_send_v2).query(commitment_v2).query(commitments_v2).query(receipt_v2);
    r.query(acknowledgement_v2).query(acknowledgements_v2).query(unreceived_packets_v2);
    r.query(unreceived_acks_v2);
}

/// A malformed request: the text of what is wrong with it.
fn malformed(fault: Fault) -> Fault {
    Fault::invalid_argument(fault.to_string())
}

fn here(view: &View) -> cl::Height {
    client::self_height(view)
}

// Clients.

fn client_id(id: &str) -> Result {
    host::client(id).map_err(malformed)
}

fn client_state(
    view: &View,
    request: cl::QueryClientStateRequest,
) -> Result<cl::QueryClientStateResponse> {
    let id = request.client_id;
    client_id(&id)?;
    let client_state = client::state_any(view, &id)?
        .ok_or_else(|| Fault::not_found(format!("{id}: light client not found")))?;
    Ok(cl::QueryClientStateResponse {
        client_state: Some(client_state),
        proof: Vec::new(),
        proof_height: here(view),
    })
}

fn client_states(
    view: &View,
    request: cl::QueryClientStatesRequest,
) -> Result<cl::QueryClientStatesResponse> {
    let (client_states, page) =
        paginate(view, client::CLIENTS.walk(), request.pagination, |key, _| {
            let Some(id) = key.strip_suffix(client::STATE).filter(|it| !it.contains('/')) else {
                return Ok(None);
            };
            let client_state = client::state_any(view, id)?;
            Ok(Some(cl::IdentifiedClientState { client_id: id.to_owned(), client_state }))
        })?;
    Ok(cl::QueryClientStatesResponse { client_states, pagination: Some(page) })
}

fn consensus_state(
    view: &View,
    request: cl::QueryConsensusStateRequest,
) -> Result<cl::QueryConsensusStateResponse> {
    let id = request.client_id;
    client_id(&id)?;
    let height = if request.latest_height {
        client::state(view, &id)?.unwrap_or_default().latest_height
    } else if request.revision_height == 0 {
        return Err(Fault::invalid_argument("consensus state height cannot be 0"));
    } else {
        let (revision_number, revision_height) = (request.revision_number, request.revision_height);
        cl::Height { revision_number, revision_height }
    };
    let found = client::consensus_any(view, &id, &height)?.ok_or_else(|| {
        let height = tendermint::height_text(&height);
        Fault::not_found(format!("client-id: {id}, height: {height}: consensus state not found"))
    })?;
    Ok(cl::QueryConsensusStateResponse {
        consensus_state: Some(found),
        proof: Vec::new(),
        proof_height: here(view),
    })
}

/// A height of another chain, and its consensus state.
type Seen = (cl::Height, Option<Any>);

/// The heights of a client's consensus states, as their keys are ordered, with what was seen.
fn seen(
    view: &View,
    id: &str,
    pagination: Option<types::wire::cosmos::base::query::v1beta1::PageRequest>,
) -> Result<(Vec<Seen>, types::wire::cosmos::base::query::v1beta1::PageResponse)> {
    client_id(id)?;
    let prefix = format!("{id}{}", client::CONSENSUS);
    let walk = client::CLIENTS.walk().under_bytes(prefix.as_bytes());
    paginate(view, walk, pagination, |key, _| {
        let height = key.strip_prefix(&prefix).and_then(tendermint::parse_height);
        let Some(height) = height else { return Ok(None) };
        let found = client::consensus_any(view, id, &height)?;
        Ok(Some((height, found)))
    })
}

fn consensus_states(
    view: &View,
    request: cl::QueryConsensusStatesRequest,
) -> Result<cl::QueryConsensusStatesResponse> {
    let (seen, page) = seen(view, &request.client_id, request.pagination)?;
    let consensus_states = seen
        .into_iter()
        .map(|(height, consensus_state)| cl::ConsensusStateWithHeight { height, consensus_state })
        .collect();
    Ok(cl::QueryConsensusStatesResponse { consensus_states, pagination: Some(page) })
}

fn consensus_heights(
    view: &View,
    request: cl::QueryConsensusStateHeightsRequest,
) -> Result<cl::QueryConsensusStateHeightsResponse> {
    let (seen, page) = seen(view, &request.client_id, request.pagination)?;
    let consensus_state_heights = seen.into_iter().map(|it| it.0).collect();
    Ok(cl::QueryConsensusStateHeightsResponse { consensus_state_heights, pagination: Some(page) })
}

fn client_status(
    view: &View,
    request: cl::QueryClientStatusRequest,
) -> Result<cl::QueryClientStatusResponse> {
    client_id(&request.client_id)?;
    let status = client::status(view, &request.client_id)?.to_owned();
    Ok(cl::QueryClientStatusResponse { status })
}

fn client_params(
    view: &View,
    _: cl::QueryClientParamsRequest,
) -> Result<cl::QueryClientParamsResponse> {
    Ok(cl::QueryClientParamsResponse { params: Some(client::params(view)?) })
}

fn client_creator(
    view: &View,
    request: cl::QueryClientCreatorRequest,
) -> Result<cl::QueryClientCreatorResponse> {
    client_id(&request.client_id)?;
    Ok(cl::QueryClientCreatorResponse { creator: client::creator(view, &request.client_id)? })
}

/// No upgrade of this chain carries a client, so there is never one.
fn upgraded_client_state(
    _: &View,
    _: cl::QueryUpgradedClientStateRequest,
) -> Result<cl::QueryUpgradedClientStateResponse> {
    Err(Fault::not_found("upgrade plan not found"))
}

fn upgraded_consensus_state(
    view: &View,
    _: cl::QueryUpgradedConsensusStateRequest,
) -> Result<cl::QueryUpgradedConsensusStateResponse> {
    let height = view.height();
    Err(Fault::not_found(format!("upgraded consensus state not found, height {height}")))
}

fn verify_membership(
    view: &View,
    request: cl::QueryVerifyMembershipRequest,
) -> Result<cl::QueryVerifyMembershipResponse> {
    client_id(&request.client_id)?;
    let wrong = |why: &'static str| Err(Fault::invalid_argument(why));
    if request.proof.is_empty() {
        return wrong("empty proof");
    }
    if request.proof_height == cl::Height::default() {
        return wrong("proof height must be non-zero");
    }
    if request.merkle_path.key_path.is_empty() {
        return wrong("empty merkle path");
    }
    if request.value.is_empty() {
        return wrong("empty value");
    }
    client::require_active(view, &request.client_id)
        .map_err(|it| Fault::status(ledger::Status::FailedPrecondition, it.to_string()))?;
    Ok(cl::QueryVerifyMembershipResponse { success: false })
}

fn config(view: &View, request: cl2::QueryConfigRequest) -> Result<cl2::QueryConfigResponse> {
    client_id(&request.client_id)?;
    Ok(cl2::QueryConfigResponse { config: Some(client::config(view, &request.client_id)?) })
}

fn counterparty_info(
    view: &View,
    request: cl2::QueryCounterpartyInfoRequest,
) -> Result<cl2::QueryCounterpartyInfoResponse> {
    let id = request.client_id;
    client_id(&id)?;
    let info = client::counterparty(view, &id)?
        .ok_or_else(|| Fault::not_found(format!("client {id} counterparty not found")))?;
    Ok(cl2::QueryCounterpartyInfoResponse { counterparty_info: Some(info) })
}

// Connections.

fn connection_of(view: &View, id: &str, label: &str) -> Result<co::ConnectionEnd> {
    host::connection(id).map_err(malformed)?;
    connection::CONNECTIONS
        .get(view, &id.to_owned())?
        .ok_or_else(|| Fault::not_found(format!("{label}{id}: connection not found")))
}

fn connection_end(
    view: &View,
    request: co::QueryConnectionRequest,
) -> Result<co::QueryConnectionResponse> {
    let found = connection_of(view, &request.connection_id, "")?;
    Ok(co::QueryConnectionResponse {
        connection: Some(found),
        proof: Vec::new(),
        proof_height: here(view),
    })
}

fn connections(
    view: &View,
    request: co::QueryConnectionsRequest,
) -> Result<co::QueryConnectionsResponse> {
    let (connections, page) =
        paginate(view, connection::CONNECTIONS.walk(), request.pagination, |id, it| {
            let co::ConnectionEnd { client_id, versions, state, counterparty, delay_period } = it;
            Ok(Some(co::IdentifiedConnection {
                id,
                client_id,
                versions,
                state,
                counterparty,
                delay_period,
            }))
        })?;
    Ok(co::QueryConnectionsResponse { connections, pagination: Some(page), height: here(view) })
}

fn client_connections(
    view: &View,
    request: co::QueryClientConnectionsRequest,
) -> Result<co::QueryClientConnectionsResponse> {
    let id = request.client_id;
    client_id(&id)?;
    let connection_paths = connection::paths(view, &id)?.ok_or_else(|| {
        Fault::not_found(format!("{id}: light client connection paths not found"))
    })?;
    Ok(co::QueryClientConnectionsResponse {
        connection_paths,
        proof: Vec::new(),
        proof_height: here(view),
    })
}

fn identified_client(view: &View, id: &str) -> Result<cl::IdentifiedClientState> {
    let found = client::state_any(view, id)?
        .ok_or_else(|| Fault::not_found(format!("client-id: {id}: light client not found")))?;
    Ok(cl::IdentifiedClientState { client_id: id.to_owned(), client_state: Some(found) })
}

fn consensus_of(view: &View, id: &str, revision_number: u64, revision_height: u64) -> Result<Any> {
    let height = cl::Height { revision_number, revision_height };
    client::consensus_any(view, id, &height)?
        .ok_or_else(|| Fault::not_found(format!("client-id: {id}: consensus state not found")))
}

fn connection_client_state(
    view: &View,
    request: co::QueryConnectionClientStateRequest,
) -> Result<co::QueryConnectionClientStateResponse> {
    let found = connection_of(view, &request.connection_id, "connection-id: ")?;
    Ok(co::QueryConnectionClientStateResponse {
        identified_client_state: Some(identified_client(view, &found.client_id)?),
        proof: Vec::new(),
        proof_height: here(view),
    })
}

fn connection_consensus_state(
    view: &View,
    request: co::QueryConnectionConsensusStateRequest,
) -> Result<co::QueryConnectionConsensusStateResponse> {
    let client_id = connection_of(view, &request.connection_id, "connection-id: ")?.client_id;
    let found = consensus_of(view, &client_id, request.revision_number, request.revision_height)?;
    Ok(co::QueryConnectionConsensusStateResponse {
        consensus_state: Some(found),
        client_id,
        proof: Vec::new(),
        proof_height: here(view),
    })
}

fn connection_params(
    view: &View,
    _: co::QueryConnectionParamsRequest,
) -> Result<co::QueryConnectionParamsResponse> {
    Ok(co::QueryConnectionParamsResponse { params: Some(connection::params(view)?) })
}

// Channels.

fn names(port_id: &str, channel_id: &str) -> Result {
    host::port(port_id).map_err(malformed)?;
    host::channel(channel_id).map_err(malformed)
}

fn no_channel(port_id: &str, channel_id: &str, colon: &str) -> Fault {
    let text = format!("port-id: {port_id}, channel-id{colon} {channel_id}: channel not found");
    Fault::not_found(text)
}

fn channel_of(view: &View, port_id: &str, channel_id: &str) -> Result<ch::Channel> {
    names(port_id, channel_id)?;
    channel::find(view, port_id, channel_id)?.ok_or_else(|| no_channel(port_id, channel_id, ""))
}

/// The same with the other text, for what hangs on a channel.
fn require_channel(view: &View, port_id: &str, channel_id: &str) -> Result {
    if channel::find(view, port_id, channel_id)?.is_some() {
        return Ok(());
    }
    let text = format!("port ID ({port_id}) channel ID ({channel_id}): channel not found");
    Err(Fault::not_found(text))
}

fn channel_end(view: &View, request: ch::QueryChannelRequest) -> Result<ch::QueryChannelResponse> {
    let found = channel_of(view, &request.port_id, &request.channel_id)?;
    Ok(ch::QueryChannelResponse {
        channel: Some(found),
        proof: Vec::new(),
        proof_height: here(view),
    })
}

fn channels(view: &View, request: ch::QueryChannelsRequest) -> Result<ch::QueryChannelsResponse> {
    let (channels, page) =
        paginate(view, channel::CHANNELS.walk(), request.pagination, |path, end| {
            Ok(Some(identified(&path, end)))
        })?;
    Ok(ch::QueryChannelsResponse { channels, pagination: Some(page), height: here(view) })
}

fn connection_channels(
    view: &View,
    request: ch::QueryConnectionChannelsRequest,
) -> Result<ch::QueryConnectionChannelsResponse> {
    let hop = request.connection;
    host::connection(&hop).map_err(malformed)?;
    let (channels, page) =
        paginate(view, channel::CHANNELS.walk(), request.pagination, |path, end| {
            let over = end.connection_hops.first() == Some(&hop);
            Ok(over.then(|| identified(&path, end)))
        })?;
    Ok(ch::QueryConnectionChannelsResponse { channels, pagination: Some(page), height: here(view) })
}

/// The client at the end of a channel's connection.
fn client_of(view: &View, found: &ch::Channel) -> Result<String> {
    let hop = found.connection_hops.first().cloned().unwrap_or_default();
    let end = connection::CONNECTIONS
        .get(view, &hop)?
        .ok_or_else(|| Fault::not_found(format!("connection-id: {hop}: connection not found")))?;
    Ok(end.client_id)
}

fn channel_client_state(
    view: &View,
    request: ch::QueryChannelClientStateRequest,
) -> Result<ch::QueryChannelClientStateResponse> {
    let (port_id, channel_id) = (&request.port_id, &request.channel_id);
    names(port_id, channel_id)?;
    let found = channel::find(view, port_id, channel_id)?
        .ok_or_else(|| no_channel(port_id, channel_id, ":"))?;
    let id = client_of(view, &found)?;
    Ok(ch::QueryChannelClientStateResponse {
        identified_client_state: Some(identified_client(view, &id)?),
        proof: Vec::new(),
        proof_height: here(view),
    })
}

fn channel_consensus_state(
    view: &View,
    request: ch::QueryChannelConsensusStateRequest,
) -> Result<ch::QueryChannelConsensusStateResponse> {
    let found = channel_of(view, &request.port_id, &request.channel_id)?;
    let client_id = client_of(view, &found)?;
    let seen = consensus_of(view, &client_id, request.revision_number, request.revision_height)?;
    Ok(ch::QueryChannelConsensusStateResponse {
        consensus_state: Some(seen),
        client_id,
        proof: Vec::new(),
        proof_height: here(view),
    })
}

fn sequence(number: u64) -> Result {
    if number == 0 {
        return Err(Fault::invalid_argument("packet sequence cannot be 0"));
    }
    Ok(())
}

fn one(
    map: &Map<String, Vec<u8>, Raw>,
    view: &View,
    at: String,
    what: &'static str,
) -> Result<Vec<u8>> {
    let found = map.get(view, &at)?.filter(|it| !it.is_empty());
    found.ok_or_else(|| Fault::not_found(format!("{what} hash not found")))
}

fn commitment(
    view: &View,
    request: ch::QueryPacketCommitmentRequest,
) -> Result<ch::QueryPacketCommitmentResponse> {
    let (port_id, channel_id) = (&request.port_id, &request.channel_id);
    names(port_id, channel_id)?;
    sequence(request.sequence)?;
    require_channel(view, port_id, channel_id)?;
    let at = channel::packet_path(port_id, channel_id, request.sequence);
    Ok(ch::QueryPacketCommitmentResponse {
        commitment: one(&channel::COMMITMENTS, view, at, "packet commitment")?,
        proof: Vec::new(),
        proof_height: here(view),
    })
}

fn packet_state(path: &str, data: Vec<u8>) -> Option<ch::PacketState> {
    let (port_id, channel_id, sequence) = packet_of(path)?;
    let (port_id, channel_id) = (port_id.to_owned(), channel_id.to_owned());
    Some(ch::PacketState { port_id, channel_id, sequence, data })
}

fn commitments(
    view: &View,
    request: ch::QueryPacketCommitmentsRequest,
) -> Result<ch::QueryPacketCommitmentsResponse> {
    let (port_id, channel_id) = (&request.port_id, &request.channel_id);
    names(port_id, channel_id)?;
    require_channel(view, port_id, channel_id)?;
    let prefix = format!("{}/", channel::path(port_id, channel_id));
    let walk = channel::COMMITMENTS.walk().under_bytes(prefix.as_bytes());
    let (commitments, page) =
        paginate(view, walk, request.pagination, |path, data| Ok(packet_state(&path, data)))?;
    let height = here(view);
    Ok(ch::QueryPacketCommitmentsResponse { commitments, pagination: Some(page), height })
}

fn receipt(
    view: &View,
    request: ch::QueryPacketReceiptRequest,
) -> Result<ch::QueryPacketReceiptResponse> {
    let (port_id, channel_id) = (&request.port_id, &request.channel_id);
    names(port_id, channel_id)?;
    sequence(request.sequence)?;
    require_channel(view, port_id, channel_id)?;
    let at = channel::packet_path(port_id, channel_id, request.sequence);
    Ok(ch::QueryPacketReceiptResponse {
        received: channel::RECEIPTS.has(view, &at)?,
        proof: Vec::new(),
        proof_height: here(view),
    })
}

fn acknowledgement(
    view: &View,
    request: ch::QueryPacketAcknowledgementRequest,
) -> Result<ch::QueryPacketAcknowledgementResponse> {
    let (port_id, channel_id) = (&request.port_id, &request.channel_id);
    names(port_id, channel_id)?;
    sequence(request.sequence)?;
    require_channel(view, port_id, channel_id)?;
    let at = channel::packet_path(port_id, channel_id, request.sequence);
    Ok(ch::QueryPacketAcknowledgementResponse {
        acknowledgement: one(&channel::ACKS, view, at, "packet acknowledgement")?,
        proof: Vec::new(),
        proof_height: here(view),
    })
}

fn acknowledgements(
    view: &View,
    request: ch::QueryPacketAcknowledgementsRequest,
) -> Result<ch::QueryPacketAcknowledgementsResponse> {
    let (port_id, channel_id) = (&request.port_id, &request.channel_id);
    names(port_id, channel_id)?;
    require_channel(view, port_id, channel_id)?;
    let height = here(view);
    let wanted = &request.packet_commitment_sequences;
    if !wanted.is_empty() {
        let mut acknowledgements = Vec::new();
        for number in wanted {
            sequence(*number)?;
            let at = channel::packet_path(port_id, channel_id, *number);
            if let Some(data) = channel::ACKS.get(view, &at)? {
                acknowledgements.extend(packet_state(&at, data));
            }
        }
        return Ok(ch::QueryPacketAcknowledgementsResponse {
            acknowledgements,
            pagination: None,
            height,
        });
    }
    let prefix = format!("{}/", channel::path(port_id, channel_id));
    let walk = channel::ACKS.walk().under_bytes(prefix.as_bytes());
    let (acknowledgements, page) =
        paginate(view, walk, request.pagination, |path, data| Ok(packet_state(&path, data)))?;
    Ok(ch::QueryPacketAcknowledgementsResponse { acknowledgements, pagination: Some(page), height })
}

/// Those numbers that `known` does not know.
fn missing(numbers: Vec<u64>, known: impl Fn(u64) -> Result<bool>) -> Result<Vec<u64>> {
    let mut missing = Vec::new();
    for (at, number) in numbers.into_iter().enumerate() {
        if number == 0 {
            return Err(Fault::invalid_argument(format!("packet sequence {at} cannot be 0")));
        }
        if !known(number)? {
            missing.push(number);
        }
    }
    Ok(missing)
}

fn unreceived_packets(
    view: &View,
    request: ch::QueryUnreceivedPacketsRequest,
) -> Result<ch::QueryUnreceivedPacketsResponse> {
    let (port_id, channel_id) = (&request.port_id, &request.channel_id);
    let found = channel_of(view, port_id, channel_id)?;
    let next = channel::NEXT_RECV.get(view, &channel::path(port_id, channel_id))?.unwrap_or(0);
    let is_ordered = found.ordering == i32::from(ch::Order::Ordered);
    let sequences = missing(request.packet_commitment_sequences, |number| {
        let at = channel::packet_path(port_id, channel_id, number);
        if is_ordered { Ok(number < next) } else { channel::RECEIPTS.has(view, &at) }
    })?;
    Ok(ch::QueryUnreceivedPacketsResponse { sequences, height: here(view) })
}

fn unreceived_acks(
    view: &View,
    request: ch::QueryUnreceivedAcksRequest,
) -> Result<ch::QueryUnreceivedAcksResponse> {
    let (port_id, channel_id) = (&request.port_id, &request.channel_id);
    names(port_id, channel_id)?;
    require_channel(view, port_id, channel_id)?;
    let sequences = missing(request.packet_ack_sequences, |number| {
        let at = channel::packet_path(port_id, channel_id, number);
        Ok(!channel::COMMITMENTS.has(view, &at)?)
    })?;
    Ok(ch::QueryUnreceivedAcksResponse { sequences, height: here(view) })
}

/// 0 for a channel that keeps no order.
fn next_receive(
    view: &View,
    request: ch::QueryNextSequenceReceiveRequest,
) -> Result<ch::QueryNextSequenceReceiveResponse> {
    let (port_id, channel_id) = (&request.port_id, &request.channel_id);
    let found = channel_of(view, port_id, channel_id)?;
    let next_sequence_receive = if found.ordering == i32::from(ch::Order::Unordered) {
        0
    } else {
        channel::NEXT_RECV.get(view, &channel::path(port_id, channel_id))?.unwrap_or(0)
    };
    Ok(ch::QueryNextSequenceReceiveResponse {
        next_sequence_receive,
        proof: Vec::new(),
        proof_height: here(view),
    })
}

fn next_send(
    view: &View,
    request: ch::QueryNextSequenceSendRequest,
) -> Result<ch::QueryNextSequenceSendResponse> {
    let (port_id, channel_id) = (&request.port_id, &request.channel_id);
    names(port_id, channel_id)?;
    let next_sequence_send =
        channel::NEXT_SEND.get(view, &channel::path(port_id, channel_id))?.ok_or_else(|| {
            let text =
                format!("port-id: {port_id}, channel-id {channel_id}: sequence send not found");
            Fault::not_found(text)
        })?;
    Ok(ch::QueryNextSequenceSendResponse {
        next_sequence_send,
        proof: Vec::new(),
        proof_height: here(view),
    })
}

// Version 2, where a client is the channel.

fn next_send_v2(
    view: &View,
    request: v2::QueryNextSequenceSendRequest,
) -> Result<v2::QueryNextSequenceSendResponse> {
    let id = request.client_id;
    client_id(&id)?;
    let next_sequence_send = channel_v2::NEXT_SEND
        .get(view, &id)?
        .ok_or_else(|| Fault::not_found(format!("client-id {id}: sequence send not found")))?;
    Ok(v2::QueryNextSequenceSendResponse {
        next_sequence_send,
        proof: Vec::new(),
        proof_height: here(view),
    })
}

fn commitment_v2(
    view: &View,
    request: v2::QueryPacketCommitmentRequest,
) -> Result<v2::QueryPacketCommitmentResponse> {
    client_id(&request.client_id)?;
    sequence(request.sequence)?;
    let commitment = channel_v2::COMMITMENTS
        .get(view, &(request.client_id, request.sequence))?
        .ok_or_else(|| Fault::not_found("packet commitment hash not found"))?;
    Ok(v2::QueryPacketCommitmentResponse {
        commitment,
        proof: Vec::new(),
        proof_height: here(view),
    })
}

fn commitments_v2(
    view: &View,
    request: v2::QueryPacketCommitmentsRequest,
) -> Result<v2::QueryPacketCommitmentsResponse> {
    client_id(&request.client_id)?;
    let walk = channel_v2::COMMITMENTS.walk().under(&request.client_id);
    let (commitments, page) =
        paginate(view, walk, request.pagination, |(client_id, sequence), data| {
            Ok(Some(v2::PacketState { client_id, sequence, data }))
        })?;
    let height = here(view);
    Ok(v2::QueryPacketCommitmentsResponse { commitments, pagination: Some(page), height })
}

fn receipt_v2(
    view: &View,
    request: v2::QueryPacketReceiptRequest,
) -> Result<v2::QueryPacketReceiptResponse> {
    client_id(&request.client_id)?;
    sequence(request.sequence)?;
    Ok(v2::QueryPacketReceiptResponse {
        received: channel_v2::RECEIPTS.has(view, &(request.client_id, request.sequence))?,
        proof: Vec::new(),
        proof_height: here(view),
    })
}

fn acknowledgement_v2(
    view: &View,
    request: v2::QueryPacketAcknowledgementRequest,
) -> Result<v2::QueryPacketAcknowledgementResponse> {
    client_id(&request.client_id)?;
    sequence(request.sequence)?;
    let acknowledgement = channel_v2::ACKS
        .get(view, &(request.client_id, request.sequence))?
        .ok_or_else(|| Fault::not_found("packet acknowledgement hash not found"))?;
    Ok(v2::QueryPacketAcknowledgementResponse {
        acknowledgement,
        proof: Vec::new(),
        proof_height: here(view),
    })
}

fn acknowledgements_v2(
    view: &View,
    request: v2::QueryPacketAcknowledgementsRequest,
) -> Result<v2::QueryPacketAcknowledgementsResponse> {
    client_id(&request.client_id)?;
    let walk = channel_v2::ACKS.walk().under(&request.client_id);
    let (acknowledgements, page) =
        paginate(view, walk, request.pagination, |(client_id, sequence), data| {
            Ok(Some(v2::PacketState { client_id, sequence, data }))
        })?;
    let height = here(view);
    Ok(v2::QueryPacketAcknowledgementsResponse { acknowledgements, pagination: Some(page), height })
}

fn unreceived_packets_v2(
    view: &View,
    request: v2::QueryUnreceivedPacketsRequest,
) -> Result<v2::QueryUnreceivedPacketsResponse> {
    let id = request.client_id;
    client_id(&id)?;
    let sequences =
        missing(request.sequences, |it| channel_v2::RECEIPTS.has(view, &(id.clone(), it)))?;
    Ok(v2::QueryUnreceivedPacketsResponse { sequences, height: here(view) })
}

fn unreceived_acks_v2(
    view: &View,
    request: v2::QueryUnreceivedAcksRequest,
) -> Result<v2::QueryUnreceivedAcksResponse> {
    let id = request.client_id;
    client_id(&id)?;
    let sequences = missing(request.packet_ack_sequences, |it| {
        Ok(!channel_v2::COMMITMENTS.has(view, &(id.clone(), it))?)
    })?;
    Ok(v2::QueryUnreceivedAcksResponse { sequences, height: here(view) })
}
