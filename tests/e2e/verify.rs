//! `parapet-operator verify` against the real gateway.

use parapet_tests::harness::operator_binary;
use parapet_tests::world::{TOKEN, World};
use tokio::process::Command;

const POLICY: &str = "apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {name: g}
spec: {guardrails: [{name: x, regex: {presetPatterns: {presets: [us_ssn]}}}]}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {name: rules}
spec: {rules: [{id: all, llm_input_guardrails: [g/x]}]}
";

/// Exit code and everything that was said.
async fn verify(gateway: &str, token: &str, more: &[&str]) -> (Option<i32>, String) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, format!("{token}\n")).unwrap();
    let output = Command::new(operator_binary().await.unwrap())
        .args(["verify", "--gateway", gateway, "--token-file"])
        .arg(&file)
        .args(more)
        .output()
        .await
        .unwrap();
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    let said = said.concat();
    assert!(!said.contains(token), "{said}");
    (output.status.code(), said)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_passes_where_rules_are_enforced_and_says_what_is_wrong_elsewhere() {
    let world = World::start(POLICY).await.unwrap();
    let url = format!("http://{}", world.gateway.traffic());
    let (code, said) = verify(&url, TOKEN, &[]).await;
    assert_eq!(code, Some(0), "{said}");
    let lines: Vec<_> = said.lines().collect();
    assert!(
        lines[0].starts_with("ok   to be allowed: 200 in "),
        "{said}"
    );
    assert!(
        lines[1].starts_with("ok   to be blocked: 400 in ") && lines[1].contains("by g/x (us_ssn"),
        "{said}"
    );
    assert_eq!(lines[2], "passed");
    assert!(!said.contains("536-22-1234"), "{said}");

    let now = ["--wait", "0s"];
    let (code, said) = verify(&url, "nobodys-token", &now).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("VirtualAccount with this token"), "{said}");
    let passes = [&now[..], &["--blocked-text", "nothing bad about it"]].concat();
    let (code, said) = verify(&url, TOKEN, &passes).await;
    assert_eq!(code, Some(1));
    assert!(
        said.contains("FAIL to be blocked: 200") && said.contains("kubectl get parapet"),
        "{said}"
    );
    let unknown = [&now[..], &["--model", "demo/none"]].concat();
    let (code, _) = verify(&url, TOKEN, &unknown).await;
    assert_eq!(code, Some(1));
    let closed = format!("http://{}", parapet_tests::harness::free_port().unwrap());
    let (code, said) = verify(&closed, TOKEN, &now).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("is a gateway ready?"), "{said}");
    let (code, said) = verify("parapet-gateway", TOKEN, &now).await;
    assert_eq!(code, Some(1));
    assert!(
        said.contains("http://parapet-gateway.parapet.svc"),
        "{said}"
    );

    // What was just installed takes a moment: it waits.
    world.gateway.write("more.yaml", "").unwrap();
    let waiting = verify(&url, TOKEN, &["--wait", "20s"]);
    let installing = async {
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
        world.gateway.write("more.yaml", POLICY).unwrap();
    };
    let ((code, said), ()) = tokio::join!(waiting, installing);
    assert_eq!(code, Some(0), "{said}");
}
