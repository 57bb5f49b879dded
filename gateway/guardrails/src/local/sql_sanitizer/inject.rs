//! Injection payloads: values that are written to break out of the place they are put in.
//!
//! Judged line by line, because a payload stands in one value. A line that begins as a statement is not
//! a payload, whatever is in it.

use std::ops::Range;
use std::sync::LazyLock;

use regex::{Regex, RegexSet};

/// Longer lines hold no payload that a person or a tool would write.
const LONGEST: usize = 2048;

/// White space, comments and parentheses, as payloads put them between words.
macro_rules! pattern {
    ($text:expr) => {
        concat!("(?is)", $text)
    };
}

/// Each is enough on its own.
const PATTERNS: &[&str] = &[
    // A second query joined to the one around it.
    pattern!(
        r"\bunion(?:[\s(+]|/\*.{0,20}?\*/)*(?:(?:all|distinct)(?:[\s(+]|/\*.{0,20}?\*/)*)?select(?:\b|char)"
    ),
    // Functions that wait, fail aloud, or reach outside.
    pattern!(
        r"\bwaitfor\s+delay\s*'|\bbenchmark\s*\(\s*\d+\s*,|\bpg_sleep\s*\(|\bprocedure\s+analyse\s*\(|\bxp_(?:cmdshell|dirtree|regread)|\bload_file\s*\(|\binto\s+(?:out|dump)file\b"
    ),
    pattern!(r"\b(?:extractvalue|updatexml|json_keys)\s*\(.*(?:concat|select)"),
    pattern!(r"(?:^|[^.\w])sleep\s*\(\s*\d+\s*\)\s*(?:--|#|$|&&|and\b|or\b|[)'\x22,=])"),
    pattern!(
        r"\bselect\b.*\b(?:from\s+(?:information_schema\.|sysobjects|sysusers|syscolumns|all_users|all_tables|pg_catalog|pg_shadow|mysql\.user|sqlite_master)|@@version)"
    ),
    // Questions about the database, letter by letter.
    pattern!(
        r"\b(?:substring|substr|mid|ascii|ord|char_length)\s*\(.{0,40}?(?:version\s*\(|@@\w|\buser\b|database\s*\(|password|passwd)"
    ),
    pattern!(r"\brandomblob\s*\(|\bconvert\s*\(\s*int\s*,\s*\("),
    // A quote closes, and a connective adds what is always true or false.
    pattern!(
        r"['\x22)\d]\s*\)*\s*(?:or|and|xor|\|\||&&)\s*\(*\s*(?:true|false|1|sleep\b|benchmark\b)\s*\)*\s*(?:--|#|/\*|;)"
    ),
    // A comment cuts off what follows the value.
    pattern!(r"^[^'\x22\s]{0,64}['\x22]\s*\)*\s*;?\s*(?:--\s*[-+]?\s*$|#\s*$|/\*)"),
    pattern!(r"\b(?:order|group)\s+by\s+\d+(?:\s*,\s*\d+)*\s*(?:--|#)"),
    // A second statement behind the value.
    pattern!(
        r"['\x22)\d]\s*\)*\s*;\s*(?:drop|exec(?:ute)?|declare|shutdown|insert\s+into|update\s+\w+\s+set|delete\s+from|select|waitfor|if\s*\(|create\s|alter\s|begin\b)"
    ),
];

/// Constants that are compared: true or false for every row.
static COMPARISON: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)(?:\b(?:or|and|having|where)\b|\|\||&&)[\s(]*['\x22]?(\w+)['\x22]?\s*(?:=|like)\s*['\x22]?(\w+)").ok()
});

/// A quote closes, a connective follows, and a comparison that the rest of the statement completes.
static BREAK: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(pattern!(r"['\x22)]\s*\)*\s*(?:or|and|xor|\|\||&&|having|rlike|like)\s+?\(*\s*(?:not\s+)?\(*\s*['\x22]?[\w.]*['\x22]?\s*(?:=|<>|<|>|\blike\b|\brlike\b)\s*\(*\s*['\x22]?[\w.%]*['\x22]?\)*\s*(?:$|--|#|/\*|;|\bor\b|\band\b)")).ok()
});

static SET: LazyLock<Option<RegexSet>> = LazyLock::new(|| RegexSet::new(PATTERNS).ok());

/// Compiles what is needed, so that no request pays for it.
pub(super) fn warm() {
    LazyLock::force(&COMPARISON);
    LazyLock::force(&BREAK);
    LazyLock::force(&SET);
}

/// Visits the lines that hold a payload. `begins` says whether a statement begins at an offset.
pub(super) fn find(text: &str, begins: impl Fn(usize) -> bool, each: &mut dyn FnMut(Range<usize>)) {
    let Some(set) = SET.as_ref() else { return };
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let value = line.trim();
        let candidate = value.len() >= 4 && value.len() <= LONGEST && !begins(start);
        if candidate && (set.is_match(value) || breaks_out(value)) {
            let start = start + (line.len() - line.trim_start().len());
            each(start..start + value.len());
        }
    }
}

/// Whether a comparison is added behind a value, on a line that shows that the value was broken out of:
/// it begins with a connective or a number, or its quotes do not pair.
fn breaks_out(line: &str) -> bool {
    let first = line.trim_start_matches(['(', ' ']);
    let odd = |quote| line.matches(quote).count() % 2 == 1;
    let broken = first
        .starts_with(|c: char| c.is_ascii_digit() || matches!(c, '\'' | '"' | ')' | '-'))
        || closes_first(line)
        || odd('\'')
        || odd('"')
        || line.ends_with("--")
        || line.ends_with('#');
    if broken && BREAK.as_ref().is_some_and(|regex| regex.is_match(line)) {
        return true;
    }
    let Some(found) = COMPARISON.as_ref().and_then(|regex| regex.captures(line)) else {
        return false;
    };
    let (Some(left), Some(right)) = (found.get(1), found.get(2)) else {
        return false;
    };
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let constant = left.as_str().eq_ignore_ascii_case(right.as_str())
        || (number(left.as_str()) && number(right.as_str()));
    constant && (broken || found.get(0).is_some_and(|all| all.start() == 0))
}

/// Whether the first quote of a line closes: it stands behind a word.
fn closes_first(line: &str) -> bool {
    let quote = line.find(['\'', '"']);
    let before = quote.and_then(|at| line.get(..at)?.chars().next_back());
    before.is_some_and(char::is_alphanumeric)
}
