//! How each watch goes: what has not been listed yet, and why.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use kube::runtime::watcher;

use crate::metrics::Metrics;

/// How all watches go.
#[derive(Clone, Debug)]
pub(super) struct Health {
    watches: Arc<Mutex<BTreeMap<Watch, State>>>,
    metrics: Arc<Metrics>,
}

/// One watch: what, and in which namespace when not in all.
type Watch = (&'static str, Option<Arc<str>>);

#[derive(Clone, Debug, Default)]
struct State {
    /// Whether it has been listed once.
    listed: bool,
    /// Why it does not work at this moment.
    cause: Option<String>,
}

impl Health {
    /// Knows of no watch yet.
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            watches: Arc::default(),
            metrics,
        }
    }

    /// A watch begins.
    pub(super) fn begin(&self, what: &'static str, namespace: Option<&str>) -> One {
        let watch = (what, namespace.map(Arc::from));
        let one = One {
            health: self.clone(),
            watch,
        };
        one.change(|_| ());
        one
    }

    /// What has not been listed once, each with its cause: `secrets in ns: the operator's role does not allow it`.
    pub(super) fn missing(&self) -> Vec<String> {
        let watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = watches.iter().filter(|(_, state)| !state.listed);
        missing
            .map(|((what, namespace), state)| {
                let place = match namespace {
                    Some(namespace) => format!(" in {namespace}"),
                    None => String::new(),
                };
                let cause = state.cause.as_deref().unwrap_or("no answer yet");
                format!("{what}{place}: {cause}")
            })
            .collect()
    }
}

/// How one watch goes.
#[derive(Debug)]
pub(super) struct One {
    health: Health,
    watch: Watch,
}

impl One {
    /// It works. True when it did not before.
    pub(super) fn works(&self, listed: bool) -> bool {
        self.change(|state| {
            state.listed |= listed;
            state.cause.take().is_some()
        })
    }

    /// It does not work; says why, in words for people.
    pub(super) fn fails(&self, error: &watcher::Error) -> String {
        let cause = match hint(error) {
            Some(hint) => hint.to_owned(),
            None => error.to_string(),
        };
        self.change(|state| state.cause = Some(cause.clone()));
        cause
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut watches = (self.health.watches)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let result = change(watches.entry(self.watch.clone()).or_default());
        let (what, _) = self.watch;
        let mut same = watches.iter().filter(|((other, _), _)| *other == what);
        let works = same.all(|(_, state)| state.listed && state.cause.is_none());
        self.health.metrics.set_watch(what, works);
        result
    }
}

/// What to do about an error, where that is known.
fn hint(error: &watcher::Error) -> Option<&'static str> {
    let code = match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => status.code,
        _ => return None,
    };
    match code {
        403 => Some("the operator's role does not allow it"),
        404 => {
            Some("the definition of this kind is not installed: `parapet-operator crds` prints it")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_until_it_has_been_listed() {
        let metrics = Arc::new(Metrics::new().unwrap());
        let health = Health::new(Arc::clone(&metrics));
        let (a, b) = (
            health.begin("things", Some("a")),
            health.begin("things", Some("b")),
        );
        assert_eq!(
            health.missing(),
            ["things in a: no answer yet", "things in b: no answer yet"]
        );
        a.works(true);
        b.fails(&watcher::Error::NoResourceVersion);
        let missing = health.missing();
        assert!(
            missing.len() == 1 && missing[0].starts_with("things in b: "),
            "{missing:?}"
        );
        let up = |value: u8| {
            let line = format!("parapet_operator_watch_up{{what=\"things\"}} {value}\n");
            assert!(metrics.render().contains(&line), "{}", metrics.render());
        };
        up(0);
        assert!(b.works(true), "it did not work before");
        up(1);
        assert_eq!(health.missing(), [""; 0]);
        // What was listed once is not missing when its watch fails: it is known as it was.
        a.fails(&watcher::Error::NoResourceVersion);
        up(0);
        assert_eq!(health.missing(), [""; 0]);
    }
}
