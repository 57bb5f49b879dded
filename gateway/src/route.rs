//! Which request this is: route, id, metadata.

pub mod metadata;
pub mod request_id;

use http::Method;

use crate::llm::Dialect;

/// A route that the gateway serves. What is not listed here is a 404, never a pass-through.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Route<'a> {
    /// `POST /v1/chat/completions`.
    ChatCompletions,
    /// `POST /v1/messages`.
    Messages,
    /// `GET /v1/models`.
    Models,
    /// `GET /v1/models/{account}/{model}`: the name as written in the path.
    Model(&'a str),
    /// `/mcp/{server}`, `/mcp/{server}/mcp` or `/mcp/v1/{server}/mcp`: the server's name.
    Mcp(&'a str),
    /// `GET /.well-known/oauth-protected-resource{path}`: the path.
    McpMetadata(&'a str),
}

/// Why a request has no route.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NoRoute {
    /// The path is not served.
    UnknownPath,
    /// The path is served with another method.
    WrongMethod {
        /// For the `allow` header.
        allow: &'static str,
    },
}

impl<'a> Route<'a> {
    /// Finds the route of a request, with or without `/v1`.
    ///
    /// # Errors
    /// See [`NoRoute`].
    pub fn find(method: &Method, path: &'a str) -> Result<Self, NoRoute> {
        if let Some(server) = mcp_server(path) {
            return match *method {
                Method::POST | Method::GET | Method::DELETE => Ok(Self::Mcp(server)),
                _ => Err(NoRoute::WrongMethod {
                    allow: "POST, GET, DELETE",
                }),
            };
        }
        if let Some(about) = path.strip_prefix("/.well-known/oauth-protected-resource") {
            return match *method {
                Method::GET => Ok(Self::McpMetadata(about)),
                _ => Err(NoRoute::WrongMethod { allow: "GET" }),
            };
        }
        let (route, allow) = match path.strip_prefix("/v1").unwrap_or(path) {
            "/chat/completions" => (Self::ChatCompletions, "POST"),
            "/messages" => (Self::Messages, "POST"),
            "/models" => (Self::Models, "GET"),
            other => match other.strip_prefix("/models/") {
                Some(name) if !name.is_empty() => (Self::Model(name), "GET"),
                _ => return Err(NoRoute::UnknownPath),
            },
        };
        if method.as_str() == allow {
            Ok(route)
        } else {
            Err(NoRoute::WrongMethod { allow })
        }
    }

    /// The route's dialect.
    pub const fn dialect(self) -> Dialect {
        match self {
            Self::ChatCompletions
            | Self::Models
            | Self::Model(_)
            | Self::Mcp(_)
            | Self::McpMetadata(_) => Dialect::OpenAi,
            Self::Messages => Dialect::Anthropic,
        }
    }

    /// The route in records and metrics: a closed list.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ChatCompletions => "/v1/chat/completions",
            Self::Messages => "/v1/messages",
            Self::Models | Self::Model(_) => "/v1/models",
            Self::Mcp(_) => "/mcp/{server}",
            Self::McpMetadata(_) => "/.well-known/oauth-protected-resource",
        }
    }
}

/// The MCP server that a path leads to.
pub fn mcp_server(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/mcp/")?;
    // Many servers are reached at `/mcp/`, and people write ours the same way.
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let mut parts = rest.split('/');
    let name = match (parts.next()?, parts.next(), parts.next(), parts.next()) {
        (name, None, None, None) | (name, Some("mcp"), None, None) => name,
        ("v1", Some(name), Some("mcp"), None) => name,
        _ => return None,
    };
    (!name.is_empty()).then_some(name)
}

/// The dialect in which a path's errors are written, whether it is served or not.
pub fn dialect_of(path: &str) -> Dialect {
    let path = path.strip_prefix("/v1").unwrap_or(path);
    if path == "/messages" || path.starts_with("/messages/") {
        Dialect::Anthropic
    } else {
        Dialect::OpenAi
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes() {
        let rows = [
            ("POST", "/v1/chat/completions", Ok(Route::ChatCompletions)),
            ("POST", "/chat/completions", Ok(Route::ChatCompletions)),
            ("POST", "/v1/messages", Ok(Route::Messages)),
            ("POST", "/messages", Ok(Route::Messages)),
            ("GET", "/v1/models", Ok(Route::Models)),
            ("GET", "/v1/models/demo/echo", Ok(Route::Model("demo/echo"))),
            ("POST", "/mcp/github", Ok(Route::Mcp("github"))),
            ("GET", "/mcp/github/mcp", Ok(Route::Mcp("github"))),
            ("DELETE", "/mcp/v1/github/mcp", Ok(Route::Mcp("github"))),
            ("POST", "/mcp/v1/mcp", Ok(Route::Mcp("v1"))),
            ("POST", "/mcp/github/", Ok(Route::Mcp("github"))),
            ("POST", "/mcp/github/mcp/", Ok(Route::Mcp("github"))),
            ("POST", "/mcp/github//", Err(NoRoute::UnknownPath)),
            ("POST", "/mcp/", Err(NoRoute::UnknownPath)),
            ("POST", "/mcp/github/other", Err(NoRoute::UnknownPath)),
            ("POST", "/mcp/v2/github/mcp", Err(NoRoute::UnknownPath)),
            ("POST", "/v1/mcp/github", Err(NoRoute::UnknownPath)),
            (
                "PUT",
                "/mcp/github",
                Err(NoRoute::WrongMethod {
                    allow: "POST, GET, DELETE",
                }),
            ),
            (
                "GET",
                "/.well-known/oauth-protected-resource/mcp/github",
                Ok(Route::McpMetadata("/mcp/github")),
            ),
            ("GET", "/v1/models/", Err(NoRoute::UnknownPath)),
            (
                "GET",
                "/v1/messages",
                Err(NoRoute::WrongMethod { allow: "POST" }),
            ),
            (
                "DELETE",
                "/models",
                Err(NoRoute::WrongMethod { allow: "GET" }),
            ),
            ("POST", "/v1/embeddings", Err(NoRoute::UnknownPath)),
            ("POST", "/v1/chat/completions/", Err(NoRoute::UnknownPath)),
            ("POST", "/v1/v1/messages", Err(NoRoute::UnknownPath)),
            ("GET", "/", Err(NoRoute::UnknownPath)),
        ];
        for (method, path, expected) in rows {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert_eq!(Route::find(&method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn errors_are_written_in_the_dialect_of_the_path() {
        assert_eq!(dialect_of("/v1/messages/count_tokens"), Dialect::Anthropic);
        assert_eq!(dialect_of("/v1/embeddings"), Dialect::OpenAi);
    }
}
