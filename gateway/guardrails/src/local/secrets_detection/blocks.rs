//! Private keys in blocks: PEM, OpenPGP, PuTTY.

use super::shape::BASE64;
use crate::scan::ByteSet;

/// Headers and names are not longer than this.
const HEADER: usize = 80;
/// Less than this is no key.
const LEAST: usize = 64;
/// More than this is not read; a longer block is replaced this far.
const MOST: usize = 64 * 1024;
/// What a key's body is made of, with headers such as `Proc-Type: 4,ENCRYPTED` and escaped line ends.
const BODY: ByteSet = ByteSet::alphanumeric_and(b"+/=\n\r\t \\:,-.\"'");

/// How a block stands in a text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Block {
    /// No private key.
    No,
    /// One, up to this offset.
    Yes(usize),
    /// The text ends before it can be said that it is one.
    Maybe,
    /// It is one and goes on at the end of the text.
    Open,
}

/// Reads the block whose `-----BEGIN` stands at `start`.
pub(super) fn pem(text: &str, start: usize) -> Block {
    let block = text.get(start..).unwrap_or_default();
    let head = block.get("-----BEGIN".len()..).unwrap_or_default();
    let label_end = head.bytes().take(HEADER).position(|byte| byte == b'-');
    let Some(label_end) = label_end else {
        return if head.len() < HEADER {
            Block::Maybe
        } else {
            Block::No
        };
    };
    let label = head.get(..label_end).unwrap_or_default();
    if !label.trim_end().ends_with("PRIVATE KEY")
        && !label.trim_end().ends_with("PRIVATE KEY BLOCK")
    {
        return Block::No;
    }
    let body_start = "-----BEGIN".len() + label_end;
    let rest = block.get(body_start..).unwrap_or_default();
    let body: usize = rest
        .bytes()
        .take(MOST)
        .take_while(|byte| BODY.has(*byte))
        .count();
    let rest_body = rest.get(..body).unwrap_or_default();
    if let Some(end) = rest_body.find("-----END") {
        let after = rest.get(end + "-----END".len()..).unwrap_or_default();
        let key = rest_body.get(..end).unwrap_or_default();
        let letters = key.bytes().filter(|byte| BASE64.has(*byte)).count();
        if letters < LEAST {
            return Block::No;
        }
        let closing = after
            .get(..after.len().min(HEADER))
            .and_then(|after| after.find("-----"));
        return match closing {
            Some(dashes) => {
                Block::Yes(start + body_start + end + "-----END".len() + dashes + "-----".len())
            }
            None if after.len() < HEADER => Block::Open,
            None => Block::Yes(start + body_start + end + "-----END".len()),
        };
    }
    let letters = rest_body.bytes().filter(|byte| BASE64.has(*byte)).count();
    match (letters >= LEAST, body == rest.len()) {
        (true, true) => Block::Open,
        (false, true) => Block::Maybe,
        (true, false) => Block::Yes(start + body_start + rest_body.trim_end().len()),
        (false, false) => Block::No,
    }
}
