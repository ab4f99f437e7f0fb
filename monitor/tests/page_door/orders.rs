//! Orders about alerts over the wire: only from whoever may give them, and only those that make sense.

use super::{ADMIN, Daemon, Door, TOKENS, VIEW, bearer, client};
use palisade_monitor::io::http::{Http, Tls};
use serde_json::Value;

pub(super) const SILENCE: &str =
    r#"{"silence":{"matcher":{"chain":"c-1"},"seconds":600,"by":"ops","note":"new disk"}}"#;

impl Door {
    /// What is answered to an order, and how many silences stand after it.
    pub(super) async fn order(&self, client: &Http, headers: &[(&str, &str)], body: &str) -> (u16, usize) {
        let json = ("content-type", "application/json");
        let headers: Vec<_> = headers.iter().copied().chain([json]).collect();
        let answer = self.send(client, "POST", "/api/alerts/order", &headers, body).await.unwrap();
        let admin = bearer(ADMIN);
        let board = self.ask(client, "/api/alerts", &[("authorization", &admin)]).await.unwrap();
        let board: Value = serde_json::from_slice(&board.body).unwrap();
        (answer.status, board["silences"].as_array().unwrap().len())
    }
}

#[tokio::test]
async fn orders_are_taken_over_the_wire_from_admins_alone() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), TOKENS).await;
    let http = client(&Tls::default());
    let (view, admin, wrong) = (bearer(VIEW), bearer(ADMIN), bearer("no-token-of-32-characters-------"));
    let (_, viewer) = daemon.sign_in(&http, VIEW).await;
    let (_, session) = daemon.sign_in(&http, ADMIN).await;
    let own = ("x-palisade", "1");
    for (who, status) in [
        (vec![], 401),
        (vec![own], 401),
        (vec![("authorization", view.as_str()), own], 401),
        (vec![("authorization", wrong.as_str()), own], 401),
        (vec![("cookie", viewer.as_str()), own], 401),
        // As a form of another site would send it, with the cookie that the browser has.
        (vec![("cookie", session.as_str())], 403),
    ] {
        assert_eq!(daemon.order(&http, &who, SILENCE).await, (status, 0), "{who:?}");
    }
    assert_eq!(daemon.order(&http, &[("authorization", &admin)], SILENCE).await, (200, 1));
    assert_eq!(daemon.order(&http, &[("cookie", &session), own], SILENCE).await, (200, 2));
    for (nonsense, status) in [
        ("{", 400),
        (r#"{"silence":{"matcher":{},"seconds":600,"by":"ops"}}"#, 409),
        (r#"{"silence":{"matcher":{"chain":"c-1"},"seconds":0,"by":"ops"}}"#, 409),
        (r#"{"silence":{"matcher":{"chain":"c-1"},"seconds":600,"by":"ops","for_ever":true}}"#, 422),
        (r#"{"unsilence":{"id":77}}"#, 409),
    ] {
        assert_eq!(
            daemon.order(&http, &[("authorization", &admin)], nonsense).await,
            (status, 2),
            "{nonsense}"
        );
    }
    daemon.stop().await;
}
