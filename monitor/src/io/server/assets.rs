//! The page's own files, built into the program: nothing to install beside it, and nothing to fetch from elsewhere.

use super::Shared;
use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

const FILES: &[(&str, &str, &str)] = &[
    ("/", HTML, include_str!("../../page/index.html")),
    ("/page.css", CSS, include_str!("../../page/page.css")),
    ("/icon.svg", "image/svg+xml", include_str!("../../page/icon.svg")),
    ("/page.js", SCRIPT, include_str!("../../page/page.js")),
    ("/model.js", SCRIPT, include_str!("../../page/model.js")),
    ("/grid.js", SCRIPT, include_str!("../../page/grid.js")),
    ("/text.js", SCRIPT, include_str!("../../page/text.js")),
    ("/trouble.js", SCRIPT, include_str!("../../page/trouble.js")),
    ("/overview.js", SCRIPT, include_str!("../../page/overview.js")),
    ("/chain.js", SCRIPT, include_str!("../../page/chain.js")),
    ("/validator.js", SCRIPT, include_str!("../../page/validator.js")),
    ("/alerts.js", SCRIPT, include_str!("../../page/alerts.js")),
    ("/access.js", SCRIPT, include_str!("../../page/access.js")),
];

pub(super) fn routes() -> Router<Arc<Shared>> {
    FILES.iter().fold(Router::new(), |router, (path, kind, text)| {
        router.route(path, get(move || std::future::ready(file(kind, text))))
    })
}

fn file(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}
