//! Finding things in a document: references, and the budget for following them.

use std::cell::Cell;

use percent_encoding::percent_decode_str;
use serde_json::Value as Json;

use super::limits::{MAX_CHAIN, MAX_STEPS};
use super::{Problem, name};

/// A document that is read.
pub(super) struct Reader<'a> {
    pub(super) root: &'a Json,
    steps: Cell<usize>,
}

/// A value of the document and where it stands.
#[derive(Clone, Debug)]
pub(super) struct At<'a> {
    pub(super) value: &'a Json,
    pub(super) at: String,
}

impl<'a> At<'a> {
    /// A member.
    pub(super) fn get(&self, name: &str) -> Option<Self> {
        let value = self.value.get(name)?;
        Some(Self {
            value,
            at: format!("{}/{}", self.at, token(name)),
        })
    }

    /// The members of an object; nothing for anything else.
    pub(super) fn members(&self) -> impl Iterator<Item = (&'a str, Self)> + use<'a> {
        let at = self.at.clone();
        let members = self.value.as_object().into_iter().flatten();
        members.map(move |(name, value)| {
            let at = format!("{at}/{}", token(name));
            (name.as_str(), Self { value, at })
        })
    }

    /// The elements of an array; nothing for anything else.
    pub(super) fn items(&self) -> impl Iterator<Item = Self> + use<'a> {
        let at = self.at.clone();
        let items = self.value.as_array().into_iter().flatten();
        items.enumerate().map(move |(index, value)| {
            let at = format!("{at}/{index}");
            Self { value, at }
        })
    }

    /// A member's text.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.value.get(name)?.as_str()
    }

    /// Whether a member says `true`.
    pub(super) fn is(&self, name: &str) -> bool {
        self.value.get(name).and_then(Json::as_bool) == Some(true)
    }

    /// Something that is wrong here.
    pub(super) fn problem(&self, message: impl Into<String>) -> Problem {
        Problem::new(self.at.clone(), message)
    }
}

impl<'a> Reader<'a> {
    /// Reads the head of a document.
    pub(super) fn new(root: &'a Json) -> Result<Self, Problem> {
        let version = root.get("openapi").and_then(Json::as_str);
        let known = |version: &str| version.starts_with("3.0.") || version.starts_with("3.1.");
        if !version.is_some_and(known) {
            let message = if root.get("swagger").is_some() {
                "this is Swagger 2.0: convert it to OpenAPI 3"
            } else {
                "this is no OpenAPI document of version 3.0 or 3.1: openapi has to say which"
            };
            return Err(Problem::new("#", message));
        }
        Ok(Self {
            root,
            steps: Cell::new(MAX_STEPS),
        })
    }

    /// A member of the document.
    pub(super) fn top(&self, name: &str) -> Option<At<'a>> {
        let root = At {
            value: self.root,
            at: "#".to_owned(),
        };
        root.get(name)
    }

    /// Pays for looking at something.
    pub(super) fn step(&self, at: &str) -> Result<(), Problem> {
        let Some(left) = self.steps.get().checked_sub(1) else {
            let message = "the schemas are too large once their references are resolved";
            return Err(Problem::new(at, message));
        };
        self.steps.set(left);
        Ok(())
    }

    /// What stands there once references have been followed.
    pub(super) fn resolve(&self, from: At<'a>) -> Result<At<'a>, Problem> {
        let mut here = from;
        for _ in 0..MAX_CHAIN {
            self.step(&here.at)?;
            match reference(&here)? {
                None => return Ok(here),
                Some(to) => here = self.follow(&here.at, to)?,
            }
        }
        Err(here.problem("references lead from one to the next, and to nothing"))
    }

    /// What a reference of the document points to.
    pub(super) fn follow(&self, from: &str, to: &str) -> Result<At<'a>, Problem> {
        let nothing = || Problem::new(from, format!("there is nothing at {}", name::quoted(to)));
        let Some(pointer) = to.strip_prefix("#/") else {
            let message = format!(
                "{} is not in this document: put what it refers to under components, nothing is fetched",
                name::quoted(to)
            );
            return Err(Problem::new(from, message));
        };
        let pointer = percent_decode_str(pointer).decode_utf8_lossy();
        let mut value = self.root;
        for token in pointer.split('/') {
            let token = token.replace("~1", "/").replace("~0", "~");
            let next = match value {
                Json::Array(items) => token.parse().ok().and_then(|at: usize| items.get(at)),
                Json::Object(members) => members.get(&token),
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => None,
            };
            value = next.ok_or_else(nothing)?;
        }
        Ok(At {
            value,
            at: format!("#/{pointer}"),
        })
    }
}

/// Where a value refers to, when it does.
pub(super) fn reference<'a>(here: &At<'a>) -> Result<Option<&'a str>, Problem> {
    match here.value.get("$ref") {
        None => Ok(None),
        Some(Json::String(to)) => Ok(Some(to)),
        Some(_) => Err(here.problem("$ref is a text")),
    }
}

/// A name as a part of a JSON pointer.
fn token(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
