//! The guardrail: when the text is read, what becomes of findings, and how far a stream is judged.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use parapet_policy::compile::HoldBack;
use parapet_policy::outcome::Operation;

use super::SqlSanitizer;
use super::inject;
use super::locate::{self, Found};
use super::token::word_byte;
use super::words::{OBJECTS, PROSE};
use crate::excerpt;
use crate::finding::{Hit, Rank};
use crate::guardrail::{Built, CONTEXT_LIMIT, Guardrail, TextGuardrail};
use crate::scan::{Layer, Trigger, Wants};
use crate::segment::{Form, Segment};

/// The literals that decide whether a text is read. The first [`VERBS`] are destructive.
pub(crate) const LITERALS: &[&str] = &[
    "drop", "truncate", "alter", "grant", "revoke", "delete", "update", "select", "insert",
    "create",
];
const VERBS: u16 = 7;

/// The longest comment that a stream is held back for.
const LONGEST_COMMENT: u32 = 1024;

/// How many bytes before an unfinished statement are read again in a stream: enough to see the fence or
/// the string it stands in.
const CONTEXT: usize = 2048;

/// What to look for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    pub(super) drop: bool,
    pub(super) truncate: bool,
    pub(super) alter: bool,
    pub(super) grant: bool,
    pub(super) revoke: bool,
    pub(super) delete_without_where: bool,
    pub(super) update_without_where: bool,
    pub(super) interpolation: bool,
    pub(super) injection: bool,
}

/// The built guardrail.
struct Sanitizer {
    options: Options,
    /// Whether comments become edits.
    strips: bool,
}

/// Builds it.
pub(super) fn build(config: &SqlSanitizer, operation: Operation) -> Built {
    let options = Options {
        drop: config.block_drop,
        truncate: config.block_truncate,
        alter: config.block_alter,
        grant: config.block_grant,
        revoke: config.block_revoke,
        delete_without_where: config.block_delete_without_where,
        update_without_where: config.block_update_without_where,
        interpolation: config.require_parameterization,
        injection: config.block_injection,
    };
    if options.injection {
        inject::warm();
    }
    let strips = config.strip_comments && operation == Operation::Mutate;
    Built {
        guardrail: Guardrail::Text(Arc::new(Sanitizer { options, strips })),
        kind: "sql_sanitizer",
        hooks: &parapet_policy::hook::Hook::ALL,
        remarks: Vec::new(),
    }
}

impl Sanitizer {
    /// Whether a literal's place is worth reading the text for.
    fn is_promising(&self, text: &str, trigger: &Trigger) -> bool {
        let bytes = text.as_bytes();
        let (start, end) = (trigger.start as usize, trigger.end as usize);
        let before = start.checked_sub(1).and_then(|at| bytes.get(at)).copied();
        let after = bytes.get(end).copied().unwrap_or(b' ');
        if word_byte(after) || before.is_some_and(|b| word_byte(b) && b != b'n' && b != b't') {
            return false;
        }
        if trigger.literal >= VERBS {
            return self.strips || self.options.interpolation;
        }
        let rest = bytes.get(end..).unwrap_or_default();
        let Some(gap) = rest.iter().position(|b| !b.is_ascii_whitespace()) else {
            return false;
        };
        let rest = rest.get(gap..).unwrap_or_default();
        let length = rest.iter().take(20).take_while(|b| word_byte(**b)).count();
        if length == 0 {
            return !matches!(
                rest.first(),
                Some(b',' | b'.' | b')' | b'!' | b':' | b'=' | b'}')
            );
        }
        let word = rest
            .get(..length)
            .and_then(|word| std::str::from_utf8(word).ok())
            .unwrap_or("");
        let verb = bytes.get(start..end).unwrap_or_default();
        let shouted = verb.iter().all(u8::is_ascii_uppercase);
        // `UPDATE OR REPLACE`
        if trigger.literal == 6 && shouted && word == "OR" {
            return true;
        }
        // One letter can be a name.
        if length == 1 {
            return true;
        }
        let from = word.eq_ignore_ascii_case("from");
        match trigger.literal {
            // drop, alter
            0 | 2 => OBJECTS.contains(word) || (shouted && !PROSE.contains(word)),
            // delete
            5 => from || (shouted && !PROSE.contains(word)),
            _ => from || !PROSE.contains(word),
        }
    }
}

/// Places of statements that drop or empty a table: what the code safety linter wants to know of SQL.
pub(crate) fn destructive(text: &str, triggers: &[Trigger]) -> Vec<Range<usize>> {
    const OPTIONS: Options = Options {
        drop: true,
        truncate: true,
        alter: false,
        grant: false,
        revoke: false,
        delete_without_where: true,
        update_without_where: false,
        interpolation: false,
        injection: false,
    };
    let sanitizer = Sanitizer {
        options: OPTIONS,
        strips: false,
    };
    if !triggers
        .iter()
        .any(|trigger| sanitizer.is_promising(text, trigger))
    {
        return Vec::new();
    }
    let mut found = Found::default();
    excerpt::visit(text, &mut |excerpt| {
        locate::find(excerpt, &OPTIONS, &mut found)
    });
    let data = |range: &Range<usize>| {
        let dropped = text
            .get(range.clone())
            .unwrap_or_default()
            .to_ascii_uppercase();
        ["TABLE", "DATABASE", "SCHEMA"]
            .iter()
            .any(|word| dropped.contains(word))
    };
    let found = found.objections.into_iter();
    let kept = found.filter(|(category, range)| *category != "sql_drop" || data(range));
    kept.map(|(_, range)| range).collect()
}

impl TextGuardrail for Sanitizer {
    fn wants(&self) -> Wants {
        Wants::SQL
    }

    fn scan(&self, layer: &Layer<'_>, segment: &Segment, hits: &mut Vec<Hit>) {
        if !reads(segment) {
            return;
        }
        let text = layer.text();
        let mut found = Found::default();
        let triggers = layer.triggers(Wants::SQL);
        if triggers
            .iter()
            .any(|trigger| self.is_promising(text, trigger))
        {
            excerpt::visit(text, &mut |excerpt| {
                locate::find(excerpt, &self.options, &mut found)
            });
        }
        if self.options.injection {
            excerpt::visit(text, &mut |excerpt| locate::payloads(excerpt, &mut found));
        }
        for (category, range) in found.objections {
            hits.push(Hit {
                range,
                category: Cow::Borrowed(category),
                score: 1.0,
                rank: Rank::Checksum,
                replacement: None,
            });
        }
        if self.strips {
            hits.extend(found.comments.into_iter().map(|range| Hit {
                replacement: Some(blank(text, &range).into()),
                range,
                category: Cow::Borrowed("sql_comment"),
                score: 1.0,
                rank: Rank::Context,
            }));
        }
    }

    fn reads_alike(&self, one: &Segment, other: &Segment) -> bool {
        reads(one) == reads(other)
    }

    fn hold_back(&self) -> HoldBack {
        HoldBack::Bytes(if self.strips { LONGEST_COMMENT } else { 0 })
    }

    fn pending_from(&self, text: &str, from: usize) -> usize {
        if self.strips {
            open_comment(text, from)
        } else {
            text.len()
        }
    }

    fn judges_late(&self) -> bool {
        true
    }

    fn judged_to(&self, text: &str, from: usize) -> usize {
        let mut judged = statement_start(text).min(self.pending_from(text, from));
        if self.options.injection || self.options.interpolation {
            // These hits begin with their line or literal, where a `;` may stand in them.
            judged = judged.min(text.rfind('\n').map_or(0, |at| at + 1));
        }
        judged
    }

    fn context_from(&self, text: &str, from: usize) -> usize {
        let judged = self.judged_to(text, from);
        excerpt::block_start(text, text.len() - judged + CONTEXT).min(judged)
    }
}

/// Whether texts of a segment are read at all: what JSON in a string holds comes as leaves too.
const fn reads(segment: &Segment) -> bool {
    !matches!(segment.form, Form::JsonRaw | Form::JsonNumber)
}

/// What is put in a comment's place: a space where two words would run together.
fn blank(text: &str, range: &Range<usize>) -> &'static str {
    let before = text.get(..range.start).and_then(|t| t.bytes().next_back());
    let after = text.get(range.end..).and_then(|t| t.bytes().next());
    if before.is_some_and(word_byte) && after.is_some_and(word_byte) {
        " "
    } else {
        ""
    }
}

/// Where the statement begins that the end of `text` cuts off.
fn statement_start(text: &str) -> usize {
    let begin = excerpt::tail(text, CONTEXT_LIMIT);
    let window = text.get(begin..).unwrap_or_default();
    let ends = |at: &usize| {
        let head = window.get(..=*at).unwrap_or_default();
        [";", "\n\n", "```"].iter().any(|mark| head.ends_with(mark))
    };
    let end = memchr::memrchr3_iter(b'\n', b'`', b';', window.as_bytes()).find(ends);
    begin + end.map_or(0, |at| at + 1)
}

/// Where a comment begins whose end is still to come.
fn open_comment(text: &str, from: usize) -> usize {
    let mut at = from;
    while let Some(found) = memchr::memchr3(
        b'-',
        b'/',
        b'#',
        text.as_bytes().get(at..).unwrap_or_default(),
    ) {
        at += found;
        let rest = text.get(at..).unwrap_or_default();
        let end = if rest.starts_with("--") || (rest.starts_with('#') && !rest.starts_with("#{")) {
            rest.find('\n').map(|n| n + 1)
        } else if rest.starts_with("/*") {
            rest.find("*/").map(|n| n + 2)
        } else if rest.len() == 1 {
            None
        } else {
            at += 1;
            continue;
        };
        // What follows decides whether it is a comment of SQL.
        match end {
            Some(end)
                if rest
                    .get(end..)
                    .is_some_and(|rest| rest.trim_start().contains([' ', '\n', ';', '('])) =>
            {
                at += end;
            }
            _ => return at,
        }
    }
    text.len()
}
