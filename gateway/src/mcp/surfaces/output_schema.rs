//! Whether a redacted value still fits the schema that its tool declares.
//!
//! Clients check structured content against that schema and raise when it does not fit. The schema is the
//! server's, so it is read with a budget: references that go in circles, branches that multiply and patterns
//! that explode end in "not sure", and a redaction that is not sure to fit is not made. Whatever would have
//! to be fetched is never fetched.

use std::cell::Cell;
use std::collections::HashSet;

use regex::RegexBuilder;

use crate::llm::json::{Kind, Value};

/// How many schemas are looked at for one value.
const MAX_STEPS: u32 = 50_000;
/// How many schemas are looked at for a value that is new as a whole: some 20 ms.
const WHOLE_STEPS: u32 = 1_000_000;
/// How deep schemas may lead into each other.
const MAX_DEPTH: u32 = 200;
/// What a pattern costs of the steps, because it is compiled.
const PATTERN_STEPS: u32 = 1_000;
/// How large a compiled pattern may be, in bytes.
const PATTERN_SIZE: usize = 1 << 18;

/// Keywords that are not understood well enough to be sure.
const UNSURE: [&str; 12] = [
    "not",
    "if",
    "contains",
    "dependentSchemas",
    "dependencies",
    "unevaluatedProperties",
    "unevaluatedItems",
    "propertyNames",
    "$dynamicRef",
    "$recursiveRef",
    "multipleOf",
    "additionalItems",
];

/// Formats that clients know; what replaces a secret has none of them.
const FORMATS: [&str; 19] = [
    "date-time",
    "date",
    "time",
    "duration",
    "email",
    "idn-email",
    "hostname",
    "idn-hostname",
    "ipv4",
    "ipv6",
    "uri",
    "uri-reference",
    "iri",
    "iri-reference",
    "uri-template",
    "uuid",
    "json-pointer",
    "relative-json-pointer",
    "regex",
];

/// Whether `after`, which differs from `before` in some strings and numbers, surely fits where `before` did.
pub fn still_fits(schema: Value<'_>, before: Value<'_>, after: Value<'_>) -> bool {
    let check = Check {
        root: schema,
        steps: Cell::new(MAX_STEPS),
    };
    check.fits(schema, before, after, Extent::Changed, MAX_DEPTH)
}

/// Whether a value fits a schema.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fit {
    /// It does.
    Fits,
    /// It does not, or the schema says what is not understood here.
    Differs,
    /// Finding out would take too long.
    Unknown,
}

/// Whether a value fits a schema.
pub fn fits(schema: Value<'_>, value: Value<'_>) -> Fit {
    let check = Check {
        root: schema,
        steps: Cell::new(WHOLE_STEPS),
    };
    match check.fits(schema, value, value, Extent::Whole, MAX_DEPTH) {
        true => Fit::Fits,
        false if check.steps.get() == 0 => Fit::Unknown,
        false => Fit::Differs,
    }
}

/// How much of a value is looked at.
#[derive(Clone, Copy, PartialEq)]
enum Extent {
    /// What has changed: the rest fitted before.
    Changed,
    /// All of it: it may have fitted another branch before.
    Whole,
}

struct Check<'a> {
    root: Value<'a>,
    steps: Cell<u32>,
}

impl<'a> Check<'a> {
    fn spend(&self, steps: u32) -> bool {
        let left = self.steps.get().checked_sub(steps);
        self.steps.set(left.unwrap_or(0));
        left.is_some()
    }

    fn fits(
        &self,
        schema: Value<'a>,
        before: Value<'_>,
        after: Value<'_>,
        extent: Extent,
        depth: u32,
    ) -> bool {
        if extent == Extent::Changed && before.raw() == after.raw() {
            return true;
        }
        let (Some(depth), true) = (depth.checked_sub(1), self.spend(1)) else {
            return false;
        };
        match schema.kind() {
            Kind::Bool => return schema.as_bool() == Some(true),
            Kind::Object => {}
            Kind::Null | Kind::Number | Kind::String | Kind::Array => return false,
        }
        let branch = |schema, extent| self.fits(schema, before, after, extent, depth);
        schema.members().all(|(key, word)| {
            if !self.spend(1) {
                return false;
            }
            match key.as_ref() {
                "$ref" => self.referred(word).is_some_and(|to| branch(to, extent)),
                "allOf" => word.items().all(|one| branch(one, extent)),
                "anyOf" => word.items().any(|one| branch(one, Extent::Whole)),
                "oneOf" => {
                    let fitting = word.items().filter(|one| branch(*one, Extent::Whole));
                    fitting.count() == 1
                }
                "type" => has_type(word, after),
                "enum" => word.items().any(|one| equal(one, after)),
                "const" => equal(word, after),
                "format" => before.raw() == after.raw() || !is_known_format(word, after),
                "pattern" => match after.as_str() {
                    Some(text) => self.matches(word, &text),
                    None => true,
                },
                "uniqueItems" => word.as_bool() == Some(false) || are_unique(after),
                "required" => word.items().all(|name| {
                    after.kind() != Kind::Object
                        || name.as_str().is_some_and(|name| after.get(&name).is_some())
                }),
                word_of_count if is_bound(word_of_count) => within(word_of_count, word, after),
                known if UNSURE.contains(&known) => false,
                _ => true,
            }
        }) && self.members(schema, before, after, extent, depth)
            && self.items(schema, before, after, extent, depth)
    }

    fn members(
        &self,
        schema: Value<'a>,
        before: Value<'_>,
        after: Value<'_>,
        extent: Extent,
        depth: u32,
    ) -> bool {
        let (named, patterns) = (schema.get("properties"), schema.get("patternProperties"));
        let others = schema.get("additionalProperties");
        // A redaction changes no key, so both have the same members in the same order.
        before
            .members()
            .zip(after.members())
            .all(|((key, before), (_, after))| {
                if extent == Extent::Changed && before.raw() == after.raw() {
                    return true;
                }
                let fits = |schema| self.fits(schema, before, after, extent, depth);
                let mut known = false;
                if let Some(own) = named.and_then(|named| named.get(&key)) {
                    known = true;
                    if !fits(own) {
                        return false;
                    }
                }
                for (_, schema) in patterns.into_iter().flat_map(Value::members) {
                    let pattern = schema.raw_key().map(|key| key.text());
                    match self.pattern(&pattern.unwrap_or_default()) {
                        Some(pattern) if !pattern.is_match(&key) => {}
                        Some(_) if fits(schema) => known = true,
                        Some(_) | None => return false,
                    }
                }
                known || others.is_none_or(fits)
            })
    }

    fn items(
        &self,
        schema: Value<'a>,
        before: Value<'_>,
        after: Value<'_>,
        extent: Extent,
        depth: u32,
    ) -> bool {
        let items = schema.get("items");
        // Before 2020-12 an array of schemas stood in `items`.
        let first = schema
            .get("prefixItems")
            .or_else(|| items.filter(|items| items.kind() == Kind::Array));
        let rest = items.filter(|items| items.kind() != Kind::Array);
        let mut first = first.into_iter().flat_map(Value::items);
        before
            .items()
            .zip(after.items())
            .all(|(before, after)| match first.next().or(rest) {
                Some(schema) => self.fits(schema, before, after, extent, depth),
                None => true,
            })
    }

    /// What a reference within the schema points to.
    fn referred(&self, reference: Value<'_>) -> Option<Value<'a>> {
        let reference = reference.as_str()?;
        let mut at = self.root;
        if reference == "#" {
            return Some(at);
        }
        for step in reference.strip_prefix("#/")?.split('/') {
            let step = step.replace("~1", "/").replace("~0", "~");
            if !self.spend(1) {
                return None;
            }
            at = match at.kind() {
                Kind::Array => at.items().nth(step.parse().ok()?)?,
                Kind::Null | Kind::Bool | Kind::Number | Kind::String | Kind::Object => {
                    at.get(&step)?
                }
            };
        }
        Some(at)
    }

    fn matches(&self, pattern: Value<'_>, text: &str) -> bool {
        let pattern = pattern.as_str().and_then(|pattern| self.pattern(&pattern));
        pattern.is_some_and(|pattern| pattern.is_match(text))
    }

    /// None for a pattern that goes beyond what is matched in linear time, or beyond the budget.
    fn pattern(&self, pattern: &str) -> Option<regex::Regex> {
        if !self.spend(PATTERN_STEPS) {
            return None;
        }
        RegexBuilder::new(pattern)
            .size_limit(PATTERN_SIZE)
            .build()
            .ok()
    }
}

fn has_type(types: Value<'_>, value: Value<'_>) -> bool {
    let is = |name: Value<'_>| match value.kind() {
        Kind::Null => name.is("null"),
        Kind::Bool => name.is("boolean"),
        Kind::Number => name.is("number") || (name.is("integer") && is_integer(value)),
        Kind::String => name.is("string"),
        Kind::Array => name.is("array"),
        Kind::Object => name.is("object"),
    };
    match types.kind() {
        Kind::Array => types.items().any(is),
        Kind::Null | Kind::Bool | Kind::Number | Kind::String | Kind::Object => is(types),
    }
}

fn is_integer(value: Value<'_>) -> bool {
    value
        .raw()
        .parse::<f64>()
        .is_ok_and(|number| number.fract() == 0.0)
}

fn is_known_format(format: Value<'_>, value: Value<'_>) -> bool {
    value.kind() == Kind::String
        && format
            .as_str()
            .is_some_and(|format| FORMATS.contains(&format.as_ref()))
}

fn is_bound(word: &str) -> bool {
    matches!(
        word,
        "minLength"
            | "maxLength"
            | "minItems"
            | "maxItems"
            | "minProperties"
            | "maxProperties"
            | "minimum"
            | "maximum"
            | "exclusiveMinimum"
            | "exclusiveMaximum"
    )
}

/// A bound of length, count or size, where the value has one.
fn within(word: &str, bound: Value<'_>, value: Value<'_>) -> bool {
    let measure = match (word, value.kind()) {
        ("minLength" | "maxLength", Kind::String) => {
            value.as_str().map(|text| text.chars().count() as f64)
        }
        ("minItems" | "maxItems", Kind::Array)
        | ("minProperties" | "maxProperties", Kind::Object) => {
            Some(value.children().count() as f64)
        }
        ("minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum", Kind::Number) => {
            value.raw().parse().ok()
        }
        _ => return true,
    };
    let (Some(measure), Ok(bound)) = (measure, bound.raw().parse::<f64>()) else {
        return false;
    };
    match word {
        "exclusiveMinimum" => measure > bound,
        "exclusiveMaximum" => measure < bound,
        _ if word.starts_with("min") => measure >= bound,
        _ => measure <= bound,
    }
}

/// Whether two values are surely equal: strings by their text, the rest as written.
fn equal(one: Value<'_>, other: Value<'_>) -> bool {
    match (one.as_str(), other.as_str()) {
        (Some(one), Some(other)) => one == other,
        (_, _) => one.raw() == other.raw(),
    }
}

/// Whether the items of an array surely differ.
fn are_unique(value: Value<'_>) -> bool {
    let mut seen = HashSet::new();
    value.items().all(|item| {
        seen.insert(match item.as_str() {
            Some(text) => format!("\"{text}"),
            None => item.raw().to_owned(),
        })
    })
}
