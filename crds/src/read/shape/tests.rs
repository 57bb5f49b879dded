use serde_json::json;

use super::{Path, walk};
use crate::read::parse;

/// What is wrong with `yaml` under `schema`, as `path: message`.
fn problems(schema: &serde_json::Value, yaml: &str) -> (serde_json::Value, Vec<String>) {
    let node = parse::yaml(yaml).ok().unwrap().remove(0);
    let mut problems = Vec::new();
    let value = walk(schema, &node, Path::Root("spec"), &mut problems);
    let said = problems.into_iter().map(|p| {
        format!(
            "{}:{}: {}",
            p.position.map_or(0, |p| p.line),
            p.path,
            p.message
        )
    });
    (value, said.collect())
}

fn schema() -> serde_json::Value {
    json!({
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 5, "pattern": "^[a-z]+$"},
            "mode": {"oneOf": [{"const": "buffered", "description": "x"}, {"enum": ["observe"]}]},
            "maybe": {"anyOf": [{"$ref": "#/$defs/Inner"}, {"type": "null"}]},
            "count": {"type": ["integer", "null"], "minimum": 1, "maximum": 3},
            "ratio": {"type": "number"},
            "on": {"type": "boolean"},
            "list": {"type": "array", "items": {"$ref": "#/$defs/Inner"}, "minItems": 1, "maxItems": 2},
            "map": {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 1},
            "any": {"x-kubernetes-preserve-unknown-fields": true},
            "llm_input_guardrails": {"type": "array", "items": {"type": "string"}},
        },
        "$defs": {"Inner": {"type": "object", "properties": {"x": {"type": "integer"}}}}
    })
}

#[test]
fn what_fits_passes_and_is_normalised() {
    let yaml = "name: abc\nmode: observe\nmaybe:\ncount: null\nratio: 1\non: true\nlist: [{x: 1}]\nmap: {a: b}\n\
                any: {deep: [1]}\ninput_guardrails: [a/b]\n";
    let (value, problems) = problems(&schema(), yaml);
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(
        value,
        json!({
            "name": "abc", "mode": "observe", "maybe": {}, "ratio": 1, "on": true, "list": [{"x": 1}],
            "map": {"a": "b"}, "any": {"deep": [1]}, "llm_input_guardrails": ["a/b"],
        })
    );
}

#[test]
fn each_problem_names_path_and_line() {
    let rows = [
        ("mode: observe", "1:spec: the field \"name\" is missing"),
        (
            "name: abc\nnmae: b",
            "2:spec.nmae: there is no field \"nmae\" here: did you mean \"name\"?",
        ),
        (
            "name: abc\nmode: obsreve",
            "2:spec.mode: there is no value \"obsreve\" here: did you mean \"observe\"?",
        ),
        (
            "name: abc\nmode: 3",
            "2:spec.mode: this is a number: write buffered or observe",
        ),
        (
            "name: abcdef",
            "1:spec.name: 6 characters: at most 5 are allowed here",
        ),
        ("name: \"\"", "1:spec.name: this is empty"),
        (
            "name: A1",
            "1:spec.name: this does not have the form ^[a-z]+$",
        ),
        (
            "name: abc\ncount: 4",
            "2:spec.count: 4 is too large: at most 3",
        ),
        (
            "name: abc\ncount: 0",
            "2:spec.count: 0 is too small: at least 1",
        ),
        (
            "name: abc\ncount: 1.5",
            "2:spec.count: this is a number: write a whole number",
        ),
        (
            "name: abc\non: yes",
            "2:spec.on: this is a text: write true or false",
        ),
        (
            "name: abc\nlist: []",
            "2:spec.list: 0 items: at least 1 must be given here",
        ),
        (
            "name: abc\nlist: [{}, {}, {}]",
            "2:spec.list: 3 items: at most 2 are allowed here",
        ),
        (
            "name: abc\nlist:\n  - {}\n  - {y: 1}",
            "4:spec.list[1].y: there is no field \"y\" here: known are x",
        ),
        (
            "name: abc\nlist:",
            "2:spec.list: nothing is written here: write a list, or leave the field out",
        ),
        (
            "name: abc\nlist: {}",
            "2:spec.list: this is a mapping: write a list",
        ),
        (
            "name: abc\nmap: {a: b, c: d}",
            "2:spec.map: at most 1 fields are allowed here",
        ),
        (
            "name: abc\nmap: {a: 1}",
            "2:spec.map.a: this is a number: write a text",
        ),
        (
            "name: abc\nmaybe: {x: hush}",
            "2:spec.maybe.x: this is a text: write a whole number",
        ),
    ];
    for (yaml, wanted) in rows {
        assert_eq!(problems(&schema(), yaml).1, [wanted], "{yaml}");
    }
}

#[test]
fn an_older_spelling_beside_the_newer_one_is_refused() {
    let (_, problems) = problems(
        &schema(),
        "name: a\nllm_input_guardrails: []\ninput_guardrails: []\n",
    );
    assert_eq!(problems.len(), 1, "{problems:?}");
}
