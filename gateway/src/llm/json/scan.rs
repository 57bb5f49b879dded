//! The scanner: a loop over values with its own stack, so that depth costs no call stack.

mod keys;

use super::{JsonError, Kind, MAX_DEPTH, MAX_LENGTH, Node, string};

pub(super) fn scan(text: &str) -> Result<Vec<Node>, JsonError> {
    if text.len() > MAX_LENGTH {
        return Err(JsonError::TooLong);
    }
    // A chat message takes some 40 bytes at least and three nodes; big strings make this too many, never
    // much memory.
    let nodes = Vec::with_capacity((text.len() / 64).clamp(16, 4096));
    let mut scanner = Scanner {
        text,
        bytes: text.as_bytes(),
        at: 0,
        nodes,
        stack: [0; MAX_DEPTH],
        depth: 0,
    };
    scanner.run()?;
    Ok(scanner.nodes)
}

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    nodes: Vec<Node>,
    /// Indices of the open arrays and objects.
    stack: [u32; MAX_DEPTH],
    depth: usize,
}

#[derive(Clone, Copy, Default)]
struct Key {
    start: u32,
    end: u32,
    escaped: bool,
}

enum Next {
    /// An object was opened: a key comes.
    Key,
    /// An array was opened: a value comes.
    Value,
    /// The value is complete.
    After,
}

impl Scanner<'_> {
    fn run(&mut self) -> Result<(), JsonError> {
        let mut key = Key::default();
        self.space();
        loop {
            let mut next = self.value(key)?;
            loop {
                match next {
                    Next::Key => {
                        key = self.key()?;
                        break;
                    }
                    Next::Value => {
                        key = Key::default();
                        break;
                    }
                    Next::After => {
                        self.space();
                        let Some(open) = self.open() else {
                            return match self.peek() {
                                None => Ok(()),
                                Some(_) => Err(self.expected("end of input")),
                            };
                        };
                        next = self.after(open)?;
                    }
                }
            }
        }
    }

    fn open(&self) -> Option<usize> {
        let top = self.depth.checked_sub(1)?;
        self.stack.get(top).map(|index| *index as usize)
    }

    /// What follows a value inside of `open`.
    fn after(&mut self, open: usize) -> Result<Next, JsonError> {
        let in_object = self
            .nodes
            .get(open)
            .is_some_and(|node| node.kind == Kind::Object);
        match (self.peek(), in_object) {
            (Some(b','), true) => {
                self.at += 1;
                self.space();
                Ok(Next::Key)
            }
            (Some(b','), false) => {
                self.at += 1;
                self.space();
                Ok(Next::Value)
            }
            (Some(b'}'), true) | (Some(b']'), false) => {
                self.at += 1;
                self.close(open, in_object)?;
                Ok(Next::After)
            }
            (_, true) => Err(self.expected("',' or '}'")),
            (_, false) => Err(self.expected("',' or ']'")),
        }
    }

    fn close(&mut self, open: usize, object: bool) -> Result<(), JsonError> {
        self.depth -= 1;
        let next = self.nodes.len() as u32;
        let end = self.at as u32;
        if let Some(node) = self.nodes.get_mut(open) {
            node.next = next;
            node.end = end;
        }
        if object {
            self.unique_keys(open)
        } else {
            Ok(())
        }
    }

    fn value(&mut self, key: Key) -> Result<Next, JsonError> {
        let start = self.at;
        match self.peek() {
            Some(b'"') => {
                let (end, escaped) = self.string()?;
                self.push(Kind::String, start, end + 1, key, escaped);
            }
            Some(b'{') => return self.container(Kind::Object, b'}', Next::Key, key),
            Some(b'[') => return self.container(Kind::Array, b']', Next::Value, key),
            Some(b't') => self.word("true", Kind::Bool, key)?,
            Some(b'f') => self.word("false", Kind::Bool, key)?,
            Some(b'n') => self.word("null", Kind::Null, key)?,
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
                self.push(Kind::Number, start, self.at, key, false);
            }
            _ => return Err(self.expected("a value")),
        }
        Ok(Next::After)
    }

    fn container(
        &mut self,
        kind: Kind,
        closing: u8,
        inside: Next,
        key: Key,
    ) -> Result<Next, JsonError> {
        let start = self.at;
        self.at += 1;
        self.space();
        let index = self.nodes.len() as u32;
        let Some(slot) = self.stack.get_mut(self.depth) else {
            return Err(JsonError::TooDeep { at: start });
        };
        if self.bytes.get(self.at) == Some(&closing) {
            self.at += 1;
            self.push(kind, start, self.at, key, false);
            return Ok(Next::After);
        }
        *slot = index;
        self.depth += 1;
        // `end` and `next` are set when it closes.
        self.push(kind, start, start, key, false);
        Ok(inside)
    }

    fn push(&mut self, kind: Kind, start: usize, end: usize, key: Key, escaped: bool) {
        let next = self.nodes.len() as u32 + 1;
        self.nodes.push(Node {
            start: start as u32,
            end: end as u32,
            next,
            key_start: key.start,
            key_end: key.end,
            kind,
            escaped,
            key_escaped: key.escaped,
        });
    }

    fn key(&mut self) -> Result<Key, JsonError> {
        if self.peek() != Some(b'"') {
            return Err(self.expected("a key in quotes"));
        }
        let start = self.at as u32 + 1;
        let (end, escaped) = self.string()?;
        self.space();
        if self.peek() != Some(b':') {
            return Err(self.expected("':'"));
        }
        self.at += 1;
        self.space();
        Ok(Key {
            start,
            end: end as u32,
            escaped,
        })
    }

    /// Reads a string from its opening quote; gives the place of the closing one and whether there are
    /// escapes.
    fn string(&mut self) -> Result<(usize, bool), JsonError> {
        let mut at = self.at + 1;
        let mut escaped = false;
        loop {
            at += string::special(self.bytes.get(at..).unwrap_or_default());
            match self.bytes.get(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    return Ok((at, escaped));
                }
                Some(b'\\') => {
                    escaped = true;
                    at += match self.bytes.get(at + 1) {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
                        Some(b'u') => {
                            let digits = self.bytes.get(at + 2..at + 6).unwrap_or_default();
                            if digits.len() != 4 || !digits.iter().all(u8::is_ascii_hexdigit) {
                                self.at = at;
                                return Err(self.expected("four hexadecimal digits after \\u"));
                            }
                            6
                        }
                        _ => {
                            self.at = at;
                            return Err(self.expected("an escape"));
                        }
                    };
                }
                Some(_) => {
                    self.at = at;
                    return Err(self.expected("an escaped control character"));
                }
                None => {
                    self.at = self.bytes.len();
                    return Err(self.expected("a closing quote"));
                }
            }
        }
    }

    fn number(&mut self) -> Result<(), JsonError> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let from = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == from {
            Err(self.expected("a digit"))
        } else {
            Ok(())
        }
    }

    fn word(&mut self, word: &'static str, kind: Kind, key: Key) -> Result<(), JsonError> {
        let start = self.at;
        if self.bytes.get(start..start + word.len()) != Some(word.as_bytes()) {
            return Err(self.expected("a value"));
        }
        self.at += word.len();
        self.push(kind, start, self.at, key, false);
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    const fn expected(&self, expected: &'static str) -> JsonError {
        JsonError::Syntax {
            at: self.at,
            expected,
        }
    }
}
