//! Tokens that an answer cost, as the upstream counts them.

use super::json::{Doc, Value};

/// Tokens that an answer cost, as the upstream counts them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Usage {
    /// Tokens of the request, with those of the cache.
    pub input: u64,
    /// Tokens of the answer.
    pub output: u64,
    /// Of the request's tokens, those read from the provider's cache.
    pub cache_read: u64,
    /// Of the request's tokens, those written to the provider's cache.
    pub cache_write: u64,
    /// Of the answer's tokens, those of reasoning.
    pub reasoning: u64,
}

impl Usage {
    /// Both: of what two events of one stream say, the later and larger count is the whole.
    pub fn and(self, other: Self) -> Self {
        Self {
            input: self.input.max(other.input),
            output: self.output.max(other.output),
            cache_read: self.cache_read.max(other.cache_read),
            cache_write: self.cache_write.max(other.cache_write),
            reasoning: self.reasoning.max(other.reasoning),
        }
    }

    /// Reads a `usage` object of either dialect; none when it has no counts.
    pub(super) fn read(usage: Value<'_>) -> Option<Self> {
        let count = |a, b| {
            usage
                .get(a)
                .or_else(|| usage.get(b))
                .and_then(Value::as_u64)
        };
        let input = count("prompt_tokens", "input_tokens");
        let output = count("completion_tokens", "output_tokens");
        if input.is_none() && output.is_none() {
            return None;
        }
        let number = |name| usage.get(name).and_then(Value::as_u64).unwrap_or(0);
        let detail = |details, name| {
            let details = usage.get(details);
            details.and_then(|details| details.get(name)?.as_u64())
        };
        // Anthropic counts what its cache has to do with beside the rest of the input, OpenAI with it.
        let (read, write) = (
            number("cache_read_input_tokens"),
            number("cache_creation_input_tokens"),
        );
        let beside = read.saturating_add(write);
        Some(Self {
            input: input.unwrap_or(0).saturating_add(beside),
            output: output.unwrap_or(0),
            cache_read: detail("prompt_tokens_details", "cached_tokens").unwrap_or(read),
            cache_write: write,
            reasoning: detail("completion_tokens_details", "reasoning_tokens").unwrap_or(0),
        })
    }
}

const NAME: &[u8] = b"\"usage\"";

/// The usage at the end of an answer.
pub(super) fn last(bytes: &[u8]) -> Option<Usage> {
    let at = memchr::memmem::find_iter(bytes, NAME).last()?;
    read(bytes.get(at + NAME.len()..)?)
}

/// The usage at the beginning of an answer.
pub(super) fn first(bytes: &[u8]) -> Option<Usage> {
    let at = memchr::memmem::find(bytes, NAME)?;
    read(bytes.get(at + NAME.len()..)?)
}

/// Reads what follows the name: a colon and an object.
fn read(bytes: &[u8]) -> Option<Usage> {
    let bytes = bytes
        .trim_ascii_start()
        .strip_prefix(b":")?
        .trim_ascii_start();
    let object = std::str::from_utf8(bytes.get(..object_len(bytes)?)?).ok()?;
    let doc = Doc::parse(object).ok()?;
    Usage::read(doc.root(object))
}

/// The length of the object that begins here; none when it has no end.
fn object_len(bytes: &[u8]) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0_u32, false, false);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' if !quoted => depth += 1,
            b'}' if !quoted => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_the_cache_are_part_of_the_input() {
        let rows = [
            (
                r#"{"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":3}}"#,
                (10, 5, 4, 0, 3),
            ),
            (
                r#"{"input_tokens":10,"output_tokens":5,"cache_read_input_tokens":4,"cache_creation_input_tokens":2}"#,
                (16, 5, 4, 2, 0),
            ),
            (
                r#"{"input_tokens":10,"output_tokens":5,"cache_read_input_tokens":null,"prompt_tokens_details":null}"#,
                (10, 5, 0, 0, 0),
            ),
        ];
        for (text, expected) in rows {
            let doc = Doc::parse(text).unwrap();
            let usage = Usage::read(doc.root(text)).unwrap();
            let told = (
                usage.input,
                usage.output,
                usage.cache_read,
                usage.cache_write,
                usage.reasoning,
            );
            assert_eq!(told, expected, "{text}");
        }
    }
}
