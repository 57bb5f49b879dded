use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parapet_crds::read::ReadOptions;
use parapet_policy::diagnostic::Severity;
use tempfile::TempDir;

use super::{Watching, watch};
use crate::policy::live::LivePolicy;
use crate::policy::source::{Outcome, Source};

const CONFIG: &str = "
apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {name: g}
spec: {guardrails: [{name: a, requestMetadata: {}}]}
";

fn start(folder: &Path) -> (Arc<LivePolicy>, Watching) {
    let options = ReadOptions {
        manifests: folder.to_owned(),
        secrets: None,
        policy_namespace: "default".into(),
    };
    let mut source = Source::new(options);
    let Outcome::New(first) = source.load(Severity::Info).outcome else {
        panic!()
    };
    let live = Arc::new(LivePolicy::new(*first));
    let watching = watch(source, Arc::clone(&live)).unwrap();
    (live, watching)
}

/// Waits until `is` holds; far longer than it may take, because the machine may be busy.
fn wait(live: &LivePolicy, is: impl Fn(&LivePolicy) -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is(live) {
        assert!(
            Instant::now() < end,
            "{:?} {:?}",
            live.status(),
            live.counts()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn folder() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.yaml"), CONFIG).unwrap();
    dir
}

#[test]
fn a_file_renamed_over_another_takes_effect() {
    let dir = folder();
    let (live, _watching) = start(dir.path());
    fs::write(
        dir.path().join(".a.yaml.swp"),
        CONFIG.replace("name: a", "name: b"),
    )
    .unwrap();
    fs::rename(dir.path().join(".a.yaml.swp"), dir.path().join("a.yaml")).unwrap();
    wait(&live, |live| live.revision().generation == 2);
    assert_eq!(&*live.snapshot().load().guardrails[0].selector, "g/b");
}

#[test]
fn a_mounted_volume_s_swap_takes_effect() {
    let dir = tempfile::tempdir().unwrap();
    for (version, name) in [("..1", "a"), ("..2", "b")] {
        fs::create_dir(dir.path().join(version)).unwrap();
        let text = CONFIG.replace("name: a", &format!("name: {name}"));
        fs::write(dir.path().join(version).join("a.yaml"), text).unwrap();
    }
    symlink("..1", dir.path().join("..data")).unwrap();
    symlink("..data/a.yaml", dir.path().join("a.yaml")).unwrap();
    let (live, _watching) = start(dir.path());
    symlink("..2", dir.path().join("..data_tmp")).unwrap();
    fs::rename(dir.path().join("..data_tmp"), dir.path().join("..data")).unwrap();
    wait(&live, |live| live.revision().generation == 2);
    assert_eq!(&*live.snapshot().load().guardrails[0].selector, "g/b");
}

#[test]
fn errors_leave_the_last_good_policy_in_force_until_they_are_mended() {
    let dir = folder();
    let (live, _watching) = start(dir.path());
    let digest = live.status().digest;
    fs::write(dir.path().join("b.yaml"), "kind: [").unwrap();
    wait(&live, |live| live.counts().rejected > 0);
    let status = live.status();
    assert_eq!(
        (status.revision.as_deref(), &status.digest),
        (Some("0.1"), &digest)
    );
    let rejected = status.rejected.unwrap();
    assert_eq!((rejected.errors, rejected.reasons["Invalid"]), (1, 1));
    fs::remove_file(dir.path().join("b.yaml")).unwrap();
    wait(&live, |live| live.status().rejected.is_none());
    assert_eq!(live.revision().generation, 1);
}
