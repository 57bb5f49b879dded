//! The chart's NATS: a real server with its configuration and with the keys that its Job makes.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clap::Parser as _;
use parapet_bus::keys::read_signing_keys;
use parapet_bus::nats::{
    ConnectConfig, Connection, Credentials, Publisher, PublisherConfig, Role, connect,
};
use parapet_operator::args::{Cli, Command as Operator};
use parapet_tests::harness::free_port;
use serde_json::Value;

use crate::support::{Helm, arg, args, of_kind, pod_template, programs, the};

/// How long servers may take to find each other, on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Killed when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the chart's Job makes, in folders as mounted Secrets have them.
fn make_keys(objects: &[Value], folder: &Path) {
    let job = of_kind(objects, "Job")[0];
    let folder = folder.to_string_lossy().into_owned();
    let mut line = vec!["parapet-operator"];
    line.extend(args(job));
    line.extend(["--dir", &folder]);
    let Operator::Keys(keys) = Cli::parse_from(line).command else {
        panic!("the Job makes no keys")
    };
    parapet_operator::keys::run(&keys, &mut Vec::new()).unwrap();
}

/// Every file that a component's arguments name is one that its Secret has.
fn every_file_is_there(objects: &[Value], folder: &Path) {
    for (component, file_args) in [
        (
            "operator",
            [
                "nats-nkey",
                "nats-ca",
                "signing-key",
                "sealing-key",
                "digest-key",
            ],
        ),
        (
            "gateway",
            [
                "nats-nkey",
                "nats-ca",
                "trusted-keys",
                "gateway-keys",
                "installation",
            ],
        ),
    ] {
        let deployment = the(objects, "Deployment", &format!("parapet-{component}"));
        let volumes = pod_template(deployment).unwrap()["spec"]["volumes"].clone();
        let keys = volumes.as_array().unwrap();
        let keys = keys.iter().find(|volume| volume["name"] == "keys").unwrap();
        let secret = keys["secret"]["secretName"].as_str().unwrap();
        for name in file_args.iter().filter(|name| **name != "installation") {
            let path = arg(deployment, name).unwrap();
            let file = path.strip_prefix("/etc/parapet/keys/").unwrap();
            let path = folder.join(secret).join(file);
            assert!(path.exists(), "{component} --{name}: {}", path.display());
        }
    }
}

/// The chart's configuration for the server of this number, with this machine's paths and ports for the pods'.
fn configuration(objects: &[Value], folder: &Path, number: usize, routes: &[u16]) -> (String, u16) {
    let config = the(objects, "ConfigMap", "parapet-nats");
    let mut text = config["data"]["nats.conf"].as_str().unwrap().to_owned();
    let client = free_port().unwrap().port();
    let monitor = free_port().unwrap().port();
    let secret = folder.join("parapet-nats-server");
    let data = folder.join(format!("data-{number}"));
    let mut replace = |from: &str, to: String| {
        assert!(text.contains(from), "{from} is not in\n{text}");
        text = text.replace(from, &to);
    };
    replace("$POD_NAME", format!("parapet-nats-{number}"));
    replace("port: 4222", format!("listen: \"127.0.0.1:{client}\""));
    replace("http_port: 8222", format!("http: \"127.0.0.1:{monitor}\""));
    replace(
        "include ./accounts.conf",
        "include ./parapet-nats-server/accounts.conf".to_owned(),
    );
    replace("/etc/nats/", format!("{}/", secret.display()));
    replace(
        "store_dir: /data",
        format!("store_dir: \"{}\"", data.display()),
    );
    if let Some(own) = routes.get(number) {
        replace("port: 6222", format!("listen: \"127.0.0.1:{own}\""));
        for (other, port) in routes.iter().enumerate() {
            let host = format!("parapet-nats-{other}.parapet-nats-headless.parapet.svc:6222");
            replace(&host, format!("localhost:{port}"));
        }
    }
    (text, client)
}

fn start(program: &Path, folder: &Path, number: usize, text: &str) -> Running {
    // Beside the folders of Secrets: a relative include is looked for there.
    let path = folder.join(format!("nats-{number}.conf"));
    std::fs::write(&path, text).unwrap();
    let log = std::fs::File::create(folder.join(format!("nats-{number}.log"))).unwrap();
    let child = Command::new(program)
        .arg("--config")
        .arg(path)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn();
    Running(child.unwrap())
}

async fn connected(role: Role, folder: &Path, port: u16) -> Connection {
    let (secret, seed) = match role {
        Role::Operator => ("parapet-operator-keys", "nats.nk"),
        Role::Gateway => ("parapet-gateway-keys", "nats.nk"),
        Role::Recorder => ("parapet-gateway-keys", "traces.nk"),
        Role::Watcher => ("parapet-operator-keys", "traces.nk"),
        Role::Forwarder => ("parapet-forwarder-keys", "nats.nk"),
    };
    let config = ConnectConfig {
        urls: vec![format!("tls://localhost:{port}")],
        name: "test".to_owned(),
        role,
        credentials: Credentials::NkeySeedFile(folder.join(secret).join(seed)),
        ca_file: Some(folder.join(secret).join("ca.crt")),
    };
    let connection = connect(&config).await.unwrap();
    let mut state = connection.state().clone();
    let wait = state.wait_for(|state| state.connected);
    let waited = tokio::time::timeout(START_LIMIT, wait).await;
    assert!(waited.is_ok(), "{}", said(folder));
    connection
}

/// What all servers have said.
fn said(folder: &Path) -> String {
    let logs = (0..3).map(|number| folder.join(format!("nats-{number}.log")));
    logs.filter_map(|log| std::fs::read_to_string(log).ok())
        .collect()
}

/// Starts as many servers as `values` say, and publishes' bucket is made on all of them.
fn it_serves(values: &str, replicas: usize) {
    let (Some(helm), Some(programs)) = (Helm::new(), programs(&["nats-server"])) else {
        return;
    };
    let objects = helm.render(values);
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    make_keys(&objects, folder);
    every_file_is_there(&objects, folder);
    let routes: Vec<u16> = match replicas {
        1 => Vec::new(),
        many => (0..many).map(|_| free_port().unwrap().port()).collect(),
    };
    let mut servers = Vec::new();
    let mut clients = Vec::new();
    for number in 0..replicas {
        let (text, client) = configuration(&objects, folder, number, &routes);
        servers.push(start(&programs.join("nats-server"), folder, number, &text));
        clients.push(client);
    }
    let operator = the(&objects, "Deployment", "parapet-operator");
    assert_eq!(arg(operator, "nats-replicas"), Some(&*replicas.to_string()));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let keys = folder.join("parapet-operator-keys/signing");
        let keys = read_signing_keys(&keys).unwrap();
        let mut config = PublisherConfig::new("parapet-parapet".into(), "default".into(), keys);
        config.replicas = replicas;
        let connection = connected(Role::Operator, folder, clients[0]).await;
        let publisher = Publisher::new(&connection, config);
        let deadline = Instant::now() + START_LIMIT;
        // Servers have to agree on a leader first.
        while let Err(error) = publisher.prepare().await {
            assert!(Instant::now() < deadline, "{error}\n{}", said(folder));
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        for client in &clients {
            for role in [
                Role::Gateway,
                Role::Recorder,
                Role::Watcher,
                Role::Forwarder,
            ] {
                connected(role, folder, *client).await;
            }
        }
    });
}

#[test]
fn one_server_runs_with_its_configuration_and_keys() {
    it_serves("", 1);
}

#[test]
fn three_servers_find_each_other_with_tls_and_keep_copies() {
    it_serves("nats: {replicas: 3}", 3);
}
