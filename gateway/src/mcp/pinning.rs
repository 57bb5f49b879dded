//! Tools held to the definitions that were approved. A definition is what a server says of a tool, which an agent reads
//! as instructions.
//!
//! Every definition is reduced to a digest of everything in it ([`canonical`]), compared with the digest that
//! was approved ([`pin`]), and searched for what has no business there ([`suspicion`]). A list that has not
//! changed since it was last seen is not looked at again.

pub mod canonical;
pub mod pin;
pub mod suspicion;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::llm::json::{Doc, JsonError, Kind, Value};
use pin::Digest;
use suspicion::Suspicion;

/// So many different lists of a server are remembered: pages, and what different callers see.
const REMEMBERED: usize = 8;
/// A list above this size, in bytes, is read anew every time.
const REMEMBERED_SIZE: usize = 4 << 20;

/// One tool as its server defines it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Definition {
    /// The tool's name at the server.
    pub name: Box<str>,
    /// Of everything that the definition says.
    pub digest: Digest,
    /// Whether the list has another tool of this name: which one a call reaches is unknown.
    pub ambiguous: bool,
    /// What has no business in a definition.
    pub suspicions: Vec<Suspicion>,
}

/// The definitions of one list.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct List {
    /// In the order of the list. Entries that are no objects or have no name are left out: nobody can call them.
    pub tools: Vec<Definition>,
}

impl List {
    /// Reads the JSON array of a list's tools. `foreign` has the names of tools of other servers.
    ///
    /// # Errors
    /// It is not JSON, or two readers could understand it differently.
    pub fn read(tools: &str, foreign: &HashSet<Box<str>>) -> Result<Self, JsonError> {
        let doc = Doc::parse(tools)?;
        let root = doc.root(tools);
        let named: Vec<(Value<'_>, Box<str>)> = root
            .items()
            .filter(|entry| entry.kind() == Kind::Object)
            .filter_map(|entry| Some((entry, entry.get_str("name")?.into())))
            .collect();
        let mut counted: HashMap<&str, usize> = HashMap::with_capacity(named.len());
        for (_, name) in &named {
            *counted.entry(name).or_default() += 1;
        }
        let mut scratch = Vec::new();
        let tools = named.iter().map(|(entry, name)| Definition {
            name: name.clone(),
            digest: pin::digest(*entry, &mut scratch),
            ambiguous: counted.get(&**name).is_some_and(|count| *count > 1),
            suspicions: suspicion::find(*entry, name, |other| {
                counted.contains_key(other) || foreign.contains(other)
            }),
        });
        Ok(Self {
            tools: tools.collect(),
        })
    }
}

/// The lists of one server that were seen last.
#[derive(Debug, Default)]
pub struct Seen {
    recent: Mutex<VecDeque<Recent>>,
}

#[derive(Clone, Debug)]
struct Recent {
    tools: Bytes,
    foreign: Arc<HashSet<Box<str>>>,
    list: Arc<List>,
}

impl Seen {
    /// The definitions of a list, read if it is not one of those that were seen last. Compared byte by byte: a
    /// server that may choose what it sends cannot pass one list off as another.
    ///
    /// # Errors
    /// It is not JSON, or two readers could understand it differently.
    pub fn read(
        &self,
        tools: &Bytes,
        foreign: &Arc<HashSet<Box<str>>>,
    ) -> Result<Arc<List>, JsonError> {
        let candidates: Vec<Recent> = {
            let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
            let alike = recent.iter().filter(|known| {
                known.tools.len() == tools.len() && Arc::ptr_eq(&known.foreign, foreign)
            });
            alike.cloned().collect()
        };
        if let Some(known) = candidates.iter().find(|known| known.tools == *tools) {
            return Ok(Arc::clone(&known.list));
        }
        let text = std::str::from_utf8(tools).map_err(|error| JsonError::Syntax {
            at: error.valid_up_to(),
            expected: "UTF-8",
        })?;
        let list = Arc::new(List::read(text, foreign)?);
        if tools.len() <= REMEMBERED_SIZE {
            let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
            if recent.len() >= REMEMBERED {
                recent.pop_front();
            }
            recent.push_back(Recent {
                tools: tools.clone(),
                foreign: Arc::clone(foreign),
                list: Arc::clone(&list),
            });
        }
        Ok(list)
    }
}
