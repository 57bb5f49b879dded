//! What a server tells of by itself: lists that have changed, and resources.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::llm::json::Value;
use crate::mcp::envelope::Message;

/// Resources that one client may hear about.
pub(crate) const MOST_RESOURCES: usize = 256;

/// The kinds of notices that a server offers or that somebody wants.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the protocol has one switch for each"
)]
pub(crate) struct Notices {
    /// The list of tools has changed.
    #[serde(rename = "t", skip_serializing_if = "is_false")]
    pub(crate) tools: bool,
    /// The list of prompts has changed.
    #[serde(rename = "p", skip_serializing_if = "is_false")]
    pub(crate) prompts: bool,
    /// The list of resources has changed.
    #[serde(rename = "r", skip_serializing_if = "is_false")]
    pub(crate) resources: bool,
    /// A resource has changed.
    #[serde(rename = "u", skip_serializing_if = "is_false")]
    pub(crate) updates: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

impl Notices {
    /// What `capabilities` of a server offer; both eras say it alike.
    pub(crate) fn offered(capabilities: Option<Value<'_>>) -> Self {
        let has = |kind: &str, member: &str| {
            let kind = capabilities.and_then(|all| all.get(kind));
            kind.and_then(|kind| kind.get(member)?.as_bool()) == Some(true)
        };
        Self {
            tools: has("tools", "listChanged"),
            prompts: has("prompts", "listChanged"),
            resources: has("resources", "listChanged"),
            updates: has("resources", "subscribe"),
        }
    }

    /// Whether there is any.
    pub(crate) const fn any(self) -> bool {
        self.tools || self.prompts || self.resources || self.updates
    }
}

/// What one listener hears.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Filter {
    /// Changes of lists.
    pub(crate) lists: Notices,
    /// Resources by their addresses.
    pub(crate) resources: BTreeSet<String>,
}

impl Filter {
    /// What a `subscriptions/listen` wants of what there is.
    pub(crate) fn wanted(listen: &Message, offered: Notices) -> Self {
        let wanted = listen.param("notifications");
        let wants = |member: &str| {
            let member = wanted.and_then(|wanted| wanted.get(member)?.as_bool());
            member == Some(true)
        };
        let resources = wanted.and_then(|wanted| wanted.get("resourceSubscriptions"));
        let resources = resources.filter(|_| offered.updates);
        let resources = resources.into_iter().flat_map(Value::items);
        let resources = resources.filter_map(|uri| Some(uri.as_str()?.into_owned()));
        let lists = Notices {
            tools: offered.tools && wants("toolsListChanged"),
            prompts: offered.prompts && wants("promptsListChanged"),
            resources: offered.resources && wants("resourcesListChanged"),
            updates: false,
        };
        Self {
            lists,
            resources: resources.take(MOST_RESOURCES).collect(),
        }
    }

    /// As `subscriptions/listen` says it.
    pub(crate) fn json(&self) -> serde_json::Value {
        let mut filter = json!({});
        for (member, wants) in [
            ("toolsListChanged", self.lists.tools),
            ("promptsListChanged", self.lists.prompts),
            ("resourcesListChanged", self.lists.resources),
        ] {
            if wants {
                filter[member] = true.into();
            }
        }
        if !self.resources.is_empty() {
            filter["resourceSubscriptions"] = json!(self.resources);
        }
        filter
    }

    /// Whether a notification is one of these.
    pub(crate) fn passes(&self, notification: &Message) -> bool {
        match &*notification.method() {
            "notifications/tools/list_changed" => self.lists.tools,
            "notifications/prompts/list_changed" => self.lists.prompts,
            "notifications/resources/list_changed" => self.lists.resources,
            "notifications/resources/updated" => {
                let uri = notification.param("uri").and_then(Value::as_str);
                // A server may tell of a part of what was asked for.
                uri.is_some_and(|uri| {
                    self.resources
                        .iter()
                        .any(|wanted| uri.starts_with(wanted.as_str()))
                })
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::json::Doc;

    fn message(method: &str, params: &str) -> Message {
        let text = format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#);
        Message::parse(text).unwrap()
    }

    #[test]
    fn nothing_is_told_that_was_not_asked_for_or_is_not_offered() {
        let text = r#"{"tools":{"listChanged":true},"prompts":{},"resources":{"subscribe":true},"logging":{}}"#;
        let doc = Doc::parse(text).unwrap();
        let offered = Notices::offered(Some(doc.root(text)));
        assert_eq!(
            offered,
            Notices {
                tools: true,
                updates: true,
                ..Notices::default()
            }
        );
        assert!(offered.any() && !Notices::offered(None).any());
        let listen = message(
            "subscriptions/listen",
            r#"{"notifications":{"toolsListChanged":true,"promptsListChanged":true,"resourceSubscriptions":["note://one",7]}}"#,
        );
        let filter = Filter::wanted(&listen, offered);
        assert_eq!(
            filter.json(),
            json!({"toolsListChanged": true, "resourceSubscriptions": ["note://one"]})
        );
        let rows = [
            ("notifications/tools/list_changed", "{}", true),
            ("notifications/prompts/list_changed", "{}", false),
            (
                "notifications/resources/updated",
                r#"{"uri":"note://one"}"#,
                true,
            ),
            (
                "notifications/resources/updated",
                r#"{"uri":"note://two"}"#,
                false,
            ),
            ("notifications/message", r#"{"data":"x"}"#, false),
        ];
        for (method, params, expected) in rows {
            assert_eq!(
                filter.passes(&message(method, params)),
                expected,
                "{method} {params}"
            );
        }
    }
}
