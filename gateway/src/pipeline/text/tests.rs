use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parapet_guardrails::finding::{Edit, Rank};
use parapet_guardrails::scan::{Layer, Wants};
use parapet_guardrails::segment::{Rewrite, Role, SegmentText, Segments};
use parapet_policy::compile::HoldBack;

use super::*;
use crate::pipeline::payload::ChatBodies;

/// Finds `bad`, below a key also `odd`, and counts how often it is asked.
#[derive(Default)]
struct Counting(AtomicUsize);

impl TextGuardrail for Counting {
    fn wants(&self) -> Wants {
        Wants::NONE
    }

    fn scan(&self, layer: &Layer<'_>, segment: &Segment, hits: &mut Vec<Hit>) {
        self.0.fetch_add(1, Ordering::Relaxed);
        let word = if segment.key.is_some() { "odd" } else { "bad" };
        for word in ["bad", word] {
            hits.extend(layer.text().match_indices(word).map(|(at, found)| Hit {
                range: at..at + found.len(),
                category: word.to_owned().into(),
                score: 1.0,
                rank: Rank::Pattern,
                replacement: Some("x".into()),
            }));
        }
    }

    fn reads_alike(&self, one: &Segment, other: &Segment) -> bool {
        one.key == other.key
    }

    fn hold_back(&self) -> HoldBack {
        HoldBack::Bytes(0)
    }

    fn pending_from(&self, text: &str, _: usize) -> usize {
        text.len()
    }
}

struct Fixed(Segments);

impl Payload for Fixed {
    fn segments(&self) -> &Segments {
        &self.0
    }

    fn place(&self, segment: usize) -> String {
        segment.to_string()
    }

    fn public_place(&self, segment: usize) -> String {
        segment.to_string()
    }

    fn leaf_of_raw(
        &self,
        _: usize,
        _: std::ops::Range<usize>,
    ) -> Option<(usize, std::ops::Range<usize>)> {
        None
    }

    fn apply(&mut self, _: &[Edit]) -> bool {
        false
    }

    fn chat_bodies(&self) -> ChatBodies {
        ChatBodies::default()
    }

    fn diff(&self, _: &serde_json::Value) -> Result<Vec<Edit>, String> {
        Ok(Vec::new())
    }
}

fn segment(text: &str, form: Form, key: Option<&str>, current_turn: bool) -> Segment {
    Segment {
        text: SegmentText::Owned(text.into()),
        role: Role::ToolResult,
        form,
        rewrite: Rewrite::Yes,
        key: key.map(Into::into),
        current_turn,
        json_group: 0,
        at: 0,
    }
}

/// How often the guardrail was asked, and the segments with findings.
fn scanned(list: Vec<Segment>, scope: Scope) -> (usize, Vec<(usize, usize)>) {
    let payload = Fixed(Segments::new(std::sync::Arc::default(), list));
    let counting = Counting::default();
    let mut pass = TextPass::of(std::iter::once((0, &counting as &dyn TextGuardrail, scope)));
    pass.scan_all(&payload);
    let found = pass.findings(0).into_iter();
    let mut found: Vec<_> = found
        .map(|finding| (finding.segment, finding.hit.range.start))
        .collect();
    found.dedup();
    (counting.0.into_inner(), found)
}

fn long(word: &str) -> String {
    format!("{word} {}", "and so on ".repeat(20))
}

#[test]
fn a_text_that_comes_twice_is_scanned_once_and_found_in_both_places() {
    let bad = long("bad");
    let list = vec![
        segment(&bad, Form::Text, None, true),
        segment("bad", Form::Text, None, true),
        segment(&bad, Form::JsonLeaf, None, true),
        segment("bad", Form::Text, None, true),
        segment(&bad.replace("bad", "sad"), Form::Text, None, true),
        segment(&bad, Form::JsonRaw, None, true),
    ];
    // Short ones are not worth remembering.
    assert_eq!(
        scanned(list, Scope::All),
        (4, vec![(0, 0), (1, 0), (2, 0), (3, 0), (5, 0)])
    );
}

#[test]
fn a_text_is_scanned_again_where_it_says_something_else() {
    let odd = long("odd");
    let list = || {
        vec![
            segment(&odd, Form::Text, None, true),
            segment(&odd, Form::JsonLeaf, Some("key"), true),
            segment(&odd, Form::JsonLeaf, Some("key"), true),
            segment(&odd, Form::JsonLeaf, Some("other"), true),
        ]
    };
    let (asked, found) = scanned(list(), Scope::All);
    assert_eq!((asked, found), (3, vec![(1, 0), (2, 0), (3, 0)]));
}

#[test]
fn what_was_out_of_scope_says_nothing_of_what_is_in_it() {
    let bad = long("bad");
    let list = vec![
        segment(&bad, Form::Text, None, false),
        segment(&bad, Form::Text, None, true),
        segment(&bad, Form::Text, None, false),
    ];
    assert_eq!(scanned(list, Scope::Last), (1, vec![(1, 0)]));
}

#[test]
fn texts_that_only_end_alike_are_told_apart() {
    let list: Vec<Segment> = (0..200)
        .map(|n| {
            let word = if n % 7 == 0 { "bad" } else { "sad" };
            segment(&long(&format!("{word}{n:03}")), Form::Text, None, true)
        })
        .collect();
    let (asked, found) = scanned(list, Scope::All);
    let expected: Vec<_> = (0..200).step_by(7).map(|n| (n, 0)).collect();
    assert_eq!((asked, found), (200, expected));
}
