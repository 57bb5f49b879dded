//! The token that a server is shown, when its resource says that an authorization server gives one.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use parapet_policy::record::NetworkCall;
use zeroize::Zeroizing;

use super::exchange::Exchange;
use crate::mcp::error::{INTERNAL, RpcError};
use crate::mcp::oauth::{OAuth, TokenError};
use crate::pipeline::calls;
use crate::pipeline::recording::Recording;

/// A token on its way to a server.
pub(super) struct Shown<'a> {
    exchange: &'a Exchange,
    oauth: &'a OAuth,
    /// The caller's own, which is exchanged. It goes to the token endpoint and nowhere else.
    subject: Option<Zeroizing<String>>,
    /// Whose record tells of calls, and the place of the attempt in it.
    noted: Option<(&'a Recording, usize)>,
    value: HeaderValue,
}

/// Puts the token among the headers; none when the server is shown none.
///
/// # Errors
/// When there is no token.
pub(super) async fn show<'a>(
    exchange: &'a Exchange,
    headers: &mut HeaderMap,
    noted: Option<(&'a Recording, usize)>,
) -> Result<Option<Shown<'a>>, RpcError> {
    let Some(oauth) = exchange.server.oauth.as_deref() else {
        return Ok(None);
    };
    let subject = if oauth.is_exchange() {
        let token = exchange.snapshot.identities.issued_token(&exchange.headers);
        let token = token.ok_or_else(|| {
            let message = "this MCP server is called on its callers' behalf: it needs a token of an identity provider";
            RpcError::new(StatusCode::FORBIDDEN, -32600, message)
        })?;
        Some(Zeroizing::new(token.to_owned()))
    } else {
        None
    };
    let mut shown = Shown {
        exchange,
        oauth,
        subject,
        noted,
        value: HeaderValue::from_static(""),
    };
    shown.get().await?;
    headers.insert(AUTHORIZATION, shown.value.clone());
    Ok(Some(shown))
}

impl Shown<'_> {
    /// The server refused the token: puts another one among the headers. False when no other would help.
    ///
    /// # Errors
    /// When there is no other token.
    pub(super) async fn again(&mut self, headers: &mut HeaderMap) -> Result<bool, RpcError> {
        let subject = self.subject.as_ref().map(|token| token.as_str());
        if !self
            .exchange
            .tokens
            .refuse(self.oauth, subject, &self.value)
        {
            return Ok(false);
        }
        self.get().await?;
        headers.insert(AUTHORIZATION, self.value.clone());
        Ok(true)
    }

    async fn get(&mut self) -> Result<(), RpcError> {
        let subject = self.subject.as_ref().map(|token| token.as_str());
        let started = self
            .noted
            .map(|(recording, _)| (recording.number(), recording.now_us()));
        let trace = |headers: &mut HeaderMap| {
            if let (Some((recording, _)), Some((span, _))) = (self.noted, started) {
                recording.with(|record| {
                    if let Some(trace) = &record.trace {
                        calls::put(headers, trace, trace.span(span));
                    }
                });
            }
        };
        let got = self.exchange.tokens.get(self.oauth, subject, trace).await;
        if let (true, Some((recording, place)), Some((span, start_us))) =
            (got.called, self.noted, started)
        {
            let call = NetworkCall {
                server: self.oauth.host.clone(),
                status: got.status(),
                error: got.result.as_ref().err().map(TokenError::word),
                start_us,
                took_us: recording.now_us().saturating_sub(start_us),
                span,
            };
            recording.with(|record| {
                if let Some(attempt) = record.attempts.get_mut(place) {
                    attempt.calls.push(call);
                }
            });
        }
        self.value = got.result.map_err(|error| told(&error, self.oauth))?;
        Ok(())
    }
}

/// What the client learns. Hosts and codes are for the log.
fn told(error: &TokenError, oauth: &OAuth) -> RpcError {
    match error {
        TokenError::TooSlow => RpcError::new(
            StatusCode::GATEWAY_TIMEOUT,
            INTERNAL,
            "the authorization server of this MCP server did not answer in time",
        ),
        TokenError::Refused { .. } if oauth.is_exchange() => RpcError::upstream(
            "the authorization server of this MCP server does not exchange the caller's token",
        ),
        TokenError::Refused { .. } => RpcError::upstream(
            "the authorization server of this MCP server gives the gateway no token",
        ),
        TokenError::Call(_) | TokenError::Failed(_) | TokenError::Bad(_) | TokenError::Ending => {
            RpcError::upstream("no token for this MCP server could be had")
        }
    }
}
