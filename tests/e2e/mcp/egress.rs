//! Addresses that no server may have, however they are written and whatever they become.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use parapet_tests::fake::{Fake, Reply};
use parapet_tests::fake_mcp::{FakeMcp, Fault, Turn};
use parapet_tests::harness::{Gateway, Setup, gateway_binary};
use serde_json::json;

use super::support::{CALLERS, call, server, stateless};

async fn list(gateway: &Gateway, name: &str) -> (u16, String) {
    let mut request = stateless("tools/list", json!({}));
    request.path = format!("/mcp/{name}");
    let answered = gateway.client().send(request).await.unwrap();
    let text = answered.text().unwrap().to_owned();
    (answered.status.as_u16(), text)
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_and_link_local_addresses_are_refused_in_every_spelling() {
    let urls = [
        "http://169.254.169.254/mcp",
        "http://[::ffff:169.254.169.254]/mcp",
        "http://[fe80::1]/mcp",
        "http://[fd00:ec2::254]/mcp",
        "http://[64:ff9b::a9fe:a9fe]/mcp",
        "http://2852039166/mcp",
        "http://0xa9fea9fe/mcp",
        "http://0251.0376.0251.0376/mcp",
        "http://0.0.0.0:9/mcp",
    ];
    let names: Vec<String> = (0..urls.len()).map(|index| format!("s{index}")).collect();
    let servers: String = names
        .iter()
        .zip(urls)
        .map(|(name, url)| server(name, url, ""))
        .collect();
    let gateway = Setup::new(format!("{CALLERS}{servers}"))
        .start()
        .await
        .unwrap();
    for (name, url) in names.iter().zip(urls) {
        let (status, told) = list(&gateway, name).await;
        assert_eq!(status, 502, "{url}: {told}");
        for leak in ["169.254", "0xa9", "2852", "fe80", "ec2"] {
            assert!(!told.contains(leak), "{url}: {told}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_led_there_by_a_redirect() {
    let inside = Fake::start(|_| Reply::new(200, "text/plain", "the machine's credentials"))
        .await
        .unwrap();
    let fake = FakeMcp::start().await.unwrap();
    let resources = format!("{CALLERS}{}", server("fake", &fake.url(), ""));
    let gateway = Setup::new(resources).start().await.unwrap();
    let places = [
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        format!("http://{}/", inside.addr()),
        "file:///etc/passwd".to_owned(),
    ];
    for to in places {
        fake.script(
            "tools/call echo",
            [Turn::fault(Fault::Redirect(to.clone()))],
        );
        let request = call("echo", json!({"text": "x"}));
        let answered = gateway.client().send(request).await.unwrap();
        assert_eq!(answered.status, 502, "{to}");
        assert_eq!(answered.header("location"), None);
        assert!(!answered.text().unwrap().contains("credentials"));
    }
    assert_eq!(inside.calls().len(), 0);
}

/// A program that is the gateway, for which `hosts` is `/etc/hosts`; none where that cannot be done.
fn with_hosts(gateway: &Path, folder: &Path, hosts: &Path) -> Option<std::path::PathBuf> {
    let works = Command::new("unshare")
        .args(["-rm", "mount", "--bind"])
        .arg(hosts)
        .arg("/etc/hosts")
        .status();
    if !works.is_ok_and(|status| status.success()) {
        return None;
    }
    let program = folder.join("gateway");
    // One program becomes the next, so that the process stays the one that is stopped at the end.
    let script = format!(
        "#!/bin/sh\nexec unshare -rm sh -c 'mount --bind \"$1\" /etc/hosts && shift && exec \"$@\"' sh {} {} \"$@\"\n",
        hosts.display(),
        gateway.display()
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    Some(program)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_comes_to_mean_another_place_is_refused_there() {
    let folder = tempfile::tempdir().unwrap();
    let hosts = folder.path().join("hosts");
    std::fs::write(&hosts, "127.0.0.1 localhost tools.test\n").unwrap();
    let gateway = gateway_binary().await.unwrap();
    let Some(program) = with_hosts(&gateway, folder.path(), &hosts) else {
        eprintln!("SKIPPED: this user may not give a process another /etc/hosts");
        return;
    };
    let fake = FakeMcp::start().await.unwrap();
    let url = format!("http://tools.test:{}/mcp", fake.addr().port());
    let resources = format!("{CALLERS}{}", server("fake", &url, ""));
    let setup = Setup::new(resources).binary(program);
    let gateway = setup.start().await.unwrap();
    let (status, told) = list(&gateway, "fake").await;
    assert_eq!(status, 200, "{told}");

    std::fs::write(&hosts, "127.0.0.1 localhost\n169.254.169.254 tools.test\n").unwrap();
    // The connection that there is goes to an address that was checked; the next one has to be checked anew.
    drop(fake);
    list(&gateway, "fake").await;
    let told = list(&gateway, "fake").await;
    assert_eq!(told.0, 502, "{}", told.1);
    assert!(told.1.contains("cannot be reached"), "{}", told.1);
    let said = gateway.said();
    assert!(
        said.contains("leads to an address that is not allowed"),
        "{said}"
    );
}
