//! `X-TFY-METADATA`: what the client says about its request.

use std::collections::BTreeMap;

use http::HeaderMap;

/// A value may have so many characters (published limit).
pub const MAX_VALUE_CHARS: usize = 128;

/// A request may carry so many pairs.
pub const MAX_PAIRS: usize = 64;

/// Why a metadata header was refused. Its text is for the client and repeats no value.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MetadataError {
    /// Not a JSON object of text to text.
    #[error("the metadata header is not a JSON object of text values")]
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
    let pairs: BTreeMap<String, String> = value
        .to_str()
        .ok()
        .and_then(|text| serde_json::from_str(text).ok())
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

/// A header by its published name or by ours.
///
/// # Errors
/// When it is there more than once: half of what the caller meant would count.
pub fn either<'a>(
    headers: &'a HeaderMap,
    published: &'static str,
    ours: &'static str,
) -> Result<Option<&'a http::HeaderValue>, Twice> {
    let mut values = headers.get_all(published).iter();
    let mut others = headers.get_all(ours).iter();
    let first = values.next().or_else(|| others.next());
    if values.next().is_some() || others.next().is_some() {
        return Err(Twice(published));
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(value: &str) -> Result<usize, MetadataError> {
        let mut headers = HeaderMap::new();
        headers.insert("x-tfy-metadata", value.parse().unwrap());
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
