//! An endpoint with all that it takes to talk to it: the client for its TLS, and its token. One client for each TLS identity,
//! shared by all chains.

use super::http::{Answer, Http, HttpFailure, Tls, TlsError};
use super::secret::{self, SecretError};
use crate::config::{Endpoint, TOKEN};
use crate::secret::Secret;
use http::header::{HeaderName, HeaderValue};
use http::request::Builder;
use http_body_util::Full;
use hyper::body::Bytes;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Why an endpoint of the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReachError {
    /// Its certificates.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Its token.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A token with bytes that no header may have.
    #[error("{0}: its token cannot be sent in a header\ntry: a file with nothing but the token")]
    Token(String),
}

/// All HTTP clients, by what they trust and are.
#[derive(Debug, Default)]
pub struct Clients(HashMap<Tls, Http>);

impl Clients {
    /// Reads the secrets of `endpoint`.
    pub fn reach(&mut self, endpoint: &Endpoint) -> Result<Reach, ReachError> {
        let tls = Tls { ca: endpoint.ca.clone(), identity: endpoint.identity.clone() };
        let http = match self.0.get(&tls) {
            Some(http) => http.clone(),
            None => self.0.entry(tls.clone()).or_insert(Http::new(&tls)?).clone(),
        };
        let token = endpoint.token.as_ref().map(secret::read).transpose()?;
        let inside = endpoint.path.contains(TOKEN);
        let header = token.as_ref().filter(|_| !inside).map(|token| header(endpoint, token)).transpose()?;
        let place = match &token {
            Some(token) if inside => endpoint.url().replace(TOKEN, token.expose()),
            _ => endpoint.url(),
        };
        Ok(Reach { endpoint: Arc::new(endpoint.clone()), http, header, place: Arc::new(Secret::new(place)) })
    }
}

fn header(endpoint: &Endpoint, token: &Secret) -> Result<(HeaderName, HeaderValue), ReachError> {
    let bad = || ReachError::Token(endpoint.url());
    let name = HeaderName::from_bytes(endpoint.header.as_bytes()).map_err(|_| bad())?;
    let value = if name == http::header::AUTHORIZATION {
        HeaderValue::try_from(format!("Bearer {}", token.expose()))
    } else {
        HeaderValue::try_from(token.expose())
    };
    let mut value = value.map_err(|_| bad())?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// One endpoint, ready; cheap to clone. Two are equal when they would send the same.
#[derive(Clone, Debug)]
pub struct Reach {
    endpoint: Arc<Endpoint>,
    http: Http,
    header: Option<(HeaderName, HeaderValue)>,
    /// The URL as it is asked: it may hold a token.
    place: Arc<Secret>,
}

impl PartialEq for Reach {
    fn eq(&self, other: &Self) -> bool {
        self.endpoint == other.endpoint && self.header == other.header && self.place == other.place
    }
}

impl Reach {
    /// The endpoint of the configuration.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The client of its TLS.
    pub fn http(&self) -> &Http {
        &self.http
    }

    /// The header that carries the token.
    pub fn header(&self) -> Option<&(HeaderName, HeaderValue)> {
        self.header.as_ref()
    }

    /// URL of `path` behind its prefix. May hold a token: not for logs.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.place.expose())
    }

    /// A request with the token in its place.
    pub(super) fn request(&self, method: hyper::Method, path: &str) -> Builder {
        let request = hyper::Request::builder().method(method).uri(self.url(path));
        match &self.header {
            Some((name, value)) => request.header(name, value),
            None => request,
        }
    }

    /// One exchange.
    pub(super) async fn send(
        &self,
        request: Builder,
        body: Vec<u8>,
        deadline: Duration,
        largest: usize,
    ) -> Result<Answer, HttpFailure> {
        let bad = |_| HttpFailure::Unreachable("the URL cannot be asked".into());
        self.http.send(request.body(Full::new(Bytes::from(body))).map_err(bad)?, deadline, largest).await
    }
}
