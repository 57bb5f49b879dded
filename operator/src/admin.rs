//! The admin listener: health, readiness, metrics, and the page of what happened.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use parapet_console::Console;

use crate::controller::watch_all::Watched;
use crate::metrics::Metrics;

/// What the admin routes answer from.
#[derive(Clone)]
pub struct Admin {
    /// Ready is who has seen everything once; NATS is no part of it, and neither is leading.
    pub watched: Watched,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// The routes.
pub fn router(admin: Admin, console: Option<Arc<Console>>) -> Router {
    let routes = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(admin);
    match console {
        Some(console) => routes.merge(parapet_console::router(console)),
        None => routes,
    }
}

async fn ready(State(admin): State<Admin>) -> Response {
    if admin.watched.is_complete() {
        "ready\n".into_response()
    } else {
        let missing = admin.watched.missing().join("\n");
        let said = format!("not ready: not everything has been listed yet\n{missing}\n");
        (StatusCode::SERVICE_UNAVAILABLE, said).into_response()
    }
}

async fn metrics(State(admin): State<Admin>) -> Response {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], admin.metrics.render()).into_response()
}
