//! How callers, or the gateway on their behalf, show a server who they are.

use parapet_policy::secret::SecretValue;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::is_of_protocol;
use crate::tls::Tls;

/// How a server is shown who calls, beside `headers`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "kube", derive(kube::KubeSchema))]
#[cfg_attr(feature = "kube", x_kube(cel, validation = crate::status::exactly_one(AUTH_MEMBERS, "way")))]
#[cfg_attr(not(feature = "kube"), derive(JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct McpAuth {
    /// The gateway gets a token for itself from an authorization server (OAuth client credentials), and shows that to the
    /// server for every caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_credentials: Option<ClientCredentials>,
    /// Each caller sends credentials of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_user: Option<PerUser>,
    /// The gateway has each caller's token exchanged for one that is meant for the server (RFC 8693).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_exchange: Option<TokenExchange>,
}

/// The members of [`McpAuth`], exactly one of which is given. Sorted.
pub const AUTH_MEMBERS: &[&str] = &["clientCredentials", "perUser", "tokenExchange"];

/// Each caller sends credentials of their own, in the header `x-tfy-mcp-headers`: `{"server": {"Header": "value"}}`.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PerUser {
    /// The headers that callers may give there. They win over `headers`.
    #[schemars(length(min = 1, max = 16), extend("x-kubernetes-list-type" = "set"))]
    pub headers: Vec<String>,
}

/// A client of an authorization server: where tokens come from, and what is asked for.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientCredentials {
    /// The authorization server's token endpoint.
    #[schemars(length(min = 1, max = 2048), regex(pattern = "^https?://"))]
    pub token_url: String,
    /// The gateway's name there.
    #[schemars(length(min = 1, max = 1024))]
    pub client_id: String,
    /// Its secret.
    pub client_secret: SecretValue,
    /// How name and secret are sent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub client_auth: ClientAuth,
    /// The scopes to ask for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "set"))]
    pub scopes: Vec<String>,
    /// The audience to ask for, where the authorization server knows the server by a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub audience: Option<String>,
    /// The resource to ask for (RFC 8707): a URI without a fragment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub resource: Option<String>,
    /// How the authorization server is known, and what it is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
}

/// How a client says who it is (RFC 6749 2.3.1).
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientAuth {
    /// In the `Authorization` header.
    #[default]
    Basic,
    /// In the body.
    Post,
}

/// An exchange of callers' tokens. Only callers with a token of an `IdentityProvider` can use the server; their token goes
/// to the token endpoint and nowhere else.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenExchange {
    /// Where tokens come from, and what is asked for.
    #[serde(flatten)]
    pub client: ClientCredentials,
    /// What the caller's token is said to be.
    #[serde(default, skip_serializing_if = "is_default")]
    pub subject_token_type: TokenType,
    /// What kind of token is asked for; absent: the authorization server chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_token_type: Option<TokenType>,
}

/// A kind of token (RFC 8693 3).
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenType {
    /// An OAuth access token.
    #[default]
    AccessToken,
    /// An ID token of OpenID Connect.
    IdToken,
    /// A JWT.
    Jwt,
}

impl TokenType {
    /// Its name in requests.
    pub const fn uri(self) -> &'static str {
        match self {
            Self::AccessToken => "urn:ietf:params:oauth:token-type:access_token",
            Self::IdToken => "urn:ietf:params:oauth:token-type:id_token",
            Self::Jwt => "urn:ietf:params:oauth:token-type:jwt",
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl McpAuth {
    /// The client that gets tokens, and the member it stands in.
    pub fn client(&self) -> Option<(&'static str, &ClientCredentials)> {
        let own = self.client_credentials.as_ref();
        let own = own.map(|client| ("clientCredentials", client));
        let exchange = self.token_exchange.as_ref();
        own.or_else(|| exchange.map(|exchange| ("tokenExchange", &exchange.client)))
    }

    /// What is wrong with it, as (path, message), given the names of the headers that the resource sets anyway.
    pub(super) fn problems<'a>(
        &self,
        headers: impl IntoIterator<Item = &'a String>,
    ) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let given = [
            self.client_credentials.is_some(),
            self.per_user.is_some(),
            self.token_exchange.is_some(),
        ];
        if given.into_iter().filter(|given| *given).count() != 1 {
            let message = format!("give exactly one way: {}", AUTH_MEMBERS.join(", "));
            found.push(("spec.auth".to_owned(), message));
        }
        let per_user = self.per_user.iter().flat_map(|per_user| &per_user.headers);
        for (index, name) in per_user.enumerate() {
            if is_of_protocol(name) {
                let message = format!("{name:?} belongs to the protocol or to the gateway");
                found.push((format!("spec.auth.perUser.headers[{index}]"), message));
            }
        }
        let Some((member, client)) = self.client() else {
            return found;
        };
        let mut say = |path: &str, message: &str| {
            found.push((format!("spec.auth.{member}{path}"), message.to_owned()));
        };
        if let Some(name) = headers
            .into_iter()
            .find(|name| name.eq_ignore_ascii_case("authorization"))
        {
            let message =
                format!("{name} stands under headers as well: the token would replace it");
            say("", &message);
        }
        for (index, scope) in client.scopes.iter().enumerate() {
            if !is_scope(scope) {
                let message = "a scope is visible ASCII without spaces, quotes and backslashes";
                say(&format!(".scopes[{index}]"), message);
            }
        }
        if let Some(resource) = &client.resource
            && !is_resource(resource)
        {
            say(".resource", "a resource is a URI without a fragment");
        }
        if let Some(tls) = &client.tls {
            for message in tls.problems(Some(&client.token_url)) {
                say(".tls", message);
            }
        }
        found
    }
}

/// RFC 6749 3.3.
fn is_scope(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    !text.is_empty() && text.bytes().all(allowed)
}

/// RFC 8707 2: an absolute URI.
fn is_resource(text: &str) -> bool {
    let scheme = text.split_once(':').map(|(scheme, _)| scheme);
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    };
    scheme.is_some_and(is_scheme)
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'#')
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn client(changed: Value) -> Value {
        let mut client = json!({
            "tokenUrl": "https://id.example.com/token",
            "clientId": "gateway",
            "clientSecret": {"secretKeyRef": {"name": "oauth", "key": "secret"}},
        });
        for (name, value) in changed.as_object().unwrap() {
            client[name] = value.clone();
        }
        client
    }

    #[test]
    fn every_way_is_read_and_written_back() {
        let whole = client(json!({
            "clientAuth": "post",
            "scopes": ["tools.read", "https://example.com/all"],
            "audience": "mcp",
            "resource": "https://mcp.example.com/mcp",
            "tls": {"ca": "PEM", "serverName": "id.internal"},
        }));
        let mut exchange = whole.clone();
        exchange["requestedTokenType"] = json!("jwt");
        exchange["subjectTokenType"] = json!("id_token");
        for auth in [
            json!({"clientCredentials": whole}),
            json!({"tokenExchange": exchange}),
            json!({"perUser": {"headers": ["Authorization"]}}),
        ] {
            let read: McpAuth = serde_json::from_value(auth.clone()).unwrap();
            assert_eq!(read.problems([]), [], "{auth}");
            assert_eq!(serde_json::to_value(&read).unwrap(), auth);
        }
    }

    #[test]
    fn mistakes_are_said_where_they_stand() {
        let rows = [
            (json!({}), "spec.auth"),
            (
                json!({"clientCredentials": client(json!({})), "perUser": {"headers": ["x"]}}),
                "spec.auth",
            ),
            (
                json!({"clientCredentials": client(json!({"scopes": ["a", "b c"]}))}),
                "spec.auth.clientCredentials.scopes[1]",
            ),
            (
                json!({"tokenExchange": client(json!({"resource": "https://a/#b"}))}),
                "spec.auth.tokenExchange.resource",
            ),
            (
                json!({"tokenExchange": client(json!({"resource": "mcp"}))}),
                "spec.auth.tokenExchange.resource",
            ),
            (
                json!({"clientCredentials": client(json!({"tokenUrl": "http://a/", "tls": {}}))}),
                "spec.auth.clientCredentials.tls",
            ),
        ];
        for (auth, path) in rows {
            let read: McpAuth = serde_json::from_value(auth.clone()).unwrap();
            let found = read.problems([]);
            let paths: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
            assert_eq!(paths, [path], "{auth}");
        }
        let auth = json!({"clientCredentials": client(json!({}))});
        let read: McpAuth = serde_json::from_value(auth).unwrap();
        let found = read.problems([&"authorization".to_owned()]);
        assert_eq!(found[0].0, "spec.auth.clientCredentials");
    }
}
