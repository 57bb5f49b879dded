use parapet_policy::outcome::Operation;

use super::{SqlSanitizer, built};
use crate::scan::scan_text;

/// The text as a mutator leaves it.
fn stripped(text: &str) -> String {
    let mutate = built(&SqlSanitizer::default(), Operation::Mutate);
    let mut out = text.to_owned();
    for hit in scan_text(&*mutate, text).into_iter().rev() {
        if let Some(replacement) = hit.replacement {
            out.replace_range(hit.range, &replacement);
        }
    }
    out
}

#[test]
fn comments_of_sql_are_taken_out() {
    for (text, expected) in [
        ("SELECT a -- all of them\nFROM t", "SELECT a \nFROM t"),
        ("SELECT/* x */a FROM t", "SELECT a FROM t"),
        ("SELECT a /* x */ FROM t", "SELECT a  FROM t"),
        ("SELECT a # x\nFROM t", "SELECT a \nFROM t"),
        ("-- first\nSELECT a FROM t", "\nSELECT a FROM t"),
        (
            "SELECT '-- no comment' FROM t",
            "SELECT '-- no comment' FROM t",
        ),
        ("```sql\nSELECT 1 -- one\n```\n", "```sql\nSELECT 1 \n```\n"),
        ("{\"sql\": \"SELECT 1 -- one\"}", "{\"sql\": \"SELECT 1 \"}"),
        (
            "Let me select a -- no, b -- from this list.",
            "Let me select a -- no, b -- from this list.",
        ),
    ] {
        assert_eq!(stripped(text), expected, "{text}");
    }
}

#[test]
fn statements_are_refused_all_the_same() {
    let mutate = built(&SqlSanitizer::default(), Operation::Mutate);
    let hits = scan_text(&*mutate, "DELETE FROM t -- WHERE id = 1");
    assert!(hits.iter().any(|hit| hit.replacement.is_none()));
    assert!(hits.iter().any(|hit| hit.category == "sql_comment"));
}

#[test]
fn a_validator_does_not_mind_comments() {
    let validate = built(&SqlSanitizer::default(), Operation::Validate);
    assert_eq!(scan_text(&*validate, "SELECT a -- all of them\nFROM t"), []);
}
