//! The admin listener: health, readiness, metrics, which policy is in force, what approves the tools of MCP
//! servers, and the page of what happened.

use std::future::Future;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use parapet_console::Console;
use tokio::net::TcpListener;

use crate::policy::live::PolicyStatus;

/// Text about one server by its name, or about all; none when there is no such server.
pub type Pins = Arc<dyn Fn(Option<&str>) -> Option<String> + Send + Sync>;

/// What the admin routes answer from.
#[derive(Clone)]
pub struct Admin {
    /// The policy in force.
    pub policy: Arc<dyn Fn() -> PolicyStatus + Send + Sync>,
    /// Whether traffic is wanted; why not, when not.
    pub ready: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
    /// What would approve the tools of MCP servers as they are.
    pub pins: Pins,
    /// All metrics in Prometheus' text format.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

/// The routes.
pub fn router(admin: Admin, console: Option<Arc<Console>>) -> Router {
    let routes = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/policy", get(policy))
        .route("/pins", get(pins))
        .route("/pins/{server}", get(pins_of))
        .with_state(admin);
    match console {
        Some(console) => routes.merge(parapet_console::router(console)),
        None => routes,
    }
}

/// Serves the routes until `end`.
///
/// # Errors
/// When accepting fails for good.
pub async fn serve(
    listener: TcpListener,
    routes: Router,
    end: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, routes)
        .with_graceful_shutdown(end)
        .await
}

async fn ready(State(admin): State<Admin>) -> Response {
    match (admin.ready)() {
        Ok(()) => "ready\n".into_response(),
        Err(why) => {
            let text = format!("not ready: {why}\n");
            (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        }
    }
}

async fn metrics(State(admin): State<Admin>) -> Response {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], (admin.metrics)()).into_response()
}

async fn pins(State(admin): State<Admin>) -> Response {
    proposed((admin.pins)(None))
}

async fn pins_of(State(admin): State<Admin>, Path(server): Path<String>) -> Response {
    proposed((admin.pins)(Some(&server)))
}

fn proposed(text: Option<String>) -> Response {
    match text {
        Some(text) => ([(header::CONTENT_TYPE, "application/yaml")], text).into_response(),
        None => {
            let text = "there is no MCPServer of this name whose tools are looked at\n";
            (StatusCode::NOT_FOUND, text).into_response()
        }
    }
}

async fn policy(State(admin): State<Admin>) -> Response {
    Json((admin.policy)()).into_response()
}
