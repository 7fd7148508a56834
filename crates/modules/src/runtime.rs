//! The single list that binds the chapters. Orders are the reference's (cosmos.md 4.2), whole:
//! names of chapters that are not there are skipped, so a new one finds its place.

use crate::{
    ante, audit, auth, authz, awasm, bank, bme, cert, consensus, denoms, deployment, distribution,
    epochs, escrow, evidence, feegrant, genutil, gov, ibc, limits, market, mint, oracle, params,
    provider, receipts, slashing, staking, transfer, upgrade, vesting, wasm,
};

ledger::runtime! {
    /// The ledger of the market.
    pub struct Market;
    modules: auth::Auth, bank::Bank, limits::Limits, consensus::Consensus, authz::Authz,
        feegrant::Feegrant, vesting::Vesting, staking::Staking,
        distribution::Distribution, mint::Mint, params::Params, upgrade::Upgrade, gov::Gov,
        slashing::Slashing, evidence::Evidence, ibc::Ibc, ibc::Tendermint, transfer::Transfer, genutil::Genutil, epochs::Epochs, oracle::Oracle, bme::Bme, awasm::Awasm, wasm::Wasm, escrow::Escrow, provider::Provider,
        audit::Audit, cert::Cert, denoms::Denoms, receipts::Receipts, deployment::Deployment, market::Market;
    ante: ante::Ante;
    pre_block: "upgrade", "auth";
    genesis: "auth", "authz", "limits", "bank", "distribution", "staking", "slashing", "gov", "vesting",
        "params", "audit", "upgrade", "mint", "crisis", "ibc", "07-tendermint", "evidence", "transfer",
        "consensus",
        "feegrant", "cert", "oracle", "denoms", "receipts", "deployment", "provider", "market", "genutil",
        "epochs", "bme", "escrow", "awasm", "wasm";
    begin_block: "epochs", "07-tendermint", "audit", "auth", "authz", "awasm", "bank", "cert",
        "consensus", "denoms", "deployment", "distribution", "feegrant", "genutil", "gov", "limits",
        "market", "mint", "oracle", "params", "provider", "receipts", "transfer", "upgrade", "vesting",
        "slashing", "bme", "wasm", "evidence", "escrow", "staking", "ibc";
    end_block: "gov", "staking", "07-tendermint", "audit", "auth", "authz", "awasm", "bank", "bme",
        "cert", "consensus", "denoms", "deployment", "distribution", "epochs", "escrow",
        "evidence", "feegrant", "genutil", "ibc", "market", "mint", "oracle", "params", "provider",
        "receipts", "slashing", "transfer", "upgrade", "vesting", "wasm", "limits";
}

#[cfg(test)]
mod tests {
    use super::Market;

    #[test]
    fn every_chapter_stands_in_every_order() {
        assert_eq!(ledger::forgotten::<Market>(), []);
    }

    #[test]
    fn the_default_genesis_holds_and_comes_back_from_its_export() {
        let chain = ledger::testing::Chain::<Market>::new(serde_json::json!({}));
        chain.assert_invariants();
        let exported = chain.export();
        let again = ledger::testing::Chain::<Market>::new(exported.clone());
        assert_eq!(again.export(), exported);
    }
}
