//! A document as a tree that remembers where everything stood.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};
use zeroize::Zeroize;

/// A place in a file, counted from 1.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, serde::Serialize)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The column, in characters.
    pub column: u32,
}

impl Position {
    fn of(location: Location) -> Option<Self> {
        // Line 0 is how an unknown location reads.
        let line = u32::try_from(location.line())
            .ok()
            .filter(|line| *line > 0)?;
        let column = u32::try_from(location.column()).unwrap_or(1).max(1);
        Some(Self { line, column })
    }
}

/// One value and where it stood. It never shows its texts in `Debug`: a document may be a Secret.
#[derive(Clone, PartialEq)]
pub(crate) struct Node {
    /// Where it began; none when places were not asked for.
    pub(crate) position: Option<Position>,
    /// What it is.
    pub(crate) value: Value,
}

/// What a node is.
#[derive(Clone, PartialEq)]
pub(crate) enum Value {
    /// Nothing was written.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(serde_json::Number),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// Fields in the order written. No name stands twice.
    Fields(Vec<Field>),
}

/// One field of a mapping.
#[derive(Clone, PartialEq)]
pub(crate) struct Field {
    /// Where its name stood.
    pub(crate) position: Option<Position>,
    /// Its name.
    pub(crate) name: String,
    /// Its value.
    pub(crate) node: Node,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:?}", self.value.type_name(), self.position)
    }
}

impl Value {
    /// The type in words, for messages.
    pub(crate) const fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Fields(_) => "a mapping",
        }
    }
}

impl Node {
    /// The field called `name`, when this is a mapping that has it.
    pub(crate) fn field(&self, name: &str) -> Option<&Self> {
        self.fields()
            .iter()
            .find(|field| field.name == name)
            .map(|field| &field.node)
    }

    /// The fields; none when this is no mapping.
    pub(crate) fn fields(&self) -> &[Field] {
        match &self.value {
            Value::Fields(fields) => fields,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => {
                &[]
            }
        }
    }

    /// The items; none when this is no list.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::Fields(_) => {
                &[]
            }
        }
    }

    /// The items of a list field, taken out.
    pub(crate) fn items_of(&mut self, name: &str) -> Vec<Self> {
        let Value::Fields(fields) = &mut self.value else {
            return Vec::new();
        };
        match fields
            .iter_mut()
            .find(|field| field.name == name)
            .map(|field| &mut field.node.value)
        {
            Some(Value::List(items)) => std::mem::take(items),
            _ => Vec::new(),
        }
    }

    /// The text, when this is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::List(_) | Value::Fields(_) => {
                None
            }
        }
    }

    /// Where `path` stood (`spec.rules[2].when`), or the nearest place above it that is there.
    pub(crate) fn locate(&self, path: &str) -> Option<Position> {
        let (mut node, mut position) = (self, self.position);
        for step in path.split(['.', '[']).filter(|step| !step.is_empty()) {
            let next = match step.strip_suffix(']') {
                Some(index) => {
                    let item = index
                        .parse::<usize>()
                        .ok()
                        .and_then(|i| node.items().get(i));
                    item.map(|item| (item, item.position))
                }
                None => {
                    let field = node.fields().iter().find(|field| field.name == step);
                    field.map(|field| (&field.node, field.position))
                }
            };
            let Some(next) = next else { break };
            node = next.0;
            position = next.1.or(position);
        }
        position
    }

    /// Overwrites every text in the tree.
    pub(crate) fn wipe(&mut self) {
        match &mut self.value {
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
            Value::Text(text) => text.zeroize(),
            Value::List(items) => items.iter_mut().for_each(Self::wipe),
            Value::Fields(fields) => fields.iter_mut().for_each(|field| field.node.wipe()),
        }
    }
}

/// From YAML, with places.
impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<YamlValue>::deserialize(deserializer)?;
        Ok(Self {
            position: Position::of(spanned.referenced),
            value: spanned.value.0,
        })
    }
}

struct YamlValue(Value);

impl<'de> Deserialize<'de> for YamlValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_any(ValueVisitor(PhantomData::<(Node, Spanned<String>)>))
            .map(Self)
    }
}

/// Without places: from JSON, which has none, and from YAML at a fraction of the cost.
pub(crate) struct Unplaced(pub(crate) Node);

impl<'de> Deserialize<'de> for Unplaced {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = deserializer.deserialize_any(ValueVisitor(PhantomData::<(Self, String)>))?;
        Ok(Self(Node {
            position: None,
            value,
        }))
    }
}

impl From<Unplaced> for Node {
    fn from(node: Unplaced) -> Self {
        node.0
    }
}

/// How a kind of reader gives field names.
trait Name {
    fn take(self) -> (String, Option<Position>);
}

impl Name for String {
    fn take(self) -> (String, Option<Position>) {
        (self, None)
    }
}

impl Name for Spanned<String> {
    fn take(self) -> (String, Option<Position>) {
        let position = Position::of(self.referenced);
        (self.value, position)
    }
}

/// Reads values below as `N`, field names as `K`.
struct ValueVisitor<N, K>(PhantomData<(N, K)>);

impl<'de, N: Deserialize<'de> + Into<Node>, K: Deserialize<'de> + Name> Visitor<'de>
    for ValueVisitor<N, K>
{
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        serde_json::Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("a number that is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element::<N>()? {
            items.push(item.into());
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields: Vec<Field> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        while let Some(name) = map.next_key::<K>()? {
            let (name, position) = name.take();
            if !seen.insert(name.clone()) {
                // The YAML reader refuses this itself; JSON comes here.
                return Err(de::Error::custom(format!(
                    "the field {name:?} stands twice"
                )));
            }
            let node = map.next_value::<N>()?.into();
            fields.push(Field {
                position,
                name,
                node,
            });
        }
        Ok(Value::Fields(fields))
    }
}
