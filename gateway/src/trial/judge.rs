//! What the guardrails of one hook come to.

use std::io::{self, Write};
use std::rc::Rc;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use parapet_guardrails::client::{ClientError, ClientRequest, ClientResponse, HttpClient};
use parapet_guardrails::exchange::Call;
use parapet_guardrails::guardrail::Guardrail;
use parapet_policy::hook::Hook;
use parapet_policy::outcome::{Operation, Strategy};
use parapet_policy::plan::Planned;
use parapet_policy::record::{GuardrailRecord, Record};

use super::Trial;
use crate::handler::payload::{RequestPayload, ResponsePayload};
use crate::pipeline::block::Blocked;
use crate::pipeline::hook;
use crate::pipeline::payload::Payload;
use crate::pipeline::recording::Recording;
use crate::pipeline::stage::Stage;
use crate::pipeline::text::findings_of;

/// Runs the input hook and prints what comes of it. Whether the request would be stopped.
pub(super) fn input(trial: &Trial, show_text: bool, out: &mut impl Write) -> anyhow::Result<bool> {
    let texts = trial.request.texts(&trial.limits)?;
    let mut payload = RequestPayload {
        request: trial.request.clone(),
        texts,
    };
    let blocked = run(trial, Hook::LlmInput, &mut payload, show_text, out)?;
    if !blocked {
        let RequestPayload { request, mut texts } = payload;
        if **request.model() != *trial.upstream_model {
            request.put_model(&mut texts, &trial.upstream_model);
        }
        if trial.plan.hooks.llm_output.iter().any(may_change) && request.put_no_store(&mut texts) {
            writeln!(
                out,
                "\nthe answer may be changed on its way out, so store is set to false"
            )?;
        }
        body("sent upstream", &texts.to_bytes(), out)?;
    }
    Ok(blocked)
}

/// Runs the output hook on a given answer and prints what comes of it. Whether it would be stopped.
pub(super) fn output(trial: &Trial, show_text: bool, out: &mut impl Write) -> anyhow::Result<bool> {
    let Some(response) = &trial.response else {
        writeln!(
            out,
            "\nllm_output\n  no model is called: give an answer to judge with --response FILE"
        )?;
        return Ok(false);
    };
    let request = RequestPayload {
        request: trial.request.clone(),
        texts: trial.request.texts(&trial.limits)?,
    };
    let texts = response.texts(Some(&trial.request), &trial.limits)?;
    let mut payload = ResponsePayload {
        request: &request,
        response: Some(response),
        texts,
    };
    let blocked = run(trial, Hook::LlmOutput, &mut payload, show_text, out)?;
    if !blocked {
        body("sent to the client", &payload.texts.to_bytes(), out)?;
    }
    Ok(blocked)
}

fn may_change(planned: &Planned) -> bool {
    planned.operation == Operation::Mutate && planned.strategy != Strategy::Audit
}

fn body(what: &str, bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\n{what}\n{}", String::from_utf8_lossy(bytes))
}

fn run<P: Payload>(
    trial: &Trial,
    hook: Hook,
    payload: &mut P,
    show_text: bool,
    out: &mut impl Write,
) -> anyhow::Result<bool> {
    writeln!(out, "\n{}", hook.as_str())?;
    let all = trial.plan.hooks.get(hook);
    let is_service = |planned: &&Planned| {
        let ready = trial.snapshot.guardrails.get(planned.guardrail as usize);
        matches!(
            ready.and_then(|ready| ready.guardrail()),
            Some(Guardrail::Service(_))
        )
    };
    found(trial, all, payload, show_text, out)?;
    let local: Vec<Planned> = all
        .iter()
        .filter(|planned| !is_service(planned))
        .cloned()
        .collect();
    let (result, record) = judge(trial, hook, &local, payload)?;
    for guardrail in &record.guardrails {
        writeln!(out, "  {}: {}", guardrail.selector, outcome(guardrail))?;
    }
    for planned in all.iter().filter(is_service) {
        let ready = trial.snapshot.guardrails.get(planned.guardrail as usize);
        let selector = ready.map_or("?", |ready| &*ready.selector);
        writeln!(out, "  {selector}: not asked, it is a service")?;
    }
    if all.is_empty() {
        writeln!(out, "  nothing runs")?;
    }
    match result {
        Ok(()) => Ok(false),
        Err(blocked) => {
            writeln!(
                out,
                "\nblocked with status {}: {}",
                blocked.status(),
                blocked.message()
            )?;
            Ok(true)
        }
    }
}

/// Where each text guardrail finds something in the text as it came.
fn found<P: Payload>(
    trial: &Trial,
    plan: &[Planned],
    payload: &P,
    show_text: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    for planned in plan {
        let Some(ready) = trial.snapshot.guardrails.get(planned.guardrail as usize) else {
            continue;
        };
        let Some(Guardrail::Text(text)) = ready.guardrail() else {
            continue;
        };
        for finding in findings_of(&**text, planned.scope, payload) {
            let range = finding.hit.range.clone();
            let place = payload.place(finding.segment);
            write!(
                out,
                "  {} finds {} in {place}, bytes {}..{}",
                ready.selector, finding.hit.category, range.start, range.end
            )?;
            if show_text {
                let found = payload
                    .segments()
                    .text(finding.segment)
                    .get(range)
                    .unwrap_or_default();
                write!(out, ": {found:?}")?;
            }
            writeln!(out)?;
        }
    }
    Ok(())
}

/// Runs a plan without services on a runtime of its own.
fn judge<P: Payload>(
    trial: &Trial,
    hook: Hook,
    plan: &[Planned],
    payload: &mut P,
) -> anyhow::Result<(Result<(), Blocked>, Record)> {
    let record = Rc::new(std::cell::RefCell::new(None));
    let kept = Rc::clone(&record);
    let sink = Rc::new(move |record| *kept.borrow_mut() = Some(record));
    let recording = Recording::begin("try".into(), "try", sink);
    let stage = Stage {
        hook,
        plan,
        guardrails: &trial.snapshot.guardrails,
        call: Arc::new(Call {
            hook,
            caller: trial.facts.caller.clone(),
            metadata: trial.facts.metadata.clone(),
            models: trial.facts.target.models(),
            mcp: None,
            request_id: "try".into(),
        }),
        client: Arc::new(NoClient),
        recording: &recording,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(Default::default())?;
    let result = runtime.block_on(async {
        let mut race = hook::run(&stage, payload).await?;
        race.finish().await
    });
    drop(stage);
    drop(recording);
    drop(runtime);
    let record = record.borrow_mut().take();
    let record = record.ok_or_else(|| anyhow::anyhow!("the guardrails left no record"))?;
    Ok((result, record))
}

fn outcome(guardrail: &GuardrailRecord) -> String {
    let mut text = guardrail.outcome.to_owned();
    if let Some(failure) = guardrail.failure {
        text.push_str(&format!(" ({failure:?})"));
    }
    if let Some(reason) = guardrail.skipped {
        text.push_str(&format!(" ({reason:?})"));
    }
    let counted: Vec<String> = guardrail
        .categories
        .iter()
        .map(|(category, count)| format!("{category} ×{count}"))
        .collect();
    if !counted.is_empty() {
        text.push_str(&format!(": {}", counted.join(", ")));
    }
    if guardrail.edits > 0 {
        let plural = if guardrail.edits == 1 { "" } else { "s" };
        text.push_str(&format!("; {} edit{plural}", guardrail.edits));
    }
    text
}

/// `try` asks nobody.
struct NoClient;

impl HttpClient for NoClient {
    fn send(&self, request: ClientRequest) -> BoxFuture<'_, Result<ClientResponse, ClientError>> {
        let host = request.uri.host().unwrap_or_default().to_owned();
        Box::pin(async move {
            Err(ClientError::Unavailable {
                host,
                reason: "try calls nobody".to_owned(),
            })
        })
    }
}
