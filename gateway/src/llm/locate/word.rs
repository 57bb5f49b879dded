//! What stands where a format has words, ids and names of members, and is not one: nothing may hide there.

use super::{Context, Locator};
use crate::llm::defined;
use crate::llm::json::{Kind, Value};
use crate::llm::unjudged::Unjudged;

/// Bytes of a word or an id of the formats; anything longer is judged.
const LONGEST: usize = 64;

/// Bytes of a name that a format gives to a member.
const LONGEST_NAME: usize = 40;

/// Names of members that JSON Schema and its dialects define, apart from those that every API has.
const SCHEMA: [&str; 60] = [
    "$anchor",
    "$comment",
    "$defs",
    "$dynamicAnchor",
    "$dynamicRef",
    "$id",
    "$ref",
    "$schema",
    "$vocabulary",
    "additionalItems",
    "additionalProperties",
    "allOf",
    "anyOf",
    "const",
    "contains",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "default",
    "definitions",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "deprecated",
    "description",
    "discriminator",
    "else",
    "enum",
    "example",
    "examples",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "if",
    "items",
    "maxContains",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minContains",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "nullable",
    "oneOf",
    "pattern",
    "patternProperties",
    "prefixItems",
    "properties",
    "propertyNames",
    "readOnly",
    "required",
    "then",
    "title",
    "type",
    "uniqueItems",
];

impl Locator {
    /// A word of the format, an id, or an object of such: judged only where it is something else, and never rewritten.
    pub(crate) fn word(&mut self, value: Value<'_>, context: Context) {
        match value.kind() {
            Kind::Null | Kind::Bool | Kind::Number => {}
            Kind::String if value.string().is_some_and(|string| is_word(string.raw)) => {}
            Kind::String => self.text(value, context.name()),
            Kind::Array | Kind::Object => {
                for child in value.children() {
                    if self.is_full() {
                        return;
                    }
                    if child.raw_key().is_some_and(|key| !is_word(key.raw)) {
                        self.key_of(child, context);
                    }
                    self.word(child, context);
                }
            }
        }
    }

    /// What only its maker can read. Anything that does not look like that is judged, and never rewritten.
    pub(crate) fn sealed(&mut self, value: Value<'_>, context: Context) {
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte);
        let sealed = value
            .string()
            .is_some_and(|string| string.raw.bytes().all(is_base64));
        if !sealed {
            self.word(value, context);
        }
    }

    /// An image, a sound or a file in base64. Text is judged, whatever it is said to be; what a picture or a sound of it
    /// would show is not, so those count all the same.
    pub(crate) fn media(&mut self, value: Value<'_>, class: Unjudged, context: Context) {
        let before = *self.unjudged_so_far();
        self.base64(value, class, context);
        if class != Unjudged::File && *self.unjudged_so_far() == before {
            self.unjudged(class);
        }
    }

    /// A member that the format does not know, and its name.
    pub(crate) fn other(&mut self, value: Value<'_>, context: Context) {
        if value.kind() == Kind::String {
            self.unknown_key(value, context);
            self.text(value, context);
        } else {
            self.strings_in(value, context);
        }
    }

    /// The name of a member, unless a format has it or it is such a name as formats have: those of an envelope come with
    /// every message, and of a stream with every event.
    pub(crate) fn unknown_key(&mut self, value: Value<'_>, context: Context) {
        let known = |raw: &str| is_name(raw) || defined::is_defined(raw);
        let unknown = value.raw_key().is_some_and(|key| !known(key.raw));
        if unknown {
            self.key_of(value, context);
        }
    }

    /// The name of a schema's member, unless schemas have it.
    pub(super) fn schema_key(&mut self, member: Value<'_>, context: Context) {
        let unknown = member
            .raw_key()
            .is_some_and(|key| SCHEMA.binary_search(&key.raw).is_err());
        if unknown {
            self.key_of(member, context);
        }
    }
}

/// Whether a key as written is a plain name: `top_k`, `isError`.
fn is_name(raw: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    raw.len() <= LONGEST_NAME
        && raw.starts_with(|first: char| first.is_ascii_lowercase())
        && raw.bytes().all(plain)
}

/// Whether a string as written is one short word.
fn is_word(raw: &str) -> bool {
    raw.len() <= LONGEST
        && raw
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

#[cfg(test)]
mod tests {
    use super::SCHEMA;

    #[test]
    fn names_of_schemas_are_in_order() {
        assert!(SCHEMA.is_sorted());
    }
}
