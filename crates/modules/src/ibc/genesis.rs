//! Genesis: all that the store holds, also packets of a chain that had some.
//!
//! As in the reference, who made a client and its list of relayers are not part of the document.

use std::collections::BTreeMap;

use ledger::{Ctx, Fault, Map, Plain, Raw, Result, View};
use types::wire::ibc::core::{
    channel::{
        v1::{Channel, IdentifiedChannel, PacketSequence, PacketState},
        v2,
    },
    client::{
        v1::{
            ClientConsensusStates, ConsensusStateWithHeight, GenesisMetadata,
            IdentifiedClientState, IdentifiedGenesisMetadata,
        },
        v2::{CounterpartyInfo, GenesisCounterpartyInfo},
    },
    connection::v1::{ConnectionEnd, ConnectionPaths, IdentifiedConnection},
    types::v1::GenesisState,
};

use super::{channel, channel_v2, client, connection, host, tendermint};

pub(super) fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
    let clients = genesis.client_genesis;
    client::check_params(&clients.params)?;
    client::PARAMS.set(cx, &clients.params)?;
    client::NEXT.set(cx, &clients.next_client_sequence)?;
    for it in clients.clients {
        host::client(&it.client_id)?;
        tendermint::check_state(&tendermint::unpack(it.client_state.as_ref())?)?;
        let state = it.client_state.unwrap_or_default();
        client::write(cx, format!("{}{}", it.client_id, client::STATE), &state)?;
    }
    for it in clients.clients_consensus {
        for seen in it.consensus_states {
            let height = tendermint::height_text(&seen.height);
            tendermint::check_consensus(&tendermint::unpack(seen.consensus_state.as_ref())?)?;
            let key = format!("{}{}{height}", it.client_id, client::CONSENSUS);
            client::write(cx, key, &seen.consensus_state.unwrap_or_default())?;
        }
    }
    for it in clients.clients_metadata {
        for GenesisMetadata { key, value } in it.client_metadata {
            let key = String::from_utf8(key)
                .map_err(|_| Fault::plain("metadata of a client whose key is no text"))?;
            client::CLIENTS.set(cx, &format!("{}/{key}", it.client_id), &value)?;
        }
    }
    for it in genesis.client_v2_genesis.counterparty_infos {
        client::set_counterparty(cx, &it.client_id, &it.counterparty_info)?;
    }
    let connections = genesis.connection_genesis;
    connection::check_params(&connections.params)?;
    connection::PARAMS.set(cx, &connections.params)?;
    connection::NEXT.set(cx, &connections.next_connection_sequence)?;
    for it in connections.connections {
        let IdentifiedConnection { id, client_id, versions, state, counterparty, delay_period } =
            it;
        let end = ConnectionEnd { client_id, versions, state, counterparty, delay_period };
        connection::CONNECTIONS.set(cx, &id, &end)?;
    }
    let itself = connection::OF_LOCALHOST.to_owned();
    connection::CONNECTIONS.set(cx, &itself, &connection::localhost())?;
    for ConnectionPaths { client_id, paths } in connections.client_connection_paths {
        connection::set_paths(cx, &client_id, paths)?;
    }
    let channels = genesis.channel_genesis;
    channel::NEXT.set(cx, &channels.next_channel_sequence)?;
    for it in channels.channels {
        let IdentifiedChannel { state, ordering, counterparty, connection_hops, version, .. } = it;
        let end = Channel { state, ordering, counterparty, connection_hops, version };
        channel::CHANNELS.set(cx, &channel::path(&it.port_id, &it.channel_id), &end)?;
    }
    for (map, packets) in [
        (&channel::ACKS, channels.acknowledgements),
        (&channel::COMMITMENTS, channels.commitments),
        (&channel::RECEIPTS, channels.receipts),
    ] {
        for PacketState { port_id, channel_id, sequence, data } in packets {
            map.set(cx, &channel::packet_path(&port_id, &channel_id, sequence), &data)?;
        }
    }
    for (map, sequences) in [
        (&channel::NEXT_SEND, channels.send_sequences),
        (&channel::NEXT_RECV, channels.recv_sequences),
        (&channel::NEXT_ACK, channels.ack_sequences),
    ] {
        for PacketSequence { port_id, channel_id, sequence } in sequences {
            map.set(cx, &channel::path(&port_id, &channel_id), &sequence)?;
        }
    }
    let packets = genesis.channel_v2_genesis;
    for (map, packets) in [
        (&channel_v2::ACKS, packets.acknowledgements),
        (&channel_v2::COMMITMENTS, packets.commitments),
        (&channel_v2::RECEIPTS, packets.receipts),
        (&channel_v2::ASYNC, packets.async_packets),
    ] {
        for v2::PacketState { client_id, sequence, data } in packets {
            map.set(cx, &(client_id, sequence), &data)?;
        }
    }
    for v2::PacketSequence { client_id, sequence } in packets.send_sequences {
        channel_v2::NEXT_SEND.set(cx, &client_id, &sequence)?;
    }
    Ok(())
}

pub(super) fn export(view: &View) -> Result<GenesisState> {
    let mut genesis = GenesisState::default();
    clients(view, &mut genesis)?;
    genesis.client_genesis.params = client::params(view)?;
    genesis.client_genesis.next_client_sequence = client::NEXT.get_or_default(view)?;
    let connections = &mut genesis.connection_genesis;
    connections.params = connection::params(view)?;
    connections.next_connection_sequence = connection::NEXT.get_or_default(view)?;
    for it in connection::CONNECTIONS.iter(view) {
        let (id, ConnectionEnd { client_id, versions, state, counterparty, delay_period }) = it?;
        if id == connection::OF_LOCALHOST {
            continue;
        }
        let it =
            IdentifiedConnection { id, client_id, versions, state, counterparty, delay_period };
        connections.connections.push(it);
    }
    let channels = &mut genesis.channel_genesis;
    channels.next_channel_sequence = channel::NEXT.get_or_default(view)?;
    for it in channel::CHANNELS.iter(view) {
        let (path, end) = it?;
        channels.channels.push(identified(&path, end));
    }
    channels.acknowledgements = packets(view, &channel::ACKS)?;
    channels.commitments = packets(view, &channel::COMMITMENTS)?;
    channels.receipts = packets(view, &channel::RECEIPTS)?;
    channels.send_sequences = sequences(view, &channel::NEXT_SEND)?;
    channels.recv_sequences = sequences(view, &channel::NEXT_RECV)?;
    channels.ack_sequences = sequences(view, &channel::NEXT_ACK)?;
    let of_clients = &mut genesis.channel_v2_genesis;
    of_clients.acknowledgements = packets_v2(view, &channel_v2::ACKS)?;
    of_clients.commitments = packets_v2(view, &channel_v2::COMMITMENTS)?;
    of_clients.receipts = packets_v2(view, &channel_v2::RECEIPTS)?;
    of_clients.async_packets = packets_v2(view, &channel_v2::ASYNC)?;
    for it in channel_v2::NEXT_SEND.iter(view) {
        let (client_id, sequence) = it?;
        of_clients.send_sequences.push(v2::PacketSequence { client_id, sequence });
    }
    Ok(genesis)
}

/// Everything under `clients/`, sorted into the lists of the document.
fn clients(view: &View, genesis: &mut GenesisState) -> Result {
    let mut consensus: BTreeMap<String, Vec<ConsensusStateWithHeight>> = BTreeMap::new();
    let mut metadata: BTreeMap<String, Vec<GenesisMetadata>> = BTreeMap::new();
    for it in client::CLIENTS.iter(view) {
        let (key, value) = it?;
        let Some((id, rest)) = key.split_once('/') else { continue };
        let (client_id, any) = (id.to_owned(), || client::read(view, key.clone()));
        if rest == client::STATE.trim_start_matches('/') {
            let client_state = any()?;
            genesis.client_genesis.clients.push(IdentifiedClientState { client_id, client_state });
        } else if client::is_metadata(rest) {
            let it = GenesisMetadata { key: rest.as_bytes().to_vec(), value };
            metadata.entry(client_id).or_default().push(it);
        } else if let Some(height) = rest.strip_prefix("consensusStates/") {
            let height = tendermint::parse_height(height).unwrap_or_default();
            let it = ConsensusStateWithHeight { height, consensus_state: any()? };
            consensus.entry(client_id).or_default().push(it);
        } else if rest == "connections" {
            let paths = connection::paths(view, id)?.unwrap_or_default();
            let it = ConnectionPaths { client_id, paths };
            genesis.connection_genesis.client_connection_paths.push(it);
        } else if rest == "counterparty" {
            let counterparty_info: CounterpartyInfo =
                client::counterparty(view, id)?.unwrap_or_default();
            let it = GenesisCounterpartyInfo { client_id, counterparty_info };
            genesis.client_v2_genesis.counterparty_infos.push(it);
        }
    }
    let all = consensus.into_iter();
    genesis.client_genesis.clients_consensus = all
        .map(|(client_id, consensus_states)| ClientConsensusStates { client_id, consensus_states })
        .collect();
    let all = metadata.into_iter();
    genesis.client_genesis.clients_metadata = all
        .map(|(client_id, client_metadata)| IdentifiedGenesisMetadata {
            client_id,
            client_metadata,
        })
        .collect();
    Ok(())
}

/// A channel with its names, which its key tells.
pub(super) fn identified(path: &str, end: Channel) -> IdentifiedChannel {
    let (port_id, channel_id) = channel::of_path(path).unwrap_or_default();
    let Channel { state, ordering, counterparty, connection_hops, version } = end;
    let (port_id, channel_id) = (port_id.to_owned(), channel_id.to_owned());
    IdentifiedChannel {
        state,
        ordering,
        counterparty,
        connection_hops,
        version,
        port_id,
        channel_id,
    }
}

/// Port, channel and sequence of a packet's key.
pub(super) fn packet_of(path: &str) -> Option<(&str, &str, u64)> {
    let (channel, sequence) = path.split_once("/sequences/")?;
    let (port_id, channel_id) = channel::of_path(channel)?;
    Some((port_id, channel_id, sequence.parse().ok()?))
}

fn packets(view: &View, map: &Map<String, Vec<u8>, Raw>) -> Result<Vec<PacketState>> {
    let mut all = Vec::new();
    for it in map.iter(view) {
        let (path, data) = it?;
        let (port_id, channel_id, sequence) = packet_of(&path).unwrap_or_default();
        let (port_id, channel_id) = (port_id.to_owned(), channel_id.to_owned());
        all.push(PacketState { port_id, channel_id, sequence, data });
    }
    Ok(all)
}

fn sequences(view: &View, map: &Map<String, u64, Plain>) -> Result<Vec<PacketSequence>> {
    let mut all = Vec::new();
    for it in map.iter(view) {
        let (path, sequence) = it?;
        let (port_id, channel_id) = channel::of_path(&path).unwrap_or_default();
        let (port_id, channel_id) = (port_id.to_owned(), channel_id.to_owned());
        all.push(PacketSequence { port_id, channel_id, sequence });
    }
    Ok(all)
}

fn packets_v2(view: &View, map: &Map<(String, u64), Vec<u8>, Raw>) -> Result<Vec<v2::PacketState>> {
    let mut all = Vec::new();
    for it in map.iter(view) {
        let ((client_id, sequence), data) = it?;
        all.push(v2::PacketState { client_id, sequence, data });
    }
    Ok(all)
}
