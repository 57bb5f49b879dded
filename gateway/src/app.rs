//! `serve`: puts everything together, and takes it apart again.
//!
//! Traffic runs on threads of its own. The main runtime has the admin routes, the guardrails' client and the way to an
//! operator; the policy's files and the records have a thread each. The admin routes come first: in a cluster they say why
//! there is no policy yet, and traffic's listener waits for it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use parapet_bus::nats::RecordQueue;
use parapet_console::Console;
use parapet_crds::read::Remark;
use parapet_guardrails::client::HttpClient;
use parapet_policy::diagnostic::Severity;
use prometheus::IntCounterVec;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::admin;
use crate::args::{Manifests, Records as Where, Serve};
use crate::edge::{DrainTimes, EdgeLimits, ListenerConfig, Server, TlsFiles, asked_to_end};
use crate::handler::Gateway;
use crate::handler::mcp::first_look::look;
use crate::identity::Refresher;
use crate::mcp::command::programs::Programs;
use crate::mcp::oauth::tokens::Tokens;
use crate::mcp::pinning::sightings::Sightings;
use crate::mcp::seal::Sealer;
use crate::mcp::taint::Taints;
use crate::mcp::tasks::Tasks;
use crate::policy::live::LivePolicy;
use crate::policy::ready::Snapshot;
use crate::policy::remote::follow::Following;
use crate::policy::settings::Settings;
use crate::policy::source::{Loaded, Outcome, Source};
use crate::policy::watch::{Watching, watch};
use crate::telemetry::head::Head;
use crate::telemetry::log::{self, Lines};
use crate::telemetry::metrics::{ListMetrics, Metrics};
use crate::telemetry::otlp::{self, Otlp, Tracer};
use crate::telemetry::queue::{Consumer, Counts, Records};
use crate::upstream::{Connector, ConnectorConfig, PoolLimits, SharedClient, Upstreams};

mod bus;
mod console;
mod hints;
mod sharing;
mod stage;

use sharing::Sharing;
use stage::{Shown, Stage};

/// How long programs that are MCP servers may take to end; after that they are killed.
const LAST_PROGRAMS: Duration = Duration::from_secs(7);
/// How long the last records may take to be written.
const LAST_RECORDS: Duration = Duration::from_secs(2);
/// How long a collector may take for the last spans and metrics.
const LAST_TELEMETRY: Duration = Duration::from_secs(3);

/// Serves until the process is asked to end.
///
/// # Errors
/// When it cannot start. Policy with errors is printed, and is exit code 1.
pub fn run(args: &Serve) -> anyhow::Result<ExitCode> {
    log::start(&args.log)?;
    // Both libraries that could be chosen may be compiled in; an error says that one was chosen before.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    parapet_guardrails::scan::warm();
    let policy = match args.policy.files() {
        None => Policy::Bus,
        Some(files) => match first(&files)? {
            Some(files) => Policy::Files(Box::new(files)),
            None => return Ok(ExitCode::FAILURE),
        },
    };
    let threads = threads(args);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads.clamp(1, 4))
        .thread_name("main")
        .enable_all()
        .build()
        .context("starting the main runtime")?;
    runtime.block_on(serve(args, threads, policy))?;
    Ok(ExitCode::SUCCESS)
}

/// Where policy comes from.
enum Policy {
    /// A folder, with what it said first.
    Files(Box<Files>),
    /// An operator.
    Bus,
}

/// A folder, read once.
struct Files {
    manifests: PathBuf,
    source: Source,
    first: Snapshot,
    remarks: Vec<Remark>,
}

/// The first policy of a folder; none when it has errors, which are printed.
fn first(files: &Manifests) -> anyhow::Result<Option<Files>> {
    let mut source = Source::new(files.read_options());
    match source.load(Severity::Warning) {
        Loaded {
            outcome: Outcome::New(snapshot),
            remarks,
        } => Ok(Some(Files {
            manifests: files.manifests.clone(),
            source,
            first: *snapshot,
            remarks,
        })),
        Loaded { remarks, .. } => {
            let mut err = std::io::stderr().lock();
            for remark in &remarks {
                writeln!(err, "{}", remark.render(&files.manifests))?;
            }
            writeln!(err, "error: the policy has errors, so nothing is served")?;
            Ok(None)
        }
    }
}

fn threads(args: &Serve) -> usize {
    args.threads.map_or_else(
        || std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        usize::from,
    )
}

async fn serve(args: &Serve, threads: usize, policy: Policy) -> anyhow::Result<()> {
    let metrics = Arc::new(Metrics::new().context("registering metrics")?);
    let counts = Arc::new(Counts::default());
    let otlp = Otlp::new(otlp::Settings::from_env(), args.sharing.traces);
    let head = otlp.head();
    let tracer = otlp.tracer(args.trace_names);
    let sharing = Sharing::new(args, otlp.wants_nats())?;
    let stage = Arc::new(Stage::default());
    let pod = bus::pod(&args.policy.bus)?;
    let console = console::new(args, &stage, &pod.name)?;
    let page = console
        .clone()
        .map(|console| (console, pod.name.as_str().into()));
    let (records, consumer) = start_records(
        args.records,
        Arc::clone(&counts),
        Arc::clone(&metrics),
        tracer,
        sharing.records(),
        page,
    )?;
    let (token_calls, lists) = (metrics.token_calls(), metrics.lists());
    let programs = Arc::new(Programs::new(
        tokio::runtime::Handle::current(),
        metrics.programs(),
    ));
    let shown = Shown {
        metrics,
        records: counts,
        export: otlp.counts(),
        shared: sharing.counts(),
    };
    let admin_listener = TcpListener::bind(args.admin_listen)
        .await
        .with_context(|| format!("listening on {} for the admin routes", args.admin_listen))?;
    let (end_admin, admin_ends) = oneshot::channel::<()>();
    let shown_at = console.as_ref().map(|_| args.admin_listen);
    let routes = admin::router(stage.admin(shown.clone()), console.clone());
    let admin_task = tokio::spawn(admin::serve(admin_listener, routes, async {
        // Whether it was asked to or the asker is gone: it ends.
        let _ = admin_ends.await;
    }));
    // From the first moment: somebody may ask the process to end while it waits for policy.
    let mut ending = std::pin::pin!(asked_to_end());

    let (live, kept_up, manifests) = match policy {
        Policy::Files(files) => {
            let live = Arc::new(LivePolicy::new(files.first));
            live.tell(&files.remarks, &files.manifests);
            let watching = watch(files.source, Arc::clone(&live))
                .context("starting to watch the policy's files")?;
            (live, KeptUp::Files(watching), Some(files.manifests))
        }
        Policy::Bus => {
            let (following, mut first) = bus::follow(&args.policy.bus, &pod, &stage).await?;
            let live = tokio::select! {
                live = bus::first(&mut first) => live?,
                ended = &mut ending => {
                    ended.context("waiting for a signal")?;
                    tracing::info!("asked to end before there was any policy");
                    return Ok(());
                }
            };
            (live, KeptUp::Bus(following), None)
        }
    };
    let (connector, limits) = {
        let settings = &live.snapshot().load().settings;
        let connector = Connector::new(&ConnectorConfig {
            extra_ca: args.ca_file.clone(),
            timeout: settings.connect_timeout,
        })?;
        // Before the first call can be made.
        connector.configure(settings.egress.clone(), settings.connect_timeout);
        (connector, edge_limits(settings))
    };
    let refresher = Refresher::new(connector.clone(), tokio::runtime::Handle::current());
    live.on_change(move |snapshot: &Snapshot| refresher.follow(&snapshot.identities));
    let mut shared = sharing.start(args, &pod.name).await?;
    let exporting = otlp.start(
        &connector,
        {
            let stage = Arc::clone(&stage);
            move || stage.metrics(&shown, Metrics::gather)
        },
        shared.take_traces(),
    );
    let sightings = Arc::clone(stage.sightings());
    live.on_change({
        let sightings = Arc::clone(&sightings);
        move |snapshot: &Snapshot| sightings.follow(snapshot.mcp.followed())
    });
    live.on_change({
        let programs = Arc::clone(&programs);
        move |snapshot: &Snapshot| {
            programs.follow(snapshot.mcp.programs().map(|command| command.print));
        }
    });
    let to = ForTraffic {
        records,
        head,
        sightings,
        token_calls,
        lists,
        programs: Arc::clone(&programs),
    };
    let server = start_traffic(args, threads, limits, &live, &connector, to)?;
    let in_flight = Arc::clone(server.in_flight());
    live.on_change({
        let in_flight = Arc::clone(&in_flight);
        move |snapshot: &Snapshot| {
            connector.configure(
                snapshot.settings.egress.clone(),
                snapshot.settings.connect_timeout,
            );
            in_flight.set_max(snapshot.settings.concurrent_requests);
        }
    });
    stage.serving(Arc::clone(&live), in_flight);
    let readiness = stage.readiness();
    readiness.set(true);
    tracing::info!(listen = %server.local_addr(), admin = %args.admin_listen, threads, revision = %live.revision(), "serving");
    if let Some(manifests) = &manifests {
        let tls = args.tls_cert.is_some();
        let to = (server.local_addr(), shown_at);
        hints::print(&live.snapshot().load(), manifests, to, tls);
    }

    ending.await.context("waiting for a signal")?;
    tracing::info!("asked to end: finishing what is in flight");
    let times = DrainTimes {
        notice: args.drain_notice,
        limit: args.drain_timeout,
    };
    let cut = server.drain(readiness, times).await;
    if cut > 0 {
        tracing::warn!(
            cut,
            "connections were cut: they took longer than the drain timeout"
        );
    }
    programs.end(LAST_PROGRAMS).await;
    drop(kept_up);
    let last = tokio::task::spawn_blocking(move || {
        consumer.finish();
        if let Some(console) = console {
            console.finish(LAST_RECORDS);
        }
    });
    if tokio::time::timeout(LAST_RECORDS, last).await.is_err() {
        tracing::warn!("the last records were not written in time");
    }
    tokio::join!(
        exporting.finish(LAST_TELEMETRY),
        shared.finish(LAST_TELEMETRY)
    );
    let _ = end_admin.send(());
    admin_task.abort();
    Ok(())
}

/// What keeps the policy up, until it is dropped.
#[expect(dead_code, reason = "held for what dropping does")]
enum KeptUp {
    /// The thread that watches files.
    Files(Watching),
    /// The task that follows an operator.
    Bus(Following),
}

/// What traffic threads get beside policy and the way out.
struct ForTraffic {
    records: Records,
    head: Option<Head>,
    sightings: Arc<Sightings>,
    token_calls: IntCounterVec,
    lists: ListMetrics,
    programs: Arc<Programs>,
}

/// Starts the traffic threads. What they hold of the records' queue goes with them.
fn start_traffic(
    args: &Serve,
    threads: usize,
    limits: EdgeLimits,
    live: &LivePolicy,
    connector: &Connector,
    shared: ForTraffic,
) -> anyhow::Result<Server> {
    let ForTraffic {
        records,
        head,
        sightings,
        token_calls,
        lists,
        programs,
    } = shared;
    let tls = match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => Some(TlsFiles {
            certificate: certificate.clone(),
            key: key.clone(),
        }),
        _ => None,
    };
    let config = ListenerConfig {
        listen: args.listen,
        threads,
        tls,
        limits,
    };
    let policy = Arc::clone(live.snapshot());
    let connector = connector.clone();
    let client: Arc<dyn HttpClient> = Arc::new(SharedClient::new(
        connector.clone(),
        tokio::runtime::Handle::current(),
    ));
    let tokens = Arc::new(Tokens::new(
        Arc::clone(&client),
        connector.clone(),
        tokio::runtime::Handle::current(),
        token_calls,
    ));
    let trace_content = args.trace_content as usize;
    let session_keys = args.session_keys.as_ref();
    let sealer = match session_keys.or(args.policy.bus.gateway_keys.as_ref()) {
        Some(path) => Sealer::from_files(path.clone())?,
        None => Sealer::random()?,
    };
    let sealer = Arc::new(sealer);
    let bridge = Arc::default();
    let taints = Arc::<Taints>::default();
    let tasks = Arc::<Tasks>::default();
    let first_look = args.first_look;
    let gateway = move || Gateway {
        policy: Arc::clone(&policy),
        upstreams: Upstreams::new(connector.clone(), PoolLimits::default()),
        bridge: Arc::clone(&bridge),
        sealer: Arc::clone(&sealer),
        sightings: Arc::clone(&sightings),
        lists: lists.clone(),
        tokens: Arc::clone(&tokens),
        taints: Arc::clone(&taints),
        programs: Arc::clone(&programs),
        tasks: Arc::clone(&tasks),
        client: Arc::clone(&client),
        sink: records.sink(),
        head,
        trace_content,
    };
    let server = Server::start(config, move |thread| {
        // One of them looks for all.
        if thread == 0 && !first_look.is_zero() {
            tokio::task::spawn_local(look(gateway(), first_look));
        }
        gateway()
    })?;
    Ok(server)
}

fn edge_limits(settings: &Settings) -> EdgeLimits {
    EdgeLimits {
        max_head: settings.header_bytes,
        head_timeout: settings.client_timeout,
        max_in_flight: settings.concurrent_requests,
        ..EdgeLimits::default()
    }
}

fn start_records(
    to: Where,
    counts: Arc<Counts>,
    metrics: Arc<Metrics>,
    mut tracer: Option<Tracer>,
    shared: Option<RecordQueue>,
    page: Option<(Arc<Console>, Arc<str>)>,
) -> anyhow::Result<(Records, Consumer)> {
    let mut lines = Lines::default();
    Records::start(counts, move |batch| {
        metrics.count(batch);
        if let Some(tracer) = &mut tracer {
            tracer.add(batch);
        }
        if let Some(shared) = &shared {
            shared.put(batch);
        }
        match to {
            Where::Stdout => lines.write(batch, &mut std::io::stdout().lock()),
            Where::None => {}
        }
        // Last, because it keeps them.
        if let Some((console, gateway)) = &page {
            console.add(gateway, batch.drain(..));
        }
    })
    .context("starting the thread for records")
}
