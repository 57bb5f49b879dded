//! What a request's header names.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::bundle::GuardrailEntry;
use crate::facts::Caller;
use crate::hook::{Hook, PerHook};
use crate::overrides::{OverrideError, Overrides};
use crate::subject::Subjects;

/// Guardrails by every text that names them in a header: the selector that the gateway shows, and
/// `namespace/group/name`.
#[derive(Debug)]
pub(super) struct Selectors {
    by_text: HashMap<Box<str>, u32, RandomState>,
    guardrails: Vec<Usable>,
}

/// Who may use a guardrail, and where.
#[derive(Debug)]
struct Usable {
    /// None: every authenticated caller.
    collaborators: Option<Subjects>,
    hooks: PerHook<bool>,
}

impl Selectors {
    pub(super) fn new(guardrails: &[GuardrailEntry]) -> Self {
        let mut by_text = HashMap::default();
        // What stands in for a guardrail that is not there is there for rules only.
        let named = (0u32..)
            .zip(guardrails)
            .filter(|(_, entry)| !entry.is_stand_in());
        for (index, entry) in named {
            let name = entry.selector.rsplit('/').next().unwrap_or_default();
            let full = format!("{}/{}/{name}", entry.source.namespace, entry.source.name);
            by_text.insert(full.into(), index);
            by_text.insert(Box::from(&*entry.selector), index);
        }
        let usable = |entry: &GuardrailEntry| {
            let mut hooks = PerHook::default();
            entry
                .hooks
                .iter()
                .for_each(|hook| *hooks.get_mut(*hook) = true);
            Usable {
                collaborators: entry
                    .collaborators
                    .as_ref()
                    .map(|listed| Subjects::new(listed)),
                hooks,
            }
        };
        Self {
            by_text,
            guardrails: guardrails.iter().map(usable).collect(),
        }
    }

    /// Every hook's list as indices; none where the header does not name the hook.
    ///
    /// # Errors
    /// The first selector that is not a guardrail, not for this caller, or not for its hook.
    pub(super) fn resolve(
        &self,
        overrides: &Overrides,
        caller: &Caller,
    ) -> Result<PerHook<Option<Vec<u32>>>, OverrideError> {
        let mut resolved = PerHook::default();
        for hook in Hook::ALL {
            if let Some(selectors) = overrides.selectors.get(hook) {
                let indices = selectors
                    .iter()
                    .map(|selector| self.resolve_one(selector, hook, caller));
                *resolved.get_mut(hook) = Some(indices.collect::<Result<_, _>>()?);
            }
        }
        Ok(resolved)
    }

    fn resolve_one(
        &self,
        selector: &str,
        hook: Hook,
        caller: &Caller,
    ) -> Result<u32, OverrideError> {
        let named = || (selector.to_owned(), hook);
        let index = self.by_text.get(selector).copied();
        let found = index.and_then(|index| Some((index, self.guardrails.get(index as usize)?)));
        let Some((index, usable)) = found else {
            let (selector, hook) = named();
            return Err(OverrideError::Unknown { selector, hook });
        };
        if usable
            .collaborators
            .as_ref()
            .is_some_and(|listed| !listed.hold(caller))
        {
            let (selector, hook) = named();
            return Err(OverrideError::Forbidden { selector, hook });
        }
        if !usable.hooks.get(hook) {
            let (selector, hook) = named();
            return Err(OverrideError::UnsupportedHook { selector, hook });
        }
        Ok(index)
    }
}
