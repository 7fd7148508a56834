//! A network in the middle of its life, and every message of the market for it.

use ledger::{
    Config,
    sign::PublicKey,
    testing::{Node, Signer},
};
use modules::{Market, genesis};
use prost::{Message, Name};
use prost_types::{Any, Duration, Timestamp};
use types::{
    Address, BidId, Coin, Coins, DecCoin, DeploymentId,
    wire::{
        akash::{
            audit::v1::{MsgDeleteProviderAttributes, MsgSignProviderAttributes},
            base::{
                attributes::v1::{Attribute, PlacementRequirements},
                deposit::v1::{Deposit, Source},
                resources::v1beta4::{Cpu, Gpu, Memory, ResourceValue, Resources, Storage},
            },
            cert::v1::{Id as CertificateId, MsgCreateCertificate, MsgRevokeCertificate},
            deployment::{
                v1::DeploymentReclamation,
                v1beta4::{
                    GroupSpec, MsgCloseDeployment, MsgCloseGroup, MsgCreateDeployment,
                    MsgPauseGroup, MsgStartGroup, MsgUpdateDeployment, ResourceUnit,
                },
            },
            escrow::{
                id::v1::{Account, Scope as AccountScope},
                v1::{DepositAuthorization, MsgAccountDeposit, deposit_authorization::Scope},
            },
            market::v1beta5::{
                MsgCloseBid, MsgCloseLease, MsgCreateBid, MsgCreateLease, MsgLeaseStartReclaim,
                MsgWithdrawLease, ResourceOffer,
            },
            provider::v1beta4::{Info, MsgCreateProvider, MsgDeleteProvider, MsgUpdateProvider},
        },
        cosmos::{
            auth::v1beta1::{QueryAccountInfoRequest, QueryAccountInfoResponse},
            authz::v1beta1::{Grant, MsgGrant, MsgRevoke},
            bank::v1beta1::MsgSend,
        },
        haggle::market::v1::MsgDeclineOrder,
    },
};

use super::sign::multisig_key;

/// A tenant, account 0, and a provider, account 1; each fee is 5000uakt. A multisig with some coins.
pub(crate) struct Town {
    pub(crate) node: Node<Market>,
    pub(crate) people: [Signer; 2],
    pub(crate) multisig: Address,
    pub(crate) multisig_number: u64,
}

pub(crate) const TENANT: usize = 0;
pub(crate) const PROVIDER: usize = 1;

impl Town {
    /// Deployment 1 is leased with notice, 2 has an open order with a bid, 3 is closed, 4 overdrawn
    /// and 5 paused.
    pub(crate) fn new() -> Self {
        let people = [0u64, 1].map(|number| {
            let mut signer = Signer::new(number, "test-1");
            signer.account_number = number;
            signer.fee = vec![Coin::new("uakt", 5000u64).into()];
            signer
        });
        let coins = || Coins::new(genesis::DENOMS.map(|it| Coin::new(it, 1u64 << 40))).unwrap();
        let accounts = [0, 1].map(|it: usize| (people[it].address(), coins()));
        let node = Node::new(&genesis::local(&accounts), Config::default());
        let multisig = PublicKey::from_any(&multisig_key()).unwrap().address();
        let mut town = Self { node, people, multisig, multisig_number: 0 };
        town.send(PROVIDER, &town.provider());
        for dseq in 1..=5 {
            let price = if dseq == 4 { "100000uact" } else { "100uact" };
            town.send(TENANT, &town.create(dseq, price));
            town.send(PROVIDER, &town.bid(dseq, price));
            if dseq != 2 {
                town.send(TENANT, &MsgCreateLease { bid_id: (&town.id(dseq)).into() });
            }
        }
        town.send(TENANT, &MsgCloseDeployment { id: (&town.deployment(3)).into() });
        for _ in 0..6 {
            town.node.block(Vec::new());
        }
        town.fund_multisig();
        town.send(PROVIDER, &MsgWithdrawLease { id: (&town.id(4).lease()).into() });
        town.send(TENANT, &MsgPauseGroup { id: (&town.id(5).group()).into() });
        town
    }

    fn fund_multisig(&mut self) {
        let address = self.multisig.to_string();
        let coins = MsgSend {
            from_address: self.address(TENANT).to_string(),
            to_address: address.clone(),
            amount: vec![Coin::new("uakt", 1u64 << 30).into()],
        };
        self.send(TENANT, &coins);
        let request = QueryAccountInfoRequest { address };
        let path = "/cosmos.auth.v1beta1.Query/AccountInfo";
        let found: QueryAccountInfoResponse = self.node.query(path, &request).unwrap();
        self.multisig_number = found.info.unwrap().account_number;
    }

    pub(crate) fn send<M: Message + Name>(&mut self, who: usize, message: &M) {
        let tx = self.people[who].sign_one(message);
        self.people[who].sequence += 1;
        let answer = self.node.block(vec![tx]);
        assert_eq!(answer.tx_results[0].code, 0, "{}", answer.tx_results[0].log);
    }

    pub(crate) fn address(&self, who: usize) -> Address {
        self.people[who].address()
    }

    pub(crate) fn deployment(&self, dseq: u64) -> DeploymentId {
        DeploymentId { owner: self.address(TENANT), dseq }
    }

    pub(crate) fn id(&self, dseq: u64) -> BidId {
        self.deployment(dseq).group(1).order(1).bid(self.address(PROVIDER))
    }

    pub(crate) fn provider(&self) -> MsgCreateProvider {
        MsgCreateProvider {
            owner: self.address(PROVIDER).to_string(),
            host_uri: "https://provider.example.com:8443".to_owned(),
            attributes: vec![attribute("region", "eu")],
            info: Info::default(),
        }
    }

    pub(crate) fn create(&self, dseq: u64, price: &str) -> MsgCreateDeployment {
        MsgCreateDeployment {
            id: (&self.deployment(dseq)).into(),
            groups: vec![group(price)],
            hash: vec![7; 32],
            deposit: deposit(),
            reclamation: Some(DeploymentReclamation {
                min_window: Duration { seconds: 60, nanos: 0 },
            }),
        }
    }

    pub(crate) fn bid(&self, dseq: u64, price: &str) -> MsgCreateBid {
        MsgCreateBid {
            id: (&self.id(dseq)).into(),
            price: price.parse::<DecCoin>().unwrap().into(),
            deposit: deposit(),
            resources_offer: vec![ResourceOffer { resources: resources(), count: 1, prices: None }],
            reclamation_window: Some(Duration { seconds: 3600, nanos: 0 }),
        }
    }

    /// Every message of the market with who signs it. Some are refused as they are.
    pub(crate) fn messages(&self) -> Vec<(usize, Any)> {
        let (tenant, provider) = (self.address(TENANT), self.address(PROVIDER));
        let mut all = Vec::new();
        for dseq in [1, 2, 3, 4, 5, 6] {
            let (deployment, bid) = (self.deployment(dseq), self.id(dseq));
            let (group, lease) = (bid.group(), bid.lease());
            let account =
                Account { scope: AccountScope::Deployment.into(), xid: deployment.to_string() };
            all.extend([
                (TENANT, any(&self.create(dseq, "100uact"))),
                (TENANT, any(&MsgUpdateDeployment { id: (&deployment).into(), hash: vec![8; 32] })),
                (TENANT, any(&MsgCloseDeployment { id: (&deployment).into() })),
                (TENANT, any(&MsgCloseGroup { id: (&group).into() })),
                (TENANT, any(&MsgPauseGroup { id: (&group).into() })),
                (TENANT, any(&MsgStartGroup { id: (&group).into() })),
                (TENANT, any(&MsgCreateLease { bid_id: (&bid).into() })),
                (TENANT, any(&MsgCloseLease { id: (&lease).into(), reason: 1 })),
                (
                    TENANT,
                    any(&MsgAccountDeposit {
                        signer: tenant.to_string(),
                        id: account,
                        deposit: deposit(),
                    }),
                ),
                (PROVIDER, any(&self.bid(dseq, "90uact"))),
                (PROVIDER, any(&MsgCloseBid { id: (&bid).into(), reason: 10_000 })),
                (PROVIDER, any(&MsgWithdrawLease { id: (&lease).into() })),
                (PROVIDER, any(&MsgLeaseStartReclaim { id: (&lease).into(), reason: 10_000 })),
                (
                    PROVIDER,
                    any(&MsgDeclineOrder {
                        id: (&bid.order()).into(),
                        provider: provider.to_string(),
                        dimension: 1,
                        subject: "uact".to_owned(),
                        shortfall: "20".to_owned(),
                    }),
                ),
            ]);
        }
        all.extend(self.other_messages(&tenant, &provider));
        all
    }

    pub(crate) fn other_messages(&self, tenant: &Address, provider: &Address) -> Vec<(usize, Any)> {
        let (tenant, provider) = (tenant.to_string(), provider.to_string());
        let record = self.provider();
        let authorization = DepositAuthorization {
            spend_limit: Coin::new("uakt", 0u64).into(),
            scopes: vec![Scope::Deployment.into()],
            spend_limits: vec![Coin::new("uact", 900u64).into()],
        };
        vec![
            (PROVIDER, any(&record)),
            (
                PROVIDER,
                any(&MsgUpdateProvider {
                    owner: provider.clone(),
                    host_uri: record.host_uri,
                    attributes: vec![attribute("region", "us"), attribute("tier", "a")],
                    info: Info::default(),
                }),
            ),
            (PROVIDER, any(&MsgDeleteProvider { owner: provider.clone() })),
            (
                TENANT,
                any(&MsgSignProviderAttributes {
                    owner: provider.clone(),
                    auditor: tenant.clone(),
                    attributes: vec![attribute("region", "eu")],
                }),
            ),
            (
                TENANT,
                any(&MsgDeleteProviderAttributes {
                    owner: provider.clone(),
                    auditor: tenant.clone(),
                    keys: vec!["region".to_owned()],
                }),
            ),
            (
                TENANT,
                any(&MsgCreateCertificate {
                    owner: tenant.clone(),
                    cert: b"-----BEGIN CERTIFICATE-----".to_vec(),
                    pubkey: b"-----BEGIN EC PUBLIC KEY-----".to_vec(),
                }),
            ),
            (
                TENANT,
                any(&MsgRevokeCertificate {
                    id: CertificateId { owner: tenant.clone(), serial: "1".to_owned() },
                }),
            ),
            (
                TENANT,
                any(&MsgGrant {
                    granter: tenant.clone(),
                    grantee: provider.clone(),
                    grant: Grant {
                        authorization: Some(any(&authorization)),
                        expiration: Some(Timestamp { seconds: 1_800_000_000, nanos: 0 }),
                    },
                }),
            ),
            (
                TENANT,
                any(&MsgRevoke {
                    granter: tenant.clone(),
                    grantee: provider.clone(),
                    msg_type_url: MsgAccountDeposit::type_url(),
                }),
            ),
            (
                TENANT,
                any(&MsgSend {
                    from_address: tenant,
                    to_address: provider,
                    amount: vec![Coin::new("uact", 5u64).into()],
                }),
            ),
        ]
    }

    /// The root after a block with this transaction, and the transaction's code.
    pub(crate) fn root(&self, txs: Vec<Vec<u8>>) -> (Vec<u8>, Option<(u32, String)>) {
        let answer = self.node.finalize(txs);
        let result = answer.tx_results.into_iter().next();
        (answer.app_hash, result.map(|it| (it.code, it.log)))
    }
}

pub(crate) fn any<M: Message + Name>(message: &M) -> Any {
    Any { type_url: M::type_url(), value: message.encode_to_vec() }
}

pub(crate) fn attribute(key: &str, value: &str) -> Attribute {
    Attribute { key: key.to_owned(), value: value.to_owned() }
}

pub(crate) fn deposit() -> Deposit {
    Deposit { amount: Coin::new("uact", 500_000u64).into(), sources: vec![Source::Balance.into()] }
}

pub(crate) fn resources() -> Resources {
    let value = |text: &str| ResourceValue { val: text.into() };
    Resources {
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
    }
}

pub(crate) fn group(price: &str) -> GroupSpec {
    let price = price.parse::<DecCoin>().unwrap().into();
    GroupSpec {
        name: "web".to_owned(),
        requirements: PlacementRequirements {
            attributes: vec![attribute("region", "eu")],
            ..Default::default()
        },
        resources: vec![ResourceUnit { resource: resources(), count: 1, price }],
    }
}
