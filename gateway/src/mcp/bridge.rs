//! Between the two eras of the protocol: what one side says, in the words of the other.
//!
//! What is here is pure or a table in memory; who is called when is said in `handler::mcp::bridge`.
//!
//! - [`era`]: which eras a server speaks, as far as this process has found out.
//! - [`members`]: objects whose members are put, taken out and kept as they were written.
//! - [`notices`]: what a server tells of by itself, and who hears it.
//! - [`older`]: messages of a stateless client for a server with sessions, and what comes back.
//! - [`newer`]: messages of a session for a stateless server, and what comes back.
//! - [`idle`]: sessions with servers that wait for the next call.
//! - [`parked`]: what waits for a client's answer, or may be cancelled by its client.

use std::sync::Arc;

use super::virtual_server::joined::Joined;

pub(crate) mod era;
pub(crate) mod idle;
pub(crate) mod members;
pub(crate) mod newer;
pub(crate) mod notices;
pub(crate) mod older;
pub(crate) mod parked;

/// What all threads of a gateway share for bridging. All of it may be lost at any time: it saves calls.
#[derive(Debug, Default)]
pub(crate) struct Bridge {
    /// Sessions with servers.
    pub(crate) idle: idle::Idle,
    /// Clients that are waited for.
    pub(crate) parked: Arc<parked::Parked>,
    /// Members of virtual servers that came back after sessions had begun without them.
    pub(crate) joined: Joined,
}
