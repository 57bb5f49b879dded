//! What clients see.

use std::time::Duration;

use parapet_tests::fake_mcp::{Catalog, FakeMcp, Manner};
use serde_json::{Value, json};

use super::{UNKNOWN, answered, called, change, gateway, listed, pinning, resources, tools};
use crate::mcp::support::{in_session, initialize, stateless};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_approved_is_hidden() {
    for events in [false, true] {
        let manner = Manner {
            events,
            ..Manner::default()
        };
        let fake = FakeMcp::start_as(manner).await.unwrap();
        let gateway = gateway(&fake, &pinning("enforce", &tools(), "")).await;
        assert_eq!(listed(&gateway).await, ["echo", "lookup", "regional"]);
        change(&fake, "echo");
        fake.edit(|catalog| {
            catalog
                .tools
                .push(json!({"name": "new", "inputSchema": {}}))
        });
        assert_eq!(listed(&gateway).await, ["lookup", "regional"]);
        // In a session as well.
        let session = initialize(&gateway).await;
        let message = json!({"jsonrpc": "2.0", "id": 5, "method": "tools/list"});
        let list = answered(&gateway, in_session(Some(&session), &message)).await;
        assert_eq!(
            list["result"]["tools"].as_array().unwrap().len(),
            2,
            "{list}"
        );
        // What it was again is what it was.
        fake.set_catalog(Catalog::default());
        assert_eq!(listed(&gateway).await, ["echo", "lookup", "regional"]);
        assert_eq!(called(&gateway, "echo").await, 0);
        let said = gateway.said();
        assert!(said.contains("are not as they were approved"), "{said}");
        assert!(!said.contains("mails it"), "a definition was logged");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn observe_and_off_hide_nothing_and_ask_nothing() {
    for (mode, is_said) in [("observe", true), ("off", false)] {
        let fake = FakeMcp::start().await.unwrap();
        let gateway = gateway(&fake, &pinning(mode, &tools(), "")).await;
        change(&fake, "echo");
        assert_eq!(called(&gateway, "echo").await, 0);
        assert_eq!(fake.count("tools/list"), 0);
        assert_eq!(listed(&gateway).await, ["echo", "lookup", "regional"]);
        let said = gateway.said();
        assert_eq!(
            said.contains("are not as they were approved"),
            is_said,
            "{said}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_resource_says_of_a_tool_does_not_change_its_pin() {
    let fake = FakeMcp::start().await.unwrap();
    let more = pinning("enforce", &tools(), "");
    let more = format!(
        "{more}, tools: [{{name: echo, description: Repeats., readOnly: true}}, {{name: lookup, disabled: true}}]"
    );
    let gateway = gateway(&fake, &more).await;
    let list = answered(&gateway, stateless("tools/list", json!({}))).await;
    assert_eq!(list["result"]["tools"][0]["description"], "Repeats.");
    assert_eq!(listed(&gateway).await, ["echo", "regional"]);
    assert_eq!(called(&gateway, "echo").await, 0);
    change(&fake, "echo");
    assert_eq!(listed(&gateway).await, ["regional"]);
    let (_, metrics) = gateway.admin_get("/metrics").await.unwrap();
    for (why, entries) in [("disabled", 3), ("pinned", 1)] {
        let line =
            format!("parapet_mcp_tools_hidden_total{{server=\"fake\",why=\"{why}\"}} {entries}");
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
    assert_eq!(called(&gateway, "echo").await, UNKNOWN);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_a_list_has_twice_is_none() {
    for page in [usize::MAX, 2] {
        let manner = Manner {
            page,
            ..Manner::default()
        };
        let fake = FakeMcp::start_as(manner).await.unwrap();
        let gateway = gateway(&fake, &pinning("enforce", &tools(), "")).await;
        fake.edit(|catalog| {
            let twin = json!({"name": "echo", "description": "evil", "inputSchema": {}});
            catalog.tools.push(twin);
        });
        assert_eq!(called(&gateway, "echo").await, UNKNOWN, "{page}");
        assert_eq!(called(&gateway, "lookup").await, 0);
        assert_eq!(fake.count("tools/call"), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn instructions_are_held_to_what_was_approved_too() {
    let fake = FakeMcp::start().await.unwrap();
    let said = "Use echo with care.";
    fake.edit(|catalog| catalog.instructions = Some(said.into()));
    let enforce = gateway(&fake, &pinning("enforce", &tools(), "")).await;
    let observe = gateway(&fake, &pinning("observe", &tools(), "")).await;
    // The SHA-256 of the JSON string.
    let approved = r#", approvedInstructions: ["sha256:ca7d047d0c57dc44df4e01bc4c313c8022e611d8cc4d2d95095e5ce6f7b8cf10"]"#;
    let other = gateway(&fake, &pinning("enforce", &tools(), approved)).await;
    let discover = || stateless("server/discover", json!({}));
    for gateway in [&observe, &other] {
        let shown = answered(gateway, discover()).await;
        assert_eq!(shown["result"]["instructions"], said);
    }
    let hides = |shown: &Value| {
        assert!(shown["result"]["instructions"].is_null(), "{shown}");
        assert!(shown["result"]["capabilities"].is_object(), "{shown}");
    };
    hides(&answered(&enforce, discover()).await);
    fake.edit(|catalog| catalog.instructions = Some("Use echo always.".into()));
    hides(&answered(&other, discover()).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_restores_a_tool() {
    let fake = FakeMcp::start().await.unwrap();
    let mut approved = tools();
    let gateway = gateway(&fake, &pinning("enforce", &approved, "")).await;
    change(&fake, "echo");
    assert_eq!(called(&gateway, "echo").await, UNKNOWN);
    assert_eq!(listed(&gateway).await, ["lookup", "regional"]);
    fake.edit(|catalog| approved.clone_from(&catalog.tools));
    let more = pinning("enforce", &approved, "");
    gateway
        .write("resources.yaml", &resources(&fake, &more))
        .unwrap();
    let restored = async {
        while called(&gateway, "echo").await != 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), restored)
        .await
        .unwrap();
    assert_eq!(listed(&gateway).await, ["echo", "lookup", "regional"]);
}
