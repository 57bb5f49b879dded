//! The Model Context Protocol: tools, prompts and resources behind the gateway.

pub mod surfaces;
