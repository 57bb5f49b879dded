//! Credentials.

use std::ops::Range;

use super::{How, Preset};

/// How far before a value its name is looked for, in bytes.
const NAME: usize = 64;

/// Forty characters of base64 behind a name that speaks of AWS or a secret.
fn is_aws_secret(category: &str, text: &str, range: &Range<usize>) -> bool {
    let before = text.floor_char_boundary(range.start.saturating_sub(NAME));
    let name = text
        .get(before..range.start)
        .unwrap_or_default()
        .to_ascii_lowercase();
    category == "generic_secret" && range.len() == 40 && name.contains("aws")
}

/// The table.
pub(super) static PRESETS: &[Preset] = &[
    Preset {
        id: "aws_access_key",
        what: "AWS access key ids",
        how: How::Secret(|category, _, _| category == "aws_access_key_id"),
        finds: &[("use AKIAQYLPMN5HFIQR7XYA now", "AKIAQYLPMN5HFIQR7XYA")],
        ignores: &["AKIAIOSFODNN7EXAMPLE", "the key is under the mat"],
    },
    Preset {
        id: "aws_secret_key",
        what: "AWS secret access keys, behind their name",
        how: How::Secret(is_aws_secret),
        finds: &[(
            "aws_secret_access_key = k7MDfgQ2vXrT9pLsWb4HnYc8ZeJa3UoK5dGiRq1B",
            "k7MDfgQ2vXrT9pLsWb4HnYc8ZeJa3UoK5dGiRq1B",
        )],
        ignores: &["commit 4b825dc642cb6eb9a060e54bf8d69288fbee4904"],
    },
    Preset {
        id: "github_token",
        what: "GitHub tokens",
        how: How::Secret(|category, _, _| category == "github_token"),
        finds: &[(
            "token ghp_x7Kd92LmQwErTyUiOpAsDfGhJkZxCvBn4M5q end",
            "ghp_x7Kd92LmQwErTyUiOpAsDfGhJkZxCvBn4M5q",
        )],
        ignores: &["ghp_short", "see github.com/org/repo"],
    },
    Preset {
        id: "slack_token",
        what: "Slack tokens and webhooks",
        how: How::Secret(|category, _, _| category.starts_with("slack_")),
        finds: &[(
            "xoxb-294857103948-571930485721-Qm7Rk2Xv9LpTzWc4HnYd8BsJ here",
            "xoxb-294857103948-571930485721-Qm7Rk2Xv9LpTzWc4HnYd8BsJ",
        )],
        ignores: &["xoxo, your friend"],
    },
    Preset {
        id: "generic_api_key",
        what: "Values that look random behind a name such as api_key",
        how: How::Secret(|category, _, _| category == "generic_secret"),
        finds: &[(
            "api_key = \"k7MDfgQ2vXrT9pLsWb4HnYc8\"",
            "k7MDfgQ2vXrT9pLsWb4HnYc8",
        )],
        ignores: &["api_key = \"${API_KEY}\"", "ask for an api key"],
    },
];
