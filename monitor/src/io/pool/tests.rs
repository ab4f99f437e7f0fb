//! Waiting for an endpoint's turn.

use super::*;
use std::path::Path;

#[tokio::test(flavor = "current_thread")]
async fn everyone_who_waits_for_a_turn_gets_one() {
    let text = "listen = \"127.0.0.1:1\"\ndata_dir = \"d\"\n[[chain]]\nid = \"c\"\n\
                rpc = [{ url = \"http://127.0.0.1:1\", rate = 50 }]\n";
    let config = config::Config::parse(text, Path::new("m.toml")).unwrap();
    let pool = Pool::new(&config.chains[0], &mut Clients::default()).unwrap();
    // Three seconds' worth go at once, thirty more have to wait for their turns.
    let asked = (0..180).map(|n| pool.ask(move |_| async move { Ok(n) }));
    let answers = futures_util::future::join_all(asked).await;
    let refused = answers.iter().filter(|a| a.is_err()).count();
    assert_eq!(refused, 0, "of {}", answers.len());
}
