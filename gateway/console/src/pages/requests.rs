//! Recent requests, and which of them are shown.

use std::collections::BTreeSet;
use std::sync::Arc;

use maud::{Markup, html};
use parapet_policy::facts::Caller;
use parapet_policy::record::{End, Record};
use percent_encoding::utf8_percent_encode;

use super::layout::{self, Here};
use crate::filter::PLAIN;
use crate::text::{bytes, duration, visible};
use crate::{Console, Entry, Filter, Show, entry};

/// Requests on one page.
const PAGE: usize = 50;

/// One page of the requests that a filter lets through.
pub(crate) struct List {
    shown: Vec<Arc<Entry>>,
    more: bool,
    kept: usize,
    added: u64,
    /// What the fields offer.
    guardrails: BTreeSet<Arc<str>>,
    models: BTreeSet<Arc<str>>,
}

/// Suggestions of one field at most.
const MAX_OFFERED: usize = 100;

impl List {
    /// Chooses from what is kept.
    pub(crate) fn of(entries: Vec<Arc<Entry>>, filter: &Filter, added: u64) -> Self {
        let kept = entries.len();
        let (mut guardrails, mut models) = (BTreeSet::new(), BTreeSet::new());
        for entry in &entries {
            if guardrails.len() < MAX_OFFERED {
                let selectors = entry.record.guardrails.iter();
                guardrails.extend(selectors.map(|one| Arc::clone(&one.selector)));
            }
            // Only names that exist: what else callers write is not for others to pick.
            if models.len() < MAX_OFFERED && !entry.record.attempts.is_empty() {
                let about = entry.record.mcp.as_ref().map(entry::about);
                models.extend(entry.record.model.clone().or(about.map(Arc::from)));
            }
        }
        let ready = filter.ready();
        let mut shown: Vec<_> = entries
            .into_iter()
            .filter(|entry| ready.holds(entry))
            .collect();
        // They come as they are told of, which is nearly, and not quite, as they end.
        shown.sort_by(|a, b| b.position().cmp(&a.position()));
        let more = shown.len() > PAGE;
        shown.truncate(PAGE);
        Self {
            shown,
            more,
            kept,
            added,
            guardrails,
            models,
        }
    }
}

pub(crate) fn page(list: &List, filter: &Filter, reader: &Caller, console: &Console) -> Markup {
    let ring = console.ring();
    let (used, limits) = (ring.bytes(), ring.limits());
    drop(ring);
    let main = html! {
        div.head {
            h1 { "Requests" }
            p.hint {
                "the newest " (limits.records) ", in " (bytes(limits.bytes as u64)) " at most; " (bytes(used as u64)) " now"
            }
        }
        form.filter #filter method="get" action="/console/" role="search" {
            fieldset.show {
                legend.unseen { "What became of them" }
                @for show in Show::ALL {
                    label {
                        input type="radio" name="show" value=(show.as_str()) checked[show == filter.show];
                        span { (show.as_str()) }
                    }
                }
            }
            label.field { span.unseen { "Guardrail" }
                input name="guardrail" placeholder="guardrail" value=(visible(&filter.guardrail)) list="guardrails" autocomplete="off" spellcheck="false"; }
            label.field { span.unseen { "Caller" }
                input name="subject" placeholder="caller" value=(visible(&filter.subject)) autocomplete="off" spellcheck="false"; }
            label.field { span.unseen { "Model or tool" }
                input name="model" placeholder="model or tool" value=(visible(&filter.model)) list="models" autocomplete="off" spellcheck="false"; }
            datalist #guardrails { @for one in &list.guardrails { option value=(visible(one)) {} } }
            datalist #models { @for one in &list.models { option value=(visible(one)) {} } }
            button.primary type="submit" { "Filter" }
            @if !filter.is_empty() { a.button href="/console/" { "Clear" } }
            label.live { input #live type="checkbox" checked; span { "live" } }
        }
        div #list aria-live="off" { (part(list, filter)) }
        p.hint.keys { kbd { "j" } " " kbd { "k" } " move, " kbd { "Enter" } " opens, " kbd { "/" } " filters, " kbd { "Esc" } " leaves" }
    };
    layout::page(Here::Requests, "Requests", Some(reader), &main)
}

/// The list alone: what the script fetches.
pub(crate) fn part(list: &List, filter: &Filter) -> Markup {
    html! {
        @if list.shown.is_empty() {
            p.nothing {
                @if list.kept == 0 { "No request has come yet." }
                @else { "No request of those that are kept is like that." }
            }
        } @else {
            table.requests {
                thead { tr {
                    th scope="col" { "Time" small { " UTC" } }
                    th scope="col" { "End" }
                    th scope="col" { "Caller" }
                    th scope="col" { "Model or tool" }
                    th scope="col" { "Guardrails" }
                    th.number scope="col" { "Took" }
                } }
                tbody { @for entry in &list.shown { (row(entry)) } }
            }
            nav.paging aria-label="Older and newer" {
                span.hint { (list.kept) " kept of " (list.added) " seen" }
                @if !filter.before.is_empty() { a href=(format!("/console/{}", filter.query(None))) { "Newest" } }
                @if list.more {
                    @if let Some(last) = list.shown.last() {
                        a rel="next" href=(format!("/console/{}", filter.query(Some(last)))) { "Older" }
                    }
                }
            }
        }
    }
}

fn row(entry: &Entry) -> Markup {
    let record = &entry.record;
    let href = format!(
        "/console/requests/{}",
        utf8_percent_encode(&record.request_id, PLAIN)
    );
    html! {
        tr data-id=(visible(&record.request_id)) {
            td.time { a href=(href) { (layout::moment(entry.ended())) } }
            td.end { (end(entry)) }
            td.caller {
                @match &record.subject {
                    Some(subject) => span title=(visible(&subject.to_string())) { (visible(&subject.to_string())) },
                    None => span.none { "unknown" },
                }
            }
            td.model {
                @match (&record.model, record.mcp.as_ref().map(entry::about)) {
                    (Some(model), _) => span title=(visible(model)) { (visible(model)) },
                    (None, Some(about)) => span title=(visible(&about)) { (visible(&about)) },
                    (None, None) => span.none { (record.route) },
                }
            }
            td.did { (did(record)) }
            td.number { (duration(record.total_us)) }
        }
    }
}

/// How a request ended, as a badge.
pub(super) fn end(entry: &Entry) -> Markup {
    let record = &entry.record;
    let (class, word) = match record.end {
        End::BlockedViolation => ("blocked", "blocked"),
        End::BlockedFailure => ("failed", "blocked"),
        End::UpstreamFailed => ("failed", "model failed"),
        End::Refused => ("refused", "refused"),
        End::ClientGone => ("gone", "client gone"),
        End::Allowed if entry.has_failed() => ("warned", "allowed"),
        End::Allowed if entry.is_changed() => ("changed", "changed"),
        End::Allowed if entry.is_flagged() => ("warned", "flagged"),
        End::Allowed => ("allowed", "allowed"),
    };
    html! {
        span.badge.{(class)} { (word) }
        @if record.status > 0 { " " span.status { (record.status) } }
    }
}

/// What of the guardrails is worth a look, in one line.
fn did(record: &Record) -> Markup {
    let worth = record.guardrails.iter().filter(|one| {
        one.blocks || entry::changed(one) || entry::failed(one) || entry::flagged(one)
    });
    let ran = record.guardrails.iter().filter(|one| one.skipped.is_none());
    let quiet = ran.count();
    html! {
        @let noted: Vec<_> = worth.collect();
        @if noted.is_empty() {
            @if quiet > 0 { span.none { (quiet) " clean" } }
        }
        @for one in noted {
            @let class = if one.blocks { "blocked" } else if entry::failed(one) { "failed" } else if entry::changed(one) { "changed" } else { "warned" };
            span.did.{(class)} {
                (visible(&one.selector))
                @if let Some(failure) = one.failure { " " small { (failure.as_str()) } }
                @for (category, count) in &one.categories {
                    " " small { (visible(category)) @if *count > 1 { " ×" (count) } }
                }
            }
            " "
        }
    }
}
