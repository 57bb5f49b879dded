use proptest::prelude::*;

use super::{Setting, visit};

fn excerpts(text: &str) -> Vec<(Setting, String, String)> {
    let mut list = Vec::new();
    visit(text, &mut |excerpt| {
        let about = if excerpt.setting == Setting::Json {
            excerpt.key
        } else {
            excerpt.language
        };
        list.push((excerpt.setting, about.to_owned(), excerpt.text.to_owned()));
    });
    list
}

fn owned(list: &[(Setting, &str, &str)]) -> Vec<(Setting, String, String)> {
    list.iter()
        .map(|(s, a, t)| (*s, (*a).to_owned(), (*t).to_owned()))
        .collect()
}

#[test]
fn fences_are_cut_out() {
    use Setting::{Fence, Plain};
    for (text, expected) in [
        ("no fence", vec![(Plain, "", "no fence")]),
        (
            "a\n```sql\nDROP TABLE x\n```\nb",
            vec![
                (Plain, "", "a\n"),
                (Fence, "sql", "DROP TABLE x\n"),
                (Plain, "", "b"),
            ],
        ),
        ("a\n~~~\nx\n", vec![(Plain, "", "a\n"), (Fence, "", "x\n")]),
        (
            "````md\n```sh\nls\n```\n````\n",
            vec![(Plain, "", ""), (Fence, "md", "```sh\nls\n```\n")],
        ),
    ] {
        assert_eq!(excerpts(text), owned(&expected), "{text}");
    }
}

#[test]
fn json_strings_are_opened() {
    use Setting::{Json, Plain};
    let text = r#"Tool: {"query": "delete\nfrom \"t\"", "n": [1, "wxyz"]} and {more}"#;
    assert_eq!(
        excerpts(text),
        owned(&[
            (Plain, "", text),
            (Json, "query", "delete\nfrom \"t\""),
            (Json, "n", "wxyz")
        ])
    );
    let nested = r#"{"body": "{\"sql\": \"SELECT 1\"}"}"#;
    assert_eq!(
        excerpts(nested).last(),
        owned(&[(Json, "sql", "SELECT 1")]).last()
    );
    let cut = r#"{"query": "DROP TABLE us"#;
    assert_eq!(
        excerpts(cut).last(),
        owned(&[(Json, "query", "DROP TABLE us")]).last()
    );
}

#[test]
fn ranges_lead_back_to_the_source() {
    let text = r#"x {"a": "1\u00e9\n\"DROP\""}"#;
    let mut found = Vec::new();
    visit(text, &mut |excerpt| {
        if let Some(at) = excerpt
            .text
            .find("DROP")
            .filter(|_| excerpt.setting == Setting::Json)
        {
            found.push(excerpt.source(&(at..at + 4)));
        }
    });
    assert_eq!(found.len(), 1);
    assert!(
        found
            .iter()
            .all(|range| text.get(range.clone()) == Some("DROP"))
    );
}

proptest! {
    #[test]
    fn any_text_is_cut_without_panic(text in r#"([{}\[\]":,\\`~\n a-cé]|```|\\u00e9|\{"a": "){0,60}"#) {
        visit(&text, &mut |excerpt| {
            let range = excerpt.source(&(0..excerpt.text.len()));
            assert!(range.start <= range.end && text.get(range).is_some());
        });
    }
}
