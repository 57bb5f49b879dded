//! OpenAI Chat Completions: where text lives.

mod logprobs;
mod message;
mod request;
mod response;
mod stream;
#[cfg(test)]
mod tests;

pub(super) use message::{function, message, role_of, tool_call};
pub(super) use request::request;
pub(super) use response::response;
pub(super) use stream::chunk;
