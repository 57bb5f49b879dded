//! What is applied is enforced by every pod, and a request sees one revision.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::future::{join_all, try_join_all};
use parapet_tests::answer::Choice;
use parapet_tests::fake_llm::{FakeLlm, Speech, Turn};
use parapet_tests::http_client::{Client, Outgoing};
use serde_json::json;

use super::{BACK_WITHIN, GATEWAYS, World};
use crate::installed::Pod;
use crate::load::{answered, chat};
use crate::policy::{PUBLISHED_RULE, User, guards, published_model};
use crate::report::Report;
use crate::tool::{apply, kubectl, shown, until};

/// What the published rule's guardrail takes out, on the way in and on the way out.
const ASKED: &str = "write to ana@northwind.com";
const SAID: &str = "I wrote to bob@northwind.com";
/// The node's own address: what listens there can be called by pods.
pub(super) const NODE: &str = "10.200.0.1:0";
/// Requests that are under way while the policy changes.
const LONG_REQUESTS: usize = 12;

pub(super) async fn items(world: &World, report: &mut Report) {
    let name = "the published rule block, applied, edited and deleted, is what every pod enforces";
    world.show(report, name, || published(world)).await;
    let name = "an edit of a guardrail is enforced by every pod";
    world.show(report, name, || edits(world)).await;
    let name = "requests under way keep one revision";
    world.show(report, name, || one_revision(world)).await;
}

/// Waits until every pod does what is due.
pub(super) async fn everywhere<F>(
    pods: &[Pod],
    what: &str,
    look: impl Fn(Client) -> F,
) -> Result<Duration>
where
    F: Future<Output = Result<()>>,
{
    let begun = Instant::now();
    let look = &look;
    try_join_all(pods.iter().map(|pod| async move {
        let client = pod.client()?;
        let what = format!("{what} at {}", pod.name);
        until(BACK_WITHIN, &what, || look(client.clone())).await
    }))
    .await?;
    Ok(begun.elapsed())
}

/// Waits until every pod enforces an edit of [`guards`].
pub(super) async fn enforced(pods: &[Pod], edit: usize) -> Result<Duration> {
    let expected = format!("[edit {edit}]");
    let expected = &expected;
    everywhere(pods, expected, |client| async move {
        let got = answered(&client, chat("demo/echo", "marker")).await?;
        ensure!(got.as_ref() == Ok(expected), "it is at {got:?}");
        Ok(())
    })
    .await
}

async fn published(world: &World) -> Result<String> {
    let namespace = &world.installed.namespace;
    let (pods, _) = world.installed.gateways(GATEWAYS).await?;
    let fake = match &world.node {
        Some(_) => Some(FakeLlm::start_at(NODE).await?),
        None => None,
    };
    if let Some(fake) = &fake {
        let speech = Speech {
            choices: vec![Choice::saying(SAID)],
            ..Speech::default()
        };
        fake.script([Turn::Say(speech)]);
    }
    let user = User::new()?;
    let token = &user.token;
    let ask = |client: Client| {
        let body = json!({"model": "openai-main/gpt-4o", "messages": [{"role": "user", "content": ASKED}]});
        let request = Outgoing::post("/v1/chat/completions", body.to_string()).bearer(token);
        async move {
            answered(&client, request)
                .await?
                .map_err(|status| anyhow::anyhow!("status {status}"))
        }
    };
    let fake = &fake;
    // What the model received, and what the caller did: does it hold an address?
    let sees = |client: Client, asked: bool, said: bool| {
        let answer = ask(client);
        async move {
            let before = fake.as_ref().map_or(0, |fake| fake.bodies().len());
            let answer = answer.await?;
            let (into, out) = match fake {
                // Other pods are asked at the same time: none of their questions may hold it, or all.
                Some(fake) => {
                    let bodies = fake.bodies();
                    let new = bodies.get(before..).unwrap_or_default();
                    (
                        new.iter()
                            .all(|body| body.to_string().contains("@northwind")),
                        answer.contains("@northwind"),
                    )
                }
                // The demo provider echoes: what went in comes out.
                None => (answer.contains("@northwind"), answer.contains("@northwind")),
            };
            ensure!(
                (into, out) == (asked, said),
                "the model sees the address: {into}; the caller: {out}"
            );
            Ok(())
        }
    };
    let url = fake.as_ref().map(FakeLlm::url);
    apply(namespace, &published_model(url.as_deref())).await?;
    apply(namespace, &user.issuer()).await?;
    everywhere(&pods, "unguarded without a rule", |client| {
        sees(client, true, true)
    })
    .await?;

    apply(namespace, PUBLISHED_RULE).await?;
    let applied = everywhere(&pods, "guarded in and out", |client| {
        sees(client, false, false)
    })
    .await?;
    // On the way out nothing is guarded any more.
    let edited = PUBLISHED_RULE.replace(
        "llm_output_guardrails: [operant/operant-redact-profile]",
        "llm_output_guardrails: []",
    );
    apply(namespace, &edited).await?;
    let expected_out = fake.is_some();
    let edited = everywhere(&pods, "guarded in only", |client| {
        sees(client, false, expected_out)
    })
    .await?;
    kubectl(&[
        "-n",
        namespace,
        "delete",
        "guardrailconfig",
        "guardrails-control",
    ])
    .await?;
    let deleted = everywhere(&pods, "unguarded", |client| sees(client, true, true)).await?;
    Ok(format!(
        "{} pods, from kubectl's end: applied {}, edited {}, deleted {}",
        pods.len(),
        shown(applied),
        shown(edited),
        shown(deleted)
    ))
}

async fn edits(world: &World) -> Result<String> {
    let (pods, _) = world.installed.gateways(GATEWAYS).await?;
    let mut took = Vec::new();
    for _ in 0..5 {
        let edit = world.edit();
        apply(&world.installed.namespace, &guards(edit)).await?;
        took.push(enforced(&pods, edit).await?);
    }
    took.sort();
    let (message, told) = world.installed.programmed(GATEWAYS).await?;
    let slowest = took.last().copied().unwrap_or_default();
    let middle = took.get(took.len() / 2).copied().unwrap_or_default();
    Ok(format!(
        "median {}, slowest {} from kubectl's end; told {} later: {message}",
        shown(middle),
        shown(slowest),
        shown(told)
    ))
}

async fn one_revision(world: &World) -> Result<String> {
    let (pods, _) = world.installed.gateways(GATEWAYS).await?;
    // What the model is told to say holds a marker, which becomes the edit on its way in, and half a second later the
    // two halves of one, which becomes the edit on its way out.
    let script =
        json!([{"text": "marker and "}, {"pause_ms": 1500, "text": "mar"}, {"text": "ker"}])
            .to_string();
    let script = &script;
    let first = world.edits.get();
    let asked = join_all((0..LONG_REQUESTS).map(|number| {
        let pod = pods.get(number % pods.len().max(1));
        async move {
            let client = pod.context("a pod")?.client()?;
            tokio::time::sleep(Duration::from_millis(100) * u32::try_from(number)?).await;
            let answer = answered(&client, chat("demo/script", script)).await?;
            answer.map_err(|status| anyhow::anyhow!("status {status}"))
        }
    }));
    let change = async {
        for _ in 0..4 {
            let edit = world.edit();
            apply(&world.installed.namespace, &guards(edit)).await?;
            enforced(&pods, edit).await?;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        anyhow::Ok(())
    };
    let (answers, changed) = tokio::join!(asked, change);
    changed?;
    let mut seen = std::collections::BTreeSet::new();
    for answer in answers {
        let answer = answer?;
        let (before, after) = answer
            .split_once(" and ")
            .with_context(|| format!("not what it was told to say: {answer}"))?;
        ensure!(
            before == after && before.starts_with("[edit "),
            "two revisions in one answer: {answer}"
        );
        seen.insert(before.to_owned());
    }
    ensure!(
        seen.len() > 1,
        "no edit fell into the time of the requests: {seen:?}"
    );
    let edits = world.edits.get() - first;
    Ok(format!(
        "{LONG_REQUESTS} answers of 1.5 s during {edits} edits, each of one revision, {} of them seen",
        seen.len()
    ))
}
