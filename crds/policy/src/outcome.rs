//! What a guardrail came to, and what the gateway does about it.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a guardrail may do.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    Deserialize,
    Eq,
    Hash,
    JsonSchema,
    Ord,
    PartialEq,
    PartialOrd,
    Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Pass or block; never changes anything.
    #[default]
    Validate,
    /// May rewrite what it found, and may block what it cannot rewrite.
    Mutate,
}

/// What a finding or a failure costs.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    Deserialize,
    Eq,
    Hash,
    JsonSchema,
    Ord,
    PartialEq,
    PartialOrd,
    Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// A violation blocks (400); a failure blocks (503).
    #[default]
    Enforce,
    /// A violation blocks (400); a failure is recorded and let through.
    EnforceButIgnoreOnError,
    /// Nothing blocks, nothing is changed, everything is recorded.
    Audit,
}

/// Why a guardrail could not judge.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// It did not answer within its timeout.
    Timeout,
    /// It could not be reached.
    Unavailable,
    /// It answered with something that is not its contract: a status, a body, a size.
    BadAnswer,
    /// Its configuration does not build.
    NotBuilt,
    /// Something went wrong inside the gateway.
    Internal,
}

impl FailureClass {
    /// The word in records, metrics and spans.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::BadAnswer => "bad_answer",
            Self::NotBuilt => "not_built",
            Self::Internal => "internal",
        }
    }
}

/// Why a guardrail did not run.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// Another guardrail blocked first, and this one's answer no longer mattered.
    BlockedElsewhere,
    /// The client went away.
    ClientGone,
    /// There was no text of the kind it judges.
    NothingToJudge,
    /// The hook was never reached: the upstream failed or the request was refused before.
    NotReached,
}

/// What one guardrail came to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It judged and found nothing.
    Clean,
    /// It rewrote everything it found.
    Changed,
    /// It found something that it cannot, or may not, rewrite.
    Violation {
        /// For the client: names categories and places, never the matched text.
        explanation: Arc<str>,
    },
    /// It could not judge.
    Failed(FailureClass),
    /// It did not run.
    Skipped(SkipReason),
}

impl Outcome {
    /// The name used in records, metrics and logs.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Changed => "changed",
            Self::Violation { .. } => "violation",
            Self::Failed(_) => "failed",
            Self::Skipped(_) => "skipped",
        }
    }
}

/// What one outcome means for the request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Decision {
    /// Go on.
    Allow,
    /// Stop: the guardrail found something. Status 400.
    BlockViolation,
    /// Stop: the guardrail could not judge and is enforced. Status 503.
    BlockFailure,
}

impl Decision {
    /// Whether the request stops here.
    pub const fn blocks(self) -> bool {
        match self {
            Self::Allow => false,
            Self::BlockViolation | Self::BlockFailure => true,
        }
    }
}

/// Turns strategy and outcome into a decision. Nothing else in Parapet decides.
pub const fn decide(strategy: Strategy, outcome: &Outcome) -> Decision {
    match (strategy, outcome) {
        (_, Outcome::Clean | Outcome::Changed | Outcome::Skipped(_)) | (Strategy::Audit, _) => {
            Decision::Allow
        }
        (Strategy::Enforce | Strategy::EnforceButIgnoreOnError, Outcome::Violation { .. }) => {
            Decision::BlockViolation
        }
        (Strategy::Enforce, Outcome::Failed(_)) => Decision::BlockFailure,
        (Strategy::EnforceButIgnoreOnError, Outcome::Failed(_)) => Decision::Allow,
    }
}

/// How long a guardrail that makes calls may take when nothing else is said (the published default).
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strategy_table() {
        let violation = Outcome::Violation {
            explanation: "x".into(),
        };
        let failed = Outcome::Failed(FailureClass::Timeout);
        let rows = [
            (
                Strategy::Enforce,
                Decision::BlockViolation,
                Decision::BlockFailure,
            ),
            (
                Strategy::EnforceButIgnoreOnError,
                Decision::BlockViolation,
                Decision::Allow,
            ),
            (Strategy::Audit, Decision::Allow, Decision::Allow),
        ];
        for (strategy, on_violation, on_failure) in rows {
            assert_eq!(decide(strategy, &violation), on_violation, "{strategy:?}");
            assert_eq!(decide(strategy, &failed), on_failure, "{strategy:?}");
            for calm in [
                Outcome::Clean,
                Outcome::Changed,
                Outcome::Skipped(SkipReason::NotReached),
            ] {
                assert_eq!(
                    decide(strategy, &calm),
                    Decision::Allow,
                    "{strategy:?} {calm:?}"
                );
            }
        }
    }
}
