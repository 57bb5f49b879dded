//! One request: what is known of it, and everything that happened as a waterfall.

use maud::{Markup, html};
use parapet_policy::facts::Caller;
use parapet_policy::hook::Hook;
use parapet_policy::outcome::{Operation, SkipReason, Strategy};
use parapet_policy::record::{
    Attempt, GuardrailRecord, McpMessage, McpSide, NetworkCall, Places, Record,
};

use super::layout::{self, Here};
use super::requests::end;
use crate::text::{bytes, duration, visible};
use crate::{Entry, entry};

pub(crate) fn page(entry: &Entry, reader: &Caller) -> Markup {
    let record = &entry.record;
    let main = html! {
        p.crumbs { a href="/console/" { "Requests" } " / " code { (visible(&record.request_id)) } }
        div.head { h1 {
            (end(entry)) " "
            @match &record.mcp {
                Some(message) => { (message.method) @if let Some(tool) = &message.tool { " " (visible(tool)) } },
                None => (record.route),
            }
        } }
        (facts(entry))
        h2 { "What happened" }
        (waterfall(record))
    };
    layout::page(
        Here::Requests,
        &visible(&record.request_id),
        Some(reader),
        &main,
    )
}

/// The page of a request that is not kept.
pub(crate) fn missing(id: &str, reader: &Caller) -> Markup {
    let main = html! {
        p.crumbs { a href="/console/" { "Requests" } }
        p.nothing { "There is no request " code { (visible(id)) } " here: it was never seen, or newer ones have taken its place." }
    };
    layout::page(Here::Requests, "No such request", Some(reader), &main)
}

fn facts(entry: &Entry) -> Markup {
    let record = &entry.record;
    html! {
        dl.facts {
            div { dt { "Began" } dd { (layout::day_and_moment(record.started)) } }
            div { dt { "Took" } dd { (duration(record.total_us)) } }
            div { dt { "Caller" } dd {
                @match &record.subject {
                    Some(subject) => (visible(&subject.to_string())),
                    None => span.none { "unknown" },
                }
            } }
            @if !record.teams.is_empty() {
                div { dt { "Teams" } dd {
                    @for (index, team) in record.teams.iter().enumerate() { @if index > 0 { ", " } (visible(team)) }
                } }
            }
            @if let Some(model) = &record.model {
                div { dt { "Model" } dd { (visible(model)) @if record.stream { " " span.none { "streamed" } } } }
            }
            @if let Some(message) = &record.mcp { (of_mcp(message)) }
            div { dt { "Policy" } dd {
                @match record.revision {
                    Some(revision) => { "revision " (revision) },
                    None => span.none { "not reached" },
                }
            } }
            div { dt { "Gateway" } dd { (visible(&entry.gateway)) } }
            div { dt { "Bytes" } dd { (bytes(record.request_bytes)) " in, " (bytes(record.response_bytes)) " out" } }
            @if !record.rewrites.is_empty() {
                div { dt { "Changed by the gateway" } dd { (record.rewrites.join(", ")) } }
            }
            @if !record.unjudged.is_empty() {
                div { dt { "Not judged" } dd {
                    @for (index, (class, count)) in record.unjudged.iter().enumerate() {
                        @if index > 0 { ", " } (visible(class)) " ×" (count)
                    }
                } }
            }
            @if let Some(trace) = &record.trace {
                div { dt { "Trace" } dd { code { (trace.trace_id) } } }
            }
        }
    }
}

fn of_mcp(message: &McpMessage) -> Markup {
    html! {
        div { dt { "Message" } dd {
            (message.method)
            " " span.none { @match message.from { McpSide::Client => "from the agent", McpSide::Server => "from the server" } }
            @if message.failed { " " span.badge.failed { "answered with an error" } }
        } }
        @if message.dropped > 0 {
            div { dt { "Left out of the list" } dd { (message.dropped) @if message.dropped == 1 { " tool" } @else { " tools" } } }
        }
        @if let Some(tool) = &message.tool { div { dt { "Tool" } dd { (visible(tool)) } } }
        div { dt { "Server" } dd { (visible(&message.server)) " " span.none { "MCP " (message.version) } } }
        @if let Some(source) = &message.source { div { dt { "Member" } dd { (visible(source)) } } }
    }
}

/// What the bars are measured against.
struct Scale(u64);

impl Scale {
    /// A guardrail under audit may end after the answer.
    fn of(record: &Record) -> Self {
        let end = |start: u64, took: u64| start.saturating_add(took);
        let guardrails = record.guardrails.iter();
        let guardrails = guardrails.map(|one| end(one.start_us, one.took_us));
        let attempts = record.attempts.iter();
        let attempts = attempts.map(|one| end(one.start_us, one.took_us));
        let last = guardrails.chain(attempts).max().unwrap_or(0);
        Self(last.max(record.total_us).max(1))
    }

    /// A bar from `start` on. Its place stands in attributes, because styles in a page are not allowed.
    fn bar(&self, class: &str, start: u64, took: u64) -> Markup {
        let share = |micros: u64| micros as f64 * 100.0 / self.0 as f64;
        // What takes no time at all is still to be seen.
        let width = share(took).max(0.4);
        let left = share(start).min(100.0 - width).max(0.0);
        html! {
            svg.bar width="100%" height="12" aria-hidden="true" {
                line x1="0" x2="100%" y1="6" y2="6" {}
                rect.(class) x=(format!("{left:.3}%")) y="1" width=(format!("{width:.3}%")) height="10" rx="1.5" {}
            }
        }
    }
}

fn waterfall(record: &Record) -> Markup {
    let scale = Scale::of(record);
    let at = |hook: Hook| record.guardrails.iter().filter(move |one| one.hook == hook);
    // In a chat the results of tools come with the request, and calls with the answer.
    let (before, after) = match record.mcp {
        Some(_) => (
            [Hook::LlmInput, Hook::McpToolPreInvoke],
            [Hook::LlmOutput, Hook::McpToolPostInvoke],
        ),
        None => (
            [Hook::McpToolPostInvoke, Hook::LlmInput],
            [Hook::LlmOutput, Hook::McpToolPreInvoke],
        ),
    };
    html! {
        table.waterfall {
            thead { tr {
                th scope="col" { "Step" }
                th.bars scope="col" { span { "0" } span { (duration(scale.0)) } }
                th.number scope="col" { "Took" }
                th scope="col" { "Outcome" }
                th scope="col" { "Found" }
                th scope="col" { "Chosen by" }
            } }
            tbody {
                tr.whole {
                    th scope="row" { "request" }
                    td.bars { (scale.bar("whole", 0, record.total_us)) }
                    td.number { (duration(record.total_us)) }
                    td colspan="3" {}
                }
                @for hook in before {
                    @for one in at(hook) { (guardrail(one, &scale)) }
                }
                @for attempt in &record.attempts { (model(attempt, &scale)) }
                @for hook in after {
                    @for one in at(hook) { (guardrail(one, &scale)) }
                }
            }
        }
    }
}

fn guardrail(one: &GuardrailRecord, scale: &Scale) -> Markup {
    let (class, word) = outcome(one);
    html! {
        tr.step {
            th scope="row" {
                span.selector { (visible(&one.selector)) }
                small { (one.kind) " · " (one.hook.as_str()) " · " (operation(one.operation)) " · " (strategy(one.strategy)) }
                @if let Some(tool) = &one.tool { small { "tool " code { (visible(tool)) } } }
            }
            td.bars { @if one.skipped.is_none() { (scale.bar(class, one.start_us, one.took_us)) } }
            td.number {
                @if one.skipped.is_none() { (duration(one.took_us)) }
                @if one.cached { " " small { "remembered" } }
            }
            td { span.badge.{(class)} { (word) } (why(one)) }
            td { (found(one)) }
            td.rules {
                @if one.rules.is_empty() { span.none { "a header" } }
                @for rule in one.rules.iter() { code { (visible(rule)) } " " }
            }
        }
        @for call in &one.calls { (network(call, scale)) }
    }
}

fn outcome(one: &GuardrailRecord) -> (&'static str, &'static str) {
    match one.outcome {
        "clean" => ("allowed", "clean"),
        "changed" if entry::changed(one) => ("changed", "changed"),
        "changed" => ("warned", "would change"),
        "violation" if one.blocks => ("blocked", "blocked"),
        "violation" => ("warned", "found, let pass"),
        "failed" if one.blocks => ("failed", "failed, blocked"),
        "failed" => ("failed", "failed, let pass"),
        "skipped" => ("gone", "skipped"),
        other => ("gone", other),
    }
}

/// Why it failed, or did not run.
fn why(one: &GuardrailRecord) -> Markup {
    let skipped = one.skipped.map(|reason| match reason {
        SkipReason::BlockedElsewhere => "blocked elsewhere",
        SkipReason::ClientGone => "the client had gone",
        SkipReason::NothingToJudge => "nothing to judge",
        SkipReason::NotReached => "not reached",
    });
    let failed = one.failure.map(|class| class.as_str());
    html! { @if let Some(why) = failed.or(skipped) { " " small { (why) } } }
}

/// Categories with their counts, how much was changed and where: never what.
fn found(one: &GuardrailRecord) -> Markup {
    html! {
        @for (index, (category, count)) in one.categories.iter().enumerate() {
            @if index > 0 { ", " }
            span.category { (visible(category)) " ×" (count) }
        }
        @if one.edits > 0 {
            small.edits {
                (one.edits) @if one.edits == 1 { " place" } @else { " places" }
                @if entry::changed(one) { " changed" } @else { " would be changed" }
            }
        }
        @if let Some(places) = &one.places { (where_it_was(places)) }
    }
}

fn where_it_was(places: &Places) -> Markup {
    html! {
        ul.places {
            @for place in &places.first { li { code { (visible(place)) } } }
            @if places.more > 0 { li { small { "and " (places.more) " more" } } }
        }
    }
}

fn network(call: &NetworkCall, scale: &Scale) -> Markup {
    let failed = call.error.is_some()
        || call
            .status
            .is_some_and(|status| !(200..300).contains(&status));
    let class = if failed { "failed" } else { "call" };
    html! {
        tr.call {
            th scope="row" { span.selector { "↳ " (visible(&call.server)) } }
            td.bars { (scale.bar(class, call.start_us, call.took_us)) }
            td.number { (duration(call.took_us)) }
            td colspan="3" { (answer(call.status, call.error)) }
        }
    }
}

fn model(one: &Attempt, scale: &Scale) -> Markup {
    let class = if one.error.is_some() {
        "failed"
    } else {
        "model"
    };
    html! {
        tr.step.model {
            th scope="row" {
                span.selector { (visible(&one.provider)) @if !one.model.is_empty() { "/" (visible(&one.model)) } }
                small { @if one.kind != "mcp" { "model · " } (one.kind) @if let Some(server) = &one.server { " · " (visible(server)) } }
            }
            td.bars { (scale.bar(class, one.start_us, one.took_us)) }
            td.number { (duration(one.took_us)) }
            td { (answer(one.status, one.error)) @if !one.complete && one.error.is_none() { " " small { "not read to its end" } } }
            td {
                @if let Some(first) = one.first_text_us { small { "first text after " (duration(first)) } }
            }
            td {
                @if one.input_tokens.is_some() || one.output_tokens.is_some() {
                    small {
                        (one.input_tokens.unwrap_or(0)) " tokens in, " (one.output_tokens.unwrap_or(0)) " out"
                    }
                }
            }
        }
    }
}

fn answer(status: Option<u16>, error: Option<&str>) -> Markup {
    html! {
        @if let Some(status) = status { span.status { (status) } " " }
        @if let Some(error) = error { span.badge.failed { (error) } }
    }
}

pub(super) const fn operation(operation: Operation) -> &'static str {
    match operation {
        Operation::Validate => "validate",
        Operation::Mutate => "mutate",
    }
}

pub(super) const fn strategy(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::Enforce => "enforce",
        Strategy::EnforceButIgnoreOnError => "enforce, ignore errors",
        Strategy::Audit => "audit",
    }
}
