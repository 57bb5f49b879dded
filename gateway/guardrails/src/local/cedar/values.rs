//! From a call's arguments to the values that policies read.
//!
//! Only what is read is built. A value that is not of the type that the policies take it for is not passed
//! on: which policies read it is known, and they cannot be evaluated.

use cedar_policy::{Context, RestrictedExpression};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::schema::{Leaf, Part, Shape};

/// The largest integer up to which every number with a fraction of zero stands for itself alone.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// An argument of the type that policies take it for.
#[derive(Clone)]
pub(super) enum Argument {
    Text(String),
    Long(i64),
    Bool(bool),
    Texts(Vec<String>),
    Record(Members),
    /// A value that only Cedar looks into.
    Other(RestrictedExpression),
}

/// Members of a record, as far as they are there.
pub(super) type Members = Vec<(String, Argument)>;

impl Argument {
    /// The value in Cedar's words; none for a record with a member twice, which is not read.
    pub(super) fn expression(self) -> Option<RestrictedExpression> {
        Some(match self {
            Self::Text(text) => RestrictedExpression::new_string(text),
            Self::Long(number) => RestrictedExpression::new_long(number),
            Self::Bool(value) => RestrictedExpression::new_bool(value),
            Self::Texts(texts) => {
                let texts = texts.into_iter().map(RestrictedExpression::new_string);
                RestrictedExpression::new_set(texts)
            }
            Self::Record(members) => {
                let members = members
                    .into_iter()
                    .map(|(name, value)| Some((name, value.expression()?)));
                let members = members.collect::<Option<Vec<_>>>()?;
                RestrictedExpression::new_record(members).ok()?
            }
            Self::Other(value) => value,
        })
    }
}

/// What was read of some arguments.
#[derive(Default)]
pub(super) struct Read {
    pub(super) members: Members,
    /// Paths at which there is something else than the policies expect.
    pub(super) unfit: Vec<Vec<String>>,
}

/// Reads arguments. Absent arguments have no members.
///
/// # Errors
/// They are not a JSON object.
pub(super) fn read(arguments: Option<&[u8]>, shape: &Shape) -> Result<Read, serde_json::Error> {
    let mut read = Read::default();
    let Some(arguments) = arguments else {
        return Ok(read);
    };
    let mut json = serde_json::Deserializer::from_slice(arguments);
    let mut path = Vec::new();
    read.members = Object {
        shape,
        path: &mut path,
        unfit: &mut read.unfit,
    }
    .deserialize(&mut json)?;
    json.end()?;
    Ok(read)
}

/// An object of which the members in `shape` are read.
struct Object<'a> {
    shape: &'a Shape,
    /// Where it stands.
    path: &'a mut Vec<String>,
    unfit: &'a mut Vec<Vec<String>>,
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = Members;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Members, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = Members;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Members::new();
        while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            let Some(part) = self.shape.0.get(&*name) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            // Which one a server takes is unknown.
            if members.iter().any(|(known, _)| *known == *name) {
                return Err(A::Error::custom("a member is there twice"));
            }
            let raw: &RawValue = map.next_value()?;
            self.path.push(name.into_owned());
            let value = match part {
                Part::Leaf(leaf) => value(*leaf, raw.get()),
                Part::Record(shape) => record(shape, raw.get(), self.path, self.unfit),
            };
            let name = self.path.pop().unwrap_or_default();
            match value {
                Fit::Value(value) => members.push((name, value)),
                Fit::Absent => {}
                Fit::Not => {
                    let mut at = self.path.clone();
                    at.push(name);
                    self.unfit.push(at);
                }
            }
        }
        Ok(members)
    }
}

enum Fit {
    Value(Argument),
    /// `null` is how many clients say that an argument is not given.
    Absent,
    Not,
}

impl From<Option<Argument>> for Fit {
    fn from(value: Option<Argument>) -> Self {
        value.map_or(Self::Not, Self::Value)
    }
}

fn record(shape: &Shape, raw: &str, path: &mut Vec<String>, unfit: &mut Vec<Vec<String>>) -> Fit {
    if raw == "null" {
        return Fit::Absent;
    }
    let mut json = serde_json::Deserializer::from_str(raw);
    let object = Object { shape, path, unfit };
    match object.deserialize(&mut json) {
        Ok(members) => Fit::Value(Argument::Record(members)),
        Err(_) => Fit::Not,
    }
}

fn value(leaf: Leaf, raw: &str) -> Fit {
    if raw == "null" {
        return Fit::Absent;
    }
    // A text is by far the most frequent.
    if leaf == Leaf::Text {
        let text = serde_json::from_str(raw).ok();
        return text.map(Argument::Text).into();
    }
    let Ok(value) = serde_json::from_str::<Value>(raw) else {
        return Fit::Not;
    };
    match leaf {
        Leaf::Text => Fit::Not,
        Leaf::Long => long(&value).map(Argument::Long).into(),
        Leaf::Bool => value.as_bool().map(Argument::Bool).into(),
        Leaf::Texts => {
            let texts = set(&value, |item| item.as_str().map(str::to_owned));
            texts.map(Argument::Texts).into()
        }
        Leaf::Longs => {
            let numbers = set(&value, long);
            let numbers = numbers.map(|numbers| {
                let numbers = numbers.into_iter().map(RestrictedExpression::new_long);
                Argument::Other(RestrictedExpression::new_set(numbers))
            });
            numbers.into()
        }
        Leaf::Decimal => decimal(&value).into(),
        Leaf::Address => extension(value.as_str().map(RestrictedExpression::new_ip)).into(),
        Leaf::Time => extension(value.as_str().map(RestrictedExpression::new_datetime)).into(),
    }
}

fn long(value: &Value) -> Option<i64> {
    let whole = |number: f64| {
        let fits = number.fract() == 0.0 && number.abs() < EXACT;
        // Below 2^53, so nothing is cut off.
        #[allow(clippy::cast_possible_truncation)]
        fits.then_some(number as i64)
    };
    value
        .as_i64()
        .or_else(|| value.as_f64().filter(|_| value.is_f64()).and_then(whole))
}

fn set<T>(value: &Value, item: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    value.as_array()?.iter().map(item).collect()
}

/// A number, or a text, with four digits after the point at most.
fn decimal(value: &Value) -> Option<Argument> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    let text = match text.contains('.') {
        true => text,
        false => format!("{text}.0"),
    };
    extension(Some(RestrictedExpression::new_decimal(text)))
}

/// A value of an extension type, if its text is one: Cedar looks only when a context is made of it.
fn extension(value: Option<RestrictedExpression>) -> Option<Argument> {
    value
        .filter(|value| Context::from_pairs([(String::new(), value.clone())]).is_ok())
        .map(Argument::Other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(leaf: Leaf, raw: &str) -> &'static str {
        match value(leaf, raw) {
            Fit::Value(_) => "value",
            Fit::Absent => "absent",
            Fit::Not => "not",
        }
    }

    #[test]
    fn a_value_is_of_the_type_that_policies_take_it_for_or_not_passed_on() {
        let rows = [
            (Leaf::Text, r#""a\n""#, "value"),
            (Leaf::Text, "1", "not"),
            (Leaf::Text, "null", "absent"),
            (Leaf::Text, r#"["a"]"#, "not"),
            (Leaf::Long, "-5", "value"),
            (Leaf::Long, "5.0", "value"),
            (Leaf::Long, "1e3", "value"),
            (Leaf::Long, "5.5", "not"),
            (Leaf::Long, "9223372036854775808", "not"),
            (Leaf::Long, "1e300", "not"),
            (Leaf::Long, "\"5\"", "not"),
            (Leaf::Bool, "true", "value"),
            (Leaf::Bool, "0", "not"),
            (Leaf::Texts, "[]", "value"),
            (Leaf::Texts, r#"["a","b"]"#, "value"),
            (Leaf::Texts, r#"["a",1]"#, "not"),
            (Leaf::Longs, "[1,2.0]", "value"),
            (Leaf::Longs, "1", "not"),
            (Leaf::Decimal, "12.5", "value"),
            (Leaf::Decimal, "12", "value"),
            (Leaf::Decimal, "\"0.1234\"", "value"),
            (Leaf::Decimal, "0.12345", "not"),
            (Leaf::Decimal, "1e30", "not"),
            (Leaf::Address, "\"10.0.0.0/8\"", "value"),
            (Leaf::Address, "\"localhost\"", "not"),
            (Leaf::Time, "\"2026-11-21\"", "value"),
            (Leaf::Time, "\"yesterday\"", "not"),
        ];
        for (leaf, raw, expected) in rows {
            assert_eq!(fits(leaf, raw), expected, "{leaf:?} {raw}");
        }
    }

    #[test]
    fn only_what_is_read_is_looked_at() {
        let shape = Shape(
            [
                ("path".to_owned(), Part::Leaf(Leaf::Text)),
                (
                    "options".to_owned(),
                    Part::Record(Shape([("force".to_owned(), Part::Leaf(Leaf::Bool))].into())),
                ),
            ]
            .into(),
        );
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        let rows = [
            ("{}".to_owned(), vec![], vec![]),
            (
                format!(r#"{{"other":{deep},"path":"a","options":{{"x":1,"force":true}}}}"#),
                vec!["path", "options"],
                vec![],
            ),
            (
                r#"{"path":1,"options":[]}"#.to_owned(),
                vec![],
                vec!["path", "options"],
            ),
            (
                r#"{"options":{"force":1}}"#.to_owned(),
                vec!["options"],
                vec!["options/force"],
            ),
            (r#"{"options":null}"#.to_owned(), vec![], vec![]),
        ];
        for (json, members, unfit) in rows {
            let read = read(Some(json.as_bytes()), &shape).unwrap();
            let names: Vec<&str> = read.members.iter().map(|(name, _)| &**name).collect();
            let paths: Vec<String> = read.unfit.iter().map(|path| path.join("/")).collect();
            assert_eq!(
                (names, paths),
                (members, unfit.iter().map(|s| (*s).to_owned()).collect())
            );
        }
        for wrong in [
            "",
            "[]",
            "{",
            r#"{"path":"a"} x"#,
            r#"{"path":"a","path":"b"}"#,
        ] {
            assert!(read(Some(wrong.as_bytes()), &shape).is_err(), "{wrong}");
        }
        assert!(read(None, &shape).unwrap().members.is_empty());
    }
}
