//! What the API answers as the result of a tool.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};

use super::Tool;
use crate::llm::json::{Doc, Kind, escape_into};
use crate::mcp::surfaces::output_schema::{Fit, fits};

/// Bytes of an answer that becomes a result: more fills a model's context many times over.
pub(crate) const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of an answer that is neither text nor picture: nobody reads it, somebody may store it.
const MAX_BINARY_BYTES: usize = 1024 * 1024;
/// Bytes of what an API says about an error.
const MAX_ERROR_BYTES: usize = 16 * 1024;

/// The members of a result: JSON as it stands between the braces of an object.
pub(crate) fn members(tool: &Tool, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> String {
    let kind = Media::of(headers, body);
    if status.is_redirection() {
        return failed(&format!(
            "{}: the API leads to another place, and redirects are not followed",
            told(status)
        ));
    }
    if !status.is_success() {
        return error(status, &kind, body);
    }
    match (kind, std::str::from_utf8(body)) {
        (_, Ok("")) if tool.output_schema().is_none() => text(&told(status), None),
        (Media::Json, Ok(body)) => json(tool, status, body),
        (_, _) if tool.output_schema().is_some() => unlike(status, ""),
        (Media::Text, Ok(body)) => text(body, None),
        (Media::Image(media), _) => binary("image", &media, body),
        (Media::Audio(media), _) => binary("audio", &media, body),
        (Media::Text | Media::Json, Err(_)) => embedded(tool, "text/plain", body),
        (Media::Other(media), _) => embedded(tool, &media, body),
    }
}

/// The members of a result that says why there is no other.
pub(crate) fn failed(message: &str) -> String {
    format!("{},\"isError\":true", text(message, None))
}

fn told(status: StatusCode) -> String {
    format!("HTTP {status}")
}

fn text(text: &str, structured: Option<&str>) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    out.push_str("\"content\":[{\"type\":\"text\",\"text\":\"");
    escape_into(text, &mut out);
    out.push_str("\"}]");
    if let Some(structured) = structured {
        out.push_str(",\"structuredContent\":");
        out.push_str(structured);
    }
    out
}

/// An answer that is JSON: an object is structured content too, as clients of every revision take it.
fn json(tool: &Tool, status: StatusCode, body: &str) -> String {
    let doc = Doc::parse(body).ok();
    let value = doc.as_ref().map(|doc| doc.root(body));
    let object = value.filter(|value| value.kind() == Kind::Object);
    match (tool.output_schema(), object) {
        (None, None) => text(body, None),
        (None, Some(object)) => text(body, Some(object.raw())),
        (Some(schema), Some(object)) => match fits(schema, object) {
            Fit::Fits | Fit::Unknown => text(body, Some(object.raw())),
            Fit::Differs => unlike(status, body),
        },
        (Some(_), None) => unlike(status, body),
    }
}

/// An answer that clients would throw away, because the document says that it is another one. As an error it reaches the
/// model, which is told that the call itself has gone well.
fn unlike(status: StatusCode, body: &str) -> String {
    let said = "the call has succeeded, but the answer is not what the API's document says; do not repeat it";
    failed(format!("{}: {said}\n\n{body}", told(status)).trim_end())
}

/// What the API says about an error.
fn error(status: StatusCode, kind: &Media, body: &[u8]) -> String {
    let hint = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            ": the API refused the credentials that it was shown, those of the server's resource or the caller's in \
             x-tfy-mcp-headers"
        }
        _ => "",
    };
    let body = match kind {
        Media::Json | Media::Text => String::from_utf8_lossy(body),
        Media::Image(_) | Media::Audio(_) | Media::Other(_) => "".into(),
    };
    let mut end = body.len().min(MAX_ERROR_BYTES);
    while !body.is_char_boundary(end) {
        end -= 1;
    }
    let shown = body.get(..end).unwrap_or_default();
    let rest = match body.len() - end {
        0 => String::new(),
        more => format!("\n[{more} more bytes]"),
    };
    failed(format!("{}{hint}\n\n{shown}{rest}", told(status)).trim_end())
}

fn binary(kind: &str, media: &str, body: &[u8]) -> String {
    let data = STANDARD.encode(body);
    format!("\"content\":[{{\"type\":\"{kind}\",\"data\":\"{data}\",\"mimeType\":\"{media}\"}}]")
}

/// Data that no model reads, as a resource of the call.
fn embedded(tool: &Tool, media: &str, body: &[u8]) -> String {
    if body.len() > MAX_BINARY_BYTES {
        return failed(&format!(
            "the API answered with {} bytes of {media}, and more than {MAX_BINARY_BYTES} are not passed on",
            body.len()
        ));
    }
    let data = STANDARD.encode(body);
    // Names of tools are letters, digits, `_` and `-`.
    let name = &tool.operation.name;
    format!(
        "\"content\":[{{\"type\":\"resource\",\"resource\":{{\"uri\":\"result://{name}\",\"mimeType\":\"{media}\",\"blob\":\"{data}\"}}}}]"
    )
}

/// What an answer is, by its `Content-Type`.
#[derive(Debug, Eq, PartialEq)]
enum Media {
    Json,
    Text,
    Image(String),
    Audio(String),
    Other(String),
}

impl Media {
    fn of(headers: &HeaderMap, body: &[u8]) -> Self {
        let value = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let name = value.and_then(|value| value.split(';').next());
        let name = name.unwrap_or_default().trim().to_ascii_lowercase();
        // It goes out between quotes, and unescaped.
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"/!#$&^_.+-".contains(&byte);
        let has_slash = name
            .split_once('/')
            .is_some_and(|(of, sub)| !of.is_empty() && !sub.is_empty());
        if !has_slash || name.len() > 127 || !name.bytes().all(is_token) {
            return match std::str::from_utf8(body) {
                Ok(_) => Self::Text,
                Err(_) => Self::Other("application/octet-stream".to_owned()),
            };
        }
        match name.as_str() {
            "application/json" => Self::Json,
            name if name.ends_with("+json") => Self::Json,
            name if name.starts_with("text/") || name.ends_with("+xml") => Self::Text,
            "application/xml"
            | "application/yaml"
            | "application/x-yaml"
            | "application/javascript"
            | "application/x-ndjson"
            | "application/x-www-form-urlencoded" => Self::Text,
            _ if name.starts_with("image/") => Self::Image(name),
            _ if name.starts_with("audio/") => Self::Audio(name),
            _ => Self::Other(name),
        }
    }
}

#[cfg(test)]
mod tests;
