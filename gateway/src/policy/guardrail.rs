//! One guardrail, ready to run.

use std::sync::Arc;
use std::time::Duration;

use parapet_guardrails::guardrail::{Built, Guardrail};
use parapet_policy::bundle::{StreamMode, ValidatorInput};
use parapet_policy::hook::Hook;

/// A guardrail of the bundle, built. One that does not build stays in the policy: its strategy decides.
#[derive(Clone, Debug)]
pub struct ReadyGuardrail {
    /// `group/name`, or `namespace/group/name`.
    pub selector: Arc<str>,
    /// The family's record name, e.g. `secrets_detection`.
    pub kind: &'static str,
    /// What runs; none when the configuration does not build.
    pub built: Option<Built>,
    /// How long a call may take.
    pub timeout: Duration,
    /// What it sees as a validator on input.
    pub input: ValidatorInput,
    /// How it sees a stream, when it is slow.
    pub streaming: StreamMode,
}

impl ReadyGuardrail {
    /// What runs, when it could be built.
    pub fn guardrail(&self) -> Option<&Guardrail> {
        self.built.as_ref().map(|built| &built.guardrail)
    }

    /// Whether it can run at a hook. What does not build counts everywhere: it must not vanish.
    pub fn supports(&self, hook: Hook) -> bool {
        self.built
            .as_ref()
            .is_none_or(|built| built.hooks.contains(&hook))
    }

    /// Whether it makes calls, and so is raced on input and windowed on streams.
    pub fn is_slow(&self) -> bool {
        matches!(self.guardrail(), Some(Guardrail::Service(_)))
    }
}
