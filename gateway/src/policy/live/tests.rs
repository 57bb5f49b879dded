use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use parapet_crds::read::ReadOptions;
use parapet_policy::diagnostic::Severity;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use super::{LivePolicy, LoadCounts};
use crate::policy::source::{Outcome, Source};

/// What is known at the moment of each line of the log: revision, whether something was refused, counts.
type Known = (String, bool, LoadCounts);

/// Asks the policy at every line, as somebody does who waits for a line and then looks at `/policy`.
struct Asks {
    live: Arc<LivePolicy>,
    known: Arc<Mutex<Vec<Known>>>,
}

impl<S: Subscriber> Layer<S> for Asks {
    fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
        let status = self.live.status();
        self.known.lock().unwrap().push((
            status.revision.unwrap(),
            status.rejected.is_some(),
            self.live.counts(),
        ));
    }
}

fn config(name: &str) -> String {
    format!(
        "apiVersion: parapet.dev/v1alpha1\nkind: GuardrailIntegration\nmetadata: {{name: g}}\n\
         spec: {{guardrails: [{{name: {name}, requestMetadata: {{}}}}]}}\n"
    )
}

/// What is known while each line is said that taking `text` from the folder brings.
fn taken(source: &mut Source, live: &Arc<LivePolicy>, folder: &Path, text: &str) -> Vec<Known> {
    fs::write(folder.join("a.yaml"), text).unwrap();
    let known = Arc::default();
    let asks = Asks {
        live: Arc::clone(live),
        known: Arc::clone(&known),
    };
    // Reading says things of its own.
    let loaded = source.load(Severity::Warning);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(asks), || {
        live.take(loaded, folder);
    });
    let known = known.lock().unwrap().clone();
    assert!(!known.is_empty(), "nothing was said");
    known
}

#[test]
fn what_the_log_says_is_so_already() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.yaml"), config("a")).unwrap();
    let mut source = Source::new(ReadOptions {
        manifests: dir.path().to_owned(),
        secrets: None,
        policy_namespace: "default".into(),
    });
    let Outcome::New(first) = source.load(Severity::Info).outcome else {
        panic!("the first policy has errors")
    };
    let live = Arc::new(LivePolicy::new(*first));
    let counts = |accepted, rejected| LoadCounts {
        accepted,
        rejected,
        failed: 0,
    };
    let good = config("a");
    for (text, expected) in [
        ("kind: [", ("0.1", true, counts(1, 1))),
        (&*good, ("0.1", false, counts(1, 1))),
        ("kind: {", ("0.1", true, counts(1, 2))),
        (&*config("b"), ("0.2", false, counts(2, 2))),
    ] {
        for (revision, rejected, counts) in taken(&mut source, &live, dir.path(), text) {
            assert_eq!((&*revision, rejected, counts), expected, "{text}");
        }
    }
}

#[test]
fn a_warning_is_said_once() {
    let dir = tempfile::tempdir().unwrap();
    let write = |more: &str| {
        let resource =
            config("a").replace("requestMetadata: {}", "timeout: 5s, requestMetadata: {}");
        fs::write(dir.path().join("a.yaml"), resource + more).unwrap();
    };
    write("");
    let mut source = Source::new(ReadOptions {
        manifests: dir.path().to_owned(),
        secrets: None,
        policy_namespace: "default".into(),
    });
    let first = source.load(Severity::Warning);
    let Outcome::New(snapshot) = first.outcome else {
        panic!("the first policy has errors")
    };
    let live = Arc::new(LivePolicy::new(*snapshot));
    let said = |act: &mut dyn FnMut()| {
        let known = Arc::default();
        let asks = Asks {
            live: Arc::clone(&live),
            known: Arc::clone(&known),
        };
        tracing::subscriber::with_default(tracing_subscriber::registry().with(asks), act);
        let said: usize = known.lock().unwrap().len();
        said
    };
    assert_ne!(said(&mut || live.tell(&first.remarks, dir.path())), 0);
    for (more, lines) in [
        ("", 0),
        ("# touched\n", 0),
        ("---\napiVersion: v1\nkind: Pod\n", 1),
        ("", 0),
    ] {
        write(more);
        let mut loaded = Some(source.load(Severity::Warning));
        let told = said(&mut || live.take(loaded.take().unwrap(), dir.path()));
        assert_eq!(told, lines, "{more:?}");
    }
}
