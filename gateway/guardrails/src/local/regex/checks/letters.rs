//! Numbers with letters in them.

use super::{date, digits};

fn upper(text: &str) -> Vec<u8> {
    text.bytes()
        .filter(u8::is_ascii_alphanumeric)
        .map(|byte| byte.to_ascii_uppercase())
        .collect()
}

/// 0 to 9, then A as 10.
fn value(byte: u8) -> u64 {
    match byte {
        b'0'..=b'9' => u64::from(byte - b'0'),
        _ => u64::from(byte.saturating_sub(b'A')) + 10,
    }
}

fn ends_with(text: &str, table: &[u8], at: u64) -> bool {
    let last = text.bytes().rfind(u8::is_ascii_alphanumeric);
    let wanted = usize::try_from(at).ok().and_then(|at| table.get(at));
    wanted.copied() == last.map(|byte| byte.to_ascii_uppercase())
}

/// Spanish NIF, and NIE with X Y Z for 0 1 2 in front: a letter by the number modulo 23.
pub(in super::super) fn es_nif(text: &str) -> bool {
    let first = match text.as_bytes().first().map(u8::to_ascii_uppercase) {
        Some(b'Y') => "1",
        Some(b'Z') => "2",
        _ => "",
    };
    let d = digits(&format!("{first}{text}"));
    d.number(0..d.len()) > 0
        && ends_with(text, b"TRWAGMYFPDXBNJZSQVHLCKE", d.number(0..d.len()) % 23)
}

/// Italian codice fiscale: a letter by the odd and even places.
pub(in super::super) fn it_fiscal_code(text: &str) -> bool {
    /// What a character counts at an odd place, by its value as digit or letter.
    const ODD: [u64; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    let bytes = upper(text);
    let sum: u64 = bytes
        .iter()
        .take(15)
        .enumerate()
        .map(|(place, byte)| {
            let value = match byte {
                b'0'..=b'9' => byte - b'0',
                _ => byte - b'A',
            };
            match place % 2 {
                0 => ODD.get(usize::from(value)).copied().unwrap_or_default(),
                _ => u64::from(value),
            }
        })
        .sum();
    bytes.len() == 16 && ends_with(text, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", sum % 26)
}

/// Finnish personal code: nine digits modulo 31.
pub(in super::super) fn fi_hetu(text: &str) -> bool {
    let d = digits(text.get(..10).unwrap_or_default());
    let number = d.number(0..9);
    date(2000, d.number(2..4), d.number(0..2))
        && d.len() == 9
        && ends_with(text, b"0123456789ABCDEFHJKLMNPRSTUVWXY", number % 31)
}

/// German pension number: cross sums of weighted digits, the letter counting its place in the alphabet.
pub(in super::super) fn de_pension(text: &str) -> bool {
    let Some(letter) = text.bytes().find(u8::is_ascii_uppercase) else {
        return false;
    };
    let place = format!("{:02}", letter - b'A' + 1);
    let d = digits(&text.replacen(char::from(letter), &place, 1));
    let weights = [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1];
    let sum: u64 = weights
        .iter()
        .enumerate()
        .map(|(place, weight)| {
            let product = d.at(place) * weight;
            product / 10 + product % 10
        })
        .sum();
    let day = d.number(2..4);
    d.len() == 13
        && matches!(d.number(4..6), 0..=12)
        && matches!(day, 1..=31 | 51..=81)
        && sum % 10 == d.at(12)
}

/// German health insurance number: weights 1 and 2, cross sums.
pub(in super::super) fn de_health(text: &str) -> bool {
    let Some(letter) = text.bytes().next().filter(u8::is_ascii_uppercase) else {
        return false;
    };
    let d = digits(&format!("{:02}{text}", letter - b'A' + 1));
    let sum: u64 = (0..10)
        .map(|place| {
            let product = d.at(place) * if place % 2 == 0 { 1 } else { 2 };
            product / 10 + product % 10
        })
        .sum();
    d.len() == 11 && sum % 10 == d.at(10)
}

/// US drug enforcement number.
pub(in super::super) fn dea(text: &str) -> bool {
    let d = digits(text);
    let sum = d.at(0) + d.at(2) + d.at(4) + 2 * (d.at(1) + d.at(3) + d.at(5));
    d.len() == 7 && sum % 10 == d.at(6)
}

/// Irish personal public service number: modulo 23, W for 0.
pub(in super::super) fn ie_pps(text: &str) -> bool {
    let d = digits(text);
    let bytes = text.as_bytes();
    let second = match bytes.get(8) {
        Some(b'W') | None => 0,
        Some(letter) => value(letter.to_ascii_uppercase()) - 9,
    };
    let at = (d.weighted(&[8, 7, 6, 5, 4, 3, 2]) + 9 * second) % 23;
    let letter = bytes.get(7).map(u8::to_ascii_uppercase);
    b"WABCDEFGHIJKLMNOPQRSTUV".get(at as usize).copied() == letter
}

/// Singaporean NRIC and FIN.
pub(in super::super) fn nric(text: &str) -> bool {
    let d = digits(text);
    let sum = d.weighted(&[2, 7, 6, 5, 4, 3, 2]);
    match text.as_bytes().first() {
        Some(b'S') => ends_with(text, b"JZIHGFEDCBA", sum % 11),
        Some(b'T') => ends_with(text, b"JZIHGFEDCBA", (sum + 4) % 11),
        Some(b'F') => ends_with(text, b"XWUTRQPNMLK", sum % 11),
        Some(b'G') => ends_with(text, b"XWUTRQPNMLK", (sum + 4) % 11),
        Some(b'M') => ends_with(text, b"KLJNPQRTUWX", 10 - (sum + 3) % 11),
        _ => false,
    }
}

/// Hong Kong identity card; a missing first letter counts 36.
pub(in super::super) fn hk_id(text: &str) -> bool {
    let bytes = upper(text);
    let Some((check, body)) = bytes.split_last() else {
        return false;
    };
    let missing = 36 * 9 * u64::from(body.len() == 7);
    let sum: u64 = missing
        + body
            .iter()
            .rev()
            .zip(2..)
            .map(|(byte, weight): (_, u64)| value(*byte) * weight)
            .sum::<u64>();
    (sum + value(*check)).is_multiple_of(11)
}

/// Taiwanese identity card.
pub(in super::super) fn tw_id(text: &str) -> bool {
    let order = b"ABCDEFGHJKLMNPQRSTUVXYWZIO";
    let first = text.as_bytes().first();
    let Some(region) = order.iter().position(|letter| Some(letter) == first) else {
        return false;
    };
    let region = region as u64 + 10;
    let d = digits(text);
    let sum = region / 10 + region % 10 * 9 + d.weighted(&[8, 7, 6, 5, 4, 3, 2, 1, 1]);
    d.len() == 9 && sum.is_multiple_of(10)
}

/// Indian GSTIN: modulo 36 with weights 1 and 2, products split by 36.
pub(in super::super) fn gstin(text: &str) -> bool {
    let bytes = upper(text);
    let sum: u64 = bytes
        .iter()
        .take(14)
        .enumerate()
        .map(|(place, byte)| {
            let product = value(*byte) * (1 + place as u64 % 2);
            product / 36 + product % 36
        })
        .sum();
    bytes
        .get(14)
        .is_some_and(|check| value(*check) == (36 - sum % 36) % 36)
}

/// Mexican CURP: modulo 10, the letter Ñ between N and O.
pub(in super::super) fn curp(text: &str) -> bool {
    let bytes = upper(text);
    let sum: u64 = bytes
        .iter()
        .take(17)
        .zip((2..=18).rev())
        .map(|(byte, weight)| {
            let value = value(*byte);
            (value + u64::from(value > 23)) * weight
        })
        .sum();
    bytes.len() == 18
        && bytes
            .last()
            .is_some_and(|check| value(*check) == (10 - sum % 10) % 10)
}

/// Vehicle identification number: the ninth character checks (North America and China).
pub(in super::super) fn vin(text: &str) -> bool {
    const WEIGHTS: [u64; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let bytes = upper(text);
    let counts = |byte: u8| match byte {
        b'0'..=b'9' => u64::from(byte - b'0'),
        b'A'..=b'H' => u64::from(byte - b'A') + 1,
        b'J'..=b'R' => u64::from(byte - b'J') + 1,
        _ => u64::from(byte.saturating_sub(b'S')) + 2,
    };
    let sum: u64 = bytes
        .iter()
        .zip(WEIGHTS)
        .map(|(byte, weight)| counts(*byte) * weight)
        .sum();
    let check = match sum % 11 {
        10 => b'X',
        digit => b'0' + digit as u8,
    };
    bytes.get(8) == Some(&check)
}
