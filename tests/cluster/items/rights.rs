//! What the chart lets its accounts do is what they do.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::World;
use crate::node::Node;
use crate::report::Report;
use crate::tool::{get, helm};

pub(super) async fn items(world: &World, report: &mut Report) {
    let name = "RBAC: what may be asked for is what has been asked for";
    match &world.node {
        Some(node) => world.show(report, name, || exact(world, node)).await,
        None => report.skip(name, "needs the API server's audit log"),
    }
}

/// `verb resource.group`.
type Right = String;

fn right(verb: &str, group: &str, resource: &str) -> Right {
    let dot = if group.is_empty() { "" } else { "." };
    format!("{verb} {resource}{dot}{group}")
}

fn texts(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// The rights that a role's rules come to.
fn rights(role: &Value) -> BTreeSet<Right> {
    let mut rights = BTreeSet::new();
    for rule in role["rules"].as_array().into_iter().flatten() {
        for verb in texts(&rule["verbs"]) {
            for group in texts(&rule["apiGroups"]) {
                rights.extend(
                    texts(&rule["resources"])
                        .into_iter()
                        .map(|resource| right(verb, group, resource)),
                );
            }
        }
    }
    rights
}

/// What a hook's role gives: it is gone when the hook has succeeded.
async fn granted_by_hook(world: &World, account: &str) -> Result<BTreeSet<Right>> {
    let installed = &world.installed;
    let hooks = helm(&[
        "get",
        "hooks",
        &installed.release,
        "-n",
        &installed.namespace,
    ])
    .await?;
    let documents: Vec<Value> = serde_saphyr::from_multiple(&hooks).context("reading the hooks")?;
    let role = documents
        .iter()
        .find(|one| one["kind"] == "Role" && one["metadata"]["name"] == account);
    Ok(rights(role.with_context(|| {
        format!("no hook is the role {account}")
    })?))
}

/// What is bound to an account.
async fn granted(namespace: &str, account: &str) -> Result<BTreeSet<Right>> {
    let mut all = BTreeSet::new();
    for (bindings, roles) in [
        ("clusterrolebindings", "clusterroles"),
        ("rolebindings", "roles"),
    ] {
        let bound = get(namespace, &[bindings]).await?;
        for binding in bound["items"].as_array().into_iter().flatten() {
            let mut subjects = binding["subjects"].as_array().into_iter().flatten();
            if !subjects.any(|one| one["name"] == account && one["namespace"] == namespace) {
                continue;
            }
            let role = binding["roleRef"]["name"].as_str().unwrap_or_default();
            let roles = if binding["roleRef"]["kind"] == "ClusterRole" {
                "clusterroles"
            } else {
                roles
            };
            let role = get(namespace, &[roles, role]).await?;
            all.extend(rights(&role));
        }
    }
    Ok(all)
}

/// What an account has asked for, and what it was refused.
fn asked(log: &str, namespace: &str, account: &str) -> Result<(BTreeSet<Right>, BTreeSet<Right>)> {
    let user = format!("system:serviceaccount:{namespace}:{account}");
    let (mut done, mut refused) = (BTreeSet::new(), BTreeSet::new());
    // The last line may be one that is just being written.
    let (log, _) = log.rsplit_once('\n').unwrap_or_default();
    for line in log.lines().filter(|line| line.contains(&user)) {
        let event: Value = serde_json::from_str(line)?;
        if event["user"]["username"] != user.as_str() || event["objectRef"].is_null() {
            continue;
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let object = &event["objectRef"];
        let resource = match object["subresource"].as_str() {
            Some(sub) => format!("{}/{sub}", text(&object["resource"])),
            None => text(&object["resource"]),
        };
        let asked = right(&text(&event["verb"]), &text(&object["apiGroup"]), &resource);
        let to = if event["responseStatus"]["code"] == 403 {
            &mut refused
        } else {
            &mut done
        };
        to.insert(asked);
    }
    Ok((done, refused))
}

async fn exact(world: &World, node: &Node) -> Result<String> {
    let installed = &world.installed;
    let log = node.audit_log()?;
    let mut figures = Vec::new();
    for part in ["operator", "keys", "gateway"] {
        let account = installed.name(part);
        let granted = match part {
            "keys" => granted_by_hook(world, &account).await?,
            _ => granted(&installed.namespace, &account).await?,
        };
        let (done, refused) = asked(&log, &installed.namespace, &account)?;
        // An API server that has just started knows no roles yet, and refuses what it grants a moment later.
        let missing: BTreeSet<_> = refused.difference(&granted).collect();
        ensure!(missing.is_empty(), "{account} was refused {missing:?}");
        let unused: BTreeSet<_> = granted
            .difference(&done)
            .filter(|right| !is_for_later(part, right))
            .collect();
        ensure!(unused.is_empty(), "{account} never did {unused:?}");
        let other: BTreeSet<_> = done.difference(&granted).collect();
        ensure!(
            other.is_empty(),
            "{account} may do by some other role {other:?}"
        );
        figures.push(format!("{account} {} of {}", done.len(), granted.len()));
    }
    Ok(figures.join(", "))
}

/// Rights that are for what does not happen in these tests.
fn is_for_later(part: &str, right: &str) -> bool {
    match part {
        // A Secret that lacks a key, as after an upgrade that needs another one.
        "keys" => right == "patch secrets",
        // An event that repeats itself within minutes.
        "operator" => right == "patch events.events.k8s.io",
        _ => false,
    }
}
