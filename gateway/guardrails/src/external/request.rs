//! What kinds that call a service over HTTP have in common: where to, with which headers, and what it means
//! when there is no answer.

use std::collections::BTreeMap;

use http::Uri;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use parapet_policy::compile::Problem;
use parapet_policy::facts::Subject;
use parapet_policy::outcome::FailureClass;
use parapet_policy::secret::PlainOrSecret;
use serde::Serialize;

use crate::client::ClientError;
use crate::exchange::ServiceError;
use crate::guardrail::{BuildContext, problem};

/// The longest explanation of a service that is shown to the client, in characters.
const MAX_MESSAGE: usize = 512;

/// Reads an absolute URL without credentials.
pub(super) fn read_url(path: &str, url: &str, problems: &mut Vec<Problem>) -> Option<Uri> {
    let uri = url.parse::<Uri>().ok().filter(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
    });
    match uri {
        // Credentials in a URL end up in logs.
        Some(uri) if uri.authority().is_some_and(|a| a.as_str().contains('@')) => {
            problems.push(problem(
                path,
                "the URL carries credentials: give them in a field of their own",
            ));
            None
        }
        Some(uri) => Some(uri),
        None => {
            problems.push(problem(
                path,
                "write an absolute URL, http://host/path or https://host/path",
            ));
            None
        }
    }
}

/// The headers of a JSON body, and those that the configuration gives.
pub(super) fn plain_headers(
    given: &BTreeMap<String, PlainOrSecret>,
    context: &BuildContext<'_>,
    problems: &mut Vec<Problem>,
) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in given {
        let path = format!("headers.{name}");
        let text = match value {
            PlainOrSecret::Plain(text) => Some(text.clone()),
            PlainOrSecret::Secret(secret) => (context.secret)(secret),
        };
        let Some(text) = text else {
            problems.push(problem(path, "the Secret or its key does not exist"));
            continue;
        };
        match (HeaderName::try_from(name), sensitive(&text)) {
            (Ok(name), Some(value)) => {
                headers.insert(name, value);
            }
            (Err(_), _) => problems.push(problem(path, "this is not a header name")),
            (_, None) => problems.push(problem(path, "the value cannot stand in a header")),
        }
    }
    headers
}

/// Puts credentials into `Authorization`. `value` is none where the Secret at `path` does not give them.
pub(super) fn authorize(
    path: &'static str,
    value: Option<String>,
    headers: &mut HeaderMap,
    problems: &mut Vec<Problem>,
) {
    let Some(text) = value else {
        problems.push(problem(path, "the Secret or its key does not exist"));
        return;
    };
    match sensitive(&text) {
        Some(value) => {
            headers.insert(AUTHORIZATION, value);
        }
        None => problems.push(problem(path, "the value cannot stand in a header")),
    }
}

/// A header's value that `Debug` does not show.
fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(text.trim_end_matches(['\r', '\n'])).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Who calls, as services are told it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct User<'a> {
    subject_id: &'a str,
    subject_type: &'static str,
    subject_slug: &'a str,
    subject_display_name: &'a str,
}

impl<'a> User<'a> {
    /// The published names, of which several say the same here.
    pub(super) fn of(subject: &'a Subject) -> Self {
        let (subject_type, name) = match subject {
            Subject::User(name) => ("user", name),
            Subject::VirtualAccount(name) => ("virtualaccount", name),
        };
        Self {
            subject_id: name,
            subject_type,
            subject_slug: name,
            subject_display_name: name,
        }
    }
}

/// What it means that a service has not answered.
pub(super) fn failure(kind: &str, error: &ClientError) -> ServiceError {
    let class = match error {
        ClientError::Unavailable { .. } | ClientError::AddressRefused { .. } => {
            FailureClass::Unavailable
        }
        ClientError::TooLarge { .. } | ClientError::BadAnswer { .. } => FailureClass::BadAnswer,
    };
    ServiceError {
        class,
        message: format!("calling the {kind} guardrail: {error}"),
    }
}

/// A service's explanation, fit to be shown: bounded, on one line. None when it says nothing.
pub(super) fn shown(message: &str) -> Option<String> {
    let shown = message
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_MESSAGE);
    (!message.trim().is_empty()).then(|| shown.collect())
}
