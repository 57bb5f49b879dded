//! MCP through the gateway.

mod access;
mod bad_input;
mod bridge;
mod bridge_sessions;
mod exchange;
mod guarded;
mod guarded_sessions;
mod hooks;
mod keep_alive;
mod leaving;
mod mirrored;
mod oauth;
mod openapi;
mod openapi_failures;
mod openapi_guarded;
mod pinning;
mod policies;
mod sessions;
mod settings;
mod stateless;
mod support;
mod taint;
mod taint_sessions;
mod tls;
mod virtual_servers;
