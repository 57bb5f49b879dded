use super::*;

fn sites(text: &str) -> Vec<(String, String)> {
    let sites = Sites::of(text, false);
    sites
        .iter()
        .map(|(range, stands_for)| (text[range].to_owned(), stands_for.to_owned()))
        .collect()
}

#[test]
fn a_text_reads_differently_where_it_is_disguised() {
    for (text, expected) in [
        ("plain text, 100% of it & more", vec![]),
        ("naïve façade – “quoted” 中文，中文 ❤️ 👩‍💻", vec![]),
        ("pass\u{200b}word", vec![("\u{200b}", "")]),
        (
            "pass\u{200b}\u{200d}\u{fe0f}word",
            vec![("\u{200b}\u{200d}\u{fe0f}", "")],
        ),
        ("a \u{200b}b", vec![]),
        ("co\u{ad}op", vec![("\u{ad}", "")]),
        ("１２", vec![("１", "1"), ("２", "2")]),
        ("user＠example.com", vec![("＠", "@")]),
        ("x\u{e0061}\u{e0062}y", vec![("\u{e0061}\u{e0062}", " ab ")]),
        ("pаsswоrd", vec![("а", "a"), ("о", "o")]),
        ("пароль", vec![]),
        ("4111\u{a0}1111", vec![("\u{a0}", " ")]),
        ("123\u{2011}45", vec![("\u{2011}", "-")]),
        ("DROP%20TABLE", vec![("%20", " ")]),
        ("%41%4b%41", vec![("%41%4b%41", "AKA")]),
        ("LIKE '%ab%'", vec![]),
        (
            "a &lt; b &amp;&#38;&#x26; &nope;",
            vec![
                ("&lt;", "<"),
                ("&amp;", "&"),
                ("&#38;", "&"),
                ("&#x26;", "&"),
            ],
        ),
        (
            r"\u0041\x41\u2019\n",
            vec![(r"\u0041", "A"), (r"\x41", "A")],
        ),
        ("a\u{1b}[1;31mb", vec![("\u{1b}[1;31m", "")]),
        (
            "cGFzc3dvcmQ9aHVudGVyMnh5eg==",
            vec![("cGFzc3dvcmQ9aHVudGVyMnh5eg==", "password=hunter2xyz")],
        ),
        (
            "x=70617373776f72643d68756e7465723278797a.",
            vec![(
                "70617373776f72643d68756e7465723278797a",
                "password=hunter2xyz",
            )],
        ),
        ("0123456789abcdef0123456789abcdef", vec![]),
        (
            "internationalization/and/localization/of/components",
            vec![],
        ),
    ] {
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(from, to)| (from.to_owned(), to.to_owned()))
            .collect();
        assert_eq!(sites(text), expected, "{text:?}");
    }
}

#[test]
fn an_encoded_run_is_found_wherever_it_begins() {
    for before in 0..40 {
        for prefix in ["#", "a.", "ab cd ", "{x}"] {
            let text = format!("{}{}QUJDREVGR0hJSktMTU5PUFFS", "#".repeat(before), prefix);
            assert_eq!(
                sites(&text).last().map(|site| site.1.as_str()),
                Some("ABCDEFGHIJKLMNOPQR"),
                "{text}"
            );
        }
    }
}

#[test]
fn base64_goes_on_over_long_lines() {
    let line = "VGhpcyBpcyBhIGxvbmcgbGluZSBvZiB0ZXh0IHRoYXQgYmFzZTY0IHdyYXBzLCA=";
    let (first, second) = line.split_at(60);
    let text = format!("{first}\n{second}\nnext");
    assert_eq!(
        sites(&text),
        [(
            format!("{first}\n{second}"),
            "This is a long line of text that base64 wraps, ".to_owned()
        )]
    );
}

#[test]
fn what_the_end_cuts_off_is_unfinished() {
    for (text, from) in [
        ("plain words", None),
        ("plain words ", None),
        ("The", None),
        ("number 12", Some(7)),
        ("half %", Some(5)),
        ("half %4", Some(5)),
        ("run %41%42", Some(4)),
        ("run %41%4", Some(4)),
        ("done %4!", None),
        ("half &am", Some(5)),
        ("fish & chips", None),
        (r"half \u00", Some(5)),
        (r"line\n ", None),
        ("слово", Some(0)),
        ("слово ", None),
        ("key QUtJQ", Some(4)),
        ("key QUtJQ ", None),
        ("key //////", None),
    ] {
        assert_eq!(unfinished(text, 0), from, "{text:?}");
    }
    assert_eq!(unfinished("key QUtJQ", 6), Some(6));
}
