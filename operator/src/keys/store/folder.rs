//! Folders with the layout of mounted Secrets, for whoever has no cluster: `DIR/<secret>/<key>`. Only their owner may
//! read them.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{Done, StoreError};
use crate::keys::ring::Contents;

/// What is known about the keys. Hidden: whoever reads a folder of keys passes it over.
const NOTES: &str = ".keys.json";

pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) const fn new(dir: PathBuf) -> Self {
        Self(dir)
    }

    /// A Secret; none when its folder does not exist.
    pub(super) fn read(&self, secret: &str) -> Result<Option<Contents>, StoreError> {
        let dir = self.0.join(secret);
        if !dir.is_dir() {
            return Ok(None);
        }
        let mut contents = Contents::default();
        for entry in fs::read_dir(&dir).map_err(failed(&dir))? {
            let entry = entry.map_err(failed(&dir))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = entry.path();
            if name.starts_with('.') || !path.is_file() {
                continue;
            }
            let text = fs::read_to_string(&path).map_err(failed(&path))?;
            contents.files.insert(name, Zeroizing::new(text));
        }
        let notes = fs::read_to_string(dir.join(NOTES)).unwrap_or_default();
        contents.notes = serde_json::from_str(&notes).unwrap_or_default();
        Ok(Some(contents))
    }

    pub(super) fn write(&self, done: &Done, contents: &Contents) -> Result<(), StoreError> {
        let dir = self.0.join(&done.secret);
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&dir)
            .map_err(failed(&dir))?;
        for file in &done.files {
            write(&dir.join(file), contents.text(file))?;
        }
        if !contents.notes.is_empty() {
            let notes = serde_json::to_string(&contents.notes).unwrap_or_default();
            write(&dir.join(NOTES), &notes)?;
        }
        Ok(())
    }
}

/// Beside it, then renamed over it: nobody reads half a key.
fn write(path: &Path, text: &str) -> Result<(), StoreError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.new"));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)
        .map_err(failed(&beside))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(failed(&beside))?;
    fs::rename(&beside, path).map_err(failed(path))
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.to_owned();
    move |error| StoreError::Io { path, error }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::SystemTime;

    use crate::keys::ring::{Wanted, complete};
    use crate::keys::store::{Done, Store, StoreError};

    #[tokio::test]
    async fn a_folder_is_filled_once_and_for_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::folder(dir.path().join("keys"), "p");
        let wanted = Wanted {
            prefix: "p".to_owned(),
            nats_names: vec!["localhost".to_owned()],
            webhook_names: Vec::new(),
        };
        let make = || store.change(|ring| Ok(complete(ring, &wanted, SystemTime::now())?));
        let done = make().await.unwrap();
        assert!(done.iter().all(|done| done.is_new) && done.len() == 5);
        assert_eq!(make().await.unwrap(), []);
        let ring = store.read().await.unwrap();
        assert!(ring.values().any(|contents| !contents.notes.is_empty()));
        for done in &done {
            for file in &done.files {
                let path = dir.path().join("keys").join(&done.secret).join(file);
                let mode = std::fs::metadata(&path).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o600, "{}", path.display());
            }
        }
        let operator = dir.path().join("keys/p-operator-keys");
        assert_eq!(
            parapet_bus::keys::read_signing_keys(&operator.join("signing"))
                .unwrap()
                .len(),
            1
        );
        // A change that is refused changes nothing.
        let refused: Result<Vec<Done>, _> = store
            .change(|ring| {
                ring.clear();
                Err(StoreError::Refused("no".to_owned()))
            })
            .await;
        assert!(refused.is_err());
        assert_eq!(store.read().await.unwrap(), ring);
    }
}
