//! Policy in the gateway: where it is read from, and the form that is ready to run.

pub mod guardrail;
