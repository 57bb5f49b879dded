//! Plans for compiled policy.

mod matching;
mod overriding;
mod planning;
mod taint;
mod unknown_servers;
mod virtual_servers;
