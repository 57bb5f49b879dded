//! Calling a service guardrail: deadline, failure and verdict.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use parapet_guardrails::client::HttpClient;
use parapet_guardrails::exchange::{Exchange, ServiceError, Verdict};
use parapet_guardrails::finding::Edit;
use parapet_guardrails::guardrail::ServiceGuardrail;
use parapet_guardrails::segment::Rewrite;
use parapet_policy::outcome::{FailureClass, Operation, Outcome};
use parapet_policy::record::Places;

use super::judge::Judged;
use super::payload::Payload;

/// Calls a service within its timeout. Owns what it needs, so that it can run beside anything.
pub(super) async fn call(
    service: Arc<dyn ServiceGuardrail>,
    exchange: Exchange,
    client: Arc<dyn HttpClient>,
    timeout: Duration,
    selector: Arc<str>,
) -> Result<Verdict, FailureClass> {
    match tokio::time::timeout(timeout, service.call(&exchange, &*client)).await {
        Ok(Ok(verdict)) => Ok(verdict),
        Ok(Err(ServiceError { class, message })) => {
            tracing::warn!(guardrail = %selector, class = ?class, error = %message, "a guardrail could not judge");
            Err(class)
        }
        Err(_) => {
            tracing::warn!(guardrail = %selector, timeout = ?timeout, "a guardrail did not answer in time");
            Err(FailureClass::Timeout)
        }
    }
}

/// What a validator's answer came to. A service that proposes a change found something.
pub(super) fn judge_validator(answer: Result<Verdict, FailureClass>) -> Judged {
    match answer {
        Err(class) => Judged::of(Outcome::Failed(class)),
        Ok(Verdict::Pass | Verdict::Body(_)) => Judged::clean(),
        Ok(Verdict::Violation {
            explanation,
            categories,
        }) => violation(explanation, categories),
        Ok(Verdict::Edits { edits, .. }) if edits.is_empty() => Judged::clean(),
        Ok(Verdict::Edits { categories, .. }) => violation(named(&categories), categories),
    }
}

/// What a mutator's answer came to, against the payload as it stands.
pub(super) fn judge_mutator<P: Payload>(
    answer: Result<Verdict, FailureClass>,
    payload: &P,
) -> Judged {
    match answer {
        Err(class) => Judged::of(Outcome::Failed(class)),
        Ok(Verdict::Pass) => Judged::clean(),
        Ok(Verdict::Violation {
            explanation,
            categories,
        }) => violation(explanation, categories),
        Ok(Verdict::Edits { edits, categories }) => changed(edits, categories, payload),
        Ok(Verdict::Body(returned)) => match payload.diff(&returned) {
            Ok(edits) => changed(edits, Vec::new(), payload),
            Err(path) => violation(format!("unmappable change at {path}"), Vec::new()),
        },
    }
}

/// What an answer came to under audit, where edits are counted and dropped. `sent` is the body that the
/// service judged.
pub(super) fn judge_audit(
    operation: Operation,
    answer: Result<Verdict, FailureClass>,
    sent: &[u8],
) -> Judged {
    match (operation, answer) {
        (Operation::Mutate, Ok(Verdict::Body(returned))) => {
            let sent = serde_json::from_slice(sent).unwrap_or(serde_json::Value::Null);
            would_change(count_changes(&sent, &returned), Vec::new())
        }
        (Operation::Mutate, Ok(Verdict::Edits { edits, categories })) => {
            would_change(edits.len(), categories)
        }
        (Operation::Validate | Operation::Mutate, answer) => judge_validator(answer),
    }
}

fn would_change(count: usize, categories: Vec<Cow<'static, str>>) -> Judged {
    if count == 0 {
        return Judged::clean();
    }
    let nothing = Edit {
        segment: 0,
        range: 0..0,
        replacement: "".into(),
    };
    let categories = categories
        .into_iter()
        .map(|category| (category, 1))
        .collect();
    Judged {
        outcome: Outcome::Changed,
        edits: vec![nothing; count],
        categories,
        places: None,
    }
}

/// How many leaves differ between two bodies.
fn count_changes(sent: &serde_json::Value, returned: &serde_json::Value) -> usize {
    use serde_json::Value::{Array, Object};
    match (sent, returned) {
        (Object(sent), Object(returned)) => {
            let missing = sent
                .keys()
                .filter(|key| !returned.contains_key(*key))
                .count();
            let changed: usize = returned
                .iter()
                .map(|(key, value)| sent.get(key).map_or(1, |sent| count_changes(sent, value)))
                .sum();
            missing + changed
        }
        (Array(sent), Array(returned)) => {
            let common: usize = sent
                .iter()
                .zip(returned)
                .map(|(a, b)| count_changes(a, b))
                .sum();
            common + sent.len().abs_diff(returned.len())
        }
        _ => usize::from(sent != returned),
    }
}

fn changed<P: Payload>(
    edits: Vec<Edit>,
    categories: Vec<Cow<'static, str>>,
    payload: &P,
) -> Judged {
    if edits.is_empty() {
        return Judged::clean();
    }
    let list = payload.segments().list();
    for edit in &edits {
        match list.get(edit.segment).map(|segment| segment.rewrite) {
            Some(Rewrite::Yes) => {}
            Some(Rewrite::No(why)) => {
                let place = payload.place(edit.segment);
                let explanation = format!("a change in {place} ({why}: cannot be rewritten)");
                return violation(explanation, categories)
                    .found_at(std::iter::once(edit.segment), payload);
            }
            None => return violation("unmappable change".to_owned(), categories),
        }
    }
    let categories = categories
        .into_iter()
        .map(|category| (category, 1))
        .collect();
    let places = Places::of(edits.iter().map(|edit| edit.segment), |segment| {
        payload.public_place(segment)
    });
    Judged {
        outcome: Outcome::Changed,
        edits,
        categories,
        places,
    }
}

fn named(categories: &[Cow<'static, str>]) -> String {
    if categories.is_empty() {
        "the guardrail found something".to_owned()
    } else {
        categories.join(", ")
    }
}

fn violation(explanation: String, categories: Vec<Cow<'static, str>>) -> Judged {
    let mut judged = Judged::of(Outcome::Violation {
        explanation: explanation.into(),
    });
    judged.categories = categories
        .into_iter()
        .map(|category| (category, 1))
        .collect();
    judged
}
