//! The unchanged TypeScript SDK as a client of an HTTP API: it holds results to the schemas that it was shown.

use parapet_tests::fake::{Call, Fake, Reply};
use serde_json::json;

use crate::published::call;
use crate::support::{GUARDED, KEY, gateway_of, node};

const PETSTORE: &str = include_str!("../fixtures/openapi/petstore-expanded.json");

fn answer(call: &Call) -> Reply {
    match (call.method.as_str(), &*call.path) {
        ("GET", "/pets/1") => Reply::json(200, &json!({"id": 1, "name": format!("Rex {KEY}")})),
        ("GET", "/pets/2") => Reply::json(200, &json!({"id": "two", "name": "Max"})),
        ("GET", "/pets") => Reply::json(200, &json!([])),
        _ => Reply::json(404, &json!({"code": 404, "message": "no pet"})),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_is_a_server_to_an_official_client() {
    let Some(node) = tokio::task::block_in_place(node) else {
        return;
    };
    let api = Fake::start(answer).await.unwrap();
    let spec =
        json!({"openapi": {"document": PETSTORE, "baseUrl": format!("http://{}", api.addr())}});
    let server = json!({"apiVersion": "parapet.dev/v1alpha1", "kind": "MCPServer", "metadata": {"name": "pets"}, "spec": spec});
    let gateway = gateway_of(&format!("---\n{server}\n"), GUARDED).await;
    let url = format!("http://{}/mcp/pets", gateway.traffic());
    let pet = |id: u32| json!({"name": "find_pet_by_id", "arguments": {"id": id}});
    let calls = json!([
        pet(1),
        pet(2),
        pet(3),
        {"name": "addPet", "arguments": {"name": "x; DROP TABLE pets"}},
        {"name": "findPets", "arguments": {}},
    ]);
    let seen = tokio::task::block_in_place(|| call(&node, &url, &calls));
    assert_eq!(
        seen[0],
        json!(["addPet", "deletePet", "findPets", "find_pet_by_id"])
    );
    let told = |at: usize| seen[at]["content"][0]["text"].as_str().unwrap_or_default();
    assert_eq!(
        seen[1]["structuredContent"],
        json!({"id": 1, "name": "Rex [REDACTED]"})
    );
    // What the document does not promise reaches the client as a result, and not as an exception.
    assert!(
        seen[2]["isError"] == true && told(2).contains("succeeded"),
        "{}",
        seen[2]
    );
    assert!(
        seen[3]["isError"] == true && told(3).contains("HTTP 404"),
        "{}",
        seen[3]
    );
    assert!(
        seen[4]["isError"] == true && told(4).contains("mcp/sql"),
        "{}",
        seen[4]
    );
    assert_eq!(told(5), "[]");
    let is_post = |call: &Call| call.method == "POST";
    assert!(!api.calls().iter().any(is_post));
}
