//! What gateways have seen of an MCP server's tools, as its status tells it: merged, compared with what was approved, and put as a
//! proposal. Pure.
//!
//! Gateways say what they see and nothing here believes them further than that: a status proposes, and what is approved the
//! `spec` says.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use parapet_bus::tools::{MAX_NAME, MAX_TOOLS, ReportedList, ToolsReport};
use parapet_crds::mcp_server::{ApprovedTool, McpServerSpec, Pinning, PinningMode};
use parapet_crds::status::pinning::{PinningStatus, ToolState, ToolStatus};
use serde_json::json;

pub mod events;
#[cfg(test)]
mod tests;

/// Categories of suspicion that are told of one tool.
const MAX_SUSPICIONS: usize = 8;

/// A definition that gateways see.
#[derive(Clone, Debug, Default)]
struct Seen {
    ambiguous: bool,
    suspicions: BTreeSet<String>,
}

/// By name and digest.
type Definitions = BTreeMap<(String, String), Seen>;

/// What gateways see by now.
#[derive(Debug, Default)]
struct Sight {
    tools: Definitions,
    instructions: BTreeMap<String, BTreeSet<String>>,
    omitted: usize,
}

/// The status of a server's tools; none when they are not looked at. `before` is the one that it has: when nobody
/// reports anything (gateways have just begun, a leader is new), what is known comes from there.
pub fn status(
    spec: &McpServerSpec,
    reports: &[&ToolsReport],
    before: Option<&PinningStatus>,
    now: Timestamp,
) -> Option<PinningStatus> {
    let pinning = spec
        .pinning
        .as_ref()
        .filter(|pinning| pinning.mode != PinningMode::Off)?;
    let per_caller = reports.iter().any(|report| report.per_caller);
    let sight = match seen(reports, per_caller) {
        Some(sight) => sight,
        None => remembered(before?),
    };
    let since = |name: &str, digest: &str| {
        let told = before.into_iter().flat_map(|before| &before.definitions);
        let mut told = told.filter(|one| one.name == name && one.digest == digest);
        told.next().map_or(Time(now), |one| one.since.clone())
    };
    let mut definitions: Vec<ToolStatus> = sight
        .tools
        .iter()
        .map(|((name, digest), seen)| ToolStatus {
            name: name.clone(),
            digest: digest.clone(),
            state: state(pinning, name, digest, seen),
            suspicions: seen
                .suspicions
                .iter()
                .take(MAX_SUSPICIONS)
                .cloned()
                .collect(),
            since: since(name, digest),
        })
        .collect();
    let names: BTreeSet<&String> = sight.tools.keys().map(|(name, _)| name).collect();
    let removed = pinning
        .approved
        .iter()
        .filter(|tool| !names.contains(&tool.name));
    definitions.extend(removed.map(|tool| {
        ToolStatus {
            name: tool.name.clone(),
            digest: tool.digest.clone(),
            state: ToolState::Removed,
            suspicions: Vec::new(),
            since: before
                .into_iter()
                .flat_map(|before| &before.definitions)
                .find(|one| one.state == ToolState::Removed && one.name == tool.name)
                .map_or(Time(now), |one| one.since.clone()),
        }
    }));
    definitions.sort_by(|one, other| (&one.name, &one.digest).cmp(&(&other.name, &other.digest)));
    let count = |state: ToolState| {
        let count = definitions.iter().filter(|one| one.state == state).count();
        i32::try_from(count).unwrap_or(i32::MAX)
    };
    let instructions: Vec<String> = sight.instructions.keys().cloned().collect();
    let words_changed = instructions
        .iter()
        .any(|digest| !pinning.approved_instructions.contains(digest));
    let suspicious = definitions.iter().filter(|one| is_doubtful(one)).count()
        + sight
            .instructions
            .iter()
            .filter(|(digest, found)| {
                !found.is_empty() && !pinning.approved_instructions.contains(digest)
            })
            .count();
    let mut status = PinningStatus {
        tools: i32::try_from(names.len()).unwrap_or(i32::MAX),
        approved: count(ToolState::Approved),
        changed: count(ToolState::Changed) + count(ToolState::Ambiguous),
        new: count(ToolState::New),
        removed: count(ToolState::Removed),
        suspicious: i32::try_from(suspicious).unwrap_or(i32::MAX),
        omitted: i32::try_from(sight.omitted).unwrap_or(i32::MAX),
        drift: String::new(),
        instructions,
        proposal: None,
        definitions,
    };
    status.drift = drift(&status, words_changed);
    status.proposal = proposal(pinning, &sight, &status, per_caller);
    status.definitions.truncate(MAX_TOOLS);
    Some(status)
}

/// The condition that says whether all tools are as approved, for `kubectl wait` and alerts. Events about it are [`events`].
pub const CONDITION: &str = "ToolsApproved";

/// That condition.
pub fn condition(
    status: &PinningStatus,
    generation: i64,
    before: &[Condition],
    now: Timestamp,
) -> Condition {
    let (truth, reason) = match (&*status.drift, status.changed, status.new) {
        ("none", ..) => ("True", "Approved"),
        (words, 0, 0) if !words.ends_with("instructions") => ("True", "ToolsRemoved"),
        (_, 0, _) if status.approved == 0 => ("False", "NotApproved"),
        (..) => ("False", "Drifted"),
    };
    let mut message = format!("{} tools; not as approved: {}", status.tools, status.drift);
    if status.suspicious > 0 {
        message.push_str(&format!("; {} suspicious", status.suspicious));
    }
    if status.proposal.is_some() {
        message.push_str("; status.pinning.proposal approves what is there by now");
    }
    let earlier = before.iter().find(|one| one.type_ == CONDITION);
    Condition {
        type_: CONDITION.to_owned(),
        status: truth.to_owned(),
        reason: reason.to_owned(),
        message,
        last_transition_time: earlier
            .filter(|one| one.status == truth)
            .map_or(Time(now), |one| one.last_transition_time.clone()),
        observed_generation: Some(generation),
    }
}

fn state(pinning: &Pinning, name: &str, digest: &str, seen: &Seen) -> ToolState {
    let mut of_that_name = pinning.approved.iter().filter(|tool| tool.name == name);
    if seen.ambiguous {
        return ToolState::Ambiguous;
    }
    match of_that_name.clone().next() {
        None => ToolState::New,
        Some(_) if of_that_name.any(|tool| tool.digest == digest) => ToolState::Approved,
        Some(_) => ToolState::Changed,
    }
}

/// What the newest reports say; none when nobody has listed the tools.
fn seen(reports: &[&ToolsReport], per_caller: bool) -> Option<Sight> {
    let mut lists: BTreeMap<&str, Vec<&ReportedList>> = BTreeMap::new();
    for list in reports.iter().flat_map(|report| &report.lists) {
        let of_version = lists.entry(&list.version).or_default();
        of_version.push(list);
    }
    let mut sight = Sight::default();
    let mut any = false;
    for of_version in lists.into_values() {
        // Where all callers see the same, the newest list says what there is by now. Where they do not, everything counts.
        let listed: Vec<&ReportedList> = match per_caller {
            true => of_version
                .iter()
                .copied()
                .filter(|list| list.listed)
                .collect(),
            false => newest(&of_version, |list| list.listed)
                .into_iter()
                .collect(),
        };
        for list in listed {
            any = true;
            sight.add(list);
        }
        if let Some(list) = newest(&of_version, |list| list.instructions.is_some())
            && let Some(digest) = list.instructions.clone().filter(|text| is_digest(text))
        {
            let found = sight.instructions.entry(digest).or_default();
            found.extend(list.suspicions.iter().filter(|word| is_word(word)).cloned());
        }
    }
    any.then_some(sight)
}

/// The newest of the lists that are `wanted`.
fn newest<'a>(
    lists: &[&'a ReportedList],
    wanted: fn(&ReportedList) -> bool,
) -> Option<&'a ReportedList> {
    let wanted = lists.iter().copied().filter(|list| wanted(list));
    wanted.max_by_key(|list| list.at)
}

impl Sight {
    fn add(&mut self, list: &ReportedList) {
        self.omitted = self.omitted.max(list.more);
        for tool in &list.tools {
            let known = (1..=MAX_NAME).contains(&tool.name.len())
                && tool.name.bytes().all(|byte| byte.is_ascii_graphic())
                && is_digest(&tool.digest);
            let of = (tool.name.clone(), tool.digest.clone());
            if !known || (self.tools.len() >= MAX_TOOLS && !self.tools.contains_key(&of)) {
                self.omitted += 1;
                continue;
            }
            let seen = self.tools.entry(of).or_default();
            seen.ambiguous |= tool.ambiguous;
            let words = tool.suspicions.iter().filter(|word| is_word(word));
            seen.suspicions.extend(words.take(MAX_SUSPICIONS).cloned());
        }
    }
}

/// What an earlier status says.
fn remembered(before: &PinningStatus) -> Sight {
    let tools = before.definitions.iter();
    let tools = tools.filter(|one| one.state != ToolState::Removed);
    let tools = tools.map(|one| {
        let seen = Seen {
            ambiguous: one.state == ToolState::Ambiguous,
            suspicions: one.suspicions.iter().cloned().collect(),
        };
        ((one.name.clone(), one.digest.clone()), seen)
    });
    let instructions = before.instructions.iter();
    Sight {
        tools: tools.collect(),
        instructions: instructions
            .map(|digest| (digest.clone(), BTreeSet::new()))
            .collect(),
        omitted: usize::try_from(before.omitted).unwrap_or_default(),
    }
}

/// For people, in a column.
fn drift(status: &PinningStatus, words_changed: bool) -> String {
    let parts = [
        (status.changed, "changed"),
        (status.new, "new"),
        (status.removed, "removed"),
    ];
    let mut said: Vec<String> = parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    if words_changed {
        said.push("instructions".to_owned());
    }
    match said.is_empty() {
        true => "none".to_owned(),
        false => said.join(", "),
    }
}

/// Not approved, and suspicious: nobody should approve it without having looked.
fn is_doubtful(tool: &ToolStatus) -> bool {
    let is_open = match tool.state {
        ToolState::Changed | ToolState::New | ToolState::Ambiguous => true,
        ToolState::Approved | ToolState::Removed => false,
    };
    is_open && !tool.suspicions.is_empty()
}

/// The patch that approves what is there by now, as JSON; none when that is what is approved already. It leaves out what is
/// suspicious, and what a list has twice: there the old approval stays.
fn proposal(
    pinning: &Pinning,
    sight: &Sight,
    status: &PinningStatus,
    per_caller: bool,
) -> Option<String> {
    let mut tools: BTreeSet<ApprovedTool> = BTreeSet::new();
    let mut settled: BTreeSet<&str> = BTreeSet::new();
    for tool in &status.definitions {
        let is_proposed = match tool.state {
            ToolState::Approved => true,
            ToolState::Changed | ToolState::New => !is_doubtful(tool),
            ToolState::Ambiguous | ToolState::Removed => false,
        };
        if is_proposed {
            settled.insert(&tool.name);
            tools.insert(ApprovedTool {
                name: tool.name.clone(),
                digest: tool.digest.clone(),
            });
        }
    }
    for tool in &pinning.approved {
        let is_there = sight.tools.keys().any(|(name, _)| *name == tool.name);
        let is_kept = match is_there {
            true => !settled.contains(&*tool.name),
            // Another caller may have it.
            false => per_caller,
        };
        if is_kept {
            tools.insert(tool.clone());
        }
    }
    let instructions: BTreeSet<&String> = sight
        .instructions
        .iter()
        .filter(|(digest, found)| {
            found.is_empty() || pinning.approved_instructions.contains(digest)
        })
        .map(|(digest, _)| digest)
        .collect();
    let approved: BTreeSet<ApprovedTool> = pinning.approved.iter().cloned().collect();
    let words: BTreeSet<&String> = pinning.approved_instructions.iter().collect();
    let words_same = sight.instructions.is_empty() || instructions == words;
    if tools == approved && words_same {
        return None;
    }
    let mut proposed = json!({"approved": tools.iter().take(MAX_TOOLS).collect::<Vec<_>>()});
    if !words_same && let Some(proposed) = proposed.as_object_mut() {
        proposed.insert("approvedInstructions".to_owned(), json!(instructions));
    }
    Some(json!({"spec": {"pinning": proposed}}).to_string())
}

/// `sha256:` and 64 lower-case hexadecimal digits: what a `spec` takes.
fn is_digest(text: &str) -> bool {
    let hex = text.strip_prefix("sha256:").unwrap_or_default();
    hex.len() == 64
        && hex
            .bytes()
            .all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c))
}

/// A category: a word of a closed list, which a newer gateway's may be longer than ours.
fn is_word(text: &str) -> bool {
    (1..=40).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_lowercase() || c == b'_')
}
