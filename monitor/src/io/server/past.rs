//! A validator's past as the page draws it: whole hours and days out of the history, also of heights whose rows are gone.

use super::Shared;
use super::api::find_validator;
use crate::history::{DAY, HOUR};
use crate::io::history::{HistoryError, Reader, read};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use comet::key::Address;
use serde::Serialize;
use std::path::Path as Directory;
use std::sync::Arc;

/// Hours of a week, days of a year.
const HOURS: i64 = 7 * 24;
const DAYS: i64 = 366;

/// One hour or day.
#[derive(Serialize)]
struct Span {
    /// Unix seconds.
    start: i64,
    signed: u64,
    missed: u64,
    nil: u64,
    proposed: u64,
    /// Misses in a row, at most.
    longest_missed: u64,
}

#[derive(Default, Serialize)]
struct Past {
    hours: Vec<Span>,
    days: Vec<Span>,
}

/// `GET /api/chains/{chain}/validators/{validator}/history`.
pub(super) async fn history(
    State(shared): State<Arc<Shared>>,
    Path((id, who)): Path<(String, String)>,
) -> Response {
    let (served, _, address) = match find_validator(&shared, &id, &who) {
        Ok(found) => found,
        Err(refusal) => return *refusal,
    };
    let now = served.published.borrow().view.block_time_unix;
    let (directory, chain) = (served.directory, id.clone());
    let read = tokio::task::spawn_blocking(move || past(&directory, &chain, &address, now));
    match read.await {
        Ok(Ok(past)) => Json(past).into_response(),
        Ok(Err(error)) => {
            tracing::warn!(chain = %id, %error, "the past was asked for and not read");
            (StatusCode::SERVICE_UNAVAILABLE, "the history cannot be read now").into_response()
        }
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "the history was not read").into_response(),
    }
}

fn past(
    directory: &Directory,
    chain: &str,
    address: &Address,
    now: Option<i64>,
) -> Result<Past, HistoryError> {
    let Some(now) = now else { return Ok(Past::default()) };
    let reader = Reader::open(directory, chain)?;
    let spans = |span: i64, count: i64| {
        let found = read::rollups_of(reader.connection(), span, now, count, address);
        let found = found.map_err(|source| reader.failed(source))?;
        let one = |(start, s): (i64, crate::history::segment::Segment)| Span {
            start,
            signed: s.signed,
            missed: s.missed,
            nil: s.nil,
            proposed: s.proposed,
            longest_missed: s.longest,
        };
        Ok::<_, HistoryError>(found.into_iter().map(one).collect())
    };
    Ok(Past { hours: spans(HOUR, HOURS)?, days: spans(DAY, DAYS)? })
}
