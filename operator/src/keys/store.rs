//! Where keys are kept: Secrets of a cluster, or folders with the layout of mounted Secrets.

use std::path::PathBuf;

use kube::{Api, Client};

use super::ring::{Contents, Holder, Ring, RingError};

mod cluster;
mod folder;

/// How often it is begun anew when somebody else writes at the same time.
const ATTEMPTS: usize = 20;

/// The Secrets of one installation.
pub struct Store {
    /// Their names begin with it.
    prefix: String,
    place: Place,
}

enum Place {
    Cluster(Box<cluster::Cluster>),
    Folder(folder::Folder),
}

/// What is there, and what must still be there when it is replaced.
struct Loaded {
    ring: Ring,
    versions: cluster::Versions,
}

/// What was done to a Secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Done {
    /// Which.
    pub holder: Holder,
    /// Its name.
    pub secret: String,
    /// Whether it was not there before.
    pub is_new: bool,
    /// The names of the files that were written.
    pub files: Vec<String>,
}

/// Why keys could not be read or written. It shows nothing of them.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// They do not fit together.
    #[error(transparent)]
    Ring(#[from] RingError),
    /// What was asked for cannot be done now.
    #[error("{0}")]
    Refused(String),
    /// The API server says.
    #[error("Secret {secret}: {error}")]
    Cluster {
        /// The Secret.
        secret: String,
        /// What it says.
        error: Box<kube::Error>,
    },
    /// A value is no text.
    #[error("Secret {secret}, key {file}: not a text")]
    NoText {
        /// The Secret.
        secret: String,
        /// The key in it.
        file: String,
    },
    /// The system says.
    #[error("{path}: {error}", path = path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What it says.
        error: std::io::Error,
    },
    /// Somebody else was faster, again and again.
    #[error("somebody else changes the same Secrets all the time")]
    Contended,
}

/// One attempt to write.
enum Written {
    Done,
    /// It is not what it was when it was read.
    Beaten,
}

impl Store {
    /// Secrets of a namespace.
    pub fn cluster(client: Client, namespace: &str, prefix: &str) -> Self {
        let api = Api::namespaced(client, namespace);
        Self {
            prefix: prefix.to_owned(),
            place: Place::Cluster(Box::new(cluster::Cluster::new(api, prefix))),
        }
    }

    /// Folders in a folder.
    pub fn folder(dir: PathBuf, prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            place: Place::Folder(folder::Folder::new(dir)),
        }
    }

    /// What is there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn read(&self) -> Result<Ring, StoreError> {
        Ok(self.load().await?.ring)
    }

    /// Changes what is there. Whoever changes it at the same time is not overwritten: `change` is asked again then.
    ///
    /// # Errors
    /// When it cannot be read, changed or written.
    pub async fn change(
        &self,
        mut change: impl FnMut(&mut Ring) -> Result<(), StoreError>,
    ) -> Result<Vec<Done>, StoreError> {
        let mut all = Vec::new();
        'again: for _ in 0..ATTEMPTS {
            let before = self.load().await?;
            let mut after = before.ring.clone();
            change(&mut after)?;
            let done = self.differences(&before.ring, &after);
            // New Secrets come first. They are drawn by lot: whoever finds that another was faster has to look at what
            // is there, before anything that follows from the lot is written.
            let (new, old): (Vec<_>, Vec<_>) = done.into_iter().partition(|done| done.is_new);
            for done in new.into_iter().chain(old) {
                match self.write(&done, &before, &after).await? {
                    Written::Done => all.push(done),
                    Written::Beaten => continue 'again,
                }
            }
            return Ok(all);
        }
        Err(StoreError::Contended)
    }

    fn differences(&self, before: &Ring, after: &Ring) -> Vec<Done> {
        let mut all = Vec::new();
        for (&holder, contents) in after {
            let held = before.get(&holder);
            if held == Some(contents) {
                continue;
            }
            let differs =
                |name: &str| held.and_then(|held| held.files.get(name)) != contents.files.get(name);
            let names = contents.files.keys().filter(|name| differs(name));
            all.push(Done {
                holder,
                secret: holder.secret(&self.prefix),
                is_new: held.is_none(),
                files: names.cloned().collect(),
            });
        }
        all
    }

    async fn load(&self) -> Result<Loaded, StoreError> {
        let mut loaded = Loaded {
            ring: Ring::new(),
            versions: cluster::Versions::new(),
        };
        for holder in Holder::ALL {
            let secret = holder.secret(&self.prefix);
            let contents = match &self.place {
                Place::Cluster(cluster) => {
                    let found = cluster.read(&secret).await?;
                    found.map(|(contents, version)| {
                        loaded.versions.insert(holder, version);
                        contents
                    })
                }
                Place::Folder(folder) => folder.read(&secret)?,
            };
            if let Some(contents) = contents {
                loaded.ring.insert(holder, contents);
            }
        }
        Ok(loaded)
    }

    async fn write(
        &self,
        done: &Done,
        before: &Loaded,
        after: &Ring,
    ) -> Result<Written, StoreError> {
        let nothing = Contents::default();
        let contents = after.get(&done.holder).unwrap_or(&nothing);
        match &self.place {
            Place::Cluster(cluster) => match before.versions.get(&done.holder) {
                Some(version) => cluster.replace(done, contents, version).await,
                None => cluster.create(done, contents).await,
            },
            Place::Folder(folder) => {
                folder.write(done, contents)?;
                Ok(Written::Done)
            }
        }
    }
}
