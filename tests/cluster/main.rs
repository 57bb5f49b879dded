//! `make cluster`: makes a cluster, installs the chart with images of this build, and shows what must hold there.
//!
//! | variable | does |
//! |---|---|
//! | `CLUSTER=existing` | takes the cluster that `KUBECONFIG` names, with images of the registry `IMAGES` and the tag `TAG` |
//! | `PROFILE=release` | images of this profile instead of `dev` |
//! | `ONLY=text` | only items whose names hold the text |
//! | `KEEP=1` | leaves the cluster behind |
//!
//! Without root, Go, or control groups of version 1 it says so and passes, except where `CI` is set.

mod host;
mod installed;
mod items;
mod load;
mod node;
mod policy;
mod report;
mod tool;

use std::process::ExitCode;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    // Both libraries that could be chosen may be compiled in; an error says that one was chosen before.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let is_inside = std::env::args().nth(1).is_some_and(|arg| arg == "inside");
    let outcome = if is_inside {
        items::all().await
    } else if host::is_existing() {
        host::existing().await
    } else {
        host::run().await
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("make cluster: {error:#}");
            ExitCode::FAILURE
        }
    }
}
