//! MCP over Streamable HTTP, as a server towards clients and as a client towards servers.
//!
//! Messages stay the bytes that they are: [`envelope`] looks at method, id and the places of `params` and `result`, and
//! what is not changed is relayed as it came. [`guard`] is the one place where a message meets the guardrails.

pub(crate) mod backend;
pub(crate) mod bridge;
pub(crate) mod caching;
pub(crate) mod command;
pub(crate) mod declared;
pub(crate) mod definitions;
pub(crate) mod envelope;
pub(crate) mod error;
pub(crate) mod guard;
pub(crate) mod method;
pub(crate) mod mirror;
pub(crate) mod oauth;
pub(crate) mod openapi;
pub(crate) mod own;
pub mod pinning;
pub(crate) mod seal;
pub(crate) mod server;
pub mod surfaces;
pub mod taint;
pub(crate) mod tasks;
pub(crate) mod tools;
pub(crate) mod user_headers;
pub(crate) mod version;
pub(crate) mod virtual_server;
