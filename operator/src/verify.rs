//! Does a gateway let through what it should, and block what it should not? Two requests, as a client sends them.

use std::fmt;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};
use zeroize::Zeroizing;

mod http;

use http::{Answer, Gateway};

/// How soon it is tried again.
const PAUSE: Duration = Duration::from_millis(500);

/// `verify`.
#[derive(Args, Clone, Debug)]
pub struct Verify {
    /// The gateway, e.g. http://parapet-gateway.parapet.svc.
    #[arg(long, env = "PARAPET_GATEWAY_URL", value_name = "URL")]
    pub gateway: String,
    /// A file with the token to call it with; the VirtualAccount that it belongs to has to be under the rules.
    #[arg(long, env = "PARAPET_TOKEN_FILE", value_name = "FILE")]
    pub token_file: PathBuf,
    /// The model to ask.
    #[arg(long, value_name = "MODEL", default_value = "demo/echo")]
    pub model: String,
    /// What has to reach the model.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "Name three cities by the sea."
    )]
    pub allowed_text: String,
    /// What has to be blocked; may be given several times, and every one has to be.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "My social security number is 536-22-1234."
    )]
    pub blocked_text: Vec<String>,
    /// A PEM file with authorities to trust beside the system's.
    #[arg(long, env = "PARAPET_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// How long it is tried again: what was just installed takes a moment.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = crate::args::duration)]
    pub wait: Duration,
}

/// What one request came to.
enum Seen {
    /// The model answered.
    Allowed,
    /// A guardrail has blocked it: which, and why.
    Blocked(String),
    /// Anything else: what was said, and what to do.
    Failed { said: String, hint: &'static str },
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed => f.write_str("the model answered"),
            Self::Blocked(why) => write!(f, "blocked by {why}"),
            Self::Failed { said, .. } => f.write_str(said),
        }
    }
}

/// Sends the requests until all come to what they should, or for as long as `wait` says. Says what came of each; true
/// when all is as it should be.
///
/// # Errors
/// When the command line or the token cannot be used.
pub fn run(args: &Verify, out: &mut impl Write) -> anyhow::Result<bool> {
    let token = std::fs::read_to_string(&args.token_file)
        .with_context(|| format!("reading the token in {}", args.token_file.display()))?;
    let token = Zeroizing::new(token);
    let gateway = Gateway::new(&args.gateway, token.trim(), args.ca_file.as_deref())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    runtime.block_on(async {
        let mut good = check(args, &gateway, &args.allowed_text, false, out).await?;
        for text in &args.blocked_text {
            good &= check(args, &gateway, text, true, out).await?;
        }
        writeln!(out, "{}", if good { "passed" } else { "FAILED" })?;
        Ok(good)
    })
}

/// One request, as often as it takes.
async fn check(
    args: &Verify,
    gateway: &Gateway,
    text: &str,
    to_be_blocked: bool,
    out: &mut impl Write,
) -> anyhow::Result<bool> {
    let deadline = Instant::now() + args.wait;
    let body = json!({"model": args.model, "messages": [{"role": "user", "content": text}]});
    loop {
        let begun = Instant::now();
        let answer = gateway.ask(body.to_string()).await;
        let took = begun.elapsed().as_millis();
        let status = answer
            .as_ref()
            .map_or_else(|_| "-".to_owned(), |answer| answer.status.to_string());
        let seen = seen(answer);
        let (good, hint) = match (&seen, to_be_blocked) {
            (Seen::Allowed, false) | (Seen::Blocked(_), true) => (true, ""),
            (Seen::Allowed, true) => (
                false,
                "no guardrail that finds this applies to this account and model: kubectl get parapet -A",
            ),
            (Seen::Blocked(_), false) => (false, "a rule takes this for bad: see --allowed-text"),
            (Seen::Failed { hint, .. }, _) => (false, *hint),
        };
        if good || Instant::now() + PAUSE > deadline {
            let expected = if to_be_blocked { "blocked" } else { "allowed" };
            let verdict = if good { "ok  " } else { "FAIL" };
            writeln!(
                out,
                "{verdict} to be {expected}: {status} in {took} ms: {seen}"
            )?;
            if !good {
                writeln!(out, "     {hint}")?;
            }
            return Ok(good);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What an answer says.
fn seen(answer: Result<Answer, String>) -> Seen {
    let answer = match answer {
        Ok(answer) => answer,
        Err(said) => {
            let hint = "is the address right, and is a gateway ready?";
            return Seen::Failed { said, hint };
        }
    };
    let Ok(body) = serde_json::from_str::<Value>(&answer.body) else {
        let said = "the answer is not JSON".to_owned();
        let hint = "is this a Parapet gateway?";
        return Seen::Failed { said, hint };
    };
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str);
    if answer.status == 200 && text("/choices/0/message/content").is_some() {
        return Seen::Allowed;
    }
    let kind = text("/error/type").unwrap_or_default();
    if answer.status == 400 && kind == "guardrail_checks_failed" {
        return Seen::Blocked(blockers(&body));
    }
    let hint = match (answer.status, kind) {
        (401 | 403, _) => "is there a VirtualAccount with this token, and may it use this model?",
        (404, _) => "is there a ModelProvider for this model?",
        (503, "guardrail_unavailable") => {
            "a guardrail counts as failed: kubectl get parapet -A says why"
        }
        _ => "see the gateway's log",
    };
    let said = text("/error/message").unwrap_or("an answer that says nothing");
    Seen::Failed {
        said: said.chars().take(500).collect(),
        hint,
    }
}

/// The guardrails that have blocked a request, with their explanations, which never hold what they have found.
fn blockers(body: &Value) -> String {
    let checks = body
        .pointer("/guardrail_checks/input_guardrails")
        .and_then(Value::as_array);
    let failed = checks
        .into_iter()
        .flatten()
        .filter(|check| check["result"] == "failed");
    let named = failed.map(|check| {
        let name = check["guardrail_integration"].as_str().unwrap_or("?");
        match check.pointer("/data/explanation").and_then(Value::as_str) {
            Some(why) => format!("{name} ({why})"),
            None => name.to_owned(),
        }
    });
    named.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_allowed_or_blocked_only_when_it_says_so() {
        let allowed = json!({"choices": [{"message": {"content": "a"}}]});
        let blocked = json!({
            "error": {"type": "guardrail_checks_failed", "message": "m"},
            "guardrail_checks": {"input_guardrails": [
                {"guardrail_integration": "g/x", "result": "failed", "data": {"explanation": "us_ssn"}},
                {"guardrail_integration": "g/y", "result": "passed"},
            ]},
        });
        let unavailable = json!({"error": {"type": "guardrail_unavailable", "message": "m"}});
        let said = |status: u16, body: &Value| {
            seen(Ok(Answer {
                status,
                body: body.to_string(),
            }))
        };
        assert!(matches!(said(200, &allowed), Seen::Allowed));
        assert!(matches!(said(200, &json!({})), Seen::Failed { .. }));
        assert!(matches!(said(400, &json!({})), Seen::Failed { .. }));
        assert!(matches!(said(500, &blocked), Seen::Failed { .. }));
        assert_eq!(said(400, &blocked).to_string(), "blocked by g/x (us_ssn)");
        let Seen::Failed { said: why, hint } = said(503, &unavailable) else {
            panic!("a guardrail that fails has blocked nothing")
        };
        assert!(why == "m" && hint.contains("counts as failed"));
        for odd in ["", "<html>", "[]"] {
            let answer = Answer {
                status: 200,
                body: odd.to_owned(),
            };
            assert!(matches!(seen(Ok(answer)), Seen::Failed { .. }), "{odd:?}");
        }
    }
}
