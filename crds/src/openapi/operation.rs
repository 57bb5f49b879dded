//! One operation to one tool.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::arguments::Arguments;
use super::body::{self, NoBody};
use super::limits::MAX_DESCRIPTION;
use super::parameter::{self, Place};
use super::path::{self, Part, Piece};
use super::reader::{At, Reader};
use super::select::{Wanted, Written};
use super::{Operation, Problem, name, response};

/// A method of HTTP whose operations are tools. `TRACE` and `OPTIONS` speak of the connection, not of the API.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Reads.
    Get,
    /// Reads no body.
    Head,
    /// Does anything.
    Post,
    /// Puts something in the place of what was there.
    Put,
    /// Changes a part.
    Patch,
    /// Deletes.
    Delete,
}

impl Method {
    /// In the order in which one path's operations are listed.
    pub const ALL: [Self; 6] = [
        Self::Get,
        Self::Head,
        Self::Post,
        Self::Put,
        Self::Patch,
        Self::Delete,
    ];

    /// As OpenAPI writes it: in lower case.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Head => "head",
            Self::Post => "post",
            Self::Put => "put",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }

    /// What the method says of its operations (RFC 9110 9.2), as a tool's annotations.
    fn hints(self) -> Json {
        match self {
            Self::Get | Self::Head => json!({"readOnlyHint": true}),
            Self::Delete => {
                json!({"readOnlyHint": false, "destructiveHint": true, "idempotentHint": true})
            }
            Self::Put => json!({"readOnlyHint": false, "idempotentHint": true}),
            Self::Post | Self::Patch => json!({"readOnlyHint": false}),
        }
    }
}

/// Makes a tool of an operation; none, with a remark, of one that cannot be called from here.
pub(super) fn read<'a>(
    reader: &Reader<'a>,
    written: &Written<'a>,
    name: String,
    wanted: &Wanted<'_>,
    remarks: &mut Vec<Problem>,
) -> Result<Option<Operation>, Problem> {
    let at = &written.value.at;
    let has_servers = |of: &At<'a>| of.value.get("servers").is_some();
    if wanted.servers && (has_servers(&written.value) || has_servers(&written.item)) {
        let message = "not offered: it has servers of its own; give baseUrl to call all at one";
        remarks.push(Problem::new(at.as_str(), message));
        return Ok(None);
    }
    let parts = path::parts(written.path, at)?;
    let mut described = parameter::all(reader, written, wanted)?;
    for part in &parts {
        if let Part::Name(name) = part
            && !described
                .iter()
                .any(|one| one.parameter.place == Place::Path && one.parameter.name == *name)
        {
            described.push(parameter::undescribed(name, at));
        }
    }
    let names_it = |name: &str| parts.contains(&Part::Name(name));
    described.retain(|one| one.parameter.place != Place::Path || names_it(&one.parameter.name));
    described.sort_by_key(|one| one.parameter.place);
    let mut arguments = Arguments::default();
    let mut parameters = Vec::with_capacity(described.len());
    for one in described {
        let mut parameter = one.parameter;
        let place = parameter.place.word();
        parameter.argument =
            arguments.add(&parameter.name, place, one.schema, one.required, &one.at)?;
        parameters.push(parameter);
    }
    let body = match body::read(reader, &written.value, &mut arguments)? {
        Ok(body) => Some(body),
        Err(NoBody::None) => None,
        Err(NoBody::Foreign(at)) => {
            let message =
                "not offered: the body is neither JSON nor application/x-www-form-urlencoded";
            remarks.push(Problem::new(at, message));
            return Ok(None);
        }
    };
    let pieces = parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(Piece::Literal(path::literal(text))),
        Part::Name(name) => parameters
            .iter()
            .position(|one| one.place == Place::Path && one.name == *name)
            .map(Piece::Parameter),
    });
    let path = pieces.collect();
    let mut definition = json!({
        "name": name,
        "description": description(written),
        "inputSchema": arguments.schema(),
    });
    if let Some(members) = definition.as_object_mut() {
        // What answers to HEAD has no body.
        let has_results = written.method != Method::Head;
        if has_results && let Some(schema) = response::schema(reader, &written.value, remarks)? {
            members.insert("outputSchema".to_owned(), schema);
        }
        members.insert("annotations".to_owned(), written.method.hints());
    }
    Ok(Some(Operation {
        name,
        method: written.method,
        path,
        parameters,
        body,
        definition,
    }))
}

/// What a client reads: summary and description, or at least method and path.
fn description(written: &Written<'_>) -> String {
    let text = |member: &str| written.value.text(member).map(str::trim);
    let (summary, description) = (text("summary"), text("description"));
    let both = match (summary.unwrap_or_default(), description.unwrap_or_default()) {
        ("", "") => format!("{} {}", written.method.word().to_uppercase(), written.path),
        ("", one) | (one, "") => one.to_owned(),
        (summary, description) if description.starts_with(summary) => description.to_owned(),
        (summary, description) => format!("{summary}\n\n{description}"),
    };
    name::cut(&both, MAX_DESCRIPTION).into_owned()
}
