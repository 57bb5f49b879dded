//! Values that stand in a body twice: as JSON, and as the same JSON in a string.

use std::collections::HashMap;

use super::now::Now;
use crate::llm::json::{Doc, Kind, Value};
use crate::llm::texts::{NO_HOST, Texts};

impl Texts {
    /// The segments that are the same leaf or number of a value and of the JSON in a string that repeats it;
    /// nothing when the string holds anything else.
    pub(crate) fn twins(&self, value: Value<'_>, strings: &[Value<'_>]) -> Vec<(usize, usize)> {
        let now = Now::new(self);
        let mut twins = Vec::new();
        for string in strings {
            let Some(host) = now.host(NO_HOST, *string) else {
                continue;
            };
            let text = string.as_str().unwrap_or_default();
            let Ok(doc) = Doc::parse(&text) else { continue };
            let mut pairs = Vec::new();
            if now.same_as((NO_HOST, value), (host, doc.root(&text)), &mut pairs) {
                twins.extend(pairs);
            }
        }
        twins
    }
}

impl Now<'_> {
    /// Whether two values are equal. Each stands in the body or in a string of JSON.
    fn same_as(
        &self,
        one: (u32, Value<'_>),
        other: (u32, Value<'_>),
        pairs: &mut Vec<(usize, usize)>,
    ) -> bool {
        let ((host, value), (other_host, other_value)) = (one, other);
        if value.kind() != other_value.kind() {
            return false;
        }
        match value.kind() {
            Kind::Null => true,
            Kind::Bool => value.raw() == other_value.raw(),
            Kind::Number => {
                pairs.extend(self.pair(one, other));
                same_number(value.raw(), other_value.raw())
            }
            Kind::String => {
                if value.as_str() != other_value.as_str() {
                    return false;
                }
                match (self.host(host, value), self.host(other_host, other_value)) {
                    (Some(inner), Some(other_inner)) => {
                        let text = value.as_str().unwrap_or_default();
                        Doc::parse(&text).is_ok_and(|doc| {
                            let root = doc.root(&text);
                            self.same_as((inner, root), (other_inner, root), pairs)
                        })
                    }
                    (Some(_) | None, _) => {
                        pairs.extend(self.pair(one, other));
                        true
                    }
                }
            }
            Kind::Array => {
                value.items().count() == other_value.items().count()
                    && value
                        .items()
                        .zip(other_value.items())
                        .all(|(a, b)| self.same_as((host, a), (other_host, b), pairs))
            }
            Kind::Object => {
                let mut others: HashMap<_, _, foldhash::quality::RandomState> =
                    other_value.members().collect();
                value.members().all(|(key, a)| {
                    others
                        .remove(&key)
                        .is_some_and(|b| self.same_as((host, a), (other_host, b), pairs))
                }) && others.is_empty()
            }
        }
    }

    fn pair(&self, one: (u32, Value<'_>), other: (u32, Value<'_>)) -> Option<(usize, usize)> {
        let (segment, _) = self.part(one.0, one.1)?;
        let (twin, _) = self.part(other.0, other.1)?;
        Some((segment, twin))
    }
}

fn same_number(one: &str, other: &str) -> bool {
    one == other
        || one
            .parse::<f64>()
            .is_ok_and(|number| other.parse() == Ok(number))
}
