//! The keys of an installation: made once, completed at every upgrade, replaced without a gap.
//!
//! | Secret | who reads it | holds |
//! |---|---|---|
//! | `<prefix>-operator-keys` | operator | `signing`, `sealing`, `digest`, `nats.nk`, `traces.nk`, `ca.crt` |
//! | `<prefix>-gateway-keys` | gateways | `trusted`, `opening`, `nats.nk`, `traces.nk`, `ca.crt` |
//! | `<prefix>-forwarder-keys` | forwarders | `nats.nk`, `ca.crt` |
//! | `<prefix>-nats-server` | NATS | `accounts.conf`, `tls.crt`, `tls.key`, `ca.crt` |
//! | `<prefix>-authority` | nobody but this | `ca.crt`, `ca.key` |
//! | `<prefix>-webhook-tls` | operator | `tls.crt`, `tls.key`, `ca.crt` |

pub mod adoption;
pub mod args;
pub mod certificate;
pub mod ring;
pub mod rotate;
mod show;
pub mod store;

use std::io::Write;
use std::time::SystemTime;

use anyhow::Context as _;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client};

use adoption::Adoption;
use args::{Command, Ensure, Keys, LeaseName, Rotate, Where};
use ring::Holder;
use rotate::{Circumstances, Step, What};
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
            Command::Rotate(rotate) => take_step(rotate, out).await,
            Command::Show(show) => {
                let ring = store(&show.place).await?.read().await?;
                let adoption = adoption(&show.place, &show.lease, out).await?;
                let now = SystemTime::now();
                show::show(&ring, &show.place.prefix, adoption.as_ref(), now, out)?;
                Ok(())
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
        say_restart(&args.place, out)?;
    }
    Ok(())
}

async fn take_step(args: &Rotate, out: &mut impl Write) -> anyhow::Result<()> {
    let store = store(&args.place).await?;
    let adoption = adoption(&args.place, &args.lease, out).await?;
    let with = Circumstances {
        prefix: &args.place.prefix,
        now: SystemTime::now(),
        after: args.after,
        adoption: adoption.as_ref(),
    };
    let done = store
        .change(|ring| rotate::rotate(ring, args.what, args.step, &with))
        .await?;
    for one in &done {
        say(one, out)?;
    }
    if done.is_empty() {
        writeln!(out, "nothing to do: this step is done already")?;
    } else if args.what == What::Nats && args.step != Step::Use {
        say_restart(&args.place, out)?;
    }
    Ok(())
}

/// What the operator says about keys. Not to know it is no error, and is said.
async fn adoption(
    place: &Where,
    lease: &LeaseName,
    out: &mut impl Write,
) -> anyhow::Result<Option<Adoption>> {
    if place.dir.is_some() {
        return Ok(None);
    }
    let client = Client::try_default()
        .await
        .context("reading how to reach the cluster")?;
    let default = format!("{}-operator", place.prefix);
    let name = lease.lease.as_ref().unwrap_or(&default);
    let api: Api<Lease> = Api::namespaced(client, &place.namespace);
    let why = match api.get_opt(name).await {
        Ok(Some(lease)) => match Adoption::from_lease(&lease, SystemTime::now()) {
            Some(adoption) => return Ok(Some(adoption)),
            None => "no operator has written it down in the last minute".to_owned(),
        },
        Ok(None) => format!("there is no Lease {name}"),
        Err(error) => format!("the Lease {name} cannot be read: {error}"),
    };
    writeln!(out, "which gateways have which keys is not known: {why}")?;
    Ok(None)
}

fn say_restart(place: &Where, out: &mut impl Write) -> std::io::Result<()> {
    writeln!(
        out,
        "NATS reads its files when it starts: kubectl -n {} rollout restart statefulset/{}-nats",
        place.namespace, place.prefix
    )
}

fn say(done: &Done, out: &mut impl Write) -> std::io::Result<()> {
    let verb = if done.is_new { "made" } else { "changed" };
    writeln!(out, "{verb} {}: {}", done.secret, done.files.join(", "))
}
