//! The `parapet-operator` binary.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use parapet_operator::args::{Cli, Command};
use parapet_operator::{app, compile, forward, keys, verify};

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
        Command::Compile(args) => compile::run(&args, &mut std::io::stdout().lock()),
        Command::Crds => {
            let mut out = std::io::stdout().lock();
            for crd in parapet_crds::crd::all()? {
                write!(out, "---\n{}", parapet_crds::crd::yaml(&crd)?)?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Forward(args) => {
            forward::run(&args)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Keys(args) => {
            keys::run(&args, &mut std::io::stdout().lock())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Verify(args) => {
            let good = verify::run(&args, &mut std::io::stdout().lock())?;
            Ok(ExitCode::from(u8::from(!good)))
        }
        Command::Run(args) => {
            app::run(&args)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
