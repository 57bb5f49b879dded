//! Prints how large the bundle of a large policy is, and what its way costs: 1,000 integrations with a credential each,
//! and 5,000 rules. `cargo run --release -p parapet-tests --example bundle_cost`

use std::fmt::Write as _;
use std::time::{Instant, SystemTime};

use anyhow::Result;
use parapet_bus::envelope::{Expected, Issue, sign, verify};
use parapet_bus::keys::{TrustedKeys, read_opening_keys};
use parapet_policy::bundle::Revision;
use parapet_policy::bundle::wire::VALIDITY;
use parapet_tests::installation::{CLASS, INSTALLATION, Installation};

const INTEGRATIONS: usize = 1000;
const RULES: usize = 5000;

fn main() -> Result<()> {
    let Some(installation) = Installation::down()? else {
        return Ok(());
    };
    let timed = |what: &str, since: Instant| {
        println!(
            "{what:<28}{:>9.1} ms",
            since.elapsed().as_secs_f64() * 1000.0
        );
    };
    let start = Instant::now();
    let packed = installation.pack(&resources())?;
    timed("read, compile, seal, pack", start);
    let reference = packed.reference();
    println!("{:<28}{:>9} bytes", "plain", reference.plain_bytes);
    println!("{:<28}{:>9} bytes", "compressed", reference.bytes);
    println!("{:<28}{:>9}", "an object of its own", reference.object);

    let key = installation.signing()?;
    let now = SystemTime::now();
    let issue = Issue {
        class: CLASS.into(),
        revision: Revision {
            epoch: 1,
            generation: 1,
        },
        issued_at: now,
        not_after: now + VALIDITY,
    };
    let start = Instant::now();
    let signed = sign(&packed, issue, &[&key])?;
    timed("sign", start);
    let trusted = TrustedKeys::from_texts([key.public_text().as_str()])?;
    let expected = Expected {
        trusted: &trusted,
        installation: INSTALLATION,
        class: CLASS,
        now,
        in_force: None,
    };
    let start = Instant::now();
    let mut verified = verify(&signed.message, &expected)?;
    timed("verify", start);
    if let Some(body) = signed.object {
        verified = verified.with_object(body);
    }
    let opening = read_opening_keys(&installation.file("opening"))?;
    let start = Instant::now();
    let opened = verified.open(&opening)?;
    timed("decompress, read, unseal", start);
    println!("{:<28}{:>9}", "credentials", opened.secrets.len());
    Ok(())
}

fn resources() -> String {
    let mut text = String::from("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n");
    // Writing to a String cannot fail.
    for number in 0..INTEGRATIONS {
        let _ = writeln!(text, "  k{number}: credential-of-integration-{number}");
    }
    for number in 0..INTEGRATIONS {
        let _ = write!(
            text,
            "---\napiVersion: parapet.dev/v1alpha1\nkind: GuardrailIntegration\nmetadata: {{name: g{number}}}\nspec:\n  guardrails:\n    \
             - {{name: service, custom: {{url: \"https://guard-{number}.example.com/check\", target: request, bearerToken: {{secretKeyRef: {{name: s, key: k{number}}}}}}}}}\n    \
             - {{name: pattern, regex: {{customPatterns: [{{pattern: \"ticket-{number}-[0-9]{{6}}\"}}]}}}}\n"
        );
    }
    let _ = write!(
        text,
        "---\napiVersion: parapet.dev/v1alpha1\nkind: GuardrailConfig\nmetadata: {{name: rules}}\nspec:\n  rules:\n"
    );
    for number in 0..RULES {
        let group = number % INTEGRATIONS;
        let _ = writeln!(
            text,
            "    - {{id: rule-{number}, when: {{subjects: {{operator: and, conditions: {{in: [\"team:team-{number}\"]}}}}}}, llm_input_guardrails: [g{group}/service, g{group}/pattern]}}"
        );
    }
    text
}
