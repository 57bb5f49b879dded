//! A span of time as people write it: `5s`, `500ms`, `1m30s`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a duration may look like: whole numbers with a unit, largest first by custom, in any order.
pub(crate) const PATTERN: &str = "^([0-9]{1,9}(ms|s|m|h))+$";

/// A duration written as text, in the units `h`, `m`, `s` and `ms`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct HumanDuration(pub Duration);

/// Why a text is not a duration.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a duration: write whole numbers with a unit, like 5s, 500ms or 1m30s")]
pub struct HumanDurationError;

impl FromStr for HumanDuration {
    type Err = HumanDurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut total = Duration::ZERO;
        let mut rest = text;
        if rest.is_empty() {
            return Err(HumanDurationError);
        }
        while !rest.is_empty() {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let (number, after) = rest.split_at_checked(digits).ok_or(HumanDurationError)?;
            // Nine digits of hours are far below what a Duration holds.
            if number.is_empty() || number.len() > 9 {
                return Err(HumanDurationError);
            }
            let number: u64 = number.parse().map_err(|_| HumanDurationError)?;
            let (millis, after) = if let Some(after) = after.strip_prefix("ms") {
                (1, after)
            } else if let Some(after) = after.strip_prefix('s') {
                (1_000, after)
            } else if let Some(after) = after.strip_prefix('m') {
                (60_000, after)
            } else if let Some(after) = after.strip_prefix('h') {
                (3_600_000, after)
            } else {
                return Err(HumanDurationError);
            };
            total = total.saturating_add(Duration::from_millis(number.saturating_mul(millis)));
            rest = after;
        }
        Ok(Self(total))
    }
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let parts = [
            (millis / 3_600_000, "h"),
            (millis / 60_000 % 60, "m"),
            (millis / 1_000 % 60, "s"),
            (millis % 1_000, "ms"),
        ];
        if millis == 0 {
            return f.write_str("0s");
        }
        for (number, unit) in parts.into_iter().filter(|(number, _)| *number > 0) {
            write!(f, "{number}{unit}")?;
        }
        Ok(())
    }
}

impl Serialize for HumanDuration {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HumanDuration {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for HumanDuration {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "HumanDuration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": PATTERN, "maxLength": 32 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_units() {
        let rows = [
            ("5s", 5_000, "5s"),
            ("500ms", 500, "500ms"),
            ("1m30s", 90_000, "1m30s"),
            ("90s", 90_000, "1m30s"),
            ("2h", 7_200_000, "2h"),
            ("0s", 0, "0s"),
        ];
        for (text, millis, written) in rows {
            let read: HumanDuration = text.parse().unwrap();
            assert_eq!(read.0, Duration::from_millis(millis), "{text}");
            assert_eq!(read.to_string(), written);
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "5",
            "s",
            "5 s",
            "-5s",
            "1.5s",
            "5sec",
            "5d",
            "1234567890s",
            "５s",
            "5s ",
        ] {
            assert_eq!(
                text.parse::<HumanDuration>(),
                Err(HumanDurationError),
                "{text:?}"
            );
        }
    }
}
