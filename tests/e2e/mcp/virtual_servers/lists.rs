//! One list of the tools of all members.

use parapet_tests::fake_mcp::{FakeMcp, Fault, Manner, Turn};
use serde_json::json;

use super::{UNKNOWN, answered, both, listed, names, start, suite};
use crate::mcp::support::{CALLERS, call, messages, server, stateless};

#[tokio::test(flavor = "multi_thread")]
async fn a_list_has_the_tools_of_all_members_as_the_resources_describe_them() {
    let (github, jira) = (
        FakeMcp::start_as(Manner {
            page: 1,
            ..Manner::default()
        })
        .await
        .unwrap(),
        FakeMcp::start().await.unwrap(),
    );
    let github_tools = ", tools: [{name: lookup, description: Finds issues., readOnly: true}, {name: regional, disabled: true}]";
    let suite_tools = "---\napiVersion: parapet.dev/v1alpha1\nkind: MCPServer\nmetadata: {name: fake}\nspec:\n  virtual:\n    members: [{server: jira, tools: [echo, look*]}, {server: github, prefix: gh}]\n  tools: [{name: jira_lookup, disabled: true}, {name: gh_echo, description: Says it to GitHub.}]\n";
    let resources = format!(
        "{CALLERS}{}{}{suite_tools}",
        server("github", &github.url(), github_tools),
        server("jira", &jira.url(), ""),
    );
    let gateway = start(&resources).await;
    let hints = json!({"ttlMs": 3000, "cacheScope": "public", "tools": [
        {"name": "echo", "inputSchema": {"type": "object", "minimum": 1.50}},
    ]});
    jira.script("tools/list", [Turn::result(hints)]);
    let list = listed(&gateway).await;
    assert_eq!(names(&list), ["gh_echo", "gh_lookup", "jira_echo"]);
    assert_eq!(github.count("tools/list"), 3, "all pages");
    let tools = &list["tools"];
    assert_eq!(tools[0]["description"], "Says it to GitHub.");
    assert_eq!(tools[1]["description"], "Finds issues.");
    assert_eq!(tools[1]["annotations"], json!({"readOnlyHint": true}));
    assert!(list["nextCursor"].is_null());
    // The least of what members say, and what is shown depends on the caller.
    assert_eq!(
        (&list["ttlMs"], &list["cacheScope"]),
        (&json!(0), &json!("private"))
    );
    github.set_manner(Manner::default());
    let long = json!({"ttlMs": 9000, "tools": [{"name": "echo", "inputSchema": {}}]});
    github.script("tools/list", [Turn::result(long)]);
    assert_eq!(listed(&gateway).await["ttlMs"], 3000);
    for tool in [
        "gh_regional",
        "jira_lookup",
        "jira_regional",
        "echo",
        "github_echo",
    ] {
        let message = answered(&gateway, call(tool, json!({}))).await;
        assert_eq!(message["error"]["code"], UNKNOWN, "{tool}");
    }
    assert_eq!(github.count("tools/call") + jira.count("tools/call"), 0);
    let told = answered(&gateway, stateless("server/discover", json!({}))).await;
    let told = &told["result"];
    assert_eq!(
        told["capabilities"],
        json!({"tools": {"listChanged": true}})
    );
    assert_eq!(
        told["_meta"]["io.modelcontextprotocol/serverInfo"]["name"],
        "fake"
    );
    assert_eq!(told["supportedVersions"][0], "2026-07-28");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_member_keeps_its_names() {
    let fake = FakeMcp::start().await.unwrap();
    let resources = format!(
        "{CALLERS}{}{}",
        server("github", &fake.url(), ""),
        suite("{server: github}", ""),
    );
    let gateway = start(&resources).await;
    assert_eq!(
        names(&listed(&gateway).await),
        ["echo", "lookup", "regional"]
    );
    let message = answered(&gateway, call("echo", json!({"text": "x"}))).await;
    assert_eq!(super::text(&message), "x");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_the_tools_of_a_member_that_they_may_not_use() {
    let (github, jira, resources) = both().await;
    let closed = ", collaborators: [{subject: \"virtualaccount:bob\", role: User}]";
    let resources = resources.replace(
        &server("jira", &jira.url(), ""),
        &server("jira", &jira.url(), closed),
    );
    let gateway = start(&resources).await;
    let all = ["gh_echo", "gh_lookup", "gh_regional"];
    assert_eq!(names(&listed(&gateway).await), all);
    let message = answered(&gateway, call("jira_echo", json!({"text": "x"}))).await;
    assert_eq!(message["error"]["code"], UNKNOWN);
    assert_eq!(jira.server().calls().len(), 0);
    let mut as_bob = stateless("tools/list", json!({}));
    as_bob.headers.retain(|(name, _)| name != "authorization");
    let list = answered(&gateway, as_bob.bearer("bob-token")).await;
    assert_eq!(names(&list["result"]).len(), 6);
    assert_eq!(github.count("tools/list"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_is_down_is_left_out_or_fails_the_list() {
    let (github, jira, resources) = both().await;
    let lenient = start(&resources).await;
    let strict = resources.replace("{server: jira}]", "{server: jira}], onMemberFailure: fail");
    assert_ne!(strict, resources);
    let strict = start(&strict).await;
    let address = jira.addr().to_string();
    let faults = [
        Turn::fault(Fault::Status(500)),
        Turn::fault(Fault::Html),
        Turn::fault(Fault::NotJson),
        Turn::fault(Fault::WrongId),
        Turn::error(-32603, &format!("at {address} something is wrong")),
    ];
    let of_github = ["gh_echo", "gh_lookup", "gh_regional"];
    for fault in faults {
        jira.script("tools/list", [fault]);
        let list = listed(&lenient).await;
        assert_eq!(names(&list), of_github);
        assert_eq!(list["ttlMs"], 0, "it is asked for again");
        let refused = strict
            .client()
            .send(stateless("tools/list", json!({})))
            .await;
        let refused = refused.unwrap();
        assert_eq!(refused.status, 502);
        assert!(!refused.text().unwrap().contains(&address));
        // What is known of the others goes on.
        let message = answered(&strict, call("gh_echo", json!({"text": "x"}))).await;
        assert_eq!(super::text(&message), "x");
    }
    drop(jira);
    assert_eq!(names(&listed(&lenient).await), of_github);
    let gone = lenient
        .client()
        .send(call("jira_echo", json!({"text": "x"})))
        .await
        .unwrap();
    assert_eq!(gone.status, 502);
    let told = messages(&gone).pop().unwrap();
    assert!(told["error"]["message"].is_string() && !told.to_string().contains(&address));
    // Without any member there is nothing to list.
    drop(github);
    let none = lenient
        .client()
        .send(stateless("tools/list", json!({})))
        .await
        .unwrap();
    assert_eq!(none.status, 502);
}

/// The example in the documentation, with the addresses of servers that are there.
#[tokio::test(flavor = "multi_thread")]
async fn the_documented_names_are_the_names() {
    const PAGE: &str = include_str!("../../../../docs/virtual-servers.md");
    let example = PAGE.split("```yaml\n").nth(1).unwrap();
    let mut example = example.split("```").next().unwrap().to_owned();
    let mut fakes = Vec::new();
    for (server, tool) in [
        ("github", "create_issue"),
        ("wiki", "search"),
        ("calendar", "create_event"),
    ] {
        let fake = FakeMcp::start().await.unwrap();
        fake.edit(|catalog| {
            catalog.tools.truncate(2);
            catalog.tools[0]["name"] = tool.into();
        });
        let url = format!("https://{server}.mcp.example.com/mcp");
        assert!(example.contains(&url), "{url}");
        example = example.replace(&url, &fake.url());
        fakes.push(fake);
    }
    let secret = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: github}\nstringData: {authorization: Bearer x}\n---\n";
    let example = example.replace("name: suite", "name: fake");
    let gateway = start(&format!("{CALLERS}{secret}{example}")).await;
    let list = listed(&gateway).await;
    assert_eq!(
        names(&list),
        [
            "create_event",
            "gh_create_issue",
            "lookup",
            "wiki_lookup",
            "wiki_search"
        ]
    );
    let issue = &list["tools"][1];
    assert_eq!(
        issue["description"],
        "Opens an issue in the team's repository."
    );
    assert_eq!(issue["annotations"]["destructiveHint"], false);
    answered(&gateway, call("gh_create_issue", json!({"text": "x"}))).await;
    assert_eq!(fakes[0].count("tools/call"), 1);
    let told = answered(&gateway, stateless("server/discover", json!({}))).await;
    let instructions = told["result"]["instructions"].as_str().unwrap();
    assert!(PAGE.contains(instructions));
}
