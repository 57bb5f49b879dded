//! The route, and how much is taken on at a time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use kube::api::DynamicObject;
use kube::core::admission::{AdmissionRequest, AdmissionResponse, AdmissionReview};
use parapet_crds::guardrail_config::GuardrailConfigSpec;
use parapet_crds::resource::Spec as _;
use tokio::sync::Semaphore;

use super::judge::{Judge, Surroundings};
use super::review::{Answer, Forms, forms};
use crate::controller::watch_all::{Scope, Watched};
use crate::metrics::Metrics;

/// A review holds a resource twice, and an API server takes requests of up to 3 MiB.
const MAX_BODY: usize = 8 * 1024 * 1024;

/// Bodies read at a time.
const MAX_READING: usize = 8;

/// Requests that are judged or wait for it.
const MAX_WAITING: usize = 16;

/// The API server waits for 5 seconds, by our configuration. What comes before is an answer with a warning.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);

/// Answers reviews.
#[derive(Clone)]
pub struct Webhook {
    judge: Arc<Mutex<Judge>>,
    watched: Watched,
    scope: Arc<Scope>,
    metrics: Arc<Metrics>,
    reading: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Webhook {
    /// Answers from what is watched.
    pub fn new(judge: Judge, watched: Watched, scope: Scope, metrics: Arc<Metrics>) -> Self {
        Self {
            judge: Arc::new(Mutex::new(judge)),
            watched,
            scope: Arc::new(scope),
            metrics,
            reading: Arc::new(Semaphore::new(MAX_READING)),
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
        }
    }

    /// The route.
    pub fn router(self) -> Router {
        Router::new()
            .route("/validate", post(validate))
            .with_state(self)
    }

    /// Reads and builds what is there as soon as it is known, so that the first request does not wait for it.
    pub async fn warm(self) {
        self.watched.complete().await;
        let warming = tokio::task::spawn_blocking(move || {
            self.judge().warm(self.watched.resources().filter(named));
        });
        if warming.await.is_err() {
            tracing::error!("looking at what is there has failed");
        }
    }

    async fn read(
        &self,
        request: Request<Body>,
    ) -> Result<AdmissionRequest<DynamicObject>, StatusCode> {
        // Never closed.
        let _place = self.reading.acquire().await;
        let body = to_bytes(request.into_body(), MAX_BODY).await;
        let body = body.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
        let review: AdmissionReview<DynamicObject> =
            serde_json::from_slice(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
        review.try_into().map_err(|_| StatusCode::BAD_REQUEST)
    }

    fn unread(&self, status: StatusCode, begun: Instant) -> Response {
        self.metrics.reviewed("unread", begun.elapsed());
        tracing::warn!(%status, "an admission review could not be read");
        status.into_response()
    }

    fn judge(&self) -> std::sync::MutexGuard<'_, Judge> {
        // What it remembers is put in place whole.
        self.judge.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, request: AdmissionRequest<DynamicObject>, end: Instant) -> Answer {
        let Some(forms) = forms(request) else {
            return Answer::Allowed(Vec::new());
        };
        let namespaces = &self.scope.namespaces;
        if !namespaces.is_empty() && !namespaces.contains(&forms.namespace) {
            return Answer::Allowed(Vec::new());
        }
        let Ok(place) = Arc::clone(&self.waiting).try_acquire_owned() else {
            return Answer::Unjudged("there is too much to check");
        };
        if !self.watched.is_complete() {
            return Answer::Unjudged("not everything has been listed yet");
        }
        let this = self.clone();
        let judging = tokio::task::spawn_blocking(move || {
            // Kept to the end, also when nobody waits for it any more.
            let _place = place;
            this.judged(&forms, end)
        });
        match tokio::time::timeout_at(end.into(), judging).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => {
                // It has panicked: a bug, and not one that may stop anybody.
                tracing::error!("judging a resource failed");
                Answer::Unjudged("checking it failed")
            }
            Err(_) => Answer::Unjudged("there was no time"),
        }
    }

    fn judged(&self, forms: &Forms, end: Instant) -> Answer {
        let mut judge = self.judge();
        if Instant::now() >= end {
            return Answer::Unjudged("there was no time");
        }
        let labelled = self.watched.secrets();
        let there = Surroundings {
            seen: self.watched.resources().filter(named),
            labelled: &labelled,
        };
        judge.judge(forms, there)
    }
}

/// What a resource may name. No resource names a `GuardrailConfig`.
fn named((kind, _): &(&Arc<str>, Arc<DynamicObject>)) -> bool {
    ***kind != *GuardrailConfigSpec::KIND
}

/// Answers one review. What cannot be read gets an HTTP error, which lets pass as well.
async fn validate(State(webhook): State<Webhook>, request: Request<Body>) -> Response {
    let begun = Instant::now();
    let end = begun + ANSWER_WITHIN;
    let reading = tokio::time::timeout_at(end.into(), webhook.read(request));
    let request = match reading.await {
        Ok(Ok(request)) => request,
        Ok(Err(status)) => return webhook.unread(status, begun),
        Err(_) => return webhook.unread(StatusCode::REQUEST_TIMEOUT, begun),
    };
    let response = AdmissionResponse::from(&request);
    let about = format!(
        "{} {}/{}",
        request.kind.kind,
        request.namespace.as_deref().unwrap_or_default(),
        request.name
    );
    let answer = webhook.answer(request, end).await;
    let metrics = &webhook.metrics;
    metrics.reviewed(answer.word(), begun.elapsed());
    match &answer {
        Answer::Allowed(_) => {}
        Answer::Unjudged(why) => tracing::warn!(resource = about, why, "not checked, so allowed"),
        Answer::Refused { reasons, .. } => {
            reasons.iter().for_each(|reason| metrics.refused(reason));
            tracing::info!(resource = about, ?reasons, "refused");
        }
    }
    Json(answer.respond(response).into_review()).into_response()
}

#[cfg(test)]
mod tests;
