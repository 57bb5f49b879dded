//! Telephone numbers.

use super::super::checks::{self, digits};
use super::super::context::words::{ID, OTHER_NUMBER, PHONE, PHONE_WEAK, VERSION};
use super::super::spans::Edge;
use super::{How, Preset, Rule, rule};

/// An extension after a number.
macro_rules! ext {
    ($shape:literal) => {
        concat!($shape, "( ?(x|ext\\.?|#) ?[0-9]{1,5})?")
    };
}

/// Digits in any grouping.
const GROUPED: &str = r"[(]?[0-9][)]?([ ./-]?[(]?[0-9][)]?)*";

const fn american(shape: &'static str) -> Rule {
    rule(shape).fits(us_phone).with(PHONE.or(PHONE_WEAK))
}

/// A number in the grouping of its country.
const fn national(shape: &'static str) -> Rule {
    rule(shape)
        .edge(Edge::Apart)
        .with(PHONE)
        .unless(OTHER_NUMBER.or(VERSION))
        .base(0.4)
}

pub(super) static PRESETS: &[Preset] = &[
    Preset {
        id: "us_phone",
        what: "telephone number of the United States or Canada",
        how: How::Shapes(&[
            american(ext!(
                "(\\+1|001|1)[ .-]?(\\([2-9][0-9]{2}\\)|[2-9][0-9]{2})[ .-]?[2-9][0-9]{2}[ .-][0-9]{4}"
            ))
            .base(0.7),
            american(r"\+1[2-9][0-9]{9}").base(0.7),
            american(ext!(r"\([2-9][0-9]{2}\)[ .-]?[2-9][0-9]{2}[ .-][0-9]{4}")).base(0.7),
            american(ext!("[2-9][0-9]{2}-[2-9][0-9]{2}-[0-9]{4}")).base(0.6),
            american(ext!(r"[2-9][0-9]{2}\.[2-9][0-9]{2}\.[0-9]{4}")),
            american("1?[2-9][0-9]{2}[ .-]?[2-9][0-9]{2}[ .-]?[0-9]{4}")
                .only_with(PHONE.or(PHONE_WEAK))
                .unless(OTHER_NUMBER.or(ID)),
        ]),
        finds: &[
            ("call (415) 555-2671 today", "(415) 555-2671"),
            ("+1 415 555 2671", "+1 415 555 2671"),
            ("415-555-2671", "415-555-2671"),
            ("001-528-273-9005x62158", "001-528-273-9005x62158"),
            ("phone: 4155552671", "4155552671"),
        ],
        ignores: &["4155552671", "115-555-2671", "415-155-2671", "2024-415-555-2671", "order 415 555 2671"],
    },
    Preset {
        id: "phone",
        what: "telephone number of any country",
        how: How::Shapes(&[
            rule(r"\+[1-9]([ ./-]?[(]?[0-9][)]?)*").fits(international).with(PHONE).base(0.7),
            rule(GROUPED).digits(7, 14).fits(some_number).only_with(PHONE).unless(OTHER_NUMBER.or(VERSION).or(ID)).base(0.3),
            rule(GROUPED)
                .digits(7, 14)
                .fits(long_or_grouped)
                .only_with(PHONE_WEAK)
                .unless(OTHER_NUMBER.or(VERSION).or(ID))
                .base(0.2),
            // France, Belgium: pairs. Britain, Ireland, Germany, Italy, Australia, Asia: 0 and a few groups.
            national("0[1-9]([ .-][0-9]{2}){4}"),
            national("0[0-9]{2,4}([ -][0-9]{3,4}){2}").fits(ten_or_eleven),
            national("0[0-9]{3,4} [0-9]{6}|07[0-9]{3} ?[0-9]{6}|04[0-9]{2} [0-9]{3} [0-9]{3}").fits(ten_or_eleven),
            national(r"\(0[0-9]{1,4}\)[ -]?[0-9]{3,4}[ -]?[0-9]{3,6}"),
            national("0[1-9][0-9]{0,2}-[0-9]{2,4}-[0-9]{4}|0[23478] [0-9]{4} [0-9]{4}"),
            // Brazil, Türkiye, the Netherlands.
            national(r"\([1-9][0-9]\) ?9?[0-9]{4}[- ][0-9]{4}"),
            national(r"0[ -]?\(?[2-5][0-9]{2}\)?[ -]?[0-9]{3}[ -]?[0-9]{2}[ -]?[0-9]{2}").fits(apart),
            national("06[ -][0-9]{8}|06([ -][0-9]{2}){4}"),
        ]),
        finds: &[
            ("+44 20 7946 0958", "+44 20 7946 0958"),
            ("Tel. +34 900 60 11 66", "+34 900 60 11 66"),
            ("+49 (0) 6589 011214", "+49 (0) 6589 011214"),
            ("+917065551234,", "+917065551234"),
            ("Telefon: 04722 578207", "04722 578207"),
            ("{\"phone\":\"0229804872\"}", "0229804872"),
            ("04 81 32 87 39", "04 81 32 87 39"),
            ("(02) 8573 4108", "(02) 8573 4108"),
            ("(11) 98765-4321", "(11) 98765-4321"),
            ("090-1234-5678", "090-1234-5678"),
            ("電話番号は0312345678です", "0312345678"),
        ],
        ignores: &[
            "+1234",
            "+999 123 456 789",
            "call on 2024-01-05",
            "call me at 10:30",
            "phone model SM-G690B, firmware 772138",
            "order 0312345678",
            "call back within 30 days or by 31.12.2025",
            "the call took 1200 ms",
            "build 04.81.32.87.39",
        ],
    },
];

fn us_phone(text: &str) -> bool {
    let number = text.split(['x', 'e', '#']).next().unwrap_or_default();
    let digits = digits(number);
    // An area code's last two digits are not 11: 911 and its kin are no areas.
    let from = digits.len().saturating_sub(10);
    digits.number(from + 1..from + 3) != 11
}

/// Country codes with the least and the most digits of a number behind them.
fn behind_country(digits: &checks::Digits) -> Option<(usize, usize, usize)> {
    let two = |least, most| Some((2, least, most));
    match digits.number(0..2) {
        10..=19 => Some((1, 10, 10)),
        70..=79 => Some((1, 10, 10)),
        20 | 32 | 36 | 51 | 63..=64 | 95 => two(8, 10),
        27 | 31 | 33 | 34 | 40 | 41 | 48 | 56 | 61 | 93 | 94 => two(9, 9),
        30 | 52 | 58 | 90 | 91 | 98 => two(10, 10),
        39 => two(6, 11),
        43 | 49 => two(6, 13),
        44 => two(9, 10),
        45 | 47 | 53 | 65 => two(8, 8),
        46 | 60 => two(7, 10),
        54 | 55 => two(10, 11),
        57 => two(8, 10),
        62 => two(8, 12),
        66 => two(8, 9),
        81 | 84 => two(9, 10),
        82 => two(8, 11),
        86 => two(10, 11),
        92 => two(9, 10),
        _ => match digits.number(0..3) {
            211..=299
            | 350..=389
            | 420..=423
            | 500..=509
            | 590..=599
            | 670..=692
            | 850..=886
            | 960..=998 => Some((3, 5, 10)),
            _ => None,
        },
    }
}

/// A country that exists and as many digits as its numbers have; a 0 in parentheses may come on top.
fn international(text: &str) -> bool {
    let digits = digits(text);
    let trunk = usize::from(text.contains("(0)"));
    behind_country(&digits).is_some_and(|(code, least, most)| {
        let rest = digits.len().saturating_sub(code + trunk);
        (least..=most).contains(&rest) && !repeats(&digits)
    })
}

/// Seven or more times the same digit is a filler.
fn repeats(digits: &checks::Digits) -> bool {
    digits
        .all()
        .windows(7)
        .any(|run| run.windows(2).all(|two| two[0] == two[1]))
}

/// The digits of a telephone number, and neither a date, nor years, nor an address.
fn some_number(text: &str) -> bool {
    let digits = digits(text);
    let groups = text.split(['-', '/', '.', ' ']);
    let years = digits.len() == 8
        && groups
            .clone()
            .all(|year| matches!(year.get(..2), Some("19" | "20")));
    let parts = groups.count();
    let balanced = text.matches('(').count() == text.matches(')').count();
    let date = parts == 3 && checks::is_day(text);
    let address = parts == 4 && text.parse::<std::net::Ipv4Addr>().is_ok();
    (7..=14).contains(&digits.len()) && balanced && !years && !date && !address && !repeats(&digits)
}

fn long_or_grouped(text: &str) -> bool {
    let long = digits(text).len() >= 9 && text.len() <= 24;
    some_number(text) && (long || text.contains([' ', '-', '.', '(']))
}

fn ten_or_eleven(text: &str) -> bool {
    matches!(digits(text).len(), 10 | 11)
}

fn apart(text: &str) -> bool {
    digits(text).len() == 11 && text.len() > 11
}
