//! How much a document may ask for.

/// Bytes of a document. Kubernetes takes 1 MiB in a `Secret`, and a resource with one inside still fits into an etcd
/// request (1.5 MiB).
pub const MAX_DOCUMENT_BYTES: usize = 1024 * 1024;

/// Tools of one server: OpenAI's chat completions take at most 128 functions. Models choose badly long before.
pub const MAX_OPERATIONS: usize = 128;

/// Characters of a tool's name: the length of a function's name at OpenAI and Anthropic.
pub const MAX_NAME: usize = 64;

/// Characters of a description: the length of a function's description at Azure OpenAI.
pub const MAX_DESCRIPTION: usize = 1024;

/// Characters of the document's title.
pub const MAX_TITLE: usize = 128;

/// Arguments of one tool.
pub const MAX_ARGUMENTS: usize = 256;

/// Bytes, about, of one schema with its references resolved. What a tool's schema takes of a model's context is paid
/// with every request; the largest of GitHub's bodies has below 16 KiB.
pub const MAX_SCHEMA_BYTES: usize = 64 * 1024;

/// Bytes of all definitions of a server.
pub const MAX_TOTAL_BYTES: usize = 1024 * 1024;

/// How deep schemas may nest in each other, references resolved. JSON is read to a depth of 128 in general, and each
/// schema in another takes up to two levels.
pub const MAX_DEPTH: usize = 32;

/// References that may lead from one to the next before something stands there.
pub const MAX_CHAIN: usize = 16;

/// Schemas that are looked at for one document. 128 tools with two schemas of 64 KiB have below.
pub const MAX_STEPS: usize = 500_000;
