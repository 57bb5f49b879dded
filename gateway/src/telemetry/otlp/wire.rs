//! Protocol Buffers' wire format, as far as OTLP needs it: what is written goes straight from a record to the bytes that
//! are sent. <https://protobuf.dev/programming-guides/encoding/>
//!
//! Messages of generated types would own a string for every attribute's name and value; at a hundred attributes a
//! request that costs more than all the rest of telemetry. The tests read what is written with generated types.

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const BYTES: u8 = 2;
const FIXED32: u8 = 5;

/// A string value is cut after so many bytes: names that callers choose have no bound of their own.
const MAX_VALUE: usize = 1024;

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// How many bytes a varint takes.
const fn width(value: usize) -> usize {
    let bits = (usize::BITS - value.leading_zeros()) as usize;
    if bits == 0 { 1 } else { bits.div_ceil(7) }
}

fn tag(out: &mut Vec<u8>, field: u32, wire: u8) {
    varint(out, u64::from(field << 3 | u32::from(wire)));
}

/// Bytes, or a string.
pub(super) fn bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    tag(out, field, BYTES);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// An unsigned number, a bool or a member of an enumeration.
pub(super) fn uint(out: &mut Vec<u8>, field: u32, value: u64) {
    tag(out, field, VARINT);
    varint(out, value);
}

/// `fixed64` and `sfixed64`.
pub(super) fn fixed64(out: &mut Vec<u8>, field: u32, value: u64) {
    tag(out, field, FIXED64);
    out.extend_from_slice(&value.to_le_bytes());
}

/// `fixed32`.
pub(super) fn fixed32(out: &mut Vec<u8>, field: u32, value: u32) {
    tag(out, field, FIXED32);
    out.extend_from_slice(&value.to_le_bytes());
}

/// `double`.
pub(super) fn double(out: &mut Vec<u8>, field: u32, value: f64) {
    fixed64(out, field, value.to_bits());
}

/// `repeated fixed64` or `double`, packed.
pub(super) fn packed(out: &mut Vec<u8>, field: u32, values: impl ExactSizeIterator<Item = u64>) {
    tag(out, field, BYTES);
    varint(out, values.len() as u64 * 8);
    for value in values {
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// The beginning of a message inside the one that is being written, whose length is known.
pub(super) fn opening(out: &mut Vec<u8>, field: u32, length: usize) {
    tag(out, field, BYTES);
    varint(out, length as u64);
}

/// A message inside the one that is being written.
pub(super) fn message(out: &mut Vec<u8>, field: u32, write: impl FnOnce(&mut Vec<u8>)) {
    tag(out, field, BYTES);
    // The length is known afterwards. Spans and what holds them have lengths of two bytes nearly always.
    const EXPECTED: usize = 2;
    let at = out.len();
    out.extend_from_slice(&[0; EXPECTED]);
    let begun = out.len();
    write(out);
    let length = out.len() - begun;
    let width = width(length);
    if width != EXPECTED {
        let end = out.len();
        if width > EXPECTED {
            out.resize(end + width - EXPECTED, 0);
        }
        out.copy_within(begun..end, at + width);
        out.truncate(at + width + length);
    }
    let mut rest = length as u64;
    for (position, byte) in out.iter_mut().skip(at).take(width).enumerate() {
        let more = u8::from(position + 1 < width) << 7;
        *byte = (rest & 0x7f) as u8 | more;
        rest >>= 7;
    }
}

/// The largest part of a text that fits, cut between characters.
pub(super) fn cut(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// Writes `repeated KeyValue` into a field of the message that is being written.
pub(super) struct Attributes<'a> {
    pub(super) out: &'a mut Vec<u8>,
    pub(super) field: u32,
}

/// `KeyValue`.
const KEY: u32 = 1;
const VALUE: u32 = 2;
/// `AnyValue`.
const STRING: u32 = 1;
const BOOL: u32 = 2;
const INT: u32 = 3;
const DOUBLE: u32 = 4;
const ARRAY: u32 = 5;
/// `ArrayValue`.
const VALUES: u32 = 1;

impl Attributes<'_> {
    /// A string, cut when it is too long.
    pub(super) fn str(&mut self, key: &str, value: &str) -> &mut Self {
        self.text(key, value, MAX_VALUE)
    }

    /// A string, cut after `max` bytes.
    pub(super) fn text(&mut self, key: &str, value: &str, max: usize) -> &mut Self {
        let value = cut(value, max);
        let any = 1 + width(value.len()) + value.len();
        self.begin(key, any);
        bytes(self.out, STRING, value.as_bytes());
        self
    }

    pub(super) fn int(&mut self, key: &str, value: u64) -> &mut Self {
        // AnyValue's integers are signed; nothing here comes near the sign.
        let value = value.min(i64::MAX as u64);
        self.begin(key, 1 + width(usize::try_from(value).unwrap_or(usize::MAX)));
        uint(self.out, INT, value);
        self
    }

    /// A number that may be below zero.
    pub(super) fn signed(&mut self, key: &str, value: i64) -> &mut Self {
        // As all the 64 bits of its two's complement.
        let value = value.cast_unsigned();
        self.begin(key, 1 + width(usize::try_from(value).unwrap_or(usize::MAX)));
        uint(self.out, INT, value);
        self
    }

    pub(super) fn bool(&mut self, key: &str, value: bool) -> &mut Self {
        self.begin(key, 2);
        uint(self.out, BOOL, u64::from(value));
        self
    }

    pub(super) fn double(&mut self, key: &str, value: f64) -> &mut Self {
        self.begin(key, 9);
        double(self.out, DOUBLE, value);
        self
    }

    /// A list of strings; nothing when it is empty.
    pub(super) fn strs<'t>(
        &mut self,
        key: &str,
        values: impl IntoIterator<Item = &'t str>,
    ) -> &mut Self {
        self.list(key, values, |out, value| {
            bytes(out, STRING, cut(value, MAX_VALUE).as_bytes());
        })
    }

    /// A list of numbers; nothing when it is empty.
    pub(super) fn ints(&mut self, key: &str, values: impl IntoIterator<Item = u64>) -> &mut Self {
        self.list(key, values, |out, value| uint(out, INT, value))
    }

    fn list<T>(
        &mut self,
        key: &str,
        values: impl IntoIterator<Item = T>,
        write: impl Fn(&mut Vec<u8>, T),
    ) -> &mut Self {
        let mut values = values.into_iter().peekable();
        if values.peek().is_some() {
            message(self.out, self.field, |out| {
                bytes(out, KEY, key.as_bytes());
                message(out, VALUE, |out| {
                    message(out, ARRAY, |out| {
                        for value in values {
                            message(out, VALUES, |out| write(out, value));
                        }
                    });
                });
            });
        }
        self
    }

    /// Everything before the value, whose length is known: attributes are most of what is written.
    fn begin(&mut self, key: &str, any: usize) {
        let length = 1 + width(key.len()) + key.len() + 1 + width(any) + any;
        tag(self.out, self.field, BYTES);
        varint(self.out, length as u64);
        bytes(self.out, KEY, key.as_bytes());
        tag(self.out, VALUE, BYTES);
        varint(self.out, any as u64);
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    use opentelemetry_proto::tonic::resource::v1::Resource;
    use parapet_otlp::fields::{Field, read};
    use prost::Message as _;

    use super::*;

    #[test]
    fn a_message_of_any_length_can_be_read_back() {
        for length in [0, 1, 90, 127, 128, 16_000, 16_383, 16_384, 3_000_000] {
            let mut out = vec![7];
            message(&mut out, 3, |out| out.resize(out.len() + length, b'x'));
            let mut rest = &out[1..];
            let Some((3, Field::Bytes(read))) = read(&mut rest) else {
                panic!("{length}");
            };
            assert_eq!((read.len(), rest.len()), (length, 0));
            assert!(read.iter().all(|byte| *byte == b'x'));
            assert_eq!(out.len(), 2 + width(length) + length);
        }
    }

    #[test]
    fn attributes_read_back_with_generated_types() {
        let mut out = Vec::new();
        let long = "ü".repeat(MAX_VALUE);
        Attributes {
            out: &mut out,
            field: 1,
        }
        .str("s", "text")
        .str("long", &long)
        .int("n", 300)
        .bool("b", true)
        .double("d", 0.5)
        .strs("list", ["a", "b"])
        .strs("none", [])
        .ints("counts", [1, 200]);
        let read = Resource::decode(out.as_slice()).unwrap();
        let values: Vec<(String, Value)> = read
            .attributes
            .into_iter()
            .map(|pair| (pair.key, pair.value.unwrap().value.unwrap()))
            .collect();
        let strings = |value: &Value| match value {
            Value::ArrayValue(list) => list
                .values
                .iter()
                .map(|v| format!("{:?}", v.value))
                .collect(),
            other => vec![format!("{other:?}")],
        };
        let shown: Vec<_> = values
            .iter()
            .map(|(key, v)| (key.as_str(), strings(v)))
            .collect();
        assert_eq!(shown[0], ("s", vec![r#"StringValue("text")"#.to_owned()]));
        assert_eq!(values[1].1, Value::StringValue("ü".repeat(MAX_VALUE / 2)));
        assert_eq!(values[2].1, Value::IntValue(300));
        assert_eq!(values[3].1, Value::BoolValue(true));
        assert_eq!(values[4].1, Value::DoubleValue(0.5));
        assert_eq!(shown[5].1.len(), 2);
        assert_eq!(shown[6].1, ["Some(IntValue(1))", "Some(IntValue(200))"]);
    }
}
