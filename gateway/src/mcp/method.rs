//! The methods that the protocol has.

/// Every method of every revision, sorted.
const KNOWN: &[&str] = &[
    "completion/complete",
    "elicitation/create",
    "initialize",
    "logging/setLevel",
    "notifications/cancelled",
    "notifications/elicitation/complete",
    "notifications/initialized",
    "notifications/message",
    "notifications/progress",
    "notifications/prompts/list_changed",
    "notifications/resources/list_changed",
    "notifications/resources/updated",
    "notifications/roots/list_changed",
    "notifications/subscriptions/acknowledged",
    "notifications/tasks",
    "notifications/tasks/status",
    "notifications/tools/list_changed",
    "ping",
    "prompts/get",
    "prompts/list",
    "resources/list",
    "resources/read",
    "resources/subscribe",
    "resources/templates/list",
    "resources/unsubscribe",
    "roots/list",
    "sampling/createMessage",
    "server/discover",
    "subscriptions/listen",
    "tasks/cancel",
    "tasks/get",
    "tasks/list",
    "tasks/result",
    "tasks/update",
    "tools/call",
    "tools/list",
];

/// The method for records and metrics: a closed list.
pub(crate) fn known(method: &str) -> &'static str {
    KNOWN
        .binary_search(&method)
        .ok()
        .and_then(|index| KNOWN.get(index).copied())
        .unwrap_or("other")
}

/// Whether any revision has this method.
pub(crate) fn is_known(method: &str) -> bool {
    KNOWN.binary_search(&method).is_ok()
}

/// Whether a text is what a tool may be called (2025-11-25): anything else may be somebody's text, and stays out of records.
pub(crate) fn is_tool_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_everything_else_is_other() {
        assert!(KNOWN.is_sorted());
        assert_eq!(known("tools/call"), "tools/call");
        assert_eq!(known("tools/calls"), "other");
    }

    #[test]
    fn what_is_no_name_is_not_told() {
        assert!(is_tool_name("get_weather-2.x"));
        for bad in ["", "my password is x", "ä", &"a".repeat(129)] {
            assert!(!is_tool_name(bad), "{bad}");
        }
    }
}
