//! What the schema of a tool says about a number in a call's arguments.

use std::borrow::Cow;
use std::cell::Cell;

use super::json::{Kind, Value};

/// How many members may be looked at for one payload. A schema is the caller's: references that go in
/// circles, or huge schemas for huge arguments, must not cost more than the payload itself. Past it
/// nothing is known.
const BUDGET: u32 = 50_000;

/// How much of the budget of one payload is left.
#[derive(Debug)]
pub(crate) struct Budget(Cell<u32>);

impl Default for Budget {
    fn default() -> Self {
        Self(Cell::new(BUDGET))
    }
}

/// A place in a tool's parameter schema. None: nothing is known about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schema<'a> {
    root: Option<Value<'a>>,
    here: Option<Value<'a>>,
}

impl<'a> Schema<'a> {
    pub(crate) const UNKNOWN: Self = Self {
        root: None,
        here: None,
    };

    pub(crate) const fn new(root: Option<Value<'a>>) -> Self {
        Self { root, here: root }
    }

    /// The schema of a member.
    pub(crate) fn member(self, key: &str, budget: &Budget) -> Self {
        let named = |schema| get(get(schema, "properties", budget)?, key, budget);
        let others = |schema| get(schema, "additionalProperties", budget);
        self.step(&named, budget)
            .or_else(|| self.step(&others, budget))
            .unwrap_or(Self::UNKNOWN)
    }

    /// The schema of an array's element.
    pub(crate) fn item(self, budget: &Budget) -> Self {
        self.step(&|schema| get(schema, "items", budget), budget)
            .unwrap_or(Self::UNKNOWN)
    }

    /// Whether a string would be refused where a number stands.
    pub(crate) fn forbids_string(self, budget: &Budget) -> bool {
        self.here
            .is_some_and(|here| self.numbers_only(here, MAX_STEPS, budget))
    }

    fn step(self, step: &dyn Fn(Value<'a>) -> Option<Value<'a>>, budget: &Budget) -> Option<Self> {
        let here = self.find(self.here?, step, MAX_STEPS, budget);
        here.map(|here| Self {
            root: self.root,
            here: Some(here),
        })
    }

    /// Applies `step` to a schema, to what it refers to and to its branches; the first answer counts.
    fn find(
        self,
        schema: Value<'a>,
        step: &dyn Fn(Value<'a>) -> Option<Value<'a>>,
        steps: u8,
        budget: &Budget,
    ) -> Option<Value<'a>> {
        let steps = steps.checked_sub(1)?;
        step(schema).or_else(|| {
            let referred = self.referred(schema, budget);
            let branches = BRANCHES
                .into_iter()
                .filter_map(|key| get(schema, key, budget));
            referred
                .into_iter()
                .chain(branches.flat_map(Value::items))
                .find_map(|branch| self.find(branch, step, steps, budget))
        })
    }

    fn numbers_only(self, schema: Value<'a>, steps: u8, budget: &Budget) -> bool {
        let Some(steps) = steps.checked_sub(1) else {
            return false;
        };
        if let Some(types) = get(schema, "type", budget) {
            let number = |name: Cow<'_, str>| name == "number" || name == "integer";
            return match types.kind() {
                Kind::String => types.as_str().is_some_and(number),
                Kind::Array => {
                    !types.items().any(|one| one.is("string"))
                        && types.items().filter_map(Value::as_str).any(number)
                }
                Kind::Null | Kind::Bool | Kind::Number | Kind::Object => false,
            };
        }
        if let Some(target) = self.referred(schema, budget) {
            return self.numbers_only(target, steps, budget);
        }
        let all = get(schema, "allOf", budget);
        if all.is_some_and(|all| all.items().any(|one| self.numbers_only(one, steps, budget))) {
            return true;
        }
        ["anyOf", "oneOf"]
            .into_iter()
            .filter_map(|key| get(schema, key, budget))
            .any(|any| {
                let mut numbers = false;
                for branch in any.items() {
                    let number = self.numbers_only(branch, steps, budget);
                    numbers |= number;
                    if !number && !get(branch, "type", budget).is_some_and(|kind| kind.is("null")) {
                        return false;
                    }
                }
                numbers
            })
    }

    /// What a local `$ref` (`#/$defs/name`) points to.
    fn referred(self, schema: Value<'a>, budget: &Budget) -> Option<Value<'a>> {
        let reference = get(schema, "$ref", budget)?.as_str()?;
        let mut at = self.root?;
        for step in reference.strip_prefix("#/")?.split('/') {
            at = get(at, &step.replace("~1", "/").replace("~0", "~"), budget)?;
        }
        Some(at)
    }
}

/// How many references and branches are followed one after the other. Real schemas need two or three.
const MAX_STEPS: u8 = 16;

const BRANCHES: [&str; 3] = ["allOf", "anyOf", "oneOf"];

fn get<'a>(value: Value<'a>, key: &str, budget: &Budget) -> Option<Value<'a>> {
    for (own, value) in value.members() {
        budget.0.set(budget.0.get().checked_sub(1)?);
        if own == key {
            return Some(value);
        }
    }
    None
}
