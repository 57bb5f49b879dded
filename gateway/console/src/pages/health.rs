//! How guardrails and the services behind them fare.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use maud::{Markup, html};
use parapet_policy::facts::Caller;

use super::layout::{self, Here};
use crate::Entry;
use crate::health::{Durations, Health};
use crate::text::{duration, visible};

pub(crate) fn page(entries: &[Arc<Entry>], reader: &Caller) -> Markup {
    let health = Health::of(entries);
    let main = html! {
        div.head {
            h1 { "Health" }
            p.hint {
                "From the " (entries.len()) " requests that are kept"
                @if let Some(oldest) = entries.last() { ", since " (layout::day_and_moment(oldest.ended())) }
            }
        }
        h2 { "External services" }
        (services(&health))
        h2 { "Guardrails" }
        (guardrails(&health))
    };
    layout::page(Here::Health, "Health", Some(reader), &main)
}

fn services(health: &Health) -> Markup {
    if health.services.is_empty() {
        return html! { p.nothing { "No guardrail has called a service." } };
    }
    html! {
        table.figures {
            thead { tr {
                th scope="col" { "Service" } th scope="col" { "For" } th.number scope="col" { "Calls" }
                th scope="col" { "Failures" } th.number scope="col" { "p50" } th.number scope="col" { "p95" } th.number scope="col" { "Slowest" }
            } }
            tbody { @for (server, one) in &health.services {
                tr {
                    th scope="row" { (visible(server)) }
                    td data-name="For" { @for (index, selector) in one.used_by.keys().enumerate() { @if index > 0 { ", " } (visible(selector)) } }
                    td.number data-name="Calls" { (one.calls) }
                    td data-name="Failures" { (failures(&one.failed, one.failures(), one.calls)) @if let Some(last) = one.last_failure { small { "last " (layout::moment(last)) } } }
                    (quantiles(&one.took))
                }
            } }
        }
    }
}

fn guardrails(health: &Health) -> Markup {
    if health.guardrails.is_empty() {
        return html! { p.nothing { "No guardrail has run yet." } };
    }
    html! {
        table.figures {
            thead { tr {
                th scope="col" { "Guardrail" } th scope="col" { "Hook" } th.number scope="col" { "Requests" } th.number scope="col" { "Clean" }
                th.number scope="col" { "Changed" } th.number scope="col" { "Found" } th.number scope="col" { "Blocked" } th.number scope="col" { "Skipped" }
                th scope="col" { "Failures" } th.number scope="col" { "p50" } th.number scope="col" { "p95" } th.number scope="col" { "Slowest" }
            } }
            tbody { @for ((selector, hook), one) in &health.guardrails {
                tr {
                    th scope="row" { (visible(selector)) small { (one.kind) } }
                    td data-name="Hook" { (hook.as_str()) }
                    td.number data-name="Requests" { (one.requests) }
                    (count("Clean", "", one.clean)) (count("Changed", "changed", one.changed)) (count("Found", "warned", one.found))
                    (count("Blocked", "blocked", one.blocked)) (count("Skipped", "", one.skipped))
                    td data-name="Failures" { (failures(&one.failed, one.failures(), one.requests)) @if let Some(last) = one.last_failure { small { "last " (layout::moment(last)) } } }
                    (quantiles(&one.took))
                }
            } }
        }
    }
}

fn count(name: &str, class: &str, count: u64) -> Markup {
    let class = if count == 0 { "none" } else { class };
    html! { td.number data-name=(name) { span.{(class)} { (count) } } }
}

fn failures(failed: &BTreeMap<impl Display, u64>, all: u64, of: u64) -> Markup {
    html! {
        @if all == 0 { span.none { "none" } } @else {
            span.badge.failed { (all) " · " (format!("{:.1} %", all as f64 * 100.0 / of.max(1) as f64)) }
            @for (why, count) in failed { " " small { (visible(&why.to_string())) " ×" (count) } }
        }
    }
}

fn quantiles(took: &Durations) -> Markup {
    html! {
        @for (name, hundredths) in [("p50", 50), ("p95", 95), ("Slowest", 100)] {
            td.number data-name=(name) { @match took.quantile(hundredths) {
                Some(micros) => (duration(micros)),
                None => span.none { "–" },
            } }
        }
    }
}
