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

impl Scanner {
    /// The earliest offset, at least `from`, at which a match of any of the guardrails, in the text or in
    /// a decoded form of it, may have begun that the end of `text` cuts off. Hold back from there.
    pub fn pending_from(
        &self,
        text: &str,
        from: usize,
        guardrails: &[&dyn TextGuardrail],
    ) -> usize {
        let asked = ask(text, from, guardrails, |guardrail, text, from| {
            guardrail.pending_from(text, from)
        });
        asked.max(from)
    }

    /// The offset up to which this guardrail's hits are final: [`TextGuardrail::judged_to`] of the text
    /// and of its decoded forms.
    pub fn judged_to(&self, text: &str, from: usize, guardrail: &dyn TextGuardrail) -> usize {
        ask(text, from, &[guardrail], |guardrail, text, from| {
            guardrail.judged_to(text, from)
        })
    }

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

/// The least answer, for the text as it is and decoded.
fn ask(text: &str, from: usize, guardrails: &[&dyn TextGuardrail], question: Question) -> usize {
    if guardrails.is_empty() {
        return text.len();
    }
    let least = least(text, from, guardrails, question);
    // What the end may cut in half can turn into anything: a match may go on before it, in it, behind it.
    let unfinished = sites::unfinished(text, from).unwrap_or(text.len());
    let whole = text.get(..unfinished).unwrap_or(text);
    let least = match whole.len() < text.len() {
        true => least.min(self::least(whole, from, guardrails, question)),
        false => least,
    };
    least.min(ask_decoded(whole, from, guardrails, question, DEPTH))
}

fn least(text: &str, from: usize, guardrails: &[&dyn TextGuardrail], question: Question) -> usize {
    guardrails
        .iter()
        .map(|guardrail| question(*guardrail, text, from))
        .fold(text.len(), usize::min)
}

fn ask_decoded(
    text: &str,
    from: usize,
    guardrails: &[&dyn TextGuardrail],
    question: Question,
    depth: u8,
) -> usize {
    let sites = Sites::of(text, true);
    if depth == 0 || sites.is_empty() {
        return text.len();
    }
    // Only the last reading may reach the end.
    let last = readings(text, &sites).pop();
    let reaches_end =
        |reading: &Decoded| reading.map.source_of_start(reading.text.len()) == text.len();
    let Some(reading) = last.filter(reaches_end) else {
        return text.len();
    };
    let inner = reading.map.decoded_from(from);
    let answer = least(&reading.text, inner, guardrails, question).min(ask_decoded(
        &reading.text,
        inner,
        guardrails,
        question,
        depth - 1,
    ));
    match answer < reading.text.len() {
        true => reading.map.source_of_start(answer).min(text.len()),
        false => text.len(),
    }
}
