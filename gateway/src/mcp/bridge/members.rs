//! An object of which some members change: the others keep the bytes, and the order, that they had.

use crate::llm::json::{Kind, Value, escape_into};

/// The members of an object: names, and values as written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members(Vec<(String, String)>);

impl Members {
    /// Those of an object; none for anything else.
    pub(crate) fn of(object: Option<Value<'_>>) -> Self {
        let object = object.filter(|object| object.kind() == Kind::Object);
        let members = object.into_iter().flat_map(Value::members);
        let members = members.map(|(name, value)| (name.into_owned(), value.raw().to_owned()));
        Self(members.collect())
    }

    /// A member as written.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Puts JSON under a name, in the place of what stands there.
    pub(crate) fn put(&mut self, name: &str, json: impl Into<String>) {
        let json = json.into();
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, value)) => *value = json,
            None => self.0.push((name.to_owned(), json)),
        }
    }

    /// Puts JSON under a name under which nothing stands.
    pub(crate) fn put_new(&mut self, name: &str, json: &str) {
        if self.get(name).is_none() {
            self.0.push((name.to_owned(), json.to_owned()));
        }
    }

    /// Takes a member out.
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        let index = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(index).1)
    }

    /// Whether there is none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The object.
    pub(crate) fn json(&self) -> String {
        let bytes = |(name, value): &(String, String)| name.len() + value.len() + 4;
        let mut out = String::with_capacity(2 + self.0.iter().map(bytes).sum::<usize>());
        out.push('{');
        for (index, (name, value)) in self.0.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            out.push('"');
            escape_into(name, &mut out);
            out.push_str("\":");
            out.push_str(value);
        }
        out.push('}');
        out
    }
}

/// A text as JSON.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    escape_into(text, &mut out);
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::json::Doc;

    #[test]
    fn what_does_not_change_stays_as_written() {
        let text = r#"{"a": 1.50, "b\n": {"x" : 1e3}, "c":"\u00e4", "d":[ ]}"#;
        let doc = Doc::parse(text).unwrap();
        let mut members = Members::of(Some(doc.root(text)));
        assert_eq!(members.get("b\n"), Some(r#"{"x" : 1e3}"#));
        members.put("a", "7");
        members.put_new("c", "8");
        members.put_new("e", quoted("\"").as_str());
        assert_eq!(members.take("d").as_deref(), Some("[ ]"));
        assert_eq!(
            members.json(),
            r#"{"a":7,"b\n":{"x" : 1e3},"c":"\u00e4","e":"\""}"#
        );
        assert!(!members.is_empty());
        assert!(Members::of(None).is_empty());
    }
}
