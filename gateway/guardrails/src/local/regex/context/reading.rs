//! Reads the words of a text backwards.

use super::REACH_BYTES;

/// The words before a place, nearest first. `cardNumber` is two words.
pub(super) struct Words<'a> {
    pub(super) text: &'a str,
    /// Where the look back has come to.
    pub(super) at: usize,
    /// How far it goes.
    pub(super) stop: usize,
}

/// Where a word stands, and what is known of it without comparing it.
pub(super) struct Word {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) sign: u16,
    /// Whether it has characters other than ASCII.
    pub(super) foreign: bool,
}

impl Word {
    /// The word. One that is cut in the middle of a character begins after it.
    pub(super) fn of<'a>(&self, text: &'a str) -> Option<&'a str> {
        (self.start..self.end).find_map(|start| text.get(start..self.end))
    }
}

impl<'a> Words<'a> {
    pub(super) fn before(text: &'a str, at: usize) -> Self {
        Self {
            text,
            at: at.min(text.len()),
            stop: at.min(text.len()).saturating_sub(REACH_BYTES),
        }
    }
}

/// The sign of a word in the short list: its first two letters and its length.
pub(super) fn sign_of(word: &[u8]) -> u16 {
    let letter = |at: usize| u16::from(word.get(at).copied().unwrap_or_default() & 31);
    let length = u16::try_from(word.len().min(15)).unwrap_or(15);
    letter(0) | letter(1) << 5 | length << 10
}

const fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

impl Words<'_> {
    /// Where the next word ends.
    pub(super) fn next_end(&self) -> Option<usize> {
        let window = self.text.as_bytes().get(self.stop..self.at)?;
        Some(self.stop + 1 + window.iter().rposition(|byte| in_word(*byte))?)
    }
}

impl Iterator for Words<'_> {
    type Item = Word;

    fn next(&mut self) -> Option<Word> {
        let bytes = self.text.as_bytes();
        loop {
            let end = self.next_end()?;
            let mut start = end;
            let mut foreign = false;
            let mut later = b' ';
            for byte in bytes.get(self.stop..end)?.iter().rev() {
                // A capital after a small letter begins a word.
                let hump = later.is_ascii_uppercase() && byte.is_ascii_lowercase();
                if hump || !in_word(*byte) {
                    break;
                }
                foreign |= *byte >= 0x80;
                later = *byte;
                start -= 1;
            }
            self.at = start;
            let word = bytes.get(start..end)?;
            // The rest of `driver's`.
            if word != b"s" {
                return Some(Word {
                    start,
                    end,
                    sign: sign_of(word),
                    foreign,
                });
            }
        }
    }
}
