//! A file's text to its documents.

use serde_saphyr::options::AliasLimits;
use serde_saphyr::{Budget, DuplicateKeyPolicy, MergeKeyPolicy, Options};

use super::node::{Node, Position, Unplaced};

/// Bytes that one file may have.
pub(crate) const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Why a file's text could not be read.
pub(crate) struct ParseError {
    /// Where.
    pub(crate) position: Option<Position>,
    /// What is wrong; no text of the file but field names.
    pub(crate) message: String,
}

/// Every document of a text, without places: what is read when there is nothing to say about it.
pub(crate) fn plain(text: &str, is_json: bool) -> Result<Vec<Node>, ParseError> {
    if is_json {
        return json(text);
    }
    let nodes: Result<Vec<Unplaced>, _> = serde_saphyr::from_multiple_with_options(text, options());
    let nodes = nodes.map_err(|error| yaml_error(&error))?;
    Ok(nodes.into_iter().map(Node::from).collect())
}

/// Every document of a text, with places.
pub(crate) fn placed(text: &str, is_json: bool) -> Result<Vec<Node>, ParseError> {
    if is_json { json(text) } else { yaml(text) }
}

/// Every document of a YAML text; empty ones are left out.
pub(crate) fn yaml(text: &str) -> Result<Vec<Node>, ParseError> {
    serde_saphyr::from_multiple_with_options(text, options()).map_err(|error| yaml_error(&error))
}

fn yaml_error(error: &serde_saphyr::Error) -> ParseError {
    let position = error.location().and_then(|location| {
        Some(Position {
            line: u32::try_from(location.line()).ok()?,
            column: u32::try_from(location.column()).ok()?,
        })
    });
    let what = error.without_snippet().to_string();
    ParseError {
        position,
        message: format!("not valid YAML: {}", what_only(&what)),
    }
}

/// Every document of a JSON text: one, or several after each other.
pub(crate) fn json(text: &str) -> Result<Vec<Node>, ParseError> {
    let documents: Result<Vec<Unplaced>, _> = serde_json::Deserializer::from_str(text)
        .into_iter()
        .collect();
    match documents {
        Ok(nodes) => Ok(nodes
            .into_iter()
            .map(|node| Node {
                position: Some(Position { line: 1, column: 1 }),
                ..node.0
            })
            .collect()),
        Err(error) => Err(ParseError {
            position: Some(Position {
                line: u32::try_from(error.line()).unwrap_or(1).max(1),
                column: u32::try_from(error.column()).unwrap_or(1).max(1),
            }),
            message: format!("not valid JSON: {}", what_only(&error.to_string())),
        }),
    }
}

/// Bounds against documents that grow when read, and no guessing: a field that stands twice is an
/// error, and `yes` is a text.
fn options() -> Options {
    let mut budget = Budget::default();
    budget.max_depth = 64;
    budget.max_documents = 100_000;
    budget.max_events = 20_000_000;
    budget.max_nodes = 10_000_000;
    budget.max_total_scalar_bytes = 64 * 1024 * 1024;
    budget.max_aliases = 10_000;
    budget.max_anchors = 1_000;
    let mut alias_limits = AliasLimits::default();
    alias_limits.max_total_replayed_events = 200_000;
    serde_saphyr::options! {
        budget: Some(budget),
        alias_limits: alias_limits,
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Merge,
        strict_booleans: true,
        with_snippet: false,
        emit_comments: false,
    }
}

/// The first line of a reader's message, without the place: that is told by itself.
fn what_only(message: &str) -> &str {
    let line = message.lines().next().unwrap_or_default();
    line.split(" at line ").next().unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::node::Value;

    #[test]
    fn yaml_keeps_places_and_types() {
        let nodes = yaml("# a\nkind: A\nspec:\n  n: 3\n  b: yes\n  t: \"3\"\n  l:\n    - x: 1\n---\n---\nkind: B\n").ok().unwrap();
        assert_eq!(nodes.len(), 2);
        let at = |node: &Node, path: &str| node.locate(path).map(|p| (p.line, p.column));
        assert_eq!(at(&nodes[0], "spec.n"), Some((4, 3)));
        assert_eq!(at(&nodes[0], "spec.l[0].x"), Some((8, 7)));
        assert_eq!(at(&nodes[0], "spec.l[0].missing.more"), Some((8, 7)));
        assert_eq!(at(&nodes[1], "kind"), Some((11, 1)));
        let spec = nodes[0].field("spec").unwrap();
        assert_eq!(spec.field("b").unwrap().text(), Some("yes"));
        assert_eq!(spec.field("t").unwrap().text(), Some("3"));
        assert!(spec.field("n").unwrap().value == Value::Number(3.into()));
    }

    #[test]
    fn places_change_nothing_else() {
        let text = "a: [1, yes, null, 1.5, {b: x, 1: y}]\nc: &x {d: |\n  e\n}\n---\nf: g\n";
        let text = text.replace("c: &x {d: |\n  e\n}", "c: &x {d: e}\nh: {<<: *x}");
        let without = |nodes: Vec<Node>| -> Vec<String> { nodes.iter().map(shown).collect() };
        let (plain, placed) = (plain(&text, false), placed(&text, false));
        assert_eq!(without(plain.ok().unwrap()), without(placed.ok().unwrap()));
    }

    /// A node's values, without places.
    fn shown(node: &Node) -> String {
        match &node.value {
            Value::Null => "null".to_owned(),
            Value::Bool(value) => value.to_string(),
            Value::Number(value) => value.to_string(),
            Value::Text(text) => format!("{text:?}"),
            Value::List(items) => format!(
                "[{}]",
                items.iter().map(shown).collect::<Vec<_>>().join(",")
            ),
            Value::Fields(fields) => {
                let field =
                    |f: &crate::read::node::Field| format!("{:?}:{}", f.name, shown(&f.node));
                format!(
                    "{{{}}}",
                    fields.iter().map(field).collect::<Vec<_>>().join(",")
                )
            }
        }
    }

    #[test]
    fn json_is_read_with_its_escapes() {
        let nodes = json("{\"kind\": \"A\\ud83d\\ude00\"}\n{\"kind\": \"B\"}")
            .ok()
            .unwrap();
        assert_eq!(nodes[0].field("kind").unwrap().text(), Some("A😀"));
        assert_eq!(nodes[1].field("kind").unwrap().text(), Some("B"));
    }

    #[test]
    fn bad_texts_say_where() {
        let rows = [
            (yaml("a: 1\na: 2\n"), 2),
            (yaml("a: [1\nb: 2\n"), 2),
            (yaml("a: &x [*x]\n"), 1),
            (json("{\"a\": 1,\n \"a\": 2}"), 2),
            (json("{\"a\": \n"), 2),
        ];
        for (index, (result, line)) in rows.into_iter().enumerate() {
            let error = result.err().unwrap();
            assert_eq!(
                error.position.map(|p| p.line),
                Some(line),
                "row {index}: {}",
                error.message
            );
        }
    }

    #[test]
    fn growing_aliases_are_refused() {
        let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for level in 1..10 {
            let last = level - 1;
            text.push_str(&format!(
                "a{level}: &a{level} [{}]\n",
                vec![format!("*a{last}"); 10].join(",")
            ));
        }
        assert!(yaml(&text).is_err());
        let deep = "[".repeat(10_000);
        assert!(yaml(&deep).is_err());
        assert!(json(&deep).is_err());
    }
}
