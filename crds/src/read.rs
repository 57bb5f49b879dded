//! The reader for manifest files: a folder of documents to written policy.
//!
//! Everything that can be said about a document is said in one go, each with its file and line. A file
//! that did not change is not parsed again, so the cost of an edit follows the edit.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parapet_policy::compile::Written;
use parapet_policy::diagnostic::{Diagnostic, Reason, Severity, Source};

mod document;
mod file;
mod files;
mod node;
mod object;
mod parse;
mod remark;
mod secrets;
mod shape;

pub use node::Position;
pub use object::Object;
pub use remark::Remark;
pub use secrets::Secrets;

pub(crate) use parse::plain as parse_plain;
pub(crate) use shape::plain;

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
    /// Where the document of each resource is: file and place in it.
    places: HashMap<Name, (usize, usize)>,
}

/// Kind, namespace and name.
type Name = (Arc<str>, Arc<str>, Arc<str>);

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
                    text,
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
    let mut places: HashMap<Name, (usize, usize)> = HashMap::new();
    for (file_index, file) in files.iter().enumerate() {
        remarks.extend(file.remarks.iter().cloned());
        for (index, known) in file.documents.iter().enumerate() {
            match places.entry(name_of(&known.source)) {
                Entry::Vacant(free) => free.insert((file_index, index)),
                Entry::Occupied(held) => {
                    let holder = files.get(held.get().0).map_or("", |file| &*file.name);
                    remarks.push(second(&known.source, holder, file.locate(index, "")));
                    continue;
                }
            };
            match &known.document {
                Document::Secret(values) => secrets.extend(values),
                resource => resource.add_to(&mut written),
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
        places,
    }
}

fn name_of(source: &Source) -> Name {
    (
        source.kind.clone(),
        source.namespace.clone(),
        source.name.clone(),
    )
}

/// What is said about a second document with the same name.
fn second(source: &Source, holder: &str, position: Option<Position>) -> Remark {
    Remark {
        diagnostic: Diagnostic {
            source: source.clone(),
            path: String::new(),
            severity: Severity::Error,
            reason: Reason::Conflicted,
            message: format!("this {} is declared before, in {holder}", source.kind),
        },
        position,
    }
}

impl Read {
    /// Adds to a diagnostic in which file it points where. A bundle's sources name no file.
    pub fn locate(&self, mut diagnostic: Diagnostic) -> Remark {
        let Some((file, index)) = self.place_of(&diagnostic.source) else {
            return Remark {
                diagnostic,
                position: None,
            };
        };
        if let Some(known) = file.documents.get(index) {
            diagnostic.source = known.source.clone();
        }
        let position = file.locate(index, &diagnostic.path);
        Remark {
            diagnostic,
            position,
        }
    }

    fn place_of(&self, source: &Source) -> Option<(&FileDocuments, usize)> {
        let place = if source.name.is_empty() {
            // The settings in force are one resource, whatever its name.
            let is_it = |name: &Name| name.0 == source.kind && name.1 == source.namespace;
            self.places
                .iter()
                .find(|(name, _)| is_it(name))
                .map(|(_, place)| place)
        } else {
            self.places.get(&name_of(source))
        };
        let (file, index) = place?;
        Some((self.files.get(*file)?, *index))
    }
}

#[cfg(test)]
mod tests;
