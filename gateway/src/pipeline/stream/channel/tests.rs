use std::ops::Range;

use parapet_guardrails::finding::{Hit, Rank};
use parapet_guardrails::guardrail::TextGuardrail;
use parapet_guardrails::scan::{Layer, OpenMatch, Until, Wants};
use parapet_guardrails::segment::{Form, Role, Segment, Segments};
use parapet_policy::compile::HoldBack;
use parapet_policy::outcome::{Operation, Strategy};

use super::super::guards::{Guards, Tally};
use super::super::spot::Spot;
use super::{Channel, Stop};
use crate::llm::Dialect;
use crate::llm::stream::{ChannelKey, ChannelKind};

/// Finds one literal.
struct Literal(&'static str);

fn hit(range: Range<usize>, category: &'static str) -> Hit {
    Hit {
        range,
        category: category.into(),
        score: 1.0,
        rank: Rank::Pattern,
        replacement: Some("[X]".into()),
    }
}

fn segment() -> Segment {
    Segments::of_text("", Role::Assistant, Form::Text).list()[0].clone()
}

impl TextGuardrail for Literal {
    fn wants(&self) -> Wants {
        Wants::NONE
    }

    fn scan(&self, layer: &Layer<'_>, _: &Segment, hits: &mut Vec<Hit>) {
        for (at, found) in layer.text().match_indices(self.0) {
            hits.push(hit(at..at + found.len(), "literal"));
        }
    }

    fn hold_back(&self) -> HoldBack {
        HoldBack::Bytes(u32::try_from(self.0.len()).unwrap())
    }

    fn pending_from(&self, text: &str, from: usize) -> usize {
        (1..self.0.len())
            .rev()
            .find(|n| text.ends_with(&self.0[..*n]))
            .map_or(text.len(), |n| text.len() - n)
            .max(from)
    }
}

/// Finds one literal, and puts another in its place.
struct Word(&'static str, &'static str);

impl TextGuardrail for Word {
    fn wants(&self) -> Wants {
        Wants::NONE
    }

    fn scan(&self, layer: &Layer<'_>, segment: &Segment, hits: &mut Vec<Hit>) {
        let from = hits.len();
        Literal(self.0).scan(layer, segment, hits);
        for hit in hits.iter_mut().skip(from) {
            hit.replacement = Some(self.1.into());
        }
    }

    fn hold_back(&self) -> HoldBack {
        Literal(self.0).hold_back()
    }

    fn pending_from(&self, text: &str, from: usize) -> usize {
        Literal(self.0).pending_from(text, from)
    }
}

/// Finds `<` to `>`, however long.
struct Tag;

impl TextGuardrail for Tag {
    fn wants(&self) -> Wants {
        Wants::NONE
    }

    fn scan(&self, layer: &Layer<'_>, _: &Segment, hits: &mut Vec<Hit>) {
        let mut from = 0;
        while let Some(open) = layer.text()[from..].find('<').map(|at| from + at) {
            let Some(close) = layer.text()[open..].find('>').map(|at| open + at + 1) else {
                return;
            };
            hits.push(hit(open..close, "tag"));
            from = close;
        }
    }

    fn hold_back(&self) -> HoldBack {
        HoldBack::Unbounded
    }

    fn pending_from(&self, text: &str, from: usize) -> usize {
        match text[from..].rfind('<').map(|at| from + at) {
            Some(open) if !text[open..].contains('>') => open,
            _ => text.len(),
        }
    }

    fn open_match(&self, text: &str, from: usize) -> Option<OpenMatch> {
        let start = self.pending_from(text, from);
        (start < text.len()).then(|| OpenMatch {
            start,
            category: "tag".into(),
            replacement: Some("[X]".into()),
            until: Until::Mark(">", ""),
        })
    }
}

fn spot() -> Spot {
    let channel = ChannelKey {
        answer: 0,
        kind: ChannelKind::Text,
        call: 0,
    };
    Spot::new(Dialect::OpenAi, channel)
}

/// Sends `pieces` and gives what went out piece by piece, and the tallies.
fn send(guards: &Guards<'_>, pieces: &[&str]) -> (Result<Vec<String>, Stop>, Vec<Tally>) {
    let mut tally = vec![Tally::default(); guards.len()];
    let mut channel = Channel::new(segment(), spot(), guards);
    let mut out = Vec::new();
    let mut gone = 0;
    for piece in pieces {
        channel.push(piece);
        if let Err(stop) = channel.settle(guards, &mut tally) {
            return (Err(stop), tally);
        }
        out.push(channel.render(gone..channel.safe()).into_owned());
        gone = channel.safe();
        channel.forget(gone, guards);
    }
    if let Err(stop) = channel.finish(guards, &mut tally) {
        return (Err(stop), tally);
    }
    out.push(channel.render(gone..channel.safe()).into_owned());
    (Ok(out), tally)
}

fn guards<'a>(list: &[(&'a dyn TextGuardrail, Operation, Strategy)], bound: usize) -> Guards<'a> {
    Guards::new(list.iter().copied(), bound)
}

#[test]
fn only_what_can_become_a_match_is_held() {
    let secret = Literal("secret");
    let guards = guards(&[(&secret, Operation::Mutate, Strategy::Enforce)], 100);
    let (out, tally) = send(&guards, &["tell a ", "sec", "ond ", "se", "cr", "et now"]);
    assert_eq!(
        out.unwrap(),
        ["tell a ", "", "second ", "", "", "[X] now", ""]
    );
    assert_eq!((tally[0].edits, tally[0].categories[0].1), (1, 1));
    let places = tally[0].places.as_ref().unwrap();
    assert_eq!(*places.first, ["choices[0].message.content".into()]);
}

#[test]
fn every_cut_gives_the_same_text() {
    let (secret, other) = (Literal("secret"), Literal("retry"));
    let guards = guards(
        &[
            (&secret, Operation::Mutate, Strategy::Enforce),
            (&other, Operation::Mutate, Strategy::Enforce),
        ],
        100,
    );
    let text = "a secretry secret, retry ünd se";
    for first in (0..=text.len()).filter(|at| text.is_char_boundary(*at)) {
        for second in (first..=text.len()).filter(|at| text.is_char_boundary(*at)) {
            let pieces = [&text[..first], &text[first..second], &text[second..]];
            let (out, _) = send(&guards, &pieces);
            assert_eq!(out.unwrap().concat(), "a [X] [X], [X] ünd se", "{pieces:?}");
        }
    }
}

#[test]
fn a_validator_stops_and_sees_what_mutators_left() {
    let secret = Literal("secret");
    let validate = (
        &secret as &dyn TextGuardrail,
        Operation::Validate,
        Strategy::Enforce,
    );
    let mutate = (
        &secret as &dyn TextGuardrail,
        Operation::Mutate,
        Strategy::Enforce,
    );
    let (out, tally) = send(&guards(&[validate], 100), &["a sec", "ret"]);
    assert_eq!(out, Err(Stop { guard: 0 }));
    assert_eq!((tally[0].edits, tally[0].categories[0].1), (0, 1));
    let (out, _) = send(&guards(&[mutate, validate], 100), &["a sec", "ret"]);
    assert_eq!(out.unwrap().concat(), "a [X]");
}

#[test]
fn an_audit_counts_and_holds_nothing() {
    let secret = Literal("secret");
    for operation in [Operation::Validate, Operation::Mutate] {
        let guards = guards(&[(&secret, operation, Strategy::Audit)], 100);
        let (out, tally) = send(&guards, &["a sec", "ret b"]);
        assert_eq!(out.unwrap(), ["a sec", "ret b", ""]);
        assert_eq!(tally[0].categories, [("literal".into(), 1)]);
    }
}

#[test]
fn what_a_mutator_puts_in_is_seen_by_those_after_it() {
    let (first, second, word) = (Literal("secret"), Literal("[X]"), Word("[X]", "gone"));
    let mutate = (Operation::Mutate, Strategy::Enforce);
    let chain = guards(
        &[(&first, mutate.0, mutate.1), (&word, mutate.0, mutate.1)],
        100,
    );
    let (out, tally) = send(&chain, &["a sec", "ret b"]);
    assert_eq!(out.unwrap().concat(), "a gone b");
    assert_eq!((tally[0].edits, tally[1].edits), (1, 1));
    let stopped = guards(
        &[
            (&first, mutate.0, mutate.1),
            (&second, Operation::Validate, Strategy::Enforce),
        ],
        100,
    );
    assert_eq!(
        send(&stopped, &["a sec", "ret b"]).0,
        Err(Stop { guard: 1 })
    );
}

#[test]
fn a_match_that_reaches_out_of_a_replacement_goes_with_it() {
    let (first, second) = (Literal("one two"), Literal("two three"));
    let mutate = (Operation::Mutate, Strategy::Enforce);
    let both = guards(
        &[(&first, mutate.0, mutate.1), (&second, mutate.0, mutate.1)],
        100,
    );
    let text = "a one two three b";
    for cut in 0..=text.len() {
        let (out, _) = send(&both, &[&text[..cut], &text[cut..]]);
        assert_eq!(out.unwrap().concat(), "a [X] b", "{cut}");
    }
}

#[test]
fn a_match_that_outgrows_the_bound_is_swallowed_or_stops() {
    let inside = "x".repeat(50);
    let pieces = ["a <", &inside, &inside, "y> b", " <c> d"];
    let (out, tally) = send(
        &guards(&[(&Tag, Operation::Mutate, Strategy::Enforce)], 20),
        &pieces,
    );
    assert_eq!(out.unwrap().concat(), "a [X] b [X] d");
    assert_eq!(tally[0].edits, 2);
    let (out, _) = send(
        &guards(&[(&Tag, Operation::Validate, Strategy::Enforce)], 20),
        &pieces,
    );
    assert_eq!(out, Err(Stop { guard: 0 }));
    let unfinished = ["a <", &inside];
    let (out, _) = send(
        &guards(&[(&Tag, Operation::Mutate, Strategy::Enforce)], 20),
        &unfinished,
    );
    assert_eq!(out.unwrap().concat(), "a [X]");
}

#[test]
fn a_long_stream_keeps_little_text() {
    let secret = Literal("secret");
    let guards = guards(&[(&secret, Operation::Mutate, Strategy::Enforce)], 100);
    let mut tally = vec![Tally::default()];
    let mut channel = Channel::new(segment(), spot(), &guards);
    for _ in 0..10_000 {
        channel.push("some words that go on ");
        channel.settle(&guards, &mut tally).unwrap();
        channel.forget(channel.safe(), &guards);
        assert!(channel.window.len() < 4096);
    }
}
