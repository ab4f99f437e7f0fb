//! The rows.

use super::{Rule, Scope, Unit};
use crate::alert::Severity::{Critical, Warning};

/// Down, or halfway to jail already: who signs and has a small window is not told how soon he could be jailed.
const SOON: &str = "palisade_monitor_validator_seconds_to_jail{$S} < $T\n  and on (chain_id, valoper) (palisade_monitor_validator_consecutive_missed_blocks >= 3 \
               or on (chain_id, valoper) palisade_monitor_validator_window_missed_blocks * 2 > on (chain_id, valoper) palisade_monitor_validator_window_limit_blocks)";
const DOWN: &str = "palisade-signer status; journalctl -u palisade-signer -n 50; curl -s localhost:26657/status. \
                    Never start a second signer to be faster: a jailing ends, a double-sign does not";

const PLAIN: Rule = Rule {
    name: "",
    scope: Scope::Chain,
    severity: Warning,
    threshold: None,
    unit: Unit::Count,
    hold: 0,
    clear: 60,
    always: false,
    hidden_by: &[],
    what: "",
    means: "",
    advice: "",
    expr: "",
};
const VALIDATOR: Rule = Rule { scope: Scope::Validator, ..PLAIN };

/// All rules, in the order in which they are shown.
pub static RULES: &[Rule] = &[
    Rule {
        name: "PalisadeValidatorTombstoned",
        severity: Critical,
        always: true,
        what: "{who} is tombstoned on {chain}",
        means: "It signed two different blocks at one height: its stake was slashed, and this consensus key can never validate again.",
        advice: "stop every process that holds the key at once, and keep all logs and state files",
        expr: "palisade_monitor_validator_tombstoned{$S} == 1",
        ..VALIDATOR
    },
    Rule {
        name: "PalisadeValidatorJailed",
        severity: Critical,
        hidden_by: &["PalisadeValidatorTombstoned"],
        what: "{who} is in jail on {chain}",
        means: "It is out of the set and earns nothing until it is unjailed; a part of the stake was burned.",
        advice: "repair the node and its signer first, wait for jailed_until, then <node> tx slashing unjail --from <operator>",
        expr: "palisade_monitor_validator_jailed{$S} == 1",
        ..VALIDATOR
    },
    Rule {
        name: "PalisadeValidatorOutside",
        hold: 60,
        hidden_by: &["PalisadeValidatorTombstoned", "PalisadeValidatorJailed"],
        what: "{who} is not in the validator set of {chain}",
        means: "It signs nothing and earns nothing.",
        advice: "<node> query staking validator <valoper>: is it unbonding, or has it too little stake for the set",
        expr: "palisade_monitor_validator_bonded{$S} == 0",
        ..VALIDATOR
    },
    Rule {
        name: "PalisadeJailImminent",
        severity: Critical,
        hidden_by: &["PalisadeChainStalled"],
        threshold: Some(1800.0),
        unit: Unit::Seconds,
        clear: 300,
        what: "{who} is jailed in {value} on {chain} if it stays down",
        means: "The jailing burns a part of the stake and ends its income until it is unjailed.",
        advice: DOWN,
        expr: SOON,
        ..VALIDATOR
    },
    Rule {
        name: "PalisadeJailNear",
        threshold: Some(7200.0),
        unit: Unit::Seconds,
        clear: 300,
        hidden_by: &["PalisadeJailImminent", "PalisadeChainStalled"],
        what: "{who} is jailed in {value} on {chain} if it stays down",
        means: "The jailing burns a part of the stake and ends its income until it is unjailed.",
        advice: DOWN,
        expr: SOON,
        ..VALIDATOR
    },
    Rule {
        name: "PalisadeValidatorDown",
        severity: Critical,
        threshold: Some(20.0),
        clear: 120,
        hidden_by: &["PalisadeNetworkEvent", "PalisadeChainStalled"],
        what: "{who} has missed {value} blocks in a row on {chain}",
        means: "It is down: if it stays so it is jailed and slashed.",
        advice: DOWN,
        expr: "palisade_monitor_validator_consecutive_missed_blocks{$S} >= $T",
        ..VALIDATOR
    },
    Rule {
        name: "PalisadeValidatorMissing",
        threshold: Some(5.0),
        clear: 300,
        hidden_by: &["PalisadeValidatorDown", "PalisadeNetworkEvent", "PalisadeChainStalled"],
        what: "{who} has missed {value} blocks in a row on {chain}",
        means: "If it goes on missing it is jailed and slashed.",
        advice: DOWN,
        expr: "palisade_monitor_validator_consecutive_missed_blocks{$S} >= $T",
        ..VALIDATOR
    },
    Rule {
        name: "PalisadeJailLikely",
        threshold: Some(0.01),
        unit: Unit::Ratio,
        hold: 300,
        clear: 1800,
        hidden_by: &["PalisadeJailNear", "PalisadeJailImminent"],
        what: "{who} goes to jail on {chain} within a day with a probability of {value}",
        means: "By its outages so far; a jailing burns a part of the stake and ends its income until it is unjailed.",
        advice: DOWN,
        expr: "palisade_monitor_validator_jail_probability{horizon=\"24h\",$S} > $T",
        ..VALIDATOR
    },
    Rule {
        name: "PalisadeProposalUnvoted",
        threshold: Some(172_800.0),
        unit: Unit::Seconds,
        clear: 0,
        what: "{who} has not voted on a proposal of {chain} that ends in {value}",
        means: "Its delegators see a validator that does not vote.",
        advice: "<node> query gov proposals --status voting_period; <node> tx gov vote <id> yes|no|abstain|no_with_veto --from <operator>",
        expr: "palisade_monitor_validator_unvoted_ends_seconds{$S} - time() < $T",
        ..VALIDATOR
    },
    Rule {
        name: "PalisadeBalanceLow",
        threshold: Some(0.0),
        clear: 0,
        what: "The operator's account of {who} on {chain} holds {value}",
        means: "No fee can be paid: no vote, and no unjail when it counts.",
        advice: "send some coins to the operator's account, or withdraw the commission",
        expr: "palisade_monitor_validator_account_balance_tokens{$S} <= $T",
        ..VALIDATOR
    },
    Rule {
        name: "PalisadeEvidence",
        severity: Critical,
        threshold: Some(3600.0),
        unit: Unit::Seconds,
        clear: 0,
        always: true,
        what: "A block of {chain} carried evidence of a double-sign {value} ago",
        means: "Some validator of this chain signed twice at one height; if it is an own one, it is tombstoned now.",
        advice: "<node> query block <height>: whose address is in the evidence; if it is yours, stop every process that holds the key",
        expr: "time() - palisade_monitor_chain_evidence_time_seconds{$S} < $T",
        ..PLAIN
    },
    Rule {
        name: "PalisadeUpgradeNear",
        threshold: Some(86_400.0),
        unit: Unit::Seconds,
        what: "{chain} is upgraded in {value}",
        means: "The old binary stops there; whoever comes back late misses blocks.",
        advice: "<node> query upgrade plan; put the new binary in place on each node",
        expr: "palisade_monitor_chain_upgrade_seconds{$S} < $T",
        ..PLAIN
    },
    Rule {
        name: "PalisadeDidNotResume",
        severity: Critical,
        clear: 15,
        what: "{chain} did not resume after its upgrade",
        means: "It stands for longer than an upgrade takes: either the whole chain, or only the nodes that are asked.",
        advice: "compare with a block explorer; is the new binary running, and does its log show the upgrade's height",
        expr: "palisade_monitor_chain_upgrade_halt_until_seconds{$S} < time()\n  and on (chain_id) palisade_monitor_chain_blind == 1",
        ..PLAIN
    },
    Rule {
        name: "PalisadeMonitorBlind",
        severity: Critical,
        hold: 60,
        clear: 15,
        what: "No new block of {chain} reaches the monitor",
        means: "Every endpoint is down or behind, so nothing is known of the validators of this chain.",
        advice: "palisade-monitor check; compare with a block explorer, and add endpoints that others run",
        expr: "palisade_monitor_chain_blind{$S} == 1\n  unless on (chain_id) palisade_monitor_chain_quiet == 1\n  unless on (chain_id) palisade_monitor_chain_upgrade_halt_until_seconds > 0",
        ..PLAIN
    },
    Rule {
        name: "PalisadeChainStalled",
        severity: Critical,
        threshold: Some(120.0),
        unit: Unit::Seconds,
        clear: 15,
        hidden_by: &[],
        what: "{chain} has had no block for {value}",
        means: "The chain has halted, or all endpoints that are asked have. Nobody is jailed while there are no blocks.",
        advice: "compare with a block explorer; if the chain has halted, ask its validators before anything is restarted",
        expr: "time() - palisade_monitor_chain_block_time_seconds{$S} > $T\n  and on (chain_id) palisade_monitor_chain_quiet == 1\n  unless on (chain_id) palisade_monitor_chain_upgrade_halt_until_seconds > 0",
        ..PLAIN
    },
    Rule {
        name: "PalisadeNetworkEvent",
        hidden_by: &["PalisadeChainStalled"],
        threshold: Some(0.8),
        unit: Unit::Ratio,
        clear: 120,
        what: "Only {value} of the power of {chain} signs",
        means: "Many validators are missing at once: below two thirds the chain halts. Misses of own validators are told under this one.",
        advice: "look at the chain's channels for an upgrade or an incident before own machines are touched",
        expr: "palisade_monitor_chain_signed_power_ratio{$S} < $T",
        ..PLAIN
    },
    Rule {
        name: "PalisadeMonitorDisagrees",
        clear: 600,
        what: "The monitor and {chain} disagree on slashing counters",
        means: "Forecasts of this chain may be wrong: its x/slashing may not be the standard one.",
        advice: "compare <node> query slashing signing-info with the page, and report it",
        expr: "increase(palisade_monitor_chain_self_check_disagreements_total{$S}[1h]) > 0",
        ..PLAIN
    },
    Rule {
        name: "PalisadeSourcesDisagree",
        severity: Critical,
        hold: 30,
        what: "The endpoints of {chain} have different blocks at one height, and none is proved right",
        means: "The monitor stands still there: one endpoint is forked or lies, or the chain itself has forked.",
        advice: "palisade-monitor check; compare the block hash at that height with a block explorer, and take the wrong endpoint out",
        expr: "palisade_monitor_chain_source_forked{$S} == 1",
        ..PLAIN
    },
    Rule {
        name: "PalisadeSourcesRewound",
        hold: 60,
        what: "Every endpoint of {chain} is below the last block that was counted",
        means: "Nodes were restored from an old snapshot, or the chain itself was rolled back; nothing new is counted until they are past it.",
        advice: "curl -s <endpoint>/status; a validator that is rolled back must keep its signer's state as it is",
        expr: "palisade_monitor_chain_source_below{$S} == 1",
        ..PLAIN
    },
    Rule {
        name: "PalisadeSourceForked",
        scope: Scope::Source,
        what: "{who} is put aside: another chain than {chain}, a fork of it, or untrue",
        means: "It is not asked for blocks any more; if it is an own node, it has the wrong genesis or has forked off.",
        advice: "curl -s <endpoint>/status, and compare the block hash at one height with another node's",
        expr: "palisade_monitor_source_quarantined{$S} == 1",
        ..PLAIN
    },
    Rule {
        name: "PalisadeSourceDown",
        scope: Scope::Source,
        hold: 180,
        hidden_by: &["PalisadeMonitorBlind", "PalisadeSourceForked"],
        what: "{who} of {chain} does not answer, or is behind",
        means: "The monitor goes on with the endpoints that are left.",
        advice: "palisade-monitor check",
        expr: "palisade_monitor_source_up{$S} == 0\n  unless on (chain_id) palisade_monitor_chain_upgrade_halt_until_seconds > 0",
        ..PLAIN
    },
    Rule {
        name: "PalisadeSignerUnreachable",
        scope: Scope::Signer,
        severity: Critical,
        hold: 60,
        what: "The signer {who} does not answer",
        means: "If it is down, every block from now on is missed.",
        advice: "systemctl status palisade-signer; never start a second one before the first is known to be dead",
        expr: "palisade_monitor_signer_up{$S} == 0",
        ..PLAIN
    },
    Rule {
        name: "PalisadeSignerNotReady",
        scope: Scope::Signer,
        severity: Critical,
        hold: 30,
        hidden_by: &["PalisadeSignerUnreachable"],
        what: "The signer {who} is not ready",
        means: "It does not sign, or has no node to sign for: blocks are missed.",
        advice: "palisade-signer status; curl its /readyz, which says why",
        expr: "palisade_monitor_signer_ready{$S} == 0",
        ..PLAIN
    },
    Rule {
        name: "PalisadeSentryUnreachable",
        scope: Scope::Sentry,
        hold: 300,
        what: "palisade-sentry watch {who} does not answer",
        means: "Nobody looks whether a hidden node has become visible.",
        advice: "systemctl status palisade-sentry",
        expr: "palisade_monitor_sentry_up{$S} == 0",
        ..PLAIN
    },
    Rule {
        name: "PalisadeSentryFindings",
        scope: Scope::Sentry,
        threshold: Some(0.0),
        hold: 60,
        hidden_by: &["PalisadeSentryUnreachable"],
        what: "palisade-sentry {who} has {value} findings",
        means: "Something of the fleet can be seen or reached that should not be.",
        advice: "palisade-sentry audit --live",
        expr: "palisade_monitor_sentry_findings{$S} > $T",
        ..PLAIN
    },
    Rule {
        name: "PalisadeChannelFailing",
        scope: Scope::Channel,
        threshold: Some(120.0),
        unit: Unit::Seconds,
        clear: 0,
        what: "Alerts do not arrive at {who}: one waits for {value}",
        means: "Whoever reads only that channel does not know what is wrong.",
        advice: "palisade-monitor alert test <channel> says what it answers",
        expr: "palisade_monitor_channel_oldest_seconds{$S} > $T",
        ..PLAIN
    },
];
