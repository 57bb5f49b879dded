//! Reads lines of shell commands: words, pipes, redirections and substitutions.

use std::ops::Range;

/// How deep substitutions and groups are followed.
const MAX_DEPTH: u8 = 6;
/// How far the end of a quote is looked for.
const LONGEST: usize = 4096;

/// A word as the shell would hand it on: without quotes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) range: Range<usize>,
    /// Whether a part of it was quoted.
    pub(super) quoted: bool,
    /// Commands substituted in it: `$(..)`, `` `..` ``, `<(..)`.
    pub(super) inside: Vec<usize>,
}

/// A simple command.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Command {
    pub(super) words: Vec<Word>,
    /// Files that its output is written to, and whether it is appended.
    pub(super) outputs: Vec<Word>,
    /// The command whose output it reads.
    pub(super) reads: Option<usize>,
    /// Whether it stands at the beginning of a line or behind another command, rather than in a
    /// substitution in the middle of words.
    pub(super) substituted: bool,
}

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Script {
    pub(super) commands: Vec<Command>,
    /// Where the reading ended.
    pub(super) end: usize,
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    commands: Vec<Command>,
    /// Whether `\` separates folders instead of escaping: Windows.
    backslash: bool,
}

/// Reads one logical line from `start`: to a line break that is neither quoted nor continued.
pub(super) fn line(text: &str, start: usize, backslash: bool) -> Script {
    let mut reader = Reader {
        text,
        at: start,
        commands: Vec::new(),
        backslash,
    };
    reader.list(None, 0);
    Script {
        end: reader.at.max(start),
        commands: reader.commands,
    }
}

/// Reads a whole text, all its lines.
pub(super) fn script(text: &str, backslash: bool) -> Script {
    let mut reader = Reader {
        text,
        at: 0,
        commands: Vec::new(),
        backslash,
    };
    while reader.at < text.len() {
        reader.list(None, 0);
        reader.at += 1;
    }
    Script {
        end: text.len(),
        commands: reader.commands,
    }
}

impl Reader<'_> {
    fn byte(&self, ahead: usize) -> u8 {
        self.text
            .as_bytes()
            .get(self.at + ahead)
            .copied()
            .unwrap_or(0)
    }

    /// Whether an opening quote at the cursor is closed soon.
    fn closes(&self, quote: u8) -> Option<usize> {
        let rest = self.text.as_bytes().get(self.at + 1..)?;
        let rest = rest.get(..LONGEST).unwrap_or(rest);
        let mut at = 0;
        loop {
            at += memchr::memchr2(quote, b'\\', rest.get(at..)?)?;
            if rest.get(at) == Some(&b'\\') && quote != b'\'' && !self.backslash {
                at += 2;
                continue;
            }
            if rest.get(at) == Some(&quote) {
                return Some(self.at + 1 + at);
            }
            at += 1;
        }
    }

    /// Commands up to `until` or the end of the line.
    fn list(&mut self, until: Option<u8>, depth: u8) {
        let mut reads = None;
        loop {
            let index = self.command(until, depth, reads.take());
            let (this, next) = (self.byte(0), self.byte(1));
            match this {
                b'|' if next == b'|' => self.at += 2,
                b'|' => {
                    self.at += if next == b'&' { 2 } else { 1 };
                    reads = index;
                    // A pipe continues on the next line.
                    self.skip_blank_lines();
                }
                b'&' if next == b'&' => {
                    self.at += 2;
                    self.skip_blank_lines();
                }
                b'&' | b';' => self.at += 1,
                b'{' | b'}' => self.at += 1,
                b'(' => {
                    self.at += 1;
                    if depth < MAX_DEPTH {
                        let first = self.commands.len();
                        self.list(Some(b')'), depth + 1);
                        // What a group writes is what its last command writes.
                        if self.commands.len() > first {
                            reads = None;
                        }
                    }
                }
                b')' if until == Some(b')') => {
                    self.at += 1;
                    return;
                }
                b')' => self.at += 1,
                b'`' if until == Some(b'`') => {
                    self.at += 1;
                    return;
                }
                b'\n' if until == Some(b')') && depth > 0 => self.at += 1,
                b'\n' | 0 => return,
                _ => self.at += 1,
            }
        }
    }

    fn skip_blank_lines(&mut self) {
        while matches!(self.byte(0), b' ' | b'\t' | b'\r' | b'\n') {
            self.at += 1;
        }
    }

    /// A simple command. Gives its index.
    fn command(&mut self, until: Option<u8>, depth: u8, reads: Option<usize>) -> Option<usize> {
        let mut command = Command {
            reads,
            substituted: until.is_some(),
            ..Command::default()
        };
        loop {
            match self.byte(0) {
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'\\' if self.byte(1) == b'\n' => self.at += 2,
                b'\\' if self.byte(1) == b'\r' && self.byte(2) == b'\n' => self.at += 3,
                0 | b'\n' | b'|' | b';' | b')' | b'(' => break,
                b'`' if until == Some(b'`') => break,
                b'&' if self.byte(1) == b'>' => {
                    self.at += 1;
                    self.redirection(&mut command, until, depth);
                }
                b'&' => break,
                b'{' | b'}' if matches!(self.byte(1), b' ' | b'\t' | b'\n' | b'\r' | 0 | b';') => {
                    break;
                }
                b'#' if self.at == 0
                    || matches!(
                        self.text.as_bytes().get(self.at - 1),
                        Some(b' ' | b'\t' | b'\n' | b';')
                    ) =>
                {
                    let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
                    self.at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                    break;
                }
                b'<' if self.tag().is_some() => {
                    self.at += self.tag().unwrap_or(1);
                    if !command.words.is_empty() || !command.outputs.is_empty() {
                        break;
                    }
                }
                b'>' | b'<' => self.redirection(&mut command, until, depth),
                _ => {
                    let word = self.word(until, depth);
                    command.words.push(word);
                }
            }
        }
        if command.words.is_empty() && command.outputs.is_empty() {
            return None;
        }
        self.commands.push(command);
        Some(self.commands.len() - 1)
    }

    /// `> file`, `>> file`, `>& file`, `2>&1`, `< file`, `<(commands)`.
    fn redirection(&mut self, command: &mut Command, until: Option<u8>, depth: u8) {
        let reading = self.byte(0) == b'<';
        if self.byte(1) == b'(' {
            return self.process(command, depth);
        }
        let start = self.at;
        while matches!(self.byte(0), b'>' | b'<' | b'&' | b'|') {
            self.at += 1;
        }
        let here = self.at - start == 3;
        while matches!(self.byte(0), b' ' | b'\t') {
            self.at += 1;
        }
        if matches!(self.byte(0), b'<' | b'>') && self.byte(1) == b'(' {
            return self.process(command, depth);
        }
        if matches!(self.byte(0), 0 | b'\n' | b';' | b')' | b'(' | b'<' | b'>') {
            return;
        }
        let word = self.word(until, depth);
        // The shell's own network files count whichever way they are used.
        if !reading || word.text.starts_with("/dev/tcp/") || word.text.starts_with("/dev/udp/") {
            command.outputs.push(word);
        } else if here && !word.inside.is_empty() {
            // `bash <<< "$(..)"`
            command.words.push(word);
        }
    }

    /// `<(commands)`
    fn process(&mut self, command: &mut Command, depth: u8) {
        let start = self.at;
        let mut word = Word {
            text: "<(".into(),
            range: start..start,
            ..Word::default()
        };
        self.at += 2;
        self.substitution(&mut word, b')', depth);
        word.range.end = self.at;
        command.words.push(word);
    }

    /// The length of a tag of HTML at the cursor.
    fn tag(&self) -> Option<usize> {
        const NAMES: [&str; 12] = [
            "code", "pre", "kbd", "p", "li", "td", "br", "b", "i", "strong", "samp", "span",
        ];
        let rest = self.text.get(self.at + 1..)?;
        let rest = rest.strip_prefix('/').unwrap_or(rest);
        let name = rest.split(|c: char| !c.is_ascii_alphanumeric()).next()?;
        let near = self.text.as_bytes().get(self.at..)?;
        let close = memchr::memchr2(b'>', b'\n', near.get(..120).unwrap_or(near))?;
        (NAMES.contains(&name) && near.get(close) == Some(&b'>')).then_some(close + 1)
    }

    /// Commands of a substitution; the cursor is behind its opening.
    fn substitution(&mut self, word: &mut Word, close: u8, depth: u8) {
        if depth >= MAX_DEPTH {
            return;
        }
        let first = self.commands.len();
        self.list(Some(close), depth + 1);
        word.inside.extend(first..self.commands.len());
    }

    fn word(&mut self, until: Option<u8>, depth: u8) -> Word {
        let mut word = Word {
            range: self.at..self.at,
            ..Word::default()
        };
        loop {
            let byte = self.byte(0);
            match byte {
                0 if self.at >= self.text.len() => break,
                b' ' | b'\t' | b'\n' | b'\r' | b'|' | b';' | b'&' | b'>' | b'<' | b'(' | b')' => {
                    break;
                }
                b'`' if until == Some(b'`') => break,
                b'{' if !word.text.ends_with('$') && matches!(self.byte(1), b' ' | b'\n' | 0) => {
                    break;
                }
                b'}' if matches!(self.byte(1), b' ' | b'\n' | 0 | b';')
                    && !word.text.contains('{') =>
                {
                    break;
                }
                b'\'' | b'"' => self.quote(&mut word, byte, depth),
                b'`' => {
                    self.at += 1;
                    self.substitution(&mut word, b'`', depth);
                }
                b'$' if self.byte(1) == b'(' && self.byte(2) != b'(' => {
                    self.at += 2;
                    word.text.push_str("$()");
                    self.substitution(&mut word, b')', depth);
                }
                b'\\' if !self.backslash && self.at + 1 < self.text.len() => {
                    if self.byte(1) == b'\n' {
                        break;
                    }
                    self.at += 1;
                    self.push_char(&mut word);
                }
                b'^' if self.backslash => self.at += 1,
                _ => self.push_char(&mut word),
            }
        }
        // A byte that nothing takes would stop the reading.
        if self.at == word.range.start {
            self.at += 1;
        }
        word.range.end = self.at.min(self.text.len());
        word
    }

    fn push_char(&mut self, word: &mut Word) {
        let c = self
            .text
            .get(self.at..)
            .and_then(|rest| rest.chars().next());
        if let Some(c) = c {
            word.text.push(c);
        }
        self.at += c.map_or(1, char::len_utf8);
    }

    /// A quoted part. A quote that is not closed soon is a sign like any other.
    fn quote(&mut self, word: &mut Word, quote: u8, depth: u8) {
        let before = self.at.checked_sub(1).map_or(b' ', |at| {
            self.text.as_bytes().get(at).copied().unwrap_or(b' ')
        });
        let apostrophe =
            quote == b'\'' && before.is_ascii_alphabetic() && self.byte(1).is_ascii_alphabetic();
        let end = if apostrophe { None } else { self.closes(quote) };
        let Some(end) = end else {
            self.at += 1;
            return;
        };
        word.quoted = true;
        self.at += 1;
        while self.at < end {
            match self.byte(0) {
                b'$' if quote == b'"' && self.byte(1) == b'(' && depth < MAX_DEPTH => {
                    self.at += 2;
                    word.text.push_str("$()");
                    self.substitution(word, b')', depth);
                }
                b'`' if quote == b'"' => {
                    self.at += 1;
                    self.substitution(word, b'`', depth);
                }
                b'\\'
                    if quote == b'"'
                        && !self.backslash
                        && matches!(self.byte(1), b'"' | b'\\' | b'$' | b'`') =>
                {
                    self.at += 1;
                    self.push_char(word);
                }
                _ => self.push_char(word),
            }
        }
        self.at = self.at.max(end) + 1;
    }
}
