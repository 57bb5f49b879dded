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
    // Cut off without an end mark: the key ends where lines stop looking like base64.
    let key = lines_of_key(rest_body);
    let letters = rest_body.get(..key).unwrap_or_default();
    let letters = letters.bytes().filter(|byte| BASE64.has(*byte)).count();
    match (letters >= LEAST, key == rest.len()) {
        (true, true) => Block::Open,
        (false, true) => Block::Maybe,
        (true, false) => Block::Yes(start + body_start + key),
        (false, false) => Block::No,
    }
}

/// How much of a body without an end mark belongs to the key: its first line, headers and lines of base64.
fn lines_of_key(body: &str) -> usize {
    let mut length = 0;
    for (index, line) in body.split_inclusive('\n').enumerate() {
        let text = line.trim();
        let words = text.contains(' ') && !text.contains(':') && !text.contains('\\');
        if index > 0 && words {
            break;
        }
        length += line.len();
    }
    if length == body.len() {
        length
    } else {
        body.get(..length).map_or(0, |key| key.trim_end().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(body: &str, end: &str) -> String {
        format!("-----BEGIN RSA PRIVATE KEY-----{body}{end}")
    }

    #[test]
    fn a_block_reaches_to_the_end_of_its_end_line() {
        let body = "\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDAC4AWkdwKYSd8\n";
        let whole = key(body, "-----END RSA PRIVATE KEY-----");
        assert_eq!(pem(&format!("{whole}\nmore"), 0), Block::Yes(whole.len()));
        let escaped = key(&body.replace('\n', "\\n"), "-----END RSA PRIVATE KEY-----");
        assert_eq!(
            pem(&format!("{escaped}\\n\""), 0),
            Block::Yes(escaped.len())
        );
        assert_eq!(pem(&key(body, ""), 0), Block::Open);
        assert_eq!(pem(&key(body, "-----END RSA"), 0), Block::Open);
        let cut = key(body.trim_end(), "");
        assert_eq!(
            pem(&format!("{cut}\n\nthanks for your help!"), 0),
            Block::Yes(cut.len())
        );
        assert_eq!(
            pem(&key("\nMIIE\n", "-----END RSA PRIVATE KEY-----"), 0),
            Block::No
        );
        assert_eq!(pem("-----BEGIN PUBLIC KEY-----\n", 0), Block::No);
        assert_eq!(pem("-----BEGIN RSA", 0), Block::Maybe);
        assert_eq!(pem("-----BEGIN RSA PRIVATE KEY-----\nMII", 0), Block::Maybe);
    }
}
