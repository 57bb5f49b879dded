//! Which files a folder of manifests holds.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Folders below folders; a mounted volume has two.
const MAX_DEPTH: usize = 32;

/// A file to read.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct ManifestFile {
    /// Its path below the root, `/` between the parts.
    pub(crate) name: String,
    /// Where it really is.
    pub(crate) path: PathBuf,
}

/// Something that could not be listed.
#[derive(Debug)]
pub(crate) struct ListError {
    /// Below the root.
    pub(crate) name: String,
    /// Why.
    pub(crate) error: io::Error,
}

/// Every `.yaml`, `.yml` and `.json` file below `root`, sorted by name; or `root` itself when it is a file.
///
/// What begins with a dot is left out: editors' temporary files, and the `..data` folders of mounted
/// volumes, whose files are reached through the links beside them. Links are followed; a file or folder
/// that is reached twice is taken once.
pub(crate) fn list(root: &Path) -> (Vec<ManifestFile>, Vec<ListError>) {
    let mut walk = Walk::default();
    match fs::metadata(root) {
        Ok(meta) if meta.is_file() => {
            let name = root
                .file_name()
                .map(|n| n.to_string_lossy().into_owned())
                .unwrap_or_default();
            walk.files.push(ManifestFile {
                name,
                path: root.to_owned(),
            });
        }
        Ok(_) => walk.folder(root, "", 0),
        Err(error) => walk.errors.push(ListError {
            name: String::new(),
            error,
        }),
    }
    walk.files.sort();
    (walk.files, walk.errors)
}

#[derive(Default)]
struct Walk {
    seen: BTreeSet<PathBuf>,
    files: Vec<ManifestFile>,
    errors: Vec<ListError>,
}

impl Walk {
    fn folder(&mut self, folder: &Path, above: &str, depth: usize) {
        if let Err(error) = self.entries(folder, above, depth) {
            self.errors.push(ListError {
                name: above.to_owned(),
                error,
            });
        }
    }

    fn entries(&mut self, folder: &Path, above: &str, depth: usize) -> io::Result<()> {
        if depth > MAX_DEPTH {
            return Err(io::Error::other("too many folders below folders"));
        }
        if !self.seen.insert(fs::canonicalize(folder)?) {
            return Ok(());
        }
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            names.push(entry?.file_name());
        }
        // Sorted, so that of two names for one file always the same one is taken.
        names.sort();
        for name in names {
            let shown = name.to_string_lossy();
            if shown.starts_with('.') {
                continue;
            }
            let below = if above.is_empty() {
                shown.into_owned()
            } else {
                format!("{above}/{shown}")
            };
            let path = folder.join(&name);
            let wanted = is_manifest(&path);
            match fs::metadata(&path) {
                Ok(meta) if meta.is_dir() => self.folder(&path, &below, depth + 1),
                Ok(meta) if meta.is_file() && wanted => {
                    if self.seen.insert(fs::canonicalize(&path)?) {
                        self.files.push(ManifestFile { name: below, path });
                    }
                }
                Ok(_) => {}
                Err(error) if wanted => self.errors.push(ListError { name: below, error }),
                Err(_) => {}
            }
        }
        Ok(())
    }
}

fn is_manifest(path: &Path) -> bool {
    let extension = path
        .extension()
        .and_then(|e| e.to_str())
        .map(str::to_ascii_lowercase);
    matches!(extension.as_deref(), Some("yaml" | "yml" | "json"))
}

/// Whether a file is JSON by its name.
pub(crate) fn is_json(name: &str) -> bool {
    name.rsplit_once('.')
        .is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("json"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn names(root: &Path) -> Vec<String> {
        let (files, errors) = list(root);
        assert!(errors.is_empty(), "{errors:?}");
        files.into_iter().map(|f| f.name).collect()
    }

    #[test]
    fn takes_manifests_sorted_and_leaves_the_rest() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "b.yaml",
            "a.yml",
            "c.JSON",
            "README.md",
            ".hidden.yaml",
            "b.yaml~",
            "#b.yaml#",
        ] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        fs::create_dir_all(dir.path().join("deep/er")).unwrap();
        fs::write(dir.path().join("deep/er/z.yaml"), "").unwrap();
        assert_eq!(
            names(dir.path()),
            ["a.yml", "b.yaml", "c.JSON", "deep/er/z.yaml"]
        );
        assert_eq!(names(&dir.path().join("b.yaml")), ["b.yaml"]);
    }

    #[test]
    fn a_mounted_volume_is_read_once() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().join("..2026_01_01");
        fs::create_dir(&real).unwrap();
        fs::write(real.join("a.yaml"), "").unwrap();
        symlink("..2026_01_01", dir.path().join("..data")).unwrap();
        symlink("..data/a.yaml", dir.path().join("a.yaml")).unwrap();
        symlink("a.yaml", dir.path().join("b.yaml")).unwrap();
        symlink(".", dir.path().join("loop")).unwrap();
        assert_eq!(names(dir.path()), ["a.yaml"]);
    }

    #[test]
    fn what_is_not_there_is_said() {
        let dir = tempfile::tempdir().unwrap();
        symlink("nowhere", dir.path().join("a.yaml")).unwrap();
        let (files, errors) = list(dir.path());
        assert!(files.is_empty());
        assert_eq!(
            errors.iter().map(|e| e.name.as_str()).collect::<Vec<_>>(),
            ["a.yaml"]
        );
        assert_eq!(list(&dir.path().join("missing")).1.len(), 1);
    }
}
