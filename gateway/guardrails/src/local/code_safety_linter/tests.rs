//! What is found and what is not, one line each.

use parapet_policy::outcome::Operation;
use proptest::prelude::*;

use super::CodeSafetyLinter;
use crate::finding::Hit;
use crate::guardrail::{BuildContext, Guardrail, TextGuardrail};
use crate::kinds::Kind;
use crate::scan::scan_text;

mod calls;
mod commands;
mod places;
mod stream;

fn linter() -> std::sync::Arc<dyn TextGuardrail> {
    let context = BuildContext::without_secrets(Operation::Validate);
    match CodeSafetyLinter::default()
        .build(&context)
        .unwrap()
        .guardrail
    {
        Guardrail::Text(guardrail) => guardrail,
        other => panic!("{other:?} is no text guardrail"),
    }
}

fn hits(text: &str) -> Vec<Hit> {
    scan_text(&*linter(), text)
}

/// The first category found, or an empty text.
fn first(text: &str) -> String {
    hits(text)
        .into_iter()
        .next()
        .map_or_else(String::new, |hit| hit.category.into_owned())
}

/// What begins again and again hides nothing. A scan whose work grows with the square of a text's length takes
/// minutes for each of these.
#[test]
fn repeated_openings_hide_nothing() {
    let linter = linter();
    for unit in [
        "eval(",
        "eval(x",
        "eval(\"",
        "eval('\\'",
        "exec(/*",
        "\"",
        "'",
        "\\'",
        "\"\"\"",
        "`",
        "{\"a\": \"eval(",
        "dup2(",
        "\nfrom os import ",
        "\nimport os as o, ",
        "rm -rf ",
        "rm -rf $(",
        "rm -rf `",
        "(",
        "curl x | ",
        "curl x | sh\n",
        "curl \\\n",
        "bash -c \"",
        "a|\n",
        "x() { ",
        "<(",
        "$(curl ",
        "```\neval(x)\n",
        "getattr(os, ",
        "Command::new(",
        "os.fork(",
        "a.",
        "IEX (",
        ">/dev/sda ",
        "'eval(x",
    ] {
        let text = format!("eval(x)\n{}", unit.repeat((1 << 17) / unit.len()));
        let hits = scan_text(&*linter, &text);
        assert!(hits.iter().any(|hit| hit.range.start == 0), "{unit:?}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(
        text in r#"(eval\(|rm -rf |curl x \| sh|import os|from os import |\.system\(|[a-zé;'"`$\[\]{}()#\-/*!=\\\n :|&<>.]|```py\n|\{"a": "){0,40}"#
    ) {
        for hit in hits(&text) {
            prop_assert!(text.get(hit.range).is_some());
        }
    }
}
