//! Where a stream's text stands, told as in the same answer without a stream.

use super::guards::Tally;
use crate::llm::Dialect;
use crate::llm::stream::{ChannelKey, place_of};

/// One channel's place, and who has told it: each guardrail tells it once.
#[derive(Clone, Debug)]
pub struct Spot {
    dialect: Dialect,
    channel: ChannelKey,
    told: Vec<usize>,
}

impl Spot {
    /// The place of a channel. Nothing is written until something is found there.
    pub const fn new(dialect: Dialect, channel: ChannelKey) -> Self {
        Self {
            dialect,
            channel,
            told: Vec::new(),
        }
    }

    /// Where it is, e.g. `choices[0].message.content`.
    pub fn place(&self) -> String {
        place_of(self.dialect, &self.channel)
    }

    /// Notes that a guardrail found something here.
    pub(super) fn found(&mut self, guard: usize, tally: &mut Tally) {
        if !self.told.contains(&guard) {
            self.told.push(guard);
            tally.places.get_or_insert_default().add(&self.place());
        }
    }
}
