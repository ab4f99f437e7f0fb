//! Who may do what, and the headers of every answer.
//!
//! Whoever has the token is told apart in constant time and only so often; a browser gets a session for it, in a cookie
//! that scripts cannot read and other sites cannot send. What changes something needs, besides, a header that no form of
//! another site can set.

use super::Shared;
use super::accept::Peer;
use super::session::Role;
use crate::secret::Secret;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use subtle::ConstantTimeEq as _;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// Set by the page's own script; its presence is what counts.
const OWN_HEADER: &str = "x-palisade";

/// The page never asks another host, and no inline script or style runs.
pub(super) async fn headers(mut response: Response) -> Response {
    let set: [(HeaderName, &'static str); 4] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let set = set.map(|(name, value)| (name, HeaderValue::from_static(value)));
    response.headers_mut().extend(HeaderMap::from_iter(set));
    response
}

/// For routes that show something.
pub(super) fn viewers<S>(router: Router<S>, shared: &Arc<Shared>) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    router.route_layer(from_fn_with_state(shared.clone(), look))
}

/// For routes that change something: mount them with `guard::admins(routes, &shared)`.
pub(super) fn admins<S>(router: Router<S>, shared: &Arc<Shared>) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    router.route_layer(from_fn_with_state(shared.clone(), change))
}

async fn look(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    match role(&shared, &request) {
        Ok(Role::Nobody) => refusal(StatusCode::UNAUTHORIZED, "a token is needed to look here"),
        Ok(_) => next.run(request).await,
        Err(wait) => wait,
    }
}

async fn change(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let role = match role(&shared, &request) {
        Ok(role) => role,
        Err(wait) => return wait,
    };
    let by_token = bearer(request.headers()).is_some();
    if role != Role::Admin {
        return refusal(StatusCode::UNAUTHORIZED, "the admin token is needed to change something");
    }
    if !by_token && !request.headers().contains_key(OWN_HEADER) {
        return refusal(StatusCode::FORBIDDEN, "the header x-palisade is missing");
    }
    next.run(request).await
}

fn refusal(status: StatusCode, why: &'static str) -> Response {
    let mut response = (status, why).into_response();
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// Who asks. An answer instead, for whoever has guessed too often.
#[expect(clippy::result_large_err, reason = "the answer is sent at once, and only once")]
pub(super) fn role(shared: &Shared, request: &Request) -> Result<Role, Response> {
    let peer = peer(request);
    let door = shared.door.borrow().clone();
    if let Some(token) = bearer(request.headers()) {
        return known(shared, peer, token);
    }
    let session = cookie(request.headers()).and_then(|id| shared.sessions.role(id, &door));
    let anyone = match (door.certified, door.admin.is_some(), door.view.is_none()) {
        (true, false, _) => Role::Admin,
        (true, true, _) | (false, _, true) => Role::Viewer,
        (false, _, false) => Role::Nobody,
    };
    Ok(session.unwrap_or(Role::Nobody).max(anyone))
}

/// Whose token it is; wrong ones are counted.
#[expect(clippy::result_large_err, reason = "the answer is sent at once, and only once")]
pub(super) fn known(shared: &Shared, peer: IpAddr, token: &str) -> Result<Role, Response> {
    if let Some(seconds) = shared.sessions.must_wait(peer) {
        let mut response =
            (StatusCode::TOO_MANY_REQUESTS, "too many wrong tokens from this address").into_response();
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        return Err(response);
    }
    let door = shared.door.borrow().clone();
    let is = |secret: &Option<Secret>| {
        secret.as_ref().is_some_and(|s| bool::from(s.expose().as_bytes().ct_eq(token.as_bytes())))
    };
    if is(&door.admin) {
        return Ok(Role::Admin);
    }
    if is(&door.view) {
        return Ok(Role::Viewer);
    }
    shared.sessions.wrong(peer);
    tracing::warn!(%peer, "wrong token for the page");
    Err(refusal(StatusCode::UNAUTHORIZED, "this token is not known here"))
}

pub(super) fn peer(request: &Request) -> IpAddr {
    request.extensions().get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// The session's id, where there is a cookie.
pub(super) fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|line| line.split("; ")).find_map(|pair| pair.strip_prefix("palisade_session="))
}
