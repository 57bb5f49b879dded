//! Log probabilities: whether they say again what an answer says, or more.

use crate::llm::json::{Kind, Value};

/// The lists of tokens, and the texts that they repeat.
const LISTS: [(&str, &str); 2] = [("content", "content"), ("refusal", "refusal")];

/// Whether log probabilities are nothing but the answer's text once more, token by token. Alternatives that the model did
/// not choose, and other tokens, are no repetition: no guardrail has seen them as a text.
pub(super) fn repeat(logprobs: Value<'_>, answer: Option<Value<'_>>) -> bool {
    if logprobs.is_null() {
        return true;
    }
    logprobs.kind() == Kind::Object
        && logprobs.members().all(|(key, list)| {
            let known = LISTS.iter().find(|(name, _)| *name == key);
            list.is_null()
                || known.is_some_and(|(_, text)| {
                    let text = answer.and_then(|answer| answer.get_str(text));
                    list.kind() == Kind::Array && reads(list, text.as_deref().unwrap_or_default())
                })
        })
}

/// Whether tokens put together are a text, and say nothing beside it.
fn reads(tokens: Value<'_>, text: &str) -> bool {
    let mut rest = text.as_bytes();
    for token in tokens.items() {
        for (key, value) in token.members() {
            let plain = match key.as_ref() {
                "token" | "bytes" => true,
                "logprob" => value.kind() == Kind::Number,
                "top_logprobs" => alternatives_are_none(value, token),
                _ => false,
            };
            if !plain {
                return false;
            }
        }
        let Some(said) = said(token) else {
            return false;
        };
        let Some(after) = rest.strip_prefix(said.as_slice()) else {
            return false;
        };
        rest = after;
    }
    rest.is_empty()
}

/// The bytes that a token stands for. A part of a character is told in bytes alone, and shown somehow.
fn said(token: Value<'_>) -> Option<Vec<u8>> {
    let shown = token.get_str("token")?;
    let Some(bytes) = token.get("bytes").filter(|bytes| !bytes.is_null()) else {
        return Some(shown.as_bytes().to_vec());
    };
    let bytes: Option<Vec<u8>> = bytes
        .items()
        .map(|byte| byte.as_u64().and_then(|byte| u8::try_from(byte).ok()))
        .collect();
    let bytes = bytes?;
    let same = bytes == shown.as_bytes();
    let part_of_a_character = bytes.len() < 4 && std::str::from_utf8(&bytes).is_err();
    (same || part_of_a_character && shown.len() <= LONGEST_PART).then_some(bytes)
}

/// How long the name of a part of a character is at most: `bytes:\xf0\x9f\x98`.
const LONGEST_PART: usize = 24;

/// Whether the only alternative told is the token itself.
fn alternatives_are_none(list: Value<'_>, token: Value<'_>) -> bool {
    let shown = token.get_str("token");
    list.is_null()
        || list.kind() == Kind::Array
            && list.items().all(|other| {
                other.get_str("token") == shown && other.get("bytes").is_none_or(Value::is_null)
            })
}

#[cfg(test)]
mod tests {
    use super::repeat;
    use crate::llm::json::Doc;

    fn repeats(logprobs: &str, answer: &str) -> bool {
        let (logprobs_doc, answer_doc) =
            (Doc::parse(logprobs).unwrap(), Doc::parse(answer).unwrap());
        repeat(logprobs_doc.root(logprobs), Some(answer_doc.root(answer)))
    }

    #[test]
    fn what_says_more_than_the_answer_is_no_repetition() {
        let answer = r#"{"content":"Hé you"}"#;
        let tokens = |tokens: &str| format!(r#"{{"content":[{tokens}],"refusal":null}}"#);
        for same in [
            "null".to_owned(),
            tokens(
                r#"{"token":"Hé","logprob":-1,"bytes":null,"top_logprobs":[]},{"token":" you"}"#,
            ),
            tokens(
                r#"{"token":"H","bytes":[72],"top_logprobs":[{"token":"H","logprob":-1}]},{"token":"\\xc3","bytes":[195]},{"token":"\\xa9","bytes":[169]},{"token":" you"}"#,
            ),
        ] {
            assert!(repeats(&same, answer), "{same}");
        }
        for more in [
            tokens(r#"{"token":"Hé you!"}"#),
            tokens(r#"{"token":"Hé"}"#),
            tokens(r#"{"token":"Hé you","note":"x"}"#),
            tokens(r#"{"token":"Hé you","top_logprobs":[{"token":"No"}]}"#),
            tokens(r#"{"token":"No","bytes":[72,195,169,32,121,111,117]}"#),
            tokens(r#"{"token":"Hé you","bytes":[78,111]}"#),
            r#"{"content":"Hé you"}"#.to_owned(),
            r#"{"tokens":["No"]}"#.to_owned(),
            r#"{"refusal":[{"token":"No"}]}"#.to_owned(),
            "[1]".to_owned(),
        ] {
            assert!(!repeats(&more, answer), "{more}");
        }
    }
}
