//! From the bytes of a decoded text back to the bytes of the text that it came from.

use std::ops::Range;

/// A stretch of the decoded text.
#[derive(Clone, Copy, Debug)]
struct Piece {
    /// Where it begins in the decoded text. It ends where the next one begins.
    at: usize,
    /// Where it begins in the source.
    from: usize,
    /// Where it ends in the source.
    to: usize,
    /// Whether the bytes are the same; otherwise any part of it stands for all of its source.
    copied: bool,
}

/// Offsets of a decoded text, mapped to its source.
#[derive(Debug, Default)]
pub(super) struct Map {
    pieces: Vec<Piece>,
    end: usize,
}

impl Map {
    /// Adds `length` decoded bytes that are the same in the source, from `from` on.
    pub(super) fn copied(&mut self, from: usize, length: usize) {
        self.add(from..from + length, length, true);
    }

    /// Adds `length` decoded bytes that stand for `source` as a whole; 0 for what was removed.
    pub(super) fn changed(&mut self, source: Range<usize>, length: usize) {
        self.add(source, length, false);
    }

    fn add(&mut self, source: Range<usize>, length: usize, copied: bool) {
        if length > 0 || !copied {
            self.pieces.push(Piece {
                at: self.end,
                from: source.start,
                to: source.end,
                copied,
            });
            self.end += length;
        }
    }

    /// The source bytes of a decoded range: every byte that contributed to it and what was removed in
    /// between.
    pub(super) fn source(&self, range: &Range<usize>) -> Range<usize> {
        let start = self.source_of_start(range.start);
        if range.is_empty() {
            return start..start;
        }
        let after = self.pieces.partition_point(|piece| piece.at < range.end);
        let end = match after
            .checked_sub(1)
            .and_then(|index| self.pieces.get(index))
        {
            Some(piece) if piece.copied => piece.to.min(piece.from + (range.end - piece.at)),
            Some(piece) => piece.to,
            None => start,
        };
        start..end.max(start)
    }

    /// The source byte from which on the decoded text from `offset` on comes.
    pub(super) fn source_of_start(&self, offset: usize) -> usize {
        let after = self.pieces.partition_point(|piece| piece.at <= offset);
        match after
            .checked_sub(1)
            .and_then(|index| self.pieces.get(index))
        {
            Some(piece) if piece.copied => piece.to.min(piece.from + (offset - piece.at)),
            Some(piece) if offset < self.end => piece.from,
            Some(piece) => piece.to,
            None => 0,
        }
    }

    /// The first decoded byte that comes from the source at `source` or after it.
    pub(super) fn decoded_from(&self, source: usize) -> usize {
        let index = self.pieces.partition_point(|piece| piece.to <= source);
        match self.pieces.get(index) {
            Some(piece) if piece.copied => piece.at + source.saturating_sub(piece.from),
            Some(piece) => piece.at,
            None => self.end,
        }
    }

    /// Whether something that was decoded or removed lies within `distance` bytes of a decoded range.
    pub(super) fn changed_near(&self, range: &Range<usize>, distance: usize) -> bool {
        let first = self
            .pieces
            .partition_point(|piece| piece.at + distance < range.start)
            .saturating_sub(1);
        self.pieces
            .iter()
            .skip(first)
            .take_while(|piece| piece.at <= range.end + distance)
            .any(|piece| !piece.copied)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `ab[%41%42]cd[zero width]ef` decoded to `abABcdef`.
    fn map() -> Map {
        let mut map = Map::default();
        map.copied(0, 2);
        map.changed(2..8, 2);
        map.copied(8, 2);
        map.changed(10..13, 0);
        map.copied(13, 2);
        map
    }

    #[test]
    fn ranges_widen_to_all_that_contributed() {
        for (decoded, source) in [
            (0..1, 0..1),
            (1..2, 1..2),
            (1..3, 1..8),
            (2..3, 2..8),
            (3..4, 2..8),
            (3..5, 2..9),
            (4..6, 8..10),
            (5..7, 9..14),
            (6..8, 13..15),
            (0..8, 0..15),
        ] {
            assert_eq!(map().source(&decoded), source, "{decoded:?}");
        }
    }

    #[test]
    fn offsets_map_both_ways() {
        assert_eq!(map().source_of_start(3), 2);
        assert_eq!(map().source_of_start(6), 13);
        assert_eq!(map().source_of_start(8), 15);
        assert_eq!(map().decoded_from(5), 2);
        assert_eq!(map().decoded_from(9), 5);
        assert_eq!(map().decoded_from(11), 6);
        assert_eq!(map().decoded_from(99), 8);
    }

    #[test]
    fn a_change_is_near_or_not() {
        let mut map = Map::default();
        map.copied(0, 1000);
        map.changed(1000..1003, 0);
        map.copied(1003, 1000);
        assert!(map.changed_near(&(900..950), 100));
        assert!(!map.changed_near(&(800..850), 100));
        assert!(map.changed_near(&(990..1010), 0));
        assert!(map.changed_near(&(1050..1060), 100));
        assert!(!map.changed_near(&(1200..1210), 100));
    }
}
