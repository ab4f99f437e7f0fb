//! What x/slashing and x/staking say over REST is what they say in protobuf, on real Cosmos SDK nodes; and it is REST that is
//! asked where the RPC endpoint refuses `abci_query`, as many public ones do.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use palisade_monitor::config::Config;
use palisade_monitor::io::pool::Pool;
use palisade_monitor::io::reach::Clients;
use palisade_monitor::io::sdk::Sdk;
use palisade_tests::ports;
use palisade_tests::scratch::Scratch;
use palisade_tests::sdk_line::SdkLine;
use palisade_tests::sdk_net::{Plan, SdkNet};

fn sdk(rpc: &str, rest: &str) -> Sdk {
    let text = format!(
        "listen = \"127.0.0.1:1\"\ndata_dir = \"d\"\n[[chain]]\nid = \"rest-1\"\nrpc = [\"http://{rpc}\"]\nrest = [{rest}]\n"
    );
    let config = Config::parse(&text, Path::new("m.toml")).unwrap();
    Sdk::new(Arc::new(Pool::new(&config.chains[0], &mut Clients::default()).unwrap()))
}

fn agree(line: SdkLine) {
    let dir = Scratch::new().unwrap();
    let plan = Plan {
        line,
        chain_id: "rest-1",
        validators: 2,
        window: 20,
        jail: Duration::from_secs(600),
        voting: Duration::from_secs(600),
        timeout_commit: "300ms",
    };
    let mut net = SdkNet::start(dir.path(), &plan).unwrap();
    net.reach(6, Duration::from_secs(60)).unwrap();
    let (rpc, rest) = (net.nodes[0].rpc.clone(), format!("\"http://{}\"", net.nodes[0].rest));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (by_rpc, nowhere) = (sdk(&rpc, ""), ports::address());
        let by_rest = sdk(&nowhere, &rest);
        let neither = sdk(&nowhere, "");
        for height in [0, 4] {
            assert_eq!(
                by_rest.slashing_params(height).await.unwrap(),
                by_rpc.slashing_params(height).await.unwrap()
            );
        }
        let infos = by_rest.signing_infos(4).await.unwrap();
        assert_eq!(infos, by_rpc.signing_infos(4).await.unwrap());
        let validators = by_rest.validators(4).await.unwrap();
        assert_eq!(validators, by_rpc.validators(4).await.unwrap());
        assert_eq!((infos.len(), validators.0.len(), validators.1), (2, 2, 4));
        assert!(neither.slashing_params(0).await.is_err(), "nobody was there to answer");
    });
    (0..2).for_each(|i| net.stop_node(i).unwrap());
}

#[test]
#[ignore = "needs real nodes: tests/run, two at once"]
fn the_gateway_of_sdk_045_says_what_protobuf_says() {
    agree(SdkLine::V0_45);
}

#[test]
#[ignore = "needs real nodes: tests/run, two at once"]
fn the_gateway_of_sdk_053_says_what_protobuf_says() {
    agree(SdkLine::V0_53);
}
