//! From a returned body to edits.

use std::ops::Range;

use parapet_guardrails::finding::Edit;
use serde_json::Value as Json;

use super::now::Now;
use super::{Projected, Unmappable};
use crate::llm::json::{Doc, Kind, Value, is_ordinary};
use crate::llm::locate::may_hold_json;
use crate::llm::texts::NO_HOST;

impl Now<'_> {
    /// The edits that lead from a projection to what was returned.
    pub(super) fn diff(
        &self,
        projected: &Projected<'_>,
        returned: &Json,
    ) -> Result<Vec<Edit>, Unmappable> {
        let mut diff = Diff {
            now: self,
            path: Vec::new(),
            edits: Vec::new(),
        };
        diff.projected(projected, returned)?;
        Ok(diff.edits)
    }
}

enum Step {
    Member(String),
    Item(usize),
}

struct Diff<'n, 't> {
    now: &'n Now<'t>,
    path: Vec<Step>,
    edits: Vec<Edit>,
}

type Outcome = Result<(), Unmappable>;

impl Diff<'_, '_> {
    fn projected(&mut self, sent: &Projected<'_>, returned: &Json) -> Outcome {
        match (sent, returned) {
            (Projected::Same(value), _) => self.same(NO_HOST, *value, returned),
            (Projected::InString(value), Json::String(text)) => {
                if *text == self.now.whole(*value) {
                    return Ok(());
                }
                let inner: Json = serde_json::from_str(text).map_err(|_| self.unmappable())?;
                self.same(NO_HOST, *value, &inner)
            }
            (Projected::OutOfString(value), _) => self.out_of_string(*value, returned),
            (Projected::Joined(strings), Json::String(text)) => self.joined(strings, text),
            (Projected::Fixed(value), _) if value == returned => Ok(()),
            (Projected::Array(items), Json::Array(returned)) if items.len() == returned.len() => {
                for (index, (item, returned)) in items.iter().zip(returned).enumerate() {
                    self.within(Step::Item(index), |diff| diff.projected(item, returned))?;
                }
                Ok(())
            }
            (Projected::Object(members), Json::Object(returned)) => {
                self.same_size(members.len(), returned)?;
                for (key, member) in members {
                    self.within(Step::Member((*key).to_owned()), |diff| {
                        let returned = returned.get(*key).ok_or_else(|| diff.unmappable())?;
                        diff.projected(member, returned)
                    })?;
                }
                Ok(())
            }
            (
                Projected::InString(_)
                | Projected::Joined(_)
                | Projected::Fixed(_)
                | Projected::Array(_)
                | Projected::Object(_),
                _,
            ) => Err(self.unmappable()),
        }
    }

    fn out_of_string(&mut self, value: Value<'_>, returned: &Json) -> Outcome {
        let text = value.as_str().unwrap_or_default();
        let doc = Doc::parse(&text).ok().filter(|_| may_hold_json(&text));
        let Some(doc) = doc else {
            return self.same(NO_HOST, value, returned);
        };
        match self.now.host(NO_HOST, value) {
            Some(host) => self.same(host, doc.root(&text), returned),
            // Without texts there is nothing to change.
            None if serde_json::from_str::<Json>(&text).is_ok_and(|sent| sent == *returned) => {
                Ok(())
            }
            None => Err(self.unmappable()),
        }
    }

    fn same(&mut self, host: u32, sent: Value<'_>, returned: &Json) -> Outcome {
        if let Some(instead) = self.now.dropped(host, sent) {
            let instead: Json = serde_json::from_str(instead).unwrap_or_default();
            return if instead == *returned {
                Ok(())
            } else {
                Err(self.unmappable())
            };
        }
        match (sent.kind(), returned) {
            (Kind::Null, Json::Null) => Ok(()),
            (Kind::Bool, Json::Bool(flag)) if sent.as_bool() == Some(*flag) => Ok(()),
            (Kind::String, Json::String(text)) => self.string(host, sent, text),
            (Kind::Number, _) => self.number(host, sent, returned),
            (Kind::Array, Json::Array(items)) if sent.items().count() == items.len() => {
                for (index, (sent, returned)) in sent.items().zip(items).enumerate() {
                    self.within(Step::Item(index), |diff| diff.same(host, sent, returned))?;
                }
                Ok(())
            }
            (Kind::Object, Json::Object(members)) => {
                self.same_size(sent.members().count(), members)?;
                for (key, sent) in sent.members() {
                    let step = Step::Member(key.clone().into_owned());
                    self.within(step, |diff| {
                        let returned =
                            members.get(key.as_ref()).ok_or_else(|| diff.unmappable())?;
                        diff.same(host, sent, returned)
                    })?;
                }
                Ok(())
            }
            (Kind::Null | Kind::Bool | Kind::String | Kind::Array | Kind::Object, _) => {
                Err(self.unmappable())
            }
        }
    }

    fn string(&mut self, host: u32, sent: Value<'_>, returned: &str) -> Outcome {
        if self.now.string(host, sent) == returned {
            return Ok(());
        }
        if let Some(inner_host) = self.now.host(host, sent) {
            let inner: Json = serde_json::from_str(returned).map_err(|_| self.unmappable())?;
            let text = sent.as_str().unwrap_or_default();
            let doc = Doc::parse(&text).map_err(|_| self.unmappable())?;
            return self.same(inner_host, doc.root(&text), &inner);
        }
        let (segment, part) = self.now.part(host, sent).ok_or_else(|| self.unmappable())?;
        let (text, range) = self.now.texts.part_now(segment, part);
        let range = range.ok_or_else(|| self.unmappable())?;
        let changed = changed(&text, returned);
        self.push(segment, range.start, changed);
        Ok(())
    }

    fn number(&mut self, host: u32, sent: Value<'_>, returned: &Json) -> Outcome {
        let now = self.now.number(host, sent);
        let equal = match (now, returned) {
            (Some(now), Json::String(text)) => now == text,
            (None, Json::Number(number)) => same_number(sent.raw(), number),
            (_, _) => false,
        };
        if equal {
            return Ok(());
        }
        let Json::String(text) = returned else {
            return Err(self.unmappable());
        };
        let (segment, _) = self.now.part(host, sent).ok_or_else(|| self.unmappable())?;
        let now = self.now.texts.segments().text(segment);
        self.edits.push(Edit {
            segment,
            range: 0..now.len(),
            replacement: text.as_str().into(),
        });
        Ok(())
    }

    /// A string that stands for several: the change goes where its first byte is; the others lose what it
    /// covers.
    fn joined(&mut self, strings: &[Value<'_>], returned: &str) -> Outcome {
        let texts = self.now.joined(strings);
        let joined: String = texts.iter().map(|(text, _)| text.as_ref()).collect();
        if joined == returned {
            return Ok(());
        }
        let (range, mut replacement) = changed(&joined, returned);
        let mut start = 0;
        let mut placed = false;
        for (text, value) in texts {
            let end = start + text.len();
            let (from, to) = (range.start.max(start), range.end.min(end));
            if from < to || (!placed && range.is_empty() && from == to) {
                let part = value.and_then(|value| self.now.part(NO_HOST, value));
                let (segment, part) = part.ok_or_else(|| self.unmappable())?;
                let (_, at) = self.now.texts.part_now(segment, part);
                let at = at.ok_or_else(|| self.unmappable())?;
                self.push(segment, at.start, (from - start..to - start, replacement));
                replacement = "";
                placed = true;
            }
            start = end;
        }
        if placed {
            Ok(())
        } else {
            Err(self.unmappable())
        }
    }

    fn push(&mut self, segment: usize, base: usize, (range, replacement): (Range<usize>, &str)) {
        let range = base + range.start..base + range.end;
        self.edits.push(Edit {
            segment,
            range,
            replacement: replacement.into(),
        });
    }

    fn within(&mut self, step: Step, inner: impl FnOnce(&mut Self) -> Outcome) -> Outcome {
        self.path.push(step);
        inner(self)?;
        self.path.pop();
        Ok(())
    }

    fn same_size(&self, size: usize, returned: &serde_json::Map<String, Json>) -> Outcome {
        if returned.len() == size {
            Ok(())
        } else {
            Err(self.unmappable())
        }
    }

    fn unmappable(&self) -> Unmappable {
        let mut path = String::new();
        for step in &self.path {
            match step {
                Step::Item(index) => path.push_str(&format!("[{index}]")),
                Step::Member(name) => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(if is_ordinary(name) { name } else { "*" });
                }
            }
        }
        if path.is_empty() {
            path.push_str("body");
        }
        Unmappable { path }
    }
}

/// Numbers are equal when their values are: services write them anew.
fn same_number(written: &str, returned: &serde_json::Number) -> bool {
    written == returned.to_string()
        || written
            .parse::<f64>()
            .is_ok_and(|number| returned.as_f64() == Some(number))
}

/// The range of `before` that differs, and what stands there in `after`; both on character boundaries.
fn changed<'a>(before: &str, after: &'a str) -> (Range<usize>, &'a str) {
    let same = |a: &mut dyn Iterator<Item = char>, b: &mut dyn Iterator<Item = char>| {
        a.zip(b)
            .take_while(|(a, b)| a == b)
            .map(|(a, _)| a.len_utf8())
            .sum::<usize>()
    };
    let head = same(&mut before.chars(), &mut after.chars());
    let (old, new) = (
        before.get(head..).unwrap_or_default(),
        after.get(head..).unwrap_or_default(),
    );
    let tail = same(&mut old.chars().rev(), &mut new.chars().rev());
    let replacement = new.get(..new.len() - tail).unwrap_or_default();
    (head..before.len() - tail, replacement)
}
