//! Plans for compiled policy.

mod matching;
mod overriding;
mod planning;
mod virtual_servers;
