//! The pages.

pub(crate) mod health;
mod layout;
pub(crate) mod policy;
pub(crate) mod request;
pub(crate) mod requests;
pub(crate) mod sign_in;
#[cfg(test)]
pub(crate) mod testing;
