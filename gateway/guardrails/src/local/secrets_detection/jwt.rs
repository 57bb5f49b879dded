//! JSON Web Tokens: three parts in base64, the first of which names the algorithm.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::shape::URL;

/// Longer parts are not read.
const LONGEST: usize = 16 * 1024;

/// How a token stands in a text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Jwt {
    /// It is none.
    No,
    /// One, up to this offset.
    Yes(usize),
    /// The end of the text cuts it off; with an offset: it is one as it stands.
    CutOff(Option<usize>),
}

/// Reads the token whose `eyJ` stands at `start`.
pub(super) fn read(text: &str, start: usize) -> Jwt {
    let rest = text.as_bytes().get(start..).unwrap_or_default();
    let part = |from: usize| {
        let rest = rest.get(from..).unwrap_or_default();
        from + rest
            .iter()
            .take(LONGEST)
            .take_while(|byte| URL.has(**byte))
            .count()
    };
    let header = part(0);
    if header == rest.len() {
        return Jwt::CutOff(None);
    }
    if rest.get(header) != Some(&b'.') || !names_algorithm(rest.get(..header).unwrap_or_default()) {
        return Jwt::No;
    }
    let payload = part(header + 1);
    let fits = payload >= header + 1 + 8
        && rest
            .get(header + 1..)
            .is_some_and(|rest| rest.starts_with(b"ey"));
    if payload == rest.len() {
        return Jwt::CutOff(fits.then_some(start + payload));
    }
    if !fits {
        return Jwt::No;
    }
    if rest.get(payload) != Some(&b'.') {
        return Jwt::Yes(start + payload);
    }
    let signature = part(payload + 1);
    match signature == rest.len() {
        true => Jwt::CutOff(Some(start + signature)),
        false => Jwt::Yes(start + signature),
    }
}

/// Whether the header is JSON with a real algorithm.
fn names_algorithm(header: &[u8]) -> bool {
    let Ok(json) = URL_SAFE_NO_PAD.decode(header) else {
        return false;
    };
    let Ok(serde_json::Value::Object(fields)) = serde_json::from_slice(&json) else {
        return false;
    };
    fields
        .get("alg")
        .and_then(serde_json::Value::as_str)
        .is_some_and(|alg| !alg.eq_ignore_ascii_case("none"))
}
