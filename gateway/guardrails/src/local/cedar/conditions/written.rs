//! From a policy's JSON form to a condition. What is not read here is left to Cedar.

use serde_json::Value;

use super::{Condition, Kind, Of, Order, Pattern, Place, Term, Texts, Uid};

impl Condition {
    /// A policy's scope.
    pub(in super::super) fn of_scope(policy: &Value) -> Self {
        let parts = [
            ("principal", Of::Principal),
            ("action", Of::Action),
            ("resource", Of::Resource),
        ];
        let parts = parts.map(|(name, of)| {
            let scope = policy.get(name);
            scope.and_then(|scope| self::scope(scope, of))
        });
        let parts = parts.map(|part| part.unwrap_or(Self::Unsure));
        Self::All(parts.into())
    }

    /// A policy's conditions.
    pub(in super::super) fn of_policy(policy: &Value) -> Self {
        let conditions = policy.get("conditions").and_then(Value::as_array);
        let conditions = conditions.into_iter().flatten().map(|condition| {
            let Some(body) = condition.get("body").map(Self::of) else {
                return Self::Unsure;
            };
            match condition.get("kind").and_then(Value::as_str) {
                Some("when") => body,
                Some("unless") => Self::Not(Box::new(body)),
                _ => Self::Unsure,
            }
        });
        Self::All(conditions.collect())
    }

    fn of(expression: &Value) -> Self {
        read(expression).unwrap_or(Self::Unsure)
    }
}

/// None for what is not read.
fn scope(scope: &Value, of: Of) -> Option<Condition> {
    let within = |scope: &Value| {
        let groups = match (scope.get("entity"), scope.get("entities")) {
            (Some(entity), _) => vec![uid(entity)?],
            (None, Some(entities)) => entities
                .as_array()?
                .iter()
                .map(uid)
                .collect::<Option<_>>()?,
            (None, None) => return None,
        };
        Some(Condition::Within(of, groups))
    };
    match scope.get("op")?.as_str()? {
        "All" => Some(Condition::Is(true)),
        "==" => Some(Condition::Entity(of, uid(scope.get("entity")?)?)),
        "in" => within(scope),
        "is" => {
            let kind = Condition::OfKind(of, kind(scope.get("entity_type")?.as_str()?));
            match scope.get("in") {
                Some(group) => Some(Condition::All(vec![kind, within(group)?])),
                None => Some(kind),
            }
        }
        _ => None,
    }
}

fn read(expression: &Value) -> Option<Condition> {
    let (operator, operands) = expression.as_object()?.iter().next()?;
    let left = || operands.get("left");
    let right = || operands.get("right");
    match operator.as_str() {
        "&&" => Some(Condition::All(vec![
            Condition::of(left()?),
            Condition::of(right()?),
        ])),
        "||" => Some(Condition::Any(vec![
            Condition::of(left()?),
            Condition::of(right()?),
        ])),
        "!" => {
            let negated = Condition::of(operands.get("arg")?);
            Some(Condition::Not(Box::new(negated)))
        }
        "if-then-else" => {
            let part = |name| operands.get(name).map(Condition::of);
            let parts = [part("if")?, part("then")?, part("else")?];
            Some(Condition::If(Box::new(parts)))
        }
        "==" => same(left()?, right()?),
        "!=" => Some(Condition::Not(Box::new(same(left()?, right()?)?))),
        "<" => order(left()?, Order::Less, right()?),
        "<=" => order(left()?, Order::LessOrSame, right()?),
        ">" => order(left()?, Order::Greater, right()?),
        ">=" => order(left()?, Order::GreaterOrSame, right()?),
        "in" => Some(Condition::Within(variable(left()?)?, groups(right()?)?)),
        "is" => {
            let of = variable(left()?)?;
            let is = Condition::OfKind(of, kind(operands.get("entity_type")?.as_str()?));
            match operands.get("in") {
                Some(group) => {
                    let within = Condition::Within(of, groups(group)?);
                    Some(Condition::All(vec![is, within]))
                }
                None => Some(is),
            }
        }
        "like" => Some(Condition::Like(
            term(left()?)?,
            pattern(operands.get("pattern")?)?,
        )),
        "contains" => contains(left()?, right()?),
        "has" => has(left()?, operands.get("attr")?),
        _ => match term(expression)? {
            Term::Bool(value) => Some(Condition::Is(value)),
            term => Some(Condition::Flag(term)),
        },
    }
}

fn same(left: &Value, right: &Value) -> Option<Condition> {
    match (variable(left), variable(right)) {
        (Some(of), None) => Some(Condition::Entity(of, constant_uid(right)?)),
        (None, Some(of)) => Some(Condition::Entity(of, constant_uid(left)?)),
        (None, None) => Some(Condition::Same(term(left)?, term(right)?)),
        (Some(_), Some(_)) => None,
    }
}

fn order(left: &Value, order: Order, right: &Value) -> Option<Condition> {
    Some(Condition::Order(term(left)?, order, term(right)?))
}

fn contains(set: &Value, item: &Value) -> Option<Condition> {
    if let Some(items) = set.get("Set").and_then(Value::as_array) {
        if let Some(of) = variable(item) {
            let uids = items.iter().map(constant_uid);
            let same = uids.map(|uid| Some(Condition::Entity(of, uid?)));
            return Some(Condition::Any(same.collect::<Option<_>>()?));
        }
        let items: Option<Vec<Term>> = items.iter().map(term).collect();
        return Some(Condition::Among(items?, term(item)?));
    }
    let texts = match attribute(set)? {
        (Root::Principal, path) if path == ["teams"] => Texts::Teams,
        (Root::Principal, path) if path == ["roles"] => Texts::Roles,
        (Root::Context, path) => match place(&path)? {
            Place::Argument(path) => Texts::Argument(path),
            _ => return None,
        },
        _ => return None,
    };
    Some(Condition::Contains(texts, term(item)?))
}

/// `a has b.c` asks for `b` first, and for `c` of it only where it is there.
fn has(record: &Value, names: &Value) -> Option<Condition> {
    let (Root::Context, mut path) = attribute(record)? else {
        return None;
    };
    let names: Vec<&str> = match names {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().map(Value::as_str).collect::<Option<_>>()?,
        _ => return None,
    };
    let mut steps = Vec::with_capacity(names.len());
    for name in names {
        path.push(name);
        let condition = match place(&path) {
            Some(place) => Condition::Has(place),
            None => Condition::Unsure,
        };
        steps.push(condition);
    }
    Some(Condition::All(steps))
}

fn term(expression: &Value) -> Option<Term> {
    if let Some(value) = expression.get("Value") {
        return match value {
            Value::String(text) => Some(Term::Text(text.as_str().into())),
            Value::Bool(value) => Some(Term::Bool(*value)),
            Value::Number(number) => number.as_i64().map(Term::Long),
            _ => None,
        };
    }
    match attribute(expression)? {
        (Root::Context, path) => place(&path).map(Term::At),
        (Root::Principal, path) if path == ["name"] => Some(Term::PrincipalName),
        (Root::Resource, path) if path == ["name"] => Some(Term::ResourceName),
        (Root::Resource, path) if path == ["server"] => Some(Term::ResourceServer),
        _ => None,
    }
}

fn place(path: &[&str]) -> Option<Place> {
    match path {
        ["server"] => Some(Place::Server),
        ["tool"] => Some(Place::Tool),
        ["model"] => Some(Place::Model),
        ["hints", name] => Some(Place::Hint((*name).into())),
        ["metadata", name] => Some(Place::Metadata((*name).into())),
        ["arguments", path @ ..] if !path.is_empty() => Some(Place::Argument(
            path.iter().map(|name| (*name).into()).collect(),
        )),
        _ => None,
    }
}

#[derive(Clone, Copy)]
enum Root {
    Principal,
    Resource,
    Context,
}

/// A variable, and the attributes from there on.
fn attribute(expression: &Value) -> Option<(Root, Vec<&str>)> {
    if let Some(variable) = expression.get("Var") {
        let root = match variable.as_str()? {
            "principal" => Root::Principal,
            "resource" => Root::Resource,
            "context" => Root::Context,
            _ => return None,
        };
        return Some((root, Vec::new()));
    }
    let operands = expression.get(".")?;
    let (root, mut path) = attribute(operands.get("left")?)?;
    path.push(operands.get("attr")?.as_str()?);
    Some((root, path))
}

fn variable(expression: &Value) -> Option<Of> {
    match expression.get("Var")?.as_str()? {
        "principal" => Some(Of::Principal),
        "action" => Some(Of::Action),
        "resource" => Some(Of::Resource),
        _ => None,
    }
}

fn groups(expression: &Value) -> Option<Vec<Uid>> {
    match expression.get("Set").and_then(Value::as_array) {
        Some(items) => items.iter().map(constant_uid).collect(),
        None => Some(vec![constant_uid(expression)?]),
    }
}

fn constant_uid(expression: &Value) -> Option<Uid> {
    uid(expression.get("Value")?.get("__entity")?)
}

fn uid(entity: &Value) -> Option<Uid> {
    Some(Uid {
        kind: kind(entity.get("type")?.as_str()?),
        id: entity.get("id")?.as_str()?.into(),
    })
}

fn kind(name: &str) -> Kind {
    match name {
        "User" => Kind::User,
        "VirtualAccount" => Kind::VirtualAccount,
        "Team" => Kind::Team,
        "Role" => Kind::Role,
        "MCPServer" => Kind::Server,
        "Tool" => Kind::Tool,
        "ModelProvider" => Kind::Provider,
        "Model" => Kind::Model,
        "Action" => Kind::Action,
        _ => Kind::Other,
    }
}

fn pattern(elements: &Value) -> Option<Pattern> {
    let mut parts = vec![String::new()];
    for element in elements.as_array()? {
        match element {
            Value::String(wildcard) if wildcard == "Wildcard" => parts.push(String::new()),
            element => {
                let literal = element.get("Literal")?.as_str()?;
                parts.last_mut()?.push_str(literal);
            }
        }
    }
    Some(Pattern::new(parts))
}
