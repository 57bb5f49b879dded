//! Dependencies point one way, and what comes in from outside is what `deny.toml` allows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_path_buf()
}

fn cargo(args: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(root())
        .args(args)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "cargo {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn metadata() -> Value {
    let args = [
        "metadata",
        "--format-version",
        "1",
        "--locked",
        "--filter-platform",
        "x86_64-unknown-linux-gnu",
    ];
    serde_json::from_str(&cargo(&args)).unwrap()
}

/// Everything that a crate is built from, with the features that it has when it is built alone.
fn closure(package: &str, more: &[&str]) -> BTreeSet<String> {
    let mut args = vec![
        "tree", "--locked", "-p", package, "-e", "normal", "--prefix", "none", "--format", "{p}",
    ];
    args.extend(more);
    cargo(&args)
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn our_crates_depend_on_each_other_in_one_direction() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("parapet-policy", &[][..]),
        ("parapet-guardrails", &["parapet-policy"]),
        ("parapet-crds", &["parapet-guardrails", "parapet-policy"]),
        // What carries a bundle knows neither resources nor guardrails.
        ("parapet-bus", &["parapet-policy"]),
        // The way out serves guardrails' calls and issuers' documents; it knows neither.
        ("parapet-connect", &["parapet-guardrails", "parapet-policy"]),
        ("parapet-otlp", &["parapet-connect", "parapet-policy"]),
        (
            "parapet-identity",
            &[
                "parapet-connect",
                "parapet-crds",
                "parapet-guardrails",
                "parapet-policy",
            ],
        ),
        // The page knows records and the compiled policy; who a token belongs to, it is told.
        ("parapet-console", &["parapet-policy"]),
        (
            "parapet-gateway",
            &[
                "parapet-bus",
                "parapet-connect",
                "parapet-console",
                "parapet-crds",
                "parapet-guardrails",
                "parapet-identity",
                "parapet-otlp",
                "parapet-policy",
            ],
        ),
        (
            "parapet-operator",
            &[
                "parapet-bus",
                "parapet-connect",
                "parapet-console",
                "parapet-crds",
                "parapet-guardrails",
                "parapet-identity",
                "parapet-otlp",
                "parapet-policy",
            ],
        ),
    ]);
    for package in metadata()["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let Some(allowed) = allowed.get(name) else {
            continue;
        };
        for dependency in package["dependencies"].as_array().unwrap() {
            let dependency = dependency["name"].as_str().unwrap();
            let ours = dependency.starts_with("parapet-");
            assert!(
                !ours || allowed.contains(&dependency),
                "{name} depends on {dependency}"
            );
        }
    }
}

#[test]
fn each_crate_is_free_of_what_it_must_not_know() {
    let kubernetes = [
        "kube",
        "kube-client",
        "kube-core",
        "kube-derive",
        "kube-runtime",
        "k8s-openapi",
    ];
    let io = [
        "tokio",
        "hyper",
        "hyper-util",
        "http",
        "axum",
        "rustls",
        "notify",
        "socket2",
        "async-nats",
    ];
    let engines = ["aho-corasick", "regex-automata", "regex"];
    let rows: [(&str, &[&str], Vec<&str>); 6] = [
        ("parapet-policy", &[], [&kubernetes[..], &io].concat()),
        (
            "parapet-guardrails",
            &["--no-default-features"],
            [&kubernetes[..], &io].concat(),
        ),
        (
            "parapet-guardrails",
            &[],
            [&kubernetes[..], &["tokio", "hyper", "axum", "rustls"]].concat(),
        ),
        (
            "parapet-crds",
            &["--no-default-features"],
            [&kubernetes[..], &["tokio", "hyper", "rustls"]].concat(),
        ),
        (
            "parapet-bus",
            &[],
            [&kubernetes[..], &["hyper", "axum", "ring", "openssl"]].concat(),
        ),
        (
            "parapet-gateway",
            &[],
            [&kubernetes[..], &["reqwest", "openssl", "native-tls"]].concat(),
        ),
    ];
    for (package, more, forbidden) in rows {
        let closure = closure(package, more);
        assert!(
            closure.contains(package),
            "cargo tree tells nothing about {package}"
        );
        let found: Vec<&&str> = forbidden
            .iter()
            .filter(|name| closure.contains(**name))
            .collect();
        assert!(
            found.is_empty(),
            "{package} {more:?} is built from {found:?}"
        );
    }
    // The types of the resources come without the engines behind them.
    let types = closure("parapet-guardrails", &["--no-default-features"]);
    assert!(
        engines.iter().all(|engine| !types.contains(*engine)),
        "the configuration types bring an engine along"
    );
}

#[test]
fn guardrails_know_no_rules() {
    let mut folders = vec![root().join("gateway/guardrails/src")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files += 1;
            let text = std::fs::read_to_string(&path).unwrap();
            for module in ["rule", "plan", "bundle"] {
                assert!(
                    !text.contains(&format!("parapet_policy::{module}::")),
                    "{} uses {module}",
                    path.display()
                );
            }
        }
    }
    assert!(files > 10);
}

#[test]
fn licences_duplicates_and_sources_are_those_that_deny_toml_allows() {
    let deny = std::fs::read_to_string(root().join("deny.toml")).unwrap();
    let licences = quoted(section(&deny, "[licenses]"));
    let bans = section(&deny, "[bans]");
    let (denied, skipped) = bans.split_once("skip = [").unwrap();
    let (denied, skipped) = (named(denied), named(skipped));
    // Not from `cargo metadata`: its list holds optional packages that no feature switches on.
    let tree = [
        "tree",
        "--locked",
        "--workspace",
        "-e",
        "normal,build,dev",
        "--prefix",
        "none",
        "--format",
        "{p}|{l}",
    ];
    let tree = cargo(&tree);
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in tree
        .lines()
        .map(|line| line.trim_end_matches(" (*)"))
        .filter(|line| !line.is_empty())
    {
        let (package, licence) = line.split_once('|').unwrap();
        let mut words = package.split_whitespace();
        let (name, version) = (words.next().unwrap(), words.next().unwrap());
        versions.entry(name).or_default().insert(version);
        assert!(!denied.contains(&name), "{name} is denied");
        assert!(
            is_allowed(licence, &licences),
            "{name} has the licence {licence:?}"
        );
    }
    assert!(
        versions.len() > 100,
        "cargo tree tells of {} packages",
        versions.len()
    );
    for (name, versions) in versions {
        assert_eq!(
            versions.len() > 1,
            skipped.contains(&name),
            "{name} {versions:?}: see `skip` in deny.toml"
        );
    }
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let mut sources = lock
        .lines()
        .filter_map(|line| line.strip_prefix("source = "));
    assert!(
        sources.all(|source| source == "\"registry+https://github.com/rust-lang/crates.io-index\"")
    );
}

/// The part of a TOML file below a head.
fn section<'a>(toml: &'a str, head: &str) -> &'a str {
    let (_, rest) = toml.split_once(head).unwrap();
    rest.split("\n[").next().unwrap()
}

/// All quoted texts.
fn quoted(toml: &str) -> Vec<&str> {
    toml.split('"').skip(1).step_by(2).collect()
}

/// The texts after `name =`.
fn named(toml: &str) -> Vec<&str> {
    toml.split("name = \"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect()
}

/// Whether an SPDX expression can be satisfied with the allowed licences. `AND` binds tighter than `OR`.
fn is_allowed(expression: &str, allowed: &[&str]) -> bool {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    any_of(&words, &mut at, allowed) && at == words.len()
}

fn any_of(words: &[&str], at: &mut usize, allowed: &[&str]) -> bool {
    let mut result = all_of(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        result |= all_of(words, at, allowed);
    }
    result
}

fn all_of(words: &[&str], at: &mut usize, allowed: &[&str]) -> bool {
    let mut result = one(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        result &= one(words, at, allowed);
    }
    result
}

fn one(words: &[&str], at: &mut usize, allowed: &[&str]) -> bool {
    let word = words.get(*at).copied().unwrap_or_default();
    *at += 1;
    if word == "(" {
        let result = any_of(words, at, allowed);
        *at += 1;
        return result;
    }
    // An exception only takes duties away.
    if words.get(*at) == Some(&"WITH") {
        *at += 2;
    }
    allowed.contains(&word)
}

#[test]
fn licence_expressions_are_read_as_they_are_meant() {
    let allowed = ["MIT", "ISC"];
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("MIT AND (GPL-3.0 OR ISC)", true),
        ("MIT OR GPL-3.0 AND GPL-2.0", true),
        ("(MIT OR GPL-3.0) AND GPL-2.0", false),
        ("MIT WITH LLVM-exception", true),
        ("", false),
        ("none", false),
    ] {
        assert_eq!(is_allowed(expression, &allowed), expected, "{expression}");
    }
}
