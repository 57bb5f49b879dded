//! Who may see which page, and the headers that every answer has.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::rejection::FormRejection;
use axum::extract::{DefaultBodyLimit, Form, Path, Query, Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use maud::Markup;
use parapet_policy::facts::Caller;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::filter::Filter;
use super::{Console, assets, pages, session};

/// Bytes of a form: a token, as long as any that is accepted.
const MAX_FORM: usize = 64 * 1024;

/// Nothing but what this server itself serves, no script or style in a page, no frame around it, no form to elsewhere.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What the script sends to get the list alone.
const PART: &str = "x-parapet-part";
/// How many records had been added when a list was made.
const SEEN: &str = "x-parapet-seen";

type Shared = Arc<Console>;

/// The pages, below `/console/`; the root leads there.
pub fn router(console: Arc<Console>) -> Router {
    let guarded = Router::new()
        .route("/console/", get(requests))
        .route("/console/requests/{id}", get(request))
        .route("/console/policy", get(policy))
        .route("/console/health", get(health))
        .route_layer(middleware::from_fn_with_state(
            Arc::clone(&console),
            readers_only,
        ));
    Router::new()
        .route("/", get(|| async { Redirect::temporary("/console/") }))
        .route(
            "/console",
            get(|| async { Redirect::permanent("/console/") }),
        )
        .route("/console/sign-in", get(sign_in_page).post(sign_in))
        .route("/console/sign-out", post(sign_out))
        .route("/console/assets/console.css", get(assets::css))
        .route("/console/assets/console.js", get(assets::js))
        .route("/console/assets/icon.svg", get(assets::icon))
        .merge(guarded)
        .layer(DefaultBodyLimit::max(MAX_FORM))
        .layer(from_fn(headers))
        .with_state(console)
}

/// Headers that every answer has, whatever it is.
async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        ("content-security-policy", CONTENT_POLICY),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        (
            "permissions-policy",
            "camera=(), microphone=(), geolocation=()",
        ),
    ] {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Who reads, and is shown at the page's head.
#[derive(Clone)]
struct Reader(Arc<Caller>);

/// Why a page is not shown.
enum Denied {
    /// Nobody has signed in.
    SignIn,
    /// The token is not, or no longer, accepted.
    Refused(super::Refused),
    /// Whose token it is may not read.
    NoReader(Box<Caller>),
}

impl Console {
    /// Whether a token's owner may read.
    fn reader(&self, token: &str) -> Result<Arc<Caller>, Denied> {
        let caller = self
            .installation
            .authenticate(token)
            .map_err(Denied::Refused)?;
        if self.readers.hold(&caller) {
            Ok(Arc::new(caller))
        } else {
            Err(Denied::NoReader(Box::new(caller)))
        }
    }

    /// Who reads, by the session or by a bearer token.
    fn who(&self, headers: &HeaderMap) -> Result<Arc<Caller>, Denied> {
        let bearer = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "));
        if let Some(token) = bearer {
            return self.reader(token.trim());
        }
        let sealed = session::of_cookies(headers).ok_or(Denied::SignIn)?;
        let token = self
            .key
            .open(&sealed, SystemTime::now())
            .ok_or(Denied::SignIn)?;
        self.reader(&token)
    }

    fn denied(&self, denied: &Denied) -> (StatusCode, Markup) {
        let (status, said) = match denied {
            Denied::SignIn => (StatusCode::UNAUTHORIZED, None),
            Denied::Refused(refused) => {
                let status = if refused.unavailable {
                    StatusCode::SERVICE_UNAVAILABLE
                } else {
                    StatusCode::UNAUTHORIZED
                };
                (status, Some(refused.message.clone()))
            }
            Denied::NoReader(caller) => {
                let said = format!(
                    "{} is not among those who may read this: {}",
                    caller.subject,
                    self.reader_names.join(", ")
                );
                (StatusCode::FORBIDDEN, Some(said))
            }
        };
        let has_identities = self.installation.has_identities();
        (
            status,
            pages::sign_in::page(said.as_deref(), has_identities),
        )
    }
}

async fn readers_only(State(console): State<Shared>, mut request: Request, next: Next) -> Response {
    match console.who(request.headers()) {
        Ok(caller) => {
            request.extensions_mut().insert(Reader(caller));
            next.run(request).await
        }
        // The script asks again and again: it needs no page to say that the session is over.
        Err(denied) if request.headers().contains_key(PART) => {
            console.denied(&denied).0.into_response()
        }
        Err(denied) => console.denied(&denied).into_response(),
    }
}

async fn requests(
    State(console): State<Shared>,
    axum::Extension(Reader(reader)): axum::Extension<Reader>,
    Query(filter): Query<Filter>,
    headers: HeaderMap,
) -> Response {
    let (entries, added) = console.newest();
    let part = headers.contains_key(PART);
    let added_text = added.to_string();
    let nothing_new = headers
        .get(SEEN)
        .is_some_and(|seen| seen.as_bytes() == added_text.as_bytes());
    if part && nothing_new {
        return StatusCode::NO_CONTENT.into_response();
    }
    let list = pages::requests::List::of(entries, &filter, added);
    let body = if part {
        pages::requests::part(&list, &filter)
    } else {
        pages::requests::page(&list, &filter, &reader, &console)
    };
    let seen = HeaderValue::from_str(&added_text).unwrap_or(HeaderValue::from_static(""));
    ([(HeaderName::from_static(SEEN), seen)], body).into_response()
}

async fn request(
    State(console): State<Shared>,
    axum::Extension(Reader(reader)): axum::Extension<Reader>,
    Path(id): Path<String>,
) -> Response {
    match console.find(&id) {
        Some(entry) => pages::request::page(&entry, &reader).into_response(),
        None => {
            let page = pages::request::missing(&id, &reader);
            (StatusCode::NOT_FOUND, page).into_response()
        }
    }
}

async fn policy(
    State(console): State<Shared>,
    axum::Extension(Reader(reader)): axum::Extension<Reader>,
) -> Response {
    let bundle = console.installation.policy();
    let gateways = console.installation.gateways();
    pages::policy::page(bundle.as_deref(), &gateways, &reader).into_response()
}

async fn health(
    State(console): State<Shared>,
    axum::Extension(Reader(reader)): axum::Extension<Reader>,
) -> Response {
    let (entries, _) = console.newest();
    pages::health::page(&entries, &reader).into_response()
}

async fn sign_in_page(State(console): State<Shared>, headers: HeaderMap) -> Response {
    match console.who(&headers) {
        Ok(_) => Redirect::to("/console/").into_response(),
        Err(_) => console.denied(&Denied::SignIn).1.into_response(),
    }
}

#[derive(Deserialize)]
struct Token {
    token: String,
}

async fn sign_in(
    State(console): State<Shared>,
    headers: HeaderMap,
    form: Result<Form<Token>, FormRejection>,
) -> Response {
    if is_from_elsewhere(&headers) {
        return (StatusCode::FORBIDDEN, "sign in on the console's own page\n").into_response();
    }
    let Ok(Form(Token { token })) = form else {
        return console.denied(&Denied::SignIn).into_response();
    };
    let token = Zeroizing::new(token);
    let token = token.trim();
    if let Err(denied) = console.reader(token) {
        return console.denied(&denied).into_response();
    }
    let Some(sealed) = console.key.seal(token, SystemTime::now()) else {
        return (StatusCode::BAD_REQUEST, "the token is too long\n").into_response();
    };
    let cookies = session::set_cookies(Some(&sealed), is_secure(&headers), &headers);
    with_cookies(Redirect::to("/console/"), cookies)
}

async fn sign_out(headers: HeaderMap) -> Response {
    if is_from_elsewhere(&headers) {
        return (
            StatusCode::FORBIDDEN,
            "sign out on the console's own page\n",
        )
            .into_response();
    }
    let cookies = session::set_cookies(None, is_secure(&headers), &headers);
    with_cookies(Redirect::to("/console/sign-in"), cookies)
}

fn with_cookies(redirect: Redirect, cookies: Vec<String>) -> Response {
    let mut response = redirect.into_response();
    for cookie in cookies {
        // The names are ours and the values are base64.
        if let Ok(value) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }
    response
}

/// Whether a browser says that a form was sent by a page of another site.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site != "same-origin" && site != "none";
    }
    // Older browsers: the form's origin ends with the host that was asked.
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    match (text(header::ORIGIN), text(header::HOST)) {
        (None, _) => false,
        (Some(origin), Some(host)) => origin
            .split_once("://")
            .is_none_or(|(_, rest)| rest != host),
        (Some(_), None) => true,
    }
}

/// Whether the browser's connection is encrypted, as whatever is in front says: whoever makes that up makes only their own
/// cookie stricter.
fn is_secure(headers: &HeaderMap) -> bool {
    let proto = headers.get("x-forwarded-proto");
    proto.is_some_and(|proto| proto.as_bytes().eq_ignore_ascii_case(b"https"))
}

#[cfg(test)]
mod tests;
