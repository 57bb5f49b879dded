//! What is built once for a caller and what it calls: Cedar's entities, and the policies that can apply.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, Hash, Hasher as _};
use std::sync::{Arc, PoisonError, RwLock};

use cedar_policy::{
    Entities, Entity, EntityId, EntityTypeName, EntityUid, Policy, RestrictedExpression,
};
use parapet_policy::facts::{Caller, Subject, tools_by_server};

use super::bounds::Bound;
use super::conditions::Condition;
use super::facts::{CallFacts, EVERYONE, Given, MODEL_ACTION, Resource, TOOL_ACTION};
use super::reads::Reads;
use super::selections::{Selected, Selections};
use crate::exchange::{Call, ToolHints};

/// So many pairs of caller and resource are remembered; then all are forgotten. An entry takes about 3 KiB.
const REMEMBERED: usize = 4_096;
/// A policy with what is known of it beforehand.
pub(super) struct Rule {
    pub(super) policy: Policy,
    pub(super) reads: Reads,
    /// What it comes to at most, whatever the arguments and the metadata are.
    pub(super) bound: Bound,
    /// The same again, as far as Cedar is not needed for it.
    pub(super) scope: Condition,
    pub(super) condition: Condition,
    pub(super) bound_condition: Condition,
}

/// A caller and a resource.
pub(super) struct Known {
    caller: Caller,
    names: Arc<[Arc<str>]>,
    tool: Option<Arc<str>>,
    source_tool: Option<Arc<str>>,
    hints: ToolHints,
    pub(super) principal: EntityUid,
    pub(super) action: EntityUid,
    pub(super) resource: EntityUid,
    pub(super) entities: Entities,
    /// The places of the rules whose scope admits the call, in order.
    pub(super) places: Vec<usize>,
    /// Those of them whose conditions arguments and metadata decide, or that apply.
    candidates: Vec<usize>,
    /// At least the candidates.
    selected: Arc<Selected>,
}

/// Remembers callers and resources.
#[derive(Default)]
pub(super) struct Memory {
    hasher: foldhash::quality::RandomState,
    known: RwLock<HashMap<u64, Arc<Known>>>,
    selections: Selections,
    /// The same of bounds.
    bounds: Selections,
    /// The same of candidates that arguments and metadata leave.
    narrowed: Selections,
}

impl Memory {
    /// What is known of a call's caller and resource, built if it is new.
    ///
    /// # Errors
    /// Cedar does not take the names; it takes every text, so this is not expected.
    pub(super) fn get(
        &self,
        call: &Call,
        resource: Resource<'_>,
        rules: &[Rule],
    ) -> Result<Arc<Known>, String> {
        let key = self.key(&call.caller, resource);
        if let Some(known) = self.remembered(key, call, resource) {
            return Ok(known);
        }
        let built = Arc::new(self.build(&call.caller, resource, rules)?);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(key, Arc::clone(&built));
        Ok(built)
    }

    /// The same for one of many tools in a list: what is not known yet is built and not kept, so that lists do not push out
    /// what is called.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(super) fn look(
        &self,
        call: &Call,
        resource: Resource<'_>,
        rules: &[Rule],
    ) -> Result<Arc<Known>, String> {
        let key = self.key(&call.caller, resource);
        match self.remembered(key, call, resource) {
            Some(known) => Ok(known),
            None => Ok(Arc::new(self.build(&call.caller, resource, rules)?)),
        }
    }

    /// The bounds of the policies that can apply.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(super) fn bounds(&self, known: &Known, rules: &[Rule]) -> Result<Arc<Selected>, String> {
        self.bounds
            .kept(&known.places, rules, |rule| &rule.bound.policy)
    }

    /// The policies that may apply to what a call brings. Left out is what Cedar would find false, without an error.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(super) fn narrowed(
        &self,
        known: &Known,
        given: Given<'_>,
        rules: &[Rule],
    ) -> Result<Arc<Selected>, String> {
        let facts = CallFacts {
            caller: &known.caller,
            resource: known.called(),
            given: Some(given),
        };
        let may_apply = |place: &usize| {
            // What reads nothing of the call is a candidate because it may apply.
            let rule = rules.get(*place).filter(|rule| !rule.reads.is_empty());
            rule.is_none_or(|rule| rule.condition.holds(&facts) != Some(false))
        };
        let places: Vec<usize> = known.candidates.iter().copied().filter(may_apply).collect();
        if places.len() == known.candidates.len() {
            return Ok(Arc::clone(&known.selected));
        }
        self.narrowed.used(places, rules)
    }

    fn remembered(&self, key: u64, call: &Call, resource: Resource<'_>) -> Option<Arc<Known>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let known = known.get(&key)?;
        let is_it = known.caller == call.caller
            && known.names == *resource.names
            && known.tool.as_ref() == resource.tool
            && known.source_tool.as_ref() == resource.source_tool
            && known.hints == resource.hints;
        is_it.then(|| Arc::clone(known))
    }

    fn key(&self, caller: &Caller, resource: Resource<'_>) -> u64 {
        let mut hash = self.hasher.build_hasher();
        caller.subject.hash(&mut hash);
        caller.teams.hash(&mut hash);
        caller.roles.hash(&mut hash);
        resource.names.hash(&mut hash);
        resource.tool.hash(&mut hash);
        resource.source_tool.hash(&mut hash);
        resource.hints.hash(&mut hash);
        hash.finish()
    }

    fn build(
        &self,
        caller: &Caller,
        resource: Resource<'_>,
        rules: &[Rule],
    ) -> Result<Known, String> {
        let mut entities = Vec::new();
        let principal = principal(caller, &mut entities)?;
        let (action, uid) = match resource.tool {
            Some(tool) => (TOOL_ACTION, tool_entities(resource, tool, &mut entities)?),
            None => (MODEL_ACTION, model_entities(resource.names, &mut entities)?),
        };
        let action = uid_of("Action", action)?;
        let entities =
            Entities::from_entities(entities, None).map_err(|error| error.to_string())?;
        let facts = CallFacts {
            caller,
            resource,
            given: None,
        };
        let mut places = Vec::new();
        let mut candidates = Vec::new();
        for (place, rule) in rules.iter().enumerate() {
            if rule.scope.holds(&facts) == Some(false) {
                continue;
            }
            places.push(place);
            if rule.condition.holds(&facts) != Some(false) {
                candidates.push(place);
            }
        }
        Ok(Known {
            caller: caller.clone(),
            names: resource.names.clone(),
            tool: resource.tool.cloned(),
            source_tool: resource.source_tool.cloned(),
            hints: resource.hints,
            principal,
            action,
            resource: uid,
            entities,
            selected: self
                .selections
                .kept(&candidates, rules, |rule| &rule.policy)?,
            places,
            candidates,
        })
    }
}

impl Known {
    fn called(&self) -> Resource<'_> {
        Resource {
            names: &self.names,
            tool: self.tool.as_ref(),
            source_tool: self.source_tool.as_ref(),
            hints: self.hints,
        }
    }
}

fn uid_of(kind: &str, id: &str) -> Result<EntityUid, String> {
    let kind: EntityTypeName = kind.parse().map_err(|_| format!("no entity type {kind}"))?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}

fn principal(caller: &Caller, entities: &mut Vec<Entity>) -> Result<EntityUid, String> {
    let (kind, everyone) = match &caller.subject {
        Subject::User(_) => ("User", Some(EVERYONE)),
        Subject::VirtualAccount(_) => ("VirtualAccount", None),
    };
    let mut parents = HashSet::new();
    for team in caller.teams.iter().map(|team| &**team).chain(everyone) {
        parents.insert(uid_of("Team", team)?);
    }
    for role in &caller.roles {
        parents.insert(uid_of("Role", role)?);
    }
    let texts = |names: &[Arc<str>]| {
        RestrictedExpression::new_set(
            names
                .iter()
                .map(|name| RestrictedExpression::new_string(name.to_string())),
        )
    };
    let attributes = [
        ("name", text(caller.subject.name())),
        ("teams", texts(&caller.teams)),
        ("roles", texts(&caller.roles)),
    ];
    add(
        uid_of(kind, caller.subject.name())?,
        attributes,
        parents,
        entities,
    )
}

fn tool_entities(
    resource: Resource<'_>,
    tool: &str,
    entities: &mut Vec<Entity>,
) -> Result<EntityUid, String> {
    let asked = resource.names.first().map_or("", |name| name);
    let uid = uid_of("Tool", &format!("{asked}:{tool}"))?;
    let mut parents = HashSet::new();
    let source_tool = resource.source_tool.map(|tool| &**tool);
    for (server, named) in tools_by_server(resource.names, Some(tool), source_tool) {
        parents.insert(uid_of("MCPServer", server)?);
        let named = named.unwrap_or(tool);
        parents.insert(uid_of("Tool", &format!("{server}:{named}"))?);
    }
    parents.remove(&uid);
    let attributes = [("name", text(tool)), ("server", text(asked))];
    add(uid, attributes, parents, entities)
}

fn model_entities(names: &[Arc<str>], entities: &mut Vec<Entity>) -> Result<EntityUid, String> {
    let asked = names.first().map_or("", |name| name);
    let uid = uid_of("Model", asked)?;
    let mut parents = HashSet::new();
    for name in names {
        parents.insert(uid_of("Model", name)?);
        if let Some((account, _)) = name.split_once('/') {
            parents.insert(uid_of("ModelProvider", account)?);
        }
    }
    parents.remove(&uid);
    add(uid, [("name", text(asked))], parents, entities)
}

fn text(text: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(text.to_owned())
}

fn add<const N: usize>(
    uid: EntityUid,
    attributes: [(&str, RestrictedExpression); N],
    parents: HashSet<EntityUid>,
    entities: &mut Vec<Entity>,
) -> Result<EntityUid, String> {
    let attributes = attributes
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    entities.extend(parents.iter().cloned().map(Entity::with_uid));
    let entity = Entity::new(uid.clone(), attributes.collect(), parents)
        .map_err(|error| error.to_string())?;
    entities.push(entity);
    Ok(uid)
}
