//! What has no business in a tool's definition.
//!
//! A suspicion is for the person who approves a definition: it never blocks by itself, and the guardrails at
//! the hooks judge the same texts by their own rules. So it may be wrong now and then, in honest definitions
//! too.

use std::borrow::Cow;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use crate::llm::json::{Kind, Value};

/// So many suspicions of a tool are told: one is enough to look.
const TOLD: usize = 16;

/// What is suspicious.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Sort {
    /// A text speaks to the model behind the user's back, or points it at files of credentials.
    HiddenInstructions,
    /// A text names another tool, of this server or of another one.
    OtherTool,
    /// Characters that a person does not see, or that move others: zero-width, bidirectional, tags, escapes.
    InvisibleCharacters,
    /// A parameter that is copied into a header is named like a credential.
    CredentialHeader,
    /// A parameter asks for the conversation or the system prompt.
    AsksForContext,
    /// The name says that the tool changes something, the annotation that it does not.
    ContradictsName,
    /// The name has other characters than ASCII letters, digits and `_-./`.
    OddName,
}

impl Sort {
    /// Every one of them.
    pub const ALL: [Self; 7] = [
        Self::HiddenInstructions,
        Self::OtherTool,
        Self::InvisibleCharacters,
        Self::CredentialHeader,
        Self::AsksForContext,
        Self::ContradictsName,
        Self::OddName,
    ];

    /// In statuses, events and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HiddenInstructions => "hidden_instructions",
            Self::OtherTool => "other_tool",
            Self::InvisibleCharacters => "invisible_characters",
            Self::CredentialHeader => "credential_header",
            Self::AsksForContext => "asks_for_context",
            Self::ContradictsName => "contradicts_name",
            Self::OddName => "odd_name",
        }
    }
}

/// Something suspicious, without its text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Suspicion {
    /// What.
    pub sort: Sort,
    /// The member of the definition: `description`, `inputSchema`, ...
    pub member: Box<str>,
}

/// Phrases in lower case, one space between words. Each speaks to a model and not to a person, or names a file
/// that no tool's description has to name. From published attacks on tool descriptions.
const PHRASES: &[&str] = &[
    "<important>",
    "</important>",
    "<system>",
    "<secret>",
    "<hidden>",
    "[system]",
    "<|im_start|>",
    "do not tell the user",
    "don't tell the user",
    "do not inform the user",
    "do not mention",
    "don't mention",
    "do not reveal",
    "without telling the user",
    "without informing the user",
    "without the user's knowledge",
    "user must not know",
    "not notify the user",
    "never tell the user",
    "keep this secret",
    "hide this from",
    "do not show the user",
    "ignore previous instructions",
    "ignore all previous",
    "ignore the previous",
    "ignore any other",
    "disregard previous",
    "disregard all",
    "forget your instructions",
    "override your instructions",
    "your real task",
    "you must first",
    "you must always",
    "before using any other tool",
    "before calling any other tool",
    "instead of the original",
    "regardless of what the user",
    "system prompt",
    "previous conversation",
    "entire conversation",
    "conversation history",
    "chat history",
    "all previous messages",
    "pass its content",
    "read its content and pass",
    "side note",
    "sidenote",
    ".ssh/",
    "id_rsa",
    "id_ed25519",
    "/etc/passwd",
    "/etc/shadow",
    ".aws/credentials",
    ".env file",
    "mcp.json",
    ".cursor/",
    "claude_desktop_config",
    "private key",
];

static PHRASE: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .kind(Some(AhoCorasickKind::DFA))
        .build(PHRASES)
        .ok()
});

/// Parts of names of credentials, without separators.
const CREDENTIALS: &[&str] = &[
    "authorization",
    "cookie",
    "password",
    "passwd",
    "secret",
    "token",
    "apikey",
    "credential",
    "accesskey",
    "privatekey",
    "session",
    "bearer",
];

/// Names of parameters, without separators, that carry a conversation out.
const CONTEXT: &[&str] = &[
    "systemprompt",
    "conversation",
    "conversationhistory",
    "chathistory",
    "messagehistory",
    "previousmessages",
    "chainofthought",
];

/// First words of the names of tools that change something.
const CHANGES: &[&str] = &[
    "create", "delete", "destroy", "drop", "execute", "insert", "merge", "move", "post", "publish",
    "push", "put", "remove", "rename", "run", "send", "transfer", "truncate", "update", "upload",
    "write",
];

/// Looks through a definition. `is_tool` tells whether something is the name of a tool of this server or another.
pub(super) fn find(tool: Value<'_>, name: &str, is_tool: impl Fn(&str) -> bool) -> Vec<Suspicion> {
    let mut search = Search {
        name,
        is_tool: &is_tool,
        member: Cow::Borrowed(""),
        found: Vec::new(),
    };
    for (member, value) in tool.members() {
        search.member = member;
        search.value(value, "");
    }
    search.member = "name".into();
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    if name.is_empty() || !name.chars().all(plain) {
        search.add(Sort::OddName);
    }
    let annotation = tool
        .get("annotations")
        .and_then(|hints| hints.get("readOnlyHint"));
    if annotation.and_then(Value::as_bool) == Some(true) && CHANGES.contains(&&*first_word(name)) {
        search.member = "annotations".into();
        search.add(Sort::ContradictsName);
    }
    search.found
}

/// Looks through a server's account of itself. `is_tool` tells whether something is the name of a tool of another server:
/// its own it has to explain.
pub fn find_in_instructions(
    instructions: Value<'_>,
    is_tool: impl Fn(&str) -> bool,
) -> Vec<Suspicion> {
    let mut search = Search {
        name: "",
        is_tool: &is_tool,
        member: Cow::Borrowed("instructions"),
        found: Vec::new(),
    };
    search.value(instructions, "");
    search.found
}

struct Search<'a> {
    name: &'a str,
    is_tool: &'a dyn Fn(&str) -> bool,
    member: Cow<'a, str>,
    found: Vec<Suspicion>,
}

impl Search<'_> {
    fn add(&mut self, sort: Sort) {
        let known = self
            .found
            .iter()
            .any(|known| known.sort == sort && *known.member == *self.member);
        if !known && self.found.len() < TOLD {
            self.found.push(Suspicion {
                sort,
                member: self.member.as_ref().into(),
            });
        }
    }

    /// `above` is the key over this value.
    fn value(&mut self, value: Value<'_>, above: &str) {
        match value.kind() {
            Kind::String => self.text(&value.as_str().unwrap_or_default()),
            Kind::Array => value.items().for_each(|item| self.value(item, above)),
            Kind::Object => {
                let header = value.get_str("x-mcp-header");
                if let Some(header) = header
                    && [&*header, above]
                        .into_iter()
                        .any(|name| names_one(name, CREDENTIALS))
                {
                    self.add(Sort::CredentialHeader);
                }
                for (key, below) in value.members() {
                    if above == "properties" && CONTEXT.contains(&&*bare(&key)) {
                        self.add(Sort::AsksForContext);
                    }
                    self.text(&key);
                    self.value(below, &key);
                }
            }
            Kind::Null | Kind::Bool | Kind::Number => {}
        }
    }

    fn text(&mut self, text: &str) {
        if text.chars().any(is_invisible) {
            self.add(Sort::InvisibleCharacters);
        }
        let searched = flat(text);
        if PHRASE
            .as_ref()
            .is_some_and(|phrases| phrases.is_match(&*searched))
        {
            self.add(Sort::HiddenInstructions);
        }
        if *self.member != *"name" && self.names_tool(&searched) {
            self.add(Sort::OtherTool);
        }
    }

    /// Whether a text names another tool: by a name that is no word of a language, or in quotes.
    fn names_tool(&self, text: &str) -> bool {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let mut at = 0;
        text.split(|c: char| !is_part(c)).any(|word| {
            let start = at;
            // What separates is one character, of any length.
            let end = start + word.len();
            at = end
                + text
                    .get(end..)
                    .and_then(|rest| rest.chars().next())
                    .map_or(0, char::len_utf8);
            if word.len() < 3 || word == self.name {
                return false;
            }
            let inner = word.get(1..).unwrap_or_default();
            let technical =
                inner.contains(['_', '-']) || inner.bytes().any(|b| b.is_ascii_uppercase());
            let quoted = || {
                let before = text.get(..start).and_then(|text| text.chars().next_back());
                before.is_some_and(|c| matches!(c, '`' | '"' | '\''))
            };
            (technical || quoted()) && (self.is_tool)(word)
        })
    }
}

/// Without what is invisible, and with one space for every run of whitespace.
fn flat(text: &str) -> Cow<'_, str> {
    let is_plain = text
        .bytes()
        .all(|b| b.is_ascii() && (b == b' ' || !b.is_ascii_whitespace()) && b >= 0x20);
    if is_plain && !text.contains("  ") {
        return Cow::Borrowed(text);
    }
    let mut flat = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_whitespace() {
            if !flat.ends_with(' ') {
                flat.push(' ');
            }
        } else if c == '\u{2019}' {
            flat.push('\'');
        } else if !is_invisible(c) {
            flat.push(c);
        }
    }
    Cow::Owned(flat)
}

/// Characters that show nothing, or that change how others are shown. What joins an emoji or shapes a script
/// (U+200C, U+200D, U+FE0F) is among them: descriptions of tools need neither.
const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{0}'..='\u{8}' | '\u{b}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{34f}'
        | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

fn names_one(name: &str, parts: &[&str]) -> bool {
    let bare = bare(name);
    parts.iter().any(|part| bare.contains(part))
}

/// In lower case, without separators.
fn bare(name: &str) -> String {
    let letters = name.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// `delete` of `delete_repo`, `deleteRepo` and `repos/delete`'s `repos`.
fn first_word(name: &str) -> String {
    let mut word = String::new();
    for c in name.chars() {
        let ends = !c.is_ascii_alphanumeric() || (c.is_ascii_uppercase() && !word.is_empty());
        if ends {
            break;
        }
        word.push(c.to_ascii_lowercase());
    }
    word
}
