//! One process while it runs: a task that owns it, tells it what clients say, and clients what it says.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::process::ChildStdout;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::lines::{Lines, TooLong};
use super::process::{Pipes, Process};
use super::routing::{Aside, Place, Routing, Waiting, on_one_line};
use super::{Command, pipes};
use crate::mcp::bridge::older::cancelled;
use crate::mcp::envelope::{Kind, Message};
use crate::mcp::error::RpcError;

/// Bytes of a line: as long as answers over HTTP may be unless settings say otherwise.
const LONGEST_LINE: usize = 64 * 1024 * 1024;
/// Lines one after the other that are no messages: some programs print other things as well.
const MOST_NONSENSE: u32 = 10_000;
/// What clients say and what may wait for its turn.
const ORDERS: usize = 64;
/// Lines that may wait to be written.
const INPUT: usize = 8;
/// Those that are left to what the gateway itself answers.
const SPARE: usize = 4;
/// What a client is given to read a message before its stream ends.
const TO_TAKE: Duration = Duration::from_secs(2);
/// For how long the output of a program is read that has ended: what it has started may hold it open.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// What is under way when its resource changes may take so long.
const TO_FINISH: Duration = Duration::from_secs(30);

/// What a process is to do.
pub(super) enum Order {
    /// To answer: the number of the request, the request with that number on one line, and where the answer goes.
    Request(u64, String, Waiting),
    /// To take a message that wants no answer.
    Message(Message),
    /// To give a request up: nobody waits any more.
    GiveUp(u64),
    /// To tell what it says by itself to this stream.
    Listen(mpsc::Sender<String>),
}

/// For how long a process is to run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wish {
    /// As long as somebody uses it.
    Run,
    /// Until it has answered what it works at.
    Finish,
    /// No longer.
    End,
}

/// A process that runs, for those who do not own it.
#[derive(Clone, Debug)]
pub(super) struct Running {
    pub(super) orders: mpsc::Sender<Order>,
    wish: watch::Sender<Wish>,
    vitals: Arc<Vitals>,
}

#[derive(Debug)]
struct Vitals {
    began: Instant,
    /// When it was used last, in milliseconds after the beginning.
    used: AtomicU64,
    in_use: AtomicBool,
    /// The number of the last request.
    requests: AtomicU64,
}

impl Running {
    /// For how long nobody has used it; none while somebody does.
    pub(super) fn idle_for(&self) -> Option<Duration> {
        let used = Duration::from_millis(self.vitals.used.load(Ordering::Relaxed));
        let is_used = self.vitals.in_use.load(Ordering::Relaxed);
        (!is_used).then(|| self.vitals.began.elapsed().saturating_sub(used))
    }

    /// A number that no request to this process had.
    pub(super) fn number(&self) -> u64 {
        self.vitals.requests.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Says for how long it is to run.
    pub(super) fn wish(&self, wish: Wish) {
        self.wish.send_replace(wish);
    }
}

/// How a process ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// It has answered something before.
    pub(super) has_answered: bool,
    /// Nobody had asked for it.
    pub(super) by_itself: bool,
}

/// Starts a process. What is returned beside it is to be run: it owns the process.
///
/// # Errors
/// When it cannot be started.
pub(super) fn start(
    command: &Command,
) -> std::io::Result<(Running, impl Future<Output = Ended> + Send + use<>)> {
    let (process, pipes) = Process::start(command)?;
    let Pipes {
        stdin,
        stdout,
        stderr,
    } = pipes;
    let shows = command.written.log_stderr;
    let errors = tokio::spawn(pipes::read_errors(command.server.clone(), stderr, shows));
    let (orders, ordered) = mpsc::channel(ORDERS);
    let (input, lines) = mpsc::channel(INPUT);
    let (wish, wished) = watch::channel(Wish::Run);
    let vitals = Arc::new(Vitals {
        began: Instant::now(),
        used: AtomicU64::new(0),
        in_use: AtomicBool::new(true),
        requests: AtomicU64::new(0),
    });
    let owner = Owner {
        server: command.server.clone(),
        idle: command.written.idle,
        input,
        writer: tokio::spawn(pipes::write(stdin, lines)),
        errors,
        routing: Routing::default(),
        vitals: Arc::clone(&vitals),
        used: Instant::now(),
        nonsense: 0,
    };
    let running = Running {
        orders,
        wish,
        vitals,
    };
    Ok((running, owner.run(process, ordered, wished, stdout)))
}

struct Owner {
    server: Arc<str>,
    idle: Duration,
    /// What is to be written.
    input: mpsc::Sender<String>,
    writer: JoinHandle<()>,
    errors: JoinHandle<()>,
    routing: Routing,
    vitals: Arc<Vitals>,
    used: Instant,
    nonsense: u32,
}

/// What happened next.
enum Event {
    Order(Option<Order>),
    Line(Result<Option<Vec<u8>>, TooLong>),
    Wish(Option<Wish>),
    Broken(&'static str),
    Time,
}

/// Why a process ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Why {
    /// It was asked to.
    Asked,
    /// It has ended, or is of no use any more.
    Broken(&'static str),
}

impl Owner {
    async fn run(
        mut self,
        mut process: Process,
        mut orders: mpsc::Receiver<Order>,
        mut wish: watch::Receiver<Wish>,
        stdout: ChildStdout,
    ) -> Ended {
        let mut lines = Lines::new(stdout, LONGEST_LINE);
        // What has broken, or is to finish, something else than idleness ends.
        let (mut until, mut broken, mut finishing) = (None, None, false);
        let why = loop {
            if finishing && !self.routing.has_requests() {
                break Why::Asked;
            }
            let time = until.unwrap_or_else(|| self.used + self.idle);
            // A program that does not read what it was sent gets no more, and is still listened to.
            let has_room = self.input.capacity() > SPARE;
            let input = self.input.clone();
            let event = tokio::select! {
                changed = wish.changed() => Event::Wish(changed.ok().map(|()| *wish.borrow())),
                order = orders.recv(), if has_room => Event::Order(order),
                () = room(&input), if !has_room => continue,
                () = input.closed(), if broken.is_none() => Event::Broken("it reads nothing any more"),
                _ = process.ended(), if broken.is_none() => Event::Broken("it has ended"),
                line = lines.next() => Event::Line(line),
                () = sleep_until(time) => Event::Time,
            };
            let is_order = matches!(event, Event::Order(_));
            match event {
                Event::Wish(None | Some(Wish::End)) | Event::Order(None) => break Why::Asked,
                Event::Wish(Some(Wish::Run)) => {}
                Event::Wish(Some(Wish::Finish)) => {
                    finishing = true;
                    until.get_or_insert_with(|| Instant::now() + TO_FINISH);
                }
                Event::Order(Some(order)) => self.take(order),
                Event::Line(Ok(Some(line))) => self.route(line).await,
                Event::Line(Ok(None)) => break Why::Broken("it has ended"),
                Event::Line(Err(TooLong)) => break Why::Broken("its line is too long"),
                Event::Broken(reason) => {
                    // It may have answered before, and that is still to be read.
                    broken = Some(reason);
                    until = Some(Instant::now() + LAST_WORDS);
                }
                Event::Time => match broken {
                    Some(reason) => break Why::Broken(reason),
                    None if until.is_none() && self.routing.is_used() => {}
                    None => break Why::Asked,
                },
            }
            if self.nonsense > MOST_NONSENSE {
                break Why::Broken("what it says is no MCP");
            }
            self.note(is_order);
            // A program that says a lot does not have the thread for itself.
            tokio::task::coop::consume_budget().await;
        };
        drop((orders, lines));
        self.end(process, why).await
    }

    /// Notes whether it is used, and that it was.
    fn note(&mut self, is_order: bool) {
        let in_use = self.routing.is_used();
        let was_in_use = self.vitals.in_use.swap(in_use, Ordering::Relaxed);
        if in_use || was_in_use || is_order {
            self.used = Instant::now();
            let used = self.used.saturating_duration_since(self.vitals.began);
            let used = u64::try_from(used.as_millis()).unwrap_or(u64::MAX);
            self.vitals.used.store(used, Ordering::Relaxed);
        }
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Request(number, line, waiting) => {
                if self.routing.wait(number, waiting) {
                    self.write(line);
                }
            }
            Order::Message(message) if message.method() == "notifications/cancelled" => {
                if let Some(line) = self.routing.cancel(&message) {
                    self.write(line);
                }
            }
            Order::Message(message) => self.write(on_one_line(message.into_text())),
            Order::GiveUp(number) => {
                if self.routing.give_up(number) {
                    self.write(cancelled(number));
                }
            }
            Order::Listen(stream) => self.routing.listen(stream),
        }
    }

    fn write(&self, line: String) {
        // There was room; a closed input is noticed where events are waited for.
        let _ = self.input.try_send(line);
    }

    async fn route(&mut self, line: Vec<u8>) {
        if line.trim_ascii().is_empty() {
            return;
        }
        let message = String::from_utf8(line).ok();
        let Some(message) = message.and_then(|line| Message::parse(line).ok()) else {
            // What it is, is nobody's business.
            tracing::debug!(server = &*self.server, "a program said what is no message");
            self.nonsense += 1;
            return;
        };
        self.nonsense = 0;
        match message.kind() {
            Kind::Response => self.routing.answer(&message),
            Kind::Request | Kind::Notification => self.tell(message).await,
        }
    }

    async fn tell(&mut self, message: Message) {
        let question = (message.kind() == Kind::Request).then(|| message.clone());
        match self.routing.aside(message) {
            Aside::Kept(dropped) => dropped.iter().for_each(|message| self.refuse(message)),
            Aside::Lost(message) => self.refuse(&message),
            Aside::To(place, to, text) => {
                // The process is one client's: it waits for that client, and not for ever.
                if !matches!(timeout(TO_TAKE, to.send(text)).await, Ok(Ok(()))) {
                    self.unheard(place, question.as_ref());
                }
            }
        }
    }

    fn unheard(&mut self, place: Place, question: Option<&Message>) {
        tracing::debug!(
            server = &*self.server,
            "a client does not read what its program says"
        );
        self.routing.close(place);
        if let Some(question) = question {
            self.refuse(question);
        }
    }

    /// Tells the program that nobody answers, when it has asked something.
    fn refuse(&self, message: &Message) {
        if message.kind() == Kind::Request {
            let error = RpcError::upstream("the client cannot be asked now");
            self.write(error.to_json(message.id()));
        }
    }

    async fn end(self, process: Process, why: Why) -> Ended {
        let Self {
            server,
            input,
            writer,
            errors,
            routing,
            ..
        } = self;
        let has_answered = routing.has_answered;
        // Those who wait learn it now, and not when the process is gone.
        drop((routing, input));
        let status = process.end().await;
        writer.abort();
        errors.abort();
        let by_itself = match why {
            Why::Asked => false,
            Why::Broken(reason) => {
                let status = status.map(|status| status.to_string());
                let server = &*server;
                tracing::warn!(
                    server,
                    reason,
                    status,
                    "a program that is an MCP server ended"
                );
                true
            }
        };
        Ended {
            has_answered,
            by_itself,
        }
    }
}

/// Waits until something more may be written, for ever when nothing ever will be.
async fn room(input: &mpsc::Sender<String>) {
    if input.reserve_many(SPARE + 1).await.is_err() {
        std::future::pending::<()>().await;
    }
}
