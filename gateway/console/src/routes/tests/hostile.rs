//! Names, addresses and filters of whoever means no good.

use parapet_policy::record::{Attempt, End, McpMessage, McpSide, NetworkCall, Places, Record};

use super::*;
use crate::pages::testing::guardrail;

#[tokio::test]
async fn what_callers_and_models_are_called_is_shown_and_never_obeyed() {
    let rows = [
        (
            "<script>alert(1)</script>",
            "&lt;script&gt;alert(1)&lt;/script&gt;",
        ),
        (
            "\"><img src=x onerror=alert(1)>",
            "&quot;&gt;&lt;img src=x onerror=alert(1)&gt;",
        ),
        ("' onmouseover='x", "' onmouseover='x"),
        ("a&amp;b", "a&amp;amp;b"),
        ("a\u{0}b\u{1b}[31m", "a⟨U+0000⟩b⟨U+001B⟩[31m"),
        ("abc\u{202e}cba", "abc⟨U+202E⟩cba"),
        ("</title><script>", "&lt;/title&gt;&lt;script&gt;"),
        ("javascript:alert(1)//", "javascript:alert(1)//"),
    ];
    for (name, shown) in rows {
        let mut world = world();
        let mut one = guardrail(name, "violation");
        one.blocks = true;
        one.categories = vec![(name.into(), 2)];
        one.rules = Arc::from([name.into()]);
        one.calls = vec![NetworkCall {
            server: name.into(),
            status: Some(500),
            error: None,
            start_us: 1,
            took_us: 1,
            span: 0,
        }];
        // A gateway tells no such place; a page would not obey it either.
        one.places = Places::of(std::iter::once(0), |_| name.to_owned());
        world.console.add(
            &name.into(),
            [Record {
                subject: Some(Subject::User(name.into())),
                teams: vec![name.into()],
                model: Some(name.into()),
                mcp: Some(McpMessage {
                    server: name.into(),
                    source: Some(name.into()),
                    method: "tools/call",
                    tool: Some(name.into()),
                    version: "2026-07-28",
                    from: McpSide::Client,
                    failed: true,
                    dropped: 2,
                }),
                unjudged: vec![(name.into(), 1)],
                guardrails: vec![one],
                attempts: vec![Attempt {
                    provider: name.into(),
                    server: Some(name.into()),
                    model: name.into(),
                    ..Attempt::default()
                }],
                end: End::BlockedViolation,
                ..record(name)
            }],
        );
        let id = percent_encoding::utf8_percent_encode(name, crate::filter::PLAIN);
        let query = format!("/console/?model={id}&guardrail={id}");
        for page in [
            "/console/",
            &query,
            &format!("/console/requests/{id}"),
            "/console/health",
            &format!("/console/requests/x{id}"),
        ] {
            let answer = world.read(page).await;
            assert!(answer.body.contains(shown), "{page}: {name:?} is not there");
            for bad in ["<script>", "<img src=x", "\u{0}", "\u{1b}", "\u{202e}"] {
                assert!(!answer.body.contains(bad), "{page} has {bad:?}");
            }
            // The few that stand in attributes end where they should.
            assert!(!answer.body.contains("\"\"><img"));
        }
    }
}

#[tokio::test]
async fn addresses_that_lead_elsewhere_lead_nowhere() {
    let mut world = world();
    for path in [
        "/console/assets/",
        "/console/assets/../../../etc/passwd",
        "/console/assets/%2e%2e/%2e%2e/etc/passwd",
        "/console/assets/..%2fconsole.css",
        "/console/assets/console.css/",
        "/console/requests/..%2fpolicy",
        "/console/requests/%00",
        "/console//evil.example",
        "//evil.example/console/",
        "/console/policy/../../etc",
    ] {
        let answer = world.read(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(!answer.headers.contains_key("location"), "{path}");
        assert!(!answer.body.contains("\u{0}"), "{path}");
    }
    // Where a form leads is said by nobody who sends it.
    let form = "token=READER&next=https://evil.example&redirect=//evil.example";
    let answer = world
        .post("/console/sign-in?next=//evil.example", form, &[])
        .await;
    assert_eq!(
        (answer.status, &answer.headers["location"]),
        (303, &HeaderValue::from_static("/console/"))
    );
}

#[tokio::test]
async fn filters_of_any_size_choose_and_break_nothing() {
    let mut world = world();
    let names = (0..10_000).map(|id| record(&format!("req-{id:05}")));
    world.console.add(&"gw".into(), names);
    let long = "x".repeat(20_000);
    let begun = std::time::Instant::now();
    for (query, expected, shown) in [
        (
            format!("guardrail={long}&subject={long}&model={long}"),
            200,
            0,
        ),
        (format!("before={long}"), 200, 50),
        (format!("before=1-{long}"), 200, 0),
        (format!("before=99999999999999999999999-{long}"), 200, 50),
        ("model=%E2%80%AE&subject=%00".to_owned(), 200, 0),
        (
            "subject=ALICE%40example.com&model=%20Demo%2F".to_owned(),
            200,
            50,
        ),
        ("model=%FF".to_owned(), 200, 0),
        ("nothing=of-ours".to_owned(), 200, 50),
        ("show=blocked&show=all".to_owned(), 400, 0),
    ] {
        let answer = world.read(&format!("/console/?{query}")).await;
        assert_eq!(answer.status, expected, "{query:.80}");
        let rows = answer.body.matches("<tr data-id=").count();
        assert_eq!(rows, shown, "{query:.80}");
        // What is long is not sent back whole for each field of the form.
        assert!(answer.body.len() < 250_000, "{}", answer.body.len());
    }
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}
