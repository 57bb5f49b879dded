use super::*;
use crate::openapi::{Body, BodyArguments, Form};

fn properties(pairs: &[(&str, &str)]) -> BodyArguments {
    let owned = pairs
        .iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
    BodyArguments::Properties(owned.collect())
}

#[test]
fn an_objects_properties_are_arguments_and_anything_else_is_one() {
    let pet = json!({"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "id": {"type": "integer", "readOnly": true}, "a b": {}}});
    let both = json!({"allOf": [{"$ref": "#/components/schemas/Pet"}, {"type": "object", "properties": {"tag": {"type": "string"}}, "required": ["tag"]}]});
    let rows = [
        (
            pet.clone(),
            properties(&[("name", "name"), ("a_b", "a b")]),
            json!(["name"]),
        ),
        (
            json!({"$ref": "#/components/schemas/Pet"}),
            properties(&[("name", "name"), ("a_b", "a b")]),
            json!(["name"]),
        ),
        (
            both,
            properties(&[("name", "name"), ("a_b", "a b"), ("tag", "tag")]),
            json!(["name", "tag"]),
        ),
        (
            json!({"type": "array", "items": pet}),
            BodyArguments::Argument("body".into()),
            json!(["body"]),
        ),
        (
            json!({"type": "object"}),
            BodyArguments::Argument("body".into()),
            json!(["body"]),
        ),
        (
            json!({"type": "object", "properties": {"a": {}}, "additionalProperties": {"type": "string"}}),
            BodyArguments::Argument("body".into()),
            json!(["body"]),
        ),
        (
            json!({"oneOf": [{"type": "object", "properties": {"a": {}}}]}),
            BodyArguments::Argument("body".into()),
            json!(["body"]),
        ),
    ];
    for (schema, expected, required) in rows {
        let operation = only(sent(schema.clone()), json!({"schemas": {"Pet": pet}}));
        let body = operation.body.unwrap();
        assert_eq!(body.from, expected, "{schema}");
        assert_eq!(
            operation.definition["inputSchema"]["required"], required,
            "{schema}"
        );
    }
}

#[test]
fn a_parameter_keeps_its_name_before_a_property() {
    let schema = json!({"type": "object", "properties": {"id": {}, "body_id": {}, "query_id": {}}});
    let mut operation = sent(schema);
    operation["parameters"] =
        json!([{"name": "id", "in": "query"}, {"name": "body.id", "in": "query"}]);
    let body = only(operation, json!({})).body.unwrap();
    let expected = properties(&[
        ("body_id", "id"),
        ("body_body_id", "body_id"),
        ("query_id", "query_id"),
    ]);
    assert_eq!(body.from, expected);
    // Free-form beside a parameter of that name.
    let mut operation = sent(json!({}));
    operation["parameters"] = json!([{"name": "body", "in": "query"}]);
    let body = only(operation, json!({})).body.unwrap();
    assert_eq!(body.from, BodyArguments::Argument("request_body".into()));
}

#[test]
fn json_comes_before_forms_and_nothing_else_is_written() {
    let object = json!({"schema": {"type": "object", "properties": {"a": {}}, "required": ["a"]}});
    let of = |content: Json, required: bool| {
        let operation = json!({"requestBody": {"required": required, "content": content}});
        let api = all(&document(
            json!({"/x": {"post": operation}, "/y": {"get": {}}}),
            json!({}),
        ));
        api.unwrap()
    };
    let body = |media_type: &str, form, required| {
        Some(Body {
            media_type: media_type.to_owned(),
            form,
            required,
            from: properties(&[("a", "a")]),
        })
    };
    let form = "application/x-www-form-urlencoded";
    let rows = [
        (
            json!({"application/xml": object, form: object, "Application/JSON; v=1": object}),
            true,
            body("application/json", Form::Json, true),
        ),
        (
            json!({"application/merge-patch+json": object}),
            true,
            body("application/merge-patch+json", Form::Json, true),
        ),
        (
            json!({"*/*": object}),
            false,
            body("application/json", Form::Json, false),
        ),
        (
            json!({form: object, "multipart/form-data": object}),
            true,
            body(form, Form::Urlencoded, true),
        ),
        (json!({"multipart/form-data": object}), false, None),
    ];
    for (content, required, expected) in rows {
        let api = of(content.clone(), required);
        let operation = &api.operations[0];
        assert_eq!(operation.body, expected, "{content}");
        let needed = operation.definition["inputSchema"].get("required");
        assert_eq!(needed.is_some(), required, "{content}");
    }
    let api = of(json!({"multipart/form-data": object}), true);
    assert_eq!(names(&api), ["get_y"]);
    assert_eq!(api.remarks[0].at, "#/paths/~1x/post/requestBody/content");
}
