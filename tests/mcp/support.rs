use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use parapet_tests::harness::{Gateway, Setup};
use parapet_tests::runtimes::{Node, Python};
use serde_json::Value;

pub(crate) const TOKEN: &str = "mcp-token";
pub(crate) const KEY: &str = "AKIAQYLPMN5HFIQR7XYZ";

/// Callers with and without a token: the conformance suite has none.
const CALLERS: &str = "apiVersion: v1
kind: Secret
metadata: {name: callers}
stringData: {token: mcp-token}
---
apiVersion: parapet.dev/v1alpha1
kind: VirtualAccount
metadata: {name: bot}
spec: {tokens: [{secretKeyRef: {name: callers, key: token}}]}
---
apiVersion: parapet.dev/v1alpha1
kind: GatewaySettings
metadata: {name: settings}
spec: {anonymous: {user: suite}}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {name: mcp}
spec:
  guardrails:
    - {name: secrets, operation: mutate, secretsDetection: {}}
    - {name: sql, sqlSanitizer: {blockDrop: true}}
    - {name: ssn, regex: {presetPatterns: {presets: [us_ssn]}}}
    - {name: email, operation: mutate, regex: {presetPatterns: {presets: [email]}}}
";

/// Rules that block and redact what the tests send.
pub(crate) const GUARDED: &str = "apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {name: rules}
spec:
  rules:
    - id: everything
      when: {}
      mcp_tool_pre_invoke_guardrails: [mcp/secrets, mcp/sql]
      mcp_tool_post_invoke_guardrails: [mcp/secrets, mcp/ssn]
";

/// Rules that look at everything and find nothing in what the conformance suite sends.
pub(crate) const PASSING: &str = "apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {name: rules}
spec:
  rules:
    - id: everything
      when: {}
      mcp_tool_pre_invoke_guardrails: [mcp/secrets, mcp/email, mcp/sql, mcp/ssn]
      mcp_tool_post_invoke_guardrails: [mcp/secrets, mcp/email, mcp/sql, mcp/ssn]
";

/// A gateway before these servers, by name and URL.
pub(crate) async fn gateway(servers: &BTreeMap<&str, String>, rules: &str) -> Gateway {
    speaking("auto", servers, rules).await
}

/// The same that speaks one era only with the servers.
pub(crate) async fn speaking(
    protocol: &str,
    servers: &BTreeMap<&str, String>,
    rules: &str,
) -> Gateway {
    gateway_of(&resources(protocol, servers), rules).await
}

/// These servers as resources.
fn resources(protocol: &str, servers: &BTreeMap<&str, String>) -> String {
    let mut resources = String::new();
    for (name, url) in servers {
        write!(
            resources,
            "---\napiVersion: parapet.dev/v1alpha1\nkind: MCPServer\nmetadata: {{name: {name}}}\nspec: {{url: '{url}', protocol: {protocol}}}\n"
        )
        .unwrap();
    }
    resources
}

/// A gateway with a virtual server `by-way-of-{name}` for each of these, whose one member it is.
pub(crate) async fn by_way(servers: &BTreeMap<&str, String>, rules: &str) -> Gateway {
    let mut resources = resources("auto", servers);
    for name in servers.keys() {
        write!(
            resources,
            "---\napiVersion: parapet.dev/v1alpha1\nkind: MCPServer\nmetadata: {{name: by-way-of-{name}}}\nspec: {{virtual: {{members: [{{server: {name}}}]}}}}\n"
        )
        .unwrap();
    }
    gateway_of(&resources, rules).await
}

/// A gateway with these servers as resources.
pub(crate) async fn gateway_of(servers: &str, rules: &str) -> Gateway {
    let setup = Setup::new(format!("{CALLERS}{servers}"));
    let setup = if rules.is_empty() {
        setup
    } else {
        setup.file("rules.yaml", rules)
    };
    setup.start().await.unwrap()
}

/// Servers in Python and JavaScript, running; ended when dropped.
pub(crate) struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// Starts one that prints `listening PORT`.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| line.unwrap().strip_prefix("listening ")?.parse().ok());
        let port = port.unwrap_or_else(|| panic!("it ended before it listened: {command:?}"));
        // What it prints later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, port }
    }

    /// Starts one that listens on `port`, and waits until it does.
    pub(crate) fn start_on(port: u16, mut command: Command) -> Self {
        let child = command.stdout(Stdio::null()).spawn().unwrap();
        let mut server = Self { child, port };
        for _ in 0..3000 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return server;
            }
            let ended = server.child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended before it listened: {command:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("it does not listen: {command:?}")
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/mcp", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a program that has to succeed prints: JSON, one value on each line.
pub(crate) fn lines(mut command: Command) -> Vec<Value> {
    let output = command.output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

pub(crate) fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("mcp")
        .join(name)
}

/// Node with the tier's packages; none where it is not to be had, which is said.
pub(crate) fn node() -> Option<Node> {
    Node::start(&folder("npm")).unwrap().ok()
}

/// Python with `mcp` of this major version.
pub(crate) fn python(major: u32) -> Option<Python> {
    let requirements = folder("python").join(format!("requirements-{major}.txt"));
    Python::start(&requirements).unwrap().ok()
}
