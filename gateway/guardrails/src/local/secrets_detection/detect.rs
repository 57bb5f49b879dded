//! Secrets in one text: where a literal stands, the rule behind it decides.

use std::ops::Range;
use std::sync::Arc;

use parapet_policy::compile::HoldBack;

use super::assignment::{self, Assigned};
use super::blocks::{self, Block};
use super::entropy::entropy;
use super::jwt::{self, Jwt};
use super::name::{Class, SERVICES, class_of};
use super::rules::{self, Behind, Check, Rule};
use super::shape::{self, Fit};
use super::{curl, github, url, value};
use crate::finding::{Hit, Rank};
use crate::guardrail::TextGuardrail;
use crate::scan::{ByteSet, Layer, OpenMatch, Trigger, Until, Wants};
use crate::segment::{Form, Segment};

/// Words that names of secrets have in them, and `://`, case-insensitive.
static WORDS: &[&str] = &[
    "://",
    " -u ",
    " --user",
    "passw",
    "passphrase",
    "passcode",
    "kennwort",
    "_pass",
    "-pass",
    "dbpass",
    "pwd",
    "secret",
    "token",
    "key",
    "credential",
    "authorization",
    "bearer",
    "_auth",
    "cookie",
    "_pat",
];

/// Literals that the shared scan looks for case-insensitively.
pub(crate) fn literals() -> Vec<&'static str> {
    WORDS.iter().chain(SERVICES).copied().collect()
}

/// Literals of the shared scan that are no rule's, in their order behind the rules' own.
const SPECIAL: [&str; 3] = ["-----BEGIN", "eyJ", "LS0tLS1CRUdJTi"];

/// Literals that the shared scan looks for case-sensitively.
pub(crate) fn exact_literals() -> Vec<&'static str> {
    rules::literals().chain(SPECIAL).collect()
}

/// Text in front of what is pending that a stream still has to show: names and operators.
const CONTEXT: usize = 160;
/// How far back in a stream's text something that goes on at its end may have begun.
const WINDOW: usize = 4 * 1024;

/// The guardrail.
pub(super) struct Detector {
    replacement: Arc<str>,
    /// Number of rule literals, which come first among the exact ones.
    rule_literals: usize,
}

/// Something that begins at an offset and that the end of the text cuts off.
struct Open {
    start: usize,
    /// When it is a secret for certain: what, and what ends it.
    certain: Option<(&'static str, Until)>,
}

/// Where findings go.
struct Sink<'a> {
    text: &'a str,
    hits: Vec<Hit>,
    open: Vec<Open>,
    replacement: &'a Arc<str>,
}

impl Sink<'_> {
    fn hit(&mut self, range: Range<usize>, category: &'static str, rank: Rank, score: f32) {
        let replacement = Some(self.replacement.clone());
        self.hits.push(Hit {
            range,
            category: category.into(),
            score,
            rank,
            replacement,
        });
    }

    fn open(&mut self, start: usize) {
        self.open.push(Open {
            start,
            certain: None,
        });
    }

    fn open_for_certain(&mut self, start: usize, category: &'static str, until: Until) {
        self.open.push(Open {
            start,
            certain: Some((category, until)),
        });
    }
}

impl Detector {
    pub(super) fn new(replacement: Arc<str>) -> Self {
        Self {
            replacement,
            rule_literals: rules::literals().count(),
        }
    }

    fn detect<'a>(&'a self, text: &'a str, triggers: &[Trigger]) -> Sink<'a> {
        let mut sink = Sink {
            text,
            hits: Vec::new(),
            open: Vec::new(),
            replacement: &self.replacement,
        };
        let mut named = 0;
        for trigger in triggers {
            let range = trigger.start as usize..trigger.end as usize;
            let literal = usize::from(trigger.literal);
            match literal.checked_sub(WORDS.len() + SERVICES.len()) {
                None if literal == 0 => address(&mut sink, range.end),
                None if literal <= 2 => argument(&mut sink, range.end),
                None if range.start >= named => {
                    named = self.assignment(&mut sink, range).max(named)
                }
                None => {}
                Some(exact) if exact < self.rule_literals => {
                    for rule in rules::of(exact) {
                        token(&mut sink, rule, &range);
                    }
                }
                Some(exact) => match exact - self.rule_literals {
                    0 => block(&mut sink, range.start),
                    1 => web_token(&mut sink, range.start),
                    _ => encoded_block(&mut sink, range.start),
                },
            }
        }
        sink
    }

    fn assignment(&self, sink: &mut Sink<'_>, word: Range<usize>) -> usize {
        let Some(Assigned {
            value,
            done,
            class,
            secret,
            cut_off,
        }) = assignment::read(sink.text, word)
        else {
            return 0;
        };
        if cut_off {
            sink.open(value.start);
        }
        if secret {
            sink.hit(value, category_of(class), Rank::Context, 0.7);
        }
        done
    }

    /// What is under way at the end of a stream's text.
    fn under_way(&self, text: &str, from: usize) -> Vec<Open> {
        let start = text.floor_char_boundary(
            from.saturating_sub(CONTEXT)
                .max(text.len().saturating_sub(WINDOW)),
        );
        let tail = text.get(start..).unwrap_or_default();
        let triggers = crate::scan::triggers_of(tail, Wants::SECRETS);
        let mut open = self.detect(tail, &triggers).open;
        let begun = partial_literal(tail).into_iter().chain(partial_token(tail));
        open.extend(begun.map(|start| Open {
            start,
            certain: None,
        }));
        for open in &mut open {
            open.start = (open.start + start).max(from);
        }
        open
    }
}

impl TextGuardrail for Detector {
    fn wants(&self) -> Wants {
        Wants::SECRETS
    }

    fn scan(&self, layer: &Layer<'_>, segment: &Segment, hits: &mut Vec<Hit>) {
        let triggers = layer.triggers(Wants::SECRETS);
        if !triggers.is_empty() {
            hits.append(&mut self.detect(layer.text(), triggers).hits);
        }
        if segment.form == Form::JsonLeaf
            && let Some(key) = &segment.key
            && let Some(class) = assignment::named_secret(key, layer.text())
        {
            hits.push(Hit {
                range: 0..layer.text().len(),
                category: category_of(class).into(),
                score: 0.7,
                rank: Rank::Context,
                replacement: Some(self.replacement.clone()),
            });
        }
    }

    fn reads_alike(&self, one: &Segment, other: &Segment) -> bool {
        named(one) == named(other)
    }

    fn hold_back(&self) -> HoldBack {
        // Longer ones are swallowed to their end.
        HoldBack::Bytes(1024)
    }

    fn pending_from(&self, text: &str, from: usize) -> usize {
        self.under_way(text, from)
            .iter()
            .map(|open| open.start)
            .fold(text.len(), usize::min)
    }

    fn context_from(&self, text: &str, from: usize) -> usize {
        text.floor_char_boundary(self.pending_from(text, from).saturating_sub(CONTEXT))
    }

    fn open_match(&self, text: &str, from: usize) -> Option<OpenMatch> {
        let open = self.under_way(text, from);
        let first = open
            .into_iter()
            .filter_map(|open| Some((open.start, open.certain?)));
        let (start, (category, until)) = first.min_by_key(|(start, _)| *start)?;
        let replacement = Some(self.replacement.clone());
        Some(OpenMatch {
            start,
            category: category.into(),
            replacement,
            until,
        })
    }
}

/// What the key above a leaf says of it.
fn named(segment: &Segment) -> Option<Class> {
    let key = segment.key.as_deref();
    class_of(key.filter(|_| segment.form == Form::JsonLeaf)?)
}

const fn category_of(class: Class) -> &'static str {
    match class {
        Class::Password => "password",
        Class::Secret | Class::Weak => "generic_secret",
    }
}

fn token(sink: &mut Sink<'_>, rule: &Rule, literal: &Range<usize>) {
    let bytes = sink.text.as_bytes();
    let mut first = literal.start;
    let mut start = literal.start;
    if let Some(Behind {
        set,
        least,
        most,
        spared,
    }) = rule.behind
    {
        let before = bytes.get(..first).unwrap_or_default();
        let length = before
            .iter()
            .rev()
            .take(most)
            .take_while(|byte| set.has(**byte))
            .count();
        if length < least {
            return;
        }
        first -= length;
        start = spared.map_or(start, |spared| first + spared);
    }
    let before = first.checked_sub(1).and_then(|at| bytes.get(at));
    if before.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'-') {
        return;
    }
    let (end, open) = match shape::fit(sink.text, literal.end, rule.parts) {
        Fit::No => return,
        Fit::Yes(end) => (Some(end), false),
        Fit::CutOff(end) => (end, true),
    };
    let real = end.filter(|end| {
        let random = sink.text.get(literal.end..*end).unwrap_or_default();
        let before = sink.text.get(first..literal.start).unwrap_or_default();
        let random = if random.len() < before.len() {
            before
        } else {
            random
        };
        entropy(random) >= rule.floor && (rule.floor == 0.0 || !value::is_made_up(random))
    });
    if open {
        match real {
            Some(_) => sink.open_for_certain(
                start,
                rule.category,
                Until::Outside(shape::last_set(rule.parts)),
            ),
            None => sink.open(start),
        }
    }
    if let Some(end) = real {
        let random = sink.text.get(literal.end..end).unwrap_or_default();
        match rule.check {
            Check::GitHub if github::checksum_holds(random) => {
                sink.hit(start..end, rule.category, Rank::Checksum, 1.0)
            }
            Check::GitHub | Check::None => sink.hit(start..end, rule.category, Rank::Prefix, 0.9),
        }
    }
}

fn block(sink: &mut Sink<'_>, start: usize) {
    match blocks::pem(sink.text, start) {
        Block::No => {}
        Block::Yes(end) => sink.hit(start..end, "private_key", Rank::Checksum, 1.0),
        Block::Maybe => sink.open(start),
        Block::Open => {
            sink.open_for_certain(start, "private_key", Until::Mark("-----END", "-----"));
            sink.hit(start..sink.text.len(), "private_key", Rank::Checksum, 1.0);
        }
    }
}

/// A PEM block in base64. A run of it that reads as text is decoded by the scan; this is for what wraps.
fn encoded_block(sink: &mut Sink<'_>, start: usize) {
    let set = ByteSet::alphanumeric_and(b"+/=");
    let bytes = sink.text.as_bytes();
    // In the middle of a run it is no beginning.
    if start
        .checked_sub(1)
        .and_then(|at| bytes.get(at))
        .is_some_and(|byte| shape::BASE64.has(*byte))
    {
        return;
    }
    let rest = bytes.get(start..).unwrap_or_default();
    let length = rest.iter().take_while(|byte| set.has(**byte)).count();
    let long = length >= 100;
    if long {
        sink.hit(start..start + length, "private_key", Rank::Prefix, 0.9);
    }
    match (length == rest.len(), long) {
        (true, true) => sink.open_for_certain(start, "private_key", Until::Outside(set)),
        (true, false) => sink.open(start),
        (false, _) => {}
    }
}

fn web_token(sink: &mut Sink<'_>, start: usize) {
    let before = start
        .checked_sub(1)
        .and_then(|at| sink.text.as_bytes().get(at));
    if before.is_some_and(|byte| shape::URL.has(*byte)) {
        return;
    }
    let until = Until::Outside(ByteSet::alphanumeric_and(b"_-."));
    match jwt::read(sink.text, start) {
        Jwt::No => {}
        Jwt::Yes(end) => sink.hit(start..end, "jwt", Rank::Checksum, 0.9),
        Jwt::CutOff(None) => sink.open(start),
        Jwt::CutOff(Some(end)) => {
            sink.open_for_certain(start, "jwt", until);
            sink.hit(start..end, "jwt", Rank::Checksum, 0.9);
        }
    }
}

fn address(sink: &mut Sink<'_>, after: usize) {
    let (password, open) = url::password(sink.text, after);
    if let Some(start) = open {
        sink.open(start);
    }
    if let Some(password) = password {
        sink.hit(password, "connection_string", Rank::Context, 0.8);
    }
}

fn argument(sink: &mut Sink<'_>, after: usize) {
    let (password, open) = curl::password(sink.text, after);
    if let Some(start) = open {
        sink.open(start);
    }
    if let Some(password) = password {
        sink.hit(password, "password", Rank::Context, 0.7);
    }
}

/// Where a literal may have begun that the end of the text cuts off.
fn partial_literal(text: &str) -> Option<usize> {
    const LONGEST: usize = 32;
    let from = text.floor_char_boundary(text.len().saturating_sub(LONGEST));
    let tail = text.get(from..)?;
    tail.char_indices().map(|(at, _)| at).find_map(|at| {
        let rest = tail.get(at..)?;
        let before = (from + at)
            .checked_sub(1)
            .and_then(|at| text.as_bytes().get(at));
        let apart = !before.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
        let begins = match rest.as_bytes().first() {
            Some(b'-') if "-----BEGIN".starts_with(rest) => true,
            Some(b'L') if "LS0tLS1CRUdJTi".starts_with(rest) => true,
            _ => apart && (rules::literal_begins_with(rest) || "eyJ".starts_with(rest)),
        };
        begins.then_some(from + at)
    })
}

/// Where a token may go on whose literal, in its middle, is still to come or cut off.
fn partial_token(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let starts = rules::with_behind().flat_map(
        |(
            prefix,
            Behind {
                set,
                least,
                most,
                spared,
            },
        )| {
            let literal = prefix.as_bytes();
            (0..literal.len()).filter_map(move |length| {
                let before = bytes.strip_suffix(literal.get(..length)?)?;
                let run = before
                    .iter()
                    .rev()
                    .take(most + 1)
                    .take_while(|byte| set.has(**byte))
                    .count();
                match spared {
                    Some(spared) => {
                        (spared < run && run <= most).then(|| before.len() - run + spared)
                    }
                    None => (length > 0 && run >= least).then_some(before.len()),
                }
            })
        },
    );
    starts.min()
}

#[cfg(test)]
mod tests;
