//! A real browser: headless Chromium from Debian, driven over the W3C WebDriver protocol.
//!
//! The protocol is JSON over HTTP, which the client that tests have anyway speaks; what is not in it (the size of a
//! telephone, a dark theme) the driver passes on to the browser.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::Method;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::harness::free_port;
use crate::http_client::{Client, Outgoing};
use crate::packages;

/// How long the driver may take to start, and a page to become as it should.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a page is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// A browser with one page. It ends with the value.
#[derive(Debug)]
pub struct Browser {
    client: Client,
    session: String,
    _driver: Child,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts one; as root it is installed when it is not there. None where there can be none, which is said.
    ///
    /// # Errors
    /// When it does not start, or when there is none although `CI` is set.
    pub async fn start() -> Result<Option<Self>> {
        let missing = [
            ("chromium", "chromium"),
            ("chromedriver", "chromium-driver"),
        ];
        let missing = missing
            .into_iter()
            .filter(|(program, _)| !packages::found(program));
        let missing: Vec<&str> = missing.map(|(_, package)| package).collect();
        if let Err(error) = packages::install(&missing) {
            return skipped(&error).map(|()| None);
        }
        let addr = free_port()?;
        let driver = Command::new("chromedriver")
            .arg(format!("--port={}", addr.port()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("starting chromedriver")?;
        let client = Client::new(addr);
        let deadline = Instant::now() + PATIENCE;
        while client.send(Outgoing::get("/status")).await.is_err() {
            if Instant::now() > deadline {
                bail!("chromedriver does not answer");
            }
            tokio::time::sleep(LOOK).await;
        }
        let profile = tempfile::tempdir().context("making a folder for the browser")?;
        // Containers have neither user namespaces for its sandbox nor much shared memory.
        let args = [
            "--headless=new",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            &format!("--user-data-dir={}", profile.path().display()),
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": args},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let made = exchange(&client, Method::POST, "/session", Some(&wanted)).await?;
        let session = made["sessionId"].as_str().context("there is no session")?;
        let browser = Self {
            session: session.to_owned(),
            client,
            _driver: driver,
            _profile: profile,
        };
        browser.size(1280, 800, false).await?;
        Ok(Some(browser))
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let path = format!("/session/{}{path}", self.session);
        exchange(&self.client, method, &path, body).await
    }

    async fn devtools(&self, command: &str, params: &Value) -> Result<()> {
        let body = json!({"cmd": command, "params": params});
        let done = self
            .call(Method::POST, "/goog/cdp/execute", Some(&body))
            .await;
        done.map(drop)
    }

    /// Gives the page a size in CSS pixels; a telephone has more of the screen's for one.
    ///
    /// # Errors
    /// When the browser does not do it.
    pub async fn size(&self, width: u32, height: u32, telephone: bool) -> Result<()> {
        let scale = if telephone { 2.0 } else { 1.5 };
        let params = json!({"width": width, "height": height, "deviceScaleFactor": scale, "mobile": telephone});
        self.devtools("Emulation.setDeviceMetricsOverride", &params)
            .await
    }

    /// Has the system prefer a dark theme, or a light one.
    ///
    /// # Errors
    /// When the browser does not do it.
    pub async fn dark(&self, dark: bool) -> Result<()> {
        let value = if dark { "dark" } else { "light" };
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": value}]});
        self.devtools("Emulation.setEmulatedMedia", &features).await
    }

    /// Opens an address and waits until it is there.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn open(&self, url: &str) -> Result<()> {
        let done = self
            .call(Method::POST, "/url", Some(&json!({"url": url})))
            .await;
        done.map(drop)
    }

    /// What a script comes to in the page.
    ///
    /// # Errors
    /// When it throws.
    pub async fn script(&self, script: &str) -> Result<Value> {
        let body = json!({"script": script, "args": []});
        let result = self.call(Method::POST, "/execute/sync", Some(&body)).await;
        result.with_context(|| format!("running {script}"))
    }

    /// A script's text.
    ///
    /// # Errors
    /// When it throws, or comes to something else.
    pub async fn text(&self, script: &str) -> Result<String> {
        let value = self.script(script).await?;
        let text = value
            .as_str()
            .with_context(|| format!("{script}: {value}"))?;
        Ok(text.to_owned())
    }

    /// Waits until a script comes to true, and says how long that took.
    ///
    /// # Errors
    /// When it does not within `limit`, with the page's text.
    pub async fn until(&self, script: &str, limit: Duration) -> Result<Duration> {
        let begun = Instant::now();
        loop {
            // A page that is being left has no answer.
            if matches!(self.script(script).await, Ok(Value::Bool(true))) {
                return Ok(begun.elapsed());
            }
            if begun.elapsed() > limit {
                let page = self
                    .text("return location.href + '\\n' + document.body.innerText")
                    .await?;
                bail!("not within {limit:?}: {script}; the page is {page}");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Presses keys as a person does, where the page's focus is. Special keys have the characters of the standard,
    /// [`keys`].
    ///
    /// # Errors
    /// When the browser does not take them.
    pub async fn press(&self, keys: &str) -> Result<()> {
        let actions: Vec<Value> = keys
            .chars()
            .flat_map(|key| {
                ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key.to_string()}))
            })
            .collect();
        let body = json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]});
        self.call(Method::POST, "/actions", Some(&body))
            .await
            .map(drop)
    }

    /// Cookies of the page with their attributes.
    ///
    /// # Errors
    /// When the browser does not tell.
    pub async fn cookies(&self) -> Result<Vec<Value>> {
        let cookies = self.call(Method::GET, "/cookie", None).await?;
        Ok(cookies.as_array().cloned().unwrap_or_default())
    }

    /// What the browser complained about since it was last asked: errors of scripts, and what a page's policy refused.
    ///
    /// # Errors
    /// When the browser does not tell.
    pub async fn complaints(&self) -> Result<Vec<String>> {
        let log = self
            .call(Method::POST, "/se/log", Some(&json!({"type": "browser"})))
            .await?;
        let entries = log.as_array().cloned().unwrap_or_default();
        Ok(entries
            .iter()
            .map(|entry| entry["message"].to_string())
            .collect())
    }

    /// Writes a picture of what is seen.
    ///
    /// # Errors
    /// When it cannot be taken or written.
    pub async fn picture(&self, path: &Path) -> Result<()> {
        let picture = self.call(Method::GET, "/screenshot", None).await?;
        let bytes = BASE64.decode(picture.as_str().context("there is no picture")?)?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).context("making a folder for pictures")?;
        }
        std::fs::write(path, bytes).with_context(|| format!("writing {}", path.display()))
    }

    /// Ends the browser.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn quit(self) -> Result<()> {
        self.call(Method::DELETE, "", None).await.map(drop)
    }
}

/// Keys that are no characters, as WebDriver writes them.
pub mod keys {
    /// Enter.
    pub const ENTER: char = '\u{e007}';
    /// Escape.
    pub const ESCAPE: char = '\u{e00c}';
    /// Tab.
    pub const TAB: char = '\u{e004}';
}

async fn exchange(
    client: &Client,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> Result<Value> {
    let mut outgoing = Outgoing::get(path);
    outgoing.method = method;
    if let Some(body) = body {
        outgoing
            .headers
            .push(("content-type".to_owned(), "application/json".to_owned()));
        outgoing.body = body.to_string().into();
    }
    let answer = client.send(outgoing).await?;
    let value = answer.json()?["value"].take();
    if !answer.status.is_success() {
        bail!("the browser says {}: {}", value["error"], value["message"]);
    }
    Ok(value)
}

/// Says that there is no browser, where it is seen; an error where `CI` is set.
fn skipped(error: &anyhow::Error) -> Result<()> {
    use std::io::Write as _;
    if std::env::var_os("CI").is_some() {
        bail!("there is no browser: {error:#}");
    }
    // Not by the macro: what a test prints with it is shown only when the test fails.
    writeln!(
        std::io::stderr(),
        "SKIPPED: the tests in a browser: {error:#}"
    )
    .context("saying that a test is skipped")?;
    // `make test` looks for it to word its last line.
    let cache = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cache");
    std::fs::create_dir_all(&cache).context("making .cache")?;
    std::fs::write(cache.join("browser-tests-skipped"), format!("{error:#}"))
        .context("noting what is skipped")
}
