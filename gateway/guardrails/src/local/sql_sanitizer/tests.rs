//! What is found and what is not, one line each.

use parapet_policy::outcome::Operation;
use proptest::prelude::*;

use super::SqlSanitizer;
use crate::finding::Hit;
use crate::guardrail::{BuildContext, Guardrail, TextGuardrail};
use crate::kinds::Kind;
use crate::scan::scan_text;

mod comments;
mod injection;
mod interpolation;
mod places;
mod statements;
mod stream;

fn built(config: &SqlSanitizer, operation: Operation) -> std::sync::Arc<dyn TextGuardrail> {
    match config
        .build(&BuildContext::without_secrets(operation))
        .unwrap()
        .guardrail
    {
        Guardrail::Text(guardrail) => guardrail,
        other => panic!("{other:?} is no text guardrail"),
    }
}

fn hits(text: &str) -> Vec<Hit> {
    scan_text(&*built(&SqlSanitizer::default(), Operation::Validate), text)
}

/// The categories found by default.
fn found(text: &str) -> Vec<String> {
    hits(text)
        .into_iter()
        .map(|hit| hit.category.into_owned())
        .collect()
}

#[test]
fn options_switch_their_finding_off() {
    let off = SqlSanitizer {
        block_drop: false,
        block_truncate: false,
        block_alter: false,
        block_grant: false,
        block_revoke: false,
        block_delete_without_where: false,
        block_update_without_where: false,
        ..SqlSanitizer::default()
    };
    let script = "DROP TABLE t; TRUNCATE t; ALTER TABLE t ADD c int; GRANT ALL ON t TO u;\n\
                  REVOKE ALL ON t FROM u; DELETE FROM t; UPDATE t SET a = 1;";
    assert_eq!(found(script).len(), 7);
    assert_eq!(scan_text(&*built(&off, Operation::Validate), script), []);
    let only_drop = SqlSanitizer {
        block_drop: true,
        ..off.clone()
    };
    let hits = scan_text(
        &*built(&only_drop, Operation::Validate),
        "ALTER TABLE t\nDROP COLUMN a,\nDROP COLUMN b",
    );
    assert_eq!(hits, []);
    let only_alter = SqlSanitizer {
        block_alter: true,
        ..off
    };
    let hits = scan_text(&*built(&only_alter, Operation::Validate), script);
    assert_eq!(
        hits.iter().map(|hit| &*hit.category).collect::<Vec<_>>(),
        ["sql_alter"]
    );
}

#[test]
fn the_published_fields_are_read() {
    let config = serde_json::json!({"blockDrop": false, "requireParameterization": true});
    let config: SqlSanitizer = serde_json::from_value(config).unwrap();
    assert!(!config.block_drop && config.block_truncate && config.require_parameterization);
}

/// What begins again and again hides nothing. A scan whose work grows with the square of a text's length takes
/// minutes for each of these.
#[test]
fn repeated_openings_hide_nothing() {
    let options = SqlSanitizer {
        require_parameterization: true,
        ..SqlSanitizer::default()
    };
    let mutate = built(&options, Operation::Mutate);
    for unit in [
        "DROP ",
        "DROP TABLE a ",
        "/*",
        "/* DROP TABLE x",
        "\"DROP TABLE ",
        "'",
        "\\'",
        "DROP TABLE x\n",
        "$a$",
        "$a$b",
        "{",
        "[a",
        "${",
        "--",
        "(DELETE FROM a ",
        "WITH x AS (DELETE FROM ",
        "BEGIN UPDATE ",
        "`DELETE FROM ",
        "{\"DROP TABLE x\": ",
        "```\nDROP TABLE x\n",
        "UPDATE a SET ",
        "DROP/**/",
        "/*!",
        "GO\n",
        ";",
        "\"DROP \" + ",
        "WHERE (1=1 OR ",
        "EXECUTE '",
        "1 OR ",
        "DELETE FROM a WHERE (",
    ] {
        let text = format!("DROP TABLE x; {}", unit.repeat((1 << 17) / unit.len()));
        let hits = scan_text(&*mutate, &text);
        assert!(hits.iter().any(|hit| hit.range.start == 0), "{unit:?}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(
        text in r#"(DROP TABLE |DELETE FROM |UPDATE |SET |WHERE |GRANT |TO |[a-zé;'"`$\[\]{}()#\-/*!=\\\n :]|```sql\n|\$x\$|\{"sql": "){0,40}"#
    ) {
        let options = SqlSanitizer { require_parameterization: true, ..SqlSanitizer::default() };
        for hit in scan_text(&*built(&options, Operation::Mutate), &text) {
            prop_assert!(text.get(hit.range).is_some());
        }
    }
}
