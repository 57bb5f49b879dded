//! One client connection: its state, its time limits, and the loop that serves it.
//!
//! The limits need no timer per request: reads and writes leave marks in [`State`], and a sweep of the
//! thread's connections finds those that are late.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use hyper::body::Incoming;
use hyper::rt::bounds::Http2ServerConnExec;
use hyper::server::conn::{http1, http2};
use hyper::service::HttpService;

use super::limits::EdgeLimits;
use super::serve::LocalExecutor;
use super::transport::Io;
use crate::timer;

/// Why the sweep ends a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Late {
    /// A head was begun and not finished.
    Head,
    /// No request came: the connection is closed in an orderly way.
    Idle,
    /// It was idle and did not close when asked to.
    Deaf,
    /// The client does not read.
    Stalled,
}

/// What is known about a connection between two polls.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Requests whose answer is not done.
    in_use: Cell<u32>,
    /// Tick at which the last request was done with, or the connection was made.
    idle_since: Cell<u64>,
    /// Tick of the first byte read since then.
    head_since: Cell<Option<u64>>,
    /// Tick at which a write began to wait.
    stalled_since: Cell<Option<u64>>,
    /// HTTP/2: bytes without a request are no unfinished head.
    multiplexed: Cell<bool>,
    /// Set by the sweep.
    late: Cell<Option<Late>>,
    waker: RefCell<Option<Waker>>,
}

impl State {
    fn judge(&self, now: u64, limits: &TickLimits) -> Option<Late> {
        let past = |since: u64, limit: u64| now.saturating_sub(since) > limit;
        if self
            .stalled_since
            .get()
            .is_some_and(|since| past(since, limits.write_stall))
        {
            return Some(Late::Stalled);
        }
        if self.in_use.get() > 0 {
            return None;
        }
        if self
            .head_since
            .get()
            .is_some_and(|since| past(since, limits.head))
        {
            return Some(Late::Head);
        }
        if past(
            self.idle_since.get(),
            limits.keep_alive.saturating_add(limits.head),
        ) {
            return Some(Late::Deaf);
        }
        past(self.idle_since.get(), limits.keep_alive).then_some(Late::Idle)
    }

    /// Heads are read from now on.
    fn begin(&self, multiplexed: bool) {
        self.multiplexed.set(multiplexed);
        self.idle_since.set(timer::now_ticks());
        // A client that never says anything is a head that never comes.
        self.head_since.set((!multiplexed).then(timer::now_ticks));
        self.late.set(None);
    }

    /// Bytes came from the client.
    pub(super) fn has_read(&self) {
        if self.in_use.get() == 0 && self.head_since.get().is_none() {
            self.head_since
                .set((!self.multiplexed.get()).then(timer::now_ticks));
        }
    }

    /// Bytes went to the client, or it does not take them.
    pub(super) fn has_written(&self, stalled: bool) {
        if !stalled {
            self.stalled_since.set(None);
        } else if self.stalled_since.get().is_none() {
            self.stalled_since.set(Some(timer::now_ticks()));
        }
    }

    /// Keeps the connection's waker for the sweep.
    fn remember(&self, cx: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if waker
            .as_ref()
            .is_none_or(|known| !known.will_wake(cx.waker()))
        {
            *waker = Some(cx.waker().clone());
        }
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }
}

/// Marks a request on its connection until it is dropped.
pub(super) struct InUse(Rc<State>);

impl InUse {
    pub(super) fn new(state: &Rc<State>) -> Self {
        state.in_use.set(state.in_use.get() + 1);
        Self(Rc::clone(state))
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let state = &self.0;
        let left = state.in_use.get().saturating_sub(1);
        state.in_use.set(left);
        if left == 0 {
            state.idle_since.set(timer::now_ticks());
            state.head_since.set(None);
        }
    }
}

/// [`EdgeLimits`] in ticks.
struct TickLimits {
    head: u64,
    keep_alive: u64,
    write_stall: u64,
}

/// All connections of one thread.
pub(super) struct Connections {
    open: RefCell<HashMap<u64, Rc<State>, foldhash::fast::RandomState>>,
    next: Cell<u64>,
    limits: TickLimits,
    draining: Cell<bool>,
    /// Woken when the last connection of a draining thread is gone.
    empty: RefCell<Option<Waker>>,
}

impl Connections {
    pub(super) fn new(limits: &EdgeLimits) -> Rc<Self> {
        Rc::new(Self {
            open: RefCell::default(),
            next: Cell::new(0),
            limits: TickLimits {
                head: timer::ticks(limits.head_timeout),
                keep_alive: timer::ticks(limits.keep_alive),
                write_stall: timer::ticks(limits.write_stall),
            },
            draining: Cell::new(false),
            empty: RefCell::new(None),
        })
    }

    /// Notes a new connection; it counts as open until the value is dropped.
    pub(super) fn open(self: &Rc<Self>) -> Open {
        let state = Rc::new(State::default());
        state.idle_since.set(timer::now_ticks());
        let id = self.next.get();
        self.next.set(id + 1);
        self.open.borrow_mut().insert(id, Rc::clone(&state));
        Open {
            all: Rc::clone(self),
            id,
            state,
        }
    }

    pub(super) fn count(&self) -> usize {
        self.open.borrow().len()
    }

    /// Ends what is late.
    pub(super) fn sweep(&self) {
        let now = timer::now_ticks();
        for state in self.open.borrow().values() {
            if let Some(late) = state.judge(now, &self.limits) {
                state.late.set(Some(late));
                state.wake();
            }
        }
    }

    /// Idle connections close now, the others after their answer.
    pub(super) fn drain(&self) {
        self.draining.set(true);
        self.open.borrow().values().for_each(|state| state.wake());
    }

    /// Ready when no connection is open.
    pub(super) async fn all_gone(&self) {
        std::future::poll_fn(|cx| {
            if self.open.borrow().is_empty() {
                return Poll::Ready(());
            }
            *self.empty.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// One open connection.
pub(super) struct Open {
    all: Rc<Connections>,
    id: u64,
    pub(super) state: Rc<State>,
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut open = self.all.open.borrow_mut();
        open.remove(&self.id);
        if open.is_empty()
            && let Some(waker) = self.all.empty.borrow_mut().take()
        {
            waker.wake();
        }
    }
}

/// A hyper connection of either version.
pub(super) trait Connection {
    /// Finish what is in flight, take nothing new.
    fn shut_down(self: Pin<&mut Self>);
    /// Serves until the end.
    fn poll_serve(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<hyper::Result<()>>;
}

impl Open {
    /// Waits for `future`, unless the thread is draining. It has its own time limit.
    pub(super) async fn unless_draining<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut future = std::pin::pin!(future);
        std::future::poll_fn(|cx| {
            if self.all.draining.get() {
                return Poll::Ready(None);
            }
            self.state.remember(cx);
            future.as_mut().poll(cx).map(Some)
        })
        .await
    }

    /// Serves the connection until it ends, is late, or has drained.
    pub(super) async fn serve(
        &self,
        multiplexed: bool,
        mut connection: Pin<&mut impl Connection>,
    ) -> Option<Late> {
        self.state.begin(multiplexed);
        let mut told = false;
        std::future::poll_fn(|cx| {
            let leave = match self.state.late.get() {
                Some(late @ (Late::Head | Late::Deaf | Late::Stalled)) => {
                    return Poll::Ready(Some(late));
                }
                Some(Late::Idle) => true,
                None => self.all.draining.get(),
            };
            self.state.remember(cx);
            if leave && !told {
                told = true;
                connection.as_mut().shut_down();
            }
            connection.as_mut().poll_serve(cx).map(|result| {
                if let Err(error) = result {
                    tracing::trace!(%error, "client connection ended");
                }
                None
            })
        })
        .await
    }
}

impl<S, B> Connection for http1::Connection<Io, S>
where
    S: HttpService<Incoming, ResBody = B>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: http_body::Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn shut_down(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }

    fn poll_serve(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        Future::poll(self, cx)
    }
}

impl<S, B> Connection for http2::Connection<Io, S, LocalExecutor>
where
    S: HttpService<Incoming, ResBody = B>,
    S::Future: 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: http_body::Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    LocalExecutor: Http2ServerConnExec<S::Future, B>,
{
    fn shut_down(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }

    fn poll_serve(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        Future::poll(self, cx)
    }
}
