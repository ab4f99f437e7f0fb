//! The dead man's switch: a URL that is asked only while data is fresh and the rules were looked at. Whoever is behind it
//! calls when it stops, which no monitor can do for itself.

use crate::alert::Millis;
use crate::config::SecretSource;
use crate::io::http::Http;
use crate::io::secret;
use http::Request;
use http_body_util::Full;
use hyper::body::Bytes;
use std::time::Duration;

const EVERY: Millis = 60_000;
const DEADLINE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct DeadMan {
    place: Option<SecretSource>,
    http: Http,
    last: Millis,
}

impl DeadMan {
    pub(super) fn new(place: Option<SecretSource>, http: Http) -> Self {
        Self { place, http, last: 0 }
    }

    /// Asks the URL when a minute is over; its answer delays nothing.
    pub(super) fn ping(&mut self, now: Millis) {
        let Some(place) = &self.place else { return };
        if now - self.last < EVERY {
            return;
        }
        self.last = now;
        let url = match secret::read(place) {
            Ok(url) => url,
            Err(error) => return tracing::error!(%error, "dead man's switch not asked"),
        };
        let http = self.http.clone();
        tokio::spawn(async move {
            let Ok(request) = Request::get(url.expose()).body(Full::new(Bytes::new())) else {
                return tracing::error!("dead man's switch not asked: its URL cannot be used");
            };
            match http.send(request, DEADLINE, 64 * 1024).await {
                Ok(answer) if (200..300).contains(&answer.status) => {}
                Ok(answer) => tracing::warn!(status = answer.status, "dead man's switch refused"),
                Err(error) => tracing::warn!(%error, "dead man's switch not reached"),
            }
        });
    }
}
