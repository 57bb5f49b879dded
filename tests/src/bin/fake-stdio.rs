//! An MCP server over standard input and output, that dies, asks and makes noise when a tool says so.
//!
//! `--bad` ends before it answers, `--refuses` does not begin a session, `--stays` ends only when it is killed.

use std::collections::BTreeMap;
use std::io::{BufRead as _, Write as _};
use std::time::Duration;

use serde_json::{Value, json};

fn say(message: &Value) {
    print(&message.to_string());
}

fn print(line: &str) {
    let mut out = std::io::stdout().lock();
    let said = writeln!(out, "{line}").and_then(|()| out.flush());
    // Who does not listen has gone, and so does the program.
    if said.is_err() {
        std::process::exit(0);
    }
}

fn answer(id: &Value, text: &str) {
    let content = json!([{"type": "text", "text": text}]);
    say(&json!({"jsonrpc": "2.0", "id": id, "result": {"content": content}}));
}

fn has(flag: &str) -> bool {
    std::env::args().any(|arg| arg == flag)
}

fn main() {
    if has("--bad") {
        eprintln!("SECRET-DOCUMENT of standard error");
        std::process::exit(3);
    }
    let mut fake = Fake::default();
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { return };
        if let Ok(message) = serde_json::from_str::<Value>(&line) {
            fake.take(&message);
        }
    }
    // A program that does not end when its input does.
    if has("--stays") {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

#[derive(Default)]
struct Fake {
    /// The call that has asked its client something.
    asking: Value,
    /// What clients have told, by method.
    heard: Vec<String>,
    calls: u32,
}

impl Fake {
    fn take(&mut self, message: &Value) {
        let (id, params) = (&message["id"], &message["params"]);
        match message["method"].as_str() {
            Some("initialize") if has("--refuses") => say(
                &json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32603, "message": "not today"}}),
            ),
            Some("initialize") => say(&json!({"jsonrpc": "2.0", "id": id, "result": {
                "protocolVersion": params["protocolVersion"],
                "capabilities": {"tools": {}, "logging": {}},
                "serverInfo": {"name": "fake-stdio", "version": "1"},
            }})),
            Some("ping") => say(&json!({"jsonrpc": "2.0", "id": id, "result": {}})),
            Some("tools/list") => say(&json!({"jsonrpc": "2.0", "id": id, "result": {"tools": [
                {"name": "echo", "inputSchema": {"type": "object"}},
                {"name": "pid", "inputSchema": {"type": "object"}},
                {"name": "calls", "inputSchema": {"type": "object"}},
                {"name": "die", "inputSchema": {"type": "object"}},
            ]}})),
            Some("tools/call") => self.call(id, params),
            Some(method) if id.is_null() => {
                self.heard.push(method.to_owned());
                // Asked at once, as servers do that want to know their roots.
                if method == "notifications/initialized" && has("--asks") {
                    say(&json!({"jsonrpc": "2.0", "id": "early", "method": "roots/list"}));
                }
            }
            // What comes of a question.
            None => {
                let said = message.get("result").unwrap_or(&message["error"]);
                match self.asking.take() {
                    Value::Null => self.heard.push(said.to_string()),
                    asking => answer(&asking, &said.to_string()),
                }
            }
            Some(_) => {}
        }
    }

    fn call(&mut self, id: &Value, params: &Value) {
        self.calls += 1;
        let args = || std::env::args().skip(1).collect::<Vec<String>>();
        let text = match params["name"].as_str().unwrap_or_default() {
            "echo" => {
                let text = params["arguments"]["text"].as_str();
                text.unwrap_or_default().to_owned()
            }
            "pid" => std::process::id().to_string(),
            "calls" => self.calls.to_string(),
            "heard" => json!(self.heard).to_string(),
            "environment" => json!(std::env::vars().collect::<BTreeMap<_, _>>()).to_string(),
            "arguments" => json!(args()).to_string(),
            "folder" => {
                let folder = std::env::current_dir().unwrap_or_default();
                folder.to_string_lossy().into_owned()
            }
            "child" => {
                let child = std::process::Command::new("sleep").arg("3600").spawn();
                child.map_or(0, |child| child.id()).to_string()
            }
            "die" => std::process::exit(3),
            "last-words" => {
                answer(id, "done");
                std::process::exit(0)
            }
            "hang" => return,
            "noise" => {
                eprintln!("SECRET-DOCUMENT of standard error");
                print("SECRET-DOCUMENT that is no message");
                print("\u{feff}[]");
                say(&json!({"jsonrpc": "2.0", "id": 4711, "result": {"of": "nobody"}}));
                say(&json!({"jsonrpc": "2.0", "id": "x", "result": {"of": "nobody"}}));
                answer(id, "done");
                answer(id, "twice");
                return;
            }
            "progress" => {
                let token = &params["_meta"]["progressToken"];
                for token in [&json!("another's"), token] {
                    say(
                        &json!({"jsonrpc": "2.0", "method": "notifications/progress",
                        "params": {"progressToken": token, "progress": 1}}),
                    );
                }
                "done".to_owned()
            }
            "flood" => {
                for number in 0..2000 {
                    say(&json!({"jsonrpc": "2.0", "method": "notifications/message",
                        "params": {"level": "info", "data": number}}));
                }
                "done".to_owned()
            }
            "nonsense" => loop {
                print("nonsense");
            },
            "long-line" => loop {
                let bytes = [b'x'; 65536];
                if std::io::stdout().lock().write_all(&bytes).is_err() {
                    std::process::exit(0);
                }
            },
            "ask" => {
                self.asking = id.clone();
                say(&json!({"jsonrpc": "2.0", "id": "question-1", "method": "roots/list"}));
                return;
            }
            "asked" => {
                self.asking = id.clone();
                return;
            }
            _ => {
                say(&json!({"jsonrpc": "2.0", "id": id,
                    "error": {"code": -32602, "message": "unknown tool"}}));
                return;
            }
        };
        answer(id, &text);
    }
}
