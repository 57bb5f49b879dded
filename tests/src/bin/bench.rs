//! `make bench`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use parapet_tests::bench::corpus::{SHAPES, Shape, answer_pieces, bodies};
use parapet_tests::bench::first_text::{first_text, paced_model};
use parapet_tests::bench::load::{Load, Measured, measure};
use parapet_tests::bench::nginx::{Nginx, sse};
use parapet_tests::bench::table::Table;
use parapet_tests::bench::{
    MEASURED_CORE, callers, cpu, manifests, mcp, policy, tool_chats, tools,
};
use parapet_tests::harness::{Gateway, Setup};

/// Measures the gateway beside nginx, on one core each way.
#[derive(Debug, Parser)]
struct Args {
    /// The gateway to measure: a release build.
    #[arg(long, default_value = "target/release/parapet-gateway")]
    gateway: PathBuf,
    /// Seconds of load for each figure.
    #[arg(long, default_value_t = 6)]
    seconds: u64,
    /// Only the floor: whether the rig itself works.
    #[arg(long)]
    only_floor: bool,
    /// Only what telemetry and the console cost, what tokens do, and what many callers do to memory.
    #[arg(long)]
    only_telemetry_and_callers: bool,
    /// Different tokens to send for that.
    #[arg(long, default_value_t = 100_000)]
    tokens: usize,
    /// Only the calls of tools, their policies and their definitions.
    #[arg(long)]
    only_mcp: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    tools::prepare()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("starting a runtime")?;
    let time = Duration::from_secs(args.seconds.max(2));
    if args.only_mcp {
        return tools(&runtime, args, time);
    }
    let mock = Nginx::mock_model()?;
    if args.only_telemetry_and_callers {
        return telemetry_and_callers(&runtime, args, &mock, time);
    }
    let floor = {
        let floor = Nginx::floor(mock.addr())?;
        SHAPES
            .iter()
            .map(|shape| {
                let path = if shape.stream {
                    "/stream/v1/chat/completions"
                } else {
                    "/v1/chat/completions"
                };
                load(*shape, floor.addr(), floor.pid(), path, "any/model", time)
            })
            .collect::<Result<Vec<_>>>()?
    };
    let mut cost = Table::new(&[
        "request", "through", "rps", "of nginx", "CPU µs", "p50", "p99", "RSS MiB",
    ]);
    let mut configurations: Vec<(&str, Vec<Measured>)> = Vec::new();
    if !args.only_floor {
        for (name, guarded) in [("no guardrails", false), ("four in, four out", true)] {
            let gateway = start(&runtime, args, &mock, None, guarded, 0)?;
            let pid = gateway.pid().context("the gateway has ended")?;
            let measured = SHAPES.iter().map(|shape| {
                let model = if shape.stream {
                    "stream/model"
                } else {
                    "mock/model"
                };
                load(
                    *shape,
                    gateway.traffic(),
                    pid,
                    "/v1/chat/completions",
                    model,
                    time,
                )
            });
            configurations.push((name, measured.collect::<Result<Vec<_>>>()?));
        }
    }
    for (n, (shape, floor)) in SHAPES.iter().zip(&floor).enumerate() {
        cost.row(cells(shape, "nginx proxy_pass", floor, floor));
        for (name, measured) in &configurations {
            if let Some(measured) = measured.get(n) {
                cost.row(cells(shape, name, measured, floor));
            }
        }
    }
    println!("{cost}");
    if !args.only_floor {
        tools(&runtime, args, time)?;
        println!("{}", first_texts(&runtime, args, &mock)?);
        println!("{}", memory(&runtime, args, &mock, time)?);
        telemetry_and_callers(&runtime, args, &mock, time)?;
        in_process("parapet-policy", "plan_cost");
    }
    Ok(())
}

/// Prints what an example measures.
fn in_process(package: &str, example: &str) {
    match policy::measure(package, example) {
        Ok(text) => println!("{text}"),
        Err(error) => eprintln!("SKIPPED: {example}: {error:#}"),
    }
}

/// What calls of tools cost through the gateway, and what is done for them in process.
fn tools(runtime: &tokio::runtime::Runtime, args: &Args, time: Duration) -> Result<()> {
    println!("{}", tool_calls(runtime, args, time)?);
    println!("{}", tool_chats(runtime, args, time)?);
    in_process("parapet-tests", "cedar_cost");
    in_process("parapet-gateway", "definitions_cost");
    Ok(())
}

fn telemetry_and_callers(
    runtime: &tokio::runtime::Runtime,
    args: &Args,
    mock: &Nginx,
    time: Duration,
) -> Result<()> {
    println!("{}", telemetry(runtime, args, mock, time)?);
    let callers = callers::memory(&args.gateway, args.tokens);
    println!("{}", runtime.block_on(callers)?);
    in_process("parapet-tests", "identity_cost");
    in_process("parapet-console", "cost");
    Ok(())
}

/// CPU of a request with traces and metrics exported, every request sampled, and without.
fn telemetry(
    runtime: &tokio::runtime::Runtime,
    args: &Args,
    mock: &Nginx,
    time: Duration,
) -> Result<Table> {
    let mut table = Table::new(&["1 KiB", "telemetry", "CPU µs", "p99", "spans sent", "lost"]);
    for (name, guarded) in [("no guardrails", false), ("four in, four out", true)] {
        let mut off = 0.0;
        for on in [false, true] {
            let mut setup = setup(args, mock, None, guarded, 0);
            if on {
                let endpoint = format!("http://{}/otlp", mock.addr());
                setup = setup
                    .env("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)
                    .env("OTEL_TRACES_SAMPLER", "always_on");
            }
            let gateway = runtime.block_on(setup.start())?;
            let pid = gateway.pid().context("the gateway has ended")?;
            let path = "/v1/chat/completions";
            let measured = load(SHAPES[0], gateway.traffic(), pid, path, "mock/model", time)?;
            let (_, metrics) = runtime.block_on(gateway.admin_get("/metrics"))?;
            let spans = |name: &str| -> u64 {
                let lines = metrics
                    .lines()
                    .filter(|line| line.starts_with(name) && line.contains("signal=\"traces\""));
                let counts = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
                counts.sum()
            };
            let more = if on {
                format!(" (+{:.1})", measured.cpu_us - off)
            } else {
                String::new()
            };
            off = measured.cpu_us;
            table.row([
                name.into(),
                if on { "on" } else { "off" }.into(),
                format!("{:.1}{more}", measured.cpu_us),
                format!("{:.0}", measured.p99_us),
                spans("parapet_telemetry_sent_total").to_string(),
                spans("parapet_telemetry_lost_total").to_string(),
            ]);
        }
    }
    Ok(table)
}

fn load(
    shape: Shape,
    addr: std::net::SocketAddr,
    pid: u32,
    path: &str,
    model: &str,
    time: Duration,
) -> Result<Measured> {
    let bodies = bodies(shape, model);
    let load = Load {
        addr,
        pid,
        path,
        token: manifests::TOKEN,
        headers: &[],
        bodies: &bodies,
        time,
    };
    measure(&load).with_context(|| format!("measuring {} at {addr}", shape.name))
}

/// Starts the gateway on its core.
fn start(
    runtime: &tokio::runtime::Runtime,
    args: &Args,
    mock: &Nginx,
    stream: Option<String>,
    guarded: bool,
    other_rules: usize,
) -> Result<Gateway> {
    runtime.block_on(setup(args, mock, stream, guarded, other_rules).start())
}

fn setup(
    args: &Args,
    mock: &Nginx,
    stream: Option<String>,
    guarded: bool,
    other_rules: usize,
) -> Setup {
    let stream = stream.unwrap_or_else(|| format!("http://{}/stream/v1", mock.addr()));
    let mut setup = Setup::new(manifests::plain(mock.addr(), &stream)).binary(args.gateway.clone());
    if guarded {
        setup = setup.file("guardrails.yaml", manifests::guarded());
    }
    if other_rules > 0 {
        setup = setup.file("others.yaml", manifests::other_rules(other_rules));
    }
    setup.discard_stdout().core(MEASURED_CORE)
}

fn cells(shape: &Shape, through: &str, measured: &Measured, floor: &Measured) -> Vec<String> {
    let ratio = |value: f64, floor: f64| format!("{value:.0} ({:.2})", value / floor);
    vec![
        shape.name.into(),
        through.into(),
        format!("{:.0}", measured.rps),
        format!("{:.2}", measured.rps / floor.rps),
        format!("{:.1}", measured.cpu_us),
        ratio(measured.p50_us, floor.p50_us),
        ratio(measured.p99_us, floor.p99_us),
        format!("{:.1}", measured.rss_kib as f64 / 1024.0),
    ]
}

/// Calls of tools, through nginx and through the gateway.
fn tool_calls(runtime: &tokio::runtime::Runtime, args: &Args, time: Duration) -> Result<Table> {
    let mock = Nginx::mock_mcp(&mcp::answer())?;
    let floor = Nginx::floor(mock.addr())?;
    let floor = mcp::load(floor.addr(), floor.pid(), "/mcp", time)?;
    let mut table = Table::new(&["tools/call", "rps", "of nginx", "CPU µs", "p50", "p99"]);
    let mut row = |name: &str, measured: &Measured| {
        table.row([
            name.into(),
            format!("{:.0}", measured.rps),
            format!("{:.2}", measured.rps / floor.rps),
            format!(
                "{:.1} ({:.2})",
                measured.cpu_us,
                measured.cpu_us / floor.cpu_us
            ),
            format!(
                "{:.0} ({:+.0})",
                measured.p50_us,
                measured.p50_us - floor.p50_us
            ),
            format!(
                "{:.0} ({:+.0})",
                measured.p99_us,
                measured.p99_us - floor.p99_us
            ),
        ]);
    };
    row("nginx proxy_pass", &floor);
    for (name, is_guarded) in [("no guardrails", false), ("four before, four after", true)] {
        let setup =
            Setup::new(mcp::resources(mock.addr(), is_guarded)).binary(args.gateway.clone());
        let gateway = runtime.block_on(setup.discard_stdout().core(MEASURED_CORE).start())?;
        let pid = gateway.pid().context("the gateway has ended")?;
        row(
            name,
            &mcp::load(gateway.traffic(), pid, "/mcp/bench", time)?,
        );
    }
    Ok(table)
}

/// Chats with results of tools, with the hooks of tools on them and without.
fn tool_chats(runtime: &tokio::runtime::Runtime, args: &Args, time: Duration) -> Result<Table> {
    let mock = Nginx::mock_model()?;
    let mut table = Table::new(&["chat with four results of 1 KiB", "CPU µs", "p50", "p99"]);
    let mut off = 0.0;
    for guards in [tool_chats::Guards::Off, tool_chats::Guards::Four] {
        let resources = tool_chats::resources(mock.addr(), guards);
        let setup = Setup::new(resources).binary(args.gateway.clone());
        let gateway = runtime.block_on(setup.discard_stdout().core(MEASURED_CORE).start())?;
        let pid = gateway.pid().context("the gateway has ended")?;
        runtime.block_on(tool_chats::probe(gateway.traffic(), guards))?;
        let measured = tool_chats::load(gateway.traffic(), pid, time)?;
        let more = match guards {
            tool_chats::Guards::Off => String::new(),
            tool_chats::Guards::Four => format!(" (+{:.1})", measured.cpu_us - off),
        };
        off = measured.cpu_us;
        table.row([
            guards.name().into(),
            format!("{:.1}{more}", measured.cpu_us),
            format!("{:.0}", measured.p50_us),
            format!("{:.0}", measured.p99_us),
        ]);
    }
    Ok(table)
}

/// Time to the first text of a paced stream, direct and through each.
fn first_texts(runtime: &tokio::runtime::Runtime, args: &Args, mock: &Nginx) -> Result<Table> {
    let pieces = answer_pieces();
    let model = runtime.block_on(paced_model(&sse(&pieces)))?;
    let url = format!("http://{}/v1", model.addr());
    let body = |model: &str| bodies(SHAPES[3], model).swap_remove(0);
    let ask = |addr, body: &str| {
        runtime.block_on(first_text(
            addr,
            "/v1/chat/completions",
            manifests::TOKEN,
            body,
        ))
    };
    let direct = ask(model.addr(), &body("model"))?;
    let mut table = Table::new(&["first streamed text", "µs", "later than direct, µs"]);
    let mut row = |name: &str, time: f64| {
        table.row([
            name.into(),
            format!("{time:.0}"),
            format!("{:.0}", time - direct),
        ])
    };
    row("direct", direct);
    let floor = Nginx::floor(model.addr())?;
    row("nginx proxy_pass", ask(floor.addr(), &body("model"))?);
    for (name, guarded) in [("no guardrails", false), ("four in, four out", true)] {
        let gateway = start(runtime, args, mock, Some(url.clone()), guarded, 0)?;
        row(name, ask(gateway.traffic(), &body("stream/model"))?);
    }
    Ok(table)
}

/// Resident memory with 200 rules, idle and after load.
fn memory(
    runtime: &tokio::runtime::Runtime,
    args: &Args,
    mock: &Nginx,
    time: Duration,
) -> Result<Table> {
    let gateway = start(runtime, args, mock, None, true, 200)?;
    let pid = gateway.pid().context("the gateway has ended")?;
    let idle = cpu::resident_kib(pid)?;
    let after = load(
        SHAPES[1],
        gateway.traffic(),
        pid,
        "/v1/chat/completions",
        "mock/model",
        time,
    )?
    .rss_kib;
    let mut table = Table::new(&["memory with 200 rules", "MiB"]);
    table.row(["idle".into(), format!("{:.1}", idle as f64 / 1024.0)]);
    table.row([
        "after 16 KiB load".into(),
        format!("{:.1}", after as f64 / 1024.0),
    ]);
    Ok(table)
}
