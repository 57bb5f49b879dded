//! Custom patterns: compiled once, searched together, bounded where they can be.

use std::borrow::Cow;
use std::sync::Arc;

use parapet_policy::compile::{HoldBack, Problem};
use parapet_policy::diagnostic::{Reason, Severity};
use regex_automata::meta;
use regex_syntax::hir::Hir;

use super::CustomPattern;
use super::pending::Pending;
use crate::finding::{Hit, Rank};
use crate::guardrail::problem;

/// What one guardrail's patterns may take when compiled, in bytes.
const SIZE_LIMIT: usize = 8 << 20;
/// What a thread's search may remember of an automaton that is built as it runs, in bytes.
const CACHE: usize = 512 << 10;
/// How deep groups may nest.
const NEST_LIMIT: u32 = 64;
/// How long a name may be.
const NAME_LIMIT: usize = 64;

/// The custom patterns of one guardrail.
pub(super) struct Customs {
    /// Says quickly where the first match of any pattern begins.
    any: meta::Regex,
    each: Vec<One>,
    pending: Pending,
    /// Bytes; none when a pattern has no bound.
    longest: Option<usize>,
}

struct One {
    regex: meta::Regex,
    category: Cow<'static, str>,
    replacement: Arc<str>,
}

impl Customs {
    /// Compiles patterns. `None` when there are none, or problems.
    pub(super) fn build(
        patterns: &[CustomPattern],
        problems: &mut Vec<Problem>,
        remarks: &mut Vec<Problem>,
    ) -> Option<Self> {
        let before = problems.len();
        let mut each = Vec::new();
        let mut hirs = Vec::new();
        let mut longest = Some(0);
        for (place, pattern) in patterns.iter().enumerate() {
            let path = format!("customPatterns[{place}]");
            match compile(pattern, place, &path) {
                Ok((hir, one)) => {
                    let bound = hir.properties().maximum_len();
                    if bound.is_none() {
                        remarks.push(unbounded(format!("{path}.pattern")));
                    }
                    longest = longest.zip(bound).map(|(a, b): (usize, usize)| a.max(b));
                    hirs.push(hir);
                    each.push(one);
                }
                Err(problem) => problems.push(problem),
            }
        }
        if each.is_empty() || problems.len() > before {
            return None;
        }
        let together = || -> Result<(meta::Regex, Pending), String> {
            let any = builder()
                .build_many_from_hir(&hirs)
                .map_err(|error| error.to_string())?;
            Ok((any, Pending::new(&hirs)?))
        };
        match together() {
            Ok((any, pending)) => Some(Self {
                any,
                each,
                pending,
                longest,
            }),
            Err(error) => {
                problems.push(problem(
                    "customPatterns",
                    format!("cannot compile the patterns together: {error}; make them shorter or split them over two guardrails"),
                ));
                None
            }
        }
    }

    /// Finds. Every pattern is searched for by itself, from the first place at which any of them matches.
    pub(super) fn scan(&self, text: &str, hits: &mut Vec<Hit>) {
        let Some(first) = self.any.find(text) else {
            return;
        };
        for one in &self.each {
            let input = regex_automata::Input::new(text).range(first.start()..);
            for found in one.regex.find_iter(input) {
                hits.push(Hit {
                    range: found.range(),
                    category: one.category.clone(),
                    score: 0.5,
                    rank: Rank::Pattern,
                    replacement: Some(one.replacement.clone()),
                });
            }
        }
    }

    /// How many bytes of a stream the patterns hold back.
    pub(super) fn hold_back(&self) -> HoldBack {
        match self.longest.map(u32::try_from) {
            Some(Ok(bytes)) => HoldBack::Bytes(bytes.saturating_add(4)),
            Some(Err(_)) | None => HoldBack::Unbounded,
        }
    }

    /// Where a match may have begun that the end of the text cuts off.
    pub(super) fn pending_from(&self, text: &str, from: usize) -> usize {
        let mut least = self
            .longest
            .map_or(from, |longest| text.len().saturating_sub(longest).max(from));
        while !text.is_char_boundary(least) {
            least -= 1;
        }
        self.pending.from(text, least)
    }
}

fn builder() -> meta::Builder {
    let mut builder = meta::Builder::new();
    builder.configure(
        meta::Config::new()
            .nfa_size_limit(Some(SIZE_LIMIT))
            .hybrid_cache_capacity(CACHE),
    );
    builder
}

fn compile(pattern: &CustomPattern, place: usize, path: &str) -> Result<(Hir, One), Problem> {
    let hir = regex_syntax::ParserBuilder::new()
        .nest_limit(NEST_LIMIT)
        .build()
        .parse(&pattern.pattern)
        .map_err(|error| problem(format!("{path}.pattern"), said(&error)))?;
    if hir.properties().minimum_len().unwrap_or(0) == 0 {
        return Err(problem(
            format!("{path}.pattern"),
            "the pattern matches the empty text, so it would match everywhere: ask for at least one character",
        ));
    }
    let regex = builder().build_from_hir(&hir).map_err(|error| {
        let what = error.size_limit().map_or_else(
            || error.to_string(),
            |limit| {
                format!(
                    "it takes more than {limit} bytes when compiled: lower the repetition counts"
                )
            },
        );
        problem(
            format!("{path}.pattern"),
            format!("cannot compile the pattern: {what}"),
        )
    })?;
    let category = match &pattern.name {
        None => format!("custom_{}", place + 1),
        Some(name) => name.trim().to_owned(),
    };
    if category.is_empty() || category.len() > NAME_LIMIT || category.chars().any(char::is_control)
    {
        return Err(problem(
            format!("{path}.name"),
            format!("a name has 1 to {NAME_LIMIT} bytes and no control characters"),
        ));
    }
    Ok((
        hir,
        One {
            regex,
            category: category.into(),
            replacement: pattern.redaction_text.as_str().into(),
        },
    ))
}

/// What is wrong with a pattern, and where: character position, counted from 1.
fn said(error: &regex_syntax::Error) -> String {
    let (what, at) = match error {
        regex_syntax::Error::Parse(error) => (error.kind().to_string(), error.span().start),
        regex_syntax::Error::Translate(error) => (error.kind().to_string(), error.span().start),
        other => return format!("cannot read the pattern: {other}"),
    };
    match at.line {
        1 => format!("cannot read the pattern at character {}: {what}", at.column),
        line => format!(
            "cannot read the pattern at line {line}, character {}: {what}",
            at.column
        ),
    }
}

fn unbounded(path: String) -> Problem {
    Problem {
        path,
        severity: Severity::Warning,
        reason: Reason::Unbounded,
        message: "a match can be of any length, so a stream is held back by the default bound and a longer match \
                  is cut there: bound it, for example by {1,64} in place of + and {0,64} in place of *"
            .into(),
    }
}
