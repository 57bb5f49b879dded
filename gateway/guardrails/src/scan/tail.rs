//! What a stream asks about the end of its text, for several guardrails at once.
//!
//! `text` is the channel's text so far, from [`Scanner::context_from`] on; `from` is how much of it has
//! been released. Answers are byte offsets of `text`.

use super::decoded::{Decoded, readings};
use super::open::{ByteSet, OpenMatch, Until};
use super::scanner::DEPTH;
use super::sites::{self, BASE64, Sites};
use super::{Scanner, plain_segment};
use crate::guardrail::TextGuardrail;

/// One of the questions that a guardrail answers about a text and an offset in it.
type Question = fn(&dyn TextGuardrail, &str, usize) -> usize;

/// The end of a stream's text, looked at once for all guardrails that are asked about it.
pub struct Tail<'t> {
    text: &'t str,
    from: usize,
    /// The text without what the end may cut in half, which can turn into anything: a match may go on before
    /// it, in it, behind it.
    whole: &'t str,
    /// What the end of `whole` stands for, and what the end of that stands for.
    readings: Vec<Decoded>,
    /// The same of `text`, when that is another one: an escape may stand in what only looks like a run.
    readings_now: Vec<Decoded>,
}

impl<'t> Tail<'t> {
    /// Looks at the end of `text`, of which `from` bytes have been released.
    pub fn of(text: &'t str, from: usize) -> Self {
        let unfinished = sites::unfinished(text, from).unwrap_or(text.len());
        let whole = text.get(..unfinished).unwrap_or(text);
        Self {
            text,
            from,
            whole,
            readings: last_readings(whole),
            readings_now: match whole.len() < text.len() {
                true => last_readings(text),
                false => Vec::new(),
            },
        }
    }

    /// How much of the text has been released.
    pub const fn from(&self) -> usize {
        self.from
    }

    /// The earliest offset, not released yet, at which a match of the guardrail, in the text or in a decoded form
    /// of it, may have begun that the end cuts off. Hold back from there.
    pub fn pending_from(&self, guardrail: &dyn TextGuardrail) -> usize {
        let question: Question = |guardrail, text, from| guardrail.pending_from(text, from);
        self.ask(guardrail, question).max(self.from)
    }

    /// The offset up to which this guardrail's hits are final: [`TextGuardrail::judged_to`] of the text
    /// and of its decoded forms.
    pub fn judged_to(&self, guardrail: &dyn TextGuardrail) -> usize {
        self.ask(guardrail, |guardrail, text, from| {
            guardrail.judged_to(text, from)
        })
    }

    /// The least answer, for the text as it is and decoded.
    fn ask(&self, guardrail: &dyn TextGuardrail, question: Question) -> usize {
        let mut least = question(guardrail, self.text, self.from).min(self.text.len());
        if self.whole.len() < self.text.len() {
            least = least
                .min(question(guardrail, self.whole, self.from))
                .min(self.whole.len());
        }
        let decoded = [
            (self.whole, &self.readings),
            (self.text, &self.readings_now),
        ];
        decoded.iter().fold(least, |least, (text, readings)| {
            least.min(ask_decoded(text, self.from, readings, guardrail, question))
        })
    }
}

impl Scanner {
    /// The earliest [`TextGuardrail::context_from`].
    pub fn context_from(
        &self,
        text: &str,
        from: usize,
        guardrails: &[&dyn TextGuardrail],
    ) -> usize {
        let asked = guardrails
            .iter()
            .map(|guardrail| guardrail.context_from(text, from));
        asked.fold(text.len(), usize::min)
    }

    /// The first match that has begun for certain and goes on, with the index of its guardrail.
    pub fn open_match(
        &self,
        text: &str,
        from: usize,
        guardrails: &[&dyn TextGuardrail],
    ) -> Option<(usize, OpenMatch)> {
        let plain = guardrails
            .iter()
            .enumerate()
            .filter_map(|(index, guardrail)| Some((index, guardrail.open_match(text, from)?)));
        let encoded = self.open_run(text, from, guardrails);
        plain.chain(encoded).min_by_key(|(_, open)| open.start)
    }

    /// An encoded run that goes on and in which something has been found.
    fn open_run(
        &self,
        text: &str,
        from: usize,
        guardrails: &[&dyn TextGuardrail],
    ) -> Option<(usize, OpenMatch)> {
        let start = sites::unfinished(text, from)?;
        let run = text.get(start..)?;
        let digits = match run.as_bytes().first() {
            Some(b'%') => ByteSet::of(b"%0123456789abcdefABCDEF"),
            Some(first) if BASE64.has(*first) => BASE64,
            Some(_) | None => return None,
        };
        let mut hits = vec![Vec::new(); guardrails.len()];
        self.scan(run, &plain_segment(), guardrails, &mut hits);
        let found = hits.into_iter().enumerate();
        let (index, hit) = found
            .filter_map(|(index, hits)| Some((index, hits.into_iter().next()?)))
            .next()?;
        let until = Until::Outside(digits);
        Some((
            index,
            OpenMatch {
                start,
                category: hit.category,
                replacement: hit.replacement,
                until,
            },
        ))
    }
}

/// What the end of a text stands for, what the end of that stands for, and so on.
fn last_readings(text: &str) -> Vec<Decoded> {
    let mut readings: Vec<Decoded> = Vec::new();
    for _ in 0..DEPTH {
        let source = readings.last().map_or(text, |reading| &reading.text);
        match last_reading(source) {
            Some(reading) => readings.push(reading),
            None => break,
        }
    }
    readings
}

/// What the end of a text stands for, when it stands for something else.
fn last_reading(text: &str) -> Option<Decoded> {
    let sites = Sites::of(text, true);
    if sites.is_empty() {
        return None;
    }
    // Only the last reading may reach the end.
    let last = readings(text, &sites).pop()?;
    (last.map.source_of_start(last.text.len()) == text.len()).then_some(last)
}

fn ask_decoded(
    text: &str,
    from: usize,
    readings: &[Decoded],
    guardrail: &dyn TextGuardrail,
    question: Question,
) -> usize {
    let Some((reading, deeper)) = readings.split_first() else {
        return text.len();
    };
    let inner = reading.map.decoded_from(from);
    let answer = question(guardrail, &reading.text, inner)
        .min(reading.text.len())
        .min(ask_decoded(
            &reading.text,
            inner,
            deeper,
            guardrail,
            question,
        ));
    match answer < reading.text.len() {
        true => reading.map.source_of_start(answer).min(text.len()),
        false => text.len(),
    }
}
