//! Names of tools and arguments, and texts that are cut.

use std::borrow::Cow;
use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use super::limits::MAX_NAME;
use super::select::Written;

/// Hexadecimal digits that tell two names apart.
const MARK: usize = 6;

/// A name for each operation of a document.
///
/// The same operation has the same name whatever else is chosen and wherever it stands: where two would have one
/// name, or a name is too long, method and path are hashed into it.
pub(super) fn names(operations: &[Written<'_>]) -> Vec<String> {
    let plain: Vec<String> = operations
        .iter()
        .map(|operation| {
            let id = operation.id.filter(|id| !id.is_empty());
            let name = match id {
                Some(id) => id.to_owned(),
                None => format!("{}{}", operation.method.word(), operation.path),
            };
            safe(&name, |c| matches!(c, '_' | '-'))
        })
        .collect();
    let mut count: HashMap<&str, usize> = HashMap::new();
    for name in &plain {
        *count.entry(name).or_default() += 1;
    }
    let mut taken = std::collections::HashSet::new();
    let marked = plain.iter().zip(operations).map(|(name, operation)| {
        let is_alone = count.get(name.as_str()) == Some(&1);
        let fits = name.len() <= MAX_NAME;
        let mut mark = if is_alone && fits { 0 } else { MARK };
        loop {
            let name = with_mark(name, operation, mark);
            // Another operation may be called by chance what this one's mark came to.
            if taken.insert(name.clone()) || mark >= 64 {
                break name;
            }
            mark += MARK;
        }
    });
    marked.collect()
}

fn with_mark(name: &str, operation: &Written<'_>, digits: usize) -> String {
    if digits == 0 {
        return name.to_owned();
    }
    let mut hash = Sha256::new();
    hash.update(operation.method.word());
    hash.update(operation.path);
    let hash: String = hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let hash = hash.get(..digits).unwrap_or(&hash);
    // Both are ASCII.
    let kept = name
        .get(..(MAX_NAME.saturating_sub(hash.len() + 1)).min(name.len()))
        .unwrap_or_default();
    format!("{}_{hash}", kept.trim_end_matches('_'))
}

/// A name for an argument: what model providers take as the name of a property.
pub(super) fn argument(name: &str) -> String {
    let name = safe(name, |c| matches!(c, '_' | '-' | '.'));
    cut(&name, MAX_NAME).into_owned()
}

/// Letters, digits and what else is allowed; anything else becomes one `_`.
fn safe(name: &str, allowed: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_ascii_alphanumeric() || allowed(c) {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
    }
    let out = out.trim_end_matches('_');
    if out.is_empty() {
        "_".to_owned()
    } else {
        out.to_owned()
    }
}

/// At most so many characters.
pub(super) fn cut(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => Cow::Borrowed(text),
        Some(_) => {
            let kept: String = text.chars().take(most.saturating_sub(1)).collect();
            Cow::Owned(kept.trim_end().to_owned() + "…")
        }
    }
}

/// A text of the document in a message.
pub(super) fn quoted(text: &str) -> String {
    format!("{:?}", cut(text, 128))
}
