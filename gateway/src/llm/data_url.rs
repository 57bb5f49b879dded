//! Text in `data:` URLs (RFC 2397): read for guardrails, and written anew when they changed it.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Decoded text is judged up to so many bytes.
const MAX_TEXT: usize = 1 << 20;

/// Media types that are text although their name does not begin with `text/`.
const TEXT_TYPES: [&str; 12] = [
    "application/json",
    "application/xml",
    "application/yaml",
    "application/x-yaml",
    "application/javascript",
    "application/x-javascript",
    "application/ecmascript",
    "application/sql",
    "application/csv",
    "application/toml",
    "application/x-ndjson",
    "application/x-sh",
];

/// What need not be escaped in the data of a URL.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// With or without padding, as servers take it.
const CONFIG: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const LENIENT: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIG);
const LENIENT_URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG);

/// What a `data:` URL holds.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Data {
    /// Text.
    Text(String),
    /// More text than is judged.
    TooLong,
    /// Anything else, and text that cannot be read.
    Other,
}

/// Reads a `data:` URL; none for any other text.
pub(super) fn read(url: &str) -> Option<Data> {
    let parts = Parts::of(url)?;
    if !parts.is_text() {
        return Some(Data::Other);
    }
    // Three escaped bytes stand for one at least.
    if parts.data.len() / 3 > MAX_TEXT {
        return Some(Data::TooLong);
    }
    let bytes: Cow<'_, [u8]> = percent_decode_str(parts.data).into();
    let bytes = match parts.base64 {
        false => bytes.into_owned(),
        true => {
            let packed: Vec<u8> = bytes
                .iter()
                .copied()
                .filter(|byte| !byte.is_ascii_whitespace())
                .collect();
            match decoded(&packed) {
                Some(bytes) => bytes,
                None => return Some(Data::Other),
            }
        }
    };
    Some(match String::from_utf8(bytes) {
        Ok(text) if text.len() > MAX_TEXT => Data::TooLong,
        Ok(text) => Data::Text(text),
        Err(_) => Data::Other,
    })
}

/// Reads bytes in base64, of which it is not said what they are: text is what reads like text.
pub(super) fn read_base64(packed: &str) -> Data {
    // Most of what comes so is an image; its first bytes tell.
    let head: String = packed
        .chars()
        .filter(|char| !char.is_ascii_whitespace())
        .take(HEAD)
        .collect();
    let Some(head) = decoded(head.as_bytes()) else {
        return Data::Other;
    };
    let whole = match std::str::from_utf8(&head) {
        Ok(text) => text.len(),
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        Err(_) => return Data::Other,
    };
    let shown = head.get(..whole).unwrap_or_default();
    if shown.is_empty() || shown.iter().any(|byte| is_binary(*byte)) {
        return Data::Other;
    }
    if packed.len() / 4 * 3 > MAX_TEXT + 2 {
        return Data::TooLong;
    }
    let mut packed = packed.as_bytes().to_vec();
    packed.retain(|byte| !byte.is_ascii_whitespace());
    match decoded(&packed).map(String::from_utf8) {
        Some(Ok(text)) if !text.bytes().any(is_binary) => Data::Text(text),
        Some(_) | None => Data::Other,
    }
}

/// A text in base64.
pub(super) fn to_base64(text: &str) -> String {
    STANDARD.encode(text)
}

/// How many characters of base64 tell whether it is text; a whole number of groups.
const HEAD: usize = 1024;

/// Control characters that no text has. An escape begins the colours of a terminal.
const fn is_binary(byte: u8) -> bool {
    byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b)
}

fn decoded(packed: &[u8]) -> Option<Vec<u8>> {
    LENIENT
        .decode(packed)
        .or_else(|_| LENIENT_URL.decode(packed))
        .ok()
}

/// The same URL with another text.
pub(super) fn with_text(url: &str, text: &str) -> String {
    let Some(parts) = Parts::of(url) else {
        return text.to_owned();
    };
    let head = url.get(..url.len() - parts.data.len()).unwrap_or_default();
    let data = match parts.base64 {
        true => STANDARD.encode(text),
        false => utf8_percent_encode(text, ESCAPED).to_string(),
    };
    format!("{head}{data}")
}

struct Parts<'u> {
    media_type: &'u str,
    base64: bool,
    data: &'u str,
}

impl<'u> Parts<'u> {
    fn of(url: &'u str) -> Option<Self> {
        let (scheme, rest) = url.split_at_checked(5)?;
        if !scheme.eq_ignore_ascii_case("data:") {
            return None;
        }
        let (head, data) = rest.split_once(',')?;
        let (media_type, parameters) = head.split_once(';').unwrap_or((head, ""));
        let mut parameters = parameters.split(';').map(str::trim);
        Some(Self {
            media_type: media_type.trim(),
            base64: parameters.any(|parameter| parameter.eq_ignore_ascii_case("base64")),
            data,
        })
    }

    /// Without a type it is plain text.
    fn is_text(&self) -> bool {
        let name = self.media_type.to_ascii_lowercase();
        name.is_empty()
            || name.starts_with("text/")
            || name.ends_with("+json")
            || name.ends_with("+xml")
            || TEXT_TYPES.contains(&name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_however_it_is_packed() {
        for (url, text) in [
            ("data:,hello%20there", "hello there"),
            ("data:text/plain,a,b", "a,b"),
            ("DATA:text/plain;charset=utf-8;BASE64,aGk=", "hi"),
            ("data:text/csv;base64,aGk", "hi"),
            ("data:text/plain;base64,aGk%3D", "hi"),
            ("data:application/json;base64,\n e30 =\n", "{}"),
            ("data:image/svg+xml,%3Csvg/%3E", "<svg/>"),
        ] {
            assert_eq!(read(url), Some(Data::Text(text.to_owned())), "{url}");
        }
    }

    #[test]
    fn everything_else_is_not_text() {
        for url in [
            "data:image/png;base64,aGk=",
            "data:application/pdf,hi",
            "data:text/plain;base64,!",
            "data:text/plain;base64,/w==",
        ] {
            assert_eq!(read(url), Some(Data::Other), "{url}");
        }
        for url in ["https://example.com", "data", "data:text/plain", "dätä:,x"] {
            assert_eq!(read(url), None, "{url}");
        }
        let long = format!("data:,{}", "x".repeat(MAX_TEXT + 1));
        assert_eq!(read(&long), Some(Data::TooLong));
    }

    #[test]
    fn a_changed_text_is_packed_as_it_was() {
        for url in ["data:text/plain;charset=utf-8;base64,aGk=", "data:,hi"] {
            for text in ["[REDACTED], ü\n", ""] {
                let changed = with_text(url, text);
                assert_eq!(read(&changed), Some(Data::Text(text.to_owned())));
                assert_eq!(
                    changed.split_once(',').unwrap().0,
                    url.split_once(',').unwrap().0
                );
            }
        }
    }
}
