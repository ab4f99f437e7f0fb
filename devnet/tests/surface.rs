//! The surface over real sockets: HTTP by hand, a websocket client, a gRPC client.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use comet::sdk::slashing::{
    PARAMS, ParamsRequest, ParamsResponse, SIGNING_INFOS, SigningInfosRequest, SigningInfosResponse,
};
use futures_util::{SinkExt, StreamExt};
use palisade_devnet::io::{Handle, Options, StartError, start};
use palisade_devnet::script::Script;
use palisade_devnet::seats::Origin;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

async fn devnet(script: &str, block_time: Duration) -> Handle {
    let script = Script::parse(script, 64).expect("a script of ours");
    start(Options { origin: Origin::akashnet_1(), script, block_time, ..Options::default() })
        .await
        .expect("free ports")
}

/// One HTTP/1.1 exchange on a connection of its own: status and body.
async fn http(address: SocketAddr, method: &str, path: &str, body: &str) -> (u16, String) {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: devnet\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let exchange = move || {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = tokio::task::spawn_blocking(exchange).await.expect("no panic").expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    (head[9..12].parse().expect("a status"), body.to_owned())
}

#[tokio::test]
async fn uri_calls_json_calls_and_batches() {
    let handle = devnet("", Duration::ZERO).await;
    handle.wait_height(3).await.unwrap();
    let rpc = handle.rpc_addr();
    let (status, body) = http(rpc, "GET", "/block?height=2", "").await;
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &answer["id"]), (200, &json!(-1)));
    assert_eq!(answer["result"]["block"]["header"]["height"], "2");
    let (status, body) = http(rpc, "GET", "/block?height=99999999", "").await;
    assert_eq!(status, 500);
    assert!(body.contains("must be less than or equal to the current blockchain height"));
    assert_eq!(http(rpc, "GET", "/nonsense", "").await.0, 404);
    let batch = r#"[{"jsonrpc":"2.0","id":1,"method":"header","params":["2"]},
        {"jsonrpc":"2.0","id":"b","method":"health","params":{}},{"jsonrpc":"2.0","method":"health"}]"#;
    let (status, body) = http(rpc, "POST", "/", batch).await;
    let answers: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, answers.as_array().unwrap().len()), (200, 2), "a notification gets no answer");
    assert_eq!(answers[1], json!({"jsonrpc":"2.0","id":"b","result":{}}));
    handle.stop().await;
    assert!(TcpStream::connect(rpc).is_err(), "nothing listens after the end");
}

#[tokio::test]
async fn new_blocks_over_the_websocket() {
    let handle = devnet("[[event]]\nat = 1\nvalidator = 3\nmiss = 1000", Duration::from_millis(50)).await;
    let url = format!("ws://{}/websocket", handle.rpc_addr());
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    let subscribe =
        json!({"jsonrpc":"2.0","id":7,"method":"subscribe","params":{"query":"tm.event='NewBlock'"}});
    socket.send(Message::text(subscribe.to_string())).await.unwrap();
    let mut next = async || -> Value {
        let message = socket.next().await.unwrap().unwrap();
        serde_json::from_str(message.to_text().unwrap()).unwrap()
    };
    assert_eq!(next().await, json!({"jsonrpc":"2.0","id":7,"result":{}}));
    let mut last = 0;
    for _ in 0..5 {
        let event = next().await;
        assert_eq!(
            (&event["id"], &event["result"]["data"]["type"]),
            (&json!(7), &json!("tendermint/event/NewBlock"))
        );
        let value = &event["result"]["data"]["value"];
        let height: i64 = value["block"]["header"]["height"].as_str().unwrap().parse().unwrap();
        assert!(last == 0 || height == last + 1);
        last = height;
        let events = &event["result"]["events"];
        assert_eq!(events["tm.event"], json!(["NewBlock"]));
        if height > 1 {
            assert_eq!(events["liveness.height"], json!([height.to_string()]));
            assert_eq!(events["liveness.missed_blocks"], json!([(height - 1).to_string()]));
            assert_eq!(value["result_finalize_block"]["events"][0]["type"], "liveness");
        }
    }
    socket
        .send(Message::text(
            r#"{"jsonrpc":"2.0","id":8,"method":"subscribe","params":{"query":"tx.height=5"}}"#,
        ))
        .await
        .unwrap();
    loop {
        let message: Value =
            serde_json::from_str(socket.next().await.unwrap().unwrap().to_text().unwrap()).unwrap();
        if message["id"] == 8 {
            assert!(message["error"]["data"].as_str().unwrap().starts_with("failed to parse query"));
            break;
        }
    }
    handle.stop().await;
}

#[tokio::test]
async fn queries_over_grpc_at_a_height() {
    let handle = devnet("[[event]]\nat = 1\nvalidator = 3\nmiss = 1000", Duration::ZERO).await;
    handle.wait_height(10).await.unwrap();
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{}", handle.grpc_addr())).unwrap();
    let mut client = tonic::client::Grpc::new(channel.connect().await.unwrap());
    client.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<ParamsRequest, ParamsResponse>::default();
    let answer =
        client.unary(tonic::Request::new(ParamsRequest {}), PARAMS.parse().unwrap(), codec).await.unwrap();
    assert_eq!(answer.get_ref().params.as_ref().unwrap().signed_blocks_window, 10_000);
    assert!(answer.metadata().contains_key("x-cosmos-block-height"));

    let mut request = tonic::Request::new(SigningInfosRequest { pagination: None });
    request.metadata_mut().insert("x-cosmos-block-height", "6".parse().unwrap());
    let codec = tonic_prost::ProstCodec::<SigningInfosRequest, SigningInfosResponse>::default();
    client.ready().await.unwrap();
    let answer = client.unary(request, SIGNING_INFOS.parse().unwrap(), codec).await.unwrap();
    assert_eq!(answer.metadata().get("x-cosmos-block-height").unwrap(), "6");
    let misses: Vec<i64> =
        answer.get_ref().info.iter().map(|i| i.missed_blocks_counter).filter(|m| *m > 0).collect();
    assert_eq!(misses, [5], "after block 6 the misses of heights 1 to 5 are counted");

    client.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<ParamsRequest, ParamsResponse>::default();
    let path = "/cosmos.mint.v1beta1.Query/Params".parse().unwrap();
    let error = client.unary(tonic::Request::new(ParamsRequest {}), path, codec).await.unwrap_err();
    assert_eq!(error.code(), tonic::Code::Unimplemented);
    handle.stop().await;
}

/// `GetLatestBlockResponse`.
#[derive(Clone, PartialEq, prost::Message)]
struct LatestBlock {
    #[prost(message, optional, tag = "1")]
    block_id: Option<comet::privval::BlockId>,
    #[prost(message, optional, tag = "2")]
    block: Option<comet::block::Block>,
}

#[tokio::test]
async fn the_latest_block_over_grpc_hashes_to_its_id() {
    let handle = devnet("", Duration::ZERO).await;
    handle.wait_height(3).await.unwrap();
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{}", handle.grpc_addr())).unwrap();
    let mut client = tonic::client::Grpc::new(channel.connect().await.unwrap());
    client.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<ParamsRequest, LatestBlock>::default();
    let path = "/cosmos.base.tendermint.v1beta1.Service/GetLatestBlock".parse().unwrap();
    let answer = client.unary(tonic::Request::new(ParamsRequest {}), path, codec).await.unwrap().into_inner();
    assert_eq!(answer.block.unwrap().id(), answer.block_id.unwrap());
    handle.stop().await;
}

#[tokio::test]
async fn the_rpc_fails_as_the_script_says() {
    let script = "[[event]]\nat = 5\nrpc_garbage = 100000\n";
    let handle = devnet(script, Duration::from_millis(20)).await;
    handle.wait_height(5).await.unwrap();
    let (status, body) = http(handle.rpc_addr(), "GET", "/status", "").await;
    assert_eq!(status, 200);
    assert!(serde_json::from_str::<Value>(&body).is_err());
    handle.stop().await;
}

#[tokio::test]
async fn a_chain_of_nobody_does_not_start() {
    let origin = Origin::akashnet_1().with_seats(0);
    let refused = start(Options { origin, ..Options::default() }).await;
    assert!(matches!(refused, Err(StartError::Empty)), "{refused:?}");
}
