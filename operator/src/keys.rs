//! The keys of an installation: made once, completed at every upgrade.
//!
//! | Secret | who reads it | holds |
//! |---|---|---|
//! | `<prefix>-operator-keys` | operator | `signing`, `sealing`, `digest`, `nats.nk`, `ca.crt` |
//! | `<prefix>-gateway-keys` | gateways | `trusted`, `opening`, `nats.nk`, `ca.crt` |
//! | `<prefix>-nats-server` | NATS | `accounts.conf`, `tls.crt`, `tls.key`, `ca.crt` |
//! | `<prefix>-authority` | nobody but this | `ca.crt`, `ca.key` |
//! | `<prefix>-webhook-tls` | operator | `tls.crt`, `tls.key`, `ca.crt` |

pub mod args;
pub mod certificate;
pub mod ring;
pub mod store;

use std::io::Write;
use std::time::SystemTime;

use anyhow::Context as _;
use kube::Client;

use args::{Command, Ensure, Keys, Where};
use ring::Holder;
use store::{Done, Store};

/// Runs `keys`; what was done is written to `out`, and never a key.
///
/// # Errors
/// When it could not be done.
pub fn run(args: &Keys, out: &mut impl Write) -> anyhow::Result<()> {
    // Both libraries that could be chosen may be compiled in; an error says that one was chosen before.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    runtime.block_on(async {
        match &args.command {
            Command::Ensure(ensure) => {
                let store = store(&ensure.place).await?;
                make(&store, ensure, out).await
            }
        }
    })
}

async fn store(place: &Where) -> anyhow::Result<Store> {
    let prefix = &place.prefix;
    Ok(match &place.dir {
        Some(dir) => Store::folder(dir.clone(), prefix),
        None => {
            let client = Client::try_default()
                .await
                .context("reading how to reach the cluster")?;
            Store::cluster(client, &place.namespace, prefix)
        }
    })
}

async fn make(store: &Store, args: &Ensure, out: &mut impl Write) -> anyhow::Result<()> {
    let wanted = args.wanted();
    let done = store
        .change(|ring| Ok(ring::complete(ring, &wanted, SystemTime::now())?))
        .await?;
    for one in &done {
        say(one, out)?;
    }
    if done.is_empty() {
        writeln!(out, "nothing to do: all keys are there")?;
    }
    let of_nats = |done: &&Done| done.holder == Holder::Nats && !done.is_new;
    if done.iter().any(|done| of_nats(&done)) {
        writeln!(
            out,
            "NATS reads its files when it starts: kubectl -n {} rollout restart statefulset/{}-nats",
            args.place.namespace, args.place.prefix
        )?;
    }
    Ok(())
}

fn say(done: &Done, out: &mut impl Write) -> std::io::Result<()> {
    let verb = if done.is_new { "made" } else { "changed" };
    writeln!(out, "{verb} {}: {}", done.secret, done.files.join(", "))
}
