use super::{hits, linter};

#[test]
fn lines_are_judged_when_they_end() {
    let linter = linter();
    for (text, judged) in [
        ("curl x", 0),
        ("ls\ncurl x", 3),
        ("ls\ncurl x \\\n", 3),
        ("ls\ncurl x |\n", 3),
        ("ls\nrm -rf /\n", 12),
        ("x = 1\nsubprocess.run(\n    [", 6),
        ("x = 1\nsubprocess.run(\n    ['ls'],\n)\n", 36),
    ] {
        assert_eq!(linter.judged_to(text, 0), judged, "{text}");
        assert_eq!(linter.pending_from(text, 0), text.len(), "{text}");
    }
}

#[test]
fn the_context_begins_with_the_fence() {
    let linter = linter();
    let text = "Look:\n\n```python\nfrom os import system as s\n\ns('id')\n";
    let context = linter.context_from(text, 0);
    assert!(text[context..].starts_with("```python"));
    assert_eq!(hits(&text[context..]).len(), 1);
}
