//! What a server of our own making has: its capabilities, and the methods that go with them.

use serde_json::{Map, Value, json};

use crate::mcp::version::Era;

/// One thing that a server can have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Offer {
    /// Tools.
    Tools,
    /// Prompts.
    Prompts,
    /// Resources and their templates.
    Resources,
    /// Completions of arguments.
    Completions,
    /// Log messages whose level clients set.
    Logging,
    /// Notices that the list of tools has changed.
    ToolChanges,
}

const ALL: [Offer; 6] = [
    Offer::Tools,
    Offer::Prompts,
    Offer::Resources,
    Offer::Completions,
    Offer::Logging,
    Offer::ToolChanges,
];

impl Offer {
    const fn bit(self) -> u8 {
        match self {
            Self::Tools => 1,
            Self::Prompts => 2,
            Self::Resources => 4,
            Self::Completions => 8,
            Self::Logging => 16,
            Self::ToolChanges => 32,
        }
    }

    /// None for a part of another one.
    const fn capability(self) -> Option<&'static str> {
        match self {
            Self::Tools => Some("tools"),
            Self::Prompts => Some("prompts"),
            Self::Resources => Some("resources"),
            Self::Completions => Some("completions"),
            Self::Logging => Some("logging"),
            Self::ToolChanges => None,
        }
    }

    const fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Tools => &["tools/list", "tools/call"],
            Self::Prompts => &["prompts/list", "prompts/get"],
            Self::Resources => &[
                "resources/list",
                "resources/templates/list",
                "resources/read",
            ],
            Self::Completions => &["completion/complete"],
            // A method of sessions only, and answered by every server alike.
            Self::Logging => &[],
            // Streams are no answers.
            Self::ToolChanges => &[],
        }
    }
}

/// What a server has.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Offers(u8);

impl Offers {
    /// With one thing more.
    #[must_use]
    pub(crate) const fn with(self, offer: Offer) -> Self {
        Self(self.0 | offer.bit())
    }

    /// Whether it is among them.
    pub(crate) const fn has(self, offer: Offer) -> bool {
        self.0 & offer.bit() != 0
    }

    fn each(self) -> impl Iterator<Item = Offer> {
        ALL.into_iter().filter(move |offer| self.has(*offer))
    }

    /// Whether a method is one that the server itself answers.
    pub(super) fn method(self, method: &str) -> bool {
        self.each().any(|offer| offer.methods().contains(&method))
    }

    /// As `initialize` and `server/discover` say it.
    pub(super) fn capabilities(self, era: Era) -> Value {
        let mut all = Map::new();
        for offer in self.each() {
            // The level of logs stands in each request of the stateless revision.
            let is_there = match era {
                Era::Legacy => true,
                Era::Modern => offer != Offer::Logging,
            };
            let has_changes = offer == Offer::Tools && self.has(Offer::ToolChanges);
            let own = match has_changes {
                true => json!({"listChanged": true}),
                false => json!({}),
            };
            if let Some(name) = offer.capability().filter(|_| is_there) {
                all.insert(name.to_owned(), own);
            }
        }
        Value::Object(all)
    }
}
