//! The arguments of a call as an HTTP request.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use parapet_crds::openapi::{self, Body, BodyArguments, Form, Parameter, Piece, Place};

use super::Tool;
use super::style::{encoded, in_header, in_path, in_query, plain, texts};
use crate::llm::json::{Kind, Value, escape_into};
use crate::upstream::Location;

/// Characters of an argument's name in a message.
const MOST_NAME: usize = 64;

/// What is sent to the API, without what the resource adds.
#[derive(Debug)]
pub(crate) struct Request {
    /// Where to.
    pub(crate) location: Location,
    /// How.
    pub(crate) method: Method,
    /// What arguments say, and the body's type.
    pub(crate) headers: HeaderMap,
    /// Empty: none.
    pub(crate) body: Bytes,
}

/// What is wrong with the arguments of a call: for the model, which can give others.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unfit(String);

fn unfit<T>(message: impl Into<String>) -> Result<T, Unfit> {
    Err(Unfit(message.into()))
}

/// A name that the caller gave, or that the document did.
fn quoted(name: &str) -> String {
    let short: String = name.chars().take(MOST_NAME).collect();
    format!("{short:?}")
}

/// Makes the request.
pub(super) fn of(
    base: &Location,
    tool: &Tool,
    arguments: Option<Value<'_>>,
) -> Result<Request, Unfit> {
    let given = Given::new(tool, arguments)?;
    let operation = &tool.operation;
    let path = path(&operation.path, &operation.parameters, &given)?;
    let mut query = Vec::new();
    let mut headers = HeaderMap::new();
    let mut cookies = Vec::new();
    for parameter in &operation.parameters {
        let Some(value) = given.parameter(parameter) else {
            continue;
        };
        match parameter.place {
            Place::Path => {}
            Place::Query => query.extend(in_query(parameter, value)),
            Place::Header => {
                let (name, value) = header(parameter, &in_header(parameter, value))?;
                headers.insert(name, value);
            }
            Place::Cookie => cookies.extend(in_query(parameter, value)),
        }
    }
    if !cookies.is_empty() {
        let value = HeaderValue::try_from(joined(&cookies, "; "));
        let value = value.or_else(|_| unfit("the cookies cannot be sent"))?;
        headers.insert(COOKIE, value);
    }
    let target = if query.is_empty() {
        path
    } else {
        format!("{path}?{}", joined(&query, "&"))
    };
    let Some(location) = base.below(&target) else {
        return unfit("the arguments make a URL that is too long");
    };
    let body = match &operation.body {
        Some(body) => content(body, &given)?,
        None => None,
    };
    if let (Some(body), Some(_)) = (&operation.body, &body) {
        let value = HeaderValue::try_from(&body.media_type);
        headers.insert(
            CONTENT_TYPE,
            value.or_else(|_| unfit("the body has no type"))?,
        );
    }
    Ok(Request {
        location,
        method: method(operation.method),
        headers,
        body: body.map_or_else(Bytes::new, Bytes::from),
    })
}

fn method(method: openapi::Method) -> Method {
    match method {
        openapi::Method::Get => Method::GET,
        openapi::Method::Head => Method::HEAD,
        openapi::Method::Post => Method::POST,
        openapi::Method::Put => Method::PUT,
        openapi::Method::Patch => Method::PATCH,
        openapi::Method::Delete => Method::DELETE,
    }
}

/// The arguments of a call, which are known to be arguments of the tool.
struct Given<'a> {
    arguments: Option<Value<'a>>,
    /// The tool's `inputSchema.properties`.
    properties: Option<Value<'a>>,
}

impl<'a> Given<'a> {
    fn new(tool: &'a Tool, arguments: Option<Value<'a>>) -> Result<Self, Unfit> {
        let arguments = arguments.filter(|arguments| !arguments.is_null());
        let schema = tool.definition.root().get("inputSchema");
        let properties = schema.and_then(|schema| schema.get("properties"));
        let given = Self {
            arguments,
            properties,
        };
        if arguments.is_some_and(|arguments| arguments.kind() != Kind::Object) {
            return unfit("the arguments are an object");
        }
        for (name, value) in arguments.into_iter().flat_map(Value::members) {
            let Some(schema) = properties.and_then(|known| known.get(&name)) else {
                return unfit(format!("there is no argument {}", quoted(&name)));
            };
            if !value.is_null() && !has_type(schema, value) {
                let types = schema.get("type").map_or("", Value::raw);
                return unfit(format!(
                    "the argument {} is of another type than {types}",
                    quoted(&name)
                ));
            }
        }
        let required = schema.and_then(|schema| schema.get("required"));
        for name in required.into_iter().flat_map(Value::items) {
            let name = name.as_str().unwrap_or_default();
            if given.get(&name).is_none() {
                return unfit(format!("the argument {} is required", quoted(&name)));
            }
        }
        Ok(given)
    }

    /// An argument; `null` where it stands for nothing is none.
    fn get(&self, name: &str) -> Option<Value<'a>> {
        let value = self.arguments?.get(name)?;
        if !value.is_null() {
            return Some(value);
        }
        let schema = self.properties?.get(name)?;
        has_type(schema, value).then_some(value)
    }

    /// The value of a parameter: `null` cannot be written.
    fn parameter(&self, parameter: &Parameter) -> Option<Value<'a>> {
        self.get(&parameter.argument)
            .filter(|value| parameter.json || !value.is_null())
    }
}

/// Whether a value is of a type that the schema names; any is where it names none.
fn has_type(schema: Value<'_>, value: Value<'_>) -> bool {
    let Some(types) = schema.get("type") else {
        return true;
    };
    let is = |name: Value<'_>| match value.kind() {
        Kind::Null => name.is("null"),
        Kind::Bool => name.is("boolean"),
        Kind::Number => name.is("number") || name.is("integer"),
        Kind::String => name.is("string"),
        Kind::Array => name.is("array"),
        Kind::Object => name.is("object"),
    };
    match types.kind() {
        Kind::Array => types.items().any(is),
        Kind::Null | Kind::Bool | Kind::Number | Kind::String | Kind::Object => is(types),
    }
}

/// The path with the arguments in it. It stays where the document put it: no argument adds or removes a level.
fn path(pieces: &[Piece], parameters: &[Parameter], given: &Given<'_>) -> Result<String, Unfit> {
    let mut path = String::new();
    for piece in pieces {
        let parameter = match piece {
            Piece::Literal(text) => {
                path.push_str(text);
                continue;
            }
            Piece::Parameter(index) => parameters.get(*index),
        };
        let value = parameter.and_then(|one| Some((one, given.parameter(one)?)));
        let Some((parameter, value)) = value else {
            let name = parameter.map_or("", |parameter| &parameter.argument);
            return unfit(format!("the argument {} is required", quoted(name)));
        };
        let text = in_path(parameter, value);
        // Servers and proxies that decode before they look for levels must not find any.
        let leads_away = |text: &String| {
            text.split(['/', '\\'])
                .any(|part| part == "." || part == "..")
                || text.contains(char::is_control)
        };
        if text.is_empty() || texts(value).iter().any(leads_away) {
            return unfit(format!(
                "the argument {} cannot stand in a path",
                quoted(&parameter.argument)
            ));
        }
        path.push_str(&text);
    }
    if path.split('/').any(|part| part == "." || part == "..") {
        return unfit("the arguments lead out of the path");
    }
    Ok(path)
}

fn header(parameter: &Parameter, value: &str) -> Result<(HeaderName, HeaderValue), Unfit> {
    let name = HeaderName::try_from(&parameter.name);
    // Opaque bytes are allowed in HTTP and read differently everywhere.
    let is_plain = value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    match (name, HeaderValue::try_from(value)) {
        (Ok(name), Ok(value)) if is_plain => Ok((name, value)),
        _ => unfit(format!(
            "the argument {} cannot stand in a header",
            quoted(&parameter.argument)
        )),
    }
}

fn joined(pairs: &[(String, String)], between: &str) -> String {
    let pairs = pairs.iter().map(|(name, value)| format!("{name}={value}"));
    pairs.collect::<Vec<_>>().join(between)
}

/// The body, when there is one.
fn content(body: &Body, given: &Given<'_>) -> Result<Option<String>, Unfit> {
    let whole = match &body.from {
        BodyArguments::Argument(name) => match (given.get(name), body.form) {
            (None, _) => return Ok(None),
            (Some(value), Form::Json) => return Ok(Some(value.raw().to_owned())),
            (Some(value), Form::Urlencoded) if value.kind() == Kind::Object => value
                .members()
                .map(|(name, value)| (name.into_owned(), value))
                .collect(),
            (Some(_), Form::Urlencoded) => {
                return unfit(format!("the argument {} is an object", quoted(name)));
            }
        },
        BodyArguments::Properties(properties) => properties
            .iter()
            .filter_map(|(argument, name)| Some((name.clone(), given.get(argument)?)))
            .collect::<Vec<_>>(),
    };
    if whole.is_empty() && !body.required {
        return Ok(None);
    }
    Ok(Some(match body.form {
        Form::Json => object(&whole),
        Form::Urlencoded => form(&whole),
    }))
}

/// A JSON object with each value as it was given.
fn object(members: &[(String, Value<'_>)]) -> String {
    let mut text = String::from("{");
    for (name, value) in members {
        if text.len() > 1 {
            text.push(',');
        }
        text.push('"');
        escape_into(name, &mut text);
        text.push_str("\":");
        text.push_str(value.raw());
    }
    text.push('}');
    text
}

/// A form: a list as several fields of one name, an object as JSON.
fn form(members: &[(String, Value<'_>)]) -> String {
    let mut pairs = Vec::new();
    for (name, value) in members {
        let name = encoded(name);
        match value.kind() {
            Kind::Array => pairs.extend(
                value
                    .items()
                    .map(|item| (name.clone(), encoded(&plain(item)))),
            ),
            Kind::Null | Kind::Bool | Kind::Number | Kind::String | Kind::Object => {
                pairs.push((name, encoded(&plain(*value))));
            }
        }
    }
    joined(&pairs, "&")
}
