//! `palisade-monitor check`: reaches every endpoint once and says what it found.

use super::http::Http;
use super::pool::Pool;
use super::rpc::Client;
use super::sdk::{Sdk, SdkFailure};
use super::{anchor, grpc};
use crate::config::{Chain, Endpoint};
use crate::profile::Profiles;
use crate::windows::Source;
use comet::sdk::slashing::{PARAMS, ParamsRequest, ParamsResponse};
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

/// Checks one chain.
pub async fn chain(chain: &Chain, http: &Http) -> Vec<Finding> {
    let mut findings = Vec::new();
    for endpoint in &chain.rpc {
        findings.push(rpc(&chain.id, endpoint, http).await);
    }
    for endpoint in &chain.grpc {
        findings.push(grpc(endpoint).await);
    }
    if findings.iter().any(|f| f.good) {
        let pool = Arc::new(Pool::new(&chain.id, &chain.rpc, http));
        pool.refresh().await;
        modules(chain, &pool, &mut findings).await;
    }
    findings
}

async fn rpc(chain_id: &str, endpoint: &Endpoint, http: &Http) -> Finding {
    let url = endpoint.url();
    match Client::new(endpoint.clone(), http.clone()).status().await {
        Err(error) => bad(format!("{url}: {error}")),
        Ok(status) if status.node_info.network != chain_id => {
            bad(format!("{url}: is a node of chain {:?}, not {chain_id:?}", status.node_info.network))
        }
        Ok(status) => {
            let sync = status.sync_info;
            let text = format!(
                "{url}: height {}, has blocks from {}, CometBFT {:?}",
                sync.latest_block_height, sync.earliest_block_height, status.node_info.version
            );
            if sync.catching_up { bad(format!("{text}, is still syncing")) } else { good(text) }
        }
    }
}

async fn grpc(endpoint: &Endpoint) -> Finding {
    let url = endpoint.url();
    let Some(channel) = grpc::channel(endpoint) else { return bad(format!("{url}: is no gRPC address")) };
    match grpc::unary::<ParamsRequest, ParamsResponse>(&channel, PARAMS, ParamsRequest {}, 0).await {
        Ok(_) => good(format!("{url}: gRPC answers")),
        Err(status) => bad(format!("{url}: gRPC {:?}: {}", status.code(), status.message())),
    }
}

async fn modules(chain: &Chain, pool: &Arc<Pool>, findings: &mut Vec<Finding>) {
    let sdk = Sdk::new(pool.clone(), &chain.grpc);
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
