//! IBC as a chain shows it that no other chain talks to: clients, connections and channels are
//! created, looked at and kept over an export; a header, a proof or a packet is refused after every
//! check that does not need to verify another chain (cosmos.md 7.1).
//!
//! Calls: auth. Called by: transfer. Owns: store `ibc`, keys as ICS-24 names them.

mod channel;
mod channel_v2;
mod client;
mod connection;
mod errors;
mod genesis;
mod host;
mod query;
mod tendermint;
#[cfg(test)]
mod tests;

use ledger::{Ctx, Module, Result, Routes, View};
use types::wire::ibc::core::types::v1::GenesisState;

pub(crate) use channel::{find as find_channel, require_open};
pub(crate) use channel_v2::{check_timeout_time, send_from};
pub(crate) use client::require_authority;
pub(crate) use errors::ibc::Error;
pub(crate) use host::{channel as check_channel_id, port as check_port_id};

const STORE: &str = "ibc";

pub struct Ibc;

impl Module for Ibc {
    const NAME: &'static str = "ibc";
    type Genesis = GenesisState;

    fn routes(r: &mut Routes<'_>) {
        r.msg_checked(client::check_create, client::create);
        r.msg_checked(client::check_update, client::update);
        r.msg_checked(client::check_upgrade, client::upgrade);
        r.msg_checked(client::check_misbehaviour, client::misbehaviour);
        r.msg_checked(client::check_recover, client::recover);
        r.msg_checked(client::check_update_params, client::update_params);
        r.msg_checked(client::check_delete_creator, client::delete_creator);
        r.msg_checked(client::check_register, client::register);
        r.msg_checked(client::check_config, client::update_config);
        r.msg_checked(connection::check_open_init, connection::open_init);
        r.msg_checked(connection::check_open_try, connection::open_try);
        r.msg_checked(connection::check_open_ack, connection::open_ack);
        r.msg_checked(connection::check_open_confirm, connection::open_confirm);
        r.msg_checked(connection::check_update_params, connection::update_params);
        r.msg_checked(channel::check_open_init, channel::open_init);
        r.msg_checked(channel::check_open_try, channel::open_try);
        r.msg_checked(channel::check_open_ack, channel::open_ack);
        r.msg_checked(channel::check_open_confirm, channel::open_confirm);
        r.msg_checked(channel::check_close_init, channel::close_init);
        r.msg_checked(channel::check_close_confirm, channel::close_confirm);
        r.msg_checked(channel::check_recv, channel::recv);
        r.msg_checked(channel::check_timeout, channel::timeout);
        r.msg_checked(channel::check_timeout_on_close, channel::timeout_on_close);
        r.msg_checked(channel::check_acknowledgement, channel::acknowledgement);
        r.msg_checked(channel_v2::check_send, channel_v2::send);
        r.msg_checked(channel_v2::check_recv, channel_v2::recv);
        r.msg_checked(channel_v2::check_timeout, channel_v2::timeout);
        r.msg_checked(channel_v2::check_acknowledgement, channel_v2::acknowledgement);
        query::routes(r);
    }

    fn default_genesis() -> GenesisState {
        let mut genesis = GenesisState::default();
        genesis.client_genesis.params = client::default_params();
        genesis.connection_genesis.params = connection::default_params();
        genesis
    }

    fn init(cx: &mut Ctx, genesis: GenesisState) -> Result {
        genesis::init(cx, genesis)
    }

    fn export(view: &View) -> Result<GenesisState> {
        genesis::export(view)
    }
}

/// The light client of CometBFT chains: a name of the reference's list, without state of its own.
pub struct Tendermint;

impl Module for Tendermint {
    const NAME: &'static str = "07-tendermint";
    type Genesis = ();

    fn routes(_: &mut Routes<'_>) {}
    fn init(_: &mut Ctx, (): ()) -> Result {
        Ok(())
    }
    fn export(_: &View) -> Result<()> {
        Ok(())
    }
}
