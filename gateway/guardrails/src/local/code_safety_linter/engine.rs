//! The guardrail: what is read of a text, and how far a stream is judged.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use parapet_policy::compile::HoldBack;

use super::calls::{self, Found};
use super::language::Family;
use super::triggers::{self, Reading};
use super::{bombs, commands, shell};
use crate::excerpt::{self, Excerpt, Setting};
use crate::finding::{Hit, Rank};
use crate::guardrail::{Built, Guardrail, TextGuardrail};
use crate::local::sql_sanitizer;
use crate::scan::{Layer, Wants};
use crate::segment::{Form, Segment};

/// How many bytes before an unfinished line are read again in a stream: enough to see the fence and the
/// imports of a fragment.
const CONTEXT: usize = 4096;

/// How many lines a stream waits for at most before it judges an unfinished one.
const MAX_JOINED: usize = 8;

/// The built guardrail. There is nothing to configure.
struct Linter;

/// Builds it.
pub(super) fn build() -> Built {
    Built {
        guardrail: Guardrail::Text(Arc::new(Linter)),
        kind: "code_safety_linter",
        hooks: &parapet_policy::hook::Hook::ALL,
        remarks: Vec::new(),
    }
}

/// Places of the layer that are worth reading, in order.
#[derive(Debug, Default)]
struct Places {
    calls: Vec<usize>,
    commands: Vec<usize>,
}

impl Places {
    fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.commands.is_empty()
    }

    /// Whether one lies in a range of the source.
    fn in_range(list: &[usize], range: &Range<usize>) -> bool {
        list.get(list.partition_point(|at| *at < range.start))
            .is_some_and(|at| *at < range.end)
    }
}

impl TextGuardrail for Linter {
    fn wants(&self) -> Wants {
        Wants::CODE.and(Wants::SQL)
    }

    fn scan(&self, layer: &Layer<'_>, segment: &Segment, hits: &mut Vec<Hit>) {
        if !reads(segment) {
            return;
        }
        let text = layer.text();
        let mut places = Places::default();
        for trigger in layer.triggers(Wants::CODE) {
            let (start, end) = (trigger.start as usize, trigger.end as usize);
            match triggers::reading(text, trigger.literal, start, end) {
                Some(Reading::Calls) => places.calls.push(start),
                Some(Reading::Commands) => places.commands.push(start),
                None => {}
            }
        }
        let mut hit = |(category, range): Found| {
            hits.push(Hit {
                range,
                category: Cow::Borrowed(category),
                score: 1.0,
                rank: Rank::Checksum,
                replacement: None,
            });
        };
        if !places.is_empty() {
            excerpt::visit(text, &mut |excerpt| read(excerpt, &places, &mut hit));
        }
        for range in sql_sanitizer::destructive(text, layer.triggers(Wants::SQL)) {
            hit(("sql_destructive", range));
        }
    }

    fn reads_alike(&self, one: &Segment, other: &Segment) -> bool {
        reads(one) == reads(other)
    }

    fn hold_back(&self) -> HoldBack {
        HoldBack::Bytes(0)
    }

    fn pending_from(&self, text: &str, _from: usize) -> usize {
        text.len()
    }

    fn judges_late(&self) -> bool {
        true
    }

    /// Lines are judged when they end.
    fn judged_to(&self, text: &str, _from: usize) -> usize {
        let mut end = text.rfind('\n').map_or(0, |at| at + 1);
        // Arguments on the next line belong to a call, a pipe to its line.
        for _ in 0..MAX_JOINED {
            let before = text.get(..end).unwrap_or_default().trim_end();
            if !before.ends_with(['\\', '|', '(', '[', '{', ',']) {
                break;
            }
            end = before.rfind('\n').map_or(0, |at| at + 1);
        }
        end
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

/// Reads one excerpt where there is something to read.
fn read(excerpt: &Excerpt<'_>, places: &Places, hit: &mut dyn FnMut(Found)) {
    let whole = excerpt.source(&(0..excerpt.text.len()));
    let family = match excerpt.setting {
        Setting::Fence => Family::of(excerpt.language),
        Setting::Plain | Setting::Json => Family::guess(excerpt.text),
    };
    let mut found = Vec::new();
    if family.has_calls() && Places::in_range(&places.calls, &whole) {
        calls::find(excerpt.text, family, &mut found);
    }
    if family.has_commands() || excerpt.setting != Setting::Fence {
        // Code in an argument is found through its command.
        let wanted = |range: &Range<usize>, line: &str| {
            let range = excerpt.source(range);
            Places::in_range(&places.commands, &range)
                || (Places::in_range(&places.calls, &range)
                    && [" -c", " -e", " -r"]
                        .iter()
                        .any(|option| line.contains(option)))
        };
        lines(excerpt.text, family == Family::Windows, &wanted, &mut found);
    }
    for (category, range) in found {
        hit((category, excerpt.source(&range)));
    }
}

/// Reads the lines that are wanted as commands.
fn lines(
    text: &str,
    backslash: bool,
    wanted: &dyn Fn(&Range<usize>, &str) -> bool,
    found: &mut Vec<Found>,
) {
    let mut done = 0;
    let mut at = 0;
    // The first of the lines that a `\` joins.
    let mut joined = None;
    for line in text.split_inclusive('\n') {
        let range = at..at + line.len();
        at = range.end;
        let start = joined.unwrap_or(range.start);
        joined = line.trim_end().ends_with(['\\', '|']).then_some(start);
        if start < done || !wanted(&range, line) {
            continue;
        }
        let windows = backslash || line.contains(":\\") || line.contains("HK");
        let first = text.get(start..range.end).unwrap_or_default();
        let before = found.len();
        let script = shell::line(text, start + prompt(first), windows);
        done = script.end.max(range.end);
        joined = None;
        commands::judge(&script, None, windows, 0, found);
        if let Some(bomb) = bombs::find(line) {
            found.push((
                "fork_bomb",
                range.start + bomb.start..range.start + bomb.end,
            ));
        }
        // `What I ran was: rm -rf x`
        if found.len() == before
            && let Some(colon) = line.find(": ")
        {
            let script = shell::line(text, range.start + colon + 2, windows);
            commands::judge(&script, None, windows, 0, found);
        }
    }
}

/// The length of a prompt at the beginning of a line: `C:\\>`, `PS C:\\>`, `user@host:~#`, `[user@host ~]$`.
fn prompt(line: &str) -> usize {
    let blank = line.len() - line.trim_start().len();
    let text = line.trim_start();
    let windows = text.starts_with("PS ") || text.get(1..3) == Some(":\\");
    let end = if windows {
        text.find("> ").or_else(|| text.find('>')).map(|at| at + 1)
    } else {
        let head = text.get(..text.find(' ').unwrap_or(0)).unwrap_or_default();
        let plain = head.contains('@') && head.ends_with(['#', '$']);
        let bracketed = text.starts_with('[') && text.contains("]# ") | text.contains("]$ ");
        if plain {
            Some(head.len())
        } else if bracketed {
            text.find("]").map(|at| at + 2)
        } else if text.starts_with("+ ") {
            Some(2)
        } else {
            None
        }
    };
    end.filter(|end| *end < 80 && text.is_char_boundary(*end))
        .map_or(0, |end| blank + end)
}
