//! Runs every scenario file, and keeps the schema that editors use in step with the types.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parapet_tests::scenario::matrix::Table;
use parapet_tests::scenario::{self, File, mcp};
use tokio::sync::Semaphore;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

/// Files run side by side, the cases of one file one after the other. `SCENARIO=part-of-a-name` picks files.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_scenario_comes_out_as_written() {
    let wanted = std::env::var("SCENARIO").unwrap_or_default();
    let mut files: Vec<(String, File)> = scenario::read_dir(&folder())
        .unwrap()
        .into_iter()
        .map(|(path, file)| {
            (
                path.file_stem().unwrap().to_string_lossy().into_owned(),
                file,
            )
        })
        .collect();
    let table = std::fs::read_to_string(folder().join("matrix/table.yaml")).unwrap();
    let table: Table = serde_saphyr::from_str(&table).unwrap();
    files.extend(table.files().unwrap());
    files.retain(|(name, _)| name.contains(&wanted));
    assert!(
        !files.is_empty(),
        "no scenario file has {wanted:?} in its name"
    );
    // More at once would only make each of them wait for a core.
    let places = Arc::new(Semaphore::new(6));
    let mut running = tokio::task::JoinSet::new();
    for (name, file) in files {
        let places = Arc::clone(&places);
        running.spawn(async move {
            let _place = places.acquire().await;
            (name, scenario::run(&file).await)
        });
    }
    let (mut ran, mut failures) = (0, Vec::new());
    for (name, outcome) in running.join_all().await {
        match outcome {
            Err(error) => failures.push(format!("{name}: {error:#}")),
            Ok(report) => {
                ran += report.ran;
                failures.extend(
                    report
                        .failures
                        .iter()
                        .map(|failure| format!("{name}: {failure}")),
                );
            }
        }
    }
    println!("{ran} cases");
    assert!(
        failures.is_empty(),
        "{} of {ran} cases failed:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn the_schemas_for_editors_are_those_of_the_types() {
    check_schema("schema.json", &schemars::schema_for!(File));
    check_schema("matrix/schema.json", &schemars::schema_for!(Table));
    check_schema("mcp/schema.json", &schemars::schema_for!(mcp::Table));
}

fn check_schema(name: &str, schema: &schemars::Schema) {
    let current = serde_json::to_string_pretty(schema).unwrap() + "\n";
    let path = folder().join(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &current).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == current,
        "{} is out of date: run the tests once with UPDATE=1",
        path.display()
    );
}

#[test]
fn every_file_is_well_formed() {
    let files = scenario::read_dir(&folder()).unwrap();
    for (path, file) in files {
        assert!(
            !file.about.is_empty() && !file.cases.is_empty(),
            "{} says nothing",
            path.display()
        );
        let mut names = std::collections::BTreeSet::new();
        for case in &file.cases {
            for mode in &case.modes {
                assert!(
                    names.insert((&case.name, *mode)),
                    "{}: {:?} is there twice",
                    path.display(),
                    case.name
                );
                case.request.outgoing(*mode).unwrap();
            }
        }
    }
}

/// The tables of MCP, each against a gateway of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_about_mcp_comes_out_as_written() {
    let tables = tables();
    assert!(!tables.is_empty(), "there is no table");
    for (path, table) in tables {
        let (ran, failures) = mcp::run(&table).await.unwrap();
        println!("{}: {ran} cases", path.display());
        assert!(
            failures.is_empty(),
            "{}: {} of {ran} cases failed:\n{}",
            path.display(),
            failures.len(),
            failures.join("\n")
        );
    }
}

fn tables() -> Vec<(PathBuf, mcp::Table)> {
    let entries = std::fs::read_dir(folder().join("mcp")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let tables = paths.filter(|path| path.extension().is_some_and(|kind| kind == "yaml"));
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let table = mcp::Table::read(&text);
        let table = table.unwrap_or_else(|error| panic!("{}: {error:#}", path.display()));
        (path, table)
    };
    tables.map(read).collect()
}

#[test]
fn every_row_about_mcp_says_what_it_expects() {
    for (path, table) in tables() {
        let mut names = std::collections::BTreeSet::new();
        for row in &table.rows {
            let place = format!("{}: {:?}", path.display(), row.name);
            assert!(names.insert(&row.name), "{place} is there twice");
            assert!(
                row.call.is_some() != row.method.is_some(),
                "{place} sends nothing, or two things"
            );
            let expect = &row.expect;
            let says = [&expect.result, &expect.error, &expect.sent];
            assert!(
                says.iter().any(|pattern| !pattern.is_null()) || !expect.blocked_by.is_empty(),
                "{place} expects nothing"
            );
        }
    }
}
