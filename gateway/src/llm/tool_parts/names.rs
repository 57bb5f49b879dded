//! Which tool a result is of: results name the call that they answer by its id.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::quality::RandomState;

use super::arguments_of;
use crate::llm::json::Value;

/// What a tool is called.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Named {
    /// Its name; none where nothing says it.
    pub(crate) tool: Option<Arc<str>>,
    /// The server, where a provider calls the tool there itself, by the name that the request gave it.
    pub(crate) server: Option<Arc<str>>,
}

impl Named {
    /// From the member `name`, and `server_name` where a provider calls by itself.
    pub(super) fn of(call: Value<'_>) -> Self {
        let text = |member| call.get_str(member).filter(|text| !text.is_empty());
        Self {
            tool: text("name").map(Arc::from),
            server: text("server_name").map(Arc::from),
        }
    }
}

/// The calls so far, by id. Where an id comes again, the later call has it: so do the results behind it.
#[derive(Default)]
pub(crate) struct Names(HashMap<String, (Named, Arc<str>), RandomState>);

impl Names {
    /// Notes a call. One without id is answered by nobody.
    pub(super) fn note(
        &mut self,
        id: Option<Value<'_>>,
        named: &Named,
        arguments: Option<Value<'_>>,
    ) {
        if let Some(id) = id.and_then(Value::as_str).filter(|id| !id.is_empty()) {
            let arguments = arguments_of(arguments).into();
            self.0.insert(id.into_owned(), (named.clone(), arguments));
        }
    }

    /// The call of this id: how its tool is named, and its arguments.
    pub(super) fn get(&self, id: Option<Value<'_>>) -> Option<(Named, Arc<str>)> {
        self.0.get(id?.as_str()?.as_ref()).cloned()
    }
}
