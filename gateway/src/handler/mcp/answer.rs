//! Building responses to MCP clients.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use parapet_policy::record::End;

use crate::edge::Body;
use crate::pipeline::recording::Recording;

/// One message as the whole body.
pub(super) fn json(
    status: StatusCode,
    body: String,
    recording: &Recording,
    end: End,
) -> Response<Body> {
    recording.end(end, status.as_u16());
    recording.with(|record| record.response_bytes = body.len() as u64);
    let mut response = Response::new(Body::full(Bytes::from(body)));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

/// A message that wants no answer was taken.
pub(super) fn accepted(recording: &Recording) -> Response<Body> {
    recording.end(End::Allowed, StatusCode::ACCEPTED.as_u16());
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

/// A stream of events. The record ends when it does.
pub(super) fn events(body: Body, recording: &Recording) -> Response<Body> {
    recording.with(|record| {
        record.stream = true;
        record.status = StatusCode::OK.as_u16();
    });
    let kept = recording.clone();
    let body = body.on_end(move |ended| {
        kept.with(|record| record.response_bytes = ended.bytes);
    });
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    response
}
