//! Documents that others have published: `tests/fixtures/openapi` says whose.

use super::*;
use crate::openapi::{BodyArguments, Form, Place};

#[test]
fn the_pet_store_of_the_openapi_initiative_has_four_tools() {
    let text = include_str!("../../../../tests/fixtures/openapi/petstore-expanded.json");
    let api = read(text, &Wanted::default()).unwrap();
    assert_eq!(
        names(&api),
        ["findPets", "addPet", "find_pet_by_id", "deletePet"]
    );
    assert_eq!(api.remarks, []);
    assert_eq!(
        api.server.as_deref(),
        Some("http://petstore.swagger.io/api")
    );
    let pet = &api.operations[2].definition["outputSchema"];
    assert_eq!(
        *pet,
        json!({"type": "object", "required": ["name", "id"], "properties": {
            "name": {"type": "string"}, "tag": {"type": "string"}, "id": {"type": "integer"},
        }})
    );
    let added = api.operations[1].body.as_ref().unwrap();
    let expected = ["name", "tag"].map(|name| (name.to_owned(), name.to_owned()));
    assert_eq!(added.from, BodyArguments::Properties(expected.into()));
}

#[test]
fn the_pet_store_of_swagger_is_served_but_for_what_is_no_json() {
    let text = include_str!("../../../../tests/fixtures/openapi/petstore-3.1.json");
    let api = read(text, &Wanted::default()).unwrap();
    assert_eq!(api.operations.len(), 20);
    assert_eq!(api.remarks, []);
    let of = |name: &str| api.operations.iter().find(|one| one.name == name).unwrap();
    let form = of("updatePetWithForm").body.as_ref().unwrap();
    assert_eq!(form.form, Form::Urlencoded);
    // Pictures need not be sent, and are not.
    assert_eq!(of("uploadFile").body, None);
    let list = of("createUsersWithArrayInput").body.as_ref().unwrap();
    assert_eq!(list.from, BodyArguments::Argument("body".into()));
    let key = of("deletePet")
        .parameters
        .iter()
        .find(|one| one.place == Place::Header);
    assert_eq!(key.unwrap().name, "api_key");
}
