use proptest::prelude::*;

use super::*;
use crate::scan::scan_text;
use crate::scan::streamed::assert_streams;
use crate::segment::{Role, Segments};

const BODY: &str =
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDAC4AWkdwKYSd8\nKs14IReLcYgADhoXk56ZzXI=";

fn detector() -> Detector {
    Detector::new("[REDACTED]".into())
}

/// The text with every secret replaced.
fn redacted(text: &str) -> String {
    let mut out = String::new();
    let mut at = 0;
    for hit in scan_text(&detector(), text) {
        out.push_str(&text[at..hit.range.start]);
        out.push('@');
        at = hit.range.end;
    }
    out + &text[at..]
}

fn pem() -> String {
    format!("-----BEGIN PRIVATE KEY-----\n{BODY}\n-----END PRIVATE KEY-----")
}

/// An AWS key that no rule's example is.
const KEY: &str = concat!("AKIA", "QZ7LRWFVEAPKXWK3");

#[test]
fn only_the_secret_is_replaced() {
    let jwt = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P";
    for (text, expected) in [
        (format!("use {KEY}, please"), "use @, please"),
        (format!("x{KEY}"), "xAKIAQZ7LRWFVEAPKXWK3"),
        (format!("a {} b", pem()), "a @ b"),
        (
            format!("key: \"{}\"", pem().replace('\n', "\\n")),
            "key: \"@\"",
        ),
        (
            format!("Authorization: Bearer {jwt}"),
            "Authorization: Bearer @",
        ),
        (
            "postgres://app:s3cr/t#pw@db:5432/x".to_owned(),
            "postgres://app:@@db:5432/x",
        ),
        (
            "postgres://app:/GVHd7SNaQ@db:5432/x mysql://app:#Ha9AFP@db amqp://app:@!Bx9U$s@db"
                .to_owned(),
            "postgres://app:@@db:5432/x mysql://app:@@db amqp://app:@@db",
        ),
        ("https://host:8080/a@b".to_owned(), "https://host:8080/a@b"),
        (
            "https://host:/docs/me@example.com".to_owned(),
            "https://host:/docs/me@example.com",
        ),
        (
            "curl -u me:s3cretpw https://x".to_owned(),
            "curl -u me:@ https://x",
        ),
        (
            r#"{"password": "s3cretpw", "n": 1}"#.to_owned(),
            r#"{"password": "@", "n": 1}"#,
        ),
        (
            "DB_PASSWORD=s3cretpw\nPORT=1".to_owned(),
            "DB_PASSWORD=@\nPORT=1",
        ),
        ("nothing here at all".to_owned(), "nothing here at all"),
    ] {
        assert_eq!(redacted(&text), expected, "{text}");
    }
}

#[test]
fn disguised_secrets_are_found_and_replaced_with_their_disguise() {
    let wrapped = {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(format!("the key is {KEY}, keep it"))
    };
    let hex: String = KEY.bytes().map(|byte| format!("{byte:02x}")).collect();
    let percent: String = KEY.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let wide: String = KEY
        .chars()
        .filter_map(|c| char::from_u32(c as u32 + 0xfee0))
        .collect();
    let tags: String = KEY
        .chars()
        .filter_map(|c| char::from_u32(c as u32 + 0xe0000))
        .collect();
    let (head, tail) = KEY.split_at(9);
    for (text, expected) in [
        (format!("use {head}\u{200b}{tail} now"), "use @ now"),
        (format!("use {head}\u{ad}\u{feff}{tail} now"), "use @ now"),
        (
            format!("use {head}&#x{:x};{} now", tail.as_bytes()[0], &tail[1..]),
            "use @ now",
        ),
        (
            format!("use {} now", KEY.replacen('A', "А", 1)),
            "use @ now",
        ),
        (format!("use {wide} now"), "use @ now"),
        (format!("use{tags} now"), "use@ now"),
        (format!("use {percent} now"), "use @ now"),
        (
            format!("use {} now", percent.replace('%', "%25")),
            "use @ now",
        ),
        (format!("use {wrapped} now"), "use @ now"),
        (format!("use {hex} now"), "use @ now"),
    ] {
        assert_eq!(redacted(&text), expected, "{text}");
    }
}

#[test]
fn a_json_leaf_is_judged_by_its_key() {
    let mut segment = Segments::of_text("", Role::User, Form::JsonLeaf).list()[0].clone();
    let mut find = |key: &str, text: &str| {
        segment.key = Some(key.into());
        let mut hits = [Vec::new()];
        let detector = detector();
        crate::scan::Scanner::of(&[&detector]).scan(text, &segment, &[&detector], &mut hits);
        hits[0]
            .iter()
            .map(|hit| (hit.range.clone(), hit.category.to_string()))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        find("password", "s3cretpw"),
        [(0..8, "password".to_owned())]
    );
    assert_eq!(
        find("clientSecret", "9f86d081884c7d659a2f"),
        [(0..20, "generic_secret".to_owned())]
    );
    assert_eq!(find("request_id", "9f86d081884c7d659a2f"), []);
    assert_eq!(find("password", "see the policy"), []);
}

#[test]
fn a_long_match_is_open_until_it_ends() {
    let detector = detector();
    for (text, start, category) in [
        (
            format!("see -----BEGIN PRIVATE KEY-----\n{BODY}"),
            4,
            "private_key",
        ),
        (
            format!("see bedrock-api-key-{}", "aB3d9xK7mQ2wE5rT8yU1".repeat(10)),
            4,
            "aws_bedrock_api_key",
        ),
        (
            format!("see eyJhbGciOiJIUzI1NiJ9.eyJzdWIi{}", "b".repeat(50)),
            4,
            "jwt",
        ),
    ] {
        assert_eq!(detector.pending_from(&text, 0), start, "{text}");
        let open = detector.open_match(&text, 0).unwrap();
        assert_eq!((open.start, &*open.category), (start, category), "{text}");
        let ended = format!("{text}\n-----END PRIVATE KEY-----. ");
        assert_eq!(detector.pending_from(&ended, 0), ended.len());
        assert_eq!(detector.open_match(&ended, 0), None);
    }
    assert_eq!(detector.open_match("plain words", 0), None);
}

#[test]
fn plain_words_are_not_held() {
    let detector = detector();
    for text in [
        "The quick brown",
        "what is the password",
        "password: ",
        "The tokens of",
        "see https://example.com/b/",
    ] {
        assert_eq!(detector.pending_from(text, 0), text.len(), "{text}");
    }
    for (text, from) in [
        ("use AKI", 4),
        ("use gh", 4),
        ("password: s3c", 10),
        ("a://u:pw", 6),
        ("use ey", 4),
    ] {
        assert_eq!(detector.pending_from(text, 0), from, "{text}");
    }
}

#[test]
fn streams_find_what_the_whole_has() {
    let detector = detector();
    for text in [
        format!("my key is {KEY}. And yours?"),
        format!("{KEY}{KEY} {KEY}"),
        format!("see\n{}\nand `password = \"s3cr3tpw\"` or PASSWORD=s3cr3tpw2", pem()),
        "curl -u me:s3cretpw -H 'Authorization: Bearer 9f86d081884c7d659a2f' postgres://app:s3cr/t@db/x".to_owned(),
        "the password for staging is s3cretpw, the token:\n\n9f86d081884c7d659a2f\n\nbye".to_owned(),
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P!".to_owned(),
        format!("a %41%4BIA{} b AK\u{200b}IA{} c", &KEY[4..], &KEY[4..]),
        // `41A` might go on as a run of hexadecimal digits, and hides nothing of the escape meanwhile.
        "sk-%41AKIAQZ7LRWFVEAPKXWK3bF2zsdMG3bpcBTS4JDseW\n".to_owned(),
        "base64 of it: cGFzc3dvcmQ9aHVudGVyMnh5eiAgYW5kIG1vcmUgYW5kIG1vcmU=, right".to_owned(),
        format!("Ключ: {} и всё", KEY.replacen('A', "А", 1)),
    ] {
        assert_streams(&detector, &text);
    }
}

fn fragment() -> impl Strategy<Value = String> {
    let fixed: Vec<String> = [
        " ",
        "\n",
        "the ",
        "password",
        "=",
        ": ",
        "\"",
        "s3cr3tpw",
        KEY,
        "AKIA",
        "api_key",
        "sk-",
        "eyJ",
        "%41",
        "%",
        "&#65;",
        "\u{200b}",
        "а",
        "token is ",
        "://",
        "u:p4ss@host",
        "YWJj",
        "-----BEGIN PRIVATE KEY-----",
        "a",
        "9",
    ]
    .map(str::to_owned)
    .into();
    prop_oneof![4 => proptest::sample::select(fixed), 1 => "[a-zA-Z0-9]{1,30}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_stream_finds_what_the_whole_has(parts in proptest::collection::vec(fragment(), 1..12)) {
        assert_streams(&detector(), &parts.concat());
    }
}
