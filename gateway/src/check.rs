//! `check`: what there is to say about a folder.

use std::io::Write;
use std::process::ExitCode;

use parapet_policy::diagnostic::Severity;
use serde::Serialize;

use crate::args::{Check, Format};
use crate::policy::source::{Loaded, Source};

/// What `--format json` prints.
#[derive(Serialize)]
struct Report<'a> {
    errors: usize,
    warnings: usize,
    diagnostics: &'a [parapet_crds::read::Remark],
}

/// Compiles a folder and prints every diagnostic. The exit code is 1 when one of them is an error.
///
/// # Errors
/// When the output cannot be written.
pub fn run(args: &Check, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let loaded = Source::new(args.manifests.read_options()).load(Severity::Info);
    let count = |severity: Severity| {
        let of_it = loaded
            .remarks
            .iter()
            .filter(|remark| remark.diagnostic.severity == severity);
        of_it.count()
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    match args.format {
        Format::Text => text(args, &loaded, errors, warnings, out)?,
        Format::Json => {
            let report = Report {
                errors,
                warnings,
                diagnostics: &loaded.remarks,
            };
            serde_json::to_writer_pretty(&mut *out, &report)?;
            writeln!(out)?;
        }
    }
    Ok(if errors > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn text(
    args: &Check,
    loaded: &Loaded,
    errors: usize,
    warnings: usize,
    out: &mut impl Write,
) -> std::io::Result<()> {
    for remark in &loaded.remarks {
        writeln!(out, "{}", remark.render(&args.manifests.manifests))?;
    }
    if let crate::policy::source::Outcome::New(snapshot) = &loaded.outcome {
        let bundle = snapshot.planner.bundle();
        writeln!(
            out,
            "{} guardrails, {} rules, {} providers, {} accounts, {} identity providers",
            bundle.guardrails.len(),
            bundle.rules.len(),
            bundle.providers.len(),
            bundle.accounts.len(),
            bundle.identity_providers.len()
        )?;
    }
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    writeln!(
        out,
        "{errors} error{}, {warnings} warning{}",
        plural(errors),
        plural(warnings)
    )
}
