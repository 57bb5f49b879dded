//! Writes the custom resource definitions and their reference page: `make crds`.

use std::path::Path;
use std::process::ExitCode;

use parapet_crds::crd::{CHART_FOLDER, FOLDER};

fn main() -> ExitCode {
    match write(Path::new(".")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes everything below the repository's root, and removes definitions that are no longer generated.
fn write(root: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let files = parapet_crds::crd::generated()?;
    for folder in [FOLDER, CHART_FOLDER] {
        std::fs::create_dir_all(root.join(folder))?;
        for entry in std::fs::read_dir(root.join(folder))? {
            let name = entry?.file_name();
            let path = format!("{folder}/{}", name.to_string_lossy());
            if !files.contains_key(&path) {
                std::fs::remove_file(root.join(path))?;
            }
        }
    }
    for (path, text) in &files {
        std::fs::write(root.join(path), text)?;
        println!("{path}");
    }
    Ok(())
}
