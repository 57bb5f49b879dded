//! The span of what one guardrail did.

use parapet_policy::bundle::Revision;
use parapet_policy::record::GuardrailRecord;

use super::super::wire::Attributes;
use super::KnownGuardrails;
use super::names::{self, published};
use super::values::{action, after_slash, millis, operation, result, strategy};
use super::{ATTRIBUTES, Kind, Span, Spans};
use crate::telemetry::known::{clean, is_clean};

/// Numbers of these spans begin here.
const GUARDRAILS: u32 = 2 << 30;

/// Attributes that are the same in every span of a guardrail.
#[derive(Debug)]
pub(in super::super) struct Same {
    /// Those that say which guardrail it is.
    identity: Vec<u8>,
    /// Those that say that it found nothing.
    clean: Vec<u8>,
}

impl Same {
    fn new(guardrail: &GuardrailRecord, revision: Option<Revision>, published: bool) -> Self {
        Self {
            identity: written(|attributes| {
                attributes
                    .str(names::SELECTOR, &guardrail.selector)
                    .str(names::KIND, guardrail.kind)
                    .str(names::HOOK, guardrail.hook.as_str())
                    .str(names::GUARDRAIL_OPERATION, operation(guardrail.operation))
                    .str(names::STRATEGY, strategy(guardrail.strategy))
                    .strs(names::RULES, guardrail.rules.iter().map(|rule| &**rule));
                if let Some(revision) = revision {
                    attributes.str(names::REVISION, &revision.to_string());
                }
                if published {
                    attributes
                        .str(published::SPAN_TYPE, "Guardrail")
                        .str(published::GUARDRAIL, after_slash(&guardrail.selector))
                        .str(published::GUARDRAIL_FQN, &guardrail.selector)
                        .str(published::APPLIED_ON, "model");
                }
            }),
            clean: written(|attributes| put_outcome(attributes, &clean(guardrail), published)),
        }
    }
}

fn written(write: impl FnOnce(&mut Attributes<'_>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut Attributes {
        out: &mut out,
        field: ATTRIBUTES,
    });
    out
}

fn put_outcome(attributes: &mut Attributes<'_>, guardrail: &GuardrailRecord, published: bool) {
    let categories = || guardrail.categories.iter();
    let action = action(guardrail);
    attributes
        .str(names::OUTCOME, guardrail.outcome)
        .str(names::ACTION, action)
        .strs(
            names::CATEGORIES,
            categories().map(|(category, _)| &**category),
        )
        .ints(
            names::COUNTS,
            categories().map(|(_, count)| u64::from(*count)),
        )
        .int(names::EDITS, u64::from(guardrail.edits))
        .bool(names::CHANGED, action == "modify");
    if let Some(places) = &guardrail.places {
        attributes.strs(names::PLACES, places.first.iter().map(|place| &**place));
    }
    if let Some(class) = guardrail.failure {
        attributes.str(names::ERROR_TYPE, class.as_str());
    }
    if published {
        attributes.str(published::RESULT, result(guardrail));
    }
}

impl Spans<'_> {
    pub(super) fn guardrail(
        &mut self,
        index: u32,
        guardrail: &GuardrailRecord,
        known: &mut KnownGuardrails,
    ) {
        let (record, published) = (self.record, self.published);
        let id = self.trace.span(GUARDRAILS + index);
        let name = match published {
            true => ["Guardrail", ""],
            false => ["run_guardrail", &*guardrail.selector],
        };
        let span = Span {
            id,
            parent: Some(self.trace.span_id),
            remote: false,
            name,
            kind: Kind::Internal,
            start_us: guardrail.start_us,
            took_us: guardrail.took_us,
            failed: guardrail.failure.is_some(),
        };
        let same = known.of(guardrail, record.revision, || {
            Same::new(guardrail, record.revision, published)
        });
        self.span(&span, |attributes| {
            if let Some(same) = same {
                attributes.out.extend_from_slice(&same.identity);
            }
            match same.filter(|_| is_clean(guardrail)) {
                Some(same) => attributes.out.extend_from_slice(&same.clean),
                None => put_outcome(attributes, guardrail, published),
            }
            if let Some(tool) = &guardrail.tool {
                attributes.str(names::TOOL, tool);
            }
            attributes.int(names::DURATION, guardrail.took_us);
            if published {
                attributes.double(published::GUARDRAIL_LATENCY, millis(guardrail.took_us));
                if let Some(model) = record.model.as_deref() {
                    attributes.str(published::APPLIED_ON_NAME, model);
                }
            }
        });
        for call in &guardrail.calls {
            self.call(id, call);
        }
    }
}
