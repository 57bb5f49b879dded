//! The schema that policies are validated against: the published one, and the members that they read.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use cedar_policy::{Schema, SchemaFragment};

use super::reads::Members;

/// The published schema, without `Arguments` and `Metadata`.
pub(super) const PUBLISHED: &str = include_str!("parapet.cedarschema");

/// The type of an argument of which nothing further is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Leaf {
    Text,
    Long,
    Bool,
    Texts,
    Longs,
    Decimal,
    Address,
    Time,
}

impl Leaf {
    /// All of them, in the order in which they are tried.
    pub(super) const ALL: [Self; 8] = [
        Self::Text,
        Self::Long,
        Self::Bool,
        Self::Texts,
        Self::Longs,
        Self::Decimal,
        Self::Address,
        Self::Time,
    ];

    /// In Cedar's words.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "String",
            Self::Long => "Long",
            Self::Bool => "Bool",
            Self::Texts => "Set<String>",
            Self::Longs => "Set<Long>",
            Self::Decimal => "decimal",
            Self::Address => "ipaddr",
            Self::Time => "datetime",
        }
    }
}

/// What is read of a record, with types.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Shape(pub(super) BTreeMap<String, Part>);

/// A member of a [`Shape`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Part {
    /// A value.
    Leaf(Leaf),
    /// A record of which members are read.
    Record(Shape),
}

impl Shape {
    /// A shape in which every value is a text.
    pub(super) fn of_texts(members: &Members) -> Self {
        let part = |below: &Members| match below.0.is_empty() {
            true => Part::Leaf(Leaf::Text),
            false => Part::Record(Self::of_texts(below)),
        };
        let parts = members.0.iter();
        Self(
            parts
                .map(|(name, below)| (name.clone(), part(below)))
                .collect(),
        )
    }

    /// The type at a path; none when there is no value.
    pub(super) fn leaf(&self, path: &[String]) -> Option<Leaf> {
        let (first, rest) = path.split_first()?;
        match self.0.get(first)? {
            Part::Leaf(leaf) => rest.is_empty().then_some(*leaf),
            Part::Record(below) => below.leaf(rest),
        }
    }

    /// Sets the type at a path at which there is a value.
    pub(super) fn set(&mut self, path: &[String], to: Leaf) {
        let Some((first, rest)) = path.split_first() else {
            return;
        };
        match self.0.get_mut(first) {
            Some(Part::Leaf(leaf)) => *leaf = to,
            Some(Part::Record(below)) => below.set(rest, to),
            None => {}
        }
    }

    fn write(&self, out: &mut String) {
        out.push('{');
        for (name, part) in &self.0 {
            // Cedar reads the escapes that Rust writes.
            let _ = write!(out, "{name:?}?: ");
            match part {
                Part::Leaf(leaf) => out.push_str(leaf.as_str()),
                Part::Record(below) => below.write(out),
            }
            out.push(',');
        }
        out.push('}');
    }
}

/// The published schema with what is read of arguments and metadata.
///
/// # Errors
/// What Cedar says of a schema that it cannot read, such as one with a reserved name in it.
pub(super) fn schema(arguments: &Shape, metadata: &Shape) -> Result<Schema, String> {
    let mut read = "type Arguments = ".to_owned();
    arguments.write(&mut read);
    read.push_str(";\ntype Metadata = ");
    metadata.write(&mut read);
    read.push(';');
    let fragment = |text: &str| {
        SchemaFragment::from_cedarschema_str(text)
            .map(|(fragment, _)| fragment)
            .map_err(|error| error.to_string())
    };
    Schema::from_schema_fragments([fragment(PUBLISHED)?, fragment(&read)?])
        .map_err(|error| error.to_string())
}
