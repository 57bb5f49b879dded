//! Keys from files: one file, or a folder of files as a mounted Secret or ConfigMap has them. Empty lines and lines that
//! begin with `#` are left out.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{DigestKey, KeyError, OpeningKeys, SealingKey, SigningKey, TrustedKeys};

/// Bytes that a file of keys may have.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Why keys could not be read. It shows nothing of them.
#[derive(Debug, thiserror::Error)]
pub enum ReadKeysError {
    /// The system says.
    #[error("reading keys from {path}: {error}", path = path.display())]
    Io {
        /// What was read.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A line is no key.
    #[error("reading keys from {path}: {error}", path = path.display())]
    Key {
        /// What was read.
        path: PathBuf,
        /// What is wrong.
        error: KeyError,
    },
    /// There is not one.
    #[error("reading keys from {path}: there is none in it", path = path.display())]
    Empty {
        /// What was read.
        path: PathBuf,
    },
}

/// The keys of a text, one a line. Empty lines and lines that begin with `#` are left out.
pub fn key_lines(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// The public halves of signing keys.
///
/// # Errors
/// When they cannot be read, or there is none.
pub fn read_trusted_keys(path: &Path) -> Result<TrustedKeys, ReadKeysError> {
    let lines = lines(path)?;
    TrustedKeys::from_texts(lines.iter().map(|line| line.as_str()))
        .map_err(|error| key_error(path, error))
}

/// The private halves of the gateways' keys.
///
/// # Errors
/// When they cannot be read, or there is none.
pub fn read_opening_keys(path: &Path) -> Result<OpeningKeys, ReadKeysError> {
    let lines = lines(path)?;
    OpeningKeys::from_texts(lines.iter().map(|line| line.as_str()))
        .map_err(|error| key_error(path, error))
}

/// The keys of an operator: it signs with the first one, and believes what any of them has signed.
///
/// # Errors
/// When they cannot be read, or there is none.
pub fn read_signing_keys(path: &Path) -> Result<Vec<SigningKey>, ReadKeysError> {
    let lines = lines(path)?;
    let keys = lines.iter().map(|line| SigningKey::from_text(line));
    keys.collect::<Result<_, _>>()
        .map_err(|error| key_error(path, error))
}

/// The key that credentials are sealed to: the first one.
///
/// # Errors
/// When it cannot be read, or there is none.
pub fn read_sealing_key(path: &Path) -> Result<SealingKey, ReadKeysError> {
    SealingKey::from_text(&first(path)?).map_err(|error| key_error(path, error))
}

/// The key of the digest: the first one.
///
/// # Errors
/// When it cannot be read, or there is none.
pub fn read_digest_key(path: &Path) -> Result<DigestKey, ReadKeysError> {
    DigestKey::from_text(&first(path)?).map_err(|error| key_error(path, error))
}

fn first(path: &Path) -> Result<Zeroizing<String>, ReadKeysError> {
    // There is one, or reading has failed.
    Ok(lines(path)?.into_iter().next().unwrap_or_default())
}

fn key_error(path: &Path, error: KeyError) -> ReadKeysError {
    ReadKeysError::Key {
        path: path.to_owned(),
        error,
    }
}

fn lines(path: &Path) -> Result<Vec<Zeroizing<String>>, ReadKeysError> {
    let of = |path: &Path| {
        let path = path.to_owned();
        move |error| ReadKeysError::Io { path, error }
    };
    let mut files = Vec::new();
    if path.is_dir() {
        for entry in fs::read_dir(path).map_err(of(path))? {
            let entry = entry.map_err(of(path))?;
            // A mounted folder holds its versions under names that begin with two dots.
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            if !hidden && entry.path().is_file() {
                files.push(entry.path());
            }
        }
        files.sort();
    } else {
        files.push(path.to_owned());
    }
    let mut lines = Vec::new();
    for file in files {
        if fs::metadata(&file).map_err(of(&file))?.len() > MAX_FILE_BYTES {
            return Err(of(&file)(io::Error::other("larger than 64 KiB")));
        }
        let text = Zeroizing::new(fs::read_to_string(&file).map_err(of(&file))?);
        lines.extend(key_lines(&text).map(|line| Zeroizing::new(line.to_owned())));
    }
    if lines.is_empty() {
        return Err(ReadKeysError::Empty {
            path: path.to_owned(),
        });
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::super::generate;
    use super::*;

    #[test]
    fn a_file_or_a_mounted_folder_gives_its_keys() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (generate().unwrap(), generate().unwrap());
        fs::create_dir(dir.path().join("..data")).unwrap();
        fs::write(dir.path().join("..data/a"), format!("# old\n{}\n\n", *one)).unwrap();
        std::os::unix::fs::symlink("..data/a", dir.path().join("a")).unwrap();
        fs::write(dir.path().join("b"), two.as_bytes()).unwrap();
        assert_eq!(
            read_opening_keys(dir.path())
                .unwrap()
                .sealing_keys()
                .count(),
            2
        );
        let file = dir.path().join("b");
        assert_eq!(read_opening_keys(&file).unwrap().sealing_keys().count(), 1);
        let ids = [&one, &two].map(|key| SigningKey::from_text(key).unwrap().id().to_owned());
        let read = read_signing_keys(dir.path()).unwrap();
        assert!(read.iter().map(SigningKey::id).eq(&ids));
        let sealing = read_sealing_key(dir.path()).unwrap();
        assert_eq!(sealing.text(), *one);
        assert!(read_digest_key(dir.path()).is_ok());
    }

    #[test]
    fn what_is_wrong_names_the_file_and_not_the_key() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a");
        let error = read_trusted_keys(&file).unwrap_err().to_string();
        assert!(error.contains(&*file.to_string_lossy()), "{error}");
        fs::write(&file, "# nothing\n").unwrap();
        let error = read_trusted_keys(&file).unwrap_err().to_string();
        assert!(error.contains("none"), "{error}");
        fs::write(&file, "hush").unwrap();
        let error = read_trusted_keys(&file).unwrap_err().to_string();
        assert!(
            error.contains("base64") && !error.contains("hush"),
            "{error}"
        );
    }
}
