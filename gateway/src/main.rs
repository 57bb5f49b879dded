//! The `parapet-gateway` binary.

use std::process::ExitCode;

use clap::Parser as _;
use parapet_gateway::args::{Cli, Command};
use parapet_gateway::{app, check, trial};

// The system's allocator costs several microseconds per request more.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Check(args) => check::run(&args, &mut std::io::stdout().lock()),
        Command::Serve(args) => app::run(&args),
        Command::Try(args) => trial::run(&args, &mut std::io::stdout().lock()),
    }
}
