//! The keys, chains and links at work, and how they change: at the start, at a reload and at the end.
//!
//! Everything new is opened before anything old is let go, so a configuration that cannot be had leaves the old one whole. What
//! the plan does not name is not touched: its links do not even notice.

use std::{
    collections::BTreeMap,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use comet::consensus::PublicKey;
use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::{
    config::{ChainConfig, Config},
    doppelganger::Standing,
    io::{
        audit::AuditLog,
        desk::{Desk, SharedKeeper},
        doppelganger::{Foreign, Gate, MarkNow, Watch, Watched},
        identity::LinkIdentity,
        link::{Link, LinkHandle, Parking, Stop},
        run::open::{Clusters, OpenedChain, StartError, open_key, open_store},
        status::{ChainView, LinkStatus, View},
    },
    keeper::{Brake, Keeper},
    key::{Health, Key},
    metrics::Metrics,
    pause::Paused,
    reload::Plan,
};

/// How long letting go waits for what is under way.
const PATIENCE: Duration = Duration::from_secs(5);

/// A key at work.
struct KeyAtWork {
    public_key: PublicKey,
    backend: &'static str,
    desk: Arc<Desk>,
    health: Option<Health>,
    /// By chain id.
    chains: BTreeMap<String, ChainAtWork>,
}

/// A chain at work.
struct ChainAtWork {
    /// Its index at the desk.
    index: usize,
    brake: Brake,
    gate: Arc<Gate>,
    /// Looks for another signer, until this is dropped.
    watch: Option<Watch>,
}

/// Everything at work. Holds no configuration of its own: the caller knows which one is in force.
#[derive(Default)]
pub(super) struct Roster {
    keys: BTreeMap<String, KeyAtWork>,
    links: Vec<Arc<LinkHandle>>,
    identity: Option<LinkIdentity>,
    foreign: watch::Sender<Vec<Foreign>>,
    clusters: Clusters,
}

/// What is open for a plan, and nowhere at work yet.
pub(super) struct Opened {
    keys: BTreeMap<String, Box<dyn Key>>,
    stores: BTreeMap<String, OpenedChain>,
}

// === impl Roster ===

impl Roster {
    /// Opens what the plan adds. Nothing is at work yet, and nothing old is touched.
    pub(super) fn open(
        &mut self,
        plan: &Plan,
        config: &Config,
        metrics: &Metrics,
    ) -> Result<Opened, StartError> {
        let mut opened = Opened { keys: BTreeMap::new(), stores: BTreeMap::new() };
        for name in &plan.keys_added {
            opened.keys.insert(name.clone(), open_key(config, name, metrics)?);
        }
        for id in &plan.chains_added {
            let name = key_of(config, chain(config, id));
            let public_key = match opened.keys.get(name) {
                Some(key) => key.public_key(),
                None => &self.keys[name].public_key,
            };
            let chain = chain(config, id);
            let store = open_store(config, chain, public_key, metrics, &mut self.clusters)?;
            opened.stores.insert(id.clone(), store);
        }
        if self.identity.is_none() && !plan.links_added.is_empty() {
            self.identity = Some(LinkIdentity::open(&config.state_dir)?);
        }
        Ok(opened)
    }

    /// Lets go what was started before the walls around files and ports, to be started again inside of them.
    pub(super) fn rest(&self) {
        self.clusters.rest();
    }

    /// Puts a plan into effect, except for the links that it adds.
    pub(super) fn apply(&mut self, plan: &Plan, config: &Config, opened: Opened, metrics: &Metrics) {
        let Opened { keys, mut stores } = opened;
        let (gone, kept) = std::mem::take(&mut self.links)
            .into_iter()
            .partition(|link| plan.links_removed.iter().any(|(chain, node)| link.is(chain, node)));
        self.links = kept;
        stop(gone, metrics);
        for id in &plan.chains_removed {
            for (name, key) in &mut self.keys {
                // Its guard ends with it.
                let Some(ChainAtWork { index, brake, .. }) = key.chains.remove(id) else { continue };
                // From here on nobody signs for it, also if the turn is not to be had.
                brake.set(true);
                if key.desk.with(|keeper| keeper.unseat(index)).is_none() {
                    warn!(
                        chain_id = id,
                        "the state of a chain that was taken away stays locked until restart"
                    );
                }
                metrics.forget_chain(id, name);
            }
        }
        for name in &plan.keys_removed {
            if let Some(key) = self.keys.remove(name) {
                if !key.desk.close(PATIENCE) {
                    warn!(key = name, "a request is still being answered");
                }
                metrics.forget_key(name, key.backend, key.public_key.key_type().name());
            }
        }
        for (name, key) in keys {
            let (public_key, health) = (key.public_key().clone(), key.health());
            let desk = Arc::new(Desk::new(Keeper::new(key, Vec::new())));
            let backend =
                config.keys.iter().find(|key| key.name == name).map_or("", |key| key.backend.name());
            let key_type = public_key.key_type().name();
            metrics.key_info.with_label_values(&[name.as_str(), backend, key_type]).set(1);
            self.keys.insert(name, KeyAtWork { public_key, backend, desk, health, chains: BTreeMap::new() });
        }
        for id in &plan.chains_added {
            let key = self.keys.get_mut(key_of(config, chain(config, id))).expect("opened or at work");
            let (OpenedChain { store, mark }, brake) = (stores.remove(id).expect("opened"), Brake::default());
            let config = chain(config, id);
            let (gate, watch) = guard(config, mark, &key.public_key, metrics, &self.foreign);
            let seated = key.desk.with(|keeper| {
                let index = keeper.seat(store, brake.clone());
                keeper.set_max_height(index, config.max_height);
                index
            });
            match seated {
                Some(index) => {
                    drop(key.chains.insert(id.clone(), ChainAtWork { index, brake, gate, watch }));
                }
                None => error!(chain_id = id, "its key is stopped or stuck; the chain is not served"),
            }
        }
        for id in &plan.chains_changed {
            let config = chain(config, id);
            let Some((key, at_work)) = self.keys.values().find_map(|key| Some((key, key.chains.get(id)?)))
            else {
                continue;
            };
            let set = |keeper: &mut SharedKeeper| keeper.set_max_height(at_work.index, config.max_height);
            if key.desk.with(set).is_none() {
                error!(chain_id = id, "its key is stopped or stuck; its max_height stays as it was");
            }
        }
        self.clusters.watch_over(config);
    }

    /// Puts every chain's brake where the list says.
    pub(super) fn hold(&self, paused: &Paused, metrics: &Metrics) {
        for (name, key) in &self.keys {
            for (id, ChainAtWork { brake, .. }) in &key.chains {
                brake.set(paused.holds(name, id));
                metrics.chain_paused.with_label_values(&[id.as_str(), name]).set(brake.is_on().into());
            }
        }
    }

    /// Waits until every request has ended that got its turn before now; `false` if one hangs.
    pub(super) fn settle(&self) -> bool {
        self.keys.values().all(|key| key.desk.is_stopped() || key.desk.with(|_| ()).is_some())
    }

    /// Dials the links that a plan adds.
    pub(super) fn dial(
        &mut self,
        plan: &Plan,
        config: &Config,
        metrics: &Arc<Metrics>,
        audit: Option<&Arc<AuditLog>>,
    ) -> Result<(), StartError> {
        for (id, node) in &plan.links_added {
            let chain = chain(config, id);
            let key = &self.keys[key_of(config, chain)];
            let Some(ChainAtWork { index, gate, .. }) = key.chains.get(id) else { continue };
            let identity = self.identity.as_ref().expect("opened with the plan").clone();
            let link = Link {
                node: node.clone(),
                dialect: chain.dialect,
                public_key: key.public_key.clone(),
                chain: *index,
                desk: Arc::clone(&key.desk),
                gate: Arc::clone(gate),
                raw_bytes: chain.raw_bytes.clone(),
                identity,
                status: LinkStatus::new(id.clone(), node.to_string()),
                metrics: Arc::clone(metrics),
                audit: audit.cloned(),
                stop: Stop::default(),
                parked: Parking::default(),
            };
            metrics.node_connected.with_label_values(&[id.as_str(), &link.status.node]).set(0);
            let link = LinkHandle::start(link, self.links.len()).map_err(StartError::Thread)?;
            self.links.push(Arc::new(link));
        }
        Ok(())
    }

    /// What the endpoints shall see, in the order of the configuration.
    pub(super) fn view(&self, config: &Config) -> View {
        let keys = config.keys.iter().filter_map(|key| {
            let desk = Arc::clone(&self.keys.get(&key.name)?.desk);
            Some((key.name.clone(), desk))
        });
        let chains = config.chains.iter().filter_map(|chain| {
            let name = key_of(config, chain);
            let key = self.keys.get(name)?;
            let ChainAtWork { index, brake, .. } = key.chains.get(&chain.id)?;
            Some(ChainView {
                id: chain.id.clone(),
                key: name.into(),
                public_key: key.public_key.clone(),
                index: *index,
                brake: brake.clone(),
            })
        });
        let links = config.chains.iter().flat_map(|chain| {
            let of_node = move |node| self.links.iter().find(move |link| link.is(&chain.id, node));
            chain.nodes.iter().filter_map(of_node).cloned()
        });
        let gates = config.chains.iter().filter_map(|chain| {
            let at_work = self.keys.values().find_map(|key| key.chains.get(&chain.id))?;
            Some((chain.id.clone(), Arc::clone(&at_work.gate)))
        });
        let health = |name: &String| Some((name.clone(), self.keys.get(name)?.health.clone()?));
        let healths = config.keys.iter().filter_map(|key| health(&key.name));
        View {
            keys: keys.collect(),
            backends: config.keys.iter().map(|key| (key.name.clone(), key.backend.clone())).collect(),
            healths: healths.collect(),
            clusters: self.clusters.healths(),
            chains: chains.collect(),
            links: links.collect(),
            gates: gates.collect(),
        }
    }

    /// The chains whose key somebody else has, as they are found.
    pub(super) fn foreign(&self) -> watch::Receiver<Vec<Foreign>> {
        self.foreign.subscribe()
    }

    /// Ends everything; requests being answered are finished, also when their node never reads the reply.
    pub(super) fn end(&mut self, metrics: &Metrics) {
        for link in &self.links {
            link.ask_to_stop();
        }
        // Whoever waits at a gate hears that there is nothing more to wait for.
        for chain in self.keys.values_mut().flat_map(|key| key.chains.values_mut()) {
            drop(chain.watch.take());
        }
        for key in self.keys.values() {
            if !key.desk.close(PATIENCE) {
                warn!("a request is still being answered");
            }
        }
        stop(std::mem::take(&mut self.links), metrics);
    }
}

/// What a thread may still be in after this is a connect, a handshake or a slow name server; none of them signs any more.
fn stop(links: Vec<Arc<LinkHandle>>, metrics: &Metrics) {
    for link in &links {
        link.ask_to_stop();
    }
    let deadline = Instant::now() + PATIENCE;
    while links.iter().any(|link| !link.is_finished()) && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(2));
    }
    for link in links {
        let status = link.status();
        metrics.forget_link(&status.chain_id, &status.node);
    }
}

/// The gate of a chain, and its guard where the operator wants one.
fn guard(
    chain: &ChainConfig,
    mark: MarkNow,
    public_key: &PublicKey,
    metrics: &Metrics,
    foreign: &watch::Sender<Vec<Foreign>>,
) -> (Arc<Gate>, Option<Watch>) {
    let Some(config) = &chain.doppelganger else {
        info!(chain_id = chain.id, "no rpc is configured: nobody looks for a second signer with this key");
        return (Gate::not_guarded(), None);
    };
    let gauge = metrics.doppelganger_found.with_label_values(&[chain.id.as_str()]);
    gauge.set(0);
    let foreign = foreign.clone();
    let watched = Watched {
        chain_id: chain.id.clone(),
        key: public_key.clone(),
        mark,
        config: config.clone(),
        found: Box::new(move |found| {
            gauge.set(1);
            foreign.send_modify(|all| all.push(found));
        }),
    };
    let gate = Gate::with(Standing::Unproven("no look yet".into()));
    let watch = Watch::start(Arc::clone(&gate), watched);
    // Without its guard the gate stays shut, which is safe and is seen in /readyz.
    let watch =
        watch.inspect_err(|error| error!(chain_id = chain.id, %error, "cannot start the doppelganger guard"));
    (gate, watch.ok())
}

fn chain<'a>(config: &'a Config, id: &str) -> &'a ChainConfig {
    config.chain(id).expect("the plan names chains of this file")
}

fn key_of<'a>(config: &'a Config, chain: &ChainConfig) -> &'a str {
    &config.keys[chain.key].name
}
