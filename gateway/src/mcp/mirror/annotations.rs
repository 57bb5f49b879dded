//! Which arguments of a tool are repeated in headers: `x-mcp-header` in its input schema (2026-07-28).
//!
//! A tool that annotates wrongly is one that clients must not see: nobody could say which header belongs to which
//! argument, and so nobody could compare them.

use http::HeaderName;

use super::PARAM;
use crate::llm::json::{Kind, Value};
use crate::mcp::envelope::Message;

/// The member of a property that annotates it.
const ANNOTATION: &str = "x-mcp-header";
/// Annotated arguments of one tool: no request may have more such headers.
const MOST: usize = super::MAX_PARAMS;
/// Keywords that hold one schema or several, below which no annotation may stand.
const SCHEMAS: [&str; 16] = [
    "additionalItems",
    "additionalProperties",
    "allOf",
    "anyOf",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "oneOf",
    "prefixItems",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];
/// Keywords that hold schemas by name, below which no annotation may stand.
const NAMED_SCHEMAS: [&str; 5] = [
    "$defs",
    "definitions",
    "dependencies",
    "dependentSchemas",
    "patternProperties",
];

/// An argument that a header repeats.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Annotation {
    /// The whole name: `mcp-param-...`.
    pub(crate) header: HeaderName,
    /// Names of members of `arguments`, outermost first.
    pub(crate) path: Vec<String>,
}

/// Why a tool's annotations are wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Invalid {
    /// It cannot be a part of a header's name.
    #[error("an annotation is no name that a header can have")]
    Name,
    /// Two of them are the same, for headers.
    #[error("two annotations have the same name")]
    Twice,
    /// It stands on something that has no single value, or on `number`.
    #[error("an annotation stands on something that is no string, integer or boolean")]
    Type,
    /// It stands where a call does not always lead.
    #[error("an annotation is not reached through properties alone")]
    Place,
    /// There are more than a request may have.
    #[error("there are too many annotations")]
    TooMany,
}

/// The annotated arguments of a tool's definition.
///
/// # Errors
/// The first thing that is wrong with one.
pub(crate) fn annotations(definition: Value<'_>) -> Result<Vec<Annotation>, Invalid> {
    let mut found = Vec::new();
    // Most tools have none, and every call of a tool asks.
    if let Some(schema) = definition
        .get("inputSchema")
        .filter(|schema| may_annotate(schema.raw()))
    {
        visit(schema, &mut Vec::new(), true, &mut found)?;
    }
    Ok(found)
}

/// The tools in an answer to `tools/list` whose annotations are wrong, by their places in the list.
pub(crate) fn invalid(answer: &Message) -> Vec<(usize, Invalid)> {
    if !may_annotate(answer.text()) {
        return Vec::new();
    }
    let tools = answer
        .root()
        .get("result")
        .and_then(|result| result.get("tools"));
    let tools = tools.into_iter().flat_map(Value::items).enumerate();
    tools
        .filter_map(|(index, tool)| Some((index, annotations(tool).err()?)))
        .collect()
}

/// Whether the word may stand in a text; it may be hidden behind an escape.
fn may_annotate(text: &str) -> bool {
    let has = |word: &str| memchr::memmem::find(text.as_bytes(), word.as_bytes()).is_some();
    has(ANNOTATION) || has("\\u")
}

/// As deep as JSON may nest here, which is bounded.
fn visit(
    schema: Value<'_>,
    path: &mut Vec<String>,
    reached: bool,
    found: &mut Vec<Annotation>,
) -> Result<(), Invalid> {
    for (key, value) in schema.members() {
        match &*key {
            ANNOTATION if !reached || path.is_empty() => return Err(Invalid::Place),
            ANNOTATION => annotated(schema, value, path, found)?,
            "properties" => {
                for (name, property) in value.members() {
                    path.push(name.into_owned());
                    visit(property, path, reached, found)?;
                    path.pop();
                }
            }
            keyword if SCHEMAS.contains(&keyword) => {
                visit(value, path, false, found)?;
                for item in value.items() {
                    visit(item, path, false, found)?;
                }
            }
            keyword if NAMED_SCHEMAS.contains(&keyword) => {
                for (_, named) in value.members() {
                    visit(named, path, false, found)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn annotated(
    property: Value<'_>,
    name: Value<'_>,
    path: &[String],
    found: &mut Vec<Annotation>,
) -> Result<(), Invalid> {
    let name = name.as_str().filter(|name| !name.is_empty());
    let name = name.ok_or(Invalid::Name)?;
    let header = HeaderName::try_from(format!("{PARAM}{}", &*name)).map_err(|_| Invalid::Name)?;
    let of = property
        .get("type")
        .filter(|of| of.kind() == Kind::String)
        .and_then(|of| of.as_str());
    if !matches!(of.as_deref(), Some("string" | "integer" | "boolean")) {
        return Err(Invalid::Type);
    }
    if found.iter().any(|other| other.header == header) {
        return Err(Invalid::Twice);
    }
    if found.len() >= MOST {
        return Err(Invalid::TooMany);
    }
    found.push(Annotation {
        header,
        path: path.to_vec(),
    });
    Ok(())
}

#[cfg(test)]
mod tests;
