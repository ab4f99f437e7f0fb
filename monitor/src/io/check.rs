//! `palisade-monitor check`: reaches every endpoint once and says what it found.

use super::anchor;
use super::pool::Pool;
use super::reach::Clients;
use super::sdk::{Sdk, SdkFailure};
use crate::config::Chain;
use crate::metrics::SourceView;
use crate::profile::Profiles;
use crate::windows::Source;
use std::sync::Arc;

/// One line of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// False: it has to be repaired.
    pub good: bool,
    /// What was found.
    pub text: String,
}

fn good(text: String) -> Finding {
    Finding { good: true, text }
}

fn bad(text: String) -> Finding {
    Finding { good: false, text }
}

/// Checks one chain: every endpoint, over whatever it takes to reach it.
pub async fn chain(chain: &Chain, clients: &mut Clients) -> Vec<Finding> {
    let pool = match Pool::new(chain, clients) {
        Ok(pool) => Arc::new(pool),
        Err(error) => return vec![bad(format!("{}: {error}", chain.id))],
    };
    pool.refresh().await;
    let mut findings: Vec<_> = pool.view().iter().map(endpoint).collect();
    let works = |transport: &str| pool.view().iter().any(|s| s.transport == transport && s.up);
    match pool.view().iter().filter(|s| s.transport == "rpc" && s.up).count() {
        0 => findings.push(bad(format!("{}: no RPC endpoint works, nothing can be watched", chain.id))),
        1 => findings.push(good(format!(
            "{}: one RPC endpoint works: when it fails the monitor is blind, and nobody contradicts it",
            chain.id
        ))),
        _ => {}
    }
    if !chain.grpc.is_empty() && !works("grpc") {
        findings
            .push(bad(format!("{}: degraded: no gRPC endpoint works, modules are asked over RPC", chain.id)));
    }
    if works("rpc") {
        modules(chain, &pool, &mut findings).await;
    }
    findings
}

fn endpoint(source: &SourceView) -> Finding {
    let name = format!("{} {}", source.transport, source.endpoint);
    let height = source.height.map_or_else(|| "?".into(), |h| h.to_string());
    let from = source.earliest.map(|e| format!(", has blocks from {e}")).unwrap_or_default();
    let lag =
        source.lag.filter(|lag| *lag > 3).map(|lag| format!(", {lag} blocks behind")).unwrap_or_default();
    match &source.last_error {
        None if source.up => good(format!("{name}: height {height}{from}{lag}")),
        Some(error) => bad(format!("{name}: {error}")),
        None => bad(format!("{name}: height {height}{from}, is still syncing")),
    }
}

async fn modules(chain: &Chain, pool: &Arc<Pool>, findings: &mut Vec<Finding>) {
    let sdk = Sdk::new(pool.clone());
    let Some(height) = pool.tip().map(|tip| (tip - 1).max(1)) else { return };
    match anchor::read(&sdk, height, anchor::Known::default()).await {
        Ok(anchor::Anchor::NoSlashing) => {
            findings
                .push(good(format!("{}: no slashing module, windows and forecasts are not shown", chain.id)));
        }
        Ok(anchor::Anchor::Windows(found)) => {
            let anchor::Found { windows, profiles, line } = *found;
            findings.push(good(format!("{}: {} ({})", chain.id, line.name(), line.words().join(", "))));
            findings.push(good(format!(
                "{}: window {} blocks, {} misses allowed, {} signing infos, windows read from the {}",
                chain.id,
                windows.params.window,
                windows.params.max_missed().map_or_else(|| "?".into(), |m| m.to_string()),
                windows.entries.len(),
                match windows.source {
                    Source::Store => "raw store, exact",
                    Source::Replay => "last blocks and counters",
                    Source::Counter => "counters only",
                }
            )));
            watched(chain, profiles.as_ref(), findings);
        }
        Err(SdkFailure::Rpc(error)) => findings.push(bad(format!("{}: slashing module: {error}", chain.id))),
        Err(error) => findings.push(bad(format!("{}: slashing module: {error}", chain.id))),
    }
}

fn watched(chain: &Chain, profiles: Option<&Profiles>, findings: &mut Vec<Finding>) {
    let Some(profiles) = profiles else { return };
    for watch in chain.watch.iter().filter(|w| w.contains("valoper")) {
        let found = profiles.by_address.values().find(|p| &p.valoper == watch);
        findings.push(match found {
            Some(p) => good(format!("{watch}: {:?}, jailed {}, bonded {}", p.moniker, p.jailed, p.bonded)),
            None => bad(format!("{watch}: no validator of {} has this address", chain.id)),
        });
    }
}
