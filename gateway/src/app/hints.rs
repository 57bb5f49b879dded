//! What to try, when the demo provider is among the manifests.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use http::{HeaderMap, HeaderValue, header};
use parapet_crds::model_provider::{ModelProviderSpec, Upstream};

use crate::policy::ready::Snapshot;

/// The token that the examples' machine account has. It is printed because everybody knows it.
const DEMO_TOKEN: &str = "parapet-demo";
/// Beside the examples: the token of a person.
const DEMO_JWT: &str = "demo-user.jwt";

/// Prints to standard error what to try. Nothing, when this is no demonstration.
pub(super) fn print(
    snapshot: &Snapshot,
    manifests: &Path,
    to: (SocketAddr, Option<SocketAddr>),
    tls: bool,
) {
    let jwt = std::fs::read_to_string(manifests.join(DEMO_JWT)).ok();
    if let Some(text) = text(snapshot, jwt.as_deref().map(str::trim), to, tls) {
        eprintln!("{text}");
    }
}

fn text(
    snapshot: &Snapshot,
    jwt: Option<&str>,
    (listen, console): (SocketAddr, Option<SocketAddr>),
    tls: bool,
) -> Option<String> {
    let account = demo_account(snapshot)?;
    // Only tokens that are known to be for demonstrations, and only while they are accepted.
    let accepted = |token: &&str| is_accepted(snapshot, token);
    let machine = Some(DEMO_TOKEN).filter(accepted);
    let person = jwt.filter(accepted);
    let (first, second) = (machine.or(person)?, person.or(machine)?);
    let scheme = if tls { "https" } else { "http" };
    let url = format!("{scheme}://{}/v1/chat/completions", reachable(listen));
    let mut text = String::from("\nTry, in another terminal:\n");
    let mut add = |what: &str, token: &str, model: &str, more: &str, content: &str| {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n# {what}\ncurl -sN {url} -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' \\\n  \
             -d '{{\"model\":\"{account}/{model}\",{more}\"messages\":[{{\"role\":\"user\",\"content\":\"{content}\"}}]}}'\n"
        );
    };
    add(
        "a key reaches the model redacted; demo/echo answers with what it was sent",
        first,
        "echo",
        "",
        "Use AKIAQYLPMN5HFIQR7XYA to upload the file",
    );
    add(
        "a social security number is refused",
        first,
        "echo",
        "",
        "My SSN is 536-90-4399",
    );
    add(
        "a card number is replaced while the answer streams; this token is a person's",
        second,
        "script",
        "\"stream\":true,",
        "go",
    );
    if let Some(console) = console {
        let _ = write!(
            text,
            "\nSee what happened: http://{}/console/ (sign in with the token {first})\n",
            reachable(console)
        );
    }
    let _ = write!(
        text,
        "\nEdit a file under the manifests: it takes effect at once. `parapet-gateway check` says what is wrong with it.\n"
    );
    Some(text)
}

/// The name of an account with the embedded model.
fn demo_account(snapshot: &Snapshot) -> Option<&str> {
    snapshot
        .planner
        .bundle()
        .providers
        .iter()
        .find_map(|entry| {
            let spec: ModelProviderSpec = serde_json::from_value(entry.spec.clone()).ok()?;
            matches!(spec.upstream(), Some(Upstream::Demo(_))).then_some(&*entry.source.name)
        })
}

fn is_accepted(snapshot: &Snapshot, token: &str) -> bool {
    let Ok(value) = HeaderValue::try_from(format!("Bearer {token}")) else {
        return false;
    };
    let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
    snapshot.identities.authenticate(&headers).is_ok()
}

/// An address that a client on this machine can use.
fn reachable(listen: SocketAddr) -> String {
    match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() || ip.is_loopback() => {
            format!("localhost:{}", listen.port())
        }
        IpAddr::V6(ip) if ip.is_unspecified() || ip.is_loopback() => {
            format!("localhost:{}", listen.port())
        }
        IpAddr::V4(_) | IpAddr::V6(_) => listen.to_string(),
    }
}
