//! Tools held to the definitions that were approved. A definition is what a server says of a tool, which an agent reads
//! as instructions.
//!
//! Every definition is reduced to a digest of everything in it ([`canonical`]), compared with the digest that
//! was approved ([`pin`]), and searched for what has no business there ([`suspicion`]). A list that has not
//! changed since it was last seen is not looked at again ([`held`]). What a caller's tools are by now is known for a
//! bounded time ([`known`]); what was seen, of all servers, is there to be told ([`sightings`]).

pub mod canonical;
pub mod held;
pub(crate) mod known;
pub mod pin;
pub(crate) mod pinned;
pub mod sightings;
pub mod suspicion;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use crate::llm::json::{Doc, JsonError, Kind, Value};
use pin::Digest;
use suspicion::Suspicion;

/// One tool as its server defines it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Definition {
    /// The tool's name at the server.
    pub name: Box<str>,
    /// Its place in the list.
    pub place: usize,
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
    /// Entries of the list, with those that are left out.
    pub entries: usize,
}

/// Names of tools.
pub type Names = HashSet<Box<str>, RandomState>;

impl List {
    /// Reads the JSON array of a list's tools. `foreign` has the names of tools of other servers.
    ///
    /// # Errors
    /// It is not JSON, or two readers could understand it differently.
    pub fn read(tools: &str, foreign: &Names) -> Result<Self, JsonError> {
        let doc = Doc::parse(tools)?;
        Ok(Self::of(doc.root(tools), foreign))
    }

    /// The same for JSON that has been read.
    pub fn of(tools: Value<'_>, foreign: &Names) -> Self {
        let mut entries = 0;
        let named: Vec<(usize, Value<'_>, Box<str>)> = tools
            .items()
            .enumerate()
            .inspect(|_| entries += 1)
            .filter(|(_, entry)| entry.kind() == Kind::Object)
            .filter_map(|(place, entry)| Some((place, entry, entry.get_str("name")?.into())))
            .collect();
        let mut counted: HashMap<&str, usize, RandomState> = HashMap::default();
        for (_, _, name) in &named {
            *counted.entry(name).or_default() += 1;
        }
        let mut scratch = Vec::new();
        let tools = named.iter().map(|(place, entry, name)| Definition {
            name: name.clone(),
            place: *place,
            digest: pin::digest(*entry, &mut scratch),
            ambiguous: counted.get(&**name).is_some_and(|count| *count > 1),
            suspicions: suspicion::find(*entry, name, |other| {
                counted.contains_key(other) || foreign.contains(other)
            }),
        });
        let tools = tools.collect();
        Self { tools, entries }
    }

    /// The list that pages make together: a name that several pages have is ambiguous.
    pub fn joined(pages: &[std::sync::Arc<Self>]) -> Self {
        let mut tools: Vec<Definition> = Vec::new();
        let mut entries = 0;
        for page in pages {
            let moved = page.tools.iter().cloned();
            tools.extend(moved.map(|tool| Definition {
                place: tool.place + entries,
                ..tool
            }));
            entries += page.entries;
        }
        let mut counted: HashMap<Box<str>, usize, RandomState> = HashMap::default();
        for tool in &tools {
            *counted.entry(tool.name.clone()).or_default() += 1;
        }
        for tool in &mut tools {
            tool.ambiguous = counted.get(&tool.name).is_some_and(|count| *count > 1);
        }
        Self { tools, entries }
    }
}
