//! Parapet's control plane: resources in a cluster to one published policy, and statuses that tell what became of them.
//!
//! It runs no guardrail. It asks the kinds whether a configuration would build, with the code that the gateway builds
//! with, which is why "accepted" means "will build".

pub mod admin;
pub mod app;
pub mod args;
pub mod cluster;
pub mod compile;
pub mod console;
pub mod controller;
pub mod forward;
pub mod keys;
pub mod kinds;
pub mod lease;
pub mod metrics;
pub mod publisher;
pub mod ready;
pub mod run;
pub mod verify;
pub mod webhook;
