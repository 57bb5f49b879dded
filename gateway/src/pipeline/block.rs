//! Why a request is stopped, and the words for the client.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use parapet_policy::hook::Hook;
use parapet_policy::outcome::{Decision, FailureClass, Outcome};
use serde::Serialize;

/// A request that one or more guardrails stopped at one hook.
#[derive(Clone, Debug, PartialEq)]
pub struct Blocked {
    /// Where.
    pub hook: Hook,
    /// By whom; never empty.
    pub by: Vec<Blocker>,
}

/// One guardrail that stopped a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Blocker {
    /// `group/name`.
    pub selector: Arc<str>,
    /// What it came to.
    pub outcome: Outcome,
    /// What it found.
    pub categories: Vec<Cow<'static, str>>,
    /// The message of the rule that chose it, when that has one.
    pub custom_error_message: Option<Arc<str>>,
}

/// One entry of `guardrail_checks` in the body of a block.
#[derive(Debug, Serialize)]
pub struct Check<'a> {
    guardrail_integration: &'a str,
    result: &'static str,
    data: CheckData<'a>,
}

#[derive(Debug, Serialize)]
struct CheckData<'a> {
    verdict: bool,
    explanation: Cow<'a, str>,
    categories: &'a [Cow<'static, str>],
}

impl Blocked {
    /// A violation outweighs a failure: 400 is the answer that no client retries.
    pub fn decision(&self) -> Decision {
        let violation = |blocker: &Blocker| matches!(blocker.outcome, Outcome::Violation { .. });
        if self.by.iter().any(violation) {
            Decision::BlockViolation
        } else {
            Decision::BlockFailure
        }
    }

    /// 400 for a violation, 503 when the cause was a failure.
    pub fn status(&self) -> u16 {
        match self.decision() {
            Decision::BlockFailure => 503,
            Decision::BlockViolation | Decision::Allow => 400,
        }
    }

    /// The published error type.
    pub fn error_type(&self) -> &'static str {
        match self.decision() {
            Decision::BlockFailure => "guardrail_unavailable",
            Decision::BlockViolation | Decision::Allow => "guardrail_checks_failed",
        }
    }

    /// The published origin of the error.
    pub const fn origin(&self) -> &'static str {
        match self.hook {
            Hook::LlmInput => "guardrails_input",
            Hook::LlmOutput => "guardrails_output",
            Hook::McpToolPreInvoke => "guardrails_mcp_tool_pre_invoke",
            Hook::McpToolPostInvoke => "guardrails_mcp_tool_post_invoke",
        }
    }

    /// The key of the list in `guardrail_checks`.
    pub const fn checks_key(&self) -> &'static str {
        match self.hook {
            Hook::LlmInput => "input_guardrails",
            Hook::LlmOutput => "output_guardrails",
            Hook::McpToolPreInvoke | Hook::McpToolPostInvoke => self.hook.list_key(),
        }
    }

    /// The list in `guardrail_checks`.
    pub fn checks(&self) -> Vec<Check<'_>> {
        self.by
            .iter()
            .map(|blocker| Check {
                guardrail_integration: &blocker.selector,
                result: "failed",
                data: CheckData {
                    verdict: false,
                    explanation: blocker.explanation(),
                    categories: &blocker.categories,
                },
            })
            .collect()
    }

    /// The message: the rule's own, or the published default.
    pub fn message(&self) -> String {
        let default = self.default_message();
        match self
            .by
            .iter()
            .find_map(|blocker| blocker.custom_error_message.as_deref())
        {
            Some(custom) => custom.replace("{{guardrail_message}}", &default),
            None => default,
        }
    }

    fn default_message(&self) -> String {
        let side = match self.hook {
            Hook::LlmInput => "Input",
            Hook::LlmOutput => "Output",
            Hook::McpToolPreInvoke => "MCP tool pre-invoke",
            Hook::McpToolPostInvoke => "MCP tool post-invoke",
        };
        let what = match self.decision() {
            Decision::BlockFailure => "checks could not run",
            Decision::BlockViolation | Decision::Allow => "checks failed",
        };
        let selectors: Vec<&str> = self.by.iter().map(|blocker| &*blocker.selector).collect();
        let mut message = format!(
            "{side} Guardrail {what} for integrations: [{}] - Details: ",
            selectors.join(", ")
        );
        for (i, blocker) in self.by.iter().enumerate() {
            let separator = if i == 0 { "" } else { "; " };
            let _ = write!(message, "{separator}{}", blocker.explanation());
        }
        message
    }
}

impl Blocker {
    fn explanation(&self) -> Cow<'_, str> {
        match &self.outcome {
            Outcome::Violation { explanation } => Cow::Borrowed(explanation),
            Outcome::Failed(class) => Cow::Borrowed(match class {
                FailureClass::Timeout => "the guardrail did not answer in time",
                FailureClass::Unavailable => "the guardrail cannot be reached",
                FailureClass::BadAnswer => "the guardrail gave an answer that is not its contract",
                FailureClass::NotBuilt => "the guardrail's configuration does not build",
                FailureClass::Internal => "the guardrail failed",
            }),
            Outcome::Clean | Outcome::Changed | Outcome::Skipped(_) => Cow::Borrowed(""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocker(selector: &str, outcome: Outcome, custom: Option<&str>) -> Blocker {
        Blocker {
            selector: selector.into(),
            outcome,
            categories: vec!["us_ssn".into()],
            custom_error_message: custom.map(Into::into),
        }
    }

    fn violation() -> Outcome {
        Outcome::Violation {
            explanation: "us_ssn in messages[0].content".into(),
        }
    }

    #[test]
    fn messages_are_the_published_ones() {
        let failed = Outcome::Failed(FailureClass::Timeout);
        let rows = [
            (
                vec![blocker("g/pii", violation(), None)],
                400,
                "Input Guardrail checks failed for integrations: [g/pii] - Details: us_ssn in messages[0].content",
            ),
            (
                vec![blocker("g/a", failed.clone(), None)],
                503,
                "Input Guardrail checks could not run for integrations: [g/a] - Details: the guardrail did not answer in time",
            ),
            (
                vec![
                    blocker("g/a", failed, None),
                    blocker("g/b", violation(), Some("No: {{guardrail_message}}!")),
                ],
                400,
                "No: Input Guardrail checks failed for integrations: [g/a, g/b] - Details: the guardrail did not answer in time; us_ssn in messages[0].content!",
            ),
        ];
        for (by, status, message) in rows {
            let blocked = Blocked {
                hook: Hook::LlmInput,
                by,
            };
            assert_eq!(
                (blocked.status(), blocked.message().as_str()),
                (status, message)
            );
        }
    }

    #[test]
    fn checks_name_the_guardrail_and_its_categories() {
        let blocked = Blocked {
            hook: Hook::LlmOutput,
            by: vec![blocker("g/pii", violation(), None)],
        };
        assert_eq!(
            serde_json::to_value(blocked.checks()).unwrap(),
            serde_json::json!([{
                "guardrail_integration": "g/pii",
                "result": "failed",
                "data": {
                    "verdict": false,
                    "explanation": "us_ssn in messages[0].content",
                    "categories": ["us_ssn"]
                }
            }])
        );
        assert_eq!(
            (blocked.checks_key(), blocked.origin()),
            ("output_guardrails", "guardrails_output")
        );
    }
}
