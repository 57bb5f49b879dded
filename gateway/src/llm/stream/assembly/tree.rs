//! A JSON value that grows with a stream and remembers which event each of its parts came with.

use std::ops::Range;

use super::Unmappable;
use crate::llm::json::{Kind, Value, escape_into, is_ordinary};

/// A place in an event: the event's number, and a value's bytes in its data.
pub(super) type Origin = (usize, Range<u32>);

/// One value.
#[derive(Clone, Default)]
pub(super) enum Node {
    /// Nothing has come here yet.
    #[default]
    Missing,
    /// A value without parts, as JSON, and where it was said. Several events may say the same.
    Leaf(String, Vec<Origin>),
    /// The text of a channel.
    Channel(usize),
    Array(Vec<Self>),
    Object(Vec<(String, Self)>),
}

/// What a walk along a value and a tree does with a string that belongs to a channel.
pub(super) trait Channels {
    /// The channel of the string with these bytes, its text added to it, and whether it is new. None when
    /// the string is a text of its own.
    fn take(&mut self, string: &Range<u32>) -> Option<(usize, bool)>;
}

/// What a changed body says that the tree did not.
pub(super) trait Changes {
    /// A channel's text reads so now. Calls that it did not change are allowed.
    fn channel(&mut self, channel: usize, now: Value<'_>) -> Option<()>;
    /// The value at these places is another one now.
    fn value(&mut self, origins: &[Origin], now: Value<'_>);
    /// What stood here has been dropped, as it repeats a text that was changed.
    fn dropped(&mut self, path: &[String]) -> Option<()>;
}

impl Node {
    /// A value that no event said.
    pub(super) fn fixed(json: impl Into<String>) -> Self {
        Self::Leaf(json.into(), Vec::new())
    }

    /// A string that no event said.
    pub(super) fn word(text: &str) -> Self {
        Self::fixed(quoted(text))
    }

    /// Whether nothing would be lost with it.
    fn is_nothing(&self) -> bool {
        match self {
            Self::Missing => true,
            Self::Leaf(json, _) => json == "null" || json == "\"\"",
            Self::Channel(_) => false,
            Self::Array(items) => items.is_empty(),
            Self::Object(members) => members.is_empty(),
        }
    }

    /// The member with this name, made when it is new. What is no object becomes a member of a list first.
    pub(super) fn member(&mut self, name: &str) -> &mut Self {
        if !matches!(self, Self::Object(_)) {
            let old = std::mem::take(self);
            *self = Self::Object(Vec::new());
            if !old.is_nothing() {
                // Should a server send two kinds of value under one name, both stay to be seen.
                *self.member("value") = old;
            }
        }
        let Self::Object(members) = self else {
            unreachable!("it has just become an object")
        };
        let known = members.iter().position(|(known, _)| known == name);
        let index = known.unwrap_or_else(|| {
            members.push((name.to_owned(), Self::Missing));
            members.len() - 1
        });
        &mut members[index].1
    }

    /// The member with this name, if there is one that says something.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members
                .iter()
                .find(|(known, member)| known == name && !matches!(member, Self::Missing))
                .map(|(_, member)| member),
            Self::Missing | Self::Leaf(..) | Self::Channel(_) | Self::Array(_) => None,
        }
    }

    /// Its items; what is no array becomes the first of them.
    pub(super) fn list(&mut self) -> &mut Vec<Self> {
        if !matches!(self, Self::Array(_)) {
            let old = std::mem::take(self);
            let items = if old.is_nothing() { vec![] } else { vec![old] };
            *self = Self::Array(items);
        }
        let Self::Array(items) = self else {
            unreachable!("it has just become an array")
        };
        items
    }

    /// A new last item.
    pub(super) fn push(&mut self) -> &mut Self {
        let items = self.list();
        items.push(Self::Missing);
        let last = items.len() - 1;
        &mut items[last]
    }

    /// The item that says that its `index` is this one, in the order of the indices.
    pub(super) fn indexed(&mut self, index: u32) -> &mut Self {
        let items = self.list();
        let at = items.partition_point(|item| item.index() < index);
        if items.get(at).is_none_or(|item| item.index() != index) {
            let item = Self::Object(vec![("index".to_owned(), Self::fixed(index.to_string()))]);
            items.insert(at, item);
        }
        &mut items[at]
    }

    /// What it says that its `index` is.
    fn index(&self) -> u32 {
        match self.get("index") {
            Some(Self::Leaf(json, _)) => json.parse().unwrap_or(u32::MAX),
            _ => u32::MAX,
        }
    }

    /// The `index` of the item at a position.
    pub(super) fn index_of(&self, position: usize) -> Option<u32> {
        match self {
            Self::Array(items) => items.get(position).map(Self::index),
            Self::Missing | Self::Leaf(..) | Self::Channel(_) | Self::Object(_) => None,
        }
    }

    /// Puts a channel's text here, beside what there is.
    pub(super) fn put_channel(&mut self, channel: usize) {
        if self.is_nothing() {
            *self = Self::Channel(channel);
        } else {
            self.list().push(Self::Channel(channel));
        }
    }

    /// Adds a value of an event: objects are joined member by member, lists are appended to, and of other values
    /// that differ both stay, except that of numbers and flags the later one counts.
    pub(super) fn merge(&mut self, value: Value<'_>, event: usize, channels: &mut impl Channels) {
        match value.kind() {
            Kind::Null => {
                if matches!(self, Self::Missing) {
                    *self = Self::Leaf("null".to_owned(), vec![(event, value.range())]);
                }
            }
            Kind::Object => {
                if self.is_nothing() {
                    *self = Self::Object(Vec::new());
                }
                let into = match self {
                    Self::Array(_) => self.push(),
                    _ => self,
                };
                for (name, member) in value.members() {
                    into.member(&name).merge(member, event, channels);
                }
                if let Self::Missing = into {
                    *into = Self::Object(Vec::new());
                }
            }
            Kind::Array => self.merge_list(value, event, channels),
            Kind::String | Kind::Number | Kind::Bool => self.merge_leaf(value, event, channels),
        }
    }

    fn merge_list(&mut self, value: Value<'_>, event: usize, channels: &mut impl Channels) {
        let again = match self {
            Self::Array(items) => {
                items.len() == value.items().count()
                    && items
                        .iter()
                        .zip(value.items())
                        .all(|(item, value)| item.says(value))
            }
            _ => false,
        };
        if again {
            // Some servers repeat a list in every event.
            if let Self::Array(items) = self {
                for (item, value) in items.iter_mut().zip(value.items()) {
                    item.said_again(value, event);
                }
            }
            return;
        }
        self.list();
        for item in value.items() {
            self.push().merge(item, event, channels);
        }
    }

    fn merge_leaf(&mut self, value: Value<'_>, event: usize, channels: &mut impl Channels) {
        if let Some(string) = value.string()
            && let Some((channel, new)) = channels.take(&string.range)
        {
            if new {
                self.put_channel(channel);
            }
            return;
        }
        let json = leaf(value);
        let origin = (event, value.range());
        if json == "\"\"" && matches!(self, Self::Channel(_) | Self::Array(_) | Self::Object(_)) {
            return;
        }
        match self {
            Self::Leaf(old, origins) if *old == json => origins.push(origin),
            Self::Leaf(old, origins) if !old.starts_with('"') || old == "\"\"" => {
                *old = json;
                *origins = vec![origin];
            }
            Self::Missing => *self = Self::Leaf(json, vec![origin]),
            Self::Leaf(..) | Self::Channel(_) | Self::Array(_) | Self::Object(_) => {
                self.list().push(Self::Leaf(json, vec![origin]));
            }
        }
    }

    /// Whether it is the same as a value.
    fn says(&self, value: Value<'_>) -> bool {
        match (self, value.kind()) {
            (Self::Leaf(json, _), Kind::Null | Kind::Bool | Kind::Number | Kind::String) => {
                *json == leaf(value)
            }
            (Self::Array(items), Kind::Array) => {
                items.len() == value.items().count()
                    && items
                        .iter()
                        .zip(value.items())
                        .all(|(item, value)| item.says(value))
            }
            (Self::Object(members), Kind::Object) => {
                members.len() == value.members().count()
                    && members
                        .iter()
                        .zip(value.members())
                        .all(|((name, member), (key, value))| *name == key && member.says(value))
            }
            _ => false,
        }
    }

    /// Notes that an event said it too.
    fn said_again(&mut self, value: Value<'_>, event: usize) {
        match self {
            Self::Leaf(_, origins) => origins.push((event, value.range())),
            Self::Array(items) => {
                for (item, value) in items.iter_mut().zip(value.items()) {
                    item.said_again(value, event);
                }
            }
            Self::Object(members) => {
                for ((_, member), (_, value)) in members.iter_mut().zip(value.members()) {
                    member.said_again(value, event);
                }
            }
            Self::Missing | Self::Channel(_) => {}
        }
    }

    /// Writes it. `channel` writes a channel's text as JSON.
    pub(super) fn write(&self, out: &mut String, channel: &impl Fn(usize, &mut String)) {
        match self {
            Self::Missing => out.push_str("null"),
            Self::Leaf(json, _) => out.push_str(json),
            Self::Channel(index) => channel(*index, out),
            Self::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write(out, channel);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                let mut first = true;
                for (name, member) in members {
                    if matches!(member, Self::Missing) {
                        continue;
                    }
                    if !std::mem::take(&mut first) {
                        out.push(',');
                    }
                    out.push('"');
                    escape_into(name, out);
                    out.push_str("\":");
                    member.write(out, channel);
                }
                out.push('}');
            }
        }
    }

    /// Finds what a body that was written from it says differently.
    pub(super) fn compare(
        &self,
        now: Value<'_>,
        path: &mut Vec<String>,
        changes: &mut impl Changes,
    ) -> Result<(), Unmappable> {
        match (self, now.kind()) {
            (Self::Channel(channel), _) => changes
                .channel(*channel, now)
                .ok_or_else(|| unmappable(path)),
            (Self::Leaf(json, origins), _) => {
                if *json == leaf(now) {
                    Ok(())
                } else if origins.is_empty() {
                    Err(unmappable(path))
                } else {
                    changes.value(origins, now);
                    Ok(())
                }
            }
            (Self::Array(items), Kind::Array) if items.len() == now.items().count() => {
                for (index, (item, now)) in items.iter().zip(now.items()).enumerate() {
                    path.push(format!("[{index}]"));
                    item.compare(now, path, changes)?;
                    path.pop();
                }
                Ok(())
            }
            (Self::Object(members), Kind::Object) => {
                for (name, member) in members {
                    if matches!(member, Self::Missing) {
                        continue;
                    }
                    path.push(name.clone());
                    let now = now.get(name).ok_or_else(|| unmappable(path))?;
                    member.compare(now, path, changes)?;
                    path.pop();
                }
                Ok(())
            }
            (Self::Missing, Kind::Null) => Ok(()),
            (Self::Array(_) | Self::Object(_), Kind::Null) => {
                changes.dropped(path).ok_or_else(|| unmappable(path))
            }
            (Self::Array(_), Kind::Array) if now.items().next().is_none() => {
                changes.dropped(path).ok_or_else(|| unmappable(path))
            }
            (Self::Array(_) | Self::Object(_) | Self::Missing, _) => Err(unmappable(path)),
        }
    }
}

/// A value without parts as JSON. Half a surrogate pair reads as U+FFFD, like everywhere.
pub(super) fn leaf(value: Value<'_>) -> String {
    match value.as_str() {
        Some(text) => quoted(&text),
        None => value.raw().to_owned(),
    }
}

pub(super) fn quoted(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    escape_into(text, &mut json);
    json.push('"');
    json
}

fn unmappable(path: &[String]) -> Unmappable {
    let mut out = String::new();
    for step in path {
        if step.starts_with('[') {
            out.push_str(step);
            continue;
        }
        if !out.is_empty() {
            out.push('.');
        }
        out.push_str(if is_ordinary(step) { step } else { "*" });
    }
    Unmappable { path: out }
}
