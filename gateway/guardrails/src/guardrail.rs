//! The four classes of guardrail.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use parapet_policy::compile::{HoldBack, KindReport, Problem};
use parapet_policy::diagnostic::{Reason, Severity};
use parapet_policy::hook::Hook;
use parapet_policy::outcome::Operation;
use parapet_policy::secret::SecretValue;

use crate::client::HttpClient;
use crate::exchange::{Call, Exchange, ServiceError, Verdict};
use crate::finding::Hit;
use crate::kinds::Kind;
use crate::scan::Layer;
use crate::segment::Segment;

/// A guardrail, built and ready to run.
#[derive(Clone)]
pub enum Guardrail {
    /// Judges text, synchronously, as it flows.
    Text(Arc<dyn TextGuardrail>),
    /// Judges facts and the call, never text.
    Context(Arc<dyn ContextGuardrail>),
    /// Calls a service.
    Service(Arc<dyn ServiceGuardrail>),
}

impl std::fmt::Debug for Guardrail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "Text",
            Self::Context(_) => "Context",
            Self::Service(_) => "Service",
        })
    }
}

/// A built guardrail with what the compiler and the planner need to know of it.
#[derive(Clone, Debug)]
pub struct Built {
    /// To run it.
    pub guardrail: Guardrail,
    /// The kind's record name.
    pub kind: &'static str,
    /// Hooks at which it can run.
    pub hooks: &'static [Hook],
    /// Warnings and information; no errors.
    pub remarks: Vec<Problem>,
}

/// A guardrail on text. Pure: the same text gives the same hits.
pub trait TextGuardrail: Send + Sync {
    /// The literals whose places it wants to know, so that one scan serves all guardrails of a plan.
    fn wants(&self) -> crate::scan::Wants;

    /// Judges one layer of one segment's text. Ranges are bytes of `layer.text()`; the engine maps them
    /// back to the segment. `segment` gives role, form and the JSON key above.
    fn scan(&self, layer: &Layer<'_>, segment: &Segment, hits: &mut Vec<Hit>);

    /// Whether every text says the same to it in both of these segments, so that what it found in one holds for the
    /// other. Where it is not certain, it is false.
    fn reads_alike(&self, one: &Segment, other: &Segment) -> bool {
        one.role == other.role && one.form == other.form && one.key == other.key
    }

    /// How many bytes of a stream it can hold back at most.
    fn hold_back(&self) -> HoldBack;

    /// For a stream: the earliest byte offset, at least `from`, at which a match may have begun that
    /// the end of `text` cuts off; `text.len()` when no match can be under way. What lies before it has
    /// been scanned and can go. `text[..from]` is context that has gone already.
    fn pending_from(&self, text: &str, from: usize) -> usize;

    /// For a stream: the byte offset up to which `text` is judged. A hit that begins at or after it is
    /// not final while the stream goes on (a `WHERE` may follow): drop it, scan again with more text.
    /// A hit that begins before the offset of the previous call has been reported already.
    ///
    /// Held and judged are two things: a kind that judges at the end of a statement may release the
    /// statement's beginning (`pending_from` is `text.len()`) and still stop the stream when it ends.
    fn judged_to(&self, text: &str, from: usize) -> usize {
        self.pending_from(text, from)
    }

    /// Whether [`Self::judged_to`] is anything but [`Self::pending_from`]: then both are asked.
    fn judges_late(&self) -> bool {
        false
    }

    /// For a stream: the earliest byte offset that the next scan still has to see, though it may have
    /// been released. Never after [`Self::judged_to`], and at most [`CONTEXT_LIMIT`] before the end
    /// of `text`.
    fn context_from(&self, text: &str, from: usize) -> usize {
        self.judged_to(text, from)
    }

    /// For a stream: the match that has begun for certain in `text[from..]` and that the end of `text`
    /// cuts off, if there is one. Asked when more than the bound is held: a mutator swallows it to its
    /// end, a validator blocks. Without one, what is held beyond the bound is released.
    fn open_match(&self, text: &str, from: usize) -> Option<crate::scan::OpenMatch> {
        let _ = (text, from);
        None
    }
}

/// How many bytes of released text a stream keeps for [`TextGuardrail::context_from`] at most. An
/// unfinished statement that is longer is judged as it stands.
pub const CONTEXT_LIMIT: usize = 16 * 1024;

/// A guardrail on the call and its facts.
pub trait ContextGuardrail: Send + Sync {
    /// Judges. An explanation names keys, never values.
    fn judge(&self, call: &Call) -> Result<(), ContextViolation>;

    /// Whether [`Self::never_allows`] can be true at all.
    fn limits_tools(&self) -> bool {
        false
    }

    /// Whether it refuses this caller this tool whatever the arguments and the metadata of the call are, which `call`
    /// lacks. Such a tool is not shown to the caller. Where that is not certain it is false: what might be allowed is
    /// shown, and judged when it is called.
    fn never_allows(&self, call: &Call) -> bool {
        let _ = call;
        false
    }
}

/// What a context guardrail objects to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ContextViolation {
    /// For the client.
    pub explanation: String,
    /// From the kind's closed list.
    pub categories: Vec<std::borrow::Cow<'static, str>>,
}

/// A guardrail that calls a service. Cancel-safe: dropping the future drops the call.
pub trait ServiceGuardrail: Send + Sync {
    /// Judges an exchange. The deadline is kept from outside.
    fn call<'a>(
        &'a self,
        exchange: &'a Exchange,
        client: &'a dyn HttpClient,
    ) -> BoxFuture<'a, Result<Verdict, ServiceError>>;
}

/// What a kind may ask while it is built.
pub struct BuildContext<'a> {
    /// What the guardrail may do.
    pub operation: Operation,
    /// Reads a Secret value; none when it does not exist.
    pub secret: &'a dyn Fn(&SecretValue) -> Option<String>,
}

impl BuildContext<'_> {
    /// A context without secrets: every reference reads as an empty text. For checks and tests.
    pub fn without_secrets(operation: Operation) -> BuildContext<'static> {
        BuildContext {
            operation,
            secret: &|_| Some(String::new()),
        }
    }
}

/// What the compiler learns from a build of one configuration.
pub fn report(result: &Result<Built, Vec<Problem>>, operation: Operation) -> KindReport {
    match result {
        Err(problems) => KindReport {
            problems: problems.clone(),
            ..KindReport::default()
        },
        Ok(built) => KindReport {
            hooks: built.hooks.iter().copied().collect(),
            // A kind that cannot rewrite does not build for mutate.
            can_mutate: operation == Operation::Mutate,
            slow: matches!(built.guardrail, Guardrail::Service(_)),
            hold_back: match &built.guardrail {
                Guardrail::Text(text) => Some(text.hold_back()),
                Guardrail::Context(_) | Guardrail::Service(_) => None,
            },
            problems: built.remarks.clone(),
        },
    }
}

/// An error problem at `path` below the member.
pub fn problem(path: impl Into<String>, message: impl Into<String>) -> Problem {
    Problem {
        path: path.into(),
        severity: Severity::Error,
        reason: Reason::NotBuildable,
        message: message.into(),
    }
}

/// Reads a configuration and builds its guardrail.
pub(crate) fn build_kind<K: Kind>(
    config: &serde_json::Value,
    context: &BuildContext<'_>,
) -> Result<Built, Vec<Problem>> {
    // A member that is given without a value (`codeSafetyLinter:`) means all defaults.
    let empty = serde_json::Value::Object(serde_json::Map::new());
    let config = if config.is_null() { &empty } else { config };
    let config = K::deserialize(config).map_err(|error| vec![problem("", error.to_string())])?;
    if context.operation == Operation::Mutate && !K::CAN_MUTATE {
        return Err(vec![Problem {
            path: "operation".into(),
            severity: Severity::Error,
            reason: Reason::CannotMutate,
            message: format!("{} cannot rewrite: write operation: validate", K::MEMBER),
        }]);
    }
    let mut built = config.build(context)?;
    built.kind = K::NAME;
    built.hooks = config.hooks();
    Ok(built)
}
