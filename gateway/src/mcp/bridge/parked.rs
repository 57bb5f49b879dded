//! What waits for a client of a session: calls whose server has asked something, and calls that may be cancelled. What a
//! session has said that no request repeats: the level of the log, and the resources that it wants to hear about.
//!
//! All of it is of this process. A client's answer finds the call that waits for it where that call is under way.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::rand;
use foldhash::fast::RandomState;
use tokio::sync::{Notify, oneshot, watch};

use super::notices::MOST_RESOURCES;
use crate::mcp::envelope::Message;

/// Questions and calls that are kept at the same time.
const MOST: usize = 100_000;
/// Sessions of which is known what they have said.
const MOST_SESSIONS: usize = 10_000;

/// What waits for clients.
#[derive(Debug, Default)]
pub(crate) struct Parked {
    questions: Mutex<HashMap<String, Question, RandomState>>,
    calls: Mutex<HashMap<(String, String), Arc<Notify>, RandomState>>,
    said: Mutex<HashMap<String, watch::Sender<Said>, RandomState>>,
}

#[derive(Debug)]
struct Question {
    session: String,
    tell: oneshot::Sender<Message>,
}

/// What a session has said.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Said {
    /// The level of the log.
    pub(crate) level: Option<String>,
    /// Resources by their addresses.
    pub(crate) resources: BTreeSet<String>,
}

/// A question to a client. It is forgotten when this is dropped.
#[derive(Debug)]
pub(crate) struct Asked {
    parked: Arc<Parked>,
    /// The id of the request that asks: nobody guesses it.
    pub(crate) id: String,
    told: oneshot::Receiver<Message>,
}

impl Asked {
    /// The client's answer.
    pub(crate) async fn answer(&mut self) -> Option<Message> {
        (&mut self.told).await.ok()
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        lock(&self.parked.questions).remove(&self.id);
    }
}

/// A call that its client may cancel. It is forgotten when this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    parked: Arc<Parked>,
    key: (String, String),
    cancelled: Arc<Notify>,
}

impl Running {
    /// Waits until the client cancels it.
    pub(crate) async fn cancelled(&self) {
        self.cancelled.notified().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut calls = lock(&self.parked.calls);
        if calls
            .get(&self.key)
            .is_some_and(|call| Arc::ptr_eq(call, &self.cancelled))
        {
            calls.remove(&self.key);
        }
    }
}

impl Parked {
    /// Asks the client of a session. None: too much waits already, or there are no random numbers.
    pub(crate) fn ask(self: &Arc<Self>, session: &str) -> Option<Asked> {
        let id = format!("parapet-{}", random()?);
        let (tell, told) = oneshot::channel();
        let mut questions = lock(&self.questions);
        if questions.len() >= MOST {
            return None;
        }
        let session = session.to_owned();
        questions.insert(id.clone(), Question { session, tell });
        drop(questions);
        Some(Asked {
            parked: self.clone(),
            id,
            told,
        })
    }

    /// Gives the answer of a session's client to whoever waits for it. Returns whether somebody does.
    pub(crate) fn answer(&self, session: &str, message: Message) -> bool {
        let id = message
            .root()
            .get_str("id")
            .unwrap_or_default()
            .into_owned();
        let mut questions = lock(&self.questions);
        if questions
            .get(&id)
            .is_none_or(|question| question.session != session)
        {
            return false;
        }
        let question = questions.remove(&id);
        drop(questions);
        question.is_some_and(|question| question.tell.send(message).is_ok())
    }

    /// A request of a session begins.
    pub(crate) fn run(self: &Arc<Self>, session: &str, id: &str) -> Running {
        let key = (session.to_owned(), id.to_owned());
        let cancelled = Arc::new(Notify::new());
        let mut calls = lock(&self.calls);
        // One that is not kept cannot be cancelled, and that is all.
        if calls.len() < MOST {
            calls.insert(key.clone(), cancelled.clone());
        }
        drop(calls);
        Running {
            parked: self.clone(),
            key,
            cancelled,
        }
    }

    /// Cancels a request of a session. Returns whether it was under way.
    pub(crate) fn cancel(&self, session: &str, id: &str) -> bool {
        let calls = lock(&self.calls);
        let call = calls.get(&(session.to_owned(), id.to_owned())).cloned();
        drop(calls);
        call.inspect(|call| call.notify_one()).is_some()
    }

    /// What a session has said.
    pub(crate) fn said(&self, session: &str) -> Said {
        let said = lock(&self.said);
        said.get(session)
            .map(|said| said.borrow().clone())
            .unwrap_or_default()
    }

    /// The same, and what it says from now on.
    pub(crate) fn listen(&self, session: &str) -> watch::Receiver<Said> {
        self.entry(session).subscribe()
    }

    /// A session wants this level.
    pub(crate) fn set_level(&self, session: &str, level: &str) {
        self.entry(session)
            .send_modify(|said| said.level = Some(level.to_owned()));
    }

    /// A session wants to hear about a resource, or not any more. False: it hears about too many.
    pub(crate) fn subscribe(&self, session: &str, resource: &str, wants: bool) -> bool {
        let mut has_room = true;
        self.entry(session).send_if_modified(|said| {
            if !wants {
                return said.resources.remove(resource);
            }
            has_room = said.resources.len() < MOST_RESOURCES || said.resources.contains(resource);
            has_room && said.resources.insert(resource.to_owned())
        });
        has_room
    }

    /// A session has ended.
    pub(crate) fn forget(&self, session: &str) {
        lock(&self.said).remove(session);
    }

    fn entry(&self, session: &str) -> watch::Sender<Said> {
        let mut said = lock(&self.said);
        if let Some(known) = said.get(session) {
            return known.clone();
        }
        if said.len() >= MOST_SESSIONS {
            // Those go first to whom no stream listens. What they said is lost, as on another gateway.
            said.retain(|_, known| known.receiver_count() > 0);
        }
        let new = watch::Sender::new(Said::default());
        if said.len() < MOST_SESSIONS {
            said.insert(session.to_owned(), new.clone());
        }
        new
    }
}

/// 128 random bits in hexadecimal.
pub(crate) fn random() -> Option<String> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).ok()?;
    Some(format!("{:032x}", u128::from_be_bytes(bytes)))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(id: &str) -> Message {
        Message::parse(format!(r#"{{"jsonrpc":"2.0","id":"{id}","result":{{}}}}"#)).unwrap()
    }

    #[tokio::test]
    async fn an_answer_finds_the_call_of_its_session_once() {
        let parked = Arc::new(Parked::default());
        let mut asked = parked.ask("one").unwrap();
        let id = asked.id.clone();
        assert!(!parked.answer("other", answer(&id)));
        assert!(!parked.answer("one", answer("parapet-guessed")));
        assert!(parked.answer("one", answer(&id)));
        assert!(!parked.answer("one", answer(&id)));
        assert_eq!(asked.answer().await.unwrap().text(), answer(&id).text());
        drop(asked);
        let dropped = parked.ask("one").unwrap().id.clone();
        assert!(!parked.answer("one", answer(&dropped)));
    }

    #[tokio::test]
    async fn a_call_is_cancelled_by_its_session() {
        let parked = Arc::new(Parked::default());
        let running = parked.run("one", "7");
        assert!(!parked.cancel("other", "7") && !parked.cancel("one", "\"7\""));
        assert!(parked.cancel("one", "7"));
        running.cancelled().await;
        drop(running);
        assert!(!parked.cancel("one", "7"));
    }

    #[test]
    fn what_a_session_says_is_told_to_its_stream() {
        let parked = Parked::default();
        let mut stream = parked.listen("one");
        assert!(parked.subscribe("one", "note://a", true));
        assert!(stream.has_changed().unwrap());
        assert!(stream.borrow_and_update().resources.contains("note://a"));
        assert!(parked.subscribe("one", "note://a", true));
        assert!(!stream.has_changed().unwrap());
        parked.set_level("one", "debug");
        assert_eq!(parked.said("one").level.as_deref(), Some("debug"));
        assert_eq!(parked.said("other"), Said::default());
        for number in 1..MOST_RESOURCES {
            assert!(parked.subscribe("one", &format!("note://{number}"), true));
        }
        assert!(!parked.subscribe("one", "note://z", true));
        assert!(parked.subscribe("one", "note://a", false));
        assert!(parked.subscribe("one", "note://z", true));
        parked.forget("one");
        assert_eq!(parked.said("one"), Said::default());
    }

    #[test]
    fn sessions_that_nobody_listens_to_make_room() {
        let parked = Parked::default();
        let _stream = parked.listen("listening");
        for number in 0..MOST_SESSIONS + 5 {
            parked.set_level(&number.to_string(), "debug");
        }
        parked.set_level("listening", "error");
        assert_eq!(parked.said("listening").level.as_deref(), Some("error"));
        assert!(lock(&parked.said).len() <= MOST_SESSIONS);
    }
}
