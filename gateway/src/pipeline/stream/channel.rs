//! One channel of a stream: what has been judged, what can go, and what it reads like when it goes.
//!
//! Offsets are bytes of the channel's text from its beginning. The text itself is kept only from the
//! earliest place that a guardrail still has to see.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use parapet_guardrails::finding::Hit;
use parapet_guardrails::scan::{OpenMatch, Swallow, Tail};
use parapet_guardrails::segment::{Rewrite, Segment};
use parapet_policy::outcome::{Operation, Strategy};

use super::guards::{Guards, Tally};
use super::spot::Spot;

/// Released text that is kept in front of what is held, for word boundaries and context words.
const CONTEXT: usize = 256;
/// Released text that gathers before what nobody needs is forgotten: asking who needs what costs as much as
/// scanning so much.
const SLACK: usize = 512;

/// A violation in one channel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stop {
    /// Index of the guardrail in [`Guards`].
    pub guard: usize,
}

/// One channel's text on its way through.
pub struct Channel {
    /// What the text is, for the guardrails.
    segment: Segment,
    /// Where it stands, for the record.
    spot: Spot,
    /// The channel's text from `base` on.
    window: String,
    base: usize,
    /// Up to where the text may go.
    safe: usize,
    /// Up to where the text has gone.
    released: usize,
    /// For each guardrail, up to where its hits have been taken.
    taken: Vec<usize>,
    /// Replacements that have been decided, in order; ranges may reach beyond what has arrived.
    edits: Vec<(Range<usize>, Arc<str>)>,
    /// A match that outgrew the bound is dropped to its end.
    swallow: Option<Swallow>,
    /// Whether text has come since the last judgement.
    fresh: bool,
    hits: Vec<Vec<Hit>>,
}

impl Channel {
    /// An empty channel.
    pub fn new(segment: Segment, spot: Spot, guards: &Guards<'_>) -> Self {
        Self {
            segment,
            spot,
            window: String::new(),
            base: 0,
            safe: 0,
            released: 0,
            taken: vec![0; guards.len()],
            edits: Vec::new(),
            swallow: None,
            fresh: false,
            hits: vec![Vec::new(); guards.len()],
        }
    }

    /// Where the text that has arrived ends.
    pub fn end(&self) -> usize {
        self.base + self.window.len()
    }

    /// Up to where the text may go.
    pub fn safe(&self) -> usize {
        self.safe
    }

    /// Up to where the text has gone.
    pub fn released(&self) -> usize {
        self.released
    }

    /// Says that the text up to `offset` has gone.
    pub fn let_go(&mut self, offset: usize) {
        self.released = self.released.max(offset);
    }

    /// Takes the next piece of text. It waits for [`Self::settle`].
    pub fn push(&mut self, piece: &str) {
        self.window.push_str(piece);
        let from = self.end() - piece.len();
        self.fresh |= self.swallowed(from, piece);
    }

    /// Judges the text that has come, and lets go what cannot become part of a match.
    ///
    /// # Errors
    /// A violation that stops the stream. What stands before it may go.
    pub fn settle(&mut self, guards: &Guards<'_>, tally: &mut [Tally]) -> Result<(), Stop> {
        match std::mem::take(&mut self.fresh) {
            true => self.judge(guards, tally, false),
            false => Ok(()),
        }
    }

    /// Says that no more text comes: everything is judged and may go.
    ///
    /// # Errors
    /// A violation that stops the stream.
    pub fn finish(&mut self, guards: &Guards<'_>, tally: &mut [Tally]) -> Result<(), Stop> {
        if self.swallow.take().is_some() {
            self.close_edit(self.end());
            self.safe = self.end();
            return Ok(());
        }
        self.judge(guards, tally, true)
    }

    /// The text of `range` as it goes out. The range must lie before [`Self::safe`].
    pub fn render(&self, range: Range<usize>) -> Cow<'_, str> {
        let touches = |edit: &Range<usize>| {
            edit.start < range.end && range.start < edit.end.max(edit.start + 1)
        };
        if !self.edits.iter().any(|(edit, _)| touches(edit)) {
            return Cow::Borrowed(self.slice(range));
        }
        let mut text = String::new();
        let mut at = range.start;
        for (edit, replacement) in &self.edits {
            if !touches(edit) {
                continue;
            }
            if edit.start >= at {
                text.push_str(self.slice(at..edit.start));
                text.push_str(replacement);
            }
            at = at.max(edit.end.min(range.end));
        }
        text.push_str(self.slice(at..range.end));
        Cow::Owned(text)
    }

    /// Whether any text of `range` is replaced.
    pub fn is_edited(&self, range: &Range<usize>) -> bool {
        self.edits
            .iter()
            .any(|(edit, _)| edit.start < range.end && range.start < edit.end)
    }

    fn slice(&self, range: Range<usize>) -> &str {
        let local = range.start.saturating_sub(self.base)..range.end.saturating_sub(self.base);
        self.window.get(local).unwrap_or_default()
    }

    /// Forgets text and edits before `offset`, which have gone out, as far as no guardrail needs them.
    pub fn forget(&mut self, offset: usize, guards: &Guards<'_>) {
        let released = offset.min(self.safe);
        self.edits
            .retain(|(edit, _)| edit.end > released || edit.end == usize::MAX);
        // Asking and moving the text are worth it only when there is something to gain.
        if released.saturating_sub(self.base) < CONTEXT + SLACK {
            return;
        }
        let mut keep = released;
        if self.swallow.is_none() {
            keep = keep.saturating_sub(CONTEXT);
            for guard in guards.in_order() {
                let need = guards.context_from(guard, &self.window, self.from(guard, guards));
                keep = keep.min(self.base + need);
            }
        }
        let cut = floor_boundary(&self.window, keep.saturating_sub(self.base));
        self.window.drain(..cut);
        self.base += cut;
    }

    /// How much of the window is settled for a guardrail: what has been released, and for an audit, which
    /// holds nothing, what it has judged.
    fn from(&self, guard: usize, guards: &Guards<'_>) -> usize {
        let settled = match guards.may_act(guard) {
            true => self.safe,
            false => self.taken.get(guard).copied().unwrap_or(0),
        };
        settled.saturating_sub(self.base)
    }

    /// Handles a match that is being swallowed. True when there is text to judge.
    fn swallowed(&mut self, from: usize, piece: &str) -> bool {
        let Some(swallow) = &mut self.swallow else {
            return true;
        };
        match swallow.feed(piece) {
            None => {
                self.safe = self.end();
                false
            }
            Some(offset) => {
                self.swallow = None;
                let end = from + offset.min(piece.len());
                self.close_edit(end);
                self.safe = end;
                for taken in &mut self.taken {
                    *taken = end.max(*taken);
                }
                true
            }
        }
    }

    fn close_edit(&mut self, end: usize) {
        if let Some((edit, _)) = self.edits.last_mut() {
            edit.end = edit.end.min(end);
        }
    }

    fn judge(&mut self, guards: &Guards<'_>, tally: &mut [Tally], last: bool) -> Result<(), Stop> {
        self.fresh = false;
        let from = self.safe - self.base;
        let length = self.window.len();
        let mut pending = length;
        let mut judged = vec![length; guards.len()];
        if !last {
            // Nearly always one for all: only an audit's may be another.
            let mut last: Option<Tail<'_>> = None;
            for (guard, judged) in judged.iter_mut().enumerate() {
                let from = self.from(guard, guards);
                let tail = match last.take().filter(|tail| tail.from() == from) {
                    Some(tail) => tail,
                    None => Tail::of(&self.window, from),
                };
                let tail = last.insert(tail);
                let (to, held) = guards.ask(guard, &self.window, tail);
                *judged = to;
                pending = pending.min(held);
            }
        }
        let mutators_to = (0..guards.len())
            .filter(|guard| guards.changes(*guard))
            .filter_map(|guard| judged.get(guard).copied())
            .min()
            .unwrap_or(length);
        for (guard, to) in judged.iter_mut().enumerate() {
            // A validator sees what the mutators left, so it waits for them.
            if !guards.changes(guard) {
                *to = (*to).min(mutators_to);
            }
        }
        for hits in &mut self.hits {
            hits.clear();
        }
        // Who has got no further finds nothing that counts.
        let (base, taken) = (self.base, &self.taken);
        let further = |guard: usize| {
            judged.get(guard).map_or(0, |to| base + to) > taken.get(guard).copied().unwrap_or(0)
        };
        if guards.in_order().any(further) {
            guards.scan(&self.window, &self.segment, further, &mut self.hits);
        }
        let stopped = self.take_hits(guards, tally, &judged);
        let pending = match &stopped {
            Some((start, _)) => pending.min(start.saturating_sub(self.base)),
            None => pending,
        };
        self.safe = self.base + floor_boundary(&self.window, pending).max(from);
        if let Some((_, stop)) = stopped {
            return Err(stop);
        }
        if !last && self.end() - self.safe > guards.bound() {
            self.outgrow(guards, tally)?;
        }
        Ok(())
    }

    /// Takes the hits that have become final: mutators first, in their order, then validators. Gives the first
    /// violation in the text that stops the stream; nothing behind it is taken any more.
    fn take_hits(
        &mut self,
        guards: &Guards<'_>,
        tally: &mut [Tally],
        judged: &[usize],
    ) -> Option<(usize, Stop)> {
        let mut stopped: Option<(usize, Stop)> = None;
        for guard in guards.in_order() {
            let (Some(hits), Some(to)) = (self.hits.get_mut(guard), judged.get(guard)) else {
                continue;
            };
            let hits = std::mem::take(hits);
            let (from, to) = (self.taken.get(guard).copied().unwrap_or(0), self.base + to);
            for hit in &hits {
                let start = self.base + hit.range.start;
                let counts =
                    (from..to).contains(&start) && stopped.is_none_or(|(before, _)| start < before);
                if counts && let Err(stop) = self.take_hit(guard, hit, guards, tally) {
                    stopped = Some((start, stop));
                }
            }
            if let Some(taken) = self.taken.get_mut(guard) {
                *taken = to.max(from);
            }
            if let Some(slot) = self.hits.get_mut(guard) {
                *slot = hits;
            }
        }
        stopped
    }

    fn take_hit(
        &mut self,
        guard: usize,
        hit: &Hit,
        guards: &Guards<'_>,
        tallies: &mut [Tally],
    ) -> Result<(), Stop> {
        let range = self.base + hit.range.start..self.base + hit.range.end;
        let (operation, strategy) = guards.terms(guard);
        if strategy != Strategy::Audit && self.is_edited(&range) {
            if guards.changes(guard) {
                self.widen_edit(&range);
            }
            // What a mutator before it has replaced is not there any more.
            return Ok(());
        }
        let Some(tally) = tallies.get_mut(guard) else {
            return Ok(());
        };
        let edit = match (operation, &hit.replacement, self.segment.rewrite) {
            // Text that has gone cannot be rewritten: the bound was too small for this match.
            (Operation::Mutate, Some(replacement), Rewrite::Yes)
                if range.start >= self.safe || strategy == Strategy::Audit =>
            {
                Some(replacement.clone())
            }
            (Operation::Mutate | Operation::Validate, _, _) => None,
        };
        tally.count(&hit.category, edit.is_some());
        self.spot.found(guard, tally);
        match (edit, strategy) {
            (_, Strategy::Audit) => Ok(()),
            (Some(replacement), _) => {
                let (segment, spot) = (&self.segment, &mut self.spot);
                let replacement = guards.settle(guard, &replacement, segment, tallies, spot)?;
                let at = self
                    .edits
                    .partition_point(|(edit, _)| edit.start < range.start);
                self.edits.insert(at, (range, replacement));
                Ok(())
            }
            (None, _) => Err(Stop { guard }),
        }
    }

    /// A mutator's match that reaches out of what one before it replaced goes with it: what is left of the
    /// match must not leave.
    fn widen_edit(&mut self, range: &Range<usize>) {
        let safe = self.safe;
        let mut reach = range.clone();
        let touches = |edit: &Range<usize>, reach: &Range<usize>| {
            edit.start < reach.end && reach.start < edit.end
        };
        let Some(first) = self
            .edits
            .iter()
            .position(|(edit, _)| touches(edit, &reach))
        else {
            return;
        };
        // Text that has gone stays gone.
        reach.start = reach.start.max(safe);
        if let Some((edit, _)) = self.edits.get_mut(first) {
            reach = edit.start.min(reach.start)..edit.end.max(reach.end);
            *edit = reach.clone();
        }
        // Further edits that it reaches are part of it now.
        let mut index = 0;
        self.edits.retain(|(edit, _)| {
            let keep = index == first || !touches(edit, &reach);
            index += 1;
            keep
        });
    }

    /// More is held than the bound allows: a match that goes on is swallowed or stops the stream, and
    /// without one the text beyond the bound goes.
    fn outgrow(&mut self, guards: &Guards<'_>, tally: &mut [Tally]) -> Result<(), Stop> {
        let from = self.safe - self.base;
        let Some((guard, open)) = guards.open_match(&self.window, from) else {
            let bound = floor_boundary(&self.window, self.window.len() - guards.bound());
            self.safe = self.base + bound.max(from);
            return Ok(());
        };
        let OpenMatch {
            start,
            category,
            replacement,
            until,
        } = open;
        let (operation, strategy) = guards.terms(guard);
        match (operation, replacement, self.segment.rewrite) {
            (Operation::Mutate, Some(replacement), Rewrite::Yes) => {
                if let Some(tally) = tally.get_mut(guard) {
                    tally.count(&category, true);
                    self.spot.found(guard, tally);
                }
                let (segment, spot) = (&self.segment, &mut self.spot);
                let replacement = guards.settle(guard, &replacement, segment, tally, spot)?;
                let text = self.window.get(start..).unwrap_or_default();
                self.swallow = Some(Swallow::new(until, text));
                self.edits
                    .push((self.base + start..usize::MAX, replacement));
                self.safe = self.end();
                for taken in &mut self.taken {
                    *taken = self.safe;
                }
                Ok(())
            }
            (Operation::Mutate | Operation::Validate, _, _) => {
                if let Some(tally) = tally.get_mut(guard) {
                    tally.count(&category, false);
                    self.spot.found(guard, tally);
                }
                debug_assert_ne!(strategy, Strategy::Audit, "audits hold nothing");
                Err(Stop { guard })
            }
        }
    }
}

/// The greatest character boundary of `text` that is not after `at`.
fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests;
