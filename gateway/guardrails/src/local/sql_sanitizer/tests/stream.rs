use std::ops::Range;

use parapet_policy::outcome::Operation;

use super::{SqlSanitizer, built};
use crate::guardrail::TextGuardrail;
use crate::scan::scan_text;

/// Feeds a text in pieces of `step` bytes and gives the ranges reported, as a stream would.
fn streamed(guardrail: &dyn TextGuardrail, text: &str, step: usize) -> Vec<Range<usize>> {
    let (mut reported, mut context, mut judged, mut released) = (Vec::new(), 0, 0, 0);
    let mut end = 0;
    while end < text.len() {
        end = (end + step).min(text.len());
        while !text.is_char_boundary(end) {
            end += 1;
        }
        let window = &text[context..end];
        let now = context + guardrail.judged_to(window, released - context);
        let done = end == text.len();
        for hit in scan_text(guardrail, window) {
            let at = context + hit.range.start;
            if at >= judged && (at < now || done) {
                reported.push(at..context + hit.range.end);
            }
        }
        released = context + guardrail.pending_from(window, released - context);
        judged = now.max(judged);
        context += guardrail.context_from(window, released - context);
    }
    reported
}

#[test]
fn a_stream_is_judged_as_the_whole_text_is() {
    let validate = built(&SqlSanitizer::default(), Operation::Validate);
    for text in [
        "DELETE FROM t WHERE id = 1; DROP TABLE x; SELECT 1;",
        "Run this:\n\n```sql\nUPDATE t\nSET a = 1\nWHERE id = 2;\nTRUNCATE t;\n```\n\nDone.",
        "SELECT 'x; DROP TABLE y' AS a; SELECT 2;",
        "UPDATE t SET a = 1",
    ] {
        let whole: Vec<_> = scan_text(&*validate, text)
            .into_iter()
            .map(|hit| hit.range)
            .collect();
        for step in [1, 2, 7, 30] {
            assert_eq!(
                streamed(&*validate, text, step),
                whole,
                "{text} in steps of {step}"
            );
        }
    }
}

#[test]
fn a_validator_holds_nothing_back_and_a_mutator_holds_comments() {
    let validate = built(&SqlSanitizer::default(), Operation::Validate);
    assert_eq!(validate.pending_from("SELECT 1 -- a", 0), 13);
    let mutate = built(&SqlSanitizer::default(), Operation::Mutate);
    assert_eq!(mutate.pending_from("SELECT 1 -- a", 0), 9);
    assert_eq!(mutate.pending_from("SELECT 1 /* a", 0), 9);
    assert_eq!(mutate.pending_from("SELECT 1 -- a\nFROM t", 0), 20);
    assert_eq!(mutate.pending_from("SELECT 1 -", 0), 9);
}
