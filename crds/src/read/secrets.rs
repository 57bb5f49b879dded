//! Secret values, from `Secret` documents and from mounted folders.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parapet_policy::bundle::SecretId;
use zeroize::{Zeroize as _, Zeroizing};

use super::node::{Node, Value};

/// Bytes that one value may have: what Kubernetes allows a whole Secret.
const MAX_VALUE_BYTES: u64 = 1024 * 1024;

/// Secret values by name. They are overwritten when dropped, and `Debug` shows their names only.
#[derive(Clone, Default)]
pub struct Secrets {
    values: BTreeMap<SecretId, Arc<Zeroizing<String>>>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl Secrets {
    /// One value.
    pub fn get(&self, id: &SecretId) -> Option<&str> {
        self.values.get(id).map(|value| value.as_str())
    }

    /// The names of all values, sorted.
    pub fn ids(&self) -> impl Iterator<Item = &SecretId> {
        self.values.keys()
    }

    /// Adds a value. Line breaks at its end are left out: tools add them, and no credential has them.
    pub fn insert(&mut self, id: SecretId, value: &str) {
        let value = value.trim_end_matches(['\n', '\r']).to_owned();
        self.values.insert(id, Arc::new(Zeroizing::new(value)));
    }

    /// Adds all of `other`; its values win.
    pub fn extend(&mut self, other: &Self) {
        self.values.extend(
            other
                .values
                .iter()
                .map(|(id, value)| (id.clone(), Arc::clone(value))),
        );
    }
}

/// Reads the values of a `Secret` document and overwrites the document's texts. What is wrong is said as
/// (path, message), without any value.
pub(crate) fn from_document(
    document: &mut Node,
    namespace: &Arc<str>,
    name: &Arc<str>,
) -> (Secrets, Vec<(String, String)>) {
    let mut secrets = Secrets::default();
    let mut problems = Vec::new();
    let id = |key: &str| SecretId {
        namespace: namespace.clone(),
        name: name.clone(),
        key: key.into(),
    };
    // As in Kubernetes, what stands in stringData wins.
    for (list, encoded) in [("data", true), ("stringData", false)] {
        let Some(values) = document.field(list) else {
            continue;
        };
        if !matches!(values.value, Value::Fields(_) | Value::Null) {
            problems.push((
                list.to_owned(),
                format!("this is {}: write a mapping", values.value.type_name()),
            ));
        }
        for field in values.fields() {
            let path = format!("{list}.{}", field.name);
            let Some(text) = field.node.text() else {
                let given = field.node.value.type_name();
                problems.push((
                    path,
                    format!("this is {given}: write a text (in quotes, if it looks like a number)"),
                ));
                continue;
            };
            if !encoded {
                secrets.insert(id(&field.name), text);
                continue;
            }
            match STANDARD.decode(text.trim()).map(String::from_utf8) {
                Ok(Ok(mut value)) => {
                    secrets.insert(id(&field.name), &value);
                    value.zeroize();
                }
                Ok(Err(bytes)) => {
                    bytes.into_bytes().zeroize();
                    problems.push((path, "this is not UTF-8 text when decoded".to_owned()));
                }
                Err(_) => problems.push((
                    path,
                    "this is not base64: plain texts go into stringData".to_owned(),
                )),
            }
        }
    }
    document.wipe();
    (secrets, problems)
}

/// Reads a folder with the layout of mounted Secrets, `FOLDER/<name>/<key>`, as Secrets of `namespace`.
///
/// # Errors
/// What cannot be listed or read, with its path below the folder.
pub(crate) fn from_folder(
    folder: &Path,
    namespace: &Arc<str>,
) -> (Secrets, Vec<(String, io::Error)>) {
    let mut secrets = Secrets::default();
    let mut errors = Vec::new();
    let names = match visible(folder) {
        Ok(names) => names,
        Err(error) => return (secrets, vec![(String::new(), error)]),
    };
    for name in names {
        let below = folder.join(&name);
        if !below.is_dir() {
            continue;
        }
        let keys = match visible(&below) {
            Ok(keys) => keys,
            Err(error) => {
                errors.push((name, error));
                continue;
            }
        };
        for key in keys {
            let path = below.join(&key);
            if path.is_dir() {
                continue;
            }
            match read_value(&path) {
                Ok(value) => {
                    let id = SecretId {
                        namespace: namespace.clone(),
                        name: name.as_str().into(),
                        key: key.as_str().into(),
                    };
                    secrets.insert(id, &value);
                }
                Err(error) => errors.push((format!("{name}/{key}"), error)),
            }
        }
    }
    (secrets, errors)
}

/// The names in a folder that do not begin with a dot, sorted.
fn visible(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        if let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn read_value(path: &Path) -> io::Result<Zeroizing<String>> {
    if fs::metadata(path)?.len() > MAX_VALUE_BYTES {
        return Err(io::Error::other("larger than 1 MiB"));
    }
    fs::read_to_string(path).map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::parse;

    fn id(key: &str) -> SecretId {
        SecretId {
            namespace: "ns".into(),
            name: "s".into(),
            key: key.into(),
        }
    }

    #[test]
    fn a_document_gives_its_values_and_loses_them() {
        let yaml = "kind: Secret\nstringData: {a: hush-a, b: 3}\ndata: {a: b2xk, c: aHVzaC1jCg==, d: '!', e: /w==}\n";
        let mut node = parse::yaml(yaml).ok().unwrap().remove(0);
        let (secrets, problems) = from_document(&mut node, &"ns".into(), &"s".into());
        assert_eq!(secrets.get(&id("a")), Some("hush-a"));
        assert_eq!(secrets.get(&id("c")), Some("hush-c"));
        let paths: Vec<&str> = problems.iter().map(|p| p.0.as_str()).collect();
        assert_eq!(paths, ["data.d", "data.e", "stringData.b"]);
        assert_eq!(
            node.field("stringData").unwrap().field("a").unwrap().text(),
            Some("")
        );
        let shown = format!("{secrets:?} {problems:?}");
        assert!(
            shown.contains("\"a\"") && !shown.contains("hush"),
            "{shown}"
        );
    }

    #[test]
    fn a_mounted_folder_gives_its_values() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("s/..1")).unwrap();
        fs::write(dir.path().join("s/..1/a"), "hush\n").unwrap();
        std::os::unix::fs::symlink("..1", dir.path().join("s/..data")).unwrap();
        std::os::unix::fs::symlink("..data/a", dir.path().join("s/a")).unwrap();
        fs::write(dir.path().join("s/b"), [0xff]).unwrap();
        let (secrets, errors) = from_folder(dir.path(), &"ns".into());
        assert_eq!(secrets.get(&id("a")), Some("hush"));
        assert_eq!(secrets.ids().count(), 1);
        assert_eq!(
            errors.iter().map(|e| e.0.as_str()).collect::<Vec<_>>(),
            ["s/b"]
        );
        assert_eq!(from_folder(&dir.path().join("no"), &"ns".into()).1.len(), 1);
    }
}
