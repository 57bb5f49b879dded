use parapet_policy::outcome::Operation;

use super::{SqlSanitizer, built};
use crate::scan::scan_text;

fn injects(text: &str) -> bool {
    let config = SqlSanitizer {
        block_injection: true,
        ..SqlSanitizer::default()
    };
    scan_text(&*built(&config, Operation::Validate), text)
        .iter()
        .any(|hit| hit.category == "sql_injection")
}

#[test]
fn payloads_are_found() {
    for text in [
        "' OR '1'='1",
        "admin' or 1=1--",
        "admin\") or (\"1\"=\"1\"--",
        "1 UNION SELECT username, password FROM users",
        "1/**/uNiOn/**/sELeCt/**/1,2",
        "-1' union all select null, @@version#",
        "'; DROP TABLE users; --",
        "1; WAITFOR DELAY '0:0:5'--",
        "1 AND SLEEP(5)#",
        "1' ORDER BY 3--",
        "admin'--",
        "OR 3409=3409",
        "{\"user\": \"x' OR 'a'='a\"}",
        "1 and extractvalue(1, concat(0x7e, version()))",
    ] {
        assert!(injects(text), "{text}");
    }
}

#[test]
fn ordinary_values_and_statements_are_not() {
    for text in [
        "O'Brien and sons",
        "USPS 1-3 Day (USPS doesn't guarantee 3 day arrival)",
        "13\" MacBook or 15\" MacBook",
        "space = \"~username\" AND type = page",
        "SELECT a FROM b UNION SELECT c FROM d",
        "SELECT * FROM t WHERE a = 1 OR b = 2",
        "time.sleep(5)  # wait",
        "We form a union, select a speaker and sleep (5 hours).",
        "rock 'n' roll or jazz = good",
        "Run the benchmark (5 seconds).",
    ] {
        assert!(!injects(text), "{text}");
    }
}

#[test]
fn they_are_not_looked_for_by_default() {
    assert_eq!(super::found("admin' or 1=1--"), [""; 0]);
}
