//! `make quality`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Parser;
use parapet_tests::quality::{combined_cost, report, run};

/// Scores the local detectors over labelled rows.
#[derive(Debug, Parser)]
struct Args {
    /// The folder with the families.
    data: PathBuf,
    /// Only the line for each family.
    #[arg(long)]
    summary: bool,
    /// The texts that were judged wrong, too.
    #[arg(long)]
    wrong: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match print(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quality: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn print(args: &Args) -> Result<()> {
    let reports = run(&args.data)?;
    ensure!(
        !reports.is_empty(),
        "{} holds no rows of a family that has a local detector",
        args.data.display()
    );
    if !args.summary {
        reports.iter().for_each(|report| println!("{report}"));
    }
    if args.wrong {
        for report in &reports {
            println!("## {}: judged wrong\n", report.family);
            report.wrong.iter().for_each(|wrong| println!("- {wrong}"));
            println!();
        }
    }
    println!("{}", report::summary(&reports));
    println!(
        "All families in one scan: {:.1} µs per KB",
        combined_cost(&args.data)?
    );
    Ok(())
}
