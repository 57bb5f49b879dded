use parapet_policy::facts::Subject;
use serde_json::{Value, json};

use super::*;

fn virtual_server(members: Value) -> Virtual {
    let written = serde_json::from_value(json!({ "members": members })).unwrap();
    let servers: Vec<Arc<Server>> = ["github", "jira"]
        .map(|name| {
            let mut server = Server::for_tests(Vec::new());
            server.name = name.into();
            Arc::new(server)
        })
        .into();
    Virtual::new(&written, |name| {
        servers.iter().find(|server| &*server.name == name)
    })
}

#[test]
fn a_name_leads_to_a_tool_that_is_offered_and_nowhere_else() {
    let suite = virtual_server(json!([
        {"server": "github", "tools": ["get_*", "files.read"], "prefix": "gh"},
        {"server": "jira"},
    ]));
    let to = |index: usize, own: &str| Leads::To(index, own.to_owned());
    let hashed = suite.name(0, "files.read");
    let not_offered = suite.name(0, "files.write");
    let rows = [
        ("gh_get_issue", to(0, "get_issue")),
        ("gh_create_issue", Leads::Nowhere),
        ("jira_any", to(1, "any")),
        ("get_issue", Leads::Nowhere),
        (&*hashed, Leads::ToOneOf(vec![0])),
        (&*not_offered, Leads::ToOneOf(vec![0])),
    ];
    for (name, expected) in rows {
        assert_eq!(suite.resolve(name), expected, "{name}");
    }
    suite.learn(&hashed, 0, "files.read");
    suite.learn(&not_offered, 0, "files.write");
    // What follows from the name itself is not remembered, whatever somebody lists.
    suite.learn("jira_any", 0, "get_x");
    assert_eq!(suite.resolve(&hashed), to(0, "files.read"));
    assert_eq!(suite.resolve(&not_offered), Leads::Nowhere);
    assert_eq!(suite.resolve("jira_any"), to(1, "any"));
}

#[test]
fn a_member_that_is_not_there_keeps_its_names() {
    let both = virtual_server(json!([{"server": "github"}, {"server": "gone"}]));
    assert_eq!(both.name(0, "get"), "github_get");
    assert_eq!(both.resolve("gone_x"), Leads::To(1, "x".to_owned()));
    let caller = Caller {
        subject: Subject::User("ada".into()),
        teams: Vec::new(),
        roles: Vec::new(),
    };
    assert!(both.named("github").unwrap().open_to(&caller).is_some());
    assert!(both.named("gone").unwrap().open_to(&caller).is_none());
}
