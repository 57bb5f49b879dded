//! What all pages have in common.

use std::time::SystemTime;

use maud::{DOCTYPE, Markup, html};
use parapet_policy::facts::Caller;
use parapet_policy::time::Rfc3339;

use crate::text::visible;

/// The pages in the navigation.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Here {
    Requests,
    Health,
    Policy,
    /// None of them.
    Elsewhere,
}

const PAGES: [(Here, &str, &str); 3] = [
    (Here::Requests, "/console/", "Requests"),
    (Here::Health, "/console/health", "Health"),
    (Here::Policy, "/console/policy", "Policy"),
];

/// A whole page.
pub(super) fn page(here: Here, title: &str, reader: Option<&Caller>, main: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Parapet" }
                link rel="icon" href="/console/assets/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/console/assets/console.css";
                script src="/console/assets/console.js" defer {}
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                header.top {
                    a.brand href="/console/" {
                        img src="/console/assets/icon.svg" alt="" width="20" height="20";
                        "Parapet"
                    }
                    @if let Some(reader) = reader {
                        nav aria-label="Pages" {
                            @for (page, href, name) in PAGES {
                                a href=(href) aria-current=[(page == here).then_some("page")] { (name) }
                            }
                        }
                        form.who method="post" action="/console/sign-out" {
                            span title="Signed in as" { (visible(&reader.subject.to_string())) }
                            button type="submit" { "Sign out" }
                        }
                    }
                }
                main #main tabindex="-1" { (main) }
            }
        }
    }
}

/// A point in time: the time of day, with the whole of it for who points at it.
pub(super) fn moment(time: SystemTime) -> Markup {
    let whole = Rfc3339(time).to_string();
    let shown = whole.get(11..23).unwrap_or(&whole);
    html! { time datetime=(whole) title=(whole) { (shown) } }
}

/// The same with its day.
pub(super) fn day_and_moment(time: SystemTime) -> Markup {
    let whole = Rfc3339(time).to_string();
    let day = whole.get(..10).unwrap_or_default();
    let clock = whole.get(11..23).unwrap_or_default();
    html! { time datetime=(whole) { (day) " " (clock) " UTC" } }
}
