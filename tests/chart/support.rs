//! Rendering the chart.

use std::path::{Path, PathBuf};
use std::process::Command;

use parapet_tests::tools::tools;
use serde_json::Value;

use crate::value_sets::RELEASE;

/// Below the repository's root.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// A file of the repository.
pub(crate) fn file(path: &str) -> String {
    let path = repository(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The folder with these programs, or nothing where they are not to be had, which is said.
pub(crate) fn programs(programs: &[&str]) -> Option<PathBuf> {
    tools(programs).unwrap().ok()
}

/// Every document of a YAML text.
pub(crate) fn documents(yaml: &str) -> Vec<Value> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(yaml).unwrap();
    documents.into_iter().filter(|one| !one.is_null()).collect()
}

/// Helm.
pub(crate) struct Helm {
    program: PathBuf,
}

impl Helm {
    /// None where it is not to be had, which is said.
    pub(crate) fn new() -> Option<Self> {
        let folder = programs(&["helm"])?;
        Some(Self {
            program: folder.join("helm"),
        })
    }

    /// Runs it over the chart with these values: what it prints, or what it says against them.
    pub(crate) fn run(&self, args: &[&str], values: &str) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("values.yaml");
        std::fs::write(&file, values).unwrap();
        let output = Command::new(&self.program)
            .args(args)
            .arg(repository("helm/parapet"))
            .arg("--values")
            .arg(&file)
            .args(["--namespace", RELEASE])
            // Neither this machine's settings nor its cluster.
            .env("HELM_CONFIG_HOME", folder.path())
            .env("HELM_CACHE_HOME", folder.path())
            .env("HELM_DATA_HOME", folder.path())
            .env("KUBECONFIG", "/dev/null")
            .output()
            .unwrap();
        if output.status.success() {
            Ok(String::from_utf8(output.stdout).unwrap())
        } else {
            let said = [output.stderr, output.stdout].concat();
            Err(String::from_utf8_lossy(&said).into_owned())
        }
    }

    /// What `helm template` prints, hooks too.
    pub(crate) fn template(&self, values: &str) -> Result<String, String> {
        self.run(&["template", RELEASE], values)
    }

    /// What is rendered, as objects.
    pub(crate) fn render(&self, values: &str) -> Vec<Value> {
        documents(
            &self
                .template(values)
                .unwrap_or_else(|said| panic!("{said}")),
        )
    }
}

/// Of one kind.
pub(crate) fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    let of_kind = objects.iter().filter(|object| object["kind"] == kind);
    of_kind.collect()
}

/// The only one with this kind and name.
pub(crate) fn the<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let mut found = of_kind(objects, kind)
        .into_iter()
        .filter(|object| object["metadata"]["name"] == name);
    let one = found.next();
    assert!(found.next().is_none(), "more than one {kind} {name}");
    one.unwrap_or_else(|| panic!("no {kind} {name}"))
}

/// The template of an object's pods, when it has any.
pub(crate) fn pod_template(object: &Value) -> Option<&Value> {
    match object["kind"].as_str() {
        Some("Pod") => Some(object),
        Some("Deployment" | "StatefulSet" | "Job" | "DaemonSet") => {
            Some(&object["spec"]["template"])
        }
        _ => None,
    }
}

/// The arguments of an object's first container.
pub(crate) fn args(object: &Value) -> Vec<&str> {
    let container = &pod_template(object).unwrap()["spec"]["containers"][0];
    let args = container["args"].as_array().into_iter().flatten();
    args.filter_map(Value::as_str).collect()
}

/// What `--name=` is given.
pub(crate) fn arg<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    let prefix = format!("--{name}=");
    args(object)
        .into_iter()
        .find_map(|arg| arg.strip_prefix(&prefix))
}
