//! Asks the sentries how they are, over their inner addresses, all at once and every so often.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::sleep;

use super::{AuditError, Shared, now};
use crate::fleet::NodeName;
use crate::io::http::Http;
use crate::named::named;
use crate::watch::health::{Said, judge, said};
use crate::watch::settings::Settings;

/// For one answer.
const DEADLINE: Duration = Duration::from_secs(10);
/// A net_info of 500 peers has about 1.5 MB.
const LARGEST: usize = 4 * 1024 * 1024;

/// Asks for ever.
pub(super) async fn ask(shared: Shared) {
    let Some(health) = shared.settings.health else { return };
    loop {
        match super::audit::fleet(&shared) {
            Ok(fleet) => {
                let nodes = shared.settings.nodes.iter().filter_map(|node| {
                    Some((named(&fleet, &node.node).ok()?.node.name.clone(), node.rpc.as_str()))
                });
                let asked = join_all(nodes.map(|(name, rpc)| one(&shared.http, name, rpc))).await;
                let judged = judge(&fleet, &asked, health.max_lag);
                shared.state.send_modify(|state| {
                    state.health = judged;
                    state.health_at = Some(now());
                });
            }
            Err(error) => tracing::warn!(%error, "the sentries were not asked"),
        }
        sleep(health.every.0).await;
    }
}

async fn one(http: &Http, name: NodeName, rpc: &str) -> (NodeName, Option<Said>) {
    let url = |path: &str| format!("{}/{path}", rpc.trim_end_matches('/'));
    let page = async |path| http.get(&url(path), DEADLINE, LARGEST).await;
    let answer = match (page("status").await, page("net_info").await) {
        (Ok(status), Ok(net_info)) => said(&status, &net_info),
        (Err(error), _) | (_, Err(error)) => {
            tracing::debug!(node = %name, %error, "no answer");
            None
        }
    };
    (name, answer)
}

/// Whether everything that the settings name is there; in words, one line each.
///
/// # Errors
/// What the daemon would not start with.
pub fn check(settings: &Settings, base: &std::path::Path) -> Result<Vec<String>, AuditError> {
    let shared = Shared {
        settings: std::sync::Arc::new(settings.clone()),
        base: base.into(),
        state: std::sync::Arc::default(),
        // Nobody is asked; the system's authorities do.
        http: Http::new(None).expect("no file is read"),
    };
    let fleet = super::audit::fleet(&shared)?;
    Ok(vec![
        format!(
            "{}: {} hosts, {} nodes",
            settings.fleet.display(),
            fleet.hosts().count(),
            fleet.nodes().count()
        ),
        match &settings.live {
            Some(live) => format!("looks from {}", live.from.as_deref().unwrap_or("here")),
            None => "looks at nothing from outside".to_owned(),
        },
        format!("{} homes, {} sentries asked", settings.homes.len(), settings.nodes.len()),
    ])
}
