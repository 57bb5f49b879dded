//! Who wants to read shows a token.

use maud::{Markup, html};

use super::layout::{self, Here};
use crate::text::visible;

/// The form; `said` is why the last attempt failed.
pub(crate) fn page(said: Option<&str>, has_identities: bool) -> Markup {
    let main = html! {
        section.sign-in {
            h1 { "Sign in" }
            @if let Some(said) = said {
                p.error role="alert" { (visible(said)) }
            }
            @if has_identities {
                form method="post" action="/console/sign-in" {
                    label for="token" { "Token" }
                    input #token name="token" type="password" required autocomplete="off" autofocus spellcheck="false";
                    p.hint {
                        "What you call the gateway with: a virtual account's token, or one of your identity provider. \
                         It is kept sealed in a cookie of this browser, until it expires, for twelve hours at most."
                    }
                    button.primary type="submit" { "Sign in" }
                }
            } @else {
                p.error {
                    "Nobody can sign in: no virtual account and no identity provider is configured, and this page is open to nobody \
                     without a token."
                }
            }
            p.hint { "It has to have a role, a team or a name that may read this page (" code { "--console-reader" } ")." }
        }
    };
    layout::page(Here::Elsewhere, "Sign in", None, &main)
}
