//! What it costs to know who calls: microseconds of a token, for the first time and when it is remembered, and memory when
//! 100,000 different ones have come. `cargo run --release -p parapet-tests --example identity_cost`.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Result, anyhow};
use http::{HeaderMap, HeaderValue, header};
use jsonwebtoken::Algorithm;
use parapet_crds::read::Secrets;
use parapet_gateway::identity::Identities;
use parapet_policy::bundle::{AccountEntry, Bundle, ResourceEntry, SecretId};
use parapet_policy::diagnostic::Source;
use parapet_tests::issuer::{SigningKey, claims};
use serde_json::{Value, json};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ISSUER: &str = "https://id.example.com";
/// Tokens that come once.
const DISTINCT: usize = 100_000;

fn main() -> Result<()> {
    let keys = [
        Algorithm::RS256,
        Algorithm::PS256,
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::EdDSA,
    ]
    .map(|algorithm| SigningKey::new(algorithm, &format!("{algorithm:?}")));
    let keys = keys.into_iter().collect::<Result<Vec<_>>>()?;
    let identities = identities(&keys);
    println!("{:34}{:>8}{:>10}", "µs (aim, warm: 2)", "warm", "cold");
    let machine = bearer("bot-token")?;
    println!(
        "{:34}{:8.2}",
        "an account's token",
        warm(&identities, &machine)?
    );
    for key in &keys {
        // The second is of 2.5 to 2.8 KB, which is what large companies' tokens are.
        for (what, groups) in [("", 5), (", 100 teams", 100)] {
            let groups: Vec<_> = (0..groups).map(|n| format!("department-{n}")).collect();
            let sign = |n: usize| key.sign(&claims(ISSUER, &json!({"groups": groups, "jti": n})));
            let token = sign(0)?;
            let name = format!("{:?}, {} bytes{what}", key.algorithm, token.len());
            let headers = bearer(&token)?;
            let cold = cold(&identities, sign)?;
            println!("{name:34}{:8.2}{cold:10.1}", warm(&identities, &headers)?);
        }
    }
    memory(
        &identities,
        keys.last().ok_or_else(|| anyhow!("there are keys"))?,
    )
}

fn source(kind: &str) -> Source {
    Source {
        kind: kind.into(),
        namespace: "default".into(),
        name: "bench".into(),
        file: None,
    }
}

fn identities(keys: &[SigningKey]) -> Identities {
    let keys: Vec<&Value> = keys.iter().map(|key| &key.jwk).collect();
    let token = SecretId {
        namespace: "default".into(),
        name: "bot".into(),
        key: "token".into(),
    };
    let mut secrets = Secrets::default();
    secrets.insert(token.clone(), "bot-token");
    let account = AccountEntry {
        source: source("VirtualAccount"),
        tokens: vec![token],
        identities: Vec::new(),
        teams: Vec::new(),
        roles: Vec::new(),
        metadata: Default::default(),
        fixed_metadata: Default::default(),
        expires_at: None,
    };
    let provider = ResourceEntry {
        source: source("IdentityProvider"),
        spec: json!({
            "issuer": ISSUER, "audiences": ["parapet"],
            "jwks": {"inline": json!({"keys": keys}).to_string()},
            "claims": {"user": "email", "teams": "groups"},
        }),
    };
    let bundle = Bundle {
        accounts: vec![account],
        identity_providers: vec![provider],
        ..Bundle::default()
    };
    Identities::new(&bundle, &secrets).0
}

fn bearer(token: &str) -> Result<HeaderMap> {
    let value = HeaderValue::from_str(&format!("Bearer {token}"))?;
    Ok(HeaderMap::from_iter([(header::AUTHORIZATION, value)]))
}

fn ask(identities: &Identities, headers: &HeaderMap) -> Result<()> {
    black_box(identities.authenticate(black_box(headers))?);
    Ok(())
}

/// The least mean of several rounds.
fn warm(identities: &Identities, headers: &HeaderMap) -> Result<f64> {
    const TIMES: u32 = 2000;
    let mut least = f64::MAX;
    for _ in 0..200 {
        let begun = Instant::now();
        for _ in 0..TIMES {
            ask(identities, headers)?;
        }
        least = least.min(begun.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES));
    }
    Ok(least)
}

/// The least of tokens that come for the first time.
fn cold(identities: &Identities, sign: impl Fn(usize) -> Result<String>) -> Result<f64> {
    let mut least = f64::MAX;
    for n in 1..300 {
        let headers = bearer(&sign(n)?)?;
        let begun = Instant::now();
        ask(identities, &headers)?;
        least = least.min(begun.elapsed().as_secs_f64() * 1e6);
    }
    Ok(least)
}

fn memory(identities: &Identities, key: &SigningKey) -> Result<()> {
    let before = resident()?;
    println!();
    for n in 1..=DISTINCT {
        let token = key.sign(&claims(
            ISSUER,
            &json!({"jti": n, "email": format!("user-{n}@example.com")}),
        ))?;
        ask(identities, &bearer(&token)?)?;
        if n % (DISTINCT / 4) == 0 {
            let grown = resident()?.saturating_sub(before) as f64 / 1024.0;
            println!("{n:>7} different tokens: {grown:6.1} MiB more");
        }
    }
    Ok(())
}

/// KiB of memory that this process holds.
fn resident() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or_else(|| anyhow!("no VmRSS"))?.parse()?)
}
