//! Schemas that say one thing in several places, put into one: models read `properties` better than `allOf`.

use serde_json::{Map, Value as Json, json};

/// Keywords that only describe.
const WORDS: &[&str] = &["title", "description", "default"];

/// What a reference came to, with the keywords that stand beside the reference.
pub(super) fn beside(found: Json, beside: Map<String, Json>) -> Json {
    if beside.is_empty() {
        return found;
    }
    let only_words = beside.keys().all(|word| WORDS.contains(&word.as_str()));
    match found {
        Json::Object(mut found) if only_words => {
            found.extend(beside);
            Json::Object(found)
        }
        found => {
            let mut both = beside;
            match both.get_mut("allOf").and_then(Json::as_array_mut) {
                Some(all) => all.push(found),
                None => {
                    both.insert("allOf".to_owned(), json!([found]));
                }
            }
            Json::Object(both)
        }
    }
}

/// Takes `allOf` away where all of it are plain objects whose properties have names of their own.
pub(super) fn all_of(schema: &mut Map<String, Json>) {
    let Some(Json::Array(branches)) = schema.get("allOf") else {
        return;
    };
    if let [only] = branches.as_slice()
        && let Json::Object(only) = only
        && schema
            .keys()
            .all(|word| word == "allOf" || WORDS.contains(&word.as_str()))
    {
        let mut only = only.clone();
        schema.remove("allOf");
        only.extend(std::mem::take(schema));
        *schema = only;
        return;
    }
    let mut own = schema.clone();
    own.remove("allOf");
    let mut parts: Vec<&Map<String, Json>> = branches.iter().filter_map(Json::as_object).collect();
    if parts.len() != branches.len() {
        return;
    }
    parts.push(&own);
    if !parts.iter().all(|part| is_plain_object(part)) {
        return;
    }
    let mut properties = Map::new();
    let mut required: Vec<Json> = Vec::new();
    for part in &parts {
        for (name, property) in part
            .get("properties")
            .and_then(Json::as_object)
            .into_iter()
            .flatten()
        {
            let before = properties.insert(name.clone(), property.clone());
            if before.is_some_and(|before| before != *property) {
                return;
            }
        }
        let names = part.get("required").and_then(Json::as_array);
        for name in names.into_iter().flatten() {
            if !required.contains(name) {
                required.push(name.clone());
            }
        }
    }
    let is_object = parts.iter().any(|part| part.contains_key("type"));
    let mut merged = Map::new();
    if is_object {
        merged.insert("type".to_owned(), "object".into());
    }
    for word in WORDS {
        // The schema's own words, or those of a branch that has the only ones.
        let said: Vec<&Json> = parts
            .iter()
            .rev()
            .filter_map(|part| part.get(*word))
            .collect();
        if let Some(value) = own.get(*word).or(match said.as_slice() {
            [only] => Some(*only),
            _ => None,
        }) {
            merged.insert((*word).to_owned(), value.clone());
        }
    }
    merged.insert("properties".to_owned(), Json::Object(properties));
    if !required.is_empty() {
        merged.insert("required".to_owned(), Json::Array(required));
    }
    *schema = merged;
}

fn is_plain_object(schema: &Map<String, Json>) -> bool {
    schema.iter().all(|(word, value)| match word.as_str() {
        "type" => value == "object",
        "properties" | "required" | "title" | "description" | "default" => true,
        _ => false,
    })
}
