//! Texts inside of JSON values, and of JSON that stands in a string.

use std::sync::Arc;

use parapet_guardrails::segment::{Form, Rewrite, SegmentText};

use super::{Context, Locator, Source};
use crate::llm::json::{Children, Doc, Kind, Members, RawStr, Value, unescape};
use crate::llm::schema::Schema;
use crate::llm::texts::{Group, Host, NO_HOST, Part, Wrap};

/// Schema members that hold words, as a rule: a model reads structure from them. Everything else in a schema that
/// is a string may carry instructions, and so may what stands here and is no word.
const STRUCTURE: [&str; 7] = [
    "type", "format", "required", "$ref", "$schema", "$id", "$anchor",
];

/// Strings in strings below which escapes are not undone any more: every level doubles what stands before them.
const DEEPEST: usize = 12;

/// Schema members whose keys are names that somebody chose.
const NAMED: [&str; 5] = [
    "properties",
    "patternProperties",
    "$defs",
    "definitions",
    "dependentSchemas",
];

impl Locator {
    /// Every string and every key below `value`, and its own where no format has it. For places of which nothing is known.
    pub(crate) fn strings_in(&mut self, value: Value<'_>, context: Context) {
        let context = context.form(Form::JsonLeaf);
        self.unknown_key(value, context);
        self.walk_strings(value, context, &mut None);
    }

    /// The members of an object. Anything else that stands there is not what the format says; its strings
    /// are collected here, so that nothing hides in it.
    pub(crate) fn members<'v>(&mut self, value: Value<'v>, context: Context) -> Members<'v> {
        if value.kind() != Kind::Object {
            self.strings_in(value, context);
        }
        value.members()
    }

    /// The items of an array; what is said of [`Locator::members`] holds here too.
    pub(crate) fn items<'v>(&mut self, value: Value<'v>, context: Context) -> Children<'v> {
        if value.kind() != Kind::Array {
            self.strings_in(value, context);
        }
        value.items()
    }

    fn walk_strings(&mut self, value: Value<'_>, context: Context, key: &mut Option<Arc<str>>) {
        match value.kind() {
            Kind::String => {
                if let Some(string) = value.string() {
                    let key = nearest(value, key);
                    self.string(&string, context, Source::BODY, key.as_ref());
                }
            }
            Kind::Array | Kind::Object => {
                let mut key = nearest(value, key);
                for child in value.children() {
                    if self.is_full() {
                        return;
                    }
                    self.key(child, context, Source::BODY);
                    self.walk_strings(child, context, &mut key);
                }
            }
            Kind::Null | Kind::Bool | Kind::Number => {}
        }
    }

    /// A JSON schema that the model reads: its prose and the names in it.
    pub(crate) fn schema(&mut self, value: Value<'_>, context: Context) {
        let context = context.form(Form::JsonLeaf);
        self.walk_schema(value, context, false);
    }

    fn walk_schema(&mut self, value: Value<'_>, context: Context, names: bool) {
        if self.is_full() {
            return;
        }
        match value.kind() {
            Kind::String => {
                if let Some(string) = value.string() {
                    let key = nearest(value, &None);
                    self.string(&string, context, Source::BODY, key.as_ref());
                }
            }
            Kind::Array => {
                for item in value.items() {
                    self.walk_schema(item, context, false);
                }
            }
            Kind::Object => {
                for (key, member) in value.members() {
                    if names {
                        self.key(member, context, Source::BODY);
                        self.walk_schema(member, context, false);
                    } else if STRUCTURE.contains(&key.as_ref()) {
                        self.word(member, context);
                    } else {
                        self.schema_key(member, context);
                        self.walk_schema(member, context, NAMED.contains(&key.as_ref()));
                    }
                }
            }
            Kind::Null | Kind::Bool | Kind::Number => {}
        }
    }

    /// A JSON value whose content somebody chose freely: leaves, keys, numbers and the whole as written.
    pub(crate) fn json_value(&mut self, value: Value<'_>, context: Context, schema: Schema<'_>) {
        if matches!(value.kind(), Kind::Object | Kind::Array) && value.children().next().is_none() {
            return;
        }
        let at = value.range().start;
        self.group(
            value,
            context,
            schema,
            Source {
                at: Some(at),
                ..Source::BODY
            },
        );
    }

    /// JSON in a string: leaves, keys, numbers and the whole. If it is not JSON it is a text.
    pub(crate) fn json_string(&mut self, value: Value<'_>, context: Context, schema: Schema<'_>) {
        let Some(string) = value.string() else {
            // Some servers send the object itself.
            return self.json_value(value, context, schema);
        };
        let text = string.clone().text();
        let Ok(doc) = Doc::parse(&text) else {
            self.string(&string, context, Source::BODY, None);
            return self.spelled_out(&text, &string, context, Source::BODY, None);
        };
        let root = doc.root(&text);
        if root.kind() != Kind::Null && !(root.raw() == "{}" && text.len() == 2) {
            let host = self.host(&string, &text, NO_HOST);
            let source = Source {
                host,
                at: Some(string.range.start),
                ..Source::BODY
            };
            self.group(root, context, schema, source);
        }
    }

    /// A text that may be JSON: an array or an object is read as such.
    pub(crate) fn json_in_text(&mut self, value: Value<'_>, context: Context) {
        if value
            .string()
            .is_some_and(|string| may_hold_json(string.raw))
        {
            self.json_string(value, context, Schema::UNKNOWN);
        } else {
            self.text(value, context);
        }
    }

    /// The key of an object's member, where the member itself is judged in some other way.
    pub(crate) fn key_of(&mut self, member: Value<'_>, context: Context) {
        self.key(member, context, Source::BODY);
    }

    fn host(&mut self, string: &RawStr<'_>, text: &str, parent: u32) -> u32 {
        let text = if string.escaped {
            let start = self.unescaped.len() as u32;
            self.unescaped.extend_from_slice(text.as_bytes());
            SegmentText::Unescaped(start..self.unescaped.len() as u32)
        } else {
            self.within(string.range.clone(), parent)
        };
        self.hosts.push(Host {
            raw: string.range.clone(),
            parent,
            text,
            escaped: string.escaped,
        });
        self.hosts.len() as u32 - 1
    }

    fn group(&mut self, root: Value<'_>, context: Context, schema: Schema<'_>, source: Source) {
        let source = Source {
            group: self.groups.len() as u32 + 1,
            ..source
        };
        let first = self.list.len() as u32;
        // The text of a host includes the space around its value.
        let whole = match self.hosts.get(source.host as usize) {
            Some(host) => host.text.clone(),
            None => SegmentText::Body(root.range()),
        };
        self.groups.push(Group {
            whole: first,
            end: first,
            text: whole.clone(),
            host: source.host,
        });
        let raw = context.form(Form::JsonRaw).fixed("json");
        self.push(whole, Wrap::Fixed, &[], raw, source, None);
        self.walk_group(root, context, schema, source, &None);
        let end = self.list.len() as u32;
        if let Some(group) = self.groups.last_mut() {
            group.end = end;
        }
    }

    fn walk_group(
        &mut self,
        value: Value<'_>,
        context: Context,
        schema: Schema<'_>,
        source: Source,
        key: &Option<Arc<str>>,
    ) {
        if self.is_full() {
            return;
        }
        match value.kind() {
            Kind::String => {
                if let Some(string) = value.string() {
                    let key = nearest(value, key);
                    if !self.nested(&string, context, source, &key) {
                        let context = context.form(Form::JsonLeaf);
                        self.string(&string, context, source, key.as_ref());
                        if may_hold_json(string.raw) && string.raw.contains("u00") {
                            let text = string.clone().text();
                            self.spelled_out(&text, &string, context, source, key.as_ref());
                        }
                    }
                }
            }
            Kind::Number => {
                let key = nearest(value, key);
                let rewrite = match (context.rewrite, schema.forbids_string(&self.budget)) {
                    (Rewrite::Yes, true) => Rewrite::No("number"),
                    (rewrite, _) => rewrite,
                };
                let context = Context {
                    form: Form::JsonNumber,
                    rewrite,
                    ..context
                };
                let at = value.range();
                let part = Part {
                    text_start: 0,
                    at: at.clone(),
                    host: source.host,
                    escaped: false,
                };
                let text = self.within(at, source.host);
                self.push(text, Wrap::Number, &[part], context, source, key.as_ref());
            }
            Kind::Array => {
                let key = nearest(value, key);
                let schema = schema.item(&self.budget);
                for item in value.items() {
                    self.walk_group(item, context, schema, source, &key);
                }
            }
            Kind::Object => {
                for (name, member) in value.members() {
                    self.key(member, context, source);
                    let schema = schema.member(&name, &self.budget);
                    self.walk_group(member, context, schema, source, &None);
                }
            }
            Kind::Null | Kind::Bool => {}
        }
    }

    /// Takes a string of JSON that holds JSON itself: its leaves, keys and numbers belong to the same group.
    /// False for any other string.
    fn nested(
        &mut self,
        string: &RawStr<'_>,
        context: Context,
        source: Source,
        key: &Option<Arc<str>>,
    ) -> bool {
        if source.level >= self.nested || !may_hold_json(string.raw) {
            return false;
        }
        let text = string.clone().text();
        let Ok(doc) = Doc::parse(&text) else {
            return false;
        };
        let root = doc.root(&text);
        if root.children().next().is_none() {
            return false;
        }
        let source = Source {
            host: self.host(string, &text, source.host),
            level: source.level + 1,
            ..source
        };
        self.walk_group(root, context, Schema::UNKNOWN, source, key);
        true
    }

    /// A text that may be JSON for others but not here (a key twice, several values one after the other, too deep), and
    /// that hides plain letters behind escapes: what they mean is judged as well. Nobody writes letters like that, so other
    /// texts are judged once.
    fn spelled_out(
        &mut self,
        text: &str,
        string: &RawStr<'_>,
        context: Context,
        source: Source,
        key: Option<&Arc<str>>,
    ) {
        if !hides_letters(text) {
            return;
        }
        // It need not be the content of a string of JSON, and may be one of a string in a string.
        let mut meaning = unescape(text);
        for _ in 0..DEEPEST {
            if !hides_letters(&meaning) {
                break;
            }
            meaning = unescape(&meaning);
        }
        let start = self.unescaped.len() as u32;
        self.unescaped.extend_from_slice(meaning.as_bytes());
        let meant = SegmentText::Unescaped(start..self.unescaped.len() as u32);
        let source = Source {
            at: source.at.or(Some(string.range.start)),
            ..source
        };
        let context = context.fixed("json");
        self.push(meant, Wrap::Fixed, &[], context, source, key);
    }

    /// The key of a member, as a text of its own.
    fn key(&mut self, member: Value<'_>, context: Context, source: Source) {
        let Some(key) = member.raw_key() else { return };
        if key.range.is_empty() {
            return;
        }
        let text = self.read(&key, source.host);
        // Its place is the object's: the key itself is the text that a place must not tell.
        let at = source
            .at
            .unwrap_or_else(|| key.range.start.saturating_sub(1));
        let context = context.form(Form::JsonKey).fixed("key");
        self.push(
            text,
            Wrap::Fixed,
            &[],
            context,
            Source {
                at: Some(at),
                ..source
            },
            None,
        );
    }
}

/// Whether a string's content as written may be an array or an object: nobody reads a lone word or number in
/// a string as JSON.
pub(crate) fn may_hold_json(raw: &str) -> bool {
    let mut rest = raw.trim_start();
    while let Some(after) = ["\\n", "\\t", "\\r"]
        .into_iter()
        .find_map(|escape| rest.strip_prefix(escape))
    {
        rest = after.trim_start();
    }
    rest.starts_with(['{', '[']) || rest.starts_with("\\u00")
}

/// Whether an escape stands for a letter, a digit or a sign that every writer of JSON leaves as it is; some escape those of
/// HTML.
pub(crate) fn hides_letters(text: &str) -> bool {
    memchr::memmem::find_iter(text.as_bytes(), b"\\u00").any(|at| {
        let code = text.get(at + 4..at + 6);
        let code = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        code.is_some_and(|byte| byte.is_ascii_graphic() && !b"<>&'=\"\\".contains(&byte))
    })
}

/// The key of `value`, or else the one above it.
fn nearest(value: Value<'_>, above: &Option<Arc<str>>) -> Option<Arc<str>> {
    value
        .key()
        .map(|key| Arc::from(key.as_ref()))
        .or_else(|| above.clone())
}
