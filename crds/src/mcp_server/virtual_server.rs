//! Tools of several servers under one endpoint.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{McpServerSpec, Trust};

/// The longest prefix: half of what a name may have.
const MOST_PREFIX: usize = 32;

/// Tools of other servers under one endpoint.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "kube", derive(kube::KubeSchema))]
#[cfg_attr(not(feature = "kube"), derive(JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct VirtualServer {
    /// The servers, all of this namespace. Callers get the tools of those that they may use.
    #[schemars(length(min = 1, max = 32))]
    #[cfg_attr(feature = "kube", x_kube(merge_strategy = ListMerge::Map(vec!["server".into()])))]
    pub members: Vec<VirtualMember>,
    /// What a list is when a member cannot be asked.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub on_member_failure: OnMemberFailure,
    /// For the model, instead of what the members say for themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16384))]
    pub instructions: Option<String>,
}

/// One server of a virtual one.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualMember {
    /// The `MCPServer`'s name. It is not virtual itself.
    #[schemars(length(min = 1, max = 253))]
    pub server: String,
    /// Its tools that are offered, by its own names; `*` stands for any run of characters. Absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024), extend("x-kubernetes-list-type" = "set"))]
    pub tools: Option<Vec<String>>,
    /// Stands before its names with a `_` between; empty: nothing does. Absent: the server's name, or with a single member nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[A-Za-z0-9_-]{0,32}$"))]
    pub prefix: Option<String>,
}

/// What a list is when a member cannot be asked.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnMemberFailure {
    /// The list of the others.
    #[default]
    Omit,
    /// An error.
    Fail,
}

impl McpServerSpec {
    /// What is wrong with a virtual server, as (path, message). It sends nothing itself: what goes to a server, and what is
    /// known of it, is said where the server is.
    pub(super) fn virtual_problems(&self) -> Vec<(String, String)> {
        let Some(of) = &self.virtual_server else {
            return Vec::new();
        };
        let mut found = of.problems();
        let given = [
            ("headers", !self.headers.is_empty()),
            ("auth", self.auth.is_some()),
            ("passHeaders", !self.pass_headers.is_empty()),
            ("trust", self.trust != Trust::default()),
            ("pinning", self.pinning.is_some()),
        ];
        for (field, _) in given.into_iter().filter(|(_, given)| *given) {
            let message = "a virtual server has none of its own: give it on the members";
            found.push((format!("spec.{field}"), message.to_owned()));
        }
        found
    }
}

impl VirtualServer {
    fn problems(&self) -> Vec<(String, String)> {
        let path = |index: usize, field: &str| format!("spec.virtual.members[{index}].{field}");
        let mut found = Vec::new();
        if self.members.is_empty() {
            let message = "give at least one member".to_owned();
            found.push(("spec.virtual.members".to_owned(), message));
        }
        let mut servers = BTreeSet::new();
        for (index, member) in self.members.iter().enumerate() {
            if !servers.insert(member.server.as_str()) {
                let message = format!("{:?} is listed before", member.server);
                found.push((path(index, "server"), message));
            }
            if member.tools.as_ref().is_some_and(Vec::is_empty) {
                let message = "list tools, or leave the list out for all of them".to_owned();
                found.push((path(index, "tools"), message));
            }
            if member
                .prefix
                .as_deref()
                .is_some_and(|prefix| !is_prefix(prefix))
            {
                let message = format!(
                    "a prefix has letters, digits, _ and -, and at most {MOST_PREFIX} of them"
                );
                found.push((path(index, "prefix"), message));
            }
        }
        found
    }
}

fn is_prefix(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    text.len() <= MOST_PREFIX && text.bytes().all(allowed)
}
