//! What of a server's tools is worth an event: what was not as approved and had not been told yet.

use kube::runtime::events::{Event, EventType};
use parapet_crds::status::pinning::{PinningStatus, ToolState, ToolStatus};

/// Names in one event.
const NAMED: usize = 10;

/// The events that go with a change of a status.
pub fn drift(before: Option<&PinningStatus>, after: Option<&PinningStatus>) -> Vec<Event> {
    let Some(after) = after else {
        return Vec::new();
    };
    let told = |tool: &&ToolStatus| {
        let known = before.into_iter().flat_map(|before| &before.definitions);
        known.into_iter().any(|one| {
            (&one.name, &one.digest, one.state) == (&tool.name, &tool.digest, tool.state)
        })
    };
    let mut said = Vec::new();
    for state in [
        ToolState::Changed,
        ToolState::Ambiguous,
        ToolState::New,
        ToolState::Removed,
    ] {
        let of_state = after.definitions.iter().filter(|tool| tool.state == state);
        let news: Vec<&ToolStatus> = of_state.filter(|tool| !told(tool)).collect();
        if news.is_empty() {
            continue;
        }
        let named = news.iter().take(NAMED).map(|tool| named(tool));
        let named: Vec<String> = named.collect();
        let more = match news.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        said.push(format!("{}: {}{more}", state.as_str(), named.join(", ")));
    }
    if !said.is_empty() {
        return vec![event(EventType::Warning, "ToolsDrifted", said.join("; "))];
    }
    let is_settled = |status: &PinningStatus| status.changed == 0 && status.new == 0;
    match before {
        Some(before) if !is_settled(before) && is_settled(after) => {
            let note = format!("{} tools, all as they were approved", after.approved);
            vec![event(EventType::Normal, "ToolsApproved", note)]
        }
        Some(_) | None => Vec::new(),
    }
}

fn named(tool: &ToolStatus) -> String {
    match tool.suspicions.is_empty() {
        true => tool.name.clone(),
        false => format!("{} ({})", tool.name, tool.suspicions.join(", ")),
    }
}

fn event(type_: EventType, reason: &str, note: String) -> Event {
    Event {
        type_,
        reason: reason.to_owned(),
        note: Some(super::super::conditions::cut(note)),
        action: "HoldTools".to_owned(),
        secondary: None,
    }
}
