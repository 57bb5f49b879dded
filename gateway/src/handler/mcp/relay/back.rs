//! The way back to the server of a stream, for answers to what it asks and must not.

use crate::handler::mcp::backend::{Wanted, dispatch};
use crate::handler::mcp::exchange::Exchange;
use crate::mcp::envelope::Message;
use crate::mcp::mirror::Mirrored;

/// The way to the server of a stream.
pub(super) struct Back {
    pub(super) session: Option<String>,
}

impl Back {
    /// Answers a request of the server in the client's place. Nobody waits for what the server says to that.
    pub(super) fn answer(&self, exchange: &Exchange, answer: String) {
        let Ok(answer) = Message::parse(answer) else {
            return;
        };
        let (exchange, session) = (exchange.clone(), self.session.clone());
        tokio::task::spawn_local(async move {
            let wanted = Wanted::Message(answer, Mirrored::default());
            let sent = dispatch(&exchange, wanted, session.as_deref(), None).await;
            if let Err(error) = sent {
                let reason = &*error.message;
                tracing::warn!(reason, "a refusal did not reach its MCP server");
            }
        });
    }
}
