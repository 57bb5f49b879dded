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
        let counts = [
            counted(bundle.guardrails.len(), "guardrail"),
            counted(bundle.rules.len(), "rule"),
            counted(bundle.providers.len(), "provider"),
            counted(bundle.mcp_servers.len(), "MCP server"),
            counted(bundle.accounts.len(), "account"),
            counted(bundle.identity_providers.len(), "identity provider"),
        ];
        writeln!(out, "{}", counts.join(", "))?;
    }
    writeln!(
        out,
        "{}, {}",
        counted(errors, "error"),
        counted(warnings, "warning")
    )
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
