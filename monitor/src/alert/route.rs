//! Who is told: by severity, chain and tier of each channel.

use super::rule::CHANNEL_FAILING;
use super::{Alert, Kind, Severity, Transition};

/// What decides whether a channel gets a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Its name.
    pub name: String,
    /// Least severity.
    pub severity: Severity,
    /// 0 is told at once; n after n times the time of escalation.
    pub tier: u8,
    /// Only of these chains; empty = all.
    pub chains: Vec<String>,
    /// Whether it is told of the end.
    pub resolved: bool,
    /// Whether it is reminded.
    pub reminders: bool,
}

impl Route {
    /// Whether this channel is ever told of `alert`, whatever its tier.
    pub fn wants(&self, alert: &Alert) -> bool {
        let key = &alert.key;
        let own_failure = key.rule == CHANNEL_FAILING && key.subject == self.name;
        alert.severity <= self.severity
            && (self.chains.is_empty() || key.chain.is_empty() || self.chains.contains(&key.chain))
            && !own_failure
    }

    /// Whether it gets `transition`.
    pub fn takes(&self, transition: &Transition) -> bool {
        let tier = transition.alert.told.as_ref().map_or(0, |t| t.tier);
        let by_kind = match transition.kind {
            Kind::Fired | Kind::Test => self.tier == 0,
            Kind::Escalated => self.tier == tier,
            Kind::Reminded => self.reminders && self.tier <= tier,
            Kind::Resolved => self.resolved && self.tier <= tier,
        };
        by_kind && self.wants(&transition.alert)
    }
}
