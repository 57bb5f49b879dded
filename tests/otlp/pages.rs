//! The console's pages as a reader sees them: a page that asks for a token would prove nothing.

use std::collections::BTreeSet;

use parapet_tests::http_client::{Client, Outgoing};
use parapet_tests::world::{TOKEN, World};

/// Lets the account of the tests read them.
pub(crate) const READERS: (&str, &str) = ("PARAPET_CONSOLE_READERS", "virtualaccount:bot");

/// Pages that show something of every request, with a text that each has when it is what it should be.
const PAGES: [(&str, &str); 8] = [
    ("/console/", "/console/requests/req_"),
    ("/console/?show=blocked", "blocked"),
    ("/console/?show=changed", "changed"),
    ("/console/?show=failed", "failed"),
    ("/console/?show=refused", "refused"),
    ("/console/policy", "everything"),
    ("/console/health", "g/judge"),
    ("/console/requests/none", "There is no request"),
];

/// So many requests are looked at one by one.
const REQUESTS: usize = 40;

async fn page(client: &Client, path: &str, status: u16, wanted: &str) -> String {
    let answer = client
        .send(Outgoing::get(path).bearer(TOKEN))
        .await
        .unwrap();
    let text = answer.text().unwrap().to_owned();
    assert_eq!(answer.status, status, "{path}");
    let signed_in = "virtualaccount:bot";
    for part in [signed_in, wanted] {
        assert!(text.contains(part), "{path} has no {part}: {text}");
    }
    text
}

/// Every page with its address: lists, policy, health, and single requests of every end.
pub(crate) async fn pages(world: &World) -> Vec<(String, String)> {
    let client = Client::new(world.gateway.admin());
    let mut pages = Vec::new();
    let mut requests = BTreeSet::new();
    for (path, wanted) in PAGES {
        let status = if path.ends_with("none") { 404 } else { 200 };
        let text = page(&client, path, status, wanted).await;
        let links = text.split("/console/requests/").skip(1);
        let ids = links.filter_map(|link| link.split(['"', '?']).next());
        requests.extend(ids.filter(|id| id.starts_with("req_")).map(str::to_owned));
        pages.push((path.to_owned(), text));
    }
    assert!(requests.len() > REQUESTS, "{} requests", requests.len());
    for id in requests {
        let path = format!("/console/requests/{id}");
        let text = page(&client, &path, 200, "What happened").await;
        pages.push((path, text));
    }
    pages
}
