//! A server that is a program.

use std::collections::BTreeMap;
use std::time::Duration;

use parapet_policy::secret::PlainOrSecret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::human_duration::HumanDuration;

/// How long a process lives that nobody uses, unless the resource says otherwise.
const IDLE_TIMEOUT: Duration = Duration::from_secs(600);

/// A program that speaks MCP over standard input and output. Gateways with a folder of resources start it, without a shell; those
/// of a cluster never do.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Command {
    /// The program: a path, or a name that is looked for in `PATH`.
    #[schemars(length(min = 1, max = 4096))]
    pub program: String,
    /// Its arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub args: Vec<String>,
    /// Its environment, beside `PATH` and `HOME`. It has nothing else of the gateway's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub env: BTreeMap<String, PlainOrSecret>,
    /// The folder that it runs in; default: the gateway's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub cwd: Option<String>,
    /// How long a process lives that nobody uses. Default `10m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_timeout: Option<HumanDuration>,
    /// Whether the log shows what it writes to standard error, which may be anything.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub log_stderr: bool,
}

impl Command {
    /// How long a process lives that nobody uses.
    pub fn idle_timeout(&self) -> Duration {
        self.idle_timeout.map_or(IDLE_TIMEOUT, |given| given.0)
    }

    /// What is wrong with it, as (path below it, message).
    pub(super) fn problems(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let texts = [&self.program].into_iter().chain(&self.args);
        if texts.chain(&self.cwd).any(|text| text.contains('\0')) {
            let message = "neither a program nor its arguments hold a zero byte";
            found.push((String::new(), message.to_owned()));
        }
        for name in self.env.keys() {
            if name.is_empty() || name.contains(['=', '\0']) {
                let message = format!("{name:?} is no name of a variable");
                found.push((".env".to_owned(), message));
            }
        }
        if self.idle_timeout().is_zero() {
            let message = "a process would end as soon as it has begun".to_owned();
            found.push((".idleTimeout".to_owned(), message));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn programs_are_read_and_what_no_system_takes_is_said() {
        let whole = json!({
            "program": "uvx", "args": ["mcp-server-git"], "cwd": "/srv", "idleTimeout": "1m", "logStderr": true,
            "env": {"A": "b", "TOKEN": {"secretKeyRef": {"name": "git", "key": "token"}}},
        });
        let read: Command = serde_json::from_value(whole.clone()).unwrap();
        assert_eq!(read.problems(), []);
        assert_eq!(serde_json::to_value(&read).unwrap(), whole);
        for (command, path) in [
            (json!({"program": "a\0b"}), ""),
            (json!({"program": "a", "args": ["\0"]}), ""),
            (json!({"program": "a", "env": {"A=B": "c"}}), ".env"),
            (json!({"program": "a", "idleTimeout": "0s"}), ".idleTimeout"),
        ] {
            let read: Command = serde_json::from_value(command.clone()).unwrap();
            let found = read.problems();
            assert_eq!(found.len(), 1, "{command}");
            assert_eq!(found[0].0, path, "{command}");
        }
    }
}
