//! Where a text reads differently from how it is written.
//!
//! A site is a stretch of the source with what it stands for. The finders are cheap on texts without
//! any: a few vectorised passes for single bytes.

mod escapes;
mod hidden;
mod runs;

pub(super) use runs::BASE64;

use std::ops::Range;

/// One stretch of the source that stands for something else.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site {
    from: u32,
    to: u32,
    /// What it stands for, in the arena.
    text: (u32, u32),
}

/// The sites of one text, in order and without overlaps.
#[derive(Debug, Default)]
pub(super) struct Sites {
    list: Vec<Site>,
    arena: String,
}

impl Sites {
    /// Finds the sites of `text`. `open` says that the text goes on: what stands at its end may have a
    /// neighbour still to come.
    pub(super) fn of(text: &str, open: bool) -> Self {
        let mut sites = Self::default();
        // Offsets are kept in 32 bits; bodies are far smaller.
        if u32::try_from(text.len()).is_ok() {
            if !text.is_ascii() {
                hidden::gather(text, open, &mut sites);
            }
            escapes::gather(text, &mut sites);
            runs::gather(text, &mut sites);
            sites.settle();
        }
        sites
    }

    /// Whether there are none: the text reads as it is written.
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Ranges of the source and what each stands for.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Range<usize>, &str)> {
        self.list.iter().map(|site| {
            let text = self.arena.get(site.text.0 as usize..site.text.1 as usize);
            (
                site.from as usize..site.to as usize,
                text.unwrap_or_default(),
            )
        })
    }

    /// Adds a site that stands for the text which `write` appends.
    fn add(&mut self, range: Range<usize>, write: impl FnOnce(&mut String)) {
        let begin = self.arena.len();
        write(&mut self.arena);
        let text = (begin as u32, self.arena.len() as u32);
        self.list.push(Site {
            from: range.start as u32,
            to: range.end as u32,
            text,
        });
    }

    fn settle(&mut self) {
        if !self.list.is_sorted_by_key(|site| site.from) {
            self.list.sort_by_key(|site| site.from);
        }
        let mut end = 0;
        self.list.retain(|site| {
            let keep = site.from >= end;
            if keep {
                end = site.to;
            }
            keep
        });
    }
}

/// The earliest offset, at least `from`, where something may begin that the end of `text` cuts off and
/// that would stand for something else if it went on: half an escape, a run that may be base64.
pub(super) fn unfinished(text: &str, from: usize) -> Option<usize> {
    let places = [
        escapes::unfinished(text),
        runs::unfinished(text),
        hidden::unfinished(text),
    ];
    places
        .into_iter()
        .flatten()
        .min()
        .map(|place| place.max(from))
        .filter(|place| *place < text.len())
}

#[cfg(test)]
mod tests;
