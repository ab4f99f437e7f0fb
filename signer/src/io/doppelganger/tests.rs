//! A mark that moves while the guard looks: that of several signers.

#[path = "../../../tests/support/rpc.rs"]
mod rpc;

use std::sync::atomic::{AtomicUsize, Ordering};

use comet::key::PrivateKey;

use self::rpc::Rpc;
use super::*;
use crate::{
    config::Config,
    mark::{Hrs, Mark},
};

const CHAIN: &str = "test-1";

/// Where a chain stands whose key has signed up to 8, when the mark is read as 5 first and then as `then`.
fn standing(then: i64) -> Standing {
    let key = PrivateKey::from_seed(&[9; 32]);
    let rpc = Rpc::start(CHAIN);
    rpc.blocks(1..=8, &[(6, &key), (7, &key), (8, &key)]);
    let text = format!(
        "state_dir = 's'\nlisten = '127.0.0.1:0'\n[[key]]\nname = 'k'\nbackend = 'softsign'\npath = 'k'\n[[chain]]\n\
         id = '{CHAIN}'\nkey = 'k'\nnodes = ['tcp://h:1']\nrpc = ['http://{}']\ndoppelganger_blocks = 5\n",
        rpc.address()
    );
    let config = Config::parse(&text, std::path::Path::new("/")).expect("good");
    let reads = AtomicUsize::new(0);
    let watched = Watched {
        chain_id: CHAIN.into(),
        key: key.public().into(),
        mark: Box::new(move || {
            let height = if reads.fetch_add(1, Ordering::Relaxed) == 0 { 5 } else { then };
            Ok(Mark::floor(Hrs::whole_height(height)))
        }),
        config: config.chains[0].doppelganger.clone().expect("there"),
        found: Box::new(|_| {}),
    };
    let gate = Gate::with(Standing::Unproven(String::new()));
    let watch = Watch::start(Arc::clone(&gate), watched).expect("a thread");
    let deadline = Instant::now() + Duration::from_secs(20);
    while matches!(gate.standing(), Standing::Unproven(_)) && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(5));
    }
    drop(watch);
    gate.standing()
}

#[test]
fn what_others_sign_with_the_same_mark_while_it_looks_is_no_doppelganger() {
    assert!(matches!(standing(8), Standing::Cleared(_)), "{:?}", standing(8));
    // Nobody raised the mark for it: that one shares nothing.
    assert!(matches!(standing(5), Standing::Foreign(_)), "{:?}", standing(5));
    assert!(matches!(standing(7), Standing::Foreign(_)), "{:?}", standing(7));
}
