//! Which operations of a document are wanted.

use serde_json::Value as Json;

use parapet_policy::glob;

use super::operation::Method;
use super::reader::{At, Reader};
use super::{Problem, name};
use crate::mcp_server::OperationSelector;

/// What the resource says about a document.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// Operations that are offered; empty: all.
    pub include: &'a [OperationSelector],
    /// Operations that are not, although they are included.
    pub exclude: &'a [OperationSelector],
    /// Headers that are somebody else's to set: no argument may.
    pub headers: &'a [&'a str],
    /// Whether the document's servers count.
    pub servers: bool,
}

/// An operation as it stands in the document.
#[derive(Debug)]
pub(super) struct Written<'a> {
    pub(super) method: Method,
    pub(super) path: &'a str,
    pub(super) id: Option<&'a str>,
    pub(super) value: At<'a>,
    /// The path's own members: parameters and servers.
    pub(super) item: At<'a>,
}

impl Wanted<'_> {
    /// Whether an operation is wanted.
    pub(super) fn holds(&self, operation: &Written<'_>) -> bool {
        let named = |list: &[OperationSelector]| list.iter().any(|one| names(one, operation));
        (self.include.is_empty() || named(self.include)) && !named(self.exclude)
    }
}

fn names(selector: &OperationSelector, operation: &Written<'_>) -> bool {
    let fits = |pattern: Option<&String>, text: Option<&str>| {
        pattern.is_none_or(|pattern| text.is_some_and(|text| glob::matches(pattern, text)))
    };
    let tags = operation
        .value
        .value
        .get("tags")
        .and_then(Json::as_array)
        .into_iter()
        .flatten();
    let mut tags = tags.filter_map(Json::as_str);
    let tagged = selector
        .tag
        .as_ref()
        .is_none_or(|pattern| tags.any(|tag| glob::matches(pattern, tag)));
    let method = selector.methods.is_empty() || selector.methods.contains(&operation.method);
    tagged
        && method
        && fits(selector.operation_id.as_ref(), operation.id)
        && fits(selector.path.as_ref(), Some(operation.path))
}

/// Every operation of a document, in its order.
pub(super) fn operations<'a>(reader: &Reader<'a>) -> Result<Vec<Written<'a>>, Problem> {
    let paths = reader
        .top("paths")
        .filter(|paths| paths.value.is_object())
        .ok_or_else(|| Problem::new("#", "there are no paths"))?;
    let mut found = Vec::new();
    for (path, item) in paths.members() {
        if path.starts_with("x-") {
            continue;
        }
        if !path.starts_with('/') {
            let message = format!("a path begins with a slash: {}", name::quoted(path));
            return Err(item.problem(message));
        }
        let item = reader.resolve(item)?;
        for method in Method::ALL {
            if let Some(value) = item.get(method.word()) {
                if !value.value.is_object() {
                    return Err(value.problem("an operation is an object"));
                }
                found.push(Written {
                    method,
                    path,
                    id: value.text("operationId"),
                    value,
                    item: item.clone(),
                });
            }
        }
    }
    Ok(found)
}
