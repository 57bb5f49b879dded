//! Plans for compiled policy.

mod matching;
mod planning;
