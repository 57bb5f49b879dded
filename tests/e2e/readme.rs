//! The README's commands, word by word, and what `make run` prints.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use parapet_tests::harness::{Gateway, Setup, gateway_binary};
use parapet_tests::http_client::{Answered, Outgoing};
use serde_json::Value;
use tokio::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).unwrap()
}

/// The fenced blocks of one language.
fn blocks(markdown: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    markdown
        .split(&fence)
        .skip(1)
        .filter_map(|rest| Some(rest.split("```").next()?.to_owned()))
        .collect()
}

/// The words of a shell command: single quotes and escaped line ends are all that the documents use.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quoted, mut any) = (String::new(), false, false);
    for c in command.replace("\\\n", " ").chars() {
        match c {
            '\'' => {
                quoted = !quoted;
                any = true;
            }
            c if c.is_whitespace() && !quoted => {
                if any || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                any = false;
            }
            c => word.push(c),
        }
    }
    words.extend((any || !word.is_empty()).then_some(word));
    words
}

/// The `curl` commands of a text.
fn curls(text: &str) -> Vec<Vec<String>> {
    let mut commands = Vec::new();
    let joined = text.replace("\\\n", " ");
    for line in joined
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("curl "))
    {
        commands.push(words(line));
    }
    commands
}

/// Runs a `curl` command against a gateway, wherever the command says it is.
async fn curl(gateway: &Gateway, command: &[String]) -> Answered {
    let mut outgoing = Outgoing::get("/");
    let mut rest = command.iter().skip(1);
    while let Some(word) = rest.next() {
        match word.as_str() {
            "-H" => {
                let (name, value) = rest.next().unwrap().split_once(": ").unwrap();
                outgoing = outgoing.header(name, value);
            }
            "-d" => {
                outgoing.method = http::Method::POST;
                outgoing.body = rest.next().unwrap().clone().into();
            }
            "-s" | "-sN" | "-N" => {}
            url => {
                let (_, path) = url.trim_start_matches("http://").split_once('/').unwrap();
                outgoing.path = format!("/{path}");
            }
        }
    }
    gateway.client().send(outgoing).await.unwrap()
}

fn said(answer: &Answered) -> String {
    let body = answer.json().unwrap();
    body["choices"][0]["message"]["content"]
        .as_str()
        .map_or_else(|| body.to_string(), str::to_owned)
}

async fn examples() -> Gateway {
    let mut setup = Setup::default();
    for entry in std::fs::read_dir(root().join("examples/standalone")).unwrap() {
        let path = entry.unwrap().path();
        setup = setup.file(
            &path.file_name().unwrap().to_string_lossy(),
            std::fs::read_to_string(&path).unwrap(),
        );
    }
    setup.start().await.unwrap()
}

#[tokio::test]
async fn the_first_five_minutes_work_word_by_word() {
    let readme = readme();
    let gateway = examples().await;
    let shell: Vec<Vec<String>> = blocks(&readme, "sh")
        .iter()
        .flat_map(|block| curls(block))
        .collect();
    let [first, second, tool] = shell.as_slice() else {
        panic!("the README has {} curl commands", shell.len())
    };
    let answer = curl(&gateway, first).await;
    assert_eq!(answer.status, 200);
    let promised = "my key is [REDACTED]";
    assert!(readme.contains(&format!("`{promised}`")));
    assert_eq!(said(&answer), promised);
    // "Now say ... instead".
    let number = readme
        .split("Now say `")
        .nth(1)
        .unwrap()
        .split('`')
        .next()
        .unwrap();
    let mut instead = first.clone();
    let body = instead.last_mut().unwrap();
    let mut request: Value = serde_json::from_str(body).unwrap();
    request["messages"][0]["content"] = number.into();
    *body = request.to_string();
    let answer = curl(&gateway, &instead).await;
    assert_eq!(answer.status, 400);
    for named in ["my-guardrails/pii", "us_ssn"] {
        assert!(
            answer.text().unwrap().contains(named),
            "{:?}",
            answer.text()
        );
    }
    // A tool that is not called.
    let answer = curl(&gateway, tool).await;
    assert_eq!(answer.status, 200);
    let result = answer.json().unwrap()["result"].clone();
    assert_eq!(result["isError"], true);
    for named in ["my-guardrails/sql", "sql_drop"] {
        assert!(readme.contains(&format!("`{named}`")));
        assert!(result.to_string().contains(named), "{result}");
    }
    // The first guardrail.
    let before = said(&curl(&gateway, second).await);
    assert!(before.contains("project-falcon"), "{before}");
    let resource = blocks(&readme, "yaml").remove(0);
    gateway.write("my-first.yaml", &resource).unwrap();
    let written = Instant::now();
    loop {
        let now = said(&curl(&gateway, second).await);
        if now.contains("[PROJECT]") {
            break;
        }
        assert!(
            written.elapsed() < Duration::from_secs(20),
            "it still says {now}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn the_commands_that_check_and_try_work_word_by_word() {
    let binary = gateway_binary().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let request = r#"{"model":"demo/echo","messages":[{"role":"user","content":"my key is AKIAQ7ZTV2YNKXWFHB3M"}]}"#;
    std::fs::write(dir.path().join("my-request.json"), request).unwrap();
    let examples = root().join("examples").canonicalize().unwrap();
    std::os::unix::fs::symlink(examples, dir.path().join("examples")).unwrap();
    let mut outputs = Vec::new();
    for block in blocks(&readme(), "sh") {
        for line in block
            .lines()
            .filter(|line| line.starts_with("target/") && line.contains("/parapet-gateway "))
        {
            let words = words(line);
            let output = Command::new(&binary)
                .args(&words[1..])
                .current_dir(dir.path())
                .output()
                .await
                .unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(
                output.status.success(),
                "{line}: {text}{}",
                String::from_utf8_lossy(&output.stderr)
            );
            outputs.push(text);
        }
    }
    let [check, tried] = outputs.as_slice() else {
        panic!("the README has {} such commands", outputs.len())
    };
    assert!(check.contains("0 errors"), "{check}");
    for part in ["my-guardrails/secrets", "baseline", "[REDACTED]"] {
        assert!(tried.contains(part), "{part} is not in\n{tried}");
    }
    assert!(
        !tried.contains("AKIAQ7ZTV2YNKXWFHB3M"),
        "the prompt is printed although nobody asked for it"
    );
}

#[tokio::test]
async fn what_make_run_prints_can_be_pasted() {
    let gateway = examples().await;
    // The hints follow the line that says the gateway serves.
    let mut printed = String::new();
    for _ in 0..100 {
        printed = gateway.log().lines().join("\n");
        if curls(&printed).len() >= 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let commands = curls(&printed);
    assert!(commands.len() >= 3, "{printed}");
    let mut statuses = Vec::new();
    let mut texts = String::new();
    for command in &commands {
        assert!(command.iter().any(|word| {
            word.ends_with(&format!("{}/v1/chat/completions", gateway.traffic().port()))
        }));
        let answer = curl(&gateway, command).await;
        statuses.push(answer.status.as_u16());
        texts.push_str(answer.text().unwrap());
    }
    assert_eq!(statuses, [200, 400, 200]);
    assert!(
        texts.contains("[REDACTED]")
            && texts.contains("guardrail_checks_failed")
            && texts.contains("data: [DONE]")
    );
    // One with a machine's token, one with a person's.
    let token_of = |command: &[String]| {
        command
            .iter()
            .find(|word| word.starts_with("Authorization"))
            .cloned()
    };
    assert_ne!(token_of(&commands[0]), token_of(&commands[2]));
}

#[test]
fn commands_are_split_as_a_shell_would() {
    assert_eq!(
        words("a -H 'b: c'  'd \"e\"' ''"),
        ["a", "-H", "b: c", "d \"e\"", ""]
    );
    assert_eq!(
        curls("x\ncurl u \\\n  -d '{}'\ny"),
        [["curl", "u", "-d", "{}"]]
    );
}
