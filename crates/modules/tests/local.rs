//! A local network from its genesis to a settled lease: signed transactions through the whole
//! pipeline, in each denomination that deployments are paid in. Money in equals money out.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeMap;

use ledger::{
    Config,
    testing::{Node, Signer},
};
use modules::{Market, genesis};
use prost::{Message, Name};
use types::{
    Address, Coin, Coins, DecCoin,
    ids::{BidId, DeploymentId},
    wire::{
        akash::{
            base::{
                deposit::v1::{Deposit, Source},
                resources::v1beta4::{Cpu, Gpu, Memory, ResourceValue, Resources, Storage},
            },
            bme::v1::{MsgBurnAct, MsgMintAct},
            deployment::v1beta4::{
                GroupSpec, MsgCloseDeployment, MsgCreateDeployment, QueryDeploymentRequest,
                QueryDeploymentResponse, ResourceUnit,
            },
            market::v1beta5::{MsgCreateBid, MsgCreateLease, MsgWithdrawLease},
            provider::v1beta4::{Info, MsgCreateProvider},
        },
        cosmos::bank::v1beta1::{
            QueryBalanceRequest, QueryBalanceResponse, QueryDenomMetadataRequest,
            QueryDenomMetadataResponse, QuerySupplyOfRequest, QuerySupplyOfResponse,
        },
        haggle::deployment::v1::{QueryParamsRequest, QueryParamsResponse},
    },
};

const RICH: u64 = 1_000_000_000;
const FEE: u64 = 5000;

/// One network with a tenant, account 0, and a provider, account 1.
struct Local {
    node: Node<Market>,
    tenant: Signer,
    provider: Signer,
    fees: BTreeMap<String, u64>,
}

impl Local {
    fn new() -> Self {
        let signer = |number: u64| {
            let mut signer = Signer::new(number, "test-1");
            signer.account_number = number;
            signer.fee = vec![Coin::new("uakt", FEE).into()];
            signer
        };
        let (tenant, provider) = (signer(0), signer(1));
        let coins = || Coins::new(genesis::DENOMS.map(|it| Coin::new(it, RICH))).unwrap();
        let state = genesis::local(&[(tenant.address(), coins()), (provider.address(), coins())]);
        let node = Node::new(&state, Config::default());
        Self { node, tenant, provider, fees: BTreeMap::new() }
    }

    /// Signs, commits in a block of its own and demands success.
    fn send<M: Message + Name>(&mut self, by_tenant: bool, message: &M) {
        let signer = if by_tenant { &mut self.tenant } else { &mut self.provider };
        let tx = signer.sign_one(message);
        signer.sequence += 1;
        *self.fees.entry(signer.address().to_string()).or_default() += FEE;
        let answer = self.node.block(vec![tx]);
        assert_eq!(answer.tx_results[0].code, 0, "{}", answer.tx_results[0].log);
    }

    fn balance(&self, of: &Address, denom: &str) -> u64 {
        let request = QueryBalanceRequest { address: of.to_string(), denom: denom.to_owned() };
        let path = "/cosmos.bank.v1beta1.Query/Balance";
        let answer: QueryBalanceResponse = self.node.query(path, &request).unwrap();
        answer.balance.unwrap().amount.parse().unwrap()
    }

    fn supply(&self, denom: &str) -> u64 {
        let request = QuerySupplyOfRequest { denom: denom.to_owned() };
        let path = "/cosmos.bank.v1beta1.Query/SupplyOf";
        let answer: QuerySupplyOfResponse = self.node.query(path, &request).unwrap();
        answer.amount.amount.parse().unwrap()
    }

    /// Fees are paid in uakt.
    fn fees(&self, of: &Address, denom: &str) -> u64 {
        if denom == "uakt" { self.fees[&of.to_string()] } else { 0 }
    }
}

fn deposit(amount: u64, denom: &str) -> Deposit {
    Deposit { amount: Coin::new(denom, amount).into(), sources: vec![Source::Balance.into()] }
}

fn group(price: &DecCoin) -> GroupSpec {
    let value = |text: &str| ResourceValue { val: text.into() };
    let resource = Resources {
        id: 1,
        cpu: Some(Cpu { units: value("100"), attributes: Vec::new() }),
        memory: Some(Memory { quantity: value("134217728"), attributes: Vec::new() }),
        storage: vec![Storage {
            name: "default".to_owned(),
            quantity: value("134217728"),
            attributes: Vec::new(),
        }],
        gpu: Some(Gpu { units: value("0"), attributes: Vec::new() }),
        endpoints: Vec::new(),
    };
    let unit = ResourceUnit { resource, count: 2, price: price.into() };
    GroupSpec { name: "local".to_owned(), resources: vec![unit], ..GroupSpec::default() }
}

#[test]
fn a_lease_is_settled_to_the_last_unit_in_every_denomination() {
    for denom in genesis::DENOMS {
        let mut local = Local::new();
        let (tenant, provider) = (local.tenant.address(), local.provider.address());
        local.send(
            false,
            &MsgCreateProvider {
                owner: provider.to_string(),
                host_uri: "https://localhost:8443".to_owned(),
                attributes: Vec::new(),
                info: Info::default(),
            },
        );
        let id = DeploymentId { owner: tenant.clone(), dseq: 7 };
        let most: DecCoin = format!("40.5{denom}").parse().unwrap();
        local.send(
            true,
            &MsgCreateDeployment {
                id: (&id).into(),
                groups: vec![group(&most)],
                hash: vec![1; 32],
                deposit: deposit(5_000_000, denom),
                reclamation: None,
            },
        );
        let bid: BidId = id.group(1).order(1).bid(provider.clone());
        local.send(
            false,
            &MsgCreateBid {
                id: (&bid).into(),
                price: format!("80.25{denom}").parse::<DecCoin>().unwrap().into(),
                deposit: deposit(500_000, denom),
                resources_offer: Vec::new(),
                reclamation_window: None,
            },
        );
        local.send(true, &MsgCreateLease { bid_id: (&bid).into() });
        for _ in 0..9 {
            local.node.block(Vec::new());
        }
        local.send(false, &MsgWithdrawLease { id: bid.lease().into() });
        // Ten blocks at 80.25, cut to whole units.
        let earned = local.balance(&provider, denom) + local.fees(&provider, denom) + 500_000;
        assert_eq!(earned, RICH + 802);
        local.node.block(Vec::new());
        local.send(true, &MsgCloseDeployment { id: (&id).into() });

        // Two more blocks: 160.5, cut to 160.
        let paid = 802 + 160;
        let fees = |of| local.fees(of, denom);
        assert_eq!(local.balance(&provider, denom), RICH + paid - fees(&provider));
        assert_eq!(local.balance(&tenant, denom), RICH - paid - fees(&tenant));
        assert_eq!(local.balance(&Address::of_module("escrow"), denom), 0);
        // Fees and what is minted as rewards go on to the distribution.
        let holders = ["fee_collector", "distribution"].map(Address::of_module);
        let collected: u64 = holders.iter().map(|it| local.balance(it, denom)).sum();
        let vault = local.balance(&Address::of_module("bme"), denom);
        let minted = local.supply(denom) - 2 * RICH - vault;
        assert_eq!(collected, fees(&tenant) + fees(&provider) + minted);
        assert_eq!(minted > 0, denom == "uakt");

        let request = QueryDeploymentRequest { id: (&id).into() };
        let path = "/akash.deployment.v1beta4.Query/Deployment";
        let shown: QueryDeploymentResponse = local.node.query(path, &request).unwrap();
        let account = shown.escrow_account.state;
        let transferred = DecCoin::try_from(&account.transferred[0]).unwrap();
        assert_eq!(transferred, format!("{paid}{denom}").parse().unwrap());
        assert!(account.deposits.is_empty());
    }
}

#[test]
fn a_local_network_says_what_it_can_be_paid_in() {
    let mut local = Local::new();
    local.node.block(Vec::new());
    let answer: QueryParamsResponse =
        local.node.query("/haggle.deployment.v1.Query/Params", &QueryParamsRequest {}).unwrap();
    assert_eq!(answer.params.denoms, genesis::DENOMS);
    for denom in genesis::DENOMS {
        let request = QueryDenomMetadataRequest { denom: denom.to_owned() };
        let path = "/cosmos.bank.v1beta1.Query/DenomMetadata";
        let answer: QueryDenomMetadataResponse = local.node.query(path, &request).unwrap();
        let shown = answer.metadata;
        assert_eq!(shown.denom_units.last().unwrap().exponent, 6);
        assert_eq!(shown.denom_units.last().unwrap().denom, shown.display);
    }
}

#[test]
fn a_local_network_swaps_akt_for_compute_credit_from_the_start() {
    let mut local = Local::new();
    let tenant = local.tenant.address();
    for _ in 0..2 {
        local.node.block(Vec::new());
    }
    local.send(
        true,
        &MsgMintAct {
            owner: tenant.to_string(),
            to: tenant.to_string(),
            coins_to_burn: Coin::new("uakt", 8_000_000u64).into(),
        },
    );
    for _ in 0..6 {
        local.node.block(Vec::new());
    }
    // Ten ACT at 1.25, less 25 basis points.
    assert_eq!(local.balance(&tenant, "uact"), RICH + 10_000_000 - 25_000);
    local.send(
        true,
        &MsgBurnAct {
            owner: tenant.to_string(),
            to: tenant.to_string(),
            coins_to_burn: Coin::new("uact", 5_000_000u64).into(),
        },
    );
    for _ in 0..6 {
        local.node.block(Vec::new());
    }
    let fees = local.fees(&tenant, "uakt");
    assert_eq!(local.balance(&tenant, "uakt"), RICH - 8_000_000 + 4_000_000 - fees);
}
