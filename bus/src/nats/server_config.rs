//! The configuration of a NATS server for one installation: accounts, users and exactly their permissions.

use std::fmt::Write as _;

use super::connect::Role;
use super::subjects::{BUCKET_STREAM, OBJECT_STREAM, TRACE_STREAM};

/// The public halves of the users' keys. Several of each while keys are rotated.
#[derive(Clone, Debug, Default)]
pub struct Users {
    /// Operators.
    pub operators: Vec<String>,
    /// Gateways.
    pub gateways: Vec<String>,
    /// Gateways, as they send records and traces.
    pub recorders: Vec<String>,
    /// Operators, as they read records.
    pub watchers: Vec<String>,
    /// Forwarders of traces.
    pub forwarders: Vec<String>,
}

/// The account that carries bundles and reports, and the one that carries records and traces, as text of a server's
/// configuration. Nothing leads from one to the other.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Who may connect.
    pub users: Users,
    /// Bytes that the account may store on disk, every copy counted: three servers that keep three copies of 160 MiB, which
    /// is what the bucket and the objects may have, need 480 MiB.
    pub max_file_bytes: u64,
    /// The same for the account of records and traces.
    pub max_trace_bytes: u64,
    /// Whether the accounts have JetStream. Only a test wants it without.
    pub jetstream: bool,
}

impl ServerConfig {
    /// With these users, 512 MiB to store, and 256 MiB for traces.
    pub const fn new(users: Users) -> Self {
        Self {
            users,
            max_file_bytes: 512 * 1024 * 1024,
            max_trace_bytes: 256 * 1024 * 1024,
            jetstream: true,
        }
    }

    /// The block `accounts {...}`. The rest (ports, TLS, cluster, where to store) is the server's own.
    pub fn accounts(&self) -> String {
        let users = &self.users;
        let mut text = String::from("accounts {\n");
        self.account(
            &mut text,
            "RULES",
            (self.max_file_bytes, 4),
            &[
                (&users.operators, Role::Operator),
                (&users.gateways, Role::Gateway),
            ],
        );
        self.account(
            &mut text,
            "TRACES",
            (self.max_trace_bytes, 1),
            &[
                (&users.recorders, Role::Recorder),
                (&users.watchers, Role::Watcher),
                (&users.forwarders, Role::Forwarder),
            ],
        );
        text.push_str("}\n");
        text
    }

    fn account(
        &self,
        text: &mut String,
        name: &str,
        (max_file, max_streams): (u64, u32),
        users: &[(&Vec<String>, Role)],
    ) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name} {{");
        if self.jetstream {
            let _ = writeln!(
                text,
                "    jetstream: {{ max_file: {max_file}, max_streams: {max_streams} }}"
            );
        }
        text.push_str("    users = [\n");
        for (keys, role) in users {
            let (publish, subscribe) = permissions(*role);
            for key in *keys {
                let _ = writeln!(
                    text,
                    "      {{ nkey: {key}, permissions {{\n        publish {{ {} }}\n        subscribe {{ {} }}\n      }} }}",
                    allowed(&publish),
                    allowed(&subscribe)
                );
            }
        }
        text.push_str("    ]\n  }\n");
    }
}

/// What a role may publish and subscribe to.
fn permissions(role: Role) -> (Vec<String>, Vec<String>) {
    let inbox = format!("{}.>", role.inbox_prefix());
    let own = |subjects: &[&str]| {
        subjects
            .iter()
            .map(|text| (*text).to_owned())
            .collect::<Vec<_>>()
    };
    match role {
        Role::Operator => (
            own(&[
                "$JS.API.>",
                "$JS.FC.>",
                "$KV.rules.>",
                "$O.snaps.>",
                "ctl.>",
            ]),
            [vec![inbox], own(&["gw.status.>"])].concat(),
        ),
        // No consumers: whoever may make one can have stored messages sent to subjects it may not publish to.
        Role::Gateway => (
            vec![
                format!("$JS.API.STREAM.INFO.{BUCKET_STREAM}"),
                format!("$JS.API.DIRECT.GET.{BUCKET_STREAM}.>"),
                format!("$JS.API.DIRECT.GET.{OBJECT_STREAM}"),
                format!("$JS.API.DIRECT.GET.{OBJECT_STREAM}.>"),
                "gw.status.>".to_owned(),
            ],
            [vec![inbox], own(&["cfg.rules.>", "ctl.>"])].concat(),
        ),
        // Answers come to the inbox: which place in the stream a batch got. Nothing else does.
        Role::Recorder => (own(&["otel.traces.>", "records.>"]), vec![inbox]),
        Role::Watcher => (Vec::new(), [vec![inbox], own(&["records.>"])].concat()),
        Role::Forwarder => (
            vec![
                format!("$JS.API.STREAM.INFO.{TRACE_STREAM}"),
                format!("$JS.API.STREAM.CREATE.{TRACE_STREAM}"),
                format!("$JS.API.STREAM.UPDATE.{TRACE_STREAM}"),
                format!("$JS.API.CONSUMER.CREATE.{TRACE_STREAM}.>"),
                format!("$JS.API.CONSUMER.INFO.{TRACE_STREAM}.>"),
                format!("$JS.API.CONSUMER.MSG.NEXT.{TRACE_STREAM}.>"),
                // Wide: newer servers have more parts in it.
                "$JS.ACK.>".to_owned(),
            ],
            vec![inbox],
        ),
    }
}

/// A list of what is allowed; without one everything would be.
fn allowed(subjects: &[String]) -> String {
    if subjects.is_empty() {
        return "deny: [\">\"]".to_owned();
    }
    let quoted: Vec<_> = subjects
        .iter()
        .map(|subject| format!("{subject:?}"))
        .collect();
    format!("allow: [{}]", quoted.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_may_neither_store_nor_make_consumers() {
        let users = Users {
            operators: vec!["UOP".to_owned()],
            gateways: vec!["UGW".to_owned()],
            ..Users::default()
        };
        let text = ServerConfig::new(users).accounts();
        let (rules, traces) = text.split_once("TRACES").unwrap();
        assert!(!traces.contains("nkey"));
        let (operator, gateway) = rules.split_once("UGW").unwrap();
        assert!(operator.contains("\"$KV.rules.>\""));
        for forbidden in ["$KV", "$O.", "CONSUMER", "$JS.API.>", "\">\"", "_INBOX_op"] {
            assert!(!gateway.contains(forbidden), "{forbidden} in {gateway}");
        }
        assert!(gateway.contains("_INBOX_gw.>"));
    }

    #[test]
    fn whoever_sends_traces_reads_none_and_whoever_reads_them_sends_none() {
        let users = Users {
            recorders: vec!["UREC".to_owned()],
            watchers: vec!["UWATCH".to_owned()],
            forwarders: vec!["UFWD".to_owned()],
            ..Users::default()
        };
        let text = ServerConfig::new(users).accounts();
        let (rules, traces) = text.split_once("TRACES").unwrap();
        assert!(!rules.contains("nkey"));
        let (recorder, rest) = traces.split_once("UWATCH").unwrap();
        let (watcher, forwarder) = rest.split_once("UFWD").unwrap();
        let (_, hears) = recorder.split_once("subscribe").unwrap();
        assert!(!hears.contains("otel") && !hears.contains("records"));
        assert!(!recorder.contains("$JS"));
        assert!(watcher.contains("publish { deny: [\">\"] }"));
        for forbidden in ["\"$JS.API.>\"", "DELETE", "PURGE", "\"otel", "records"] {
            assert!(!forwarder.contains(forbidden), "{forbidden}");
        }
    }
}
