//! Tells every Alertmanager the whole truth: at once when something changes, again every minute, and soon after a failure.

use std::time::Duration;

use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http_body_util::Full;
use tokio::time::sleep;

use super::{Shared, now};
use crate::watch::alert::{Manner, Unwell, alerts, unwell};
use crate::watch::settings::Alertmanager;
use crate::watch::view::State;

/// For one message.
const DEADLINE: Duration = Duration::from_secs(15);
/// Between two messages; an alert ends by itself after five minutes without one.
const AGAIN: Duration = Duration::from_secs(60);
/// After a failure, doubled up to `AGAIN`.
const SOON: Duration = Duration::from_secs(5);

/// Tells for ever.
pub(super) async fn tell(shared: Shared) {
    let Some(told) = shared.settings.alertmanager.clone() else { return };
    let manner = Manner { from: told.from, details: told.details, labels: told.labels.clone() };
    let patience =
        shared.settings.health.map_or(0, |h| i64::try_from(h.patience.0.as_secs()).unwrap_or(i64::MAX));
    let mut changes = shared.state.subscribe();
    let (mut kept, mut failures) = (Unwell::new(), 0u32);
    loop {
        let state = changes.borrow_and_update().clone();
        let before = standing(&state);
        unwell(&mut kept, &state.health, now());
        let body = serde_json::to_string(&alerts(&state, &kept, &manner, patience, now()))
            .expect("strings always serialise");
        let mut failed = 0;
        for url in &told.urls {
            let ok = post(&shared, &told, url, body.clone()).await;
            failed += usize::from(!ok);
            shared.state.send_if_modified(|state| {
                state.told[usize::from(!ok)] += 1;
                false
            });
        }
        failures = if failed == 0 { 0 } else { failures.saturating_add(1) };
        let wait = match failures {
            0 => AGAIN,
            n => (SOON * (1 << (n - 1).min(4))).min(AGAIN),
        };
        // Only what changes an alert is news; counters and heights are not.
        let news = async {
            while changes.changed().await.is_ok() {
                if standing(&changes.borrow()) != before {
                    return;
                }
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = sleep(wait) => {}
            () = news => {}
        }
    }
}

/// What decides which alerts there are.
fn standing(state: &State) -> Vec<String> {
    let open = state.ledger.open().map(|(id, e)| format!("{id} {} {}", e.severity, e.unconfirmed));
    let wrong =
        state.health.iter().flat_map(|h| h.wrong.iter().map(move |w| format!("{} {}", h.node, w.word())));
    let fails = state.run.as_ref().filter(|run| run.error.is_some()).map(|_| "fails".to_owned());
    open.chain(wrong).chain(fails).collect()
}

async fn post(shared: &Shared, told: &Alertmanager, url: &str, body: String) -> bool {
    let mut request = Request::post(format!("{}/api/v2/alerts", url.trim_end_matches('/')))
        .header(CONTENT_TYPE, "application/json");
    if let Some(path) = &told.token_file {
        // Read each time, so that a token can be changed.
        match std::fs::read_to_string(shared.path(path)) {
            Ok(token) => request = request.header(AUTHORIZATION, format!("Bearer {}", token.trim())),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "no token for Alertmanager");
                return false;
            }
        }
    }
    let Ok(request) = request.body(Full::new(body.into())) else {
        tracing::warn!("the token for Alertmanager is no header");
        return false;
    };
    match shared.http.send(request, DEADLINE, 64 * 1024).await {
        Ok((200..=299, _)) => true,
        Ok((status, body)) => {
            let says: String = String::from_utf8_lossy(&body).chars().take(200).collect();
            tracing::warn!(url, status, says, "Alertmanager refuses");
            false
        }
        Err(error) => {
            tracing::warn!(url, %error, "Alertmanager was not told");
            false
        }
    }
}
