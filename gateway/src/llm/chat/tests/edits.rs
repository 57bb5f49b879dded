//! What edits do to a body.

use parapet_guardrails::segment::{Form, Rewrite};

use crate::llm::testing::{holding, output, replace, request, request_texts, response_texts};
use crate::llm::{Dialect, Unjudged};

const YES: Rewrite = Rewrite::Yes;

#[test]
fn a_changed_answer_loses_what_repeats_it_and_the_others_keep_theirs() {
    let choice = |text: &str| {
        format!(
            r#"{{"message":{{"content":"{text}","annotations":[{{"url_citation":{{"title":"{text}"}}}}]}},"logprobs":{{"content":[{{"token":"{text}","bytes":[77]}}]}},"token_ids":[1]}}"#
        )
    };
    let body = format!(r#"{{"choices":[{},{}]}}"#, choice("one"), choice("two"));
    let mut texts = response_texts(Dialect::OpenAi, &body);
    let segment = holding(&texts, "two")[0];
    texts
        .apply(&[parapet_guardrails::finding::Edit {
            segment,
            range: 0..3,
            replacement: "***".into(),
        }])
        .unwrap();
    let changed =
        r#"{"message":{"content":"***","annotations":[]},"logprobs":null,"token_ids":null}"#;
    assert_eq!(
        output(&texts),
        format!(r#"{{"choices":[{},{changed}]}}"#, choice("one"))
    );
}

#[test]
fn a_text_split_over_parts_is_found_and_replaced_in_all_of_them() {
    let body = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"key: AK"},{"type":"text","text":"IA"},{"type":"text","text":"7 \u00e9nd"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},{"type":"text","text":"later"}]}]}"#;
    let mut texts = request_texts(Dialect::OpenAi, body);
    assert_eq!(texts.segments().text(0), "key: AKIA7 énd");
    assert_eq!(texts.segments().text(1), "later");
    assert_eq!(texts.unjudged().of(Unjudged::Image), 1);
    texts.apply(&[replace(&texts, "AKIA7", "[GONE]")]).unwrap();
    assert_eq!(texts.segments().text(0), "key: [GONE] énd");
    let expected = body
        .replace("key: AK", "key: [GONE]")
        .replace(r#""IA""#, r#""[GONE]""#)
        .replace(r"7 \u00e9nd", r" \u00e9nd");
    assert_eq!(output(&texts), expected);
}

#[test]
fn numbers_become_strings_unless_the_schema_forbids_it() {
    let arguments =
        r#"{\"ssn\":78051120,\"count\":5,\"list\":[1.50],\"either\":7,\"deep\":{\"x\":-1e3}}"#;
    let body = format!(
        r##"{{"model":"m","tools":[{{"type":"function","function":{{"name":"f","parameters":{{"type":"object","$defs":{{"Whole":{{"type":"integer"}}}},"properties":{{"count":{{"$ref":"#/$defs/Whole"}},"either":{{"type":["integer","string"]}},"list":{{"items":{{"anyOf":[{{"type":"number"}},{{"type":"null"}}]}}}},"deep":{{"properties":{{}},"additionalProperties":{{"type":"number"}}}}}}}}}}}}],"messages":[{{"role":"assistant","tool_calls":[{{"function":{{"name":"f","arguments":"{arguments}"}}}}]}}]}}"##
    );
    let mut texts = request_texts(Dialect::OpenAi, &body);
    let numbers = texts.segments().list().iter().enumerate();
    let numbers: Vec<_> = numbers
        .filter(|(_, segment)| segment.form == Form::JsonNumber)
        .map(|(index, segment)| {
            (
                texts.segments().text(index),
                segment.key.as_deref(),
                segment.rewrite,
            )
        })
        .collect();
    let no = Rewrite::No("number");
    assert_eq!(
        numbers,
        [
            ("78051120", Some("ssn"), YES),
            ("5", Some("count"), no),
            ("1.50", Some("list"), no),
            ("7", Some("either"), YES),
            ("-1e3", Some("x"), no),
        ]
    );
    let raw = texts
        .segments()
        .list()
        .iter()
        .position(|one| one.form == Form::JsonRaw)
        .unwrap();
    texts.apply(&[replace(&texts, "78051", "<\"N\">")]).unwrap();
    assert_eq!(
        texts.segments().text(raw),
        r#"{"ssn":"<\"N\">120","count":5,"list":[1.50],"either":7,"deep":{"x":-1e3}}"#
    );
    assert_eq!(
        output(&texts),
        body.replace("78051120", r#"\"<\\\"N\\\">120\""#)
    );
}

#[test]
fn escapes_of_two_levels_map_back() {
    // The argument's value is `naïve "AKIA\n7`, with its ï and A written as escapes of the inner JSON and
    // its K as an escape of the outer.
    let body = r#"{"model":"m","messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{\"a\":\"na\\u00efve \\\"\\u0041\u004bIA\\n7\"}"}}]}]}"#;
    let mut texts = request_texts(Dialect::OpenAi, body);
    let leaf = holding(&texts, "AKIA")[0];
    assert_eq!(texts.segments().text(leaf), "naïve \"AKIA\n7");
    texts.apply(&[replace(&texts, "AKIA", "X")]).unwrap();
    assert_eq!(output(&texts), body.replace(r"\\u0041\u004bIA", "X"));
}

#[test]
fn a_later_mutator_edits_what_the_earlier_left() {
    let body =
        r#"{"model":"m","messages":[{"role":"user","content":"a\tsecret and 078-05-1120"}]}"#;
    let mut texts = request_texts(Dialect::OpenAi, body);
    texts
        .apply(&[replace(&texts, "078-05-1120", "[SSN]")])
        .unwrap();
    texts.apply(&[replace(&texts, "secret", "\"S\"")]).unwrap();
    texts.apply(&[replace(&texts, "and [S", "+")]).unwrap();
    assert_eq!(texts.segments().text(0), "a\t\"S\" +SN]");
    assert_eq!(
        output(&texts),
        body.replace("secret and 078-05-1120", r#"\"S\" +SN]"#)
    );
}

#[test]
fn the_gateways_own_changes_leave_the_rest_alone() {
    for (body, changed) in [
        (
            r#"{"model":"a/b","messages":[],"store":true}"#,
            r#"{"stream_options":{"include_usage":true},"model":"x\"y","messages":[],"store":false}"#,
        ),
        (
            r#"{ "model":"a/b", "stream_options":{}, "messages":[]}"#,
            r#"{ "model":"x\"y", "stream_options":{"include_usage":true}, "messages":[]}"#,
        ),
        (
            r#"{"stream_options":{"o":1},"model":"a/b","messages":[]}"#,
            r#"{"stream_options":{"include_usage":true,"o":1},"model":"x\"y","messages":[]}"#,
        ),
        (
            r#"{"stream_options":{"include_usage": false},"model":"a/b","messages":[]}"#,
            r#"{"stream_options":{"include_usage": true},"model":"x\"y","messages":[]}"#,
        ),
        (
            r#"{"stream_options":null,"model":"a/b","messages":[],"store":false}"#,
            r#"{"stream_options":{"include_usage":true},"model":"x\"y","messages":[],"store":false}"#,
        ),
    ] {
        let request = request(Dialect::OpenAi, body);
        assert_eq!(request.model().as_ref(), "a/b");
        let mut texts = request.no_texts();
        request.put_model(&mut texts, "first try");
        request.put_model(&mut texts, "x\"y");
        assert!(request.put_include_usage(&mut texts));
        assert_eq!(request.put_no_store(&mut texts), request.stores());
        assert_eq!(output(&texts), changed);
        assert_eq!(
            texts.edited_texts(),
            body,
            "guardrails see the body without them"
        );
    }
    let kept = r#"{"stream_options":{"include_usage":true},"model":"a/b","messages":[]}"#;
    let request = request(Dialect::OpenAi, kept);
    assert!(!request.put_include_usage(&mut request.no_texts()));
}

#[test]
fn places_are_told_without_text() {
    let body = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"one"}]},{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{\"078-05-1120\":\"two\"}"}}]}]}"#;
    let texts = request_texts(Dialect::OpenAi, body);
    for (needle, place) in [
        ("one", "messages[0].content[0].text"),
        ("two", "messages[1].tool_calls[0].function.arguments"),
        ("078", "messages[1].tool_calls[0].function.arguments"),
    ] {
        assert_eq!(texts.place(holding(&texts, needle)[0]), place);
    }
}

#[test]
fn content_without_text_is_counted() {
    let body = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"DATA:image/png;base64,AA"}},{"type":"image_url","image_url":{"url":"http://x"}},{"type":"input_audio","input_audio":{"data":"AA","format":"wav"}},{"type":"file","file":{"file_id":"f"}}]},{"role":"assistant","audio":{"id":"a"},"reasoning_details":[{"type":"reasoning.encrypted","data":"x"}]}]}"#;
    let texts = request_texts(Dialect::OpenAi, body);
    let counts: Vec<_> = texts
        .unjudged()
        .iter()
        .map(|(class, n)| (class.as_str(), n))
        .collect();
    assert_eq!(
        counts,
        [
            ("image", 1),
            ("audio", 2),
            ("file", 1),
            ("remote_url", 1),
            ("opaque", 1)
        ]
    );
    assert_eq!(texts.segments().list().len(), 1, "the remote URL");
}

#[test]
fn a_range_of_the_whole_leads_to_its_leaf() {
    let body = r#"{"model":"m","messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{\"k\":\"o\\u006ee\",\"n\":12345,\"list\":[\"two\",\"three\"],\"last\":\"four\"}"}}]}]}"#;
    let mut texts = request_texts(Dialect::OpenAi, body);
    let list = texts.segments().list();
    let raw = list
        .iter()
        .position(|one| one.form == Form::JsonRaw)
        .unwrap();
    let leaf = |texts: &crate::llm::Texts, needle: &str| {
        let start = texts.segments().text(raw).find(needle).expect(needle);
        let (leaf, range) = texts.leaf_of_raw(raw, start..start + needle.len())?;
        Some(texts.segments().text(leaf)[range].to_owned())
    };
    for (needle, text) in [
        (r"o\u006ee", Some("one")),
        (r"u006e", Some("n")),
        ("234", Some("234")),
        ("thr", Some("thr")),
        ("four", Some("four")),
        ("two\",", None),
        ("\"two", None),
        ("list", None),
        ("k\":\"o", None),
    ] {
        assert_eq!(leaf(&texts, needle).as_deref(), text, "{needle}");
    }
    texts
        .apply(&[
            replace(&texts, "23", "\"\n<number>"),
            replace(&texts, "two", ""),
        ])
        .unwrap();
    for (needle, text) in [
        (r"o\u006ee", Some("one")),
        ("number>4", Some("number>4")),
        (r#"1\"\n<"#, Some("1\"\n<")),
        ("three", Some("three")),
        ("four", Some("four")),
        ("\"\",", None),
    ] {
        assert_eq!(leaf(&texts, needle).as_deref(), text, "{needle}");
    }
    assert_eq!(texts.leaf_of_raw(raw + 1, 0..1), None);
}
