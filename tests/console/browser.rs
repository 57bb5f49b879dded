//! The console in headless Chromium.

use std::path::{Path, PathBuf};
use std::time::Duration;

use parapet_tests::browser::{Browser, keys};
use parapet_tests::fake_guardrail::FakeGuardrails;
use parapet_tests::fake_mcp::{FakeMcp, Turn};

use crate::support::*;

const SOON: Duration = Duration::from_secs(20);

/// Where pictures go: the good ones are copied to docs/images by hand.
fn pictures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/console")
}

#[tokio::test]
async fn a_person_signs_in_filters_and_follows_a_request_that_was_just_blocked() {
    let Some(browser) = Browser::start().await.unwrap() else {
        return;
    };
    let services = FakeGuardrails::start().await.unwrap();
    let tools = FakeMcp::start().await.unwrap();
    tools.script("tools/call create_issue", [Turn::text("done")]);
    let service = format!("http://{}", services.server().addr());
    let gateway = gateway_with_tools(&service, &tools.url()).await;
    let url = format!("http://{}/console/", gateway.admin());
    for (token, text) in [
        (TOKEN, "hello"),
        (NO_READER, &format!("please summarise this for {KEY}")),
        (TOKEN, KEY),
        (TOKEN, "tell me of project-falcon"),
        ("nobody", "hello"),
        (NO_READER, SSN),
    ] {
        ask(&gateway, token, "demo/echo", text).await;
    }
    let (status, called) = call(&gateway, TOKEN, "create_issue", &format!("use {KEY}")).await;
    assert_eq!(status, 200);

    // Nobody is in without a token, and a wrong one is told so.
    browser.open(&url).await.unwrap();
    browser
        .press(&format!("wrong{}", keys::ENTER))
        .await
        .unwrap();
    browser
        .until("return !!document.querySelector('.sign-in .error')", SOON)
        .await
        .unwrap();
    browser
        .press(&format!("{TOKEN}{}", keys::ENTER))
        .await
        .unwrap();
    browser
        .until(
            "return document.querySelectorAll('#list tbody tr').length === 7",
            SOON,
        )
        .await
        .unwrap();
    let cookies = browser.cookies().await.unwrap();
    assert_eq!(cookies.len(), 1, "{cookies:?}");
    assert_eq!(
        (
            cookies[0]["httpOnly"].as_bool(),
            cookies[0]["sameSite"].as_str()
        ),
        (Some(true), Some("Strict"))
    );
    assert_eq!(browser.text("return document.cookie").await.unwrap(), "");

    // A request that is blocked now stands at the top within two seconds, without a reload.
    browser.script("window.sameDocument = true").await.unwrap();
    // A machine that is busy with other things may stall one of them.
    let (mut id, mut took) = (String::new(), Duration::MAX);
    for _ in 0..3 {
        let status;
        (status, id) = ask(&gateway, TOKEN, "demo/echo", &format!("my ssn is {SSN}")).await;
        assert_eq!(status, 400);
        let top = format!("return document.querySelector('#list tbody tr').dataset.id === '{id}'");
        took = browser.until(&top, PATIENCE).await.unwrap();
        if took < SHOWN_WITHIN {
            break;
        }
    }
    assert!(took < SHOWN_WITHIN, "{took:?}");
    assert!(browser.script("return window.sameDocument").await.unwrap() == true);
    browser.size(1280, 460, false).await.unwrap();
    browser
        .picture(&pictures().join("requests.png"))
        .await
        .unwrap();
    browser.dark(true).await.unwrap();
    browser
        .picture(&pictures().join("requests-dark.png"))
        .await
        .unwrap();
    let paper = "return getComputedStyle(document.body).backgroundColor";
    let dark = browser.text(paper).await.unwrap();
    browser.dark(false).await.unwrap();
    assert_ne!(browser.text(paper).await.unwrap(), dark);

    browser.size(1280, 760, false).await.unwrap();

    // By keyboard alone: down, down, up, and in.
    browser.press("jjk").await.unwrap();
    let on = "return document.activeElement.closest('tr')?.dataset.id ?? ''";
    assert_eq!(browser.text(on).await.unwrap(), id);
    // A refresh leaves the focus where it was.
    let (_, newer) = ask(&gateway, TOKEN, "demo/echo", "hello again").await;
    let there = format!("return document.querySelector('#list tbody tr').dataset.id === '{newer}'");
    browser.until(&there, PATIENCE).await.unwrap();
    assert_eq!(browser.text(on).await.unwrap(), id);
    browser.press(&keys::ENTER.to_string()).await.unwrap();
    browser
        .until("return !!document.querySelector('.waterfall')", SOON)
        .await
        .unwrap();
    let shown = browser
        .text("return document.querySelector('main').innerText")
        .await
        .unwrap();
    for part in [
        &*id,
        "my-guardrails/pii",
        "us_ssn ×1",
        "everyone",
        "virtualaccount:reader",
    ] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
    browser.press(&keys::ESCAPE.to_string()).await.unwrap();
    browser
        .until("return !!document.getElementById('list')", SOON)
        .await
        .unwrap();

    // A filter by keyboard: the slash leads to it.
    browser
        .press(&format!("/moderation{}", keys::ENTER))
        .await
        .unwrap();
    browser.until("return location.search.includes('guardrail=moderation') && document.querySelectorAll('#list tbody tr').length === 2", SOON).await.unwrap();
    browser
        .script("document.querySelector('input[value=blocked]').click()")
        .await
        .unwrap();
    browser.until("return location.search.includes('show=blocked') && !!document.querySelector('.nothing')", SOON).await.unwrap();
    browser.open(&format!("{url}?show=changed")).await.unwrap();
    browser
        .script("document.querySelector('#list tbody td.end').click()")
        .await
        .unwrap();
    browser
        .until(
            "return !!document.querySelector('.waterfall rect.changed')",
            SOON,
        )
        .await
        .unwrap();
    browser
        .picture(&pictures().join("request.png"))
        .await
        .unwrap();
    browser
        .open(&format!("{url}?guardrail=moderation"))
        .await
        .unwrap();
    browser
        .script("document.querySelector('#list tbody tr:last-child a').click()")
        .await
        .unwrap();
    browser
        .until("return !!document.querySelector('.waterfall .call')", SOON)
        .await
        .unwrap();
    browser
        .picture(&pictures().join("request-service.png"))
        .await
        .unwrap();
    browser.dark(true).await.unwrap();
    browser
        .picture(&pictures().join("request-dark.png"))
        .await
        .unwrap();
    browser.dark(false).await.unwrap();

    // A tool that was called, by its name, and where in its arguments something was changed.
    browser.open(&format!("{url}?model=create_")).await.unwrap();
    let row = "return document.querySelector('#list tbody tr')?.innerText ?? ''";
    let shown = browser.text(row).await.unwrap();
    assert!(shown.contains("github/create_issue"), "{shown}");
    browser
        .script("document.querySelector('#list tbody a').click()")
        .await
        .unwrap();
    browser
        .until(
            &format!(
                "return location.href.endsWith('{called}') && !!document.querySelector('.places')"
            ),
            SOON,
        )
        .await
        .unwrap();
    let places = "return document.querySelector('.places').innerText";
    assert_eq!(browser.text(places).await.unwrap(), "params.arguments.*[1]");
    browser
        .picture(&pictures().join("request-tool.png"))
        .await
        .unwrap();
    for (page, name) in [("policy", "policy"), ("health", "health")] {
        browser.open(&format!("{url}{page}")).await.unwrap();
        browser
            .picture(&pictures().join(format!("{name}.png")))
            .await
            .unwrap();
    }

    // Every page fits a telephone, and nothing was refused by the pages' own policy.
    browser.size(390, 844, true).await.unwrap();
    for page in [
        "",
        "health",
        "policy",
        &format!("requests/{called}"),
        &format!("requests/{id}"),
    ] {
        browser.open(&format!("{url}{page}")).await.unwrap();
        let wide = browser
            .script("return document.documentElement.scrollWidth")
            .await
            .unwrap();
        assert_eq!(wide, 390, "{page} is too wide");
        let name = if page.ends_with(&called) {
            "tool"
        } else {
            page.split('/').next().unwrap()
        };
        browser
            .picture(&pictures().join(format!("telephone-{name}.png")))
            .await
            .unwrap();
        let text = browser
            .text("return document.documentElement.outerHTML")
            .await
            .unwrap();
        for secret in [SSN, KEY, TOKEN, NO_READER, "falcon"] {
            assert!(!text.contains(secret), "{page} has {secret}");
        }
    }
    let complaints = browser.complaints().await.unwrap();
    let of_ours = complaints.iter().filter(|said| !said.contains("401"));
    assert_eq!(of_ours.count(), 0, "{complaints:?}");

    // Out again.
    browser
        .script("document.querySelector('.who button').click()")
        .await
        .unwrap();
    browser
        .until("return location.pathname === '/console/sign-in'", SOON)
        .await
        .unwrap();
    browser.open(&url).await.unwrap();
    browser
        .until(
            "return !!document.getElementById('token') && !document.getElementById('list')",
            SOON,
        )
        .await
        .unwrap();
    browser.quit().await.unwrap();
}
