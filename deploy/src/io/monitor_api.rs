//! The monitor's API over HTTP.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::demo::seen::Seen;

const PATIENCE: Duration = Duration::from_secs(2);

/// A monitor on this host.
pub(super) struct MonitorApi {
    address: SocketAddr,
    client: Client<HttpConnector, Empty<Bytes>>,
}

// === impl MonitorApi ===

impl MonitorApi {
    /// The monitor that listens there.
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it knows of a chain; `None` while it does not answer.
    pub(super) async fn seen(&self, chain_id: &str) -> Option<Seen> {
        let uri = format!("http://{}/api/chains", self.address).parse().ok()?;
        let answer = async {
            let response = self.client.get(uri).await.ok()?;
            Some(response.into_body().collect().await.ok()?.to_bytes())
        };
        let body = tokio::time::timeout(PATIENCE, answer).await.ok()??;
        Seen::parse(&body, chain_id)
    }
}
