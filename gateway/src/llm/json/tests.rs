use proptest::prelude::*;

use super::*;

fn error(text: &str) -> JsonError {
    Doc::parse(text).expect_err(text)
}

/// Builds the value anew from the tape.
fn rebuild(value: Value<'_>) -> serde_json::Value {
    match value.kind() {
        Kind::Null => serde_json::Value::Null,
        Kind::Bool => value.as_bool().unwrap().into(),
        Kind::Number => serde_json::from_str(value.raw()).unwrap(),
        Kind::String => value.as_str().unwrap().into(),
        Kind::Array => value.items().map(rebuild).collect(),
        Kind::Object => {
            let members = value
                .members()
                .map(|(key, value)| (key.into_owned(), rebuild(value)));
            serde_json::Value::Object(members.collect())
        }
    }
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let text = prop_oneof![".{0,40}", "[a-z\"\\\\\n\u{0}\u{1f}😀é]{0,80}"];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        text.clone().prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 60, 12, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..12).prop_map(Into::into),
            prop::collection::vec((text.clone(), inner), 0..12)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn reads_what_serde_reads(value in json(), pretty in any::<bool>()) {
        let text = if pretty {
            serde_json::to_string_pretty(&value).unwrap()
        } else {
            value.to_string()
        };
        let expected: serde_json::Value = serde_json::from_str(&text).unwrap();
        let doc = Doc::parse(&text).unwrap();
        prop_assert_eq!(rebuild(doc.root(&text)), expected);
    }

    #[test]
    fn accepts_and_refuses_what_serde_does(text in "[\\[\\]{}:,\"\\\\ntrue0-9.eE+ -]{0,12}") {
        let serde: Result<serde_json::Value, _> = serde_json::from_str(&text);
        match Doc::parse(&text) {
            Ok(doc) => prop_assert_eq!(rebuild(doc.root(&text)), serde.unwrap()),
            // serde keeps the last of two equal keys, and refuses numbers that no float holds.
            Err(JsonError::DuplicateKey { .. }) => {}
            Err(_) => prop_assert!(serde.is_err(), "{}", text),
        }
    }

    #[test]
    fn escaping_comes_back(text in "\\PC{0,20}[\"\\\\\n\r\t\u{0}\u{8}é😀]{0,20}\\PC{0,60}") {
        let mut escaped = String::new();
        escape_into(&text, &mut escaped);
        prop_assert_eq!(unescape(&escaped), text.clone());
        let quoted = format!("\"{escaped}\"");
        prop_assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), text);
    }

    #[test]
    fn offsets_map_back_to_what_was_written(characters in prop::collection::vec(written(), 0..30)) {
        let raw: String = characters.iter().map(|(raw, _)| raw.as_str()).collect();
        let text: String = characters.iter().map(|(_, text)| *text).collect();
        prop_assert_eq!(unescape(&raw), text.clone());
        let mut forward = RawCursor::new(&raw);
        let (mut raw_at, mut text_at) = (0, 0);
        for (raw_char, character) in &characters {
            prop_assert_eq!(forward.start(text_at), raw_at);
            for inside in 1..character.len_utf8() {
                let plain = raw_char.len() == character.len_utf8();
                let mut cursor = RawCursor::new(&raw);
                let expected = if plain { raw_at + inside } else { raw_at };
                prop_assert_eq!(cursor.start(text_at + inside), expected);
                let mut cursor = RawCursor::new(&raw);
                let expected = if plain { raw_at + inside } else { raw_at + raw_char.len() };
                prop_assert_eq!(cursor.end(text_at + inside), expected);
            }
            let means = text_at..text_at + character.len_utf8();
            prop_assert_eq!(text_range(&raw, raw_at..raw_at + raw_char.len()), means.clone());
            if raw_char.starts_with('\\') {
                prop_assert_eq!(text_range(&raw, raw_at + 1..raw_at + 2), means);
            }
            raw_at += raw_char.len();
            text_at += character.len_utf8();
            let mut cursor = RawCursor::new(&raw);
            prop_assert_eq!(cursor.end(text_at), raw_at);
        }
    }
}

/// A character and one way to write it.
fn written() -> impl Strategy<Value = (String, char)> {
    prop_oneof![
        prop_oneof![Just('a'), Just('é'), Just('😀')].prop_map(|c| (c.to_string(), c)),
        prop_oneof![Just('a'), Just('é'), Just('😀'), Just('"')].prop_map(|c| {
            let mut units = [0; 2];
            let units = c.encode_utf16(&mut units).iter();
            (units.map(|unit| format!("\\u{unit:04X}")).collect(), c)
        }),
        Just(("\\n".to_owned(), '\n')),
        Just(("\\\\".to_owned(), '\\')),
        Just(("\\/".to_owned(), '/')),
    ]
}

#[test]
fn errors_tell_the_byte() {
    for (text, at) in [
        ("", 0),
        ("{", 1),
        ("[1,]", 3),
        ("{\"a\" 1}", 5),
        ("{\"a\":1,}", 7),
        ("{a:1}", 1),
        ("[1 2]", 3),
        ("[1}", 2),
        ("01", 1),
        ("-", 1),
        ("1.", 2),
        ("1e", 2),
        ("tru", 0),
        ("nul", 0),
        ("1 1", 2),
        ("\"\\x\"", 1),
        ("\"\\u12g4\"", 1),
        ("\"a\nb\"", 2),
        ("\"abc", 4),
        ("\u{feff}1", 0),
    ] {
        match error(text) {
            JsonError::Syntax { at: found, .. } => assert_eq!(found, at, "{text:?}"),
            other => panic!("{text:?}: {other}"),
        }
    }
}

#[test]
fn duplicate_keys_are_refused_however_they_are_written() {
    assert_eq!(error(r#"{"a":1,"a":2}"#), JsonError::DuplicateKey { at: 8 });
    assert_eq!(
        error(r#"{"a":1,"\u0061":2}"#),
        JsonError::DuplicateKey { at: 8 }
    );
    assert_eq!(
        error(r#"[{"x":{"a":{},"b":[],"a":0}}]"#),
        JsonError::DuplicateKey { at: 22 }
    );
    assert!(Doc::parse(r#"{"a":{"a":1},"b":[{"a":1},{"a":1}]}"#).is_ok());
    for size in [7, 8, 9, 100] {
        let members: Vec<String> = (0..size).map(|n| format!("\"k{n}\":{n}")).collect();
        assert!(
            Doc::parse(&format!("{{{}}}", members.join(","))).is_ok(),
            "{size}"
        );
        let again = format!("{{{},\"k3\":0}}", members.join(","));
        assert!(
            matches!(error(&again), JsonError::DuplicateKey { .. }),
            "{size}"
        );
    }
}

#[test]
fn depth_is_limited() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(Doc::parse(&nested(MAX_DEPTH)).is_ok());
    assert_eq!(
        error(&nested(MAX_DEPTH + 1)),
        JsonError::TooDeep { at: MAX_DEPTH }
    );
    assert!(matches!(
        error(&"[".repeat(1_000_000)),
        JsonError::TooDeep { .. }
    ));
    assert!(matches!(
        error(&"{\"a\":".repeat(1_000_000)),
        JsonError::TooDeep { .. }
    ));
}

#[test]
fn half_a_surrogate_pair_reads_as_a_replacement_character() {
    for (raw, text) in [
        (r"a\ud800b", "a\u{fffd}b"),
        (r"\udc00", "\u{fffd}"),
        (r"\ud83d\u0041", "\u{fffd}A"),
        (r"\ud83d\ude00", "😀"),
        (r"\ud83d\ud83d\ude00", "\u{fffd}😀"),
        (r"\ud83d", "\u{fffd}"),
    ] {
        assert_eq!(unescape(raw), text);
        assert!(Doc::parse(&format!("\"{raw}\"")).is_ok());
    }
}

#[test]
fn values_are_found_by_key_and_numbers_kept_as_written() {
    let text = r#" {"a":{"b":[10,20e0]}, "\u0063":1.50, "d":"x\ty", "big":123456789012345678901234567890} "#;
    let doc = Doc::parse(text).unwrap();
    let root = doc.root(text);
    assert_eq!(root.get("a").unwrap().get("b").unwrap().items().count(), 2);
    assert_eq!(root.get("c").unwrap().raw(), "1.50");
    assert_eq!(
        root.get("big").unwrap().raw(),
        "123456789012345678901234567890"
    );
    assert_eq!(root.get_str("d").as_deref(), Some("x\ty"));
    assert!(root.get("nothing").is_none());
    assert_eq!(
        root.get("a")
            .unwrap()
            .get("b")
            .unwrap()
            .items()
            .next()
            .unwrap()
            .as_u64(),
        Some(10)
    );
}

#[test]
fn paths_show_ordinary_names_only() {
    let text =
        r#"{"messages":[{"content":"a"},{"content":[{"text":"b"}]}],"078-05-1120":{"x":"c"}}"#;
    let doc = Doc::parse(text).unwrap();
    for (needle, path) in [
        ("\"a\"", "messages[0].content"),
        ("\"b\"", "messages[1].content[0].text"),
        ("\"c\"", "*.x"),
        ("\"messages", "body"),
    ] {
        let at = text.find(needle).unwrap() as u32;
        assert_eq!(doc.path_of(text, at), path);
    }
}

#[test]
fn strings_end_where_they_should_at_every_length() {
    for length in 0..200 {
        for special in ["", "\\n", "\\\"", "é"] {
            for at in [0, length / 2, length] {
                let content = format!("{}{special}{}", "x".repeat(at), "y".repeat(length - at));
                let text = format!("[\"{content}\",1]");
                let doc = Doc::parse(&text).unwrap();
                let string = doc.root(&text).items().next().unwrap();
                assert_eq!(string.string().unwrap().raw, content);
            }
        }
    }
}

#[test]
fn a_wide_object_costs_little_more_than_its_length() {
    // 300,000 members: comparing every pair would take minutes.
    let members: Vec<String> = (0..300_000).map(|n| format!("\"{n}\":0")).collect();
    let text = format!("{{{}}}", members.join(","));
    let doc = Doc::parse(&text).unwrap();
    assert_eq!(doc.root(&text).members().count(), 300_000);
}
