//! Fork bombs of shells: a function that calls itself twice, or a batch file that pipes into itself.

use std::ops::Range;

/// Finds one in a line.
pub(super) fn find(line: &str) -> Option<Range<usize>> {
    if let Some(at) = line.find("%0|%0") {
        return Some(at..at + 5);
    }
    if let Some(at) = line.find("fork while") {
        let whole = ["fork while fork", "fork while true", "fork while 1"]
            .iter()
            .any(|bomb| line.get(at..).is_some_and(|rest| rest.starts_with(bomb)));
        return whole.then_some(at..at + 10);
    }
    // `name(){ name|name& };name`, spaces anywhere.
    let close = line.find("()").or_else(|| line.find("( )"))?;
    let before = line.get(..close)?.trim_end();
    let start = before
        .rfind([' ', ';', '\t', '`', '"', '\'', '$', '&', '|'])
        .map_or(0, |at| at + 1);
    let name = before.get(start..)?;
    if name.is_empty() || name.len() > 32 {
        return None;
    }
    let body: String = line
        .get(close..)?
        .chars()
        .filter(|c| !c.is_whitespace())
        .take(200)
        .collect();
    let call = format!("{name}|{name}&");
    let end = line.trim_end().len();
    (body.contains(&call) && body.contains('{')).then_some(start..end)
}
