//! A text as a header's value: as it is, or in base64 between marks when a header could not carry it unchanged.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

const BEGIN: &str = "=?base64?";
const END: &str = "?=";

/// The text of a header; none when it has bytes that it must not have, or what stands between the marks is no text.
pub(super) fn decode(value: &HeaderValue) -> Option<String> {
    let text = value.to_str().ok()?;
    let Some(inner) = marked(text) else {
        return Some(text.to_owned());
    };
    let bytes = STANDARD.decode(inner).ok()?;
    String::from_utf8(bytes).ok()
}

/// The header of a text.
pub(super) fn encode(text: &str) -> HeaderValue {
    let visible = |byte: u8| matches!(byte, b'\t' | b' '..=b'~');
    let is_plain = text.bytes().all(visible)
        && !text.starts_with([' ', '\t'])
        && !text.ends_with([' ', '\t'])
        && marked(text).is_none();
    if is_plain && let Ok(value) = HeaderValue::from_str(text) {
        return value;
    }
    let marked = format!("{BEGIN}{}{END}", STANDARD.encode(text));
    // Base64 is visible ASCII, so there is always a value.
    HeaderValue::from_str(&marked).unwrap_or(HeaderValue::from_static(""))
}

fn marked(text: &str) -> Option<&str> {
    text.strip_prefix(BEGIN)?.strip_suffix(END)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_header_cannot_carry_travels_in_base64() {
        let rows = [
            ("get_weather", "get_weather"),
            ("a b\tc", "a b\tc"),
            ("", ""),
            (" a", "=?base64?IGE=?="),
            ("a ", "=?base64?YSA=?="),
            ("wetter_köln", "=?base64?d2V0dGVyX2vDtmxu?="),
            ("a\nb", "=?base64?YQpi?="),
            ("=?base64?YQ==?=", "=?base64?PT9iYXNlNjQ/WVE9PT89?="),
        ];
        for (text, header) in rows {
            let encoded = encode(text);
            assert_eq!(encoded.to_str().unwrap(), header, "{text:?}");
            assert_eq!(decode(&encoded).as_deref(), Some(text), "{header}");
        }
    }

    #[test]
    fn what_is_no_base64_of_text_is_nothing() {
        for bad in ["=?base64?***?=", "=?base64?/w==?="] {
            assert_eq!(decode(&HeaderValue::from_str(bad).unwrap()), None, "{bad}");
        }
        // The marks are case-sensitive: this one is a text like any other.
        let other = HeaderValue::from_static("=?BASE64?YQ==?=");
        assert_eq!(decode(&other).as_deref(), Some("=?BASE64?YQ==?="));
    }
}
