//! The last good bundle in a folder, as it was published: signed, compressed, its credentials sealed. What is read from
//! here is verified like anything else.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use parapet_policy::bundle::wire::{MAX_COMPRESSED_BYTES, MAX_MANIFEST_BYTES};

const MESSAGE: &str = "bundle";
const BODY: &str = "body";

/// A message, and its body when that is an object of its own.
#[derive(Clone, Debug)]
pub struct Cached {
    /// As it was published.
    pub message: Bytes,
    /// As it was stored beside.
    pub body: Option<Bytes>,
}

/// Writes a bundle: the body first, so that a message is never without its own.
///
/// # Errors
/// When it cannot be written.
pub fn write(folder: &Path, cached: &Cached) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    if let Some(body) = &cached.body {
        replace(folder, BODY, body)?;
    }
    replace(folder, MESSAGE, &cached.message)?;
    if cached.body.is_none() {
        match fs::remove_file(folder.join(BODY)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// A file is there as a whole or not at all, and only its owner reads it.
fn replace(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let beside: PathBuf = folder.join(format!(".{name}.new"));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(beside, folder.join(name))
}

/// Reads a bundle; none when there is none.
///
/// # Errors
/// When it cannot be read, or is too large to be one.
pub fn read(folder: &Path) -> io::Result<Option<Cached>> {
    let Some(message) = read_file(&folder.join(MESSAGE))? else {
        return Ok(None);
    };
    Ok(Some(Cached {
        message,
        body: read_file(&folder.join(BODY))?,
    }))
}

fn read_file(path: &Path) -> io::Result<Option<Bytes>> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
        Ok(meta) if meta.len() > MAX_COMPRESSED_BYTES + MAX_MANIFEST_BYTES => {
            return Err(io::Error::other("too large to be a bundle"));
        }
        Ok(_) => {}
    }
    fs::read(path).map(|bytes| Some(bytes.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_an_old_body_goes() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("cache");
        assert!(read(&folder).unwrap().is_none());
        let mut cached = Cached {
            message: Bytes::from_static(b"m"),
            body: Some(Bytes::from_static(b"b")),
        };
        write(&folder, &cached).unwrap();
        let found = read(&folder).unwrap().unwrap();
        assert_eq!(
            (&found.message, &found.body),
            (&cached.message, &cached.body)
        );
        cached.body = None;
        write(&folder, &cached).unwrap();
        write(&folder, &cached).unwrap();
        assert!(read(&folder).unwrap().unwrap().body.is_none());
        let names = fs::read_dir(&folder).unwrap().count();
        assert_eq!(names, 1);
    }
}
