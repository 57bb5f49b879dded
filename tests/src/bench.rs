//! `make bench`: what a guarded request costs, beside nginx on the same machine in the same minutes.
//!
//! The thing measured runs alone on one core; the load generator and the mock model share the other. The
//! method and how to read the tables: `docs/performance.md`.

pub mod callers;
pub mod corpus;
pub mod cpu;
pub mod first_text;
pub mod load;
pub mod manifests;
pub mod mcp;
pub mod nginx;
pub mod policy;
pub mod table;
pub mod tool_chats;
pub mod tools;

/// The core of the thing that is measured.
pub const MEASURED_CORE: &str = "0";
/// The core of the load generator and the mock model.
pub const LOAD_CORE: &str = "1";
