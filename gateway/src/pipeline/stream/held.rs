//! A tool call's arguments: nothing of them leaves before they are complete and judged.

use std::ops::Range;
use std::sync::Arc;

use super::flow::FlowError;
use super::guards::{Guards, Tally};
use super::spot::Spot;
use crate::llm::stream::arguments_texts;
use crate::llm::{Limits, Request};

/// A tool's name is kept up to this many bytes.
const MAX_NAME: usize = 256;

/// The arguments of one call.
#[derive(Debug)]
pub(super) struct HeldCall {
    spot: Spot,
    tool: String,
    text: String,
    /// Whether somebody has looked at them; then nobody does again.
    judged: bool,
    /// Whether nobody objects to them. Only then may they leave.
    passed: bool,
    /// The arguments after the edits, when there were any.
    replaced: Option<String>,
}

impl HeldCall {
    pub(super) const fn new(spot: Spot) -> Self {
        Self {
            spot,
            tool: String::new(),
            text: String::new(),
            judged: false,
            passed: false,
            replaced: None,
        }
    }

    pub(super) fn push(&mut self, piece: &str) {
        self.text.push_str(piece);
    }

    pub(super) fn name(&mut self, piece: &str) {
        if self.tool.len() + piece.len() <= MAX_NAME {
            self.tool.push_str(piece);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    pub(super) fn safe(&self) -> usize {
        if self.passed { self.text.len() } else { 0 }
    }

    pub(super) fn is_changed(&self) -> bool {
        self.replaced.is_some()
    }

    /// Judges the complete arguments, once.
    pub(super) fn judge(
        &mut self,
        guards: &Guards<'_>,
        tally: &mut [Tally],
        request: Option<&Request>,
        limits: &Limits,
    ) -> Result<(), FlowError> {
        if std::mem::replace(&mut self.judged, true) {
            return Ok(());
        }
        if self.text.is_empty() {
            self.passed = true;
            return Ok(());
        }
        let arguments = Arc::new(self.text.clone());
        let mut texts = arguments_texts(arguments, &self.tool, request, limits)
            .map_err(|_| FlowError::Unreadable)?;
        guards.judge_whole(&mut texts, tally, Some(&self.spot))?;
        if texts.is_edited() {
            let bytes = texts.to_bytes();
            // The pieces were text, and so is what was put into them.
            self.replaced = Some(String::from_utf8_lossy(&bytes).into_owned());
        }
        self.passed = true;
        Ok(())
    }

    /// The text that leaves in the place of `span`, when it is another: all of it in the first piece.
    pub(super) fn render(&self, span: &Range<usize>) -> Option<&str> {
        let replaced = self.replaced.as_deref()?;
        Some(if span.start == 0 { replaced } else { "" })
    }
}
