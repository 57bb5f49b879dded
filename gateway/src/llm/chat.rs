//! OpenAI Chat Completions: where text lives.

mod message;
mod request;
mod response;
#[cfg(test)]
mod tests;

pub(super) use request::request;
pub(super) use response::response;
