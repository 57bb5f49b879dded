//! The reader for manifest files: a folder of documents to written policy.
//!
//! Everything that can be said about a document is said in one go, each with its file and line. A file
//! that did not change is not parsed again, so the cost of an edit follows the edit.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parapet_policy::compile::Written;
use parapet_policy::diagnostic::{Diagnostic, Reason, Severity, Source};

mod document;
mod file;
mod files;
mod node;
mod parse;
mod remark;
mod secrets;
mod shape;

pub use node::Position;
pub use remark::Remark;
pub use secrets::Secrets;

use document::Document;
use file::{FileDocuments, Fingerprint};

/// What to read.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// The folder with the manifests, or one file.
    pub manifests: PathBuf,
    /// A folder with the layout of mounted Secrets, `FOLDER/<name>/<key>`.
    pub secrets: Option<PathBuf>,
    /// The namespace of documents that name none, and of the Secrets in `secrets`.
    pub policy_namespace: Arc<str>,
}

/// Reads a folder, again and again.
#[derive(Debug)]
pub struct Reader {
    options: ReadOptions,
    cache: BTreeMap<String, (Fingerprint, Arc<FileDocuments>)>,
}

/// What a folder says.
#[derive(Debug)]
pub struct Read {
    /// For the compiler.
    pub written: Written,
    /// The values behind the references.
    pub secrets: Secrets,
    /// What is to be said about the documents.
    pub remarks: Vec<Remark>,
    files: Vec<Arc<FileDocuments>>,
}

impl Reader {
    /// A reader that has read nothing.
    pub fn new(options: ReadOptions) -> Self {
        Self {
            options,
            cache: BTreeMap::new(),
        }
    }

    /// What it reads.
    pub const fn options(&self) -> &ReadOptions {
        &self.options
    }

    /// Reads everything as it is now.
    pub fn read(&mut self) -> Read {
        let mut remarks = Vec::new();
        let (listed, errors) = files::list(&self.options.manifests);
        for failed in errors {
            let message = format!("cannot be read: {}", failed.error);
            remarks.push(Remark::of_file(
                &failed.name,
                None,
                Severity::Error,
                message,
            ));
        }
        let mut cache = BTreeMap::new();
        let mut files = Vec::with_capacity(listed.len());
        for listed in listed {
            let text = match file::text(&listed.path) {
                Ok(text) => text,
                // Gone since it was listed: its going is a change, and is read as one.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => {
                    let message = format!("cannot be read: {error}");
                    remarks.push(Remark::of_file(
                        &listed.name,
                        None,
                        Severity::Error,
                        message,
                    ));
                    continue;
                }
            };
            let fingerprint = file::fingerprint(&text);
            let known = self
                .cache
                .remove(&listed.name)
                .filter(|(before, _)| *before == fingerprint);
            let documents = match known {
                Some((_, documents)) => documents,
                None => Arc::new(file::read(
                    &listed.name,
                    &text,
                    &self.options.policy_namespace,
                )),
            };
            files.push(Arc::clone(&documents));
            cache.insert(listed.name, (fingerprint, documents));
        }
        self.cache = cache;
        let (mounted, errors) = match &self.options.secrets {
            Some(folder) => secrets::from_folder(folder, &self.options.policy_namespace),
            None => Default::default(),
        };
        for (name, error) in errors {
            let folder = self.options.secrets.as_deref().unwrap_or(Path::new(""));
            let shown = folder.join(name).to_string_lossy().into_owned();
            remarks.push(Remark::of_file(
                &shown,
                None,
                Severity::Error,
                format!("cannot be read: {error}"),
            ));
        }
        assemble(&self.options.policy_namespace, files, mounted, remarks)
    }
}

/// Puts the documents of all files together. Of two with one name the first in the order of files holds.
fn assemble(
    policy_namespace: &Arc<str>,
    files: Vec<Arc<FileDocuments>>,
    mounted: Secrets,
    mut remarks: Vec<Remark>,
) -> Read {
    let mut written = Written {
        policy_namespace: policy_namespace.clone(),
        ..Written::default()
    };
    let mut secrets = Secrets::default();
    let mut holders: BTreeMap<(&str, &str, &str), &Source> = BTreeMap::new();
    for file in &files {
        remarks.extend(file.remarks.iter().cloned());
        for placed in &file.documents {
            let source = &placed.source;
            let name = (&*source.kind, &*source.namespace, &*source.name);
            if let Some(holder) = holders.get(&name) {
                let file = holder.file.as_deref().unwrap_or_default();
                remarks.push(Remark {
                    diagnostic: Diagnostic {
                        source: source.clone(),
                        path: String::new(),
                        severity: Severity::Error,
                        reason: Reason::Conflicted,
                        message: format!("this {} is declared before, in {file}", source.kind),
                    },
                    position: placed.position(),
                });
                continue;
            }
            holders.insert(name, source);
            match &placed.document {
                Document::Integration(w) => written.integrations.push(w.clone()),
                Document::Config(w) => written.configs.push(w.clone()),
                Document::Provider(w) => written.providers.push(w.clone()),
                Document::Account(w) => written.accounts.push(w.clone()),
                Document::IdentityProvider(w) => written.identity_providers.push(w.clone()),
                Document::Settings(w) => written.settings.push(w.clone()),
                Document::Secret(values) => secrets.extend(values),
            }
        }
    }
    secrets.extend(&mounted);
    written.secrets = secrets.ids().cloned().collect();
    Read {
        written,
        secrets,
        remarks,
        files,
    }
}

impl Read {
    /// Adds to a diagnostic in which file it points where. A bundle's sources name no file.
    pub fn locate(&self, mut diagnostic: Diagnostic) -> Remark {
        let wanted = &diagnostic.source;
        let is_it = |source: &Source| {
            // The settings in force are one resource, whatever its name.
            let name = source.name == wanted.name || wanted.name.is_empty();
            let file = wanted.file.is_none() || source.file == wanted.file;
            name && file && (&source.kind, &source.namespace) == (&wanted.kind, &wanted.namespace)
        };
        let documents = self.files.iter().flat_map(|file| &file.documents);
        let mut of_it = documents.filter(|placed| is_it(&placed.source));
        let Some(placed) = of_it.next() else {
            return Remark {
                diagnostic,
                position: None,
            };
        };
        diagnostic.source = placed.source.clone();
        let position = placed.locate(&diagnostic.path);
        Remark {
            diagnostic,
            position,
        }
    }
}

#[cfg(test)]
mod tests;
