//! Does a document have the shape that its kind's schema gives?
//!
//! The schema is the one that the CRDs are made from, so files and clusters refuse the same. Reading
//! goes on after a problem: one run names them all.

use serde_json::Value as Json;

use super::node::{Node, Position, Value};

mod nearest;
mod text;

/// One thing wrong with a document.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ShapeProblem {
    /// Where, e.g. `spec.rules[2].when`.
    pub(crate) path: String,
    /// Where in the file.
    pub(crate) position: Option<Position>,
    /// What is wrong and what to write.
    pub(crate) message: String,
}

/// Older spellings that files may still use, with the name in the schema.
const ALIASES: &[(&str, &str)] = &[
    ("input_guardrails", "llm_input_guardrails"),
    ("output_guardrails", "llm_output_guardrails"),
];

/// A path while a document is walked. It becomes text only when there is something to say.
#[derive(Clone, Copy)]
pub(crate) enum Path<'a> {
    /// Where the walk began.
    Root(&'a str),
    /// A field.
    Field(&'a Path<'a>, &'a str),
    /// An item.
    Item(&'a Path<'a>, usize),
}

impl std::fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Root(name) => f.write_str(name),
            Self::Field(above, name) => write!(f, "{above}.{name}"),
            Self::Item(above, index) => write!(f, "{above}[{index}]"),
        }
    }
}

/// Walks a node along a schema, and gives it as plain JSON with older spellings replaced and empty
/// mappings filled in. What is wrong is added to `problems`; the JSON is of use only if nothing was.
pub(crate) fn walk(
    schema: &Json,
    node: &Node,
    path: Path<'_>,
    problems: &mut Vec<ShapeProblem>,
) -> Json {
    Walk {
        root: schema,
        problems,
    }
    .node(schema, node, path)
}

struct Walk<'a> {
    root: &'a Json,
    problems: &'a mut Vec<ShapeProblem>,
}

impl<'a> Walk<'a> {
    fn say(&mut self, path: Path<'_>, position: Option<Position>, message: String) {
        self.problems.push(ShapeProblem {
            path: path.to_string(),
            position,
            message,
        });
    }

    /// Follows `$ref`, and the one branch of an optional value that is not null.
    fn resolve(&self, mut schema: &'a Json) -> &'a Json {
        // A chain longer than this is a circle.
        for _ in 0..32 {
            if let Some(pointer) = schema
                .get("$ref")
                .and_then(Json::as_str)
                .and_then(|r| r.strip_prefix('#'))
            {
                match self.root.pointer(pointer) {
                    Some(target) => schema = target,
                    None => return schema,
                }
                continue;
            }
            let Some(branches) = schema.get("anyOf").and_then(Json::as_array) else {
                return schema;
            };
            let mut real = branches.iter().filter(|branch| !is_null_schema(branch));
            match (real.next(), real.next()) {
                (Some(only), None) => schema = only,
                _ => return schema,
            }
        }
        schema
    }

    fn node(&mut self, schema: &'a Json, node: &Node, path: Path<'_>) -> Json {
        let schema = self.resolve(schema);
        let types = types_of(schema);
        match &node.value {
            // `codeSafetyLinter:` with nothing after it means all defaults.
            Value::Null if types.contains(&"object") => self.fields(schema, node, path),
            Value::Null
                if types.is_empty() || types.contains(&"null") && !types.contains(&"array") =>
            {
                Json::Null
            }
            Value::Null => {
                let wanted = expected(schema, &types);
                self.say(
                    path,
                    node.position,
                    format!("nothing is written here: write {wanted}, or leave the field out"),
                );
                Json::Null
            }
            _ if types.is_empty() => plain(node),
            Value::Fields(_) if types.contains(&"object") => self.fields(schema, node, path),
            Value::List(items) if types.contains(&"array") => self.list(schema, items, node, path),
            Value::Text(text) if types.contains(&"string") => {
                if let Err(message) = text::check(schema, text) {
                    self.say(path, node.position, message);
                }
                Json::String(text.clone())
            }
            Value::Bool(value) if types.contains(&"boolean") => Json::Bool(*value),
            Value::Number(number)
                if types.contains(&"number") || types.contains(&"integer") && !number.is_f64() =>
            {
                self.number(schema, number, node.position, path);
                Json::Number(number.clone())
            }
            other => {
                let wanted = expected(schema, &types);
                self.say(
                    path,
                    node.position,
                    format!("this is {}: write {wanted}", other.type_name()),
                );
                Json::Null
            }
        }
    }

    fn fields(&mut self, schema: &'a Json, node: &Node, path: Path<'_>) -> Json {
        let properties = schema.get("properties").and_then(Json::as_object);
        let additional = schema.get("additionalProperties");
        let free = additional == Some(&Json::Bool(true))
            || schema.get("x-kubernetes-preserve-unknown-fields") == Some(&Json::Bool(true));
        let mut object = serde_json::Map::new();
        for field in node.fields() {
            let name = canonical(properties, &field.name);
            let at = Path::Field(&path, &field.name);
            let value = if let Some(property) = properties.and_then(|p| p.get(name)) {
                self.node(property, &field.node, at)
            } else if let Some(schema) = additional.filter(|a| a.is_object()) {
                self.node(schema, &field.node, at)
            } else if free {
                plain(&field.node)
            } else {
                let known = properties
                    .into_iter()
                    .flat_map(|p| p.keys().map(String::as_str));
                let message = nearest::unknown("field", &field.name, known);
                self.say(at, field.position.or(field.node.position), message);
                continue;
            };
            if object.contains_key(name) {
                self.say(
                    at,
                    field.position,
                    format!("this is the older spelling of {name}, which is given too"),
                );
            }
            // An absent field and one without a value are the same.
            if value != Json::Null || free {
                object.insert(name.to_owned(), value);
            }
        }
        for name in schema
            .get("required")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
        {
            if !object.contains_key(name)
                && !node
                    .fields()
                    .iter()
                    .any(|f| canonical(properties, &f.name) == name)
            {
                self.say(
                    path,
                    node.position,
                    format!("the field {name:?} is missing"),
                );
            }
        }
        let most = schema.get("maxProperties").and_then(Json::as_u64);
        if let Some(most) = most.filter(|most| object.len() as u64 > *most) {
            self.say(
                path,
                node.position,
                format!("at most {most} fields are allowed here"),
            );
        }
        Json::Object(object)
    }

    fn list(&mut self, schema: &'a Json, items: &[Node], node: &Node, path: Path<'_>) -> Json {
        let count = items.len() as u64;
        if let Some(most) = schema
            .get("maxItems")
            .and_then(Json::as_u64)
            .filter(|most| count > *most)
        {
            self.say(
                path,
                node.position,
                format!("{count} items: at most {most} are allowed here"),
            );
        }
        if let Some(least) = schema
            .get("minItems")
            .and_then(Json::as_u64)
            .filter(|least| count < *least)
        {
            self.say(
                path,
                node.position,
                format!("{count} items: at least {least} must be given here"),
            );
        }
        let item_schema = schema.get("items").unwrap_or(&Json::Bool(true));
        let values = items
            .iter()
            .enumerate()
            .map(|(i, item)| self.node(item_schema, item, Path::Item(&path, i)));
        Json::Array(values.collect())
    }

    fn number(
        &mut self,
        schema: &Json,
        number: &serde_json::Number,
        position: Option<Position>,
        path: Path<'_>,
    ) {
        let Some(value) = number.as_f64() else { return };
        let bound = |name: &str| schema.get(name).and_then(Json::as_f64);
        if let Some(least) = bound("minimum").filter(|least| value < *least) {
            self.say(
                path,
                position,
                format!("{number} is too small: at least {least}"),
            );
        }
        if let Some(most) = bound("maximum").filter(|most| value > *most) {
            self.say(
                path,
                position,
                format!("{number} is too large: at most {most}"),
            );
        }
    }
}

/// The schema's name for a field that may be written in an older way.
fn canonical<'n>(properties: Option<&serde_json::Map<String, Json>>, written: &'n str) -> &'n str {
    let has = |name: &str| properties.is_some_and(|p| p.contains_key(name));
    match ALIASES
        .iter()
        .find(|(old, new)| *old == written && !has(old) && has(new))
    {
        Some((_, new)) => new,
        None => written,
    }
}

fn is_null_schema(schema: &Json) -> bool {
    schema.get("type").and_then(Json::as_str) == Some("null")
        || schema.get("const") == Some(&Json::Null)
        || schema
            .get("enum")
            .and_then(Json::as_array)
            .is_some_and(|values| values.iter().all(Json::is_null))
}

/// The types that a schema allows; empty when it leaves them open.
fn types_of(schema: &Json) -> Vec<&str> {
    match schema.get("type") {
        Some(Json::String(name)) => vec![name],
        Some(Json::Array(names)) => names.iter().filter_map(Json::as_str).collect(),
        _ if !text::choices(schema).is_empty() => vec!["string"],
        _ if schema.get("properties").is_some() => vec!["object"],
        _ => Vec::new(),
    }
}

/// What a schema wants, in words.
fn expected(schema: &Json, types: &[&str]) -> String {
    let choices = text::choices(schema);
    if !choices.is_empty() {
        return choices.join(" or ");
    }
    let words = types.iter().filter_map(|name| match *name {
        "object" => Some("a mapping"),
        "array" => Some("a list"),
        "string" => Some("a text"),
        "boolean" => Some("true or false"),
        "integer" => Some("a whole number"),
        "number" => Some("a number"),
        _ => None,
    });
    words.collect::<Vec<_>>().join(" or ")
}

/// A node as JSON, without a look at any schema.
pub(crate) fn plain(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Number(number) => Json::Number(number.clone()),
        Value::Text(text) => Json::String(text.clone()),
        Value::List(items) => Json::Array(items.iter().map(plain).collect()),
        Value::Fields(fields) => Json::Object(
            fields
                .iter()
                .map(|f| (f.name.clone(), plain(&f.node)))
                .collect(),
        ),
    }
}

pub(crate) use nearest::unknown;

#[cfg(test)]
mod tests;
