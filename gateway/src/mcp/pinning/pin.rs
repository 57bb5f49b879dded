//! Digests of definitions, and what becomes of a tool whose definition is not the approved one.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;
use parapet_crds::mcp_server::{Pinning, PinningMode};
use sha2::{Digest as _, Sha256};

use super::{Definition, canonical};
use crate::llm::json::Value;

/// The SHA-256 of a definition's canonical JSON.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Reads `sha256:` and 64 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix("sha256:")?.as_bytes();
        if hex.len() != 64 {
            return None;
        }
        let mut digest = [0; 32];
        for (byte, pair) in digest.iter_mut().zip(hex.chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).ok()?;
            let is_lower = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
            if !pair.bytes().all(is_lower) {
                return None;
            }
            *byte = u8::from_str_radix(pair, 16).ok()?;
        }
        Some(Self(digest))
    }
}

impl Digest {
    /// As bytes.
    pub const fn bytes(self) -> [u8; 32] {
        self.0
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The digest of a definition. `scratch` is memory that is used again.
pub(super) fn digest(definition: Value<'_>, scratch: &mut Vec<u8>) -> Digest {
    scratch.clear();
    canonical::write(definition, scratch);
    Digest(Sha256::digest(&scratch).into())
}

/// The digest of a server's instructions: of the JSON string.
pub fn digest_of_instructions(instructions: Value<'_>) -> Digest {
    digest(instructions, &mut Vec::new())
}

/// How a definition stands to what was approved.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum State {
    /// It is the one that was approved.
    Approved,
    /// Another one of this name was approved.
    Changed,
    /// Nothing of this name was approved.
    New,
    /// The list has several tools of this name.
    Ambiguous,
}

impl State {
    /// In statuses, events and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Changed => "changed",
            Self::New => "new",
            Self::Ambiguous => "ambiguous",
        }
    }
}

/// What becomes of a tool.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Treatment {
    /// Nothing.
    Shown,
    /// It is told, and can be called.
    Told,
    /// It is told, hidden from lists and refused when it is called.
    Hidden,
}

/// The one table.
pub const fn treat(mode: PinningMode, state: State) -> Treatment {
    match (mode, state) {
        (PinningMode::Off, _) | (PinningMode::Observe | PinningMode::Enforce, State::Approved) => {
            Treatment::Shown
        }
        (PinningMode::Observe, State::Changed | State::New | State::Ambiguous) => Treatment::Told,
        (PinningMode::Enforce, State::Changed | State::New | State::Ambiguous) => Treatment::Hidden,
    }
}

/// A server's approved definitions.
#[derive(Clone, Debug, Default)]
pub struct Pins {
    mode: PinningMode,
    approved: HashMap<Box<str>, Vec<Digest>, RandomState>,
    instructions: Vec<Digest>,
}

impl Pins {
    /// What a resource says. A digest that cannot be read approves nothing, and its tool counts as changed.
    pub fn new(pinning: &Pinning) -> Self {
        let mut approved = HashMap::<Box<str>, Vec<Digest>, RandomState>::default();
        for tool in &pinning.approved {
            let digests = approved.entry(tool.name.as_str().into()).or_default();
            digests.extend(Digest::parse(&tool.digest));
        }
        let instructions = pinning.approved_instructions.iter();
        Self {
            mode: pinning.mode,
            approved,
            instructions: instructions
                .filter_map(|text| Digest::parse(text))
                .collect(),
        }
    }

    /// What happens to what was not approved.
    pub const fn mode(&self) -> PinningMode {
        self.mode
    }

    /// How a definition stands to what was approved.
    pub fn state(&self, definition: &Definition) -> State {
        if definition.ambiguous {
            return State::Ambiguous;
        }
        match self.approved.get(&definition.name) {
            None => State::New,
            Some(digests) if digests.contains(&definition.digest) => State::Approved,
            Some(_) => State::Changed,
        }
    }

    /// What becomes of a definition in a list, and of calls of its tool.
    pub fn treat(&self, definition: &Definition) -> Treatment {
        treat(self.mode, self.state(definition))
    }

    /// What becomes of a call of a tool whose definition is not known: nothing says that it is the approved one.
    pub const fn treat_unknown(&self) -> Treatment {
        treat(self.mode, State::New)
    }

    /// How a server's instructions stand to what was approved.
    pub fn state_of_instructions(&self, digest: Digest) -> State {
        match &*self.instructions {
            [] => State::New,
            approved if approved.contains(&digest) => State::Approved,
            _ => State::Changed,
        }
    }

    /// Whether any definition of this name was approved.
    pub fn names(&self, tool: &str) -> bool {
        self.approved.contains_key(tool)
    }

    /// Whether nothing was approved.
    pub fn is_empty(&self) -> bool {
        self.approved.is_empty()
    }

    /// What was approved, by name.
    pub fn approved(&self) -> impl Iterator<Item = (&str, &[Digest])> {
        let approved = self.approved.iter();
        approved.map(|(name, digests)| (&**name, digests.as_slice()))
    }

    /// Names that were approved and that a complete list does not have.
    pub fn missing<'a>(
        &'a self,
        seen: impl Iterator<Item = &'a str>,
    ) -> impl Iterator<Item = &'a str> {
        let seen: HashSet<&str, RandomState> = seen.collect();
        let names = self.approved.keys().map(|name| &**name);
        names.filter(move |name| !seen.contains(name))
    }
}
