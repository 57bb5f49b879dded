//! The lists of one server, judged: which entries clients do not see.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use parapet_crds::mcp_server::PinningMode;

use super::pin::{Pins, State, Treatment};
use super::{Definition, List, Names};
use crate::llm::json::{JsonError, Value};

/// So many different lists of a server are remembered: pages, and what different callers see.
const REMEMBERED: usize = 8;
/// A list above this size, in bytes, is read anew every time.
const REMEMBERED_SIZE: usize = 4 << 20;

/// A list, and what becomes of its entries.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Judged {
    /// Its definitions.
    pub list: Arc<List>,
    /// The places of the entries that clients do not see, in order; also of those that no call can name.
    pub withheld: Vec<usize>,
}

impl Judged {
    fn new(list: Arc<List>, pins: &Pins) -> Self {
        let hides = pins.mode() == PinningMode::Enforce;
        let mut tools = list.tools.iter().peekable();
        let withheld = (0..list.entries).filter(|place| {
            let own = tools.next_if(|tool| tool.place == *place);
            hides && own.is_none_or(|tool| pins.treat(tool) == Treatment::Hidden)
        });
        let withheld = withheld.collect();
        Self { list, withheld }
    }
}

/// What the tools of one server are held to, and its lists that were seen last.
#[derive(Debug, Default)]
pub struct Held {
    pins: Arc<Pins>,
    recent: Mutex<VecDeque<Recent>>,
}

#[derive(Clone, Debug)]
struct Recent {
    text: Arc<str>,
    foreign: Arc<Names>,
    judged: Arc<Judged>,
}

impl Held {
    /// Nothing seen yet.
    pub fn new(pins: Arc<Pins>) -> Self {
        Self {
            pins,
            recent: Mutex::default(),
        }
    }

    /// What was approved.
    pub const fn pins(&self) -> &Arc<Pins> {
        &self.pins
    }

    /// Judges the JSON array of a list's tools. `foreign` has the names of tools of other servers.
    ///
    /// # Errors
    /// It is not JSON, or two readers could understand it differently.
    pub fn read(&self, tools: &str, foreign: &Arc<Names>) -> Result<Arc<Judged>, JsonError> {
        match self.recall(tools, foreign) {
            Some(known) => Ok(known),
            None => Ok(self.keep(tools, foreign, List::read(tools, foreign)?)),
        }
    }

    /// The same for JSON that has been read.
    pub fn judge(&self, tools: Value<'_>, foreign: &Arc<Names>) -> Arc<Judged> {
        self.recall(tools.raw(), foreign)
            .unwrap_or_else(|| self.keep(tools.raw(), foreign, List::of(tools, foreign)))
    }

    /// A list that is one of those that were seen last. Compared byte by byte: a server that may choose what it
    /// sends cannot pass one list off as another.
    fn recall(&self, tools: &str, foreign: &Arc<Names>) -> Option<Arc<Judged>> {
        let candidates: Vec<Recent> = {
            let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
            let alike = recent.iter().filter(|known| {
                known.text.len() == tools.len() && Arc::ptr_eq(&known.foreign, foreign)
            });
            alike.cloned().collect()
        };
        let known = candidates.into_iter().find(|known| *known.text == *tools);
        known.map(|known| known.judged)
    }

    fn keep(&self, text: &str, foreign: &Arc<Names>, list: List) -> Arc<Judged> {
        let judged = Arc::new(Judged::new(Arc::new(list), &self.pins));
        if text.len() <= REMEMBERED_SIZE {
            let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
            if recent.len() >= REMEMBERED {
                recent.pop_front();
            }
            recent.push_back(Recent {
                text: text.into(),
                foreign: Arc::clone(foreign),
                judged: Arc::clone(&judged),
            });
        }
        judged
    }
}

/// Whether a call of a tool may go on, as the whole list of a caller's tools says.
pub fn may_be_called(pins: &Pins, list: &List, tool: &str) -> bool {
    let of_that_name: Vec<&Definition> =
        list.tools.iter().filter(|one| *one.name == *tool).collect();
    match (pins.mode(), &*of_that_name) {
        (PinningMode::Off | PinningMode::Observe, _) => true,
        (PinningMode::Enforce, [one]) => pins.state(one) == State::Approved,
        // It is not there, or it is not known which of several is called.
        (PinningMode::Enforce, [] | [_, _, ..]) => false,
    }
}
