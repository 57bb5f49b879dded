//! One file: its text, its documents, what is to be said about them.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use parapet_policy::diagnostic::{Diagnostic, Reason, Severity, Source};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::document::{self, Document, Head};
use super::files::is_json;
use super::node::{Node, Position};
use super::parse;
use super::remark::Remark;

/// SHA-256 of a file's text.
pub(super) type Fingerprint = [u8; 32];

/// What a file holds.
pub(super) struct FileDocuments {
    /// Its path below the root.
    pub(super) name: Arc<str>,
    /// The documents of our kinds, in order.
    pub(super) documents: Vec<Known>,
    /// What is to be said.
    pub(super) remarks: Vec<Remark>,
    /// For places, which are looked up only when there is something to say. It may hold secrets.
    text: Zeroizing<String>,
    policy_namespace: Arc<str>,
    /// The documents' trees with places, in the order of `documents`.
    placed: OnceLock<Vec<Node>>,
}

/// A document of one of our kinds.
#[derive(Debug)]
pub(super) struct Known {
    /// Which resource.
    pub(super) source: Source,
    /// What it says.
    pub(super) document: Document,
}

impl std::fmt::Debug for FileDocuments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileDocuments")
            .field("name", &self.name)
            .field("documents", &self.documents)
            .field("remarks", &self.remarks)
            .finish_non_exhaustive()
    }
}

impl FileDocuments {
    /// Where `path` stood in a document, or what is nearest above it.
    pub(super) fn locate(&self, document: usize, path: &str) -> Option<Position> {
        let again = || Reading::of(&self.name, &self.text, &self.policy_namespace, true).nodes;
        self.placed.get_or_init(again).get(document)?.locate(path)
    }
}

/// A file's text; it may hold secrets.
pub(super) fn text(path: &Path) -> io::Result<Zeroizing<String>> {
    if fs::metadata(path)?.len() > parse::MAX_FILE_BYTES {
        return Err(io::Error::other(format!(
            "larger than {} bytes",
            parse::MAX_FILE_BYTES
        )));
    }
    fs::read_to_string(path).map(Zeroizing::new)
}

/// What tells one text from another.
pub(super) fn fingerprint(text: &str) -> Fingerprint {
    Sha256::digest(text.as_bytes()).into()
}

/// Reads a file's text.
pub(super) fn read(
    name: &str,
    text: Zeroizing<String>,
    policy_namespace: &Arc<str>,
) -> FileDocuments {
    let mut reading = Reading::of(name, &text, policy_namespace, false);
    let placed = OnceLock::new();
    if !reading.remarks.is_empty() {
        // Whatever is said is said with its place.
        reading = Reading::of(name, &text, policy_namespace, true);
        // Set once, here.
        let _ = placed.set(std::mem::take(&mut reading.nodes));
    }
    FileDocuments {
        name: reading.name,
        documents: reading.documents,
        remarks: reading.remarks,
        text,
        policy_namespace: Arc::clone(policy_namespace),
        placed,
    }
}

/// A file while it is read.
struct Reading {
    name: Arc<str>,
    documents: Vec<Known>,
    /// The documents' trees, kept only with places.
    nodes: Vec<Node>,
    keeps_nodes: bool,
    remarks: Vec<Remark>,
}

impl Reading {
    fn of(name: &str, text: &str, policy_namespace: &Arc<str>, with_places: bool) -> Self {
        let mut reading = Self {
            name: name.into(),
            documents: Vec::new(),
            nodes: Vec::new(),
            keeps_nodes: with_places,
            remarks: Vec::new(),
        };
        let parse = if with_places {
            parse::placed
        } else {
            parse::plain
        };
        match parse(text, is_json(name)) {
            Ok(nodes) => nodes
                .into_iter()
                .for_each(|node| reading.take(node, policy_namespace)),
            Err(error) => {
                let remark = Remark::of_file(name, error.position, Severity::Error, error.message);
                reading.remarks.push(remark);
            }
        }
        reading
    }

    fn take(&mut self, mut node: Node, policy_namespace: &Arc<str>) {
        // What `kubectl get -o yaml` prints for several resources.
        if node.field("kind").and_then(Node::text) == Some("List") && node.field("items").is_some()
        {
            for item in node.items_of("items") {
                self.take(item, policy_namespace);
            }
            return;
        }
        let head = match document::head(&node, policy_namespace) {
            Head::Ours(head) => head,
            Head::Foreign { severity, message } => {
                self.remarks.push(Remark::of_file(
                    &self.name,
                    node.position,
                    severity,
                    message,
                ));
                node.wipe();
                return;
            }
        };
        let source = Source {
            file: Some(Arc::clone(&self.name)),
            ..head.source
        };
        let mut said = document::Said {
            source: &source,
            remarks: Vec::new(),
        };
        for problem in head.problems {
            said.problem(&node, problem);
        }
        let document = document::read(&mut node, head.kind, &mut said);
        self.remarks.append(&mut said.remarks);
        let Some(document) = document else { return };
        self.documents.push(Known { source, document });
        if self.keeps_nodes {
            self.nodes.push(node);
        }
    }
}

impl document::Said<'_> {
    /// A problem of the reader's own.
    pub(super) fn problem(&mut self, node: &Node, (path, message): (String, String)) {
        let position = node.locate(&path);
        self.diagnostic(path, message, position);
    }

    /// A problem whose place is known.
    pub(super) fn diagnostic(&mut self, path: String, message: String, position: Option<Position>) {
        let diagnostic = Diagnostic {
            source: self.source.clone(),
            path,
            severity: Severity::Error,
            reason: Reason::Invalid,
            message,
        };
        self.remarks.push(Remark {
            diagnostic,
            position,
        });
    }
}
