//! Who may use a resource.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One subject and what it may do with the resource.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Collaborator {
    /// `user:`, `team:`, `virtualaccount:` or `role:` and a name; `*` is a wildcard in the name.
    #[schemars(length(min = 1, max = 256))]
    pub subject: String,
    /// What the subject may do. Whoever may manage a resource may use it.
    #[serde(default)]
    pub role: Role,
}

/// What a collaborator may do.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum Role {
    /// Use it.
    #[default]
    User,
    /// Use and administer it.
    Manager,
}

/// The subjects of a list of collaborators, as the policy compiler wants them. Absent admits everybody.
pub fn subjects(collaborators: Option<&[Collaborator]>) -> Option<Vec<String>> {
    collaborators.map(|list| list.iter().map(|c| c.subject.clone()).collect())
}
