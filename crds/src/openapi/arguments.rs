//! The arguments of a tool: parameters and body under names that do not collide.

use serde_json::{Map, Value as Json, json};

use super::limits::MAX_ARGUMENTS;
use super::{Problem, name};

/// Arguments so far.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    properties: Map<String, Json>,
    required: Vec<String>,
}

impl Arguments {
    /// Adds one and tells its name: the written one made safe, with the place in front when that is taken
    /// (`query_id`, `body_id`), and then with a number.
    pub(super) fn add(
        &mut self,
        written: &str,
        place: &str,
        schema: Json,
        required: bool,
        at: &str,
    ) -> Result<String, Problem> {
        if self.properties.len() == MAX_ARGUMENTS {
            let message = format!("more than {MAX_ARGUMENTS} arguments");
            return Err(Problem::new(at, message));
        }
        let plain = name::argument(written);
        let placed = name::argument(&format!("{place}_{plain}"));
        let numbered = (2..).map(|number| {
            let end = format!("_{number}");
            let kept = placed.len().min(super::limits::MAX_NAME - end.len());
            // Arguments are ASCII, but for the mark of a cut.
            let kept: String = placed.chars().take(kept).collect();
            kept + &end
        });
        let mut names = [plain.clone(), placed.clone()].into_iter().chain(numbered);
        let name = names.find(|name| !self.properties.contains_key(name));
        let name = name.unwrap_or_default();
        if required {
            self.required.push(name.clone());
        }
        self.properties.insert(name.clone(), schema);
        Ok(name)
    }

    /// The schema of all of them.
    pub(super) fn schema(self) -> Json {
        let mut schema = json!({"type": "object", "properties": self.properties});
        if let (Some(members), false) = (schema.as_object_mut(), self.required.is_empty()) {
            members.insert("required".to_owned(), json!(self.required));
        }
        if let Some(members) = schema.as_object_mut() {
            members.insert("additionalProperties".to_owned(), false.into());
        }
        schema
    }
}
