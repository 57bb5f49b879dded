//! Which end of a text may be the beginning of a match.
//!
//! The beginnings of all matches of a pattern are a regular language themselves. It is compiled to an
//! automaton that reads backwards from the end of the text and dies as soon as what it has read cannot be the
//! end of such a beginning; in prose that is after a byte or two. Assertions (`^`, `\b`) are left out, so that
//! it may hold back more than necessary, never less.

use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson;
use regex_automata::util::pool::Pool;
use regex_automata::{Anchored, Input, MatchKind};
use regex_syntax::hir::{Hir, HirKind, Repetition};

/// What a thread may remember of the automaton, in bytes.
const CACHE: usize = 1 << 20;
/// What the patterns may take when compiled, in bytes.
const SIZE_LIMIT: usize = 32 << 20;

type Caches = Pool<
    Cache,
    Box<dyn Fn() -> Cache + Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe>,
>;

/// Reads texts backwards.
pub(super) struct Pending {
    backwards: DFA,
    caches: Caches,
}

impl Pending {
    /// For beginnings of matches of any of these patterns.
    pub(super) fn new(patterns: &[Hir]) -> Result<Self, String> {
        let beginnings = Hir::alternation(patterns.iter().map(beginning).collect());
        let nfa = thompson::Compiler::new()
            .configure(
                thompson::Config::new()
                    .reverse(true)
                    .nfa_size_limit(Some(SIZE_LIMIT))
                    .which_captures(thompson::WhichCaptures::None),
            )
            .build_from_hir(&beginnings)
            .map_err(|error| error.to_string())?;
        let backwards = DFA::builder()
            .configure(
                DFA::config()
                    .match_kind(MatchKind::All)
                    .cache_capacity(CACHE)
                    .skip_cache_capacity_check(true),
            )
            .build_from_nfa(nfa)
            .map_err(|error| error.to_string())?;
        let made = backwards.clone();
        Ok(Self {
            backwards,
            caches: Pool::new(Box::new(move || made.create_cache())),
        })
    }

    /// The earliest place, at least `least`, from which on the text may be the beginning of a match.
    pub(super) fn from(&self, text: &str, least: usize) -> usize {
        let input = Input::new(text).range(least..).anchored(Anchored::Yes);
        let mut cache = self.caches.get();
        match self.backwards.try_search_rev(&mut cache, &input) {
            Ok(Some(found)) => found.offset(),
            Ok(None) => text.len(),
            Err(_) => least,
        }
    }
}

/// What begins a match of a pattern, the empty text and the whole match included.
fn beginning(pattern: &Hir) -> Hir {
    match pattern.kind() {
        HirKind::Empty | HirKind::Look(_) => Hir::empty(),
        // A text ends with a whole character.
        HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
            Ok(text) => text.chars().rev().fold(Hir::empty(), |rest, c| {
                let mut utf8 = [0; 4];
                optional(Hir::concat(vec![
                    Hir::literal(c.encode_utf8(&mut utf8).as_bytes()),
                    rest,
                ]))
            }),
            Err(_) => optional(pattern.clone()),
        },
        HirKind::Class(_) => optional(pattern.clone()),
        HirKind::Capture(capture) => beginning(&capture.sub),
        HirKind::Alternation(list) => Hir::alternation(list.iter().map(beginning).collect()),
        HirKind::Concat(list) => list.iter().rev().fold(Hir::empty(), |rest, part| {
            Hir::alternation(vec![
                beginning(part),
                Hir::concat(vec![without_looks(part), rest]),
            ])
        }),
        HirKind::Repetition(repetition) => Hir::concat(vec![
            Hir::repetition(Repetition {
                min: 0,
                max: repetition.max.map(|max| max.saturating_sub(1)),
                greedy: true,
                sub: Box::new(without_looks(&repetition.sub)),
            }),
            beginning(&repetition.sub),
        ]),
    }
}

fn optional(hir: Hir) -> Hir {
    Hir::repetition(Repetition {
        min: 0,
        max: Some(1),
        greedy: true,
        sub: Box::new(hir),
    })
}

/// The pattern without its assertions.
fn without_looks(pattern: &Hir) -> Hir {
    match pattern.kind() {
        HirKind::Look(_) => Hir::empty(),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) => pattern.clone(),
        HirKind::Capture(capture) => without_looks(&capture.sub),
        HirKind::Alternation(list) => Hir::alternation(list.iter().map(without_looks).collect()),
        HirKind::Concat(list) => Hir::concat(list.iter().map(without_looks).collect()),
        HirKind::Repetition(repetition) => Hir::repetition(Repetition {
            min: repetition.min,
            max: repetition.max,
            greedy: repetition.greedy,
            sub: Box::new(without_looks(&repetition.sub)),
        }),
    }
}
