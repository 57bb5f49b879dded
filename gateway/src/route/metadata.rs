//! `X-TFY-METADATA`: what the client says about its request.

use std::borrow::Cow;
use std::collections::BTreeMap;

use http::HeaderMap;

use crate::llm::json::{Doc, Kind, Value};

/// A value may have so many characters (published limit).
pub const MAX_VALUE_CHARS: usize = 128;

/// A request may carry so many pairs.
pub const MAX_PAIRS: usize = 64;

/// Why a metadata header was refused. Its text is for the client and repeats no value.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MetadataError {
    /// Not a JSON object of text to text.
    #[error("the metadata header is not a JSON object of text values with each key once, in UTF-8")]
    Malformed,
    /// A value is too long.
    #[error("the metadata header has a value of over {MAX_VALUE_CHARS} characters at key {0:?}")]
    TooLong(String),
    /// Too many pairs.
    #[error("the metadata header has over {MAX_PAIRS} pairs")]
    TooMany,
    /// Two headers.
    #[error(transparent)]
    Twice(#[from] Twice),
}

/// A header that counts once is there twice, perhaps in both its spellings.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the header {0} is there more than once: send one, in one spelling")]
pub struct Twice(pub &'static str);

/// Reads the header, in either spelling; nothing when there is none.
///
/// # Errors
/// See [`MetadataError`].
pub fn read(headers: &HeaderMap) -> Result<BTreeMap<String, String>, MetadataError> {
    let Some(value) = either(headers, "x-tfy-metadata", "x-parapet-metadata")? else {
        return Ok(BTreeMap::new());
    };
    let pairs = std::str::from_utf8(value.as_bytes())
        .ok()
        .and_then(pairs)
        .ok_or(MetadataError::Malformed)?;
    if pairs.len() > MAX_PAIRS {
        return Err(MetadataError::TooMany);
    }
    if let Some(key) = pairs
        .iter()
        .find(|(_, value)| value.chars().count() > MAX_VALUE_CHARS)
    {
        return Err(MetadataError::TooLong(key.0.chars().take(64).collect()));
    }
    Ok(pairs)
}

fn pairs(text: &str) -> Option<BTreeMap<String, String>> {
    // It refuses a key that stands twice: which of the values counts would depend on who reads it.
    let doc = Doc::parse(text).ok()?;
    let root = doc.root(text);
    let pair = |(key, value): (Cow<'_, str>, Value<'_>)| {
        Some((key.into_owned(), value.as_str()?.into_owned()))
    };
    (root.kind() == Kind::Object).then(|| root.members().map(pair).collect())?
}

/// A header by its published name or by ours.
///
/// # Errors
/// When it is there more than once: half of what the caller meant would count.
pub fn either<'a>(
    headers: &'a HeaderMap,
    published: &'static str,
    ours: &'static str,
) -> Result<Option<&'a http::HeaderValue>, Twice> {
    // Every request is asked for three of them and few have one: comparing the names that are there, mostly by their
    // length, is cheaper than looking two up.
    let mut values = headers.iter().filter(|(name, _)| {
        let name = name.as_str();
        name == published || name == ours
    });
    let first = values.next();
    if values.next().is_some() {
        return Err(Twice(published));
    }
    Ok(first.map(|(_, value)| value))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read_text(value: &str) -> Result<usize, MetadataError> {
        let mut headers = HeaderMap::new();
        headers.insert(
            "x-tfy-metadata",
            HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
        read(&headers).map(|pairs| pairs.len())
    }

    #[test]
    fn a_header_counts_once_in_either_spelling() {
        let (published, ours) = ("x-tfy-metadata", "x-parapet-metadata");
        for (names, expected) in [
            (vec![], Ok(None)),
            (vec![published], Ok(Some("0"))),
            (vec![ours], Ok(Some("0"))),
            (vec![published, published], Err(Twice(published))),
            (vec![ours, ours], Err(Twice(published))),
            (vec![ours, published], Err(Twice(published))),
        ] {
            let mut headers = HeaderMap::new();
            for (index, name) in names.iter().enumerate() {
                headers.append(*name, index.into());
            }
            let found = either(&headers, published, ours);
            let found = found.map(|value| value.map(|value| value.to_str().unwrap()));
            assert_eq!(found, expected, "{names:?}");
        }
    }

    #[test]
    fn only_a_map_of_short_texts() {
        let long = format!(r#"{{"k":"{}"}}"#, "x".repeat(129));
        let many: BTreeMap<String, String> =
            (0..65).map(|i| (i.to_string(), String::new())).collect();
        let rows = [
            (r#"{"team":"a","env":"prod"}"#, Ok(2)),
            ("{}", Ok(0)),
            (r#"{"team":"é","env":"\u00e9"}"#, Ok(2)),
            (r#"{"team":"a","team":"b"}"#, Err(MetadataError::Malformed)),
            (
                r#"{"team":"a","t\u0065am":"b"}"#,
                Err(MetadataError::Malformed),
            ),
            (r#"{"n":1}"#, Err(MetadataError::Malformed)),
            ("[]", Err(MetadataError::Malformed)),
            ("team=a", Err(MetadataError::Malformed)),
            (long.as_str(), Err(MetadataError::TooLong("k".into()))),
            (
                &serde_json::to_string(&many).unwrap(),
                Err(MetadataError::TooMany),
            ),
        ];
        for (value, expected) in rows {
            assert_eq!(read_text(value), expected, "{value}");
        }
        assert_eq!(read(&HeaderMap::new()), Ok(BTreeMap::new()));
    }
}
