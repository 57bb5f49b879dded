//! Headers that repeat parts of a message (2026-07-28): checked when it comes in, made anew when it goes out.
//!
//! Where the tool's schema is known, it says which header repeats which argument. A header that it does not speak of, and
//! every one where it is not known, is known by its value: one whose value is no argument of the call would be text that
//! goes on unjudged, so it is refused.

use http::{HeaderMap, HeaderName};

use super::envelope::{Kind, Message};
use super::error::RpcError;
use super::surfaces::Parsed;
use crate::llm::json::Value;

pub(crate) mod annotations;
mod arguments;
pub(crate) mod memory;
mod value;

use annotations::{Annotation, Invalid, annotations};
use arguments::{Argument, arguments};

/// The header that repeats the method.
pub(crate) const METHOD: &str = "mcp-method";
/// The header that repeats what is named: tool, prompt, resource or task.
pub(crate) const NAME: &str = "mcp-name";
/// What the names of repeated parameters begin with.
const PARAM: &str = "mcp-param-";
/// Repeated parameters in one request.
const MAX_PARAMS: usize = 64;

/// The repeated parameters of a checked request: which header repeats which argument.
#[derive(Debug, Default)]
pub(crate) struct Mirrored {
    params: Vec<(HeaderName, Vec<String>)>,
}

/// Checks that the headers of a request or notification repeat what its body says. `definition`: of the tool that it
/// calls, as its server listed it.
///
/// # Errors
/// A header that is missing, that cannot be read or that says something else.
pub(crate) fn check(
    headers: &HeaderMap,
    message: &Message,
    definition: Option<&Parsed>,
) -> Result<Mirrored, RpcError> {
    let method = one(headers, METHOD)?;
    match method {
        Some(method) if method == message.method() => {}
        Some(_) => return Err(RpcError::mismatch("Mcp-Method is not the body's method")),
        None if message.kind() == Kind::Request => {
            return Err(RpcError::mismatch("the header Mcp-Method is missing"));
        }
        None => {}
    }
    match (one(headers, NAME)?, named(message)) {
        (None, None) => {}
        (Some(header), Some(name)) if header == name => {}
        (None, Some(_)) => return Err(RpcError::mismatch("the header Mcp-Name is missing")),
        (Some(_), Some(_)) => {
            return Err(RpcError::mismatch("Mcp-Name is not what the body names"));
        }
        // What the protocol does not repeat says nothing that anybody may rely on.
        (Some(_), None) => return Err(RpcError::mismatch("the body names nothing for Mcp-Name")),
    }
    // Of what is annotated wrongly nobody can say which header repeats what: it is not listed either.
    let annotated = definition.and_then(|definition| annotations(definition.root()).ok());
    params(headers, message, &annotated.unwrap_or_default())
}

fn params(
    headers: &HeaderMap,
    message: &Message,
    annotated: &[Annotation],
) -> Result<Mirrored, RpcError> {
    let names: Vec<&HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with(PARAM))
        .collect();
    if names.is_empty() && annotated.is_empty() {
        return Ok(Mirrored::default());
    }
    if names.len() > MAX_PARAMS {
        return Err(RpcError::mismatch("there are too many Mcp-Param headers"));
    }
    let arguments = arguments(message);
    let mut mirrored = Vec::with_capacity(names.len());
    for Annotation { header, path } in annotated {
        let argument = arguments.iter().find(|argument| argument.path == *path);
        match (one(headers, header.as_str())?, argument) {
            (None, None) => {}
            (Some(value), Some(argument)) if argument.reads(&value) => {
                mirrored.push((header.clone(), path.clone()));
            }
            (None, Some(_)) => {
                let message = format!("the header {header} is missing: the tool asks for it");
                return Err(RpcError::mismatch(message));
            }
            (Some(_), _) => {
                let message = format!("the header {header} is not the argument that it repeats");
                return Err(RpcError::mismatch(message));
            }
        }
    }
    for name in names {
        if annotated
            .iter()
            .any(|annotation| annotation.header == *name)
        {
            continue;
        }
        let value = one(headers, name.as_str())?.unwrap_or_default();
        let wanted = name.as_str().strip_prefix(PARAM).unwrap_or_default();
        // Of several with one value the one of the same name is meant.
        let mut fitting: Vec<&Argument> = arguments
            .iter()
            .filter(|argument| argument.reads(&value))
            .collect();
        fitting.sort_by_key(|argument| !argument.is_named(wanted));
        let Some(argument) = fitting.first() else {
            return Err(RpcError::mismatch(format!(
                "the header {} is no argument of the call",
                name.as_str()
            )));
        };
        mirrored.push((name.clone(), argument.path.clone()));
    }
    Ok(Mirrored { params: mirrored })
}

impl Mirrored {
    /// The headers that repeat arguments of a tool, for a call that came without any.
    ///
    /// # Errors
    /// When the tool's annotations are wrong.
    pub(crate) fn annotated(definition: Value<'_>) -> Result<Self, Invalid> {
        let params = annotations(definition)?;
        let params = params.into_iter().map(|found| (found.header, found.path));
        Ok(Self {
            params: params.collect(),
        })
    }

    /// Puts the headers that repeat this message into what goes out. It may have been changed since it was checked: an
    /// argument that is gone, or no single value any more, has no header then, and the server refuses the call.
    pub(crate) fn write(&self, message: &Message, out: &mut HeaderMap) {
        let mut put = |name: HeaderName, text: &str| {
            out.insert(name, value::encode(text));
        };
        let method = message.method();
        if !method.is_empty() {
            put(HeaderName::from_static(METHOD), &method);
        }
        if let Some(name) = named(message) {
            put(HeaderName::from_static(NAME), &name);
        }
        if self.params.is_empty() {
            return;
        }
        let arguments = arguments(message);
        for (name, path) in &self.params {
            if let Some(argument) = arguments.iter().find(|argument| argument.path == *path) {
                put(name.clone(), &argument.text);
            }
        }
    }
}

/// What `Mcp-Name` repeats.
fn named(message: &Message) -> Option<String> {
    let member = match &*message.method() {
        "tools/call" | "prompts/get" => "name",
        "resources/read" => "uri",
        "tasks/get" | "tasks/update" | "tasks/cancel" => "taskId",
        _ => return None,
    };
    Some(message.param(member)?.as_str()?.into_owned())
}

/// A header's decoded value.
fn one(headers: &HeaderMap, name: &str) -> Result<Option<String>, RpcError> {
    let mut values = headers.get_all(name).iter();
    let Some(first) = values.next() else {
        return Ok(None);
    };
    let decoded = if values.next().is_none() {
        value::decode(first)
    } else {
        None
    };
    let unreadable = || RpcError::mismatch(format!("the header {name} cannot be read"));
    decoded.map(Some).ok_or_else(unreadable)
}

#[cfg(test)]
mod tests;
