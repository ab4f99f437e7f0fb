//! What an operator owns: `cosmos.bank.v1beta1` balances, `cosmos.staking.v1beta1` self-delegation and
//! `cosmos.distribution.v1beta1` commission, with the queries for them.

use prost::Message;

/// gRPC and `abci_query` path of one balance.
pub const BALANCE: &str = "/cosmos.bank.v1beta1.Query/Balance";
/// gRPC and `abci_query` path of one delegation.
pub const DELEGATION: &str = "/cosmos.staking.v1beta1.Query/Delegation";
/// gRPC and `abci_query` path of the commission that was not withdrawn.
pub const COMMISSION: &str = "/cosmos.distribution.v1beta1.Query/ValidatorCommission";

/// `Coin`, and `DecCoin`, whose amount is 10^18 times as large.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct Coin {
    /// `uakt`, …
    #[prost(string, tag = "1")]
    pub denom: String,
    /// Integer as text.
    #[prost(string, tag = "2")]
    pub amount: String,
}

/// `QueryBalanceRequest`.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct BalanceRequest {
    /// Account.
    #[prost(string, tag = "1")]
    pub address: String,
    /// Denom.
    #[prost(string, tag = "2")]
    pub denom: String,
}

/// `QueryBalanceResponse`.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct BalanceResponse {
    /// The balance; zero is said.
    #[prost(message, optional, tag = "1")]
    pub balance: Option<Coin>,
}

/// `QueryDelegationRequest`.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct DelegationRequest {
    /// Account.
    #[prost(string, tag = "1")]
    pub delegator_addr: String,
    /// valoper address.
    #[prost(string, tag = "2")]
    pub validator_addr: String,
}

/// `QueryDelegationResponse`.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct DelegationResponse {
    /// The delegation.
    #[prost(message, optional, tag = "1")]
    pub delegation_response: Option<DelegationBalance>,
}

/// `DelegationResponse`, of which only the balance is read.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct DelegationBalance {
    /// What the shares are worth.
    #[prost(message, optional, tag = "2")]
    pub balance: Option<Coin>,
}

/// `QueryValidatorCommissionRequest`.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct CommissionRequest {
    /// valoper address.
    #[prost(string, tag = "1")]
    pub validator_address: String,
}

/// `QueryValidatorCommissionResponse`.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct CommissionResponse {
    /// The commission.
    #[prost(message, optional, tag = "1")]
    pub commission: Option<AccumulatedCommission>,
}

/// `ValidatorAccumulatedCommission`.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct AccumulatedCommission {
    /// Decimal amounts times 10^18.
    #[prost(message, repeated, tag = "1")]
    pub commission: Vec<Coin>,
}
