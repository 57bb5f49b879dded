//! Anthropic Messages: where text lives.

mod block;
mod request;
mod stream;
#[cfg(test)]
mod tests;

pub(super) use block::block;
pub(super) use request::{request, response, role_of};
pub(super) use stream::event;
