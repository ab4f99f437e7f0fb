//! Waiting for an endpoint's turn, and what is remembered of the blocks taken.

use super::*;
use std::path::Path;

fn pool() -> Pool {
    let text = "listen = \"127.0.0.1:1\"\ndata_dir = \"d\"\n[[chain]]\nid = \"c\"\n\
                rpc = [{ url = \"http://127.0.0.1:1\", rate = 50 }]\n";
    let config = config::Config::parse(text, Path::new("m.toml")).unwrap();
    Pool::new(&config.chains[0], &mut Clients::default()).unwrap()
}

#[test]
fn a_block_without_an_id_is_compared_with_nothing() {
    let pool = pool();
    pool.took(7, "AB".into());
    pool.took(8, String::new());
    assert_eq!((pool.hash(7).as_deref(), pool.hash(8)), (Some("AB"), None));
}

#[tokio::test(flavor = "current_thread")]
async fn everyone_who_waits_for_a_turn_gets_one() {
    let pool = pool();
    // Three seconds' worth go at once, thirty more have to wait for their turns.
    let asked = (0..180).map(|n| pool.ask(move |_| async move { Ok(n) }));
    let answers = futures_util::future::join_all(asked).await;
    let refused = answers.iter().filter(|a| a.is_err()).count();
    assert_eq!(refused, 0, "of {}", answers.len());
}
