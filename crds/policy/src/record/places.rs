//! Where in a payload a guardrail found something, without anybody's text.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// So many texts are named; of the others there is the number. A page has room for them, and 16 short paths are less than
/// the rest of a guardrail's entry.
pub const MAX_PLACES: usize = 16;

/// The texts that a guardrail found something in. Whoever makes them says only names that a wire format defines: a name that
/// a caller chose is text.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Places {
    /// The first ones, each path once, e.g. `messages[2].content`. At most [`MAX_PLACES`].
    pub first: Vec<Arc<str>>,
    /// How many texts there are besides.
    #[serde(default)]
    pub more: u32,
}

impl Places {
    /// The places of these texts, by their numbers; none of none. `name` is asked for the first [`MAX_PLACES`] only.
    pub fn of(
        texts: impl Iterator<Item = usize>,
        name: impl Fn(usize) -> String,
    ) -> Option<Box<Self>> {
        let mut texts: Vec<usize> = texts.collect();
        if texts.is_empty() {
            return None;
        }
        texts.sort_unstable();
        texts.dedup();
        let mut places = Self {
            first: Vec::new(),
            more: count(texts.len().saturating_sub(MAX_PLACES)),
        };
        for text in texts.into_iter().take(MAX_PLACES) {
            places.add(&name(text));
        }
        Some(Box::new(places))
    }

    /// Adds one, unless it is there.
    pub fn add(&mut self, place: &str) {
        if self.first.iter().any(|known| **known == *place) {
            return;
        }
        if self.first.len() < MAX_PLACES {
            self.first.push(place.into());
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// Adds others to those that there are, if there are any.
    pub fn join(into: &mut Option<Box<Self>>, others: Option<Box<Self>>) {
        match (into.as_mut(), others) {
            (_, None) => {}
            (None, others) => *into = others,
            (Some(places), Some(others)) => {
                for place in &others.first {
                    places.add(place);
                }
                places.more = places.more.saturating_add(others.more);
            }
        }
    }
}

fn count(texts: usize) -> u32 {
    u32::try_from(texts).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[usize]) -> Option<Box<Places>> {
        Places::of(texts.iter().copied(), |text| format!("p{}", text % 20))
    }

    #[test]
    fn the_first_are_named_once_and_the_others_counted() {
        assert_eq!(of(&[]), None);
        let few = of(&[3, 1, 3, 21]).unwrap();
        assert_eq!(
            (few.first.as_slice(), few.more),
            (&["p1".into(), "p3".into()][..], 0)
        );
        let many = of(&(0..100).collect::<Vec<_>>()).unwrap();
        assert_eq!((many.first.len(), many.more), (MAX_PLACES, 84));
    }

    #[test]
    fn others_are_joined() {
        let mut places = None;
        Places::join(&mut places, None);
        assert_eq!(places, None);
        Places::join(&mut places, of(&[1]));
        Places::join(&mut places, of(&(0..18).collect::<Vec<_>>()));
        let places = places.unwrap();
        // 18 texts, of which 16 were named before, and two are told by their number.
        assert_eq!(
            (&*places.first[0], places.first.len(), places.more),
            ("p1", 16, 2)
        );
        assert!(
            serde_json::to_string(&*places)
                .unwrap()
                .starts_with(r#"{"first":["p1","p0""#)
        );
    }
}
