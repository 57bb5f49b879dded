//! Policy in the gateway: where it is read from, and the form in which it is ready to run.
//!
//! *Written* (files) becomes *sent* (a bundle) becomes *ready* ([`ready::Snapshot`]: patterns compiled,
//! clients built). A snapshot is one revision; a request takes one and keeps it to its end.

pub mod guardrail;
pub mod kinds;
pub mod live;
pub mod ready;
pub mod settings;
pub mod source;
pub mod watch;
