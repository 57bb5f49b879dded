//! Coarse timers for the deadlines of the request path, which are many and almost never expire.
//!
//! A traffic thread runs [`run`]; there, [`sleep`] and [`timeout`] cost a slot in a list. On any other
//! thread they fall back to tokio's own timers. They end up to two [`TICK`]s late and never early, so
//! they suit limits of a second and more; a guardrail's own timeout uses tokio.

use std::cell::RefCell;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::Instant;

/// How often expired timers are looked for.
pub const TICK: Duration = Duration::from_millis(50);

thread_local! {
    static WHEEL: RefCell<Wheel> = const { RefCell::new(Wheel::new()) };
}

struct Wheel {
    /// Whether [`run`] serves this thread.
    running: bool,
    /// Ticks since [`run`] began.
    now: u64,
    slots: Vec<Slot>,
    free: Vec<usize>,
}

#[derive(Default)]
struct Slot {
    deadline: u64,
    waker: Option<Waker>,
}

impl Wheel {
    const fn new() -> Self {
        Self {
            running: false,
            now: 0,
            slots: Vec::new(),
            free: Vec::new(),
        }
    }

    fn deadline(&self, after: Duration) -> u64 {
        let ticks = after.as_nanos().div_ceil(TICK.as_nanos());
        // One more, because the current tick has partly passed.
        self.now
            .saturating_add(u64::try_from(ticks).unwrap_or(u64::MAX))
            .saturating_add(1)
    }

    fn take_slot(&mut self, after: Duration) -> usize {
        let slot = Slot {
            deadline: self.deadline(after),
            waker: None,
        };
        match self.free.pop() {
            Some(index) => {
                if let Some(place) = self.slots.get_mut(index) {
                    *place = slot;
                }
                index
            }
            None => {
                self.slots.push(slot);
                self.slots.len() - 1
            }
        }
    }
}

/// Marks the thread as served, also when [`run`] is dropped.
struct Running;

impl Running {
    fn start() -> Self {
        WHEEL.with_borrow_mut(|wheel| wheel.running = true);
        Self
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The thread is ending or the runtime is being dropped: what still waits is woken once, so that no
        // task sleeps for ever.
        let wakers: Vec<Waker> = WHEEL.with_borrow_mut(|wheel| {
            wheel.running = false;
            wheel.now = u64::MAX;
            wheel
                .slots
                .iter_mut()
                .filter_map(|slot| slot.waker.take())
                .collect()
        });
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// Serves the coarse timers of this thread until dropped.
pub async fn run() {
    let _running = Running::start();
    let begun = Instant::now();
    WHEEL.with_borrow_mut(|wheel| wheel.now = 0);
    let mut due = Vec::new();
    loop {
        tokio::time::sleep(TICK).await;
        let elapsed = begun.elapsed().as_nanos() / TICK.as_nanos();
        WHEEL.with_borrow_mut(|wheel| {
            wheel.now = u64::try_from(elapsed).unwrap_or(u64::MAX);
            let now = wheel.now;
            due.extend(
                wheel
                    .slots
                    .iter_mut()
                    .filter(|s| s.deadline <= now)
                    .filter_map(|s| s.waker.take()),
            );
        });
        due.drain(..).for_each(Waker::wake);
    }
}

/// Ticks since this thread's [`run`] began; 0 on a thread that it does not serve.
pub fn now_ticks() -> u64 {
    WHEEL.with_borrow(|wheel| wheel.now)
}

/// A duration in ticks, rounded up.
pub fn ticks(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(TICK.as_nanos())).unwrap_or(u64::MAX)
}

/// Waits; see [`sleep`]. Stays on its thread.
pub struct Sleep {
    kind: Kind,
    _local: PhantomData<*const ()>,
}

enum Kind {
    Slot(usize),
    Tokio(Pin<Box<tokio::time::Sleep>>),
}

/// Is ready after `duration`, up to two ticks late.
pub fn sleep(duration: Duration) -> Sleep {
    let slot = WHEEL.with_borrow_mut(|wheel| wheel.running.then(|| wheel.take_slot(duration)));
    let kind = match slot {
        Some(slot) => Kind::Slot(slot),
        None => Kind::Tokio(Box::pin(tokio::time::sleep(duration))),
    };
    Sleep {
        kind,
        _local: PhantomData,
    }
}

impl Sleep {
    /// Starts over with a new duration.
    pub fn reset(&mut self, duration: Duration) {
        match &mut self.kind {
            Kind::Slot(index) => WHEEL.with_borrow_mut(|wheel| {
                let deadline = wheel.deadline(duration);
                if let Some(slot) = wheel.slots.get_mut(*index) {
                    slot.deadline = deadline;
                }
            }),
            Kind::Tokio(sleep) => sleep.as_mut().reset(Instant::now() + duration),
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.kind {
            Kind::Slot(index) => WHEEL.with_borrow_mut(|wheel| {
                let now = wheel.now;
                match wheel.slots.get_mut(*index) {
                    Some(slot) if slot.deadline > now => {
                        match &mut slot.waker {
                            Some(waker) => waker.clone_from(cx.waker()),
                            empty @ None => *empty = Some(cx.waker().clone()),
                        }
                        Poll::Pending
                    }
                    Some(_) | None => Poll::Ready(()),
                }
            }),
            Kind::Tokio(sleep) => sleep.as_mut().poll(cx),
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Kind::Slot(index) = self.kind {
            let waker = WHEEL.with_borrow_mut(|wheel| {
                wheel.free.push(index);
                let slot = wheel.slots.get_mut(index)?;
                slot.deadline = u64::MAX;
                slot.waker.take()
            });
            drop(waker);
        }
    }
}

/// A deadline that costs nothing until somebody has to wait.
#[derive(Default)]
pub struct Lazy(Option<Sleep>);

impl Lazy {
    /// Ready when `limit` has passed since the first call or the last [`Lazy::restart`].
    pub fn poll(&mut self, limit: Duration, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(self.0.get_or_insert_with(|| sleep(limit))).poll(cx)
    }

    /// Something happened: the next call to [`Lazy::poll`] starts a new wait.
    pub fn restart(&mut self, limit: Duration) {
        if let Some(sleep) = &mut self.0 {
            sleep.reset(limit);
        }
    }
}

/// The time was over first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Elapsed;

/// Gives `future` at most `limit`.
///
/// # Errors
/// [`Elapsed`] when it was not done in time; it is dropped then.
pub async fn timeout<F: Future>(limit: Duration, future: F) -> Result<F::Output, Elapsed> {
    let mut future = std::pin::pin!(future);
    let mut deadline = Lazy::default();
    std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Ok(output)),
        Poll::Pending => deadline.poll(limit, cx).map(|()| Err(Elapsed)),
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_traffic_thread(test: impl AsyncFnOnce()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build_local(Default::default())
            .unwrap();
        runtime.block_on(async {
            let ticker = tokio::task::spawn_local(run());
            tokio::task::yield_now().await;
            test().await;
            ticker.abort();
            let _ = ticker.await;
        });
    }

    #[test]
    fn sleeps_are_never_early_and_at_most_two_ticks_late() {
        on_traffic_thread(async || {
            for millis in [0, 1, 49, 50, 51, 1000, 30_000] {
                let (wanted, begun) = (Duration::from_millis(millis), Instant::now());
                sleep(wanted).await;
                let took = begun.elapsed();
                assert!(
                    took >= wanted && took <= wanted + 2 * TICK,
                    "{wanted:?} took {took:?}"
                );
            }
        });
    }

    #[test]
    fn timeout_cuts_what_is_late_and_frees_its_slot() {
        on_traffic_thread(async || {
            assert_eq!(
                timeout(Duration::from_secs(1), std::future::pending::<()>()).await,
                Err(Elapsed)
            );
            assert_eq!(timeout(Duration::from_secs(1), async { 7 }).await, Ok(7));
            let in_time = async { tokio::time::sleep(Duration::from_millis(500)).await };
            assert_eq!(timeout(Duration::from_secs(1), in_time).await, Ok(()));
            WHEEL.with_borrow(|wheel| assert_eq!(wheel.free.len(), wheel.slots.len()));
        });
    }

    #[test]
    fn a_reset_begins_again() {
        on_traffic_thread(async || {
            let begun = Instant::now();
            let mut wait = sleep(Duration::from_secs(1));
            tokio::time::sleep(Duration::from_millis(800)).await;
            wait.reset(Duration::from_secs(1));
            wait.await;
            assert!(begun.elapsed() >= Duration::from_millis(1800));
        });
    }

    #[tokio::test(start_paused = true)]
    async fn works_on_other_threads_too() {
        let begun = Instant::now();
        sleep(Duration::from_secs(3)).await;
        assert!(begun.elapsed() >= Duration::from_secs(3));
    }
}
