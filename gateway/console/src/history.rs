//! What is kept, in an SQLite file as well: a restart begins with what was there before.
//!
//! The ring answers; the file only follows it, from a thread of its own. A disk that is slow or full costs what could not be
//! written, which is counted and said, and nothing else.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use parapet_policy::record::{RECORD_VERSION, Record};
use rusqlite::{Connection, params};

use super::entry::Entry;

/// The version of the table. A file of another one is not read, and not touched.
const VERSION: i64 = 1;

/// Batches that may wait for the disk.
const WAITING: usize = 64;

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// It cannot be opened or read.
    #[error("the console's file {path} cannot be used: {reason}")]
    Unusable {
        /// Which.
        path: PathBuf,
        /// In words.
        reason: String,
    },
    /// Another version has written it.
    #[error("the console's file {path} is of another version: choose another file, or remove it")]
    Version {
        /// Which.
        path: PathBuf,
    },
}

/// The way to the file.
pub(crate) struct History {
    batches: SyncSender<Batch>,
    lost: Arc<AtomicU64>,
}

struct Batch {
    entries: Vec<Arc<Entry>>,
    /// How many the ring keeps.
    keep: usize,
    /// Told when it is written.
    written: Option<SyncSender<()>>,
}

impl History {
    /// Opens a file, or makes it, and tells what it holds, oldest first.
    pub(crate) fn open(path: &Path) -> Result<(Self, Vec<Entry>), HistoryError> {
        let unusable = |reason: String| HistoryError::Unusable {
            path: path.to_owned(),
            reason,
        };
        // Only for the one who runs this: it says who calls what.
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true).mode(0o600);
        options
            .open(path)
            .map_err(|error| unusable(error.to_string()))?;
        let file = Connection::open(path).map_err(|error| unusable(error.to_string()))?;
        let version = prepare(&file).map_err(|error| unusable(error.to_string()))?;
        if version != VERSION {
            let path = path.to_owned();
            return Err(HistoryError::Version { path });
        }
        let (entries, unreadable) = read(&file).map_err(|error| unusable(error.to_string()))?;
        if unreadable > 0 {
            tracing::warn!(
                unreadable,
                "the console's file has requests that cannot be read: they are not shown"
            );
        }
        let (batches, waiting) = sync_channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let of_thread = Arc::clone(&lost);
        std::thread::Builder::new()
            .name("console".to_owned())
            .spawn(move || write_all(file, &waiting, &of_thread))
            .map_err(|error| unusable(error.to_string()))?;
        Ok((Self { batches, lost }, entries))
    }

    /// Has entries written, and what is more than `keep` taken out. It never waits.
    pub(crate) fn put(&self, entries: Vec<Arc<Entry>>, keep: usize) {
        let count = entries.len() as u64;
        let batch = Batch {
            entries,
            keep,
            written: None,
        };
        if self.batches.try_send(batch).is_err() {
            note_lost(&self.lost, count, "the disk is too slow");
        }
    }

    /// Waits until everything is written, for as long as `limit`.
    pub(crate) fn finish(&self, keep: usize, limit: Duration) {
        let (written, wait) = sync_channel(1);
        let last = Batch {
            entries: Vec::new(),
            keep,
            written: Some(written),
        };
        if self.batches.try_send(last).is_ok() {
            let _ = wait.recv_timeout(limit);
        }
    }
}

/// Says the first time, and every thousandth, that something is lost.
fn note_lost(lost: &AtomicU64, count: u64, why: &str) {
    let before = lost.fetch_add(count, Ordering::Relaxed);
    if before == 0 || before / 1000 != (before + count) / 1000 {
        tracing::warn!(
            lost = before + count,
            why,
            "requests are not written to the console's file"
        );
    }
}

/// Makes the table in a file that is new, and tells the version of one that is not.
fn prepare(file: &Connection) -> rusqlite::Result<i64> {
    // With a log beside the file a write is one append, and what a crash interrupts was never there.
    file.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")?;
    let version: i64 = file.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version != 0 {
        return Ok(version);
    }
    file.execute_batch(&format!(
        "BEGIN; CREATE TABLE IF NOT EXISTS requests (id INTEGER PRIMARY KEY AUTOINCREMENT, gateway TEXT NOT NULL, record TEXT NOT NULL); \
         PRAGMA user_version = {VERSION}; COMMIT;"
    ))?;
    Ok(VERSION)
}

/// What a file holds, oldest first, and how many could not be read.
fn read(file: &Connection) -> rusqlite::Result<(Vec<Entry>, u64)> {
    let mut all = file.prepare("SELECT gateway, record FROM requests ORDER BY id")?;
    let mut rows = all.query([])?;
    let (mut entries, mut unreadable) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let (gateway, record): (String, String) = (row.get(0)?, row.get(1)?);
        match serde_json::from_str::<Record>(&record) {
            Ok(record) if record.version == RECORD_VERSION => {
                entries.push(Entry::new(gateway.into(), record));
            }
            Ok(_) | Err(_) => unreadable += 1,
        }
    }
    Ok((entries, unreadable))
}

fn write_all(mut file: Connection, waiting: &Receiver<Batch>, lost: &AtomicU64) {
    while let Ok(batch) = waiting.recv() {
        if let Err(error) = write(&mut file, &batch) {
            note_lost(lost, batch.entries.len() as u64, &error.to_string());
        }
        if let Some(written) = batch.written {
            let _ = written.try_send(());
        }
    }
}

fn write(file: &mut Connection, batch: &Batch) -> rusqlite::Result<()> {
    let change = file.transaction()?;
    {
        let mut insert =
            change.prepare("INSERT INTO requests (gateway, record) VALUES (?1, ?2)")?;
        for entry in &batch.entries {
            // A record has text keys only, so this cannot fail.
            let record = serde_json::to_string(&entry.record).unwrap_or_default();
            insert.execute(params![&*entry.gateway, record])?;
        }
    }
    let keep = i64::try_from(batch.keep).unwrap_or(i64::MAX);
    change.execute(
        "DELETE FROM requests WHERE id <= (SELECT max(id) FROM requests) - ?1",
        [keep],
    )?;
    change.commit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::testing::{guardrail, record};

    const SOON: Duration = Duration::from_secs(10);

    fn entry(id: &str) -> Arc<Entry> {
        let record = Record {
            guardrails: vec![guardrail("g/pii", "violation")],
            ..record(id)
        };
        Arc::new(Entry::new("gw".into(), record))
    }

    fn ids(entries: &[Entry]) -> Vec<&str> {
        entries
            .iter()
            .map(|entry| &*entry.record.request_id)
            .collect()
    }

    #[test]
    fn what_was_kept_is_there_again_and_what_was_not_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("console.sqlite");
        let (history, before) = History::open(&path).unwrap();
        assert!(before.is_empty());
        history.put(vec![entry("a"), entry("b")], 2);
        history.put(vec![entry("c"), entry("d")], 3);
        history.finish(3, SOON);
        let (_, after) = History::open(&path).unwrap();
        assert_eq!(ids(&after), ["b", "c", "d"]);
        let last = &after[2];
        assert_eq!((&*last.gateway, last.record.guardrails.len()), ("gw", 1));
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &std::fs::metadata(&path).unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_is_no_file_of_ours_is_said_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("text");
        std::fs::write(&text, "this is no database, and it is long enough to be told from an empty one: 16 bytes and more").unwrap();
        assert!(matches!(
            History::open(&text),
            Err(HistoryError::Unusable { .. })
        ));
        assert!(std::fs::read_to_string(&text).unwrap().starts_with("this"));
        let newer = folder.path().join("newer");
        let file = Connection::open(&newer).unwrap();
        file.execute_batch("PRAGMA user_version = 7").unwrap();
        drop(file);
        assert!(matches!(
            History::open(&newer),
            Err(HistoryError::Version { .. })
        ));
        let nowhere = folder.path().join("no/such/folder");
        assert!(History::open(&nowhere).is_err());
    }

    #[test]
    fn requests_that_cannot_be_read_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("console.sqlite");
        let (history, _) = History::open(&path).unwrap();
        history.put(vec![entry("a")], 10);
        history.finish(10, SOON);
        let file = Connection::open(&path).unwrap();
        file.execute_batch(
            "INSERT INTO requests (gateway, record) VALUES ('gw', '{}'), ('gw', 'x')",
        )
        .unwrap();
        let (_, after) = History::open(&path).unwrap();
        assert_eq!(ids(&after), ["a"]);
    }
}
