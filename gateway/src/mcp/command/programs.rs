//! Which processes run: one for each session, so many for each server, ended when nobody uses them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use parapet_policy::facts::Subject;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};

use super::owner::{self, Ended, Running, Wish};
use super::{Command, Print};
use crate::mcp::bridge::parked::random;
use crate::telemetry::metrics::{ProgramEnd, ProgramMetrics, ProgramRefusal};

/// Processes of one server.
const MOST: usize = 32;
/// Those of them that are one caller's, so that nobody keeps the others out.
const MOST_OF_ONE: usize = 16;
/// Processes in all.
const MOST_IN_ALL: usize = 256;
/// A process may be ended for another one when nobody has used it for so long.
const MAY_BE_ENDED: Duration = Duration::from_secs(5);
/// The first pause after a process that never answered; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The programs of a gateway. They end with it.
pub(crate) struct Programs {
    runtime: Handle,
    kept: Mutex<Kept>,
    /// Rings when one has ended.
    ended: Notify,
    metrics: ProgramMetrics,
}

#[derive(Default)]
struct Kept {
    /// By session.
    running: HashMap<String, Session, RandomState>,
    /// What the policy in force has.
    known: HashSet<Print, RandomState>,
    /// With what a process has begun badly.
    bad: HashMap<Print, Bad, RandomState>,
    /// The gateway is ending.
    closed: bool,
}

struct Session {
    /// What it was started with.
    print: Print,
    /// Whose it is.
    caller: Subject,
    running: Running,
    /// Why it was told to end.
    ends: Option<ProgramEnd>,
}

struct Bad {
    until: Instant,
    pause: Duration,
}

/// Why there is no process. It says nothing of the settings.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum NotStarted {
    /// Too many run, and all of them are used.
    #[error("as many programs run as may run")]
    TooMany,
    /// The last one ended before it had answered anything.
    #[error("its program did not begin, and is started again after a pause")]
    Pausing,
    /// The system says no.
    #[error("its program cannot be started ({0})")]
    Failed(std::io::ErrorKind),
    /// The resource has changed.
    #[error("its program is not what the resource says any more")]
    Changed,
    /// The gateway is ending.
    #[error("the gateway is shutting down")]
    Ending,
}

impl Programs {
    /// None yet; they will be owned by tasks on `runtime`.
    pub(crate) fn new(runtime: Handle, metrics: ProgramMetrics) -> Self {
        Self {
            runtime,
            kept: Mutex::default(),
            ended: Notify::new(),
            metrics,
        }
    }

    /// Holds to a policy: what it does not have finishes what it is at, and ends.
    pub(crate) fn follow(&self, commands: impl IntoIterator<Item = Print>) {
        let mut kept = self.lock();
        kept.known = commands.into_iter().collect();
        let Kept { running, known, .. } = &mut *kept;
        for session in running.values_mut() {
            if !known.contains(&session.print) && session.ends.is_none() {
                session.end(ProgramEnd::Changed, Wish::Finish);
            }
        }
    }

    /// Starts a process for a new session, which it names.
    pub(super) async fn start(
        self: &Arc<Self>,
        command: &Arc<Command>,
        caller: Subject,
    ) -> Result<(String, Running), NotStarted> {
        let (tell, told) = oneshot::channel();
        let (own, command) = (Arc::clone(self), Arc::clone(command));
        // Where its streams are to live.
        self.runtime.spawn(async move {
            let started = own.start_here(&command, caller);
            if let Err(refusal) = &started {
                own.metrics.refused(&command.server, refusal.kind());
            }
            if let Err(Ok((unwanted, _))) = tell.send(started) {
                own.end_one(&unwanted);
            }
        });
        told.await.unwrap_or(Err(NotStarted::Ending))
    }

    fn start_here(
        self: &Arc<Self>,
        command: &Command,
        caller: Subject,
    ) -> Result<(String, Running), NotStarted> {
        let mut kept = self.lock();
        kept.make_room(command.print, &caller)?;
        let session = random().ok_or(NotStarted::Failed(std::io::ErrorKind::Other))?;
        let (running, owner) = match owner::start(command) {
            Ok(started) => started,
            Err(error) => {
                let server = &*command.server;
                tracing::warn!(server, %error, "the program of an MCP server cannot be started");
                kept.begun_badly(command.print, Instant::now());
                return Err(NotStarted::Failed(error.kind()));
            }
        };
        let entry = Session {
            print: command.print,
            caller,
            running: running.clone(),
            ends: None,
        };
        kept.running.insert(session.clone(), entry);
        drop(kept);
        self.metrics.started(&command.server);
        let (own, name) = (Arc::clone(self), session.clone());
        let (server, print) = (Arc::clone(&command.server), command.print);
        tokio::spawn(async move {
            let ended = owner.await;
            own.note(&server, &name, print, &ended);
        });
        Ok((session, running))
    }

    /// The process of a session of this server.
    pub(super) fn of(&self, command: &Command, session: &str) -> Option<Running> {
        let kept = self.lock();
        let found = kept.running.get(session)?;
        // What a request began with the policy of its beginning it goes on with.
        let is_same = found.print == command.print && !found.running.orders.is_closed();
        is_same.then(|| found.running.clone())
    }

    /// Ends the process of a session.
    pub(super) fn end_one(&self, session: &str) {
        if let Some(session) = self.lock().running.get_mut(session) {
            session.end(ProgramEnd::Session, Wish::End);
        }
    }

    /// Ends all, and waits for that.
    pub(crate) async fn end(&self, limit: Duration) {
        {
            let mut kept = self.lock();
            kept.closed = true;
            let running = kept.running.values_mut();
            running.for_each(|one| one.end(ProgramEnd::Shutdown, Wish::End));
        }
        let all_ended = async {
            loop {
                let ended = self.ended.notified();
                if self.lock().running.is_empty() {
                    return;
                }
                ended.await;
            }
        };
        if tokio::time::timeout(limit, all_ended).await.is_err() {
            tracing::warn!("programs of MCP servers did not end in time");
        }
    }

    fn note(&self, server: &str, session: &str, print: Print, ended: &Ended) {
        let mut kept = self.lock();
        let wanted = kept
            .running
            .remove(session)
            .and_then(|session| session.ends);
        let why = match ended.by_itself {
            true => ProgramEnd::Broken,
            false => wanted.unwrap_or(ProgramEnd::Idle),
        };
        // Before anybody may see that it is gone.
        self.metrics.ended(server, why);
        if ended.has_answered {
            kept.bad.remove(&print);
        } else if ended.by_itself {
            kept.begun_badly(print, Instant::now());
        }
        drop(kept);
        self.ended.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Programs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Programs")
            .field("running", &self.lock().running.len())
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Tells the process to end; the first reason is the one that counts.
    fn end(&mut self, why: ProgramEnd, wish: Wish) {
        self.ends.get_or_insert(why);
        self.running.wish(wish);
    }
}

impl NotStarted {
    const fn kind(&self) -> ProgramRefusal {
        match self {
            Self::TooMany => ProgramRefusal::Limit,
            Self::Pausing => ProgramRefusal::Pause,
            Self::Failed(_) => ProgramRefusal::System,
            Self::Changed | Self::Ending => ProgramRefusal::Late,
        }
    }
}

impl Kept {
    /// Whether one more may be started for a caller; where too many run, the one that was longest unused ends for it: of
    /// the caller's own, when those are too many.
    fn make_room(&mut self, print: Print, caller: &Subject) -> Result<(), NotStarted> {
        if self.closed {
            return Err(NotStarted::Ending);
        }
        if !self.known.contains(&print) {
            return Err(NotStarted::Changed);
        }
        if self
            .bad
            .get(&print)
            .is_some_and(|bad| Instant::now() < bad.until)
        {
            return Err(NotStarted::Pausing);
        }
        // What ends is there for some seconds yet.
        if self.running.len() >= MOST_IN_ALL {
            return Err(NotStarted::TooMany);
        }
        let own = self.running.values_mut();
        let own = own.filter(|one| one.print == print && one.ends.is_none());
        let mut own: Vec<&mut Session> = own.collect();
        let is_callers = |one: &&mut Session| one.caller == *caller;
        if own.iter().filter(|one| is_callers(one)).count() >= MOST_OF_ONE {
            own.retain(is_callers);
        } else if own.len() < MOST {
            return Ok(());
        }
        let idle = own.into_iter().filter_map(|one| {
            let idle = one.running.idle_for()?;
            (idle >= MAY_BE_ENDED).then_some((idle, one))
        });
        let oldest = idle.max_by_key(|(idle, _)| *idle);
        let (_, oldest) = oldest.ok_or(NotStarted::TooMany)?;
        oldest.end(ProgramEnd::Displaced, Wish::End);
        Ok(())
    }

    fn begun_badly(&mut self, print: Print, now: Instant) {
        // Settings that are gone come never again.
        self.bad.retain(|_, bad| now < bad.until + LONGEST_PAUSE);
        let before = self.bad.get(&print).map(|bad| bad.pause);
        let pause = before.map_or(FIRST_PAUSE, |pause| (pause * 2).min(LONGEST_PAUSE));
        let until = now + pause;
        self.bad.insert(print, Bad { until, pause });
    }
}

#[cfg(test)]
mod tests;
