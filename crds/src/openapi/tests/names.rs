use super::*;
use crate::mcp_server::OperationSelector;

#[test]
fn a_tool_is_called_by_its_id_or_by_method_and_path() {
    let api = all(&document(
        json!({
            "/pets/{id}": {"get": {"operationId": "pets.get one"}, "delete": {}},
            "/": {"get": {}},
            "/ünï/x": {"post": {"operationId": ""}},
        }),
        json!({}),
    ));
    let api = api.unwrap();
    assert_eq!(
        names(&api),
        ["pets_get_one", "delete_pets_id", "get", "post_n_x"]
    );
}

#[test]
fn names_that_collide_or_are_long_keep_theirs_whatever_else_is_chosen() {
    let long = "a".repeat(80);
    let paths = json!({
        "/a": {"get": {"operationId": "list pets", "tags": ["one"]}},
        "/b": {"get": {"operationId": "list.pets"}, "post": {"operationId": long}},
        "/c": {"get": {"operationId": format!("{long}b")}},
    });
    let whole = document(paths, json!({}));
    let api = all(&whole).unwrap();
    let every = names(&api);
    assert!(every[0].starts_with("list_pets_") && every[1].starts_with("list_pets_"));
    for name in &every {
        assert!(name.len() <= 64, "{name}");
        let is_safe = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        assert!(name.chars().all(is_safe), "{name}");
    }
    let mut unique = every.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), 4);
    let include = [OperationSelector {
        tag: Some("one".into()),
        ..OperationSelector::default()
    }];
    let wanted = Wanted {
        include: &include,
        ..Wanted::default()
    };
    let one = read(&whole.to_string(), &wanted).unwrap();
    assert_eq!(names(&one), [every[0]]);
}

#[test]
fn operations_are_chosen_by_id_tag_path_and_method() {
    let whole = document(
        json!({
            "/pets": {"get": {"operationId": "listPets", "tags": ["pets", "read"]}, "post": {"operationId": "addPet", "tags": ["pets"]}},
            "/pets/{id}": {"get": {"operationId": "getPet", "tags": ["pets"]}},
            "/users": {"get": {"operationId": "listUsers"}},
        }),
        json!({}),
    );
    let rows: [(Json, Json, &[&str]); 7] = [
        (
            json!([]),
            json!([]),
            &["listPets", "addPet", "getPet", "listUsers"],
        ),
        (
            json!([{"operationId": "list*"}]),
            json!([]),
            &["listPets", "listUsers"],
        ),
        (
            json!([{"tag": "pets", "methods": ["GET"]}]),
            json!([]),
            &["listPets", "getPet"],
        ),
        (
            json!([{"path": "/pets*"}]),
            json!([{"methods": ["POST"]}]),
            &["listPets", "getPet"],
        ),
        (
            json!([{"tag": "read"}, {"path": "/users"}]),
            json!([]),
            &["listPets", "listUsers"],
        ),
        (json!([]), json!([{"tag": "*"}]), &["listUsers"]),
        (
            json!([{"operationId": "getPet", "tag": "read"}, {"operationId": "addPet"}]),
            json!([]),
            &["addPet"],
        ),
    ];
    for (include, exclude, expected) in rows {
        let read_list = |list: &Json| -> Vec<OperationSelector> {
            serde_json::from_value(list.clone()).unwrap()
        };
        let (include, exclude) = (read_list(&include), read_list(&exclude));
        let wanted = Wanted {
            include: &include,
            exclude: &exclude,
            ..Wanted::default()
        };
        let api = read(&whole.to_string(), &wanted).unwrap();
        assert_eq!(names(&api), expected, "{include:?} {exclude:?}");
    }
}
