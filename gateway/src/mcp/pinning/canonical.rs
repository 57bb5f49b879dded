//! One text for all ways to write the same JSON, after RFC 8785: members sorted by UTF-16 code units, no
//! whitespace, one way to write each character and each number.
//!
//! In one thing it is stricter: a number that a double cannot hold exactly stays as it is written, so that
//! two integers which only some readers tell apart are not the same here.

use crate::llm::json::{Kind, Value};

/// Integers up to here have the same decimal digits as a double: 2^53.
const EXACT: u64 = 1 << 53;
/// So many significant digits survive a double.
const DIGITS: usize = 15;

/// Appends a value.
pub fn write(value: Value<'_>, out: &mut Vec<u8>) {
    match value.kind() {
        Kind::Null => out.extend_from_slice(b"null"),
        Kind::Bool => out.extend_from_slice(value.raw().as_bytes()),
        Kind::Number => number(value.raw(), out),
        Kind::String => string(&value.as_str().unwrap_or_default(), out),
        Kind::Array => {
            out.push(b'[');
            for (place, item) in value.items().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                write(item, out);
            }
            out.push(b']');
        }
        Kind::Object => {
            let mut members: Vec<_> = value.members().collect();
            members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push(b'{');
            for (place, (key, member)) in members.into_iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                string(&key, out);
                out.push(b':');
                write(member, out);
            }
            out.push(b'}');
        }
    }
}

fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(text.as_bytes().get(plain..at).unwrap_or_default());
        plain = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            b'\r' => out.extend_from_slice(b"\\r"),
            other => out.extend_from_slice(format!("\\u{other:04x}").as_bytes()),
        }
    }
    out.extend_from_slice(text.as_bytes().get(plain..).unwrap_or_default());
    out.push(b'"');
}

/// A number as ECMAScript writes it, if a double holds what is written.
fn number(raw: &str, out: &mut Vec<u8>) {
    let significant = raw
        .split(['e', 'E'])
        .next()
        .unwrap_or_default()
        .bytes()
        .filter(u8::is_ascii_digit)
        .skip_while(|digit| *digit == b'0')
        .count();
    let integer = raw.trim_start_matches('-').parse::<u64>().ok();
    let exact = significant <= DIGITS || integer.is_some_and(|integer| integer <= EXACT);
    match raw.parse::<f64>() {
        Ok(0.0) => out.push(b'0'),
        Ok(number) if exact && number.is_finite() => {
            out.extend_from_slice(ecmascript(number).as_bytes());
        }
        Ok(_) | Err(_) => out.extend_from_slice(raw.as_bytes()),
    }
}

/// ECMA-262, `Number::toString`, of a finite number that is not zero.
fn ecmascript(number: f64) -> String {
    // The shortest digits that read back as the same double, as `d.ddde±x`.
    let shortest = format!("{:e}", number.abs());
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let sign = if number < 0.0 { "-" } else { "" };
    // `n` and `k` of the standard: the point stands after `n` digits, of which there are `k`.
    let (n, k) = (
        exponent + 1,
        i32::try_from(digits.len()).unwrap_or(i32::MAX),
    );
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or_default());
    let split = |at: i32| digits.split_at(usize::try_from(at).unwrap_or_default());
    if k <= n && n <= 21 {
        format!("{sign}{digits}{}", zeros(n - k))
    } else if 0 < n && n <= 21 {
        let (whole, fraction) = split(n);
        format!("{sign}{whole}.{fraction}")
    } else if -6 < n && n <= 0 {
        format!("{sign}0.{}{digits}", zeros(-n))
    } else {
        let (first, rest) = split(1);
        let point = if rest.is_empty() { "" } else { "." };
        let plus = if n > 0 { "+" } else { "" };
        format!("{sign}{first}{point}{rest}e{plus}{}", n - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::json::Doc;

    fn canonical(json: &str) -> String {
        let doc = Doc::parse(json).unwrap();
        let mut out = Vec::new();
        write(doc.root(json), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_standard_s_own_example() {
        let json = r#"{
          "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
          "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
          "literals": [null, true, false]
        }"#;
        // The first number has 17 digits, which the standard rounds and this keeps.
        assert_eq!(
            canonical(json),
            r#"{"literals":[null,true,false],"numbers":[333333333.33333329,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#
        );
    }

    #[test]
    fn members_are_sorted_by_utf_16() {
        let json = r#"{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}"#;
        let keys: Vec<String> = canonical(json)
            .split(',')
            .map(|member| {
                member
                    .rsplit(':')
                    .next()
                    .unwrap()
                    .trim_end_matches('}')
                    .to_owned()
            })
            .collect();
        assert_eq!(keys, ["2", "4", "6", "7", "1", "5", "3"]);
    }

    #[test]
    fn numbers_have_one_spelling() {
        let rows = [
            ("0", "0"),
            ("-0", "0"),
            ("-0.0e5", "0"),
            ("1.0", "1"),
            ("100", "100"),
            ("1e2", "100"),
            ("-1.5E1", "-15"),
            ("1e21", "1e+21"),
            ("123456789012345000000", "123456789012345000000"),
            ("1e-6", "0.000001"),
            ("1e-7", "1e-7"),
            ("9007199254740992", "9007199254740992"),
            ("9007199254740993", "9007199254740993"),
            ("1e400", "1e400"),
        ];
        for (written, expected) in rows {
            assert_eq!(canonical(written), expected, "{written}");
        }
    }
}
