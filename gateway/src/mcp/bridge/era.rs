//! Which eras a server speaks: what a refusal says about it, and what is remembered.

use std::sync::atomic::{AtomicU8, Ordering};

use http::StatusCode;

use crate::llm::json::Value;
use crate::mcp::envelope::{Kind, Message};
use crate::mcp::error::{
    HEADER_MISMATCH, INTERNAL, INVALID_PARAMS, MISSING_CAPABILITY, UNKNOWN_METHOD,
    UNSUPPORTED_VERSION,
};
use crate::mcp::version::MODERN;

/// What is known of a server.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum Known {
    /// Nothing.
    #[default]
    Nothing,
    /// It speaks the stateless revision, and perhaps others.
    Modern,
    /// It speaks the stateless revision only.
    ModernOnly,
    /// It speaks those with sessions only.
    LegacyOnly,
}

/// What a server speaks: what its resource says, or what this process has found out. That is an optimisation, and what turns out
/// wrong is found out again.
#[derive(Debug, Default)]
pub(crate) struct Speaks {
    known: AtomicU8,
    is_said: bool,
}

impl Speaks {
    /// What a resource says.
    pub(crate) const fn said(known: Known) -> Self {
        Self {
            known: AtomicU8::new(known as u8),
            is_said: true,
        }
    }

    /// Whether a resource says it, so that nothing has to be found out.
    pub(crate) const fn is_said(&self) -> bool {
        self.is_said
    }

    /// What is known.
    pub(crate) fn known(&self) -> Known {
        let known = [
            Known::Nothing,
            Known::Modern,
            Known::ModernOnly,
            Known::LegacyOnly,
        ];
        let number = usize::from(self.known.load(Ordering::Relaxed));
        known.get(number).copied().unwrap_or_default()
    }

    /// Remembers what was found out.
    pub(crate) fn learn(&self, found: Known) {
        if !self.is_said {
            self.known.store(found as u8, Ordering::Relaxed);
        }
    }
}

/// What a refusal says about the era of who refuses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Refusal {
    /// It knows the stateless revision.
    Modern,
    /// It is an error that a server of any era may answer with, and that says what is wrong with the message.
    Plain,
    /// It may come of a revision that is not spoken.
    Doubtful,
}

/// Statuses that say nothing about eras: who the caller is, how often they call, how long it takes.
pub(crate) fn may_tell(status: StatusCode) -> bool {
    status.is_client_error()
        && !matches!(
            status,
            StatusCode::UNAUTHORIZED
                | StatusCode::PAYMENT_REQUIRED
                | StatusCode::FORBIDDEN
                | StatusCode::PROXY_AUTHENTICATION_REQUIRED
                | StatusCode::REQUEST_TIMEOUT
                | StatusCode::PAYLOAD_TOO_LARGE
                | StatusCode::TOO_MANY_REQUESTS
        )
}

/// Reads a refusal.
pub(crate) fn refusal(body: &str) -> Refusal {
    let Ok(message) = Message::parse(body.to_owned()) else {
        return Refusal::Doubtful;
    };
    let Some(error) = message
        .root()
        .get("error")
        .filter(|_| message.kind() == Kind::Response)
    else {
        return Refusal::Doubtful;
    };
    let code = error.get("code").and_then(Value::as_i64);
    let code = code.and_then(|code| i32::try_from(code).ok());
    match code {
        Some(HEADER_MISMATCH | MISSING_CAPABILITY) => Refusal::Modern,
        // Who knows the code and not the revision is of the other era.
        Some(UNSUPPORTED_VERSION) => {
            let supported = error.get("data").and_then(|data| data.get("supported"));
            let has = supported.is_none_or(|list| list.items().any(|version| version.is(MODERN)));
            if has {
                Refusal::Modern
            } else {
                Refusal::Doubtful
            }
        }
        Some(UNKNOWN_METHOD | INVALID_PARAMS | INTERNAL) => Refusal::Plain,
        Some(_) | None => Refusal::Doubtful,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_tell_the_era() {
        let error = |error: &str| format!(r#"{{"jsonrpc":"2.0","id":null,"error":{error}}}"#);
        let rows = [
            (error(r#"{"code":-32020,"message":"x"}"#), Refusal::Modern),
            (error(r#"{"code":-32021,"message":"x"}"#), Refusal::Modern),
            (
                error(r#"{"code":-32022,"data":{"supported":["2026-07-28","2025-11-25"]}}"#),
                Refusal::Modern,
            ),
            (
                error(r#"{"code":-32022,"data":{"supported":["2025-11-25"]}}"#),
                Refusal::Doubtful,
            ),
            (error(r#"{"code":-32601,"message":"x"}"#), Refusal::Plain),
            (error(r#"{"code":-32602,"message":"x"}"#), Refusal::Plain),
            // As servers with sessions say it.
            (
                error(r#"{"code":-32000,"message":"Bad Request: Server not initialized"}"#),
                Refusal::Doubtful,
            ),
            (
                error(r#"{"code":-32600,"message":"Missing session ID"}"#),
                Refusal::Doubtful,
            ),
            ("Missing session ID".to_owned(), Refusal::Doubtful),
            ("<html></html>".to_owned(), Refusal::Doubtful),
            (r#"{"error":{"code":-32020}}"#.to_owned(), Refusal::Doubtful),
            (String::new(), Refusal::Doubtful),
        ];
        for (body, expected) in rows {
            assert_eq!(refusal(&body), expected, "{body}");
        }
        for status in [401, 403, 429, 500, 307, 200] {
            assert!(!may_tell(StatusCode::from_u16(status).unwrap()), "{status}");
        }
        assert!(may_tell(StatusCode::BAD_REQUEST) && may_tell(StatusCode::METHOD_NOT_ALLOWED));
    }

    #[test]
    fn what_a_resource_says_wins() {
        let speaks = Speaks::default();
        for found in [
            Known::LegacyOnly,
            Known::ModernOnly,
            Known::Modern,
            Known::Nothing,
        ] {
            speaks.learn(found);
            assert_eq!(speaks.known(), found);
        }
        let speaks = Speaks::said(Known::LegacyOnly);
        speaks.learn(Known::Modern);
        assert_eq!(
            (speaks.known(), speaks.is_said()),
            (Known::LegacyOnly, true)
        );
    }
}
