//! What a request's headers say about guardrails.

use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::hook::{Hook, PerHook};

/// `X-TFY-GUARDRAILS`, parsed. A hook that the header does not name is `None`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Overrides {
    /// Selectors per hook, as written.
    pub selectors: PerHook<Option<Vec<String>>>,
    /// `X-TFY-GUARDRAILS-SCOPE`.
    pub scope: Scope,
}

/// Which messages header-controlled guardrails see.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The whole conversation.
    #[default]
    All,
    /// The newest message.
    Last,
}

/// Why a header was refused. Its text is for the client.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OverrideError {
    /// Not a JSON object of hook to list of selectors.
    #[error("the guardrails header is not a JSON object of hook to list of selectors: {0}")]
    Malformed(String),
    /// A selector names no guardrail.
    #[error("the guardrails header names {selector:?} at {}, which is not a guardrail here", hook.list_key())]
    Unknown {
        /// As written.
        selector: String,
        /// Where.
        hook: Hook,
    },
    /// The caller may not name this guardrail.
    #[error("the guardrails header names {selector:?} at {}, which this caller may not use", hook.list_key())]
    Forbidden {
        /// As written.
        selector: String,
        /// Where.
        hook: Hook,
    },
    /// The guardrail cannot run at this hook.
    #[error("the guardrails header names {selector:?} at {}, where it cannot run", hook.list_key())]
    UnsupportedHook {
        /// As written.
        selector: String,
        /// Where.
        hook: Hook,
    },
    /// Neither `all` nor `last`.
    #[error("the guardrails scope header says {0:?}: write all or last")]
    Scope(String),
}

/// Parses the two headers. Aliases `input_guardrails` and `output_guardrails` are accepted.
///
/// # Errors
/// Anything that is not understood in full: half of a header would be half of what the caller meant.
pub fn parse(guardrails: Option<&str>, scope: Option<&str>) -> Result<Overrides, OverrideError> {
    let selectors = match guardrails {
        Some(text) => {
            let Lists(selectors) = serde_json::from_str(text)
                .map_err(|error| OverrideError::Malformed(without_place(&error)))?;
            selectors
        }
        None => PerHook::default(),
    };
    let scope = match scope.map(str::trim) {
        None | Some("all") => Scope::All,
        Some("last") => Scope::Last,
        Some(other) => return Err(OverrideError::Scope(other.chars().take(SHOWN).collect())),
    };
    Ok(Overrides { selectors, scope })
}

/// Characters of a caller's own text that an error repeats.
const SHOWN: usize = 64;

/// A header is one line: its column says nothing that the text does not.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split_once(" at line ")
        .map_or(text.as_str(), |(text, _)| text)
        .to_owned()
}

/// The hook that a key of the header names.
fn hook_of(key: &str) -> Option<Hook> {
    match key {
        "input_guardrails" => Some(Hook::LlmInput),
        "output_guardrails" => Some(Hook::LlmOutput),
        _ => Hook::ALL.into_iter().find(|hook| hook.list_key() == key),
    }
}

struct Lists(PerHook<Option<Vec<String>>>);

impl<'de> Deserialize<'de> for Lists {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ListsVisitor)
    }
}

struct ListsVisitor;

impl<'de> Visitor<'de> for ListsVisitor {
    type Value = Lists;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of hook to list of selectors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Lists, A::Error> {
        let mut lists = PerHook::<Option<Vec<String>>>::default();
        while let Some(key) = map.next_key::<String>()? {
            let Some(hook) = hook_of(&key) else {
                let key: String = key.chars().take(SHOWN).collect();
                let known = Hook::ALL.map(Hook::list_key).join(", ");
                return Err(A::Error::custom(format_args!(
                    "unknown key {key:?}: write one of {known}"
                )));
            };
            // A key and its alias, or a key given twice, are one list.
            lists
                .get_mut(hook)
                .get_or_insert_default()
                .extend(map.next_value::<Vec<String>>()?);
        }
        Ok(Lists(lists))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lists_aliases_and_scope() {
        let parsed = parse(
            Some(r#"{"llm_input_guardrails":["g/a"],"input_guardrails":["g/b"],"output_guardrails":[]}"#),
            Some(" last "),
        )
        .unwrap();
        assert_eq!(
            parsed.selectors.llm_input,
            Some(vec!["g/a".to_owned(), "g/b".to_owned()])
        );
        assert_eq!(parsed.selectors.llm_output, Some(vec![]));
        assert_eq!(parsed.selectors.mcp_tool_pre_invoke, None);
        assert_eq!(parsed.scope, Scope::Last);
        assert_eq!(parse(None, None).unwrap(), Overrides::default());
        assert_eq!(
            parse(Some("{}"), Some("all")).unwrap(),
            Overrides::default()
        );
        let mcp = r#"{"mcp_tool_pre_invoke_guardrails":["g/a"],"mcp_tool_post_invoke_guardrails":["n/g/b"]}"#;
        let mcp = parse(Some(mcp), None).unwrap();
        assert_eq!(
            mcp.selectors.mcp_tool_pre_invoke,
            Some(vec!["g/a".to_owned()])
        );
        assert_eq!(
            mcp.selectors.mcp_tool_post_invoke,
            Some(vec!["n/g/b".to_owned()])
        );
    }

    #[test]
    fn says_what_it_cannot_read() {
        for (header, said) in [
            ("", "EOF while parsing a value"),
            ("g/a", "expected value"),
            (
                "[]",
                "invalid type: sequence, expected an object of hook to list of selectors",
            ),
            ("{} x", "trailing characters"),
            (r#"{"llm_input_guardrails":"g/a"}"#, "expected a sequence"),
            (r#"{"llm_input_guardrails":null}"#, "expected a sequence"),
            (r#"{"llm_input_guardrails":[1]}"#, "expected a string"),
            (
                r#"{"llm_inputs":["g/a"]}"#,
                "unknown key \"llm_inputs\": write one of llm_input_guardrails, ",
            ),
        ] {
            let error = parse(Some(header), None).unwrap_err();
            assert!(matches!(error, OverrideError::Malformed(_)), "{header}");
            assert!(error.to_string().contains(said), "{header}: {error}");
        }
        let error = parse(None, Some("latest")).unwrap_err();
        assert_eq!(error, OverrideError::Scope("latest".to_owned()));
    }
}
