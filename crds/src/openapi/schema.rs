//! A schema of the document as clients are shown it: JSON Schema 2020-12 with every reference in its place.
//!
//! Only keywords that are understood go on, so what clients see is the document's schema or a weaker one, never a
//! stronger one: a value that fits the document fits here. Where a schema leads back into itself it is cut off.

use serde_json::{Map, Value as Json, json};

use super::limits::{MAX_DEPTH, MAX_DESCRIPTION, MAX_SCHEMA_BYTES};
use super::reader::{At, Reader, reference};
use super::{Problem, name};

mod flatten;

/// What a schema is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum For {
    /// What a caller sends: without what is `readOnly`.
    Request,
    /// What comes back: without what is `writeOnly`, and without what servers are known not to keep to
    /// (formats, patterns, further members), so that clients do not throw results away over it.
    Response,
}

/// Why a schema is not there.
#[derive(Debug)]
pub(super) enum Stop {
    /// It is too large, or nests too deep.
    Large(Problem),
    /// Something is wrong in it.
    Wrong(Problem),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Wrong(problem)
    }
}

impl Stop {
    pub(super) fn problem(self) -> Problem {
        match self {
            Self::Large(problem) | Self::Wrong(problem) => problem,
        }
    }
}

/// Types that JSON Schema has.
const TYPES: &[&str] = &[
    "array", "boolean", "integer", "null", "number", "object", "string",
];
/// Keywords with a count.
const COUNTS: &[&str] = &[
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
];
/// Bounds of numbers, with the keyword that is `true` beside them in 3.0 when they are exclusive.
const BOUNDS: &[(&str, &str)] = &[
    ("minimum", "exclusiveMinimum"),
    ("maximum", "exclusiveMaximum"),
];

/// Makes a schema ready to be shown.
pub(super) fn convert<'a>(reader: &Reader<'a>, schema: At<'a>, purpose: For) -> Result<Json, Stop> {
    let mut walk = Walk {
        reader,
        purpose,
        left: MAX_SCHEMA_BYTES,
        within: Vec::new(),
    };
    walk.schema(&schema, MAX_DEPTH)
}

struct Walk<'r, 'a> {
    reader: &'r Reader<'a>,
    purpose: For,
    /// Bytes.
    left: usize,
    /// What was referred to and is not over yet.
    within: Vec<&'a Json>,
}

impl<'a> Walk<'_, 'a> {
    fn pay(&mut self, bytes: usize, here: &At<'_>) -> Result<(), Stop> {
        let left = self.left.checked_sub(bytes).ok_or_else(|| {
            let message = format!(
                "with its references resolved the schema has more than {MAX_SCHEMA_BYTES} bytes"
            );
            Stop::Large(here.problem(message))
        })?;
        self.left = left;
        Ok(())
    }

    fn schema(&mut self, here: &At<'a>, depth: usize) -> Result<Json, Stop> {
        self.reader.step(&here.at)?;
        self.pay(8, here)?;
        let Some(depth) = depth.checked_sub(1) else {
            let message = format!("schemas nest deeper than {MAX_DEPTH} levels");
            return Err(Stop::Large(here.problem(message)));
        };
        match here.value {
            Json::Bool(true) => return Ok(json!({})),
            Json::Bool(false) if self.purpose == For::Response => return Ok(json!({})),
            Json::Bool(false) => return Ok(json!({"not": {}})),
            Json::Object(_) => {}
            Json::Null | Json::Number(_) | Json::String(_) | Json::Array(_) => {
                return Err(here.problem("a schema is an object").into());
            }
        }
        let Some(to) = reference(here)? else {
            return Ok(Json::Object(self.keywords(here, depth)?));
        };
        let target = self.reader.follow(&here.at, to)?;
        if self
            .within
            .iter()
            .any(|outer| std::ptr::eq(*outer, target.value))
        {
            return Ok(again(&target));
        }
        self.within.push(target.value);
        let found = self.schema(&target, depth)?;
        self.within.pop();
        let beside = self.keywords(here, depth)?;
        Ok(flatten::beside(found, beside))
    }

    fn keywords(&mut self, here: &At<'a>, depth: usize) -> Result<Map<String, Json>, Stop> {
        let mut out = Map::new();
        self.types(here, &mut out);
        for word in ["title", "description"] {
            if let Some(text) = here.text(word) {
                let text = name::cut(text.trim(), MAX_DESCRIPTION);
                out.insert(word.to_owned(), text.into());
            }
        }
        let is_request = self.purpose == For::Request;
        self.values(here, &mut out)?;
        for word in COUNTS {
            copy(here, word, Json::is_u64, &mut out);
        }
        for (bound, exclusive) in BOUNDS {
            match here.value.get(exclusive) {
                Some(Json::Bool(true)) => {
                    let value = here.value.get(bound).filter(|value| value.is_number());
                    out.extend(value.map(|value| ((*exclusive).to_owned(), value.clone())));
                }
                _ => {
                    copy(here, bound, Json::is_number, &mut out);
                    copy(here, exclusive, Json::is_number, &mut out);
                }
            }
        }
        if is_request {
            copy(here, "format", Json::is_string, &mut out);
            copy(here, "pattern", Json::is_string, &mut out);
            copy(here, "multipleOf", Json::is_number, &mut out);
            copy(here, "uniqueItems", Json::is_boolean, &mut out);
        }
        let texts = out.iter().map(|(word, value)| word.len() + length(value));
        self.pay(texts.sum(), here)?;
        self.members(here, &mut out, depth)?;
        self.elements(here, &mut out, depth)?;
        self.branches(here, &mut out, depth)?;
        flatten::all_of(&mut out);
        if here.is("nullable") && !out.contains_key("type") && out.contains_key("allOf") {
            out = Map::from_iter([("anyOf".to_owned(), json!([out, {"type": "null"}]))]);
        }
        Ok(out)
    }

    /// `type`, and `null` among the types where 3.0 says `nullable`.
    fn types(&self, here: &At<'a>, out: &mut Map<String, Json>) {
        let known = |word: &&str| TYPES.contains(word);
        let mut types: Vec<&str> = match here.value.get("type") {
            Some(Json::String(word)) => Some(word.as_str()).filter(known).into_iter().collect(),
            Some(Json::Array(words)) => words
                .iter()
                .filter_map(Json::as_str)
                .filter(known)
                .collect(),
            _ => Vec::new(),
        };
        if here.is("nullable") && !types.is_empty() && !types.contains(&"null") {
            types.push("null");
        }
        match types.as_slice() {
            [] => {}
            [word] => {
                out.insert("type".to_owned(), (*word).into());
            }
            words => {
                out.insert("type".to_owned(), json!(words));
            }
        }
    }

    /// Values that stand in the schema.
    fn values(&mut self, here: &At<'a>, out: &mut Map<String, Json>) -> Result<(), Stop> {
        let words: &[&str] = match self.purpose {
            For::Request => &["default", "const", "enum"],
            For::Response => &["const", "enum"],
        };
        for word in words {
            let Some(value) = here.value.get(word) else {
                continue;
            };
            // Before it is copied: a reference may bring it many times.
            self.pay(length(value), here)?;
            let mut value = value.clone();
            if *word == "enum" {
                let Json::Array(values) = &mut value else {
                    continue;
                };
                if here.is("nullable") && !values.contains(&Json::Null) {
                    values.push(Json::Null);
                }
            }
            out.insert((*word).to_owned(), value);
        }
        Ok(())
    }

    fn members(
        &mut self,
        here: &At<'a>,
        out: &mut Map<String, Json>,
        depth: usize,
    ) -> Result<(), Stop> {
        let mut hidden = Vec::new();
        if let Some(properties) = here.get("properties") {
            let mut shown = Map::new();
            for (name, property) in properties.members() {
                if self.is_hidden(&property)? {
                    hidden.push(name);
                    continue;
                }
                self.pay(name.len(), here)?;
                shown.insert(name.to_owned(), self.schema(&property, depth)?);
            }
            out.insert("properties".to_owned(), Json::Object(shown));
        }
        let required = here.value.get("required").and_then(Json::as_array);
        let required: Vec<&str> = required
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .filter(|name| !hidden.contains(name))
            .collect();
        if !required.is_empty() {
            self.pay(required.iter().map(|name| name.len() + 3).sum(), here)?;
            out.insert("required".to_owned(), json!(required));
        }
        let others = here.get("additionalProperties");
        let keeps =
            |others: &At<'_>| self.purpose == For::Request || others.value != &Json::Bool(false);
        if let Some(others) = others.filter(keeps) {
            let others = match others.value {
                Json::Bool(_) => others.value.clone(),
                _ => self.schema(&others, depth)?,
            };
            out.insert("additionalProperties".to_owned(), others);
        }
        Ok(())
    }

    /// Whether a property is not for this direction.
    fn is_hidden(&self, property: &At<'a>) -> Result<bool, Stop> {
        let word = match self.purpose {
            For::Request => "readOnly",
            For::Response => "writeOnly",
        };
        if property.is(word) {
            return Ok(true);
        }
        if reference(property)?.is_none() {
            return Ok(false);
        }
        match self.reader.resolve(property.clone()) {
            Ok(target) => Ok(target.is(word)),
            // A circle of references alone is cut off where it is walked.
            Err(_) => Ok(false),
        }
    }

    fn elements(
        &mut self,
        here: &At<'a>,
        out: &mut Map<String, Json>,
        depth: usize,
    ) -> Result<(), Stop> {
        if let Some(items) = here.get("items").filter(|items| !items.value.is_array()) {
            let items = self.schema(&items, depth)?;
            out.insert("items".to_owned(), items);
        }
        if let Some(first) = here.get("prefixItems") {
            let first = first.items().map(|one| self.schema(&one, depth));
            let first: Result<Vec<Json>, Stop> = first.collect();
            out.insert("prefixItems".to_owned(), Json::Array(first?));
        }
        Ok(())
    }

    fn branches(
        &mut self,
        here: &At<'a>,
        out: &mut Map<String, Json>,
        depth: usize,
    ) -> Result<(), Stop> {
        // Of weaker branches more than one may fit, so exactly one becomes any.
        for (word, as_word) in [("allOf", "allOf"), ("anyOf", "anyOf"), ("oneOf", "anyOf")] {
            let Some(branches) = here.get(word) else {
                continue;
            };
            let branches = branches.items().map(|one| self.schema(&one, depth));
            let branches: Result<Vec<Json>, Stop> = branches.collect();
            let branches = branches?;
            if branches.is_empty() {
                continue;
            }
            match out.get_mut(as_word) {
                // Both anyOf and oneOf stand here: the second is one more condition.
                Some(_) => {
                    let second = json!({as_word: branches});
                    match out.get_mut("allOf").and_then(Json::as_array_mut) {
                        Some(all) => all.push(second),
                        None => {
                            out.insert("allOf".to_owned(), json!([second]));
                        }
                    }
                }
                None => {
                    out.insert(as_word.to_owned(), Json::Array(branches));
                }
            }
        }
        Ok(())
    }
}

/// What stands where a schema leads back into itself.
fn again(target: &At<'_>) -> Json {
    match target.text("type").filter(|word| TYPES.contains(word)) {
        Some(word) if !target.is("nullable") => json!({"type": word}),
        Some(_) | None => json!({}),
    }
}

fn copy(here: &At<'_>, word: &str, fits: fn(&Json) -> bool, out: &mut Map<String, Json>) {
    if let Some(value) = here.value.get(word).filter(|value| fits(value)) {
        out.insert(word.to_owned(), value.clone());
    }
}

/// About how many bytes a value has as JSON, without writing it.
fn length(value: &Json) -> usize {
    match value {
        Json::Null | Json::Bool(_) | Json::Number(_) => 8,
        Json::String(text) => text.len() + 2,
        Json::Array(items) => 2 + items.iter().map(|item| 1 + length(item)).sum::<usize>(),
        Json::Object(members) => {
            let members = members.iter();
            2 + members
                .map(|(name, value)| name.len() + 4 + length(value))
                .sum::<usize>()
        }
    }
}
