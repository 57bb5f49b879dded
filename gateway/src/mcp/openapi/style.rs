//! How the value of a parameter is written (OpenAPI 3.1, 4.8.12.3), every character encoded that means something.

use parapet_crds::openapi::{Parameter, Style};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::llm::json::{Kind, Value};

/// What is not encoded: letters, digits and these (RFC 3986 2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// How deep objects in `deepObject` are taken apart; further down they are JSON.
const DEEPEST: usize = 8;

/// A text as a part of a URL.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// A value that is no list and no object as text; those read as JSON.
pub(super) fn plain(value: Value<'_>) -> String {
    match value.kind() {
        Kind::String => value.as_str().unwrap_or_default().into_owned(),
        Kind::Null => String::new(),
        Kind::Bool | Kind::Number | Kind::Array | Kind::Object => value.raw().to_owned(),
    }
}

/// Each text that stands in a value by itself.
pub(super) fn texts(value: Value<'_>) -> Vec<String> {
    match value.kind() {
        Kind::Array => value.items().map(plain).collect(),
        Kind::Object => value
            .members()
            .flat_map(|(name, value)| [name.into_owned(), plain(value)])
            .collect(),
        Kind::Null | Kind::Bool | Kind::Number | Kind::String => vec![plain(value)],
    }
}

/// A value in a path.
pub(super) fn in_path(parameter: &Parameter, value: Value<'_>) -> String {
    let name = encoded(&parameter.name);
    let explode = parameter.explode;
    if parameter.json {
        return encoded(value.raw());
    }
    let pairs = value
        .members()
        .map(|(name, value)| format!("{}={}", encoded(&name), encoded(&plain(value))));
    let pairs: Vec<String> = pairs.collect();
    let flat: Vec<String> = texts(value).iter().map(|text| encoded(text)).collect();
    let is_object = value.kind() == Kind::Object;
    match (parameter.style, explode) {
        (Style::Label, true) if is_object => format!(".{}", pairs.join(".")),
        (Style::Label, true) => format!(".{}", flat.join(".")),
        (Style::Label, false) => format!(".{}", flat.join(",")),
        (Style::Matrix, true) if is_object => format!(";{}", pairs.join(";")),
        (Style::Matrix, true) => {
            let each = flat.iter().map(|text| format!(";{name}={text}"));
            each.collect()
        }
        (Style::Matrix, false) => format!(";{name}={}", flat.join(",")),
        (_, true) if is_object => pairs.join(","),
        _ => flat.join(","),
    }
}

/// A value in a query: names and values, encoded.
pub(super) fn in_query(parameter: &Parameter, value: Value<'_>) -> Vec<(String, String)> {
    let name = encoded(&parameter.name);
    if parameter.json {
        return vec![(name, encoded(value.raw()))];
    }
    match (value.kind(), parameter.style) {
        (Kind::Null | Kind::Bool | Kind::Number | Kind::String, _) => {
            vec![(name, encoded(&plain(value)))]
        }
        (Kind::Object, Style::DeepObject) => {
            let mut pairs = Vec::new();
            deep(&name, value, DEEPEST, &mut pairs);
            pairs
        }
        (Kind::Object, _) if parameter.explode => value
            .members()
            .map(|(name, value)| (encoded(&name), encoded(&plain(value))))
            .collect(),
        (Kind::Array, _) if parameter.explode || parameter.style == Style::DeepObject => value
            .items()
            .map(|item| (name.clone(), encoded(&plain(item))))
            .collect(),
        (Kind::Array | Kind::Object, style) => {
            let flat: Vec<String> = texts(value).iter().map(|text| encoded(text)).collect();
            if flat.is_empty() {
                return Vec::new();
            }
            let between = match style {
                Style::SpaceDelimited => "%20",
                Style::PipeDelimited => "%7C",
                Style::Simple | Style::Label | Style::Matrix | Style::Form | Style::DeepObject => {
                    ","
                }
            };
            vec![(name, flat.join(between))]
        }
    }
}

fn deep(name: &str, value: Value<'_>, depth: usize, pairs: &mut Vec<(String, String)>) {
    match (value.kind(), depth.checked_sub(1)) {
        (Kind::Object, Some(depth)) => {
            for (key, value) in value.members() {
                let name = format!("{name}%5B{}%5D", encoded(&key));
                deep(&name, value, depth, pairs);
            }
        }
        (Kind::Array, Some(_)) => {
            for item in value.items() {
                pairs.push((name.to_owned(), encoded(&plain(item))));
            }
        }
        _ => pairs.push((name.to_owned(), encoded(&plain(value)))),
    }
}

/// A value in a header; what HTTP does not allow is for the caller to find.
pub(super) fn in_header(parameter: &Parameter, value: Value<'_>) -> String {
    if parameter.json {
        return value.raw().to_owned();
    }
    if parameter.explode && value.kind() == Kind::Object {
        let pairs = value
            .members()
            .map(|(name, value)| format!("{name}={}", plain(value)));
        return pairs.collect::<Vec<_>>().join(",");
    }
    texts(value).join(",")
}
