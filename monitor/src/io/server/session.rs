//! Sessions of browsers that have shown a token, and who guesses tokens. In memory only: a restart ends them.

use super::door::Door;
use super::{Shared, guard};
use crate::secret::Secret;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tokio_rustls::rustls::crypto;

/// A working day.
const LIFE: Duration = Duration::from_secs(12 * 3600);
const SESSIONS: usize = 256;
/// Wrong tokens an address may show in a minute.
const GUESSES: u32 = 5;
const MINUTE: Duration = Duration::from_secs(60);
const GUESSERS: usize = 4096;
/// A token is shorter than this.
const LARGEST: usize = 4096;

/// What somebody may do; the later may do more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// Nothing.
    Nobody,
    /// Look.
    Viewer,
    /// Acknowledge and silence as well.
    Admin,
}

/// Good as long as the token it was opened with is.
#[derive(Debug)]
struct Session {
    role: Role,
    token: Secret,
    since: Instant,
}

#[derive(Debug, Default)]
struct Inner {
    sessions: HashMap<String, Session>,
    guesses: HashMap<IpAddr, (u32, Instant)>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<Inner>);

impl Sessions {
    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the session may do at this door.
    pub(super) fn role(&self, id: &str, door: &Door) -> Option<Role> {
        let inner = self.inner();
        let session = inner.sessions.get(id).filter(|session| session.since.elapsed() < LIFE)?;
        let still = [&door.admin, &door.view].into_iter().flatten().any(|token| *token == session.token);
        still.then_some(session.role)
    }

    /// A new session; the oldest makes room. `None` without randomness.
    fn open(&self, role: Role, token: Secret) -> Option<String> {
        let mut bytes = [0; 32];
        crypto::ring::default_provider().secure_random.fill(&mut bytes).ok()?;
        let id = hex::encode(bytes);
        let mut inner = self.inner();
        inner.sessions.retain(|_, session| session.since.elapsed() < LIFE);
        if inner.sessions.len() >= SESSIONS {
            let oldest = inner.sessions.iter().min_by_key(|(_, s)| s.since).map(|(id, _)| id.clone());
            oldest.and_then(|id| inner.sessions.remove(&id));
        }
        inner.sessions.insert(id.clone(), Session { role, token, since: Instant::now() });
        Some(id)
    }

    fn close(&self, id: &str) {
        self.inner().sessions.remove(id);
    }

    /// Seconds that `peer` has to wait before its next guess is looked at.
    pub(super) fn must_wait(&self, peer: IpAddr) -> Option<u64> {
        let inner = self.inner();
        let (count, since) = inner.guesses.get(&network(peer))?;
        let left = MINUTE.saturating_sub(since.elapsed());
        (*count >= GUESSES && !left.is_zero()).then(|| left.as_secs() + 1)
    }

    /// Counts a wrong guess.
    pub(super) fn wrong(&self, peer: IpAddr) {
        let mut inner = self.inner();
        if inner.guesses.len() >= GUESSERS {
            inner.guesses.retain(|_, (_, since)| since.elapsed() < MINUTE);
        }
        if inner.guesses.len() >= GUESSERS {
            return;
        }
        let guess = inner.guesses.entry(network(peer)).or_insert((0, Instant::now()));
        if guess.1.elapsed() >= MINUTE {
            *guess = (0, Instant::now());
        }
        guess.0 += 1;
    }
}

/// Whoever has one IPv6 address has the 2^64 beside it as well.
fn network(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V6(six) => match six.to_ipv4_mapped() {
            Some(four) => IpAddr::V4(four),
            None => IpAddr::V6(Ipv6Addr::from(u128::from(six) & !u128::from(u64::MAX))),
        },
        four @ IpAddr::V4(_) => four,
    }
}

#[derive(Deserialize)]
struct Token {
    token: String,
}

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/api/session", get(show).post(open).delete(close))
}

/// Who the asker is, and whether a token would make a difference.
async fn show(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let role = match guard::role(&shared, &request) {
        Ok(role) => role,
        Err(wait) => return wait,
    };
    let door = shared.door.borrow();
    let session =
        guard::cookie(request.headers()).is_some_and(|id| shared.sessions.role(id, &door).is_some());
    Json(json!({
        "may_look": role >= Role::Viewer,
        "may_change": role == Role::Admin,
        "session": session,
        "token_wanted": door.admin.is_some() || door.view.is_some(),
    }))
    .into_response()
}

async fn open(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let peer = guard::peer(&request);
    let Ok(body) = axum::body::to_bytes(request.into_body(), LARGEST).await else {
        return (StatusCode::PAYLOAD_TOO_LARGE, "too long for a token").into_response();
    };
    let Ok(Token { token }) = serde_json::from_slice(&body) else {
        return (StatusCode::BAD_REQUEST, "wanted: {\"token\": \"…\"}").into_response();
    };
    let role = match guard::known(&shared, peer, token.trim()) {
        Ok(role) => role,
        Err(refusal) => return refusal,
    };
    match shared.sessions.open(role, Secret::new(token.trim().to_owned())) {
        Some(id) => cookie(&shared, &id, LIFE),
        None => (StatusCode::INTERNAL_SERVER_ERROR, "no randomness").into_response(),
    }
}

async fn close(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    if let Some(id) = guard::cookie(&headers) {
        shared.sessions.close(id);
    }
    cookie(&shared, "", Duration::ZERO)
}

fn cookie(shared: &Shared, id: &str, life: Duration) -> Response {
    let secure = if shared.door.borrow().scheme() == "https" { "; Secure" } else { "" };
    let text = format!(
        "palisade_session={id}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{secure}",
        life.as_secs()
    );
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Page;

    #[tokio::test(start_paused = true)]
    async fn guessing_is_slow_and_does_not_last() {
        let sessions = Sessions::default();
        let peer: IpAddr = "2001:db8::1".parse().unwrap();
        let beside: IpAddr = "2001:db8::ffff".parse().unwrap();
        for _ in 0..GUESSES {
            assert_eq!(sessions.must_wait(peer), None);
            sessions.wrong(peer);
        }
        assert!(sessions.must_wait(beside).is_some_and(|s| s <= 61), "the same network");
        assert_eq!(sessions.must_wait("10.0.0.1".parse().unwrap()), None, "another one");
        tokio::time::advance(MINUTE).await;
        assert_eq!(sessions.must_wait(peer), None);
    }

    #[tokio::test(start_paused = true)]
    async fn sessions_end() {
        let token = |text: &str| Secret::new(text.into());
        let door = |admin| {
            let mut door = Door::open(&Page::default()).unwrap();
            door.admin = Some(admin);
            door
        };
        let (now, later) = (door(token("a")), door(token("b")));
        let sessions = Sessions::default();
        let id = sessions.open(Role::Admin, token("a")).unwrap();
        assert_eq!(sessions.role(&id, &now), Some(Role::Admin));
        assert_eq!(sessions.role(&id, &later), None, "the token was changed");
        assert_eq!(sessions.role("", &now), None);
        for _ in 0..SESSIONS {
            tokio::time::advance(Duration::from_secs(1)).await;
            sessions.open(Role::Viewer, token("a")).unwrap();
        }
        assert_eq!(sessions.role(&id, &now), None, "the oldest made room");
        let other = sessions.open(Role::Viewer, token("a")).unwrap();
        tokio::time::advance(LIFE).await;
        assert_eq!(sessions.role(&other, &now), None);
    }
}
