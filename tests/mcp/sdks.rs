//! The official SDKs, each as a client of each as a server: directly, through the gateway, and guarded.

use std::collections::BTreeMap;
use std::process::Command;

use parapet_tests::runtimes::{Node, Python};
use serde_json::{Value, json};
use tokio::sync::{Mutex, OnceCell};
use tokio::task::JoinHandle;

use crate::support::{GUARDED, KEY, Server, TOKEN, by_way, folder, node, python, speaking};
use crate::{rust_client, rust_server};

/// What each client saw of each server: `transcripts[client][server][step]`.
type Transcripts = BTreeMap<String, BTreeMap<String, Value>>;

/// A dozen processes are enough at a time: the tests here take turns.
static TURN: Mutex<()> = Mutex::const_new(());

/// What was seen without the gateway: every test compares with it, and the first makes it.
static DIRECT: OnceCell<Transcripts> = OnceCell::const_new();

/// Node and both versions of Python.
struct Runtimes {
    node: Node,
    pythons: [Python; 2],
}

impl Runtimes {
    fn start() -> Option<Self> {
        Some(Self {
            node: node()?,
            pythons: [python(1)?, python(2)?],
        })
    }

    fn python(&self, major: usize, script: &str) -> Command {
        let script = folder("python").join(format!("{script}_{major}.py"));
        self.pythons[major - 1].script(&script)
    }

    async fn servers(&self) -> Servers {
        let start = |mut command: Command| {
            // Connections that end in the middle are what they complain about.
            command.arg("0").stderr(std::process::Stdio::null());
            Server::start(command)
        };
        let scripts = [
            ("python-1", start(self.python(1, "server"))),
            ("python-2", start(self.python(2, "server"))),
            ("typescript-1", start(self.node.script("server_1.mjs"))),
            ("typescript-2", start(self.node.script("server_2.mjs"))),
        ];
        let (rust, serving) = rust_server::serve().await;
        let urls = scripts.iter().map(|(name, server)| (*name, server.url()));
        Servers {
            urls: urls.chain([("rust", rust)]).collect(),
            _scripts: scripts.map(|(_, server)| server),
            serving,
        }
    }

    /// Name, program, and how it finds out which era a server speaks where there is a choice.
    fn clients(&self) -> Vec<(&'static str, Command, &'static str)> {
        vec![
            ("python-1", self.python(1, "client"), ""),
            ("python-2", self.python(2, "client"), "auto"),
            ("python-2 legacy", self.python(2, "client"), "legacy"),
            ("typescript-1", self.node.script("client_1.mjs"), ""),
            ("typescript-2", self.node.script("client_2.mjs"), "auto"),
            (
                "typescript-2 legacy",
                self.node.script("client_2.mjs"),
                "legacy",
            ),
        ]
    }

    /// What every client sees of every server without the gateway.
    async fn direct(&self) -> &'static Transcripts {
        let make = || async {
            let servers = self.servers().await;
            self.talk(&servers.urls, "direct").await
        };
        DIRECT.get_or_init(make).await
    }

    /// Lets every client talk to every server, all clients at once. `run` keeps what servers count apart.
    async fn talk(&self, urls: &BTreeMap<&'static str, String>, run: &str) -> Transcripts {
        let targets = urls.iter();
        let targets: Value = targets
            .map(|(name, url)| json!({"name": name, "url": url}))
            .collect();
        let scripts = self.clients().into_iter().map(|(name, mut command, mode)| {
            let who = format!("{name} {run}");
            command
                .args([targets.to_string(), who, mode.to_owned()])
                .env("TOKEN", TOKEN);
            (
                name,
                tokio::task::spawn_blocking(move || said(&mut command)),
            )
        });
        let scripts: Vec<_> = scripts.collect();
        let mut all = Transcripts::new();
        let rust = all.entry("rust".to_owned()).or_default();
        for (name, url) in urls {
            let seen = rust_client::talk(url, &format!("rust {run}"), TOKEN).await;
            rust.insert((*name).to_owned(), seen);
        }
        for (name, said) in scripts {
            all.insert(name.to_owned(), said.await.unwrap());
        }
        all
    }
}

/// The servers, running, and where they are.
struct Servers {
    urls: BTreeMap<&'static str, String>,
    _scripts: [Server; 4],
    serving: JoinHandle<()>,
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The lines of a client by the server that they are about.
fn said(command: &mut Command) -> BTreeMap<String, Value> {
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        (line["server"].as_str().unwrap().to_owned(), line)
    });
    let lines: BTreeMap<_, _> = lines.collect();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?}: {complaint}\nbefore that: {text}"
    );
    lines
}

/// Steps in which a server needs something from the client.
const QUESTIONS: [&str; 2] = ["ask", "sample"];

/// A stateless client before a server with sessions: a question of the server cannot reach it, and says so.
fn unreachable(direct: &Value, through: &Value) -> bool {
    through["protocol"] == "2026-07-28" && direct["protocol"] != "2026-07-28"
}

/// What the gateway is to make of what was seen without it.
fn expected(step: &str, before: &Value, is_guarded: bool) -> Value {
    let replaced =
        |from: &str, to: &str| serde_json::from_str(&before.to_string().replace(from, to)).unwrap();
    match (step, is_guarded) {
        // In the text and in the structured content alike, and the rest of both as it was.
        ("leak", true) => replaced(KEY, "[REDACTED]"),
        // What was blocked never reached the server.
        ("counts", true) => replaced("4 echoed", "3 echoed"),
        _ => before.clone(),
    }
}

fn is_blocked(after: &Value) -> bool {
    let text = after["texts"][0].as_str().unwrap_or_default();
    after["failed"] == true
        && after["structured"].is_null()
        && text.contains("mcp/sql")
        && !text.contains("DROP TABLE")
}

/// Compares what was seen with what was to be seen, step by step.
fn compare(direct: &Transcripts, through: &Transcripts, is_guarded: bool) {
    let mut wrong = Vec::new();
    for (client, servers) in direct {
        for (server, before) in servers {
            let after = &through[client][server];
            for (step, value) in before.as_object().unwrap() {
                let seen = &after[step];
                let expected = expected(step, value, is_guarded);
                let is_right = match step.as_str() {
                    "protocol" => true,
                    "blocked" if is_guarded => is_blocked(seen),
                    step if QUESTIONS.contains(&step) && unreachable(before, after) => {
                        seen["error"].is_string() || seen["failed"] == true
                    }
                    _ => *seen == expected,
                };
                if !is_right {
                    wrong.push(format!(
                        "{client} to {server}, {step}: {seen} instead of {expected}"
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sdk_can_do_everything_without_the_gateway() {
    let _turn = TURN.lock().await;
    let Some(runtimes) = Runtimes::start() else {
        return;
    };
    for (client, transcripts) in runtimes.direct().await {
        assert_eq!(transcripts.len(), 5);
        for (server, seen) in transcripts {
            let between = format!("{client} to {server}: {seen}");
            assert_eq!(seen["tools"].as_array().unwrap().len(), 7, "{between}");
            assert_eq!(seen["progress"].as_array().unwrap().len(), 3, "{between}");
            let steps = [
                ("echo", "hello"),
                ("blocked", "DROP TABLE users"),
                ("alive", "again"),
                ("leak", KEY),
                ("steps", "three steps"),
                ("ask", "accept blue"),
                ("sample", "from the model"),
                ("after_cancelling", "still here"),
                ("counts", "4 echoed, 1 cancelled"),
            ];
            for (step, text) in steps {
                assert_eq!(seen[step]["failed"], false, "{between}");
                let told = [&seen[step]["texts"][0], &seen[step]["structured"]["text"]];
                let told = told.map(|told| told.as_str().unwrap().contains(text));
                assert_eq!(told, [true, true], "{step}, {between}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sdk_sees_the_same_through_the_gateway() {
    through("plain", "auto", "").await;
}

/// Those that begin sessions do so with the gateway: their servers are called without any.
#[tokio::test(flavor = "multi_thread")]
async fn every_sdk_sees_the_same_of_servers_that_are_stateless() {
    through("stateless", "modern", "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sdk_sees_what_is_redacted_and_lives_on_after_a_block() {
    through("guarded", "auto", GUARDED).await;
}

/// A virtual server with one member has its tools under their own names.
#[tokio::test(flavor = "multi_thread")]
async fn every_sdk_sees_the_same_by_way_of_a_virtual_server() {
    let _turn = TURN.lock().await;
    let Some(runtimes) = Runtimes::start() else {
        return;
    };
    let servers = runtimes.servers().await;
    let gateway = by_way(&servers.urls, GUARDED).await;
    let at = |name| format!("http://{}/mcp/by-way-of-{name}", gateway.traffic());
    let urls = servers.urls.keys().map(|name| (*name, at(*name))).collect();
    let through = runtimes.talk(&urls, "virtual").await;
    compare(runtimes.direct().await, &through, true);
}

/// The servers that speak the stateless revision.
const STATELESS: [&str; 3] = ["python-2", "rust", "typescript-2"];

async fn through(run: &str, protocol: &str, rules: &str) {
    let _turn = TURN.lock().await;
    let Some(runtimes) = Runtimes::start() else {
        return;
    };
    let servers = runtimes.servers().await;
    let mut targets = servers.urls.clone();
    targets.retain(|name, _| protocol == "auto" || STATELESS.contains(name));
    let mut direct = runtimes.direct().await.clone();
    for seen in direct.values_mut() {
        seen.retain(|server, _| targets.contains_key(server.as_str()));
    }
    let gateway = speaking(protocol, &targets, rules).await;
    let at = |name| format!("http://{}/mcp/{name}", gateway.traffic());
    let urls = targets.keys().map(|name| (*name, at(*name))).collect();
    let through = runtimes.talk(&urls, run).await;
    compare(&direct, &through, !rules.is_empty());
}
