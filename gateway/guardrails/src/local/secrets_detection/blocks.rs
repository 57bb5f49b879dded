//! Private keys in blocks: PEM, OpenPGP, PuTTY.

use super::shape::BASE64;
use crate::scan::ByteSet;

const BEGIN: &str = "-----BEGIN";
const END: &str = "-----END";
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
    let head = text.get(start + BEGIN.len()..).unwrap_or_default();
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
    let label_end = start + BEGIN.len() + label_end;
    let rest = text.get(label_end..).unwrap_or_default();
    let body_start = label_end
        + rest
            .bytes()
            .take(5)
            .take_while(|byte| *byte == b'-')
            .count();
    let rest = text.get(body_start..).unwrap_or_default();
    // Up to the next mark, so that many beginnings in a row are not each read to the end.
    let marks = memchr::memmem::find(rest.as_bytes(), b"-----").unwrap_or(rest.len());
    let is_body = |byte: &u8| BODY.has(*byte);
    let body = rest
        .bytes()
        .take(marks.min(MOST))
        .take_while(is_body)
        .count();
    let (body, rest) = rest.split_at(body);
    if rest.starts_with(END) {
        if letters(body) < LEAST {
            return Block::No;
        }
        let end = body_start + body.len() + END.len();
        let label = text.as_bytes().get(end..).unwrap_or_default();
        let label = label.get(..HEADER).unwrap_or(label);
        return match memchr::memmem::find(label, b"-----") {
            Some(closing) => Block::Yes(end + closing + "-----".len()),
            None if label.len() < HEADER => Block::Open,
            None => Block::Yes(end),
        };
    }
    // Cut off without an end mark: the key ends where lines stop looking like base64.
    let key = lines_of_key(body);
    let long = letters(body.get(..key).unwrap_or_default()) >= LEAST;
    let goes_on = key == body.len() && END.starts_with(rest);
    match (long, goes_on) {
        (true, true) => Block::Open,
        (false, true) => Block::Maybe,
        (true, false) => Block::Yes(body_start + key),
        (false, false) => Block::No,
    }
}

fn letters(body: &str) -> usize {
    body.bytes().filter(|byte| BASE64.has(*byte)).count()
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
