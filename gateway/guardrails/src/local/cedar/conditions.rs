//! What a policy's scope and conditions say of a call, as far as that can be said without asking Cedar.
//!
//! Cedar decides; this only saves it work. An answer of yes or no is Cedar's own: the expression is evaluated to just that,
//! and without an error. Whatever is not certain (arithmetic, dates, a member that is not there) has no answer, and Cedar is
//! asked about the policy.

use super::facts::CallFacts;
use super::values::Argument;

mod pattern;
mod written;

use pattern::Pattern;

/// A scope or a condition.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    /// A constant.
    Is(bool),
    Not(Box<Condition>),
    /// Evaluated in order, up to the first that is false.
    All(Vec<Condition>),
    /// Evaluated in order, up to the first that is true.
    Any(Vec<Condition>),
    /// If, then, else.
    If(Box<[Condition; 3]>),
    /// An entity of the request is this one.
    Entity(Of, Uid),
    /// An entity of the request is one of these, or in one of them.
    Within(Of, Vec<Uid>),
    /// An entity of the request is of this type.
    OfKind(Of, Kind),
    /// Two values are the same.
    Same(Term, Term),
    /// An integer compared with another.
    Order(Term, Order, Term),
    /// A text of this form.
    Like(Term, Pattern),
    /// A constant set contains a value.
    Among(Vec<Term>, Term),
    /// A set of texts contains a text.
    Contains(Texts, Term),
    /// A value that is true or false by itself.
    Flag(Term),
    /// A member is there.
    Has(Place),
    /// Cedar knows.
    Unsure,
}

/// An entity of the request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Of {
    Principal,
    Action,
    Resource,
}

/// The types of the schema.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    User,
    VirtualAccount,
    Team,
    Role,
    Server,
    Tool,
    Provider,
    Model,
    Action,
    /// None of the schema's.
    Other,
}

/// An entity that a policy names.
#[derive(Clone, Debug)]
pub(super) struct Uid {
    pub(super) kind: Kind,
    pub(super) id: Box<str>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Order {
    Less,
    LessOrSame,
    Greater,
    GreaterOrSame,
}

/// What stands for a value.
#[derive(Clone, Debug)]
pub(super) enum Term {
    Text(Box<str>),
    Long(i64),
    Bool(bool),
    /// `principal.name`
    PrincipalName,
    /// `resource.name`
    ResourceName,
    /// `resource.server`
    ResourceServer,
    /// A member of the context, or of a record in it.
    At(Place),
}

/// A set of texts.
#[derive(Clone, Debug)]
pub(super) enum Texts {
    /// `principal.teams`
    Teams,
    /// `principal.roles`
    Roles,
    /// An argument.
    Argument(Vec<Box<str>>),
}

/// A member of the context, or of a record in it.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Server,
    Tool,
    Model,
    Hint(Box<str>),
    Metadata(Box<str>),
    /// An argument, and from there on members of records. Never empty.
    Argument(Vec<Box<str>>),
}

/// A value.
#[derive(Clone, Copy, PartialEq)]
enum Value<'a> {
    Text(&'a str),
    Long(i64),
    Bool(bool),
}

impl Condition {
    /// Whether it is true; none where only Cedar knows.
    pub(super) fn holds(&self, facts: &CallFacts<'_>) -> Option<bool> {
        match self {
            Self::Is(value) => Some(*value),
            Self::Not(condition) => condition.holds(facts).map(|value| !value),
            Self::All(conditions) => until(conditions, false, facts),
            Self::Any(conditions) => until(conditions, true, facts),
            Self::If(parts) => {
                let [condition, then, otherwise] = &**parts;
                match condition.holds(facts)? {
                    true => then.holds(facts),
                    false => otherwise.holds(facts),
                }
            }
            Self::Entity(of, uid) => Some(facts.is(*of, uid)),
            Self::Within(of, groups) => {
                Some(groups.iter().any(|group| facts.is_within(*of, group)))
            }
            Self::OfKind(of, kind) => Some(facts.kind(*of) == *kind),
            Self::Same(left, right) => left.value(facts)?.same(right.value(facts)?),
            Self::Order(left, order, right) => {
                let (Value::Long(left), Value::Long(right)) =
                    (left.value(facts)?, right.value(facts)?)
                else {
                    return None;
                };
                Some(match order {
                    Order::Less => left < right,
                    Order::LessOrSame => left <= right,
                    Order::Greater => left > right,
                    Order::GreaterOrSame => left >= right,
                })
            }
            Self::Like(term, pattern) => Some(pattern.matches(term.text(facts)?)),
            Self::Among(items, term) => {
                let value = term.value(facts)?;
                let mut found = false;
                for item in items {
                    found |= item.value(facts)?.same(value)?;
                }
                Some(found)
            }
            Self::Contains(texts, term) => {
                let text = term.text(facts)?;
                Some(match texts {
                    Texts::Teams => facts.caller.teams.iter().any(|team| **team == *text),
                    Texts::Roles => facts.caller.roles.iter().any(|role| **role == *text),
                    Texts::Argument(path) => match facts.argument(path)? {
                        Some(Argument::Texts(texts)) => texts.iter().any(|one| one == text),
                        _ => return None,
                    },
                })
            }
            Self::Flag(term) => match term.value(facts)? {
                Value::Bool(value) => Some(value),
                Value::Text(_) | Value::Long(_) => None,
            },
            Self::Has(place) => place.is_there(facts),
            Self::Unsure => None,
        }
    }
}

/// Goes on up to the first condition with this value.
fn until(conditions: &[Condition], value: bool, facts: &CallFacts<'_>) -> Option<bool> {
    for condition in conditions {
        if condition.holds(facts)? == value {
            return Some(value);
        }
    }
    Some(!value)
}

impl Value<'_> {
    /// None for values of different types, which the validator lets no policy compare.
    fn same(self, other: Self) -> Option<bool> {
        let is_same_type = std::mem::discriminant(&self) == std::mem::discriminant(&other);
        is_same_type.then_some(self == other)
    }
}

impl Term {
    fn value<'a>(&'a self, facts: &'a CallFacts<'_>) -> Option<Value<'a>> {
        Some(match self {
            Self::Text(text) => Value::Text(text),
            Self::Long(number) => Value::Long(*number),
            Self::Bool(value) => Value::Bool(*value),
            Self::PrincipalName => Value::Text(facts.caller.subject.name()),
            Self::ResourceName => Value::Text(facts.resource_name()),
            Self::ResourceServer => Value::Text(facts.resource_server()?),
            Self::At(place) => return place.value(facts),
        })
    }

    fn text<'a>(&'a self, facts: &'a CallFacts<'_>) -> Option<&'a str> {
        match self.value(facts)? {
            Value::Text(text) => Some(text),
            Value::Long(_) | Value::Bool(_) => None,
        }
    }
}

impl Place {
    /// None as well when there is nothing, which Cedar calls an error.
    fn value<'a>(&'a self, facts: &'a CallFacts<'_>) -> Option<Value<'a>> {
        match self {
            Self::Server => facts.server().map(Value::Text),
            Self::Tool => facts.tool().map(Value::Text),
            Self::Model => facts.model().map(Value::Text),
            Self::Hint(name) => facts.hint(name)?.map(Value::Bool),
            Self::Metadata(name) => facts.metadata(name)?.map(Value::Text),
            Self::Argument(path) => match facts.argument(path)?? {
                Argument::Text(text) => Some(Value::Text(text)),
                Argument::Long(number) => Some(Value::Long(*number)),
                Argument::Bool(value) => Some(Value::Bool(*value)),
                Argument::Texts(_) | Argument::Record(_) | Argument::Other(_) => None,
            },
        }
    }

    fn is_there(&self, facts: &CallFacts<'_>) -> Option<bool> {
        match self {
            Self::Server | Self::Tool | Self::Model => None,
            Self::Hint(name) => Some(facts.hint(name)?.is_some()),
            Self::Metadata(name) => Some(facts.metadata(name)?.is_some()),
            Self::Argument(path) => Some(facts.argument(path)?.is_some()),
        }
    }
}
