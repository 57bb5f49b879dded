//! Which headers pass through the gateway, in each direction.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// Hop-by-hop headers (RFC 9110 7.6.1, with the older ones that are still seen).
fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// What a client sends that is for the gateway, or that the gateway makes anew.
fn is_for_gateway(name: &str) -> bool {
    matches!(
        name,
        // Credentials.
        "authorization"
            | "x-api-key"
            | "api-key"
            | "x-goog-api-key"
            | "cookie"
            | "x-amz-security-token"
            | "x-amz-date"
            | "x-amz-content-sha256"
            // Made anew.
            | "host"
            | "content-length"
            | "content-encoding"
            | "accept-encoding"
            | "expect"
    ) || name.starts_with("x-tfy-")
        || name.starts_with("x-parapet-")
}

/// What an upstream says about itself that would be wrong, or harmful, in the gateway's name.
fn is_about_upstream(name: &str) -> bool {
    matches!(
        name,
        "content-length" | "set-cookie" | "set-cookie2" | "alt-svc" | "strict-transport-security"
    ) || name.starts_with("x-parapet-")
}

/// Makes a client's headers fit for the upstream. Credentials are added by the provider.
pub(super) fn to_upstream(headers: &mut HeaderMap) {
    strip(headers, |name| is_hop_by_hop(name) || is_for_gateway(name));
    // A compressed answer could not be judged.
    headers.insert(
        header::ACCEPT_ENCODING,
        HeaderValue::from_static("identity"),
    );
}

/// Makes an upstream's headers fit for the client; the body's length is set anew.
pub(super) fn to_client(headers: &mut HeaderMap, decoded: bool) {
    strip(headers, |name| {
        is_hop_by_hop(name) || is_about_upstream(name) || (decoded && name == "content-encoding")
    });
}

fn strip(headers: &mut HeaderMap, unwanted: impl Fn(&str) -> bool) {
    let named = named_in_connection(headers);
    let mut remove = [const { None }; 16];
    loop {
        let mut count = 0;
        for (slot, name) in remove
            .iter_mut()
            .zip(headers.keys().filter(|name| unwanted(name.as_str())))
        {
            *slot = Some(name.clone());
            count += 1;
        }
        for name in remove.iter_mut().filter_map(Option::take) {
            headers.remove(&name);
        }
        // Rarely are there more than fit.
        if count < remove.len() {
            break;
        }
    }
    for name in named {
        headers.remove(name);
    }
}

/// Headers that the `connection` header declares to be hop-by-hop. Empty, without allocating, for the usual
/// `keep-alive` and `close`.
fn named_in_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|name| {
            !name.eq_ignore_ascii_case("keep-alive") && !name.eq_ignore_ascii_case("close")
        })
        // `connection: content-type` is an attack on what the upstream understands, not a wish.
        .filter(|name| !name.eq_ignore_ascii_case("content-type"))
        .filter_map(|name| HeaderName::try_from(name).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn nothing_meant_for_the_gateway_reaches_the_upstream() {
        let mut headers = map(&[
            ("host", "gateway"),
            ("authorization", "Bearer client"),
            ("x-api-key", "client"),
            ("api-key", "client"),
            ("x-goog-api-key", "client"),
            ("cookie", "a=b"),
            ("cookie", "c=d"),
            ("proxy-authorization", "x"),
            ("connection", "keep-alive, X-Private, te"),
            ("x-private", "1"),
            ("te", "trailers"),
            ("upgrade", "h2c"),
            ("transfer-encoding", "chunked"),
            ("content-length", "3"),
            ("expect", "100-continue"),
            ("x-tfy-guardrails", "{}"),
            ("x-tfy-metadata", "{}"),
            ("x-parapet-guardrails", "{}"),
            ("accept-encoding", "gzip, br"),
            ("content-type", "application/json"),
            ("anthropic-version", "2023-06-01"),
            ("x-stainless-lang", "python"),
            ("traceparent", "00-1-2-01"),
        ]);
        to_upstream(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(
            left,
            [
                "accept-encoding",
                "anthropic-version",
                "content-type",
                "traceparent",
                "x-stainless-lang"
            ]
        );
        assert_eq!(headers["accept-encoding"], "identity");
    }

    #[test]
    fn answers_keep_what_sdks_read() {
        let mut headers = map(&[
            ("content-type", "text/event-stream"),
            ("content-length", "3"),
            ("content-encoding", "gzip"),
            ("connection", "x-internal"),
            ("x-internal", "1"),
            ("transfer-encoding", "chunked"),
            ("set-cookie", "a=b"),
            ("alt-svc", "h3=\":443\""),
            ("x-request-id", "req_1"),
            ("retry-after", "3"),
            ("x-ratelimit-remaining-tokens", "9"),
        ]);
        to_client(&mut headers, true);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(
            left,
            [
                "content-type",
                "retry-after",
                "x-ratelimit-remaining-tokens",
                "x-request-id"
            ]
        );
    }
}
