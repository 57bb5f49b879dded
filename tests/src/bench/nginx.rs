//! nginx twice: as the mock model, and as the proxy that is the floor.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::{LOAD_CORE, MEASURED_CORE, corpus};
use crate::answer::{Choice, chat_body};
use crate::harness::free_port;

/// A running nginx; ended when dropped.
#[derive(Debug)]
pub struct Nginx {
    child: Child,
    addr: SocketAddr,
    _dir: TempDir,
}

impl Nginx {
    /// A model that answers every POST at once: a chat completion below `/v1`, a stream of 200 chunks below
    /// `/stream/v1`. Below `/otlp` it is a collector that takes everything. On the load core.
    ///
    /// # Errors
    /// When nginx does not start.
    pub fn mock_model() -> Result<Self> {
        let dir = tempfile::tempdir().context("making a folder for nginx")?;
        let answer = chat_body("mock", &[Choice::saying(&corpus::answer_text())]).to_string();
        let chunks = corpus::answer_pieces();
        write(&dir.path().join("answer.json"), &answer)?;
        write(&dir.path().join("answer.sse"), &sse(&chunks))?;
        let addr = free_port()?;
        let (json, events) = (
            dir.path().join("answer.json"),
            dir.path().join("answer.sse"),
        );
        // A static file answers no POST; the error page is the same file, fetched with GET inside.
        let server = format!(
            "open_file_cache max=16 inactive=1h;\n\
             server {{\n listen {addr} reuseport;\n\
             location = /v1/chat/completions {{ types {{}} default_type application/json; alias {}; error_page 405 =200 $uri; }}\n\
             location = /stream/v1/chat/completions {{ types {{}} default_type text/event-stream; alias {}; error_page 405 =200 $uri; }}\n\
             location /otlp/ {{ default_type application/x-protobuf; return 200; }}\n}}",
            json.display(),
            events.display(),
        );
        Self::start(dir, addr, &server, LOAD_CORE)
    }

    /// An MCP server that gives the same result to every POST at `/mcp`. On the load core.
    ///
    /// # Errors
    /// When nginx does not start.
    pub fn mock_mcp(answer: &str) -> Result<Self> {
        let dir = tempfile::tempdir().context("making a folder for nginx")?;
        let file = dir.path().join("answer.json");
        write(&file, answer)?;
        let addr = free_port()?;
        let server = format!(
            "open_file_cache max=16 inactive=1h;\n\
             server {{\n listen {addr} reuseport;\n\
             location = /mcp {{ types {{}} default_type application/json; alias {}; error_page 405 =200 $uri; }}\n}}",
            file.display(),
        );
        Self::start(dir, addr, &server, LOAD_CORE)
    }

    /// A proxy that passes everything to `upstream` and looks at nothing. On the measured core.
    ///
    /// # Errors
    /// When nginx does not start.
    pub fn floor(upstream: SocketAddr) -> Result<Self> {
        let dir = tempfile::tempdir().context("making a folder for nginx")?;
        let addr = free_port()?;
        let server = format!(
            "upstream model {{ server {upstream}; keepalive 64; keepalive_requests 100000000; }}\n\
             server {{\n listen {addr} reuseport;\n\
             location / {{ proxy_pass http://model; proxy_http_version 1.1; proxy_set_header Connection \"\"; }}\n}}",
        );
        Self::start(dir, addr, &server, MEASURED_CORE)
    }

    fn start(dir: TempDir, addr: SocketAddr, server: &str, core: &str) -> Result<Self> {
        let at = dir.path().display();
        let config = format!(
            "daemon off;\nworker_processes 1;\npid {at}/nginx.pid;\nerror_log {at}/error.log warn;\n\
             events {{ worker_connections 1024; }}\n\
             http {{\n access_log off;\n client_body_temp_path {at}/body;\n proxy_temp_path {at}/proxy;\n\
             fastcgi_temp_path {at}/fastcgi;\n uwsgi_temp_path {at}/uwsgi;\n scgi_temp_path {at}/scgi;\n\
             client_max_body_size 8m;\n client_body_buffer_size 256k;\n\
             keepalive_requests 100000000;\n keepalive_timeout 600s;\n{server}\n}}\n",
        );
        let file = dir.path().join("nginx.conf");
        write(&file, &config)?;
        // nginx started by root gives its workers to another user, who must reach the folder.
        open_to_all(dir.path())?;
        let child = Command::new("taskset")
            .args(["-c", core, "nginx", "-p"])
            .arg(dir.path())
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("starting nginx through taskset")?;
        let mut nginx = Self {
            child,
            addr,
            _dir: dir,
        };
        nginx.wait_until_listening(&file)?;
        Ok(nginx)
    }

    fn wait_until_listening(&mut self, config: &Path) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(5);
        while std::net::TcpStream::connect(self.addr).is_err() {
            if self
                .child
                .try_wait()
                .context("asking for nginx's state")?
                .is_some()
                || Instant::now() > deadline
            {
                let log: PathBuf = config.with_file_name("error.log");
                bail!(
                    "nginx does not listen: {}",
                    std::fs::read_to_string(log).unwrap_or_default()
                );
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Where it listens.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The master ends its workers when it is asked to; killed, it would leave them behind.
        let asked = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// A chat stream of one delta for each piece.
pub fn sse(pieces: &[String]) -> String {
    let chunk = |delta: serde_json::Value, finish: Option<&str>| {
        let chunk = serde_json::json!({
            "id": "chatcmpl-mock", "object": "chat.completion.chunk", "created": 1_790_000_000, "model": "mock",
            "system_fingerprint": "fp_mock",
            "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}],
        });
        format!("data: {chunk}\n\n")
    };
    let mut text = chunk(
        serde_json::json!({"role": "assistant", "content": ""}),
        None,
    );
    for piece in pieces {
        text.push_str(&chunk(serde_json::json!({ "content": piece }), None));
    }
    text.push_str(&chunk(serde_json::json!({}), Some("stop")));
    text.push_str("data: [DONE]\n\n");
    text
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}

fn open_to_all(dir: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755))
        .with_context(|| format!("opening {} to nginx's user", dir.display()))
}
