//! One file: its text, its documents, what is to be said about them.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

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
#[derive(Debug)]
pub(super) struct FileDocuments {
    /// Its path below the root.
    pub(super) name: Arc<str>,
    /// The documents of our kinds, in order.
    pub(super) documents: Vec<Placed>,
    /// What is to be said.
    pub(super) remarks: Vec<Remark>,
}

/// A document and where its parts stood.
#[derive(Debug)]
pub(super) struct Placed {
    /// Which resource.
    pub(super) source: Source,
    /// What it says.
    pub(super) document: Document,
    node: Node,
}

impl Placed {
    /// Where the document began.
    pub(super) const fn position(&self) -> Option<Position> {
        self.node.position
    }

    /// Where `path` stood, or what is nearest above it.
    pub(super) fn locate(&self, path: &str) -> Option<Position> {
        self.node.locate(path)
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
pub(super) fn read(name: &str, text: &str, policy_namespace: &Arc<str>) -> FileDocuments {
    let mut file = FileDocuments {
        name: name.into(),
        documents: Vec::new(),
        remarks: Vec::new(),
    };
    let parsed = if is_json(name) {
        parse::json(text)
    } else {
        parse::yaml(text)
    };
    match parsed {
        Ok(nodes) => nodes
            .into_iter()
            .for_each(|node| file.take(node, policy_namespace)),
        Err(error) => {
            let remark = Remark::of_file(name, error.position, Severity::Error, error.message);
            file.remarks.push(remark);
        }
    }
    file
}

impl FileDocuments {
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
        self.documents.extend(document.map(|document| Placed {
            source,
            document,
            node,
        }));
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
