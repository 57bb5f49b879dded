//! Values of a span's attributes, and the words for them.

use parapet_policy::outcome::{Operation, Strategy};
use parapet_policy::record::{Attempt, GuardrailRecord, Parameters};

use super::super::names;
use super::super::wire::Attributes;

pub(super) fn put_server(attributes: &mut Attributes<'_>, server: Option<&str>) {
    let Some((host, port)) = server.and_then(|server| server.rsplit_once(':')) else {
        return;
    };
    attributes.str(names::SERVER_ADDRESS, host);
    if let Ok(port) = port.parse() {
        attributes.int(names::SERVER_PORT, port);
    }
}

/// The beginning of a body; its last character may be cut.
pub(super) fn put_content(attributes: &mut Attributes<'_>, name: &str, body: &[u8]) {
    let text = match std::str::from_utf8(body) {
        Ok(text) => text,
        Err(error) => {
            let valid = body.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(valid).unwrap_or_default()
        }
    };
    if !text.is_empty() {
        attributes.text(name, text, text.len());
    }
}

pub(super) fn put_count(attributes: &mut Attributes<'_>, name: &str, count: Option<u64>) {
    if let Some(count) = count {
        attributes.int(name, count);
    }
}

/// What an answer said about itself.
pub(super) fn put_details(attributes: &mut Attributes<'_>, attempt: &Attempt) {
    put_count(
        attributes,
        names::CACHE_READ_TOKENS,
        attempt.cache_read_tokens,
    );
    put_count(
        attributes,
        names::CACHE_WRITE_TOKENS,
        attempt.cache_write_tokens,
    );
    put_count(
        attributes,
        names::REASONING_TOKENS,
        attempt.reasoning_tokens,
    );
    if let Some(id) = &attempt.response_id {
        attributes.str(names::RESPONSE_ID, id);
    }
    if let Some(model) = &attempt.response_model {
        attributes.str(names::RESPONSE_MODEL, model);
    }
    attributes.strs(
        names::FINISH_REASONS,
        attempt.finish_reasons.iter().copied(),
    );
}

/// What the client asked for in numbers.
pub(super) fn put_parameters(attributes: &mut Attributes<'_>, parameters: &Parameters) {
    put_count(attributes, names::MAX_TOKENS, parameters.max_tokens);
    put_count(attributes, names::CHOICES, parameters.choices);
    if let Some(seed) = parameters.seed {
        attributes.signed(names::SEED, seed);
    }
    for (name, value) in [
        (names::TEMPERATURE, parameters.temperature),
        (names::TOP_P, parameters.top_p),
        (names::TOP_K, parameters.top_k),
        (names::FREQUENCY_PENALTY, parameters.frequency_penalty),
        (names::PRESENCE_PENALTY, parameters.presence_penalty),
    ] {
        if let Some(value) = value {
            attributes.double(name, value);
        }
    }
}

/// Routes that are known have one method each.
pub(super) fn method(route: &str) -> &'static str {
    match route {
        "/v1/models" | "/v1/models/{model}" => "GET",
        // The conventions' word for a method that is not one of the known ones.
        "other" => "_OTHER",
        _ => "POST",
    }
}

pub(super) const fn operation(operation: Operation) -> &'static str {
    match operation {
        Operation::Validate => "validate",
        Operation::Mutate => "mutate",
    }
}

pub(super) const fn strategy(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::Enforce => "enforce",
        Strategy::EnforceButIgnoreOnError => "enforce_but_ignore_on_error",
        Strategy::Audit => "audit",
    }
}

/// What was done about what was found.
pub(super) fn action(guardrail: &GuardrailRecord) -> &'static str {
    if guardrail.blocks {
        "block"
    } else if guardrail.outcome == "changed" && guardrail.strategy != Strategy::Audit {
        "modify"
    } else {
        "allow"
    }
}

/// The outcome in the published words.
pub(super) fn result(guardrail: &GuardrailRecord) -> &'static str {
    match guardrail.outcome {
        "changed" => "mutate",
        "violation" | "failed" => "flag",
        _ => "pass",
    }
}

pub(super) fn after_slash(selector: &str) -> &str {
    selector.rsplit_once('/').map_or(selector, |(_, name)| name)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds of a request fit a double exactly for centuries"
)]
pub(super) fn seconds(micros: u64) -> f64 {
    micros as f64 / 1_000_000.0
}

pub(super) fn millis(micros: u64) -> f64 {
    seconds(micros) * 1000.0
}
