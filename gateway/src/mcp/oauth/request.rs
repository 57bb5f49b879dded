//! What is sent to a token endpoint.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use parapet_crds::mcp_server::ClientAuth;
use parapet_guardrails::client::ClientRequest;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use super::{Grant, OAuth};
use crate::upstream::secret_value;

/// Bytes of an answer. Tokens with many groups have some kilobytes.
pub(super) const MAX_ANSWER: usize = 64 * 1024;

/// What the unreserved characters of RFC 3986 leave: every reader of forms undoes it the same way.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A request for a token; with the caller's for an exchange.
pub(super) fn request(oauth: &OAuth, subject: Option<&str>) -> ClientRequest {
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/x-www-form-urlencoded"),
    );
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let mut form = Form::default();
    match oauth.grant {
        Grant::ClientCredentials => form.add("grant_type", "client_credentials"),
        Grant::TokenExchange {
            subject: kind,
            requested,
        } => {
            let grant = "urn:ietf:params:oauth:grant-type:token-exchange";
            form.add("grant_type", grant);
            form.add("subject_token", subject.unwrap_or_default());
            form.add("subject_token_type", kind.uri());
            if let Some(requested) = requested {
                form.add("requested_token_type", requested.uri());
            }
        }
    }
    for (name, value) in &oauth.wanted {
        form.add(name, value);
    }
    let client = &oauth.client;
    match client.auth {
        ClientAuth::Basic => {
            // RFC 6749 2.3.1: both are encoded before they are put together.
            let mut pair = Zeroizing::new(String::with_capacity(
                3 * (client.id.len() + client.secret.len()) + 1,
            ));
            pair.extend(utf8_percent_encode(&client.id, ENCODED));
            pair.push(':');
            pair.extend(utf8_percent_encode(&client.secret, ENCODED));
            let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
            if let Some(value) = secret_value(value) {
                headers.insert(AUTHORIZATION, value);
            }
        }
        ClientAuth::Post => {
            form.add("client_id", &client.id);
            form.add("client_secret", &client.secret);
        }
    }
    ClientRequest {
        method: Method::POST,
        uri: oauth.endpoint.clone(),
        headers,
        body: form.into_body(),
        max_answer: MAX_ANSWER,
    }
}

/// A form whose memory is wiped.
#[derive(Default)]
struct Form(Zeroizing<String>);

impl Form {
    fn add(&mut self, name: &str, value: &str) {
        // A text that grows leaves its old memory behind as it was.
        let needed = self.0.len() + name.len() + 3 * value.len() + 2;
        let mut grown = Zeroizing::new(String::with_capacity(needed));
        grown.push_str(&self.0);
        if !grown.is_empty() {
            grown.push('&');
        }
        grown.push_str(name);
        grown.push('=');
        grown.extend(utf8_percent_encode(value, ENCODED));
        self.0 = grown;
    }

    fn into_body(self) -> Bytes {
        struct Owner(Zeroizing<String>);
        impl AsRef<[u8]> for Owner {
            fn as_ref(&self) -> &[u8] {
                self.0.as_bytes()
            }
        }
        Bytes::from_owner(Owner(self.0))
    }
}

#[cfg(test)]
mod tests {
    use parapet_crds::mcp_server::TokenType;

    use super::super::for_tests;
    use super::*;

    fn body(request: &ClientRequest) -> &str {
        std::str::from_utf8(&request.body).unwrap()
    }

    #[test]
    fn the_client_says_who_it_is_in_either_place() {
        let wanted = "scope=tools.read%20tools.write&resource=https%3A%2F%2Fmcp.example.com%2Fmcp";
        let basic = request(
            &for_tests(Grant::ClientCredentials, ClientAuth::Basic),
            None,
        );
        assert_eq!(
            body(&basic),
            format!("grant_type=client_credentials&{wanted}")
        );
        let value = &basic.headers[AUTHORIZATION];
        assert!(value.is_sensitive());
        let encoded = value.to_str().unwrap().strip_prefix("Basic ").unwrap();
        let pair = STANDARD.decode(encoded).unwrap();
        assert_eq!(pair, b"gate%20way:s3cr%26t%3A");
        let post = request(&for_tests(Grant::ClientCredentials, ClientAuth::Post), None);
        assert_eq!(post.headers.get(AUTHORIZATION), None);
        assert_eq!(
            body(&post),
            format!(
                "grant_type=client_credentials&{wanted}&client_id=gate%20way&client_secret=s3cr%26t%3A"
            )
        );
    }

    #[test]
    fn an_exchange_names_the_caller_s_token_and_its_kind() {
        let grant = Grant::TokenExchange {
            subject: TokenType::Jwt,
            requested: Some(TokenType::AccessToken),
        };
        let sent = request(&for_tests(grant, ClientAuth::Basic), Some("a.b.c"));
        let kind = "urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3A";
        let expected = format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=a.b.c\
             &subject_token_type={kind}jwt&requested_token_type={kind}access_token&scope="
        );
        assert!(body(&sent).starts_with(&expected), "{}", body(&sent));
    }
}
