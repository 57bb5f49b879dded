//! Where a request stands in a distributed trace: W3C Trace Context, <https://www.w3.org/TR/trace-context/>.

use std::fmt;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `tracestate` may be so long; the specification asks for at least 512 characters to be passed on.
const MAX_STATE: usize = 512;
/// `00-`, 32 digits, `-`, 16 digits, `-`, 2 digits.
const TRACEPARENT: usize = 55;

/// Names a trace. Never zero.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct TraceId(u128);

/// Names a span within its trace. Never zero.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct SpanId(u64);

impl TraceId {
    /// Zero, which the specification does not allow, becomes one.
    pub const fn new(id: u128) -> Self {
        Self(if id == 0 { 1 } else { id })
    }

    /// As it travels.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// The part that samplers look at: uniformly distributed, as the specification has it.
    pub const fn random_part(self) -> u64 {
        // The lower half: some systems pad short ids with zeros in front.
        self.0 as u64
    }
}

impl SpanId {
    /// Zero, which the specification does not allow, becomes one.
    pub const fn new(id: u64) -> Self {
        Self(if id == 0 { 1 } else { id })
    }

    /// As it travels.
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for TraceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for SpanId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TraceId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        read_hex(&String::deserialize(from)?, 32)
            .map(Self)
            .ok_or_else(|| D::Error::custom("this is no id of a trace"))
    }
}

impl<'de> Deserialize<'de> for SpanId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        read_hex(&String::deserialize(from)?, 16)
            .and_then(|id| u64::try_from(id).ok())
            .map(Self)
            .ok_or_else(|| D::Error::custom("this is no id of a span"))
    }
}

/// An id as it is written: so many digits, and not all of them zero.
fn read_hex(text: &str, digits: usize) -> Option<u128> {
    let value = hex(text.as_bytes()).filter(|_| text.len() == digits)?;
    (value != 0).then_some(value)
}

/// What a caller said about its trace.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Incoming {
    /// The trace.
    pub trace_id: TraceId,
    /// The caller's span.
    pub parent: SpanId,
    /// Whether the caller records its own spans.
    pub sampled: bool,
}

impl Incoming {
    /// Reads `traceparent`. None for anything that the specification does not allow: a new trace begins then.
    pub fn parse(traceparent: &str) -> Option<Self> {
        let bytes = traceparent.as_bytes();
        let (version, rest) = (bytes.get(..2)?, bytes.get(TRACEPARENT..)?);
        let version = hex(version)?;
        // A later version may have more behind a hyphen; 255 is forbidden.
        let fits = match version {
            0 => rest.is_empty(),
            255 => false,
            _ => rest.first().is_none_or(|next| *next == b'-'),
        };
        let hyphens = [2, 35, 52];
        if !fits || hyphens.iter().any(|at| bytes.get(*at) != Some(&b'-')) {
            return None;
        }
        let trace_id = hex(bytes.get(3..35)?)?;
        let parent = u64::try_from(hex(bytes.get(36..52)?)?).ok()?;
        let flags = hex(bytes.get(53..TRACEPARENT)?)?;
        if trace_id == 0 || parent == 0 {
            return None;
        }
        Some(Self {
            trace_id: TraceId(trace_id),
            parent: SpanId(parent),
            sampled: flags & 1 == 1,
        })
    }
}

/// Lower-case digits only, as the specification has it.
fn hex(digits: &[u8]) -> Option<u128> {
    let mut value = 0;
    for digit in digits {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        value = value << 4 | u128::from(digit);
    }
    Some(value)
}

/// One request's place in its trace.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct TraceContext {
    /// The trace.
    pub trace_id: TraceId,
    /// The request's own span.
    pub span_id: SpanId,
    /// The caller's span; none when the trace begins here.
    #[serde(
        default,
        rename = "parent_span_id",
        skip_serializing_if = "Option::is_none"
    )]
    pub parent: Option<SpanId>,
    /// `tracestate` as the caller sent it: opaque, and passed on.
    #[serde(skip)]
    pub state: Option<Arc<str>>,
    /// What the head of the request decided; blocked and failed requests are kept all the same.
    pub sampled: bool,
}

impl TraceContext {
    /// The id of a span below the request's. The numbers of one request's spans differ, and so do their ids: the
    /// mixing function (splitmix64, <https://prng.di.unimi.it/splitmix64.c>) is a bijection.
    pub const fn span(&self, number: u32) -> SpanId {
        let mut z = self
            .span_id
            .0
            .wrapping_add((number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        SpanId::new(z ^ (z >> 31))
    }

    /// The place of something that is a part of the request and has a record of its own.
    #[must_use]
    pub fn below(&self, number: u32) -> Self {
        Self {
            span_id: self.span(number),
            parent: Some(self.span_id),
            ..self.clone()
        }
    }

    /// `traceparent` for a call that one of the request's spans stands for.
    pub fn traceparent(&self, span: SpanId) -> [u8; TRACEPARENT] {
        let mut header = *b"00-00000000000000000000000000000000-0000000000000000-00";
        put_hex(&mut header[3..35], self.trace_id.0);
        put_hex(&mut header[36..52], u128::from(span.0));
        header[54] = b'0' + u8::from(self.sampled);
        header
    }
}

/// Puts a number's lowest digits into `place`.
fn put_hex(place: &mut [u8], value: u128) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for (position, digit) in place.iter_mut().rev().enumerate() {
        *digit = HEX[((value >> (4 * position)) & 0xf) as usize];
    }
}

/// `tracestate` fit to be passed on: header values joined with commas, printable, not too long.
pub fn state<'a>(values: impl Iterator<Item = &'a str>) -> Option<Arc<str>> {
    let mut joined = String::new();
    for value in values {
        let separator = if joined.is_empty() { "" } else { "," };
        if joined.len() + separator.len() + value.len() > MAX_STATE {
            return None;
        }
        joined.push_str(separator);
        joined.push_str(value);
    }
    let printable = joined.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    (printable && !joined.trim().is_empty()).then(|| joined.into())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn reads_what_the_specification_allows() {
        let read = Incoming::parse(GOOD).unwrap();
        assert_eq!(
            read.trace_id.to_string(),
            "4bf92f3577b34da6a3ce929d0e0e4736"
        );
        assert_eq!(read.parent.to_string(), "00f067aa0ba902b7");
        assert!(read.sampled);
        assert!(
            !Incoming::parse(&GOOD.replace("-01", "-00"))
                .unwrap()
                .sampled
        );
        // A version to come, with what we don't know behind it.
        assert!(Incoming::parse(&format!("cc{}-what", &GOOD[2..])).is_some());
    }

    #[test]
    fn everything_else_begins_a_new_trace() {
        let bad = [
            String::new(),
            GOOD.to_uppercase(),
            GOOD[..54].to_owned(),
            format!("{GOOD}-more"),
            format!("ff{}", &GOOD[2..]),
            format!("cc{}what", &GOOD[2..]),
            GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            GOOD.replace("00f067aa0ba902b7", &"0".repeat(16)),
            GOOD.replace('-', "_"),
            GOOD.replace("4bf9", "4bfü"),
            GOOD.replace("4b", "+b"),
        ];
        for header in bad {
            assert_eq!(Incoming::parse(&header), None, "{header}");
        }
    }

    fn context() -> TraceContext {
        TraceContext {
            trace_id: TraceId::new(0x4bf9),
            span_id: SpanId::new(7),
            parent: None,
            state: None,
            sampled: true,
        }
    }

    #[test]
    fn what_goes_out_can_be_read_back() {
        let context = context();
        let header = context.traceparent(context.span(3));
        let read = Incoming::parse(std::str::from_utf8(&header).unwrap()).unwrap();
        assert_eq!(
            (read.trace_id, read.parent, read.sampled),
            (context.trace_id, context.span(3), true)
        );
    }

    #[test]
    fn spans_of_a_request_differ() {
        let context = context();
        let mut ids: HashSet<SpanId> = (0..10_000).map(|number| context.span(number)).collect();
        ids.insert(context.span_id);
        assert_eq!(ids.len(), 10_001);
    }

    #[test]
    fn state_is_passed_on_when_it_is_fit() {
        let of = |values: &[&str]| state(values.iter().copied()).map(|state| state.to_string());
        assert_eq!(of(&["a=1", "b=2"]), Some("a=1,b=2".to_owned()));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["a=\u{7f}"]), None);
        assert_eq!(of(&[&"a".repeat(MAX_STATE + 1)]), None);
    }
}
