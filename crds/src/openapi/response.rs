//! What an operation answers with, as far as results are held to it.

use serde_json::Value as Json;

use super::Problem;
use super::body::is_json;
use super::reader::{At, Reader};
use super::schema::{For, Stop, convert};

/// The schema of an operation's results: when there is one kind of success, and that is a JSON object. A schema that is too
/// large is left out, and told: clients can do without it.
pub(super) fn schema<'a>(
    reader: &Reader<'a>,
    operation: &At<'a>,
    remarks: &mut Vec<Problem>,
) -> Result<Option<Json>, Problem> {
    let Some(responses) = operation.get("responses") else {
        return Ok(None);
    };
    let mut successes = responses
        .members()
        .filter(|(code, _)| code.starts_with('2'));
    let (Some((_, response)), None) = (successes.next(), successes.next()) else {
        return Ok(None);
    };
    let response = reader.resolve(response)?;
    let Some(content) = response.get("content") else {
        return Ok(None);
    };
    let media = content.members().find(|(name, _)| {
        let bare = name.split(';').next().unwrap_or_default().trim();
        is_json(&bare.to_ascii_lowercase())
    });
    let Some(schema) = media.and_then(|(_, media)| media.get("schema")) else {
        return Ok(None);
    };
    match convert(reader, schema, For::Response) {
        Ok(schema) => {
            let is_object = schema.get("type").and_then(Json::as_str) == Some("object");
            Ok(Some(schema).filter(|_| is_object))
        }
        Err(Stop::Large(problem)) => {
            let message = format!("{}: results have no schema", problem.message);
            remarks.push(Problem::new(problem.at, message));
            Ok(None)
        }
        Err(Stop::Wrong(problem)) => Err(problem),
    }
}
