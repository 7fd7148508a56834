//! The questions that the market asks all day, as methods of [`Chain`].
//!
//! Called by the provider and the command line; calls [`Chain::query`]. Lists are walked to their
//! end. A single thing that does not exist is `None`.

use types::wire::{
    akash::{
        audit::v1 as audit,
        cert::v1 as cert,
        deployment::{v1::DeploymentId, v1beta4 as deployment},
        escrow::{types::v1 as escrow_types, v1 as escrow},
        market::{
            v1::{BidId, LeaseFilters, LeaseId, OrderId},
            v1beta5 as market,
        },
        provider::v1beta4 as provider,
    },
    cosmos::{auth::v1beta1 as auth, bank::v1beta1 as bank, base::v1beta1::Coin},
    haggle::{limits::v1 as limits, market::v1 as receipts},
};

use crate::{
    chain::Chain,
    error::{Error, Result},
};

/// `Ok(None)` for a thing that does not exist.
fn found<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(it) => Ok(Some(it)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

impl Chain {
    /// Number, sequence and public key of an account.
    pub async fn account(&self, address: &str) -> Result<auth::BaseAccount> {
        let request = auth::QueryAccountInfoRequest { address: address.to_owned() };
        let answer: Result<auth::QueryAccountInfoResponse> =
            self.query("/cosmos.auth.v1beta1.Query/AccountInfo", &request).await;
        let missing = || Error::NoAccount {
            address: address.to_owned(),
            chain_id: self.chain_id().to_owned(),
        };
        found(answer)?.and_then(|it| it.info).ok_or_else(missing)
    }

    /// Everything that an account holds.
    pub async fn balances(&self, address: &str) -> Result<Vec<Coin>> {
        self.query_all(
            "/cosmos.bank.v1beta1.Query/AllBalances",
            |page| bank::QueryAllBalancesRequest {
                address: address.to_owned(),
                pagination: Some(page),
                resolve_denom: false,
            },
            |it: bank::QueryAllBalancesResponse| (it.balances, it.pagination),
        )
        .await
    }

    /// What an account holds of one denomination.
    pub async fn balance(&self, address: &str, denom: &str) -> Result<Coin> {
        let request =
            bank::QueryBalanceRequest { address: address.to_owned(), denom: denom.to_owned() };
        let answer: bank::QueryBalanceResponse =
            self.query("/cosmos.bank.v1beta1.Query/Balance", &request).await?;
        Ok(answer
            .balance
            .unwrap_or_else(|| Coin { denom: denom.to_owned(), amount: "0".to_owned() }))
    }

    /// Deployments that match; empty fields of the filter match everything.
    pub async fn deployments(
        &self,
        filters: deployment::DeploymentFilters,
    ) -> Result<Vec<deployment::QueryDeploymentResponse>> {
        self.query_all(
            "/akash.deployment.v1beta4.Query/Deployments",
            |page| deployment::QueryDeploymentsRequest {
                filters: filters.clone(),
                pagination: Some(page),
            },
            |it: deployment::QueryDeploymentsResponse| (it.deployments, it.pagination),
        )
        .await
    }

    /// One deployment with its groups and its escrow account (as stored, not settled to now).
    pub async fn deployment(
        &self,
        owner: &str,
        dseq: u64,
    ) -> Result<Option<deployment::QueryDeploymentResponse>> {
        let request = deployment::QueryDeploymentRequest {
            id: DeploymentId { owner: owner.to_owned(), dseq },
        };
        found(self.query("/akash.deployment.v1beta4.Query/Deployment", &request).await)
    }

    /// Parameters of the deployment module: the minimum deposits.
    pub async fn deployment_params(&self) -> Result<deployment::Params> {
        let answer: deployment::QueryParamsResponse = self
            .query("/akash.deployment.v1beta4.Query/Params", &deployment::QueryParamsRequest {})
            .await?;
        Ok(answer.params)
    }

    /// Orders that match.
    pub async fn orders(&self, filters: market::OrderFilters) -> Result<Vec<market::Order>> {
        self.query_all(
            "/akash.market.v1beta5.Query/Orders",
            |page| market::QueryOrdersRequest { filters: filters.clone(), pagination: Some(page) },
            |it: market::QueryOrdersResponse| (it.orders, it.pagination),
        )
        .await
    }

    /// One order.
    pub async fn order(&self, id: &OrderId) -> Result<Option<market::Order>> {
        let request = market::QueryOrderRequest { id: id.clone() };
        let answer: Result<market::QueryOrderResponse> =
            self.query("/akash.market.v1beta5.Query/Order", &request).await;
        Ok(found(answer)?.map(|it| it.order))
    }

    /// Bids that match, each with its escrow account.
    pub async fn bids(&self, filters: market::BidFilters) -> Result<Vec<market::QueryBidResponse>> {
        self.query_all(
            "/akash.market.v1beta5.Query/Bids",
            |page| market::QueryBidsRequest { filters: filters.clone(), pagination: Some(page) },
            |it: market::QueryBidsResponse| (it.bids, it.pagination),
        )
        .await
    }

    /// One bid.
    pub async fn bid(&self, id: &BidId) -> Result<Option<market::QueryBidResponse>> {
        let request = market::QueryBidRequest { id: id.clone() };
        found(self.query("/akash.market.v1beta5.Query/Bid", &request).await)
    }

    /// Leases that match, each with its escrow payment.
    pub async fn leases(&self, filters: LeaseFilters) -> Result<Vec<market::QueryLeaseResponse>> {
        self.query_all(
            "/akash.market.v1beta5.Query/Leases",
            |page| market::QueryLeasesRequest { filters: filters.clone(), pagination: Some(page) },
            |it: market::QueryLeasesResponse| (it.leases, it.pagination),
        )
        .await
    }

    /// One lease.
    pub async fn lease(&self, id: &LeaseId) -> Result<Option<market::QueryLeaseResponse>> {
        let request = market::QueryLeaseRequest { id: id.clone() };
        found(self.query("/akash.market.v1beta5.Query/Lease", &request).await)
    }

    /// How the leases of a deployment ended, as far as the chain recorded it; of all deployments of
    /// the owner with dseq 0. Chains that keep no records answer with an error or nothing.
    pub async fn lease_ends(&self, owner: &str, dseq: u64) -> Result<Vec<receipts::LeaseEnd>> {
        self.query_all(
            "/haggle.market.v1.Query/LeaseEnds",
            |page| receipts::QueryLeaseEndsRequest {
                owner: owner.to_owned(),
                dseq,
                pagination: Some(page),
            },
            |it: receipts::QueryLeaseEndsResponse| (it.ends, it.pagination),
        )
        .await
    }

    /// Why providers do not bid on an order that is not closed, as far as they told the chain.
    pub async fn declines(&self, id: &OrderId) -> Result<Vec<receipts::Decline>> {
        self.query_all(
            "/haggle.market.v1.Query/Declines",
            |page| receipts::QueryDeclinesRequest { id: id.clone(), pagination: Some(page) },
            |it: receipts::QueryDeclinesResponse| (it.declines, it.pagination),
        )
        .await
    }

    /// Which records the market keeps.
    pub async fn receipts_params(&self) -> Result<receipts::Params> {
        let request = receipts::QueryParamsRequest {};
        let answer: receipts::QueryParamsResponse =
            self.query("/haggle.market.v1.Query/Params", &request).await?;
        Ok(answer.params)
    }

    /// The rules that an owner put keys under, each with what is left of it, by key.
    pub async fn owner_rules(&self, owner: &str) -> Result<Vec<limits::RuleStatus>> {
        self.query_all(
            "/haggle.limits.v1.Query/OwnerRules",
            |page| limits::QueryOwnerRulesRequest {
                owner: owner.to_owned(),
                pagination: Some(page),
            },
            |it: limits::QueryOwnerRulesResponse| (it.rules, it.pagination),
        )
        .await
    }

    /// The rules that a key is under, by owner.
    pub async fn key_rules(&self, key: &str) -> Result<Vec<limits::RuleStatus>> {
        self.query_all(
            "/haggle.limits.v1.Query/KeyRules",
            |page| limits::QueryKeyRulesRequest { key: key.to_owned(), pagination: Some(page) },
            |it: limits::QueryKeyRulesResponse| (it.rules, it.pagination),
        )
        .await
    }

    /// Parameters of the market: minimum bid deposits, the most bids per order.
    pub async fn market_params(&self) -> Result<market::Params> {
        let answer: market::QueryParamsResponse = self
            .query("/akash.market.v1beta5.Query/Params", &market::QueryParamsRequest {})
            .await?;
        Ok(answer.params)
    }

    /// Every registered provider.
    pub async fn providers(&self) -> Result<Vec<provider::Provider>> {
        self.query_all(
            "/akash.provider.v1beta4.Query/Providers",
            |page| provider::QueryProvidersRequest { pagination: Some(page) },
            |it: provider::QueryProvidersResponse| (it.providers, it.pagination),
        )
        .await
    }

    /// One provider.
    pub async fn provider(&self, owner: &str) -> Result<Option<provider::Provider>> {
        let request = provider::QueryProviderRequest { owner: owner.to_owned() };
        let answer: Result<provider::QueryProviderResponse> =
            self.query("/akash.provider.v1beta4.Query/Provider", &request).await;
        Ok(found(answer)?.map(|it| it.provider))
    }

    /// Certificates of an owner; `state` is `valid`, `revoked` or empty for both.
    pub async fn certificates(
        &self,
        owner: &str,
        state: &str,
    ) -> Result<Vec<cert::CertificateResponse>> {
        let filter = cert::CertificateFilter {
            owner: owner.to_owned(),
            serial: String::new(),
            state: state.to_owned(),
        };
        self.query_all(
            "/akash.cert.v1.Query/Certificates",
            |page| cert::QueryCertificatesRequest {
                filter: filter.clone(),
                pagination: Some(page),
            },
            |it: cert::QueryCertificatesResponse| (it.certificates, it.pagination),
        )
        .await
    }

    /// Escrow accounts whose text id begins with `xid` (such as `deployment/akash1.../123`); beware
    /// that 123 is also the beginning of 1234.
    pub async fn escrow_accounts(
        &self,
        state: &str,
        xid: &str,
    ) -> Result<Vec<escrow_types::Account>> {
        self.query_all(
            "/akash.escrow.v1.Query/Accounts",
            |page| escrow::QueryAccountsRequest {
                state: state.to_owned(),
                xid: xid.to_owned(),
                pagination: Some(page),
            },
            |it: escrow::QueryAccountsResponse| (it.accounts, it.pagination),
        )
        .await
    }

    /// Escrow payments whose text id begins with `xid`; see [`Chain::escrow_accounts`].
    pub async fn escrow_payments(
        &self,
        state: &str,
        xid: &str,
    ) -> Result<Vec<escrow_types::Payment>> {
        self.query_all(
            "/akash.escrow.v1.Query/Payments",
            |page| escrow::QueryPaymentsRequest {
                state: state.to_owned(),
                xid: xid.to_owned(),
                pagination: Some(page),
            },
            |it: escrow::QueryPaymentsResponse| (it.payments, it.pagination),
        )
        .await
    }

    /// Attributes of a provider that auditors signed.
    pub async fn audited_attributes(&self, owner: &str) -> Result<Vec<audit::AuditedProvider>> {
        let answer = self
            .query_all(
                "/akash.audit.v1.Query/ProviderAttributes",
                |page| audit::QueryProviderAttributesRequest {
                    owner: owner.to_owned(),
                    pagination: Some(page),
                },
                |it: audit::QueryProvidersResponse| (it.providers, it.pagination),
            )
            .await;
        Ok(found(answer)?.unwrap_or_default())
    }
}
