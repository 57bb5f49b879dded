//! From what a text guardrail found to what it came to.

use std::borrow::Cow;
use std::fmt::Write as _;

use parapet_guardrails::finding::{Edit, Finding};
use parapet_guardrails::segment::{Rewrite, Segments};
use parapet_policy::outcome::{Operation, Outcome};
use parapet_policy::record::Places;

use super::payload::Payload;

/// An explanation lists so many places; the record has the counts.
const MAX_PLACES: usize = 5;

/// What one guardrail came to at one hook, before any strategy.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The outcome.
    pub outcome: Outcome,
    /// What a mutator wants changed; empty unless the outcome is `Changed`.
    pub edits: Vec<Edit>,
    /// Categories with the number of findings in each, in order of first appearance.
    pub categories: Vec<(Cow<'static, str>, u32)>,
    /// Where it was found; none where nothing was, or nobody says where.
    pub places: Option<Box<Places>>,
}

impl Judged {
    /// Nothing found.
    pub const fn clean() -> Self {
        Self::of(Outcome::Clean)
    }

    /// Adds categories to those counted already.
    pub fn count(&mut self, categories: &[(Cow<'static, str>, u32)]) {
        for (category, count) in categories {
            match self
                .categories
                .iter_mut()
                .find(|(known, _)| known == category)
            {
                Some((_, known)) => *known += count,
                None => self.categories.push((category.clone(), *count)),
            }
        }
    }

    /// An outcome without findings.
    pub const fn of(outcome: Outcome) -> Self {
        Self {
            outcome,
            edits: Vec::new(),
            categories: Vec::new(),
            places: None,
        }
    }

    /// The same, with the places of these segments.
    pub(super) fn found_at<P: Payload>(
        mut self,
        segments: impl Iterator<Item = usize>,
        payload: &P,
    ) -> Self {
        self.places = Places::of(segments, |segment| payload.public_place(segment));
        self
    }
}

/// Judges the findings of one text guardrail. `place` tells where a segment stands, for the explanation.
///
/// A validator's findings are a violation. A mutator's become edits, unless one of them cannot be
/// rewritten: then the whole is a violation, because any violation wins over changes.
pub fn judge_findings(
    operation: Operation,
    segments: &Segments,
    findings: &[Finding],
    place: &dyn Fn(usize) -> String,
) -> Judged {
    if findings.is_empty() {
        return Judged::clean();
    }
    let categories = count_categories(findings);
    let mut edits = Vec::new();
    let mut refused = Vec::new();
    for finding in findings {
        match (operation, rewritable(segments, finding)) {
            (Operation::Mutate, Ok(edit)) => edits.push(edit),
            (Operation::Mutate, Err(why)) => refused.push((finding, why)),
            (Operation::Validate, _) => refused.push((finding, None)),
        }
    }
    if refused.is_empty() {
        return Judged {
            outcome: Outcome::Changed,
            edits,
            categories,
            places: None,
        };
    }
    let explanation = explain(&refused, place).into();
    Judged {
        outcome: Outcome::Violation { explanation },
        edits: Vec::new(),
        categories,
        places: None,
    }
}

/// The edit that a finding asks for, or why there can be none.
fn rewritable(segments: &Segments, finding: &Finding) -> Result<Edit, Option<&'static str>> {
    let rewrite = segments
        .list()
        .get(finding.segment)
        .map(|segment| segment.rewrite);
    match (&finding.hit.replacement, rewrite) {
        (Some(replacement), Some(Rewrite::Yes)) => Ok(Edit {
            segment: finding.segment,
            range: finding.hit.range.clone(),
            replacement: replacement.clone(),
        }),
        (_, Some(Rewrite::No(why))) => Err(Some(why)),
        (None, Some(Rewrite::Yes)) | (_, None) => Err(None),
    }
}

fn count_categories(findings: &[Finding]) -> Vec<(Cow<'static, str>, u32)> {
    let mut counts: Vec<(Cow<'static, str>, u32)> = Vec::new();
    for finding in findings {
        match counts
            .iter_mut()
            .find(|(category, _)| *category == finding.hit.category)
        {
            Some((_, count)) => *count += 1,
            None => counts.push((finding.hit.category.clone(), 1)),
        }
    }
    counts
}

/// `aws_access_key in messages[0].content; us_ssn in messages[1].content (key)`.
fn explain(
    refused: &[(&Finding, Option<&'static str>)],
    place: &dyn Fn(usize) -> String,
) -> String {
    let mut named: Vec<(&str, usize)> = Vec::new();
    let mut text = String::new();
    let mut more = 0;
    for (finding, why) in refused {
        let what = (finding.hit.category.as_ref(), finding.segment);
        if named.contains(&what) {
            continue;
        }
        if named.len() == MAX_PLACES {
            more += 1;
            continue;
        }
        named.push(what);
        let separator = if text.is_empty() { "" } else { "; " };
        let _ = write!(text, "{separator}{} in {}", what.0, place(what.1));
        if let Some(why) = why {
            let _ = write!(text, " ({why}: cannot be rewritten)");
        }
    }
    if more > 0 {
        let _ = write!(text, "; and {more} more");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parapet_guardrails::finding::{Hit, Rank};
    use parapet_guardrails::segment::{Form, Role, Segment, SegmentText};

    use super::*;

    fn segments(rewrites: &[Rewrite]) -> Segments {
        let list = rewrites
            .iter()
            .map(|rewrite| Segment {
                text: SegmentText::Owned("0123456789".into()),
                role: Role::User,
                form: Form::Text,
                rewrite: *rewrite,
                key: None,
                current_turn: true,
                json_group: 0,
                at: 0,
            })
            .collect();
        Segments::new(Arc::default(), list)
    }

    fn finding(segment: usize, category: &'static str, replacement: Option<&str>) -> Finding {
        Finding {
            segment,
            hit: Hit {
                range: 2..4,
                category: category.into(),
                score: 1.0,
                rank: Rank::Pattern,
                replacement: replacement.map(Into::into),
            },
        }
    }

    fn judge(operation: Operation, rewrites: &[Rewrite], findings: &[Finding]) -> (Outcome, usize) {
        let judged = judge_findings(operation, &segments(rewrites), findings, &|i| {
            format!("p{i}")
        });
        (judged.outcome, judged.edits.len())
    }

    fn violation(explanation: &str) -> Outcome {
        Outcome::Violation {
            explanation: explanation.into(),
        }
    }

    #[test]
    fn operation_decides_between_edit_and_violation() {
        use Operation::{Mutate, Validate};
        let yes = [Rewrite::Yes];
        let key = [Rewrite::Yes, Rewrite::No("key")];
        let x = Some("x");
        assert_eq!(judge(Mutate, &yes, &[]), (Outcome::Clean, 0));
        assert_eq!(
            judge(Validate, &yes, &[finding(0, "a", x)]),
            (violation("a in p0"), 0)
        );
        assert_eq!(
            judge(Mutate, &yes, &[finding(0, "a", x)]),
            (Outcome::Changed, 1)
        );
        assert_eq!(
            judge(Mutate, &yes, &[finding(0, "a", None)]),
            (violation("a in p0"), 0)
        );
        assert_eq!(
            judge(Mutate, &key, &[finding(0, "a", x), finding(1, "b", x)]),
            (violation("b in p1 (key: cannot be rewritten)"), 0)
        );
    }

    #[test]
    fn explanations_are_bounded_and_categories_counted() {
        let rewrites = vec![Rewrite::Yes; 9];
        let mut findings: Vec<_> = (0..9).map(|i| finding(i, "a", None)).collect();
        findings.push(finding(0, "a", None));
        let judged = judge_findings(Operation::Validate, &segments(&rewrites), &findings, &|i| {
            format!("p{i}")
        });
        assert_eq!(judged.categories, vec![("a".into(), 10)]);
        assert_eq!(
            judged.outcome,
            violation("a in p0; a in p1; a in p2; a in p3; a in p4; and 4 more")
        );
    }
}
