//! Fakes, harnesses and the end to end tests.
//!
//! Everything here talks to the gateway the way its users do: the real binary, files of resources, HTTP.
//! [`fake`] is a server whose every answer is scripted; [`fake_llm`], [`fake_mcp`] and [`fake_guardrail`] know what
//! a model, an MCP server and a guardrail service say. [`harness`] starts the gateway, [`world`] all of it together, and [`scenario`] runs
//! the files below `scenarios/`.

pub mod answer;
pub mod api_proxy;
pub mod bench;
pub mod browser;
pub mod collector;
pub mod control;
pub mod control_plane;
pub mod fake;
pub mod fake_guardrail;
pub mod fake_llm;
pub mod fake_mcp;
pub mod forwarder;
pub mod harness;
pub mod http_client;
pub mod installation;
pub mod issuer;
pub mod kubectl;
pub mod nats;
pub mod opa;
pub mod packages;
pub mod quality;
pub mod runtimes;
pub mod scenario;
pub mod tools;
pub mod world;
