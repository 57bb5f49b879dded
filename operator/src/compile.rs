//! `compile`: what a folder comes to, for people and for CI.

use std::io::Write;
use std::process::ExitCode;

use parapet_crds::read::{Reader, Remark};
use parapet_policy::compile::compile;
use parapet_policy::diagnostic::Severity;

use crate::args::Compile;
use crate::kinds::CheckCache;
use crate::ready;

/// Compiles a folder and prints every diagnostic, the bundle's digest and what it holds. The exit code is 1 when there
/// is an error.
///
/// # Errors
/// When the output cannot be written.
pub fn run(args: &Compile, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let read = Reader::new(args.read_options()).read();
    let compiled = compile(&read.written, &CheckCache::default());
    let mut remarks = read.remarks.clone();
    let located = compiled
        .diagnostics
        .into_iter()
        .chain(ready::remarks(&read.written))
        .map(|said| read.locate(said));
    remarks.extend(located);
    remarks.sort_by(|a, b| {
        let place = |remark: &Remark| (remark.diagnostic.source.file.clone(), remark.position);
        place(a)
            .cmp(&place(b))
            .then_with(|| a.diagnostic.cmp(&b.diagnostic))
    });
    remarks.dedup();
    if args.bundle {
        serde_json::to_writer_pretty(&mut *out, &compiled.bundle)?;
        writeln!(out)?;
    }
    for remark in &remarks {
        writeln!(out, "{}", remark.render(&args.manifests))?;
    }
    let bundle = &compiled.bundle;
    writeln!(
        out,
        "digest {}\n{} guardrails, {} rules, {} providers, {} accounts, {} identity providers",
        bundle.digest,
        bundle
            .guardrails
            .iter()
            .filter(|one| !one.is_stand_in())
            .count(),
        bundle.rules.len(),
        bundle.providers.len(),
        bundle.accounts.len(),
        bundle.identity_providers.len()
    )?;
    let count = |severity: Severity| {
        let of_it = remarks
            .iter()
            .filter(|remark| remark.diagnostic.severity == severity);
        of_it.count()
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    writeln!(out, "{errors} errors, {warnings} warnings")?;
    Ok(if errors > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
