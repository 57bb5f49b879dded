//! The arguments of a call that a header may repeat: single values, reached through members of objects only.

use crate::llm::json::{Kind, Value};
use crate::mcp::envelope::Message;

/// Arguments that are looked at. Schemas that annotate more than a few are not known.
const MAX_ARGUMENTS: usize = 10_000;

/// One argument.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Argument {
    /// Names of members, outermost first.
    pub(super) path: Vec<String>,
    /// As a header says it, before encoding.
    pub(super) text: String,
    is_number: bool,
}

impl Argument {
    /// Whether a header with this decoded value may repeat it.
    pub(super) fn reads(&self, header: &str) -> bool {
        if self.text == header {
            return true;
        }
        if !self.is_number {
            return false;
        }
        // `1.0` and `1e0` are the integer that the header writes as `1`.
        let read = |text: &str| text.trim().parse::<f64>().ok();
        matches!((read(&self.text), read(header)), (Some(one), Some(other)) if one == other)
    }

    /// Whether its own name is this one, as headers write names.
    pub(super) fn is_named(&self, header: &str) -> bool {
        self.path
            .last()
            .is_some_and(|name| name.eq_ignore_ascii_case(header))
    }
}

/// All single values in `params.arguments`. Elements of lists are not among them: no annotation leads there.
pub(super) fn arguments(message: &Message) -> Vec<Argument> {
    let mut found = Vec::new();
    if let Some(arguments) = message.param("arguments") {
        collect(arguments, &mut Vec::new(), &mut found);
    }
    found
}

/// As deep as JSON may nest here, which is bounded.
fn collect(value: Value<'_>, path: &mut Vec<String>, found: &mut Vec<Argument>) {
    for (name, value) in value.members() {
        if found.len() >= MAX_ARGUMENTS {
            return;
        }
        path.push(name.into_owned());
        let (text, is_number) = match value.kind() {
            Kind::Object => {
                collect(value, path, found);
                path.pop();
                continue;
            }
            Kind::String => (value.as_str().map(|text| text.into_owned()), false),
            Kind::Number => (Some(value.raw().to_owned()), true),
            Kind::Bool => (Some(value.raw().to_owned()), false),
            Kind::Null | Kind::Array => (None, false),
        };
        found.extend(text.map(|text| Argument {
            path: path.clone(),
            text,
            is_number,
        }));
        path.pop();
    }
}
