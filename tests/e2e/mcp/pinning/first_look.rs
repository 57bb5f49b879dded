//! Tools that no client has listed: what the gateway does by itself, and what it proposes to approve.

use std::time::Duration;

use parapet_crds::mcp_server::McpServerSpec;
use parapet_tests::fake_mcp::FakeMcp;
use parapet_tests::harness::{Gateway, Setup};
use serde_json::Value;

use super::{UNKNOWN, called, change, digest, listed, pinning, resources, tools};

/// What is proposed for the server named `fake`, once this holds for it.
async fn proposed(gateway: &Gateway, holds: impl Fn(&str) -> bool) -> String {
    let waiting = async {
        loop {
            let (status, text) = gateway.admin_get("/pins/fake").await.unwrap();
            assert_eq!(status, 200, "{text}");
            if holds(&text) {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting)
        .await
        .unwrap()
}

/// `spec.pinning` as it is proposed, in flow style.
fn pasted(text: &str) -> String {
    let mut spec: Value = serde_saphyr::from_str::<Value>(text).unwrap()["spec"].clone();
    spec["url"] = "http://x".into();
    serde_json::from_value::<McpServerSpec>(spec.clone()).expect("it can be pasted");
    format!(", pinning: {}", spec["pinning"])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_has_listed_is_listed_once_and_can_be_approved() {
    let fake = FakeMcp::start().await.unwrap();
    let setup = Setup::new(resources(&fake, &pinning("enforce", &[], "")));
    let gateway = setup
        .arg("--first-look")
        .arg("200ms")
        .start()
        .await
        .unwrap();
    let text = proposed(&gateway, |text| text.contains("3 new")).await;
    for tool in tools() {
        assert!(text.contains(&digest(&tool)), "{text}");
    }
    assert!(
        !text.contains("Says what it is told"),
        "a definition is shown: {text}"
    );
    assert_eq!(fake.count("tools/list"), 1);
    assert_eq!(fake.count("tools/call"), 0);
    assert_eq!(called(&gateway, "echo").await, UNKNOWN);
    // Put into the resource as it is, it approves what is there.
    gateway
        .write("resources.yaml", &resources(&fake, &pasted(&text)))
        .unwrap();
    proposed(&gateway, |text| text.contains("3 approved")).await;
    // What is told is a moment ahead of what is in force.
    let in_force = async {
        while called(&gateway, "echo").await != 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), in_force)
        .await
        .unwrap();
    change(&fake, "echo");
    assert_eq!(listed(&gateway).await, ["lookup", "regional"]);
    let text = proposed(&gateway, |text| text.contains("1 changed")).await;
    assert!(text.contains("# changed"), "{text}");
    let said = gateway.said();
    assert!(said.contains("/pins/fake"), "{said}");
    let (status, _) = gateway.admin_get("/pins/else").await.unwrap();
    assert_eq!(status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_needs_a_caller_or_is_not_looked_at_is_left_alone() {
    let fake = FakeMcp::start().await.unwrap();
    let own = ", auth: {perUser: {headers: [X-Own]}}";
    for more in [
        pinning("off", &[], ""),
        format!("{}{own}", pinning("enforce", &[], "")),
        format!("{}, passHeaders: [x-tenant]", pinning("observe", &[], "")),
    ] {
        let setup = Setup::new(resources(&fake, &more));
        let gateway = setup.arg("--first-look").arg("50ms").start().await.unwrap();
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert_eq!(fake.server().calls().len(), 0, "{more}");
        drop(gateway);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_answer_is_not_asked_again_at_once() {
    let fake = FakeMcp::start().await.unwrap();
    let refused = parapet_tests::fake_mcp::Fault::Status(500);
    fake.script(
        "tools/list",
        [parapet_tests::fake_mcp::Turn::fault(refused)],
    );
    let setup = Setup::new(resources(&fake, &pinning("observe", &[], "")));
    let gateway = setup.arg("--first-look").arg("50ms").start().await.unwrap();
    let text = "cannot be listed yet";
    let told = async {
        while !gateway.said().contains(text) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), told)
        .await
        .unwrap();
    let asked = fake.server().calls().len();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(fake.server().calls().len(), asked);
}
