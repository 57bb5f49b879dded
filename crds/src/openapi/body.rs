//! What an operation is sent: JSON or a form, as one argument or as one for each property.

use serde_json::{Map, Value as Json, json};

use super::arguments::Arguments;
use super::reader::{At, Reader};
use super::schema::{For, Stop, convert};
use super::{Body, BodyArguments, Form, Problem};

/// Why an operation has no body here.
pub(super) enum NoBody {
    /// It takes none, or need not be sent one that could be written.
    None,
    /// It must be sent one in a format that is not written here.
    Foreign(String),
}

/// Reads what an operation is sent, and adds its arguments.
pub(super) fn read<'a>(
    reader: &Reader<'a>,
    operation: &At<'a>,
    arguments: &mut Arguments,
) -> Result<Result<Body, NoBody>, Problem> {
    let Some(body) = operation.get("requestBody") else {
        return Ok(Err(NoBody::None));
    };
    let body = reader.resolve(body)?;
    let required = body.is("required");
    let Some(content) = body.get("content") else {
        return Ok(Err(NoBody::None));
    };
    let Some((media_type, form, media)) = chosen(&content) else {
        return Ok(Err(if required {
            NoBody::Foreign(content.at)
        } else {
            NoBody::None
        }));
    };
    let at = media.at.clone();
    let schema = match media.get("schema") {
        Some(schema) => convert(reader, schema, For::Request).map_err(Stop::problem)?,
        None => json!({}),
    };
    let from = match properties(&schema) {
        Some((properties, needed)) => {
            let mut named = Vec::with_capacity(properties.len());
            for (name, schema) in properties {
                let is_required = required && needed.contains(&name.as_str());
                let argument = arguments.add(name, "body", schema.clone(), is_required, &at)?;
                named.push((argument, name.clone()));
            }
            BodyArguments::Properties(named)
        }
        None => BodyArguments::Argument(arguments.add("body", "request", schema, required, &at)?),
    };
    Ok(Ok(Body {
        media_type,
        form,
        required,
        from,
    }))
}

/// The format that is written: JSON before anything else.
fn chosen<'a>(content: &At<'a>) -> Option<(String, Form, At<'a>)> {
    let bare = |name: &str| {
        let bare = name.split(';').next().unwrap_or_default().trim();
        bare.to_ascii_lowercase()
    };
    let media = || content.members().map(|(name, media)| (bare(name), media));
    let exact = media().find(|(name, _)| name == "application/json");
    let json = exact.or_else(|| media().find(|(name, _)| is_json(name)));
    if let Some((name, media)) = json {
        let is_range = name.contains('*');
        let name = if is_range {
            "application/json".to_owned()
        } else {
            name
        };
        return Some((name, Form::Json, media));
    }
    let form = "application/x-www-form-urlencoded";
    let (name, media) = media().find(|(name, _)| name == form)?;
    Some((name, Form::Urlencoded, media))
}

/// Whether a media type, in lower case and without parameters, is JSON or may be.
pub(super) fn is_json(name: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"/.+-_".contains(&byte);
    matches!(name, "application/json" | "*/*" | "application/*")
        || (name.ends_with("+json") && name.bytes().all(is_token))
}

/// The properties of a schema that says of an object nothing but what they are, and which it needs.
fn properties(schema: &Json) -> Option<(&Map<String, Json>, Vec<&str>)> {
    let members = schema.as_object()?;
    let is_plain = members.iter().all(|(word, value)| match word.as_str() {
        "type" => value == "object",
        "additionalProperties" => value == &Json::Bool(false),
        "properties" | "required" | "title" | "description" => true,
        _ => false,
    });
    let properties = members.get("properties")?.as_object()?;
    let required = members.get("required").and_then(Json::as_array);
    let required = required.into_iter().flatten().filter_map(Json::as_str);
    (is_plain && !properties.is_empty()).then(|| (properties, required.collect()))
}
