//! What many callers do to a gateway's memory: tokens that come once each.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use jsonwebtoken::Algorithm;
use serde_json::json;

use super::table::Table;
use super::{MEASURED_CORE, cpu};
use crate::harness::Setup;
use crate::http_client::Outgoing;
use crate::issuer::{SigningKey, claims};

const ISSUER: &str = "https://id.example.com";
/// How often it is looked at on the way.
const LOOKS: usize = 4;

/// Sends `count` different tokens to the real binary, and tells what it holds by then.
///
/// # Errors
/// When the gateway does not start or does not accept a token.
pub async fn memory(gateway: &Path, count: usize) -> Result<Table> {
    let key = SigningKey::new(Algorithm::EdDSA, "k")?;
    let jwks = json!({"keys": [key.jwk]}).to_string();
    let resources = format!(
        "apiVersion: parapet.dev/v1alpha1\nkind: IdentityProvider\nmetadata: {{name: corp}}\nspec:\n  issuer: {ISSUER}\n  \
         audiences: [parapet]\n  jwks: {{inline: '{jwks}'}}\n  claims: {{user: email, teams: groups}}\n---\n\
         apiVersion: parapet.dev/v1alpha1\nkind: ModelProvider\nmetadata: {{name: demo}}\nspec: {{demo: {{}}}}\n"
    );
    let setup = Setup::new(resources).binary(gateway.to_owned());
    let gateway = setup.discard_stdout().core(MEASURED_CORE).start().await?;
    let pid = gateway.pid().context("the gateway has ended")?;
    let client = gateway.client();
    let mib = |kib: u64| format!("{:.1}", kib as f64 / 1024.0);
    let mut table = Table::new(&["different tokens", "resident MiB", "µs a request"]);
    table.row(["none".into(), mib(cpu::resident_kib(pid)?), String::new()]);
    let each = (count / LOOKS).max(1);
    for look in 0..LOOKS {
        let begun = Instant::now();
        for number in look * each..(look + 1) * each {
            let user = json!({"email": format!("user-{number}@example.com"), "jti": number});
            let token = key.sign(&claims(ISSUER, &user))?;
            let answer = client
                .send(Outgoing::get("/v1/models").bearer(&token))
                .await?;
            ensure!(answer.status == 200, "token {number}: {}", answer.status);
        }
        let us = begun.elapsed().as_secs_f64() * 1e6 / each as f64;
        let held = mib(cpu::resident_kib(pid)?);
        table.row([((look + 1) * each).to_string(), held, format!("{us:.0}")]);
    }
    Ok(table)
}
