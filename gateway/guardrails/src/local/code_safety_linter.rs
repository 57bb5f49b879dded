//! `codeSafetyLinter`: finds code that runs other code, starts processes, deletes, or opens a machine.
//!
//! Chat texts hold fragments, so nothing is parsed. Code is cut into tokens that know strings and
//! comments, calls are compared with a table of interfaces, imports resolved where they are visible;
//! shell lines are read into commands. Prose about such code stays silent.

use parapet_policy::hook::Hook;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kinds::Kind;

#[cfg(feature = "runtime")]
mod apis;
#[cfg(feature = "runtime")]
mod bombs;
#[cfg(feature = "runtime")]
mod calls;
#[cfg(feature = "runtime")]
mod commands;
#[cfg(feature = "runtime")]
mod engine;
#[cfg(feature = "runtime")]
mod interpreter;
#[cfg(feature = "runtime")]
mod language;
#[cfg(feature = "runtime")]
mod paths;
#[cfg(feature = "runtime")]
mod shell;
#[cfg(feature = "runtime")]
#[cfg(test)]
mod tests;
#[cfg(feature = "runtime")]
mod token;
#[cfg(feature = "runtime")]
mod triggers;
#[cfg(feature = "runtime")]
mod unix;
#[cfg(feature = "runtime")]
mod windows;

#[cfg(feature = "runtime")]
pub(crate) use triggers::LITERALS;

/// Configuration of `codeSafetyLinter`: there is none.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CodeSafetyLinter {}

impl Kind for CodeSafetyLinter {
    const MEMBER: &'static str = "codeSafetyLinter";
    const NAME: &'static str = "code_safety_linter";
    const HOOKS: &'static [Hook] = &Hook::ALL;
    const CAN_MUTATE: bool = false;

    #[cfg(feature = "runtime")]
    fn build(
        &self,
        _context: &crate::guardrail::BuildContext<'_>,
    ) -> Result<crate::guardrail::Built, Vec<parapet_policy::compile::Problem>> {
        Ok(engine::build())
    }
}
