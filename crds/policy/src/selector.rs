//! How a guardrail is addressed: `group/name`, or `namespace/group/name`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A guardrail's address as somebody wrote it.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Selector {
    /// Only in the three-part form.
    pub namespace: Option<Arc<str>>,
    /// The `GuardrailIntegration`'s name.
    pub group: Arc<str>,
    /// The guardrail's name in its group.
    pub name: Arc<str>,
}

/// Why a text is not a selector.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{text:?} is not a guardrail selector: write group/name, or namespace/group/name")]
pub struct SelectorError {
    /// What was written.
    pub text: String,
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = || SelectorError {
            text: text.to_owned(),
        };
        let mut parts = text.split('/');
        let (first, second) = (parts.next(), parts.next());
        let (third, rest) = (parts.next(), parts.next());
        let filled = |part: Option<&str>| {
            part.filter(|p| !p.is_empty() && p.trim() == *p)
                .map(Arc::from)
        };
        match (first, second, third, rest) {
            (group, name @ Some(_), None, None) => Ok(Self {
                namespace: None,
                group: filled(group).ok_or_else(fail)?,
                name: filled(name).ok_or_else(fail)?,
            }),
            (namespace, group, name @ Some(_), None) => Ok(Self {
                namespace: Some(filled(namespace).ok_or_else(fail)?),
                group: filled(group).ok_or_else(fail)?,
                name: filled(name).ok_or_else(fail)?,
            }),
            _ => Err(fail()),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        write!(f, "{}/{}", self.group, self.name)
    }
}

impl Serialize for Selector {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Selector {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Selector;

    #[test]
    fn reads_two_and_three_parts_and_nothing_else() {
        for text in ["my-guardrails/secrets", "team-a/my-guardrails/secrets"] {
            assert_eq!(text.parse::<Selector>().unwrap().to_string(), text);
        }
        for text in ["", "secrets", "a/", "/b", "a//b", "a/b/c/d", " a/b", "a/b "] {
            assert!(text.parse::<Selector>().is_err(), "{text:?}");
        }
    }
}
