//! The console over HTTP.

use std::time::Duration;

use parapet_tests::harness::Setup;
use parapet_tests::http_client::{Client, Outgoing};

use crate::support::*;

#[tokio::test]
async fn what_happened_is_on_the_pages_and_no_text_or_token_is() {
    let gateway = gateway("http://127.0.0.1:9").await;
    let (status, blocked) = ask(&gateway, TOKEN, "demo/echo", &format!("my ssn is {SSN}")).await;
    assert_eq!(status, 400);
    let (status, changed) = ask(&gateway, TOKEN, "demo/echo", &format!("use {KEY}")).await;
    assert_eq!(status, 200);
    let (_, flagged) = ask(&gateway, TOKEN, "demo/echo", "how is project-falcon doing?").await;
    let (status, failed) = ask(&gateway, NO_READER, "demo/echo", "hello").await;
    assert_eq!(status, 200);
    let (status, refused) = ask(&gateway, "nobody", "demo/echo", "hello").await;
    assert_eq!(status, 401);
    read_until(&gateway, "/console/", &refused).await;

    let rows: [(&str, &[&String]); 9] = [
        ("show=blocked", &[&blocked]),
        ("show=changed", &[&changed]),
        ("show=flagged", &[&flagged]),
        ("show=failed", &[&failed]),
        ("show=refused", &[&refused]),
        ("guardrail=moderation", &[&failed]),
        ("guardrail=pii&show=blocked", &[&blocked]),
        ("subject=checkout", &[&failed]),
        (
            "model=demo%2Fecho",
            &[&blocked, &changed, &flagged, &failed],
        ),
    ];
    for (query, expected) in rows {
        let page = read(&gateway, &format!("/console/?{query}")).await;
        let page = page.text().unwrap();
        for id in [&blocked, &changed, &flagged, &failed, &refused] {
            assert_eq!(
                page.contains(id.as_str()),
                expected.contains(&id),
                "{query} {id}"
            );
        }
    }

    let page = read(&gateway, &format!("/console/requests/{blocked}")).await;
    for shown in [
        "my-guardrails/pii",
        "us_ssn ×1",
        "everyone",
        "gateway-1",
        "virtualaccount:reader",
        "blocked elsewhere",
        "revision 0.1",
    ] {
        assert!(page.text().unwrap().contains(shown), "{shown}");
    }
    let page = read(&gateway, &format!("/console/requests/{failed}")).await;
    for shown in [
        "my-guardrails/moderation",
        "payments-are-moderated",
        "unavailable",
        "127.0.0.1:9",
        "payments",
        "demo/echo",
    ] {
        assert!(page.text().unwrap().contains(shown), "{shown}");
    }
    let page = read(&gateway, "/console/health").await;
    for shown in ["127.0.0.1:9", "unavailable", "my-guardrails/moderation"] {
        assert!(page.text().unwrap().contains(shown), "{shown}");
    }
    let page = read(&gateway, "/console/policy").await;
    for shown in [
        "payments-are-moderated",
        "caller in team:payments",
        "enforce, ignore errors",
        "gateway-1",
        "0.1",
    ] {
        assert!(page.text().unwrap().contains(shown), "{shown}");
    }

    let ids = [&blocked, &changed, &flagged, &failed, &refused]
        .map(|id| format!("/console/requests/{id}"));
    let all = [
        "/console/",
        "/console/health",
        "/console/policy",
        "/console/sign-in",
    ];
    for path in all.into_iter().chain(ids.iter().map(String::as_str)) {
        let page = read(&gateway, path).await;
        for secret in [SSN, KEY, TOKEN, NO_READER, "falcon", "hello"] {
            assert!(
                !page.text().unwrap().contains(secret),
                "{path} has {secret}"
            );
        }
    }
}

#[tokio::test]
async fn the_admin_routes_are_as_they_were_and_the_page_asks_for_a_reader() {
    let gateway = gateway("http://127.0.0.1:9").await;
    let client = Client::new(gateway.admin());
    for (path, token, expected) in [
        ("/healthz", None, 200),
        ("/readyz", None, 200),
        ("/metrics", None, 200),
        ("/policy", None, 200),
        ("/console/", None, 401),
        ("/console/", Some(NO_READER), 403),
        ("/console/", Some("nobody"), 401),
        ("/console/", Some(TOKEN), 200),
        ("/console/requests/req_1", None, 401),
        ("/nowhere", None, 404),
    ] {
        let mut request = Outgoing::get(path);
        if let Some(token) = token {
            request = request.bearer(token);
        }
        let answer = client.send(request).await.unwrap();
        assert_eq!(answer.status.as_u16(), expected, "{path} {token:?}");
    }
    let policy = client.send(Outgoing::get("/policy")).await.unwrap();
    assert!(policy.json().unwrap()["revision"].is_string());
}

#[tokio::test]
async fn it_can_be_switched_off_and_be_for_others() {
    let off = Setup::new(RESOURCES.replace("${service}", "http://127.0.0.1:9"));
    let off = off.arg("--console").arg("off").start().await.unwrap();
    assert_eq!(read(&off, "/console/").await.status, 404);
    assert_eq!(off.admin_get("/healthz").await.unwrap().0, 200);
    let others = Setup::new(RESOURCES.replace("${service}", "http://127.0.0.1:9"));
    let others = others
        .env(
            "PARAPET_CONSOLE_READERS",
            "team:payments,user:*@example.com",
        )
        .start()
        .await
        .unwrap();
    assert_eq!(read(&others, "/console/").await.status, 403);
    let machine = Outgoing::get("/console/").bearer(NO_READER);
    let answer = Client::new(others.admin()).send(machine).await.unwrap();
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn what_was_kept_in_a_file_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("console.sqlite");
    let start = || {
        let setup = Setup::new(RESOURCES.replace("${service}", "http://127.0.0.1:9"));
        setup
            .arg("--console-file")
            .arg(file.display().to_string())
            .start()
    };
    let mut gateway = start().await.unwrap();
    let (_, id) = ask(&gateway, TOKEN, "demo/echo", SSN).await;
    gateway.terminate().await.unwrap();
    gateway.wait_for_end(Duration::from_secs(20)).await.unwrap();
    let gateway = start().await.unwrap();
    let page = read(&gateway, &format!("/console/requests/{id}")).await;
    assert_eq!(page.status, 200);
    assert!(page.text().unwrap().contains("us_ssn ×1"));
    let written = std::fs::read(&file).unwrap();
    for secret in [SSN, TOKEN] {
        assert!(
            !written
                .windows(secret.len())
                .any(|part| part == secret.as_bytes())
        );
    }
}

#[tokio::test]
async fn a_cookie_ends_with_its_token() {
    let mut gateway = gateway("http://127.0.0.1:9").await;
    let client = Client::new(gateway.admin());
    let mut form = Outgoing::post("/console/sign-in", format!("token={TOKEN}"));
    form.headers = vec![(
        "content-type".into(),
        "application/x-www-form-urlencoded".into(),
    )];
    let answer = client.send(form).await.unwrap();
    assert_eq!(answer.status, 303);
    let cookie = answer
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let read = || client.send(Outgoing::get("/console/").header("cookie", &cookie));
    assert_eq!(read().await.unwrap().status, 200);
    // Another token takes its place: what was signed in with the old one is signed out.
    let rotated = RESOURCES
        .replace("${service}", "http://127.0.0.1:9")
        .replace(TOKEN, "rotated-token-1");
    gateway.write("resources.yaml", &rotated).unwrap();
    let begun = std::time::Instant::now();
    while read().await.unwrap().status != 401 {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "the cookie outlives its token"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Another process has another key.
    gateway.terminate().await.unwrap();
    gateway.wait_for_end(Duration::from_secs(20)).await.unwrap();
}
