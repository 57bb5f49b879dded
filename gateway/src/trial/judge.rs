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
use parapet_policy::rule::Unscannable;

use super::Trial;
use crate::handler::payload::{RequestPayload, ResponsePayload};
use crate::handler::tools::ToolHooks;
use crate::llm::{Request, Response, UnjudgedCounts};
use crate::pipeline::block::Blocked;
use crate::pipeline::payload::Payload;
use crate::pipeline::recording::Recording;
use crate::pipeline::stage::Stage;
use crate::pipeline::text::findings_of;
use crate::pipeline::{hook, unjudged};

/// What came of one payload.
pub(super) enum Judged<T> {
    /// It is not to go on.
    Blocked,
    /// It goes on, with what is left of it.
    Goes(T),
}

/// How something is printed.
#[derive(Clone, Copy)]
pub(super) struct Style {
    /// Before each line.
    pub(super) indent: &'static str,
    /// Whether what is found is printed, and not only where.
    pub(super) show_text: bool,
}

/// One payload and what judges it.
pub(super) struct Case<'a> {
    /// The guardrails, in order.
    pub(super) plan: &'a [Planned],
    /// The call as they know it; its hook is theirs.
    pub(super) call: Call,
    /// Content that none can judge, when a rule refuses it.
    pub(super) refused: Option<UnjudgedCounts>,
}

/// Runs the input hook on what is left of the request, and prints what comes of it. Whether it would be stopped.
pub(super) fn input(
    trial: &Trial,
    request: Request,
    show_text: bool,
    out: &mut dyn Write,
) -> anyhow::Result<bool> {
    let hook = Hook::LlmInput;
    writeln!(out, "\n{}", hook.as_str())?;
    let texts = request.texts(&trial.limits)?;
    let mut payload = RequestPayload { request, texts };
    let case = of_model(trial, hook, payload.texts.unjudged());
    if let Some(blocked) = run(trial, &case, &mut payload, Style::of(show_text), out)? {
        say(&blocked, out)?;
        return Ok(true);
    }
    let RequestPayload { request, mut texts } = payload;
    if **request.model() != *trial.upstream_model {
        request.put_model(&mut texts, &trial.upstream_model);
    }
    let changed_by_tools = trial
        .tools
        .as_ref()
        .is_some_and(ToolHooks::may_change_answers);
    let may_change = changed_by_tools || trial.plan.hooks.llm_output.iter().any(may_change);
    if may_change && request.put_no_store(&mut texts) {
        writeln!(
            out,
            "\nthe answer may be changed on its way out, so store is set to false"
        )?;
    }
    body("sent upstream", &texts.to_bytes(), out)?;
    Ok(false)
}

/// Runs the output hook on a given answer, and prints what comes of it. What is left of the answer.
pub(super) fn output(
    trial: &Trial,
    response: &Response,
    show_text: bool,
    out: &mut dyn Write,
) -> anyhow::Result<Judged<Vec<u8>>> {
    let hook = Hook::LlmOutput;
    writeln!(out, "\n{}", hook.as_str())?;
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
    let case = of_model(trial, hook, payload.texts.unjudged());
    match run(trial, &case, &mut payload, Style::of(show_text), out)? {
        Some(blocked) => {
            say(&blocked, out)?;
            Ok(Judged::Blocked)
        }
        None => Ok(Judged::Goes(payload.texts.to_bytes().to_vec())),
    }
}

impl Style {
    const fn of(show_text: bool) -> Self {
        Self {
            indent: "  ",
            show_text,
        }
    }
}

/// What judges a request of the model, or its answer.
fn of_model<'a>(trial: &'a Trial, hook: Hook, unjudged: &UnjudgedCounts) -> Case<'a> {
    let refuses = trial.plan.unscannable == Unscannable::Block;
    Case {
        plan: trial.plan.hooks.get(hook),
        call: call(trial, hook),
        refused: refuses.then_some(*unjudged),
    }
}

/// The call of the model.
pub(super) fn call(trial: &Trial, hook: Hook) -> Call {
    Call {
        hook,
        caller: trial.facts.caller.clone(),
        metadata: trial.facts.metadata.clone(),
        models: trial.facts.target.models(),
        mcp: None,
        request_id: "try".into(),
    }
}

fn may_change(planned: &Planned) -> bool {
    planned.operation == Operation::Mutate && planned.strategy != Strategy::Audit
}

pub(super) fn body(what: &str, bytes: &[u8], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n{what}\n{}", String::from_utf8_lossy(bytes))
}

/// What a client would be told.
pub(super) fn say(blocked: &Blocked, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "\nblocked with status {}: {}",
        blocked.status(),
        blocked.message()
    )
}

/// Runs the guardrails on a payload, and prints what each of them makes of it. The block, when there is one.
pub(super) fn run<P: Payload>(
    trial: &Trial,
    case: &Case<'_>,
    payload: &mut P,
    style: Style,
    out: &mut dyn Write,
) -> anyhow::Result<Option<Blocked>> {
    let Case {
        plan: all,
        call,
        refused,
    } = case;
    let indent = style.indent;
    if let Some(unjudged) = refused.as_ref().filter(|unjudged| !unjudged.is_empty()) {
        return Ok(Some(unjudged::blocked(call.hook, unjudged)));
    }
    let is_service = |planned: &&Planned| {
        let ready = trial.snapshot.guardrails.get(planned.guardrail as usize);
        matches!(
            ready.and_then(|ready| ready.guardrail()),
            Some(Guardrail::Service(_))
        )
    };
    found(trial, all, payload, style, out)?;
    let local: Vec<Planned> = all
        .iter()
        .filter(|planned| !is_service(planned))
        .cloned()
        .collect();
    let (result, record) = judge(trial, call.clone(), &local, payload)?;
    for guardrail in &record.guardrails {
        writeln!(
            out,
            "{indent}{}: {}",
            guardrail.selector,
            outcome(guardrail)
        )?;
    }
    for planned in all.iter().filter(is_service) {
        let ready = trial.snapshot.guardrails.get(planned.guardrail as usize);
        let selector = ready.map_or("?", |ready| &*ready.selector);
        writeln!(out, "{indent}{selector}: not asked, it is a service")?;
    }
    if all.is_empty() {
        writeln!(out, "{indent}nothing runs")?;
    }
    Ok(result.err())
}

/// Where each text guardrail finds something in the text as it came.
fn found<P: Payload>(
    trial: &Trial,
    plan: &[Planned],
    payload: &P,
    style: Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    let Style { indent, show_text } = style;
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
                "{indent}{} finds {} in {place}, bytes {}..{}",
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
    call: Call,
    plan: &[Planned],
    payload: &mut P,
) -> anyhow::Result<(Result<(), Blocked>, Record)> {
    let record = Rc::new(std::cell::RefCell::new(None));
    let kept = Rc::clone(&record);
    let sink = Rc::new(move |record| *kept.borrow_mut() = Some(record));
    let recording = Recording::begin("try".into(), "try", sink);
    let stage = Stage {
        hook: call.hook,
        plan,
        guardrails: &trial.snapshot.guardrails,
        call: Arc::new(call),
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
