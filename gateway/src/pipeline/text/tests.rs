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
        segment(&bad.replace("bad", "good"), Form::Text, None, true),
        segment(&bad, Form::JsonNumber, None, true),
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

/// How often these guardrails are asked about a text that is judged now, and what they find.
fn asked(guardrails: &[Arc<Counting>], judged: Segment) -> (usize, usize) {
    let count = || -> usize {
        let counts = guardrails.iter().map(|one| one.0.load(Ordering::Relaxed));
        counts.sum()
    };
    let before = count();
    let shared: Vec<Arc<dyn TextGuardrail>> =
        guardrails.iter().map(|one| one.clone() as _).collect();
    let texts: Vec<_> = shared
        .iter()
        .enumerate()
        .map(|(at, one)| (at, one, Scope::All))
        .collect();
    let mut pass = TextPass::of_shared(&texts);
    pass.scan_all(&Fixed(Segments::new(Arc::default(), vec![judged])));
    let found = (0..guardrails.len()).map(|at| pass.findings(at).len());
    (count() - before, found.sum())
}

#[test]
fn names_that_were_clean_are_not_judged_again_by_the_same_guardrails() {
    let two = [Arc::default(), Arc::default()];
    let name = |text: &str| segment(text, Form::JsonKey, None, true);
    assert_eq!(asked(&two, name("limit")), (2, 0));
    assert_eq!(asked(&two, name("limit")), (0, 0));
    // Another text, another form and another role are something else.
    assert_eq!(asked(&two, name("limits")), (2, 0));
    assert_eq!(
        asked(&two, segment("limit", Form::Name, None, true)),
        (2, 0)
    );
    let role = Role::Assistant;
    let of_model = || Segment {
        role,
        ..name("limit")
    };
    assert_eq!(asked(&two, of_model()), (2, 0));
    assert_eq!(asked(&two, of_model()), (0, 0));
    // So are other guardrails, and fewer of them.
    assert_eq!(
        asked(&[Arc::default(), two[1].clone()], name("limit")),
        (2, 0)
    );
    assert_eq!(asked(&two[..1], name("limit")), (1, 0));
    assert_eq!(asked(&two, name("limit")), (0, 0));
}

#[test]
fn what_is_no_clean_name_is_judged_every_time() {
    let one = [Arc::default()];
    let bad = "x".repeat(40) + "bad";
    let long = "x".repeat(80);
    for (text, form, key, found) in [
        (bad.as_str(), Form::JsonKey, None, 1),
        (&long, Form::JsonKey, None, 0),
        ("clean", Form::Name, Some("key"), 0),
        ("clean", Form::Text, None, 0),
        ("clean", Form::JsonLeaf, None, 0),
        ("17", Form::JsonNumber, None, 0),
        ("{}", Form::JsonRaw, None, 0),
    ] {
        for _ in 0..3 {
            assert_eq!(
                asked(&one, segment(text, form, key, true)),
                (1, found),
                "{form:?}"
            );
        }
    }
}

#[test]
fn a_pass_that_waited_does_not_take_the_names_of_others_for_its_own() {
    let of = |guardrail: &Arc<dyn TextGuardrail>| Known::of(&[guardrail]);
    let (text, name) = ("limit", segment("limit", Form::Name, None, true));
    let first: Arc<dyn TextGuardrail> = Arc::new(Counting::default());
    let waiting = of(&first);
    waiting.remember(text, &name);
    assert!(waiting.is_clean(text, &name) && of(&first).is_clean(text, &name));
    let others: Vec<Arc<dyn TextGuardrail>> = (0..100)
        .map(|_| Arc::new(Counting::default()) as _)
        .collect();
    for other in &others {
        assert!(!of(other).is_clean(text, &name));
        of(other).remember(text, &name);
    }
    assert!(!waiting.is_clean(text, &name) && !of(&first).is_clean(text, &name));
    waiting.remember("other", &segment("other", Form::Name, None, true));
    assert!(
        others
            .iter()
            .all(|other| !of(other).is_clean("other", &name))
    );
}
