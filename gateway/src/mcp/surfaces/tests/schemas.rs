//! Redactions that an output schema allows, and those that it does not.

use super::super::output_schema::still_fits;
use super::parsed;

/// Whether `after` still fits `schema` where `before` did, all as members of an object.
fn fits(schema: &str, before: &str, after: &str) -> bool {
    let [schema, before, after] =
        [schema, before, after].map(|value| parsed(&format!(r#"{{"x":{value}}}"#)));
    let of = |parsed: &super::Parsed| parsed.root().get("x").unwrap().index();
    still_fits(
        schema.root().at(of(&schema)),
        before.root().at(of(&before)),
        after.root().at(of(&after)),
    )
}

#[test]
fn every_keyword_that_a_redaction_can_break() {
    let object = |keyword: &str| format!(r#"{{"properties":{{"a":{keyword}}}}}"#);
    for (keyword, holds) in [
        (r#"{}"#, true),
        (r#"true"#, true),
        (r#"{"type":"string"}"#, true),
        (r#"{"type":["null","string"]}"#, true),
        (r#"{"type":"integer"}"#, false),
        (r#"{"enum":["secret","b"]}"#, false),
        (r#"{"enum":["secret","[R]"]}"#, true),
        (r#"{"const":"secret"}"#, false),
        (r#"{"minLength":3,"maxLength":6}"#, true),
        (r#"{"minLength":4}"#, false),
        (r#"{"maxLength":2}"#, false),
        (r#"{"pattern":"^[a-z]+$"}"#, false),
        (r#"{"pattern":"^\\["}"#, true),
        (r#"{"pattern":"(?=look)"}"#, false),
        (r#"{"format":"uuid"}"#, false),
        (r#"{"format":"color"}"#, true),
        (
            r#"{"title":"t","description":"d","default":"x","examples":["x"]}"#,
            true,
        ),
        (r#"{"not":{"const":"x"}}"#, false),
        (r#"{"if":{"const":"x"},"then":false}"#, false),
        (r#"{"allOf":[{"type":"string"},{"maxLength":2}]}"#, false),
        (r#"{"anyOf":[{"type":"integer"},{"type":"string"}]}"#, true),
        (r#"{"anyOf":[{"const":"secret"},{"type":"null"}]}"#, false),
        (r#"{"oneOf":[{"type":"string"},{"maxLength":9}]}"#, false),
        (
            r##"{"$ref":"#/properties/a/then","then":{"maxLength":9}}"##,
            true,
        ),
        (r##"{"$ref":"#/nowhere"}"##, false),
        (r#"{"$ref":"https://example.com/schema"}"#, false),
    ] {
        let got = fits(&object(keyword), r#"{"a":"secret"}"#, r#"{"a":"[R]"}"#);
        assert_eq!(got, holds, "{keyword}");
    }
}

#[test]
fn schemas_of_objects_and_arrays() {
    for (schema, before, after, holds) in [
        (
            r#"{"additionalProperties":{"maxLength":2}}"#,
            r#"{"a":"s"}"#,
            r#"{"a":"[R]"}"#,
            false,
        ),
        (
            r#"{"additionalProperties":false,"properties":{"a":{}}}"#,
            r#"{"a":"s"}"#,
            r#"{"a":"[R]"}"#,
            true,
        ),
        (
            r#"{"patternProperties":{"^a":{"const":"s"}}}"#,
            r#"{"ab":"s"}"#,
            r#"{"ab":"[R]"}"#,
            false,
        ),
        (r#"{"items":{"type":"number"}}"#, "[1]", r#"["[R]"]"#, false),
        (
            r#"{"items":{"type":"string"}}"#,
            r#"["s"]"#,
            r#"["[R]"]"#,
            true,
        ),
        (
            r#"{"prefixItems":[{},{"const":"s"}]}"#,
            r#"["s","s"]"#,
            r#"["[R]","s"]"#,
            true,
        ),
        (
            r#"{"prefixItems":[{},{"const":"s"}]}"#,
            r#"["s","s"]"#,
            r#"["s","[R]"]"#,
            false,
        ),
        (
            r#"{"uniqueItems":true}"#,
            r#"["s","t"]"#,
            r#"["[R]","[R]"]"#,
            false,
        ),
        (
            r#"{"uniqueItems":true}"#,
            r#"["s","t"]"#,
            r#"["[R]","t"]"#,
            true,
        ),
        (
            r#"{"contains":{"const":"s"}}"#,
            r#"["s"]"#,
            r#"["[R]"]"#,
            false,
        ),
        (
            r#"{"enum":[{"a":"s"}]}"#,
            r#"{"a":"s"}"#,
            r#"{"a":"[R]"}"#,
            false,
        ),
        (
            r#"{"required":["a"],"minProperties":1}"#,
            r#"{"a":"s"}"#,
            r#"{"a":"[R]"}"#,
            true,
        ),
        // Only what changed counts, except where another branch may have fitted.
        (
            r#"{"properties":{"n":{"multipleOf":3}}}"#,
            r#"{"n":3,"a":"s"}"#,
            r#"{"n":3,"a":"[R]"}"#,
            true,
        ),
        (
            r#"{"oneOf":[{"properties":{"k":{"const":"a"},"v":{"maxLength":1}}},{"properties":{"k":{"const":"b"}}}]}"#,
            r#"{"k":"a","v":"s"}"#,
            r#"{"k":"a","v":"[R]"}"#,
            false,
        ),
        (
            r#"{"oneOf":[{"properties":{"k":{"const":"a"},"v":{"maxLength":1}}},{"properties":{"k":{"const":"b"}}}]}"#,
            r#"{"k":"b","v":"s"}"#,
            r#"{"k":"b","v":"[R]"}"#,
            true,
        ),
        ("false", r#"{"a":"s"}"#, r#"{"a":"[R]"}"#, false),
        ("3", r#"{"a":"s"}"#, r#"{"a":"[R]"}"#, false),
    ] {
        assert_eq!(fits(schema, before, after), holds, "{schema} {after}");
    }
}

#[test]
fn schema_bombs_end_in_not_sure() {
    let (before, after) = (r#"{"a":"s"}"#, r#"{"a":"[R]"}"#);
    assert!(!fits(r##"{"$ref":"#"}"##, before, after));
    let circle = r##"{"$ref":"#/x","allOf":[{"$ref":"#"},{"$ref":"#"}]}"##;
    assert!(!fits(circle, before, after));
    let mut bomb = r#"{"type":"object"}"#.to_owned();
    for _ in 0..20 {
        bomb = format!(r#"{{"allOf":[{bomb},{{"type":"object"}}]}}"#);
    }
    assert!(fits(&bomb, before, after), "large, and within bounds");
    let pairs: Vec<String> = (0..40)
        .map(|n| {
            format!(
                r##""d{n}":{{"allOf":[{{"$ref":"#/$defs/d{m}"}},{{"$ref":"#/$defs/d{m}"}}]}}"##,
                m = n + 1
            )
        })
        .collect();
    let doubling = format!(
        r##"{{"$ref":"#/$defs/d0","$defs":{{{},"d40":{{}}}}}}"##,
        pairs.join(",")
    );
    let began = std::time::Instant::now();
    assert!(!fits(&doubling, before, after));
    assert!(began.elapsed().as_secs() < 5);
    let pattern = r#"{"properties":{"a":{"pattern":"(((a{100}){100}){100}){100}"}}}"#;
    assert!(!fits(pattern, before, after));
}
