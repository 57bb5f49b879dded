//! What must hold, item by item.

mod install;
mod leaders;
mod leaks;
mod life;
mod outages;
mod rights;
mod rules;
mod scale;
mod tools;
mod traces;

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::process::Command;

use crate::installed::{Installed, Pod};
use crate::node::Node;
use crate::report::Report;
use crate::tool::{kubectl, run};

/// Gateways that most items have.
const GATEWAYS: usize = 3;
/// Within this a status tells what happened.
const TOLD_WITHIN: Duration = Duration::from_secs(15);
/// Within this everything is as it was, after something has come back.
const BACK_WITHIN: Duration = Duration::from_secs(60);

/// What items work with.
struct World {
    installed: Installed,
    /// None in somebody else's cluster.
    node: Option<Node>,
    /// How often the guardrails have been edited.
    edits: std::cell::Cell<usize>,
}

impl World {
    /// Shows that an item holds. One that does not, gets everything back and is looked at once more, as a busy machine
    /// is late for many things; the report has both attempts.
    async fn show<F: Future<Output = Result<String>>>(
        &self,
        report: &mut Report,
        name: &str,
        item: impl Fn() -> F,
    ) {
        report.item_or(name, item, || outages::restore(self)).await;
    }

    /// The next edit's number.
    fn edit(&self) -> usize {
        self.edits.set(self.edits.get() + 1);
        self.edits.get()
    }
}

/// Runs all items; whether they hold.
///
/// # Errors
/// When the chart cannot be installed: nothing else can be looked at then.
pub(crate) async fn all() -> Result<bool> {
    let of = |name: &str, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
    let world = World {
        installed: Installed::new(&of("IMAGES", "localhost"), &of("TAG", "dev")),
        node: Node::from_env().filter(|_| !crate::host::is_existing()),
        edits: std::cell::Cell::new(0),
    };
    let mut report = Report::new(std::env::var("ONLY").ok());
    println!("what must hold in a cluster:");
    let installed = report
        .always("helm install, and the first policy", install::first(&world))
        .await;
    ensure!(
        installed,
        "without the chart there is nothing to look at\n{}",
        last_words(&world).await
    );
    rules::items(&world, &mut report).await;
    tools::items(&world, &mut report).await;
    scale::items(&world, &mut report).await;
    install::items(&world, &mut report).await;
    outages::items(&world, &mut report).await;
    traces::items(&world, &mut report).await;
    // These look at all that has happened before.
    leaks::items(&world, &mut report).await;
    life::upgrade(&world, &mut report).await;
    rights::items(&world, &mut report).await;
    life::uninstall(&world, &mut report).await;
    for what in ["NetworkPolicy is enforced", "autoscaling"] {
        report.skip(
            what,
            "the test cluster stores both objects, and has neither such a network nor metrics",
        );
    }
    if !report.holds() {
        println!("{}", last_words(&world).await);
    }
    // The last lines are those that everybody sees.
    report.end();
    Ok(report.holds())
}

/// What might tell why something failed.
async fn last_words(world: &World) -> String {
    let namespace = &world.installed.namespace;
    let mut said = String::new();
    for args in [
        vec!["get", "pods,jobs", "-o", "wide"],
        vec!["get", "parapet"],
        vec!["get", "events", "--sort-by=.lastTimestamp"],
        vec![
            "logs",
            "-l",
            "app.kubernetes.io/component=operator",
            "--tail=20",
            "--prefix",
        ],
        vec![
            "logs",
            "-l",
            "app.kubernetes.io/component=gateway",
            "--tail=5",
            "--prefix",
        ],
        vec![
            "logs",
            "-l",
            "app.kubernetes.io/component=nats",
            "--tail=10",
            "--prefix",
        ],
        vec![
            "logs",
            "-l",
            "app.kubernetes.io/component=keys",
            "--tail=10",
            "--prefix",
        ],
        vec![
            "logs",
            "-l",
            "app.kubernetes.io/component=forwarder",
            "--tail=10",
            "--prefix",
        ],
    ] {
        let mut command = Command::new("kubectl");
        command.args(["-n", namespace]).args(&args);
        let shown = run(&mut command, None)
            .await
            .unwrap_or_else(|error| format!("{error:#}"));
        said.push_str(&format!(
            "--- kubectl {}\n{}\n",
            args.join(" "),
            shown.trim_end()
        ));
    }
    said
}

/// Deletes pods without waiting for them to end in order.
async fn vanish(namespace: &str, pods: &[&Pod]) -> Result<()> {
    for pod in pods {
        kubectl(&[
            "-n",
            namespace,
            "delete",
            "pod",
            &pod.name,
            "--ignore-not-found",
            "--grace-period=0",
            "--force",
            "--wait=false",
        ])
        .await?;
    }
    Ok(())
}
