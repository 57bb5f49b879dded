//! Plans for compiled policy.

mod matching;
mod overriding;
mod planning;
mod taint;
mod virtual_servers;
