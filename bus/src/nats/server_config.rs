//! The configuration of a NATS server for one installation: accounts, users and exactly their permissions.

use std::fmt::Write as _;

use super::connect::Role;
use super::subjects::{BUCKET_STREAM, OBJECT_STREAM};

/// The public halves of the users' keys. Several of each while keys are rotated.
#[derive(Clone, Debug, Default)]
pub struct Users {
    /// Operators.
    pub operators: Vec<String>,
    /// Gateways.
    pub gateways: Vec<String>,
}

/// The account that carries bundles and reports, as text of a server's configuration.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Who may connect.
    pub users: Users,
    /// Bytes that the account may store on disk, every copy counted: three servers that keep three copies of 160 MiB, which
    /// is what the bucket and the objects may have, need 480 MiB.
    pub max_file_bytes: u64,
    /// Whether the account has JetStream. Only a test wants it without.
    pub jetstream: bool,
}

impl ServerConfig {
    /// With these users and 512 MiB to store.
    pub const fn new(users: Users) -> Self {
        Self {
            users,
            max_file_bytes: 512 * 1024 * 1024,
            jetstream: true,
        }
    }

    /// The block `accounts {...}`. The rest (ports, TLS, cluster, where to store) is the server's own.
    pub fn accounts(&self) -> String {
        let mut text = String::from("accounts {\n  RULES {\n");
        if self.jetstream {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "    jetstream: {{ max_file: {}, max_streams: 4 }}",
                self.max_file_bytes
            );
        }
        text.push_str("    users = [\n");
        for (keys, role) in [
            (&self.users.operators, Role::Operator),
            (&self.users.gateways, Role::Gateway),
        ] {
            let (publish, subscribe) = permissions(role);
            for key in keys {
                let _ = writeln!(
                    text,
                    "      {{ nkey: {key}, permissions {{\n        publish {{ allow: [{}] }}\n        subscribe {{ allow: [{}] }}\n      }} }}",
                    quoted(&publish),
                    quoted(&subscribe)
                );
            }
        }
        text.push_str("    ]\n  }\n}\n");
        text
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
    }
}

fn quoted(subjects: &[String]) -> String {
    let quoted: Vec<_> = subjects
        .iter()
        .map(|subject| format!("{subject:?}"))
        .collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_may_neither_store_nor_make_consumers() {
        let users = Users {
            operators: vec!["UOP".to_owned()],
            gateways: vec!["UGW".to_owned()],
        };
        let text = ServerConfig::new(users).accounts();
        let (operator, gateway) = text.split_once("UGW").unwrap();
        assert!(operator.contains("\"$KV.rules.>\""));
        for forbidden in ["$KV", "$O.", "CONSUMER", "$JS.API.>", "\">\"", "_INBOX_op"] {
            assert!(!gateway.contains(forbidden), "{forbidden} in {gateway}");
        }
        assert!(gateway.contains("_INBOX_gw.>"));
    }
}
