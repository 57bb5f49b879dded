//! `sqlSanitizer`: finds destructive SQL, in statements and in text around them.
//!
//! Statements are read by a tokenizer that knows the strings, comments and nesting of the dialects in
//! use, not by a grammar: what no dialect would parse is judged all the same. The shared literals say
//! whether a verb stands in a text at all; only then is the text read.

use parapet_policy::hook::Hook;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kinds::Kind;

#[cfg(feature = "runtime")]
mod begin;
#[cfg(feature = "runtime")]
mod condition;
#[cfg(feature = "runtime")]
mod embedded;
#[cfg(feature = "runtime")]
mod engine;
#[cfg(feature = "runtime")]
mod inject;
#[cfg(feature = "runtime")]
mod literal;
#[cfg(feature = "runtime")]
mod locate;
#[cfg(feature = "runtime")]
mod reading;
#[cfg(feature = "runtime")]
mod split;
#[cfg(feature = "runtime")]
mod statement;
#[cfg(feature = "runtime")]
mod style;
#[cfg(feature = "runtime")]
#[cfg(test)]
mod tests;
#[cfg(feature = "runtime")]
mod token;
#[cfg(feature = "runtime")]
mod tokens;
#[cfg(feature = "runtime")]
mod verb;
#[cfg(feature = "runtime")]
mod words;

#[cfg(feature = "runtime")]
pub(crate) use engine::{LITERALS, destructive};

/// Configuration of `sqlSanitizer`.
///
/// `validate` refuses what the options name. `mutate` takes comments out of SQL and still refuses
/// statements, because leaving out a statement would change what the text asks for.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SqlSanitizer {
    /// Refuse `DROP`.
    pub block_drop: bool,
    /// Refuse `TRUNCATE`.
    pub block_truncate: bool,
    /// Refuse `ALTER`.
    pub block_alter: bool,
    /// Refuse `GRANT`.
    pub block_grant: bool,
    /// Refuse `REVOKE`.
    pub block_revoke: bool,
    /// Under `mutate`, take comments out of SQL. Comments never count as part of a statement.
    pub strip_comments: bool,
    /// Refuse `DELETE` without `WHERE`, or with one that is always true.
    pub block_delete_without_where: bool,
    /// Refuse `UPDATE` without `WHERE`, or with one that is always true.
    pub block_update_without_where: bool,
    /// Refuse SQL in program code that values are put into by string operations.
    pub require_parameterization: bool,
    /// Refuse injection payloads: values written to break out of a statement, such as `' OR 1=1 --`. Off by
    /// default: who talks about injection writes such values too.
    pub block_injection: bool,
}

impl Default for SqlSanitizer {
    fn default() -> Self {
        Self {
            block_drop: true,
            block_truncate: true,
            block_alter: true,
            block_grant: true,
            block_revoke: true,
            strip_comments: true,
            block_delete_without_where: true,
            block_update_without_where: true,
            require_parameterization: false,
            block_injection: false,
        }
    }
}

impl Kind for SqlSanitizer {
    const MEMBER: &'static str = "sqlSanitizer";
    const NAME: &'static str = "sql_sanitizer";
    const HOOKS: &'static [Hook] = &Hook::ALL;
    const CAN_MUTATE: bool = true;

    #[cfg(feature = "runtime")]
    fn build(
        &self,
        context: &crate::guardrail::BuildContext<'_>,
    ) -> Result<crate::guardrail::Built, Vec<parapet_policy::compile::Problem>> {
        Ok(engine::build(self, context.operation))
    }
}
