//! Where the events of a stream wait for what they say to be judged.
//!
//! OpenAI's choices are independent of each other and have a lane each; Anthropic's blocks follow each other and
//! share one. Within a lane events keep their order, and so do those of all lanes as far as none waits.

use std::collections::VecDeque;
use std::ops::Range;

use crate::llm::Dialect;
use crate::llm::stream::Event;

/// The lane of a stream whose choices share events.
const ALL: u32 = u32::MAX;
/// The lane of events that hold no text of a choice. Nothing in it waits.
const NO_TEXT: u32 = u32::MAX - 1;

/// An event that waits.
pub(super) struct Item {
    /// Its place among the events of all lanes.
    place: u64,
    pub(super) event: Event,
    /// For each delta its channel, and what of its text has not left yet.
    pub(super) spans: Vec<(usize, Range<usize>)>,
    /// Whether a part of its text has left already.
    pub(super) begun: bool,
}

/// The lanes of one stream.
#[derive(Default)]
pub(super) struct Lanes {
    list: Vec<(u32, VecDeque<Item>)>,
    /// How many events have been put into lanes.
    events: u64,
}

impl Lanes {
    /// Puts an event into its lane. One that speaks of several choices joins all lanes into one.
    pub(super) fn push(
        &mut self,
        dialect: Dialect,
        event: Event,
        spans: Vec<(usize, Range<usize>)>,
    ) {
        let lane = match dialect {
            Dialect::Anthropic => 0,
            Dialect::OpenAi => self.lane_of(&event),
        };
        let place = self.events;
        self.events += 1;
        self.lane(lane).push_back(Item {
            place,
            event,
            spans,
            begun: false,
        });
    }

    fn lane_of(&mut self, event: &Event) -> u32 {
        let mut answers = event
            .deltas
            .iter()
            .map(|delta| delta.channel.answer)
            .chain(event.ended.iter().copied());
        // Without text it passes at once: a role, or an annotation.
        let first = answers.next();
        match first {
            Some(first) if answers.all(|answer| answer == first) => first,
            Some(_) => {
                self.join();
                ALL
            }
            None => NO_TEXT,
        }
    }

    /// From now on the whole stream is one lane.
    fn join(&mut self) {
        if self.list.iter().any(|(answer, _)| *answer == ALL) {
            return;
        }
        let mut joined: Vec<Item> = self.list.drain(..).flat_map(|(_, lane)| lane).collect();
        joined.sort_by_key(|item| item.place);
        self.list.push((ALL, joined.into()));
    }

    fn lane(&mut self, answer: u32) -> &mut VecDeque<Item> {
        let joined = self.list.iter().position(|(known, _)| *known == ALL);
        let known = joined.or_else(|| self.list.iter().position(|(known, _)| *known == answer));
        let index = known.unwrap_or_else(|| {
            self.list.push((answer, VecDeque::new()));
            self.list.len() - 1
        });
        &mut self.list[index].1
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.list.iter().all(|(_, lane)| lane.is_empty())
    }

    /// Hands out the events in the order in which they came. `release` gives back one that has to wait, and with
    /// it the rest of its lane does.
    pub(super) fn release(&mut self, mut release: impl FnMut(Item) -> Option<Item>) {
        let mut waiting = vec![false; self.list.len()];
        loop {
            let lanes = self.list.iter_mut().zip(&mut waiting);
            let next = lanes
                .filter(|(_, waits)| !**waits)
                .filter_map(|((_, lane), waits)| Some((lane.front()?.place, lane, waits)))
                .min_by_key(|(place, _, _)| *place);
            let Some((_, lane, waits)) = next else { return };
            if let Some(item) = lane.pop_front()
                && let Some(item) = release(item)
            {
                lane.push_front(item);
                *waits = true;
            }
        }
    }
}
