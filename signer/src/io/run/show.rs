//! What an operator is shown of a signer at work.

use prometheus::IntGaugeVec;

use crate::{
    admin,
    config::{Backend, HsmConfig},
    io::run::Signer,
    mark::Hrs,
};

impl Signer {
    /// Everything that `palisade-signer status` prints.
    pub(crate) fn status(&self) -> admin::Status {
        let view = self.status.view();
        let troubles = self.status.troubles();
        let keys = view.keys.iter().map(|(name, desk)| {
            let mut chains = view.chains.iter().filter(|chain| chain.key == *name).peekable();
            let public_key = chains.peek().map_or_else(String::new, |chain| chain.public_key.to_string());
            let state = match (desk.is_stopped(), chains.all(|chain| chain.brake.is_on())) {
                (true, _) => "stopped",
                (false, true) if !public_key.is_empty() => "paused",
                (false, _) => "signing",
            };
            let backend = view.backends.iter().find(|(of, _)| of == name).map(|(_, backend)| backend);
            admin::KeyStatus {
                name: name.clone(),
                public_key,
                state: state.into(),
                backend: backend.map_or_else(String::new, |backend| backend.name().into()),
                hsms: backend.map_or_else(Vec::new, |backend| self.hsms(name, backend)),
            }
        });
        let chains = view.chains.iter().map(|chain| {
            let desk = view.keys.iter().find(|(name, _)| *name == chain.key).map(|(_, desk)| desk);
            let last = desk
                .and_then(|desk| desk.look(|keeper| keeper.store(chain.index).map(|store| store.mark().hrs)));
            admin::ChainStatus {
                id: chain.id.clone(),
                key: chain.key.clone(),
                paused: chain.brake.is_on(),
                last_signed: last.flatten().map_or_else(String::new, in_short),
            }
        });
        let links = view.links.iter().map(|link| {
            let link = link.status();
            let recent = link.recent();
            admin::LinkStatus {
                chain: link.chain_id.clone(),
                node: link.node.clone(),
                connected: link.is_connected(),
                silent_seconds: link.is_connected().then(|| link.silence().as_secs_f64()),
                last_signed: recent.last.map(in_short),
                p50_micros: recent.latency.percentile(50),
                p99_micros: recent.latency.percentile(99),
            }
        });
        admin::Status {
            version: self.options.version.clone(),
            ready: troubles.is_empty(),
            keys: keys.collect(),
            chains: chains.collect(),
            links: links.collect(),
            troubles,
            hardening: self.walls.report.clone(),
            audit_log: self.audit.as_ref().map_or_else(String::new, |audit| audit.line()),
        }
    }
}

impl Signer {
    /// What the metrics know of a key's devices.
    fn hsms(&self, key: &str, backend: &Backend) -> Vec<admin::HsmStatus> {
        let Backend::YubiHsm(config) = backend else { return Vec::new() };
        let devices = [("primary", Some(&config.primary)), ("standby", config.standby.as_ref())];
        let hsm = |(name, hsm): (&str, Option<&HsmConfig>)| {
            let labels = [key, name];
            let of = |gauge: &IntGaugeVec| gauge.with_label_values(&labels).get();
            let metrics = &self.metrics.hsm;
            Some(admin::HsmStatus {
                name: name.into(),
                connector: hsm?.connector.to_string(),
                up: of(&metrics.up) == 1,
                commands_in_session: of(&metrics.commands_in_session),
                log_entries_unread: of(&metrics.log_unread),
            })
        };
        devices.into_iter().filter_map(hsm).collect()
    }
}

/// `height/round/step`; a floor stands for all rounds of its height.
fn in_short(hrs: Hrs) -> String {
    match hrs.round {
        Hrs::ALL_ROUNDS => format!("{}/all", hrs.height),
        round => format!("{}/{round}/{}", hrs.height, hrs.step.number()),
    }
}
