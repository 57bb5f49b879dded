//! Anthropic Messages: where text lives.

mod block;
mod request;
mod stream;
#[cfg(test)]
mod tests;

pub(super) use request::{request, response};
pub(super) use stream::event;
