//! Parameters: where each goes, and how its value is written there.

use serde_json::{Value as Json, json};

use super::limits::MAX_DESCRIPTION;
use super::reader::{At, Reader};
use super::schema::{For, convert};
use super::select::{Wanted, Written};
use super::{Problem, name};
use crate::mcp_server::refused_header;

/// A parameter of an operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// The argument that it is.
    pub argument: String,
    /// Its name in the request.
    pub name: String,
    /// Where in the request.
    pub place: Place,
    /// How lists and objects are written.
    pub style: Style,
    /// Whether each element stands by itself.
    pub explode: bool,
    /// Whether the value is JSON, written as a text.
    pub json: bool,
}

/// Where a parameter goes.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Place {
    /// A part of the path.
    Path,
    /// The query.
    Query,
    /// A header.
    Header,
    /// A cookie.
    Cookie,
}

/// How lists and objects are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Style {
    /// `a,b`
    Simple,
    /// `.a.b`
    Label,
    /// `;name=a,b`
    Matrix,
    /// `name=a&name=b`, or `name=a,b`
    Form,
    /// `name=a%20b`
    SpaceDelimited,
    /// `name=a|b`
    PipeDelimited,
    /// `name[a]=b`
    DeepObject,
}

impl Place {
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "path" => Self::Path,
            "query" => Self::Query,
            "header" => Self::Header,
            "cookie" => Self::Cookie,
            _ => return None,
        })
    }

    /// As OpenAPI says it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
            Self::Cookie => "cookie",
        }
    }
}

impl Style {
    fn of(word: Option<&str>, place: Place) -> Option<Self> {
        Some(match (word, place) {
            (None, Place::Query | Place::Cookie) | (Some("form"), Place::Query | Place::Cookie) => {
                Self::Form
            }
            (None, Place::Path | Place::Header) | (Some("simple"), Place::Path | Place::Header) => {
                Self::Simple
            }
            (Some("label"), Place::Path) => Self::Label,
            (Some("matrix"), Place::Path) => Self::Matrix,
            (Some("spaceDelimited"), Place::Query) => Self::SpaceDelimited,
            (Some("pipeDelimited"), Place::Query) => Self::PipeDelimited,
            (Some("deepObject"), Place::Query) => Self::DeepObject,
            _ => return None,
        })
    }
}

/// A parameter before its argument has a name.
pub(super) struct Described {
    pub(super) parameter: Parameter,
    pub(super) schema: Json,
    pub(super) required: bool,
    pub(super) at: String,
}

/// Headers that OpenAPI gives another place, or that belong to the connection and to the gateway.
const OWN_HEADERS: &[&str] = &[
    "accept",
    "accept-encoding",
    "baggage",
    "expect",
    "forwarded",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "upgrade",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
];

/// The parameters of an operation, those of its path included, in the order of their places.
pub(super) fn all<'a>(
    reader: &Reader<'a>,
    written: &Written<'a>,
    wanted: &Wanted<'_>,
) -> Result<Vec<Described>, Problem> {
    let mut found: Vec<(At<'a>, Place, &str)> = Vec::new();
    for above in [&written.item, &written.value] {
        let listed = above.get("parameters");
        for parameter in listed.iter().flat_map(At::items) {
            let parameter = reader.resolve(parameter)?;
            let name = parameter.text("name").filter(|name| !name.is_empty());
            let place = parameter.text("in").and_then(Place::of);
            let (Some(name), Some(place)) = (name, place) else {
                return Err(parameter.problem("a parameter says name and in"));
            };
            found.retain(|(_, place_, name_)| (*place_, *name_) != (place, name));
            found.push((parameter, place, name));
        }
    }
    found.sort_by_key(|(_, place, _)| *place);
    let mut described = Vec::with_capacity(found.len());
    for (parameter, place, name) in found {
        let is_own = match place {
            Place::Header => is_own_header(name, wanted),
            Place::Cookie => sets(wanted, "cookie"),
            Place::Path | Place::Query => false,
        };
        if !is_own {
            described.push(describe(reader, &parameter, place, name)?);
        }
    }
    Ok(described)
}

fn sets(wanted: &Wanted<'_>, name: &str) -> bool {
    wanted
        .headers
        .iter()
        .any(|own| own.eq_ignore_ascii_case(name))
}

/// Whether a header is not for an argument to set.
fn is_own_header(name: &str, wanted: &Wanted<'_>) -> bool {
    let lower = name.to_ascii_lowercase();
    OWN_HEADERS.contains(&lower.as_str()) || refused_header(name).is_some() || sets(wanted, name)
}

fn describe<'a>(
    reader: &Reader<'a>,
    parameter: &At<'a>,
    place: Place,
    name: &str,
) -> Result<Described, Problem> {
    if matches!(place, Place::Header | Place::Cookie) && !name.bytes().all(is_token) {
        let message = format!("{} is no name of a {}", name::quoted(name), place.word());
        return Err(parameter.problem(message));
    }
    let style = Style::of(parameter.text("style"), place)
        .ok_or_else(|| parameter.problem("the style is none of a parameter in this place"))?;
    let content = parameter
        .get("content")
        .and_then(|content| content.members().next().map(|(_, media)| media));
    let schema = content.as_ref().unwrap_or(parameter).get("schema");
    let mut schema = match schema {
        Some(schema) => {
            convert(reader, schema, For::Request).map_err(super::schema::Stop::problem)?
        }
        None => json!({}),
    };
    if let (Some(text), Some(members)) = (parameter.text("description"), schema.as_object_mut()) {
        let text = name::cut(text.trim(), MAX_DESCRIPTION).into_owned();
        members.insert("description".to_owned(), text.into());
    }
    let explode = parameter.value.get("explode").and_then(Json::as_bool);
    Ok(Described {
        parameter: Parameter {
            argument: String::new(),
            name: name.to_owned(),
            place,
            style,
            explode: explode.unwrap_or(style == Style::Form),
            json: content.is_some(),
        },
        schema,
        required: place == Place::Path || parameter.is("required"),
        at: parameter.at.clone(),
    })
}

/// A parameter that the path names and nothing describes: a text.
pub(super) fn undescribed(name: &str, at: &str) -> Described {
    Described {
        parameter: Parameter {
            argument: String::new(),
            name: name.to_owned(),
            place: Place::Path,
            style: Style::Simple,
            explode: false,
            json: false,
        },
        schema: json!({"type": "string"}),
        required: true,
        at: at.to_owned(),
    }
}

/// RFC 9110 5.6.2: what names of headers, and of cookies, are made of.
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}
