//! Scenario files: the executable specification of what the gateway does.
//!
//! A file holds resources and cases; a case is a request, what the scripted model and services answer, and what
//! is expected of the upstream calls, the response and the record. `docs/scenarios.md` explains the format for
//! people, `scenarios/schema.json` for editors; both follow the types in [`schema`].

mod check;
pub mod matrix;
pub mod mcp;
pub mod pattern;
pub mod request;
pub mod run;
pub mod schema;
mod turn;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

pub use run::{Failure, run};
pub use schema::{Case, File, Mode};

/// All scenario files below a folder, sorted by name.
///
/// # Errors
/// When one of them cannot be read; the message says where and why.
pub fn read_dir(dir: &Path) -> Result<Vec<(PathBuf, File)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))? {
        let path = entry
            .with_context(|| format!("reading {}", dir.display()))?
            .path();
        if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            let file = read(&path)?;
            files.push((path, file));
        }
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(files)
}

/// One scenario file.
///
/// # Errors
/// When it is not one; the message says where and why.
pub fn read(path: &Path) -> Result<File> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let text = repeated(&text).with_context(|| format!("reading {}", path.display()))?;
    serde_saphyr::from_str(&text).with_context(|| format!("reading {}", path.display()))
}

/// Writes out every `${repeat COUNT TEXT}`: what is about size would otherwise be unreadable.
fn repeated(text: &str) -> Result<String> {
    const BEGIN: &str = "${repeat ";
    let mut all = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, from)) = rest.split_once(BEGIN) {
        let (inside, after) = from
            .split_once('}')
            .with_context(|| format!("{BEGIN:?} without its end"))?;
        let (count, what) = inside
            .split_once(' ')
            .with_context(|| format!("{BEGIN:?} wants a count and a text"))?;
        let count: usize = count
            .parse()
            .with_context(|| format!("{count:?} is no count"))?;
        all.push_str(before);
        all.push_str(&what.repeat(count));
        rest = after;
    }
    all.push_str(rest);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::repeated;

    #[test]
    fn what_is_repeated_is_written_out() {
        let text = repeated("a ${repeat 3 xy }b ${llm} ${repeat 0 c}d").unwrap();
        assert_eq!(text, "a xy xy xy b ${llm} d");
        for wrong in ["${repeat 3 x", "${repeat x y}", "${repeat 3}"] {
            assert!(repeated(wrong).is_err(), "{wrong}");
        }
    }
}
