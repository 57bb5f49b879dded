//! Makes a scenario for every cell of operation × strategy × outcome from one compact table.
//!
//! Each row of `scenarios/matrix/table.yaml` becomes a case for each strategy, hook and mode. The guardrail of a
//! cell is chosen by the model that the case calls, so that all cells share one set of resources.

mod body;
mod resources;

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{Block, BlockAt, Case, Expect, File, Judgement, Mode, Request, Turn};

/// The table.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// What an outcome costs under each strategy. `failed` and `skipped` stand for all their details.
    pub decisions: BTreeMap<String, BTreeMap<Strategy, Decision>>,
    /// Rows for a local guardrail.
    pub local: Vec<Row>,
    /// Rows for a guardrail that calls a service.
    pub external: Vec<Row>,
    /// Cells that cannot be.
    pub impossible: Vec<Impossible>,
}

/// An enforcing strategy.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the published names")]
pub enum Strategy {
    Enforce,
    EnforceButIgnoreOnError,
    Audit,
}

/// An operation.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the published names")]
pub enum Operation {
    Validate,
    Mutate,
}

/// What the client notices.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Nothing.
    Allow,
    /// The rewritten text.
    Change,
    /// A 400.
    Block,
    /// A 503.
    Unavailable,
}

/// How one outcome of one operation is brought about.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The operation.
    pub operation: Operation,
    /// The outcome as in a record: `clean`, `failed: timeout`.
    pub outcome: String,
    /// The text that is judged.
    #[serde(default)]
    pub text: Option<String>,
    /// What a change makes of it.
    #[serde(default)]
    pub becomes: Option<String>,
    /// What the service does.
    #[serde(default)]
    pub service: Option<Judgement>,
    /// What is special about the guardrail or the case.
    #[serde(default)]
    pub how: How,
}

/// What is special about a row's guardrail or case.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Nothing.
    #[default]
    Plain,
    /// What is found stands in a key of JSON arguments, where nothing can be rewritten.
    JsonKey,
    /// The guardrail waits only a tenth of a second.
    Impatient,
    /// Nobody listens where the guardrail calls.
    Closed,
    /// Another mutator that comes before it blocks.
    BlockedByMutator,
    /// The model cannot be reached; only for the output hook.
    UpstreamFails,
}

/// A cell that cannot be.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Impossible {
    /// Only there; absent: everywhere.
    #[serde(default, rename = "where")]
    pub place: Option<Where>,
    /// Only with this operation; absent: with both.
    #[serde(default)]
    pub operation: Option<Operation>,
    /// The outcome.
    pub outcome: String,
    /// The reason.
    pub because: String,
}

/// Where a guardrail runs.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Where {
    /// In the gateway.
    Local,
    /// Behind a call.
    External,
}

/// Every outcome that a record can tell, except two that need no guardrail's doing and have scenarios of their
/// own: `skipped: client_gone` and `skipped: nothing_to_judge`.
pub const OUTCOMES: [&str; 9] = [
    "clean",
    "changed",
    "violation",
    "failed: timeout",
    "failed: unavailable",
    "failed: bad_answer",
    "failed: not_built",
    "skipped: blocked_elsewhere",
    "skipped: not_reached",
];

impl Table {
    /// Cells of place × operation × outcome that the table neither fills nor calls impossible, and such that it
    /// does both.
    pub fn gaps(&self) -> Vec<String> {
        let mut gaps = Vec::new();
        for (place, rows) in [
            (Where::Local, &self.local),
            (Where::External, &self.external),
        ] {
            for operation in [Operation::Validate, Operation::Mutate] {
                for outcome in OUTCOMES {
                    let filled = rows
                        .iter()
                        .any(|row| row.operation == operation && row.outcome == outcome);
                    let impossible = self.impossible.iter().any(|cell| {
                        cell.outcome == outcome
                            && cell.place.is_none_or(|other| other == place)
                            && cell.operation.is_none_or(|other| other == operation)
                    });
                    if filled == impossible {
                        gaps.push(format!("{place:?} {operation:?} {outcome}"));
                    }
                }
            }
        }
        gaps
    }

    /// One scenario file for each place and hook, with a name.
    ///
    /// # Errors
    /// When a decision is missing.
    pub fn files(&self) -> Result<Vec<(String, File)>> {
        let mut files = Vec::new();
        for (place, rows) in [
            (Where::Local, &self.local),
            (Where::External, &self.external),
        ] {
            for hook in [BlockAt::Input, BlockAt::Output] {
                let name = format!("matrix-{place:?}-{hook:?}").to_lowercase();
                files.push((name, self.file(place, rows, hook)?));
            }
        }
        Ok(files)
    }

    fn file(&self, place: Where, rows: &[Row], hook: BlockAt) -> Result<File> {
        let mut cases = Vec::new();
        for row in rows {
            if row.how == How::UpstreamFails && hook == BlockAt::Input {
                // The input hook is always reached.
                continue;
            }
            for strategy in [
                Strategy::Enforce,
                Strategy::EnforceButIgnoreOnError,
                Strategy::Audit,
            ] {
                let cell = Cell {
                    place,
                    row,
                    hook,
                    strategy,
                    decision: self.decision(&row.outcome, strategy)?,
                };
                cases.extend(Mode::ALL.map(|mode| cell.case(mode)));
            }
        }
        Ok(File {
            about: format!("Every cell of operation, strategy and outcome: {place:?}, {hook:?}."),
            manifests: resources::manifests(place, rows, hook),
            args: Vec::new(),
            cases,
        })
    }

    fn decision(&self, outcome: &str, strategy: Strategy) -> Result<Decision> {
        let class = outcome.split(':').next().unwrap_or_default();
        let decision = self
            .decisions
            .get(class)
            .and_then(|by_strategy| by_strategy.get(&strategy));
        decision
            .copied()
            .with_context(|| format!("the table has no decision for {class} under {strategy:?}"))
    }
}

/// One row under one strategy at one hook.
struct Cell<'a> {
    place: Where,
    row: &'a Row,
    hook: BlockAt,
    strategy: Strategy,
    decision: Decision,
}

/// Says nothing that anybody objects to.
const HARMLESS: &str = "All is well.";

impl Cell<'_> {
    fn text(&self) -> &str {
        self.row.text.as_deref().unwrap_or(HARMLESS)
    }

    fn selector(&self) -> String {
        format!("g/{}", resources::guardrail_name(self.row, self.strategy))
    }

    fn case(&self, mode: Mode) -> Case {
        let account = match (self.row.how, mode.is_messages()) {
            (How::UpstreamFails, false) => "gone",
            (How::UpstreamFails, true) => "gone-claude",
            (_, false) => "model",
            (_, true) => "claude",
        };
        let model = format!(
            "{account}/{}",
            resources::guardrail_name(self.row, self.strategy)
        );
        let request = Request {
            model: Some(model),
            ..self.request(mode)
        };
        let blocker = Judgement {
            block: Some("no further".into()),
            ..Judgement::default()
        };
        let services = [
            ("judge", self.row.service.clone()),
            ("blocker", Some(blocker)),
        ];
        let services = services
            .into_iter()
            .filter_map(|(name, entry)| Some((name.to_owned(), vec![entry?])));
        Case {
            name: format!(
                "{:?} {} {:?} at {:?}",
                self.row.operation, self.row.outcome, self.strategy, self.hook
            ),
            modes: vec![mode],
            request,
            model: vec![self.turn()],
            services: services.collect(),
            expect: self.expect(mode),
        }
    }

    fn request(&self, mode: Mode) -> Request {
        match (self.hook, self.row.how) {
            (BlockAt::Input | BlockAt::PostInvoke, How::JsonKey) => Request {
                body: Some(body::with_key_in_history(mode)),
                ..Request::default()
            },
            (BlockAt::Input | BlockAt::PostInvoke, _) => Request {
                ask: Some(self.text().into()),
                ..Request::default()
            },
            (BlockAt::Output | BlockAt::PreInvoke, _) => Request {
                ask: Some(HARMLESS.into()),
                ..Request::default()
            },
        }
    }

    fn turn(&self) -> Turn {
        match (self.hook, self.row.how) {
            (BlockAt::Output | BlockAt::PreInvoke, How::JsonKey) => Turn {
                choices: Some(vec![body::choice_with_key()]),
                ..Turn::default()
            },
            (BlockAt::Output | BlockAt::PreInvoke, _) => Turn {
                say: Some(self.text().into()),
                ..Turn::default()
            },
            (BlockAt::Input | BlockAt::PostInvoke, _) => Turn {
                say: Some(HARMLESS.into()),
                ..Turn::default()
            },
        }
    }

    fn expect(&self, mode: Mode) -> Expect {
        let mut expect = Expect {
            outcomes: Some(self.outcomes()),
            record: Some(
                serde_json::json!({"guardrails": {"$some": {"selector": self.selector(), "strategy": self.strategy}}}),
            ),
            ..Expect::default()
        };
        match self.row.how {
            How::BlockedByMutator => {
                expect.block = Some(self.block("g/a-blocker", false));
                return expect;
            }
            How::UpstreamFails => {
                expect.status = Some(502);
                expect.error = Some(serde_json::json!({}));
                return expect;
            }
            How::Plain | How::JsonKey | How::Impatient | How::Closed => {}
        }
        match self.decision {
            Decision::Allow => self.expect_text(&mut expect, self.text()),
            Decision::Change => {
                let becomes = self.row.becomes.as_deref().unwrap_or_default();
                self.expect_text(&mut expect, becomes);
            }
            Decision::Block => {
                expect.block = Some(self.block(&self.selector(), false));
                if self.row.how == How::Plain && self.place == Where::Local {
                    expect.never = vec!["536-22-1234".into()];
                }
                // What blocks before the model is called costs no call; a service races it.
                if self.hook == BlockAt::Input
                    && (self.place == Where::Local || self.row.operation == Operation::Mutate)
                {
                    expect.upstream = Some(Vec::new());
                }
            }
            Decision::Unavailable => expect.block = Some(self.block(&self.selector(), true)),
        }
        // A stream that an error ends has no proper end in Anthropic's dialect, and may have had no beginning.
        if expect.block.is_some() && mode.is_stream() {
            expect.complete = None;
        }
        expect
    }

    /// What the judged text is expected to be on the other side.
    fn expect_text(&self, expect: &mut Expect, text: &str) {
        match (self.hook, self.row.how) {
            (BlockAt::Input | BlockAt::PostInvoke, How::JsonKey) => {
                expect.say = Some(HARMLESS.into())
            }
            (BlockAt::Output | BlockAt::PreInvoke, How::JsonKey) => {
                expect.choices = Some(vec![body::choice_with_key()])
            }
            (BlockAt::Input | BlockAt::PostInvoke, _) => {
                expect.prompt = Some(text.into());
                expect.say = Some(HARMLESS.into());
            }
            (BlockAt::Output | BlockAt::PreInvoke, _) => expect.say = Some(text.into()),
        }
    }

    fn block(&self, by: &str, failure: bool) -> Block {
        Block {
            at: self.hook,
            by: vec![by.into()],
            failure,
            ..Block::default()
        }
    }

    fn outcomes(&self) -> BTreeMap<String, String> {
        let hook = match self.hook {
            BlockAt::Input => "llm_input",
            BlockAt::Output => "llm_output",
            BlockAt::PreInvoke => "mcp_tool_pre_invoke",
            BlockAt::PostInvoke => "mcp_tool_post_invoke",
        };
        let mut outcomes = BTreeMap::from([(
            format!("{} at {hook}", self.selector()),
            self.row.outcome.clone(),
        )]);
        if self.row.how == How::BlockedByMutator {
            outcomes.insert(format!("g/a-blocker at {hook}"), "violation".into());
        }
        outcomes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        serde_saphyr::from_str(include_str!("../../scenarios/matrix/table.yaml")).unwrap()
    }

    #[test]
    fn the_table_fills_every_cell_that_can_be() {
        assert_eq!(table().gaps(), Vec::<String>::new());
    }

    #[test]
    fn every_row_becomes_a_case_for_each_strategy_and_mode() {
        let table = table();
        let cases: usize = table
            .files()
            .unwrap()
            .iter()
            .map(|(_, file)| file.cases.len())
            .sum();
        let at_output_only = |rows: &[Row]| {
            rows.iter()
                .filter(|row| row.how == How::UpstreamFails)
                .count()
        };
        let rows = table.local.len() + table.external.len();
        let skipped = at_output_only(&table.local) + at_output_only(&table.external);
        assert_eq!(cases, (2 * rows - skipped) * 3 * Mode::ALL.len());
    }
}
