//! `cosmos.upgrade.v1beta1`: the plan at whose height the old binary stops, and who proposes one.

use super::Any;
use prost::Message;

/// gRPC and `abci_query` path of the plan.
pub const CURRENT_PLAN: &str = "/cosmos.upgrade.v1beta1.Query/CurrentPlan";
/// Type of the message that plans an upgrade (SDK ≥ 0.46).
pub const MSG_SOFTWARE_UPGRADE: &str = "/cosmos.upgrade.v1beta1.MsgSoftwareUpgrade";
/// Type of the older proposal's content.
pub const SOFTWARE_UPGRADE_PROPOSAL: &str = "/cosmos.upgrade.v1beta1.SoftwareUpgradeProposal";

/// `Plan`.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct Plan {
    /// Name; hostile text.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Height at which the old binary stops.
    #[prost(int64, tag = "3")]
    pub height: i64,
}

/// `QueryCurrentPlanRequest`.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct CurrentPlanRequest {}

/// `QueryCurrentPlanResponse`.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct CurrentPlanResponse {
    /// The plan; `None` = there is none.
    #[prost(message, optional, tag = "1")]
    pub plan: Option<Plan>,
}

#[derive(Clone, PartialEq, Eq, Hash, Message)]
struct MsgSoftwareUpgrade {
    #[prost(message, optional, tag = "2")]
    plan: Option<Plan>,
}

#[derive(Clone, PartialEq, Eq, Hash, Message)]
struct SoftwareUpgradeProposal {
    #[prost(message, optional, tag = "3")]
    plan: Option<Plan>,
}

/// The plan in a proposal's message or content, of either kind.
pub fn planned(message: &Any) -> Option<Plan> {
    match message.type_url.as_str() {
        MSG_SOFTWARE_UPGRADE => MsgSoftwareUpgrade::decode(message.value.as_slice()).ok()?.plan,
        SOFTWARE_UPGRADE_PROPOSAL => SoftwareUpgradeProposal::decode(message.value.as_slice()).ok()?.plan,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_of_both_kinds() {
        let plan = Plan { name: "v2".into(), height: 900 };
        let new = MsgSoftwareUpgrade { plan: Some(plan.clone()) };
        let old = SoftwareUpgradeProposal { plan: Some(plan.clone()) };
        for (type_url, value) in
            [(MSG_SOFTWARE_UPGRADE, new.encode_to_vec()), (SOFTWARE_UPGRADE_PROPOSAL, old.encode_to_vec())]
        {
            assert_eq!(planned(&Any { type_url: type_url.into(), value }), Some(plan.clone()));
        }
        assert_eq!(planned(&Any { type_url: "/x".into(), value: vec![1] }), None);
        assert_eq!(planned(&Any { type_url: MSG_SOFTWARE_UPGRADE.into(), value: vec![0xff] }), None);
    }
}
