//! The header of a table stands for the words before a value: comma, semicolon, tab or bar between columns.

use std::ops::Range;

/// How far above a row its header may stand, in bytes.
pub(in super::super) const ABOVE: usize = 4096;
/// How long a line of a table may be, in bytes.
pub(in super::super) const LINE: usize = 512;

/// The headers of the tables of one text, remembered while its rows are read from top to bottom.
#[derive(Debug, Default)]
pub(in super::super) struct Tables {
    /// By delimiter: the line that was asked about last, and the topmost line of its table.
    known: [Option<(usize, Range<usize>)>; DELIMITERS.len()],
}

/// What may stand between columns.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

impl Tables {
    /// The cell of the header above the cell that begins at `at`, if `at` is the beginning of a cell in a row.
    pub(in super::super) fn header_cell(&mut self, text: &str, at: usize) -> Option<Range<usize>> {
        let bytes = text.as_bytes();
        let before = bytes.get(at.saturating_sub(4)..at)?;
        let mark = *before
            .iter()
            .rev()
            .find(|byte| !matches!(byte, b' ' | b'"' | b'\''))?;
        let first = mark == b'\n';
        if !first && !DELIMITERS.contains(&mark) {
            return None;
        }
        let line = line_start(bytes, at)?;
        let delimiter = if first { after_cell(bytes, at)? } else { mark };
        let kind = DELIMITERS.iter().position(|known| *known == delimiter)?;
        let top = self.top(bytes, line, delimiter, kind)?;
        let header = bytes.get(top.clone())?;
        let fits = line - top.start <= ABOVE
            && header.len() <= LINE
            && !header.iter().any(u8::is_ascii_digit);
        if !fits {
            return None;
        }
        let column = count(bytes, line..at, delimiter);
        let mut start = top.start;
        for (place, cell) in text.get(top)?.split(char::from(delimiter)).enumerate() {
            if place == column {
                return Some(start..start + cell.len());
            }
            start += cell.len() + 1;
        }
        None
    }

    /// The topmost of the lines above `line` that all have the delimiter.
    fn top(
        &mut self,
        bytes: &[u8],
        line: usize,
        delimiter: u8,
        kind: usize,
    ) -> Option<Range<usize>> {
        let known = self.known.get_mut(kind)?;
        let floor = line.saturating_sub(ABOVE + LINE);
        let mut top = None;
        let mut end = line.checked_sub(1)?;
        loop {
            if let Some((asked, known)) = known
                && *asked == end + 1
            {
                top = Some(known.clone());
                break;
            }
            let start =
                memchr::memrchr(b'\n', bytes.get(floor..end)?).map(|start| floor + start + 1);
            let start = match start {
                Some(start) => start,
                None if floor == 0 => 0,
                // A line that is cut is not the first one. What is too far above stays so for the rows below.
                None => {
                    top = Some(floor..floor);
                    break;
                }
            };
            if memchr::memchr(delimiter, bytes.get(start..end)?).is_none() {
                break;
            }
            top = Some(start..end);
            if start == 0 {
                break;
            }
            end = start - 1;
        }
        if let Some(top) = &top {
            *known = Some((line, top.clone()));
        }
        top
    }
}

/// The delimiter after the first cell of a row.
fn after_cell(bytes: &[u8], at: usize) -> Option<u8> {
    bytes
        .get(at..)?
        .iter()
        .take(64)
        .take_while(|byte| **byte != b'\n')
        .find(|byte| DELIMITERS.contains(byte))
        .copied()
}

fn line_start(bytes: &[u8], at: usize) -> Option<usize> {
    let from = at.saturating_sub(LINE);
    let start = memchr::memrchr(b'\n', bytes.get(from..at)?);
    start.map(|start| from + start + 1)
}

fn count(bytes: &[u8], range: Range<usize>, delimiter: u8) -> usize {
    memchr::memchr_iter(delimiter, bytes.get(range).unwrap_or_default()).count()
}

/// Whether the last lines look like rows, so that a stream keeps what stands above them.
pub(in super::super) fn in_table(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some(line) = line_start(bytes, bytes.len()) else {
        return false;
    };
    let Some(above) = line
        .checked_sub(1)
        .map(|end| line_start(bytes, end).unwrap_or(0)..end)
    else {
        return false;
    };
    DELIMITERS
        .iter()
        .any(|delimiter| count(bytes, above.clone(), *delimiter) > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header_cell(text: &str, at: usize) -> Option<Range<usize>> {
        Tables::default().header_cell(text, at)
    }

    #[test]
    fn finds_the_cell_above() {
        let csv = "name,email,phone\nA B,a@b.org,123\nC D,c@d.org,";
        let markdown = "Text.\n\n| Name | Phone |\n|---|---|\n| A | 5 |\n| B | ";
        let fenced = "```\nid;ssn\n1;";
        let rows = [
            (csv, Some("phone")),
            (&csv[..20], None),
            (markdown, Some(" Phone ")),
            (fenced, Some("ssn")),
            ("a, b, c and ", None),
            ("1,2\n3,", None),
            ("ssn,name\n", None),
        ];
        for (text, cell) in rows {
            let found = header_cell(text, text.len()).and_then(|range| text.get(range));
            assert_eq!(found, cell, "{text:?}");
        }
        let first = "ssn,name\n536221234,X";
        assert_eq!(header_cell(first, 9), Some(0..3));
    }

    #[test]
    fn a_header_that_is_too_far_away_is_none() {
        for (rows, found) in [(900, true), (1100, false)] {
            let text = format!(
                "name,phone
{}",
                "x,y
"
                .repeat(rows)
            ) + "a,";
            assert_eq!(header_cell(&text, text.len()).is_some(), found, "{rows}");
        }
    }

    #[test]
    fn what_is_remembered_changes_nothing() {
        let text = "a,b
c,d

e|f
g|h
i|j
1,2
";
        let mut tables = Tables::default();
        for at in 0..text.len() {
            assert_eq!(tables.header_cell(text, at), header_cell(text, at), "{at}");
        }
    }
}
