//! The reader for manifest files: a folder of documents to written policy.
pub(crate) mod node;
pub(crate) mod parse;
pub(crate) mod shape;
