//! Notices that files have changed.
//!
//! The system's own notices are quick, and are not given for every kind of mount; so a slow look at names,
//! sizes and times stands beside them. Either way the files are read again, and what they say decides.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant, SystemTime};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use parapet_crds::read::ReadOptions;
use parapet_policy::diagnostic::Severity;

use super::live::LivePolicy;
use super::source::Source;

/// Quiet for so long means that whoever writes is done.
const QUIET: Duration = Duration::from_millis(100);
/// Somebody who never stops writing is read in between.
const LONGEST_WAIT: Duration = Duration::from_millis(400);
/// How often the files are looked at when nothing was noticed.
const LOOK: Duration = Duration::from_millis(700);

/// What a notice says.
enum Notice {
    /// Something changed.
    Changed,
    /// The watcher is no longer wanted.
    Stop,
}

/// Watches until dropped.
pub struct Watching {
    stop: Sender<Notice>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Drop for Watching {
    fn drop(&mut self) {
        // The thread may have ended already: then there is nobody to tell.
        let _ = self.stop.send(Notice::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Reads the files again whenever they change, on a thread of its own.
///
/// # Errors
/// When the thread cannot be started.
pub fn watch(source: Source, live: Arc<LivePolicy>) -> std::io::Result<Watching> {
    let (send, receive) = channel();
    let stop = send.clone();
    let thread = std::thread::Builder::new()
        .name("policy".to_owned())
        .spawn(move || run(source, &live, &send, &receive))?;
    Ok(Watching {
        stop,
        thread: Some(thread),
    })
}

fn run(mut source: Source, live: &LivePolicy, send: &Sender<Notice>, receive: &Receiver<Notice>) {
    let options = source.options().clone();
    let _system = system_notices(&options, send);
    // Between the first reading and this thread's start something may have changed.
    let mut seen = None;
    loop {
        let now = look(&options);
        if seen.as_ref() != Some(&now) {
            seen = Some(now);
            load(&mut source, live);
        }
        match wait(receive) {
            Wake::Stop => return,
            // A notice is proof enough: a file can change without its size or time doing so.
            Wake::Changed => seen = None,
            Wake::Look => {}
        }
    }
}

fn load(source: &mut Source, live: &LivePolicy) {
    match catch_unwind(AssertUnwindSafe(|| source.load(Severity::Warning))) {
        Ok(loaded) => {
            let root = source.options().manifests.clone();
            live.take(loaded, &root);
        }
        Err(_) => {
            // What was half done may be half remembered.
            *source = Source::continued(source.options().clone(), live.revision().generation);
            live.reading_failed();
        }
    }
}

enum Wake {
    Changed,
    Look,
    Stop,
}

fn wait(receive: &Receiver<Notice>) -> Wake {
    match receive.recv_timeout(LOOK) {
        Ok(Notice::Changed) => {}
        Ok(Notice::Stop) | Err(RecvTimeoutError::Disconnected) => return Wake::Stop,
        Err(RecvTimeoutError::Timeout) => return Wake::Look,
    }
    let since = Instant::now();
    while since.elapsed() < LONGEST_WAIT {
        match receive.recv_timeout(QUIET) {
            Ok(Notice::Changed) => {}
            Ok(Notice::Stop) | Err(RecvTimeoutError::Disconnected) => return Wake::Stop,
            Err(RecvTimeoutError::Timeout) => break,
        }
    }
    Wake::Changed
}

/// Asks the system for notices. Without them the slow look has to do.
fn system_notices(options: &ReadOptions, send: &Sender<Notice>) -> Option<RecommendedWatcher> {
    let send = send.clone();
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Our own reading is an event as well.
        let counts = event.map_or(true, |event| !matches!(event.kind, EventKind::Access(_)));
        if counts {
            let _ = send.send(Notice::Changed);
        }
    });
    let mut watcher = match watcher {
        Ok(watcher) => watcher,
        Err(error) => {
            tracing::warn!(%error, "the system gives no notice of changed files: they are looked at every {LOOK:?}");
            return None;
        }
    };
    for folder in std::iter::once(&options.manifests).chain(&options.secrets) {
        if let Err(error) = watcher.watch(folder, RecursiveMode::Recursive) {
            tracing::warn!(%error, folder = %folder.display(), "no notice of changed files here: they are looked at every {LOOK:?}");
        }
    }
    Some(watcher)
}

/// What a look shows of one file.
type Seen = (u64, Option<SystemTime>);

/// Sizes and times of everything below the folders, links followed.
fn look(options: &ReadOptions) -> BTreeMap<PathBuf, Seen> {
    let mut seen = BTreeMap::new();
    for folder in std::iter::once(&options.manifests).chain(&options.secrets) {
        look_below(folder, 0, &mut seen);
    }
    seen
}

fn look_below(path: &Path, depth: usize, seen: &mut BTreeMap<PathBuf, Seen>) {
    /// Links that lead in a circle end here; what lies deeper is only noticed by the system.
    const DEEPEST: usize = 8;
    let Ok(meta) = std::fs::metadata(path) else {
        return;
    };
    if meta.is_file() {
        seen.insert(path.to_owned(), (meta.len(), meta.modified().ok()));
    }
    if !meta.is_dir() || depth > DEEPEST {
        return;
    }
    let Ok(entries) = std::fs::read_dir(path) else {
        return;
    };
    for entry in entries.flatten() {
        if !entry.file_name().to_string_lossy().starts_with('.') {
            look_below(&entry.path(), depth + 1, seen);
        }
    }
}

#[cfg(test)]
mod tests;
