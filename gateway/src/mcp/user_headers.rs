//! Credentials that a caller has at a server of their own: they come in one header, and go to that server only.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue};
use zeroize::Zeroizing;

use super::error::RpcError;
use super::server::Server;
use crate::route::metadata;
use crate::upstream::named_value;

/// The headers that the caller gives for a server: `{"server": {"Header": "value"}}`.
///
/// # Errors
/// When it cannot be read, or names a header of the server that the resource does not leave to callers. The text quotes
/// no value.
pub(crate) fn read(
    headers: &HeaderMap,
    server: &Server,
) -> Result<Vec<(HeaderName, HeaderValue)>, RpcError> {
    let given = metadata::either(headers, "x-tfy-mcp-headers", "x-parapet-mcp-headers")
        .map_err(|error| RpcError::invalid(error.to_string()))?;
    let Some(given) = given else {
        return Ok(Vec::new());
    };
    let unreadable = || {
        RpcError::invalid(
            "x-tfy-mcp-headers is not a JSON object of objects: {\"server\": {\"Header\": \"value\"}}",
        )
    };
    let mut given: BTreeMap<String, BTreeMap<String, String>> =
        serde_json::from_slice(given.as_bytes()).map_err(|_| unreadable())?;
    let own = given.remove(&*server.name).unwrap_or_default();
    let mut read = Vec::with_capacity(own.len());
    for (name, value) in own {
        let (name, value) = named_value(&name, Zeroizing::new(value)).map_err(|_| unreadable())?;
        if !server.user_headers.contains(&name) {
            return Err(RpcError::invalid(format!(
                "x-tfy-mcp-headers: callers give no {name} to this server"
            )));
        }
        read.push((name, value));
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> Server {
        let mut server = Server::for_tests(Vec::new());
        server.user_headers = vec![HeaderName::from_static("authorization")];
        server
    }

    #[test]
    fn a_caller_gives_what_the_resource_leaves_to_callers() {
        let rows = [
            (r#"{"test": {"Authorization": "Bearer mine"}}"#, Some(1)),
            (
                r#"{"other": {"Authorization": "Bearer mine", "X": "y"}}"#,
                Some(0),
            ),
            ("{}", Some(0)),
            (r#"{"test": {"X-Admin": "secret-value"}}"#, None),
            (r#"{"test": "secret-value"}"#, None),
            (r#"{"test": {"Authorization": "secret-value\n"}}"#, None),
            ("secret-value", None),
        ];
        for (text, count) in rows {
            let mut headers = HeaderMap::new();
            headers.insert("x-tfy-mcp-headers", HeaderValue::from_str(text).unwrap());
            let result = read(&headers, &server());
            assert_eq!(result.as_ref().ok().map(Vec::len), count, "{text}");
            if let Err(error) = result {
                assert!(!error.message.contains("secret-value"), "{}", error.message);
                assert_eq!(error.status.as_u16(), 400);
            }
        }
        assert!(read(&HeaderMap::new(), &server()).unwrap().is_empty());
    }
}
