//! The text guardrails of one hook: one scan for all of them, and after an edit only what changed.

use std::sync::Arc;
use std::time::Instant;

use parapet_guardrails::finding::{Finding, Hit};
use parapet_guardrails::guardrail::{Guardrail, TextGuardrail};
use parapet_guardrails::scan::Scanner;
use parapet_guardrails::segment::{Form, Segment};
use parapet_policy::overrides::Scope;

use super::payload::Payload;
use super::stage::Stage;

mod known;
mod seen;
#[cfg(test)]
mod tests;

use known::Known;
use seen::Seen;

/// What every text guardrail of a hook finds in a payload as it stands.
pub(super) struct TextPass<'a> {
    scanner: Scanner,
    guardrails: Vec<&'a dyn TextGuardrail>,
    /// For each text guardrail: its place in the plan, and its scope.
    entries: Vec<(usize, Scope)>,
    findings: Vec<Vec<Finding>>,
    /// Findings that only show in the whole of a JSON value, of which no part has a finding.
    whole: Vec<Vec<Finding>>,
    hits: Vec<Vec<Hit>>,
    /// Names that these guardrails have found clean before; none where nobody asks often.
    known: Option<Known>,
    /// Microseconds that scanning took, divided evenly: one scan serves all.
    pub(super) share_us: u64,
}

/// What one guardrail finds in a payload as it stands.
pub(crate) fn findings_of<P: Payload>(
    guardrail: &dyn TextGuardrail,
    scope: Scope,
    payload: &P,
) -> Vec<Finding> {
    let mut pass = TextPass::of(std::iter::once((0, guardrail, scope)));
    pass.scan_all(payload);
    pass.findings(0)
}

impl<'a> TextPass<'a> {
    /// Prepares a pass for the text guardrails of a plan.
    pub(super) fn new(stage: &Stage<'a>) -> Self {
        let planned = stage.plan.iter().enumerate();
        let texts = planned.filter_map(|(position, planned)| {
            match stage.ready(planned).and_then(|ready| ready.guardrail()) {
                Some(Guardrail::Text(text)) => Some((position, text, planned.scope)),
                Some(Guardrail::Context(_) | Guardrail::Service(_)) | None => None,
            }
        });
        Self::of_shared(&texts.collect::<Vec<_>>())
    }

    /// A pass for guardrails that judge often: names that they have found clean are remembered.
    fn of_shared(texts: &[(usize, &'a Arc<dyn TextGuardrail>, Scope)]) -> Self {
        let guardrails: Vec<_> = texts.iter().map(|(_, text, _)| *text).collect();
        let known = (!guardrails.is_empty()).then(|| Known::of(&guardrails));
        let texts = texts.iter();
        Self {
            known,
            ..Self::of(texts.map(|(position, text, scope)| (*position, &***text, *scope)))
        }
    }

    /// A pass for these guardrails, each with its place in the plan and its scope.
    pub(super) fn of(texts: impl Iterator<Item = (usize, &'a dyn TextGuardrail, Scope)>) -> Self {
        let (mut guardrails, mut entries) = (Vec::new(), Vec::new());
        for (position, text, scope) in texts {
            guardrails.push(text);
            entries.push((position, scope));
        }
        let count = guardrails.len();
        Self {
            scanner: Scanner::of(&guardrails),
            guardrails,
            entries,
            findings: vec![Vec::new(); count],
            whole: vec![Vec::new(); count],
            hits: vec![Vec::new(); count],
            known: None,
            share_us: 0,
        }
    }

    /// Whether there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Scans every segment.
    pub(super) fn scan_all<P: Payload>(&mut self, payload: &P) {
        if self.is_empty() {
            return;
        }
        let began = Instant::now();
        let mut seen = Seen::default();
        for (index, segment) in payload.segments().list().iter().enumerate() {
            self.scan_segment(payload, index, segment, &mut seen);
        }
        self.settle_raw(payload);
        self.count_time(began);
    }

    /// Scans again the segments that an edit changed, and those that hold the same JSON.
    pub(super) fn rescan<P: Payload>(&mut self, payload: &P, changed: &[usize]) {
        if self.is_empty() || changed.is_empty() {
            return;
        }
        let began = Instant::now();
        let list = payload.segments().list();
        let groups: Vec<u32> = changed
            .iter()
            .filter_map(|index| list.get(*index))
            .map(|segment| segment.json_group)
            .filter(|group| *group != 0)
            .collect();
        let touched = |index: usize| {
            changed.contains(&index)
                || list
                    .get(index)
                    .is_some_and(|s| s.json_group != 0 && groups.contains(&s.json_group))
        };
        for findings in self.findings.iter_mut().chain(&mut self.whole) {
            findings.retain(|finding| !touched(finding.segment));
        }
        let mut seen = Seen::default();
        for (index, segment) in list.iter().enumerate() {
            if touched(index) {
                self.scan_segment(payload, index, segment, &mut seen);
            }
        }
        self.settle_raw(payload);
        self.count_time(began);
    }

    /// What the guardrail at this place of the plan found, in order.
    pub(super) fn findings(&self, position: usize) -> Vec<Finding> {
        let Some(entry) = self.entry(position) else {
            return Vec::new();
        };
        let (parts, whole) = (self.findings.get(entry), self.whole.get(entry));
        let mut findings: Vec<Finding> =
            parts.into_iter().chain(whole).flatten().cloned().collect();
        findings.sort_by_key(|finding| (finding.segment, finding.hit.range.start));
        findings
    }

    /// Of these, what only shows in the whole of a JSON value.
    pub(super) fn findings_in_whole(&self, position: usize) -> Vec<Finding> {
        self.entry(position)
            .and_then(|entry| self.whole.get(entry))
            .cloned()
            .unwrap_or_default()
    }

    fn entry(&self, position: usize) -> Option<usize> {
        self.entries.iter().position(|(at, _)| *at == position)
    }

    fn scan_segment<P: Payload>(
        &mut self,
        payload: &P,
        index: usize,
        segment: &Segment,
        seen: &mut Seen,
    ) {
        let out_of_scope = |scope: Scope| match scope {
            Scope::All => false,
            Scope::Last => !segment.current_turn,
        };
        if self.entries.iter().all(|(_, scope)| out_of_scope(*scope)) {
            return;
        }
        let text = payload.segments().text(index);
        if self
            .known
            .is_some_and(|known| known.is_clean(text, segment))
        {
            return;
        }
        if let Some(twin) = seen.same(payload.segments(), index)
            && self.reads_alike(payload, twin, segment)
        {
            return self.take_over(twin, index);
        }
        self.scanner
            .scan(text, segment, &self.guardrails, &mut self.hits);
        if let Some(known) = self.known
            && self.hits.iter().all(Vec::is_empty)
        {
            known.remember(text, segment);
        }
        for (((_, scope), hits), findings) in self
            .entries
            .iter()
            .zip(&mut self.hits)
            .zip(&mut self.findings)
        {
            if out_of_scope(*scope) {
                hits.clear();
            }
            findings.extend(hits.drain(..).map(|hit| Finding {
                segment: index,
                hit,
            }));
        }
    }

    /// Whether every guardrail reads a text alike in a segment that has been scanned and in another one.
    fn reads_alike<P: Payload>(&self, payload: &P, scanned: usize, other: &Segment) -> bool {
        let scanned = payload.segments().list().get(scanned);
        scanned.is_some_and(|scanned| {
            // Which guardrails look at it at all depends on the turn.
            scanned.current_turn == other.current_turn
                && self
                    .guardrails
                    .iter()
                    .all(|guardrail| guardrail.reads_alike(scanned, other))
        })
    }

    /// What was found in one segment is found in another one.
    fn take_over(&mut self, from: usize, to: usize) {
        for findings in &mut self.findings {
            let same = findings.iter().filter(|finding| finding.segment == from);
            let same: Vec<Finding> = same
                .map(|finding| Finding {
                    segment: to,
                    hit: finding.hit.clone(),
                })
                .collect();
            findings.extend(same);
        }
    }

    /// The whole of a JSON value shows the same things as its leaves, so a finding in it counts only when
    /// no leaf, key or number of the value has one. Where a leaf holds it, it moves there.
    fn settle_raw<P: Payload>(&mut self, payload: &P) {
        let list = payload.segments().list();
        let is_raw = |finding: &Finding| {
            list.get(finding.segment)
                .is_some_and(|s| s.form == Form::JsonRaw)
        };
        let group = |finding: &Finding| list.get(finding.segment).map_or(0, |s| s.json_group);
        for (findings, whole) in self.findings.iter_mut().zip(&mut self.whole) {
            if !findings.iter().any(is_raw) {
                continue;
            }
            let shown: Vec<u32> = findings
                .iter()
                .filter(|finding| !is_raw(finding))
                .map(group)
                .collect();
            for finding in findings.iter().filter(|finding| is_raw(finding)) {
                if shown.contains(&group(finding)) {
                    continue;
                }
                let mut finding = finding.clone();
                let range = finding.hit.range.clone();
                if let Some((leaf, range)) = payload.leaf_of_raw(finding.segment, range) {
                    finding.segment = leaf;
                    finding.hit.range = range;
                }
                whole.push(finding);
            }
            findings.retain(|finding| !is_raw(finding));
        }
    }

    fn count_time(&mut self, began: Instant) {
        let took = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.share_us += took / self.entries.len().max(1) as u64;
    }
}
