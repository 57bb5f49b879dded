//! Where code stands in a chat text: fenced blocks, strings of JSON, and the text around them.

use std::ops::Range;

mod json;

/// How deep JSON strings are opened: `{"body": "{\"query\": \"...\"}"}` is two.
const MAX_DEPTH: u8 = 2;

/// What an excerpt is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Setting {
    /// Text outside of fences: prose, or code that is not fenced.
    Plain,
    /// The content of a fenced block.
    Fence,
    /// A string value of a JSON object, unescaped. It is also part of a plain or fenced excerpt.
    Json,
}

/// A part of a text, with the way back to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Excerpt<'t> {
    /// Its text, unescaped.
    pub(crate) text: &'t str,
    /// What it is.
    pub(crate) setting: Setting,
    /// A fence's language as written, or empty.
    pub(crate) language: &'t str,
    /// The nearest JSON key above, or empty.
    pub(crate) key: &'t str,
    /// Where it begins: an offset of the source, or of `map`.
    base: usize,
    /// Source offset of every byte, when the text was unescaped; else empty.
    map: &'t [u32],
}

impl<'t> Excerpt<'t> {
    /// A whole text.
    pub(crate) const fn whole(text: &'t str) -> Self {
        Self {
            text,
            setting: Setting::Plain,
            language: "",
            key: "",
            base: 0,
            map: &[],
        }
    }

    /// The source offset of a byte offset of the excerpt.
    fn offset(&self, at: usize) -> usize {
        if self.map.is_empty() {
            self.base + at
        } else {
            let at = (self.base + at).min(self.map.len() - 1);
            self.map.get(at).map_or(0, |offset| *offset as usize)
        }
    }

    /// The source range of a range of the excerpt. It covers whole escapes.
    pub(crate) fn source(&self, range: &Range<usize>) -> Range<usize> {
        self.offset(range.start)..self.offset(range.end)
    }

    /// A part of it.
    pub(crate) fn part(&self, range: Range<usize>) -> Option<Self> {
        let text = self.text.get(range.clone())?;
        Some(Self {
            text,
            base: self.base + range.start,
            ..*self
        })
    }
}

/// Unescaped text with the source offset of each of its bytes and of its end.
#[derive(Debug, Default)]
pub(crate) struct Unescaped {
    text: String,
    map: Vec<u32>,
}

impl Unescaped {
    /// Adds a character that stands at `at` of the source.
    pub(crate) fn push(&mut self, c: char, at: usize) {
        self.text.push(c);
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        self.map.resize(self.text.len(), at);
    }

    /// Adds text that stands in `excerpt` at `at` as it is.
    pub(crate) fn push_str(&mut self, text: &str, excerpt: &Excerpt<'_>, at: usize) {
        self.text.push_str(text);
        self.map.extend(
            (at..at + text.len()).map(|at| u32::try_from(excerpt.offset(at)).unwrap_or(u32::MAX)),
        );
    }

    /// Closes it: `end` is the source offset after the last character.
    pub(crate) fn close(&mut self, end: usize) {
        self.map.push(u32::try_from(end).unwrap_or(u32::MAX));
    }

    /// It as an excerpt like `like`.
    pub(crate) fn excerpt<'a>(&'a self, like: &Excerpt<'a>, setting: Setting) -> Excerpt<'a> {
        Excerpt {
            text: &self.text,
            setting,
            base: 0,
            map: &self.map,
            ..*like
        }
    }
}

/// Visits the excerpts of a text: every byte is part of at most one plain or fenced excerpt, and JSON
/// strings come in addition, opened. Takes time linear in the text.
pub(crate) fn visit(text: &str, each: &mut dyn FnMut(&Excerpt<'_>)) {
    visit_in(&Excerpt::whole(text), 0, each);
}

fn visit_in(whole: &Excerpt<'_>, depth: u8, each: &mut dyn FnMut(&Excerpt<'_>)) {
    let inner = if depth == 0 {
        Setting::Plain
    } else {
        Setting::Json
    };
    for_each_block(whole.text, &mut |range, language| {
        let Some(part) = whole.part(range) else {
            return;
        };
        let setting = if language.is_some() {
            Setting::Fence
        } else {
            inner
        };
        let part = Excerpt {
            setting,
            language: language.unwrap_or(""),
            ..part
        };
        each(&part);
        if depth < MAX_DEPTH {
            json::for_each_string(&part, &mut |string| visit_in(string, depth + 1, each));
        }
    });
}

/// The fence that a line opens or closes: its character, its length, and the rest of the line.
fn fence(line: &str) -> Option<(u8, usize, &str)> {
    let line = line.trim_start_matches([' ', '\t', '>']);
    let mark = *line
        .as_bytes()
        .first()
        .filter(|b| matches!(b, b'`' | b'~'))?;
    let length = line.bytes().take_while(|b| *b == mark).count();
    let info = line.get(length..)?.trim();
    (length >= 3 && !info.contains('`')).then_some((mark, length, info))
}

/// Cuts a text into fenced blocks (with their language) and what is between them.
fn for_each_block<'t>(text: &'t str, each: &mut dyn FnMut(Range<usize>, Option<&'t str>)) {
    let marked = memchr::memmem::find(text.as_bytes(), b"```").is_some()
        || memchr::memmem::find(text.as_bytes(), b"~~~").is_some();
    if !marked {
        return each(0..text.len(), None);
    }
    let mut open: Option<(u8, usize, &'t str)> = None;
    let mut begin = 0;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let (start, end) = (at, at + line.len());
        at = end;
        let Some((mark, length, info)) = fence(line) else {
            continue;
        };
        let closes = open.is_some_and(|(m, l, _)| m == mark && length >= l && info.is_empty());
        match open {
            Some(_) if !closes => continue,
            Some((_, _, language)) => {
                each(begin..start, Some(language));
                open = None;
            }
            None => {
                each(begin..start, None);
                let language = info.split([' ', '{', ',', ':', '\t']).next().unwrap_or("");
                open = Some((mark, length, language));
            }
        }
        begin = end;
    }
    if begin < text.len() {
        each(begin..text.len(), open.map(|(_, _, language)| language));
    }
}

/// Where the last `limit` bytes of a text begin, on a character boundary.
pub(crate) fn tail(text: &str, limit: usize) -> usize {
    let mut at = text.len().saturating_sub(limit);
    while !text.is_char_boundary(at) {
        at += 1;
    }
    at
}

/// Where the paragraph or the fenced block begins that the end of `text` belongs to, at most `limit`
/// bytes before it.
pub(crate) fn block_start(text: &str, limit: usize) -> usize {
    let begin = tail(text, limit);
    let window = text.get(begin..).unwrap_or_default();
    let fences = memchr::memmem::find_iter(window.as_bytes(), b"```").count();
    if fences % 2 == 1 {
        return begin + window.rfind("```").unwrap_or(0);
    }
    begin + window.rfind("\n\n").map_or(0, |at| at + 2)
}

#[cfg(test)]
mod tests;
