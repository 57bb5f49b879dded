//! An OpenAPI document (3.0 or 3.1) to tools: which operations it has, how each is called, what clients are shown.
//!
//! Pure and bounded: nothing is fetched, references stay within the document, and whatever multiplies or nests is
//! cut off by [`limits`]. The operator reads a document to say what is wrong with it, a gateway to serve it.
//!
//! No typed model of OpenAPI: there would be one for each version, both refuse documents over members that do not
//! matter here, and neither bounds what references come to.

use serde_json::Value as Json;

mod arguments;
mod body;
mod document;
pub mod limits;
mod name;
mod operation;
mod parameter;
mod path;
mod reader;
mod response;
mod schema;
mod select;
mod server;

pub use operation::Method;
pub use parameter::{Parameter, Place, Style};
pub use path::Piece;
pub use select::Wanted;

use reader::Reader;

/// What a document comes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Api {
    /// Its title; empty when it has none.
    pub title: String,
    /// Its first server, when that is an absolute URL.
    pub server: Option<String>,
    /// The operations that are tools, in the order of the document.
    pub operations: Vec<Operation>,
    /// What is not offered as written, and why.
    pub remarks: Vec<Problem>,
}

/// An operation that is a tool.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// The tool's name: letters, digits, `_` and `-`, at most [`limits::MAX_NAME`]. Unique in the document.
    pub name: String,
    /// How it is called.
    pub method: Method,
    /// Where, below the base URL.
    pub path: Vec<Piece>,
    /// Everything but the body. [`Piece::Parameter`] counts from here.
    pub parameters: Vec<Parameter>,
    /// What is sent.
    pub body: Option<Body>,
    /// The tool as clients are shown it: name, description, schemas, hints.
    pub definition: Json,
}

impl Operation {
    /// The schema that results are held to, when the document has one that is sound.
    pub fn output_schema(&self) -> Option<&Json> {
        self.definition.get("outputSchema")
    }
}

/// The body of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Body {
    /// As `Content-Type`.
    pub media_type: String,
    /// How it is written.
    pub form: Form,
    /// Whether it is sent although nothing of it was given.
    pub required: bool,
    /// Which arguments it is made of.
    pub from: BodyArguments,
}

/// How a body is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// JSON.
    Json,
    /// `application/x-www-form-urlencoded`.
    Urlencoded,
}

/// Which arguments a body is made of.
#[derive(Clone, Debug, PartialEq)]
pub enum BodyArguments {
    /// One argument is the body.
    Argument(String),
    /// Its properties are arguments: (argument, property).
    Properties(Vec<(String, String)>),
}

/// What is wrong in a document, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// A JSON pointer as a fragment, e.g. `#/paths/~1pets/get`.
    pub at: String,
    /// What is wrong. It quotes no value of the document but references.
    pub message: String,
}

impl Problem {
    fn new(at: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            at: at.into(),
            message: message.into(),
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", name::cut(&self.at, 256), self.message)
    }
}

/// Reads a document, JSON or YAML.
///
/// # Errors
/// Why it cannot be served: it is no OpenAPI document, refers to another one, is beyond a bound, or has
/// nothing that was asked for.
pub fn read(text: &str, wanted: &Wanted<'_>) -> Result<Api, Problem> {
    let root = document::parse(text)?;
    let reader = Reader::new(&root)?;
    let title = root.get("info").and_then(|info| info.get("title"));
    let title = title.and_then(Json::as_str).unwrap_or_default();
    let mut api = Api {
        title: name::cut(title, limits::MAX_TITLE).into_owned(),
        server: server::first(&root),
        ..Api::default()
    };
    let written = select::operations(&reader)?;
    let names = name::names(&written);
    let mut bytes = 0;
    for (written, name) in written.iter().zip(names) {
        if !wanted.holds(written) {
            continue;
        }
        if api.operations.len() == limits::MAX_OPERATIONS {
            return Err(Problem::new(
                "#/paths",
                format!(
                    "more than {} operations: choose some with include and exclude",
                    limits::MAX_OPERATIONS
                ),
            ));
        }
        let Some(operation) = operation::read(&reader, written, name, wanted, &mut api.remarks)?
        else {
            continue;
        };
        bytes += operation.definition.to_string().len();
        if bytes > limits::MAX_TOTAL_BYTES {
            let message = format!(
                "the tools have more than {} bytes together: choose some with include and exclude",
                limits::MAX_TOTAL_BYTES
            );
            return Err(Problem::new("#/paths", message));
        }
        api.operations.push(operation);
    }
    if api.operations.is_empty() {
        let message = "no operation is left that can be a tool";
        return Err(Problem::new("#/paths", message));
    }
    Ok(api)
}

#[cfg(test)]
mod tests;
