//! Payment cards.

use super::super::checks;
use super::super::context::words::{CARD, ID, OTHER_NUMBER};
use super::{How, Preset, Rule, rule};

/// Sixteen digits in fours after a first group.
macro_rules! fours {
    ($first:literal) => {
        concat!($first, "([ -][0-9]{4}){3}")
    };
}

const fn grouped(shape: &'static str, check: fn(&str) -> bool) -> Rule {
    rule(shape).proves(check).with(CARD)
}

const fn bare(shape: &'static str, check: fn(&str) -> bool) -> Rule {
    rule(shape)
        .proves(check)
        .with(CARD)
        .unless(OTHER_NUMBER.or(ID))
}

pub(super) static PRESETS: &[Preset] = &[
    Preset {
        id: "visa",
        what: "Visa card number",
        how: How::Shapes(&[
            grouped(fours!("4[0-9]{3}"), card),
            bare("4[0-9]{15}", card),
            rule("4[0-9]{12}([0-9]{6})?").proves(card).only_with(CARD),
        ]),
        finds: &[
            ("card 4111 1111 1111 1111", "4111 1111 1111 1111"),
            ("4012888888881881", "4012888888881881"),
        ],
        ignores: &[
            "4111 1111 1111 1112",
            "order 4012888888881881",
            "14111111111111111",
            "4111-1111-1111-1111-1",
        ],
    },
    Preset {
        id: "mastercard",
        what: "Mastercard number",
        how: How::Shapes(&[
            grouped(fours!("(5[1-5][0-9]{2}|2[2-7][0-9]{2})"), mastercard),
            bare("(5[1-5]|2[2-7])[0-9]{14}", mastercard),
        ]),
        finds: &[
            ("5555-5555-5555-4444", "5555-5555-5555-4444"),
            ("pay with 2223003122003222", "2223003122003222"),
        ],
        ignores: &["5555-5555-5555-4445", "2220003122003222"],
    },
    Preset {
        id: "amex",
        what: "American Express card number",
        how: How::Shapes(&[
            grouped("3[47][0-9]{2}[ -][0-9]{6}[ -][0-9]{5}", card),
            bare("3[47][0-9]{13}", card),
        ]),
        finds: &[
            ("3782 822463 10005", "3782 822463 10005"),
            ("amex 378282246310005", "378282246310005"),
        ],
        ignores: &["3782 822463 10006", "tracking 378282246310005"],
    },
    Preset {
        id: "discover",
        what: "Discover card number",
        how: How::Shapes(&[
            grouped(fours!("6(011|5[0-9]{2}|4[4-9][0-9])"), card),
            bare("6(011|5[0-9]{2}|4[4-9][0-9])[0-9]{12}", card),
        ]),
        finds: &[
            ("6011 1111 1111 1117", "6011 1111 1111 1117"),
            ("card: 6011000990139424", "6011000990139424"),
        ],
        ignores: &["6011 1111 1111 1118"],
    },
    Preset {
        id: "credit_card",
        what: "payment card number of any known issuer",
        how: How::Shapes(&[
            grouped("[2-6][0-9]{3}([ -][0-9]{4}){3}([ -]?[0-9]{1,3})?", card).base(0.4),
            grouped("3[0-9]{3}[ -][0-9]{6}[ -][0-9]{4,5}", card).base(0.4),
            grouped("[56][0-9]{3}[ -][0-9]{4}[ -][0-9]{5}", card).base(0.4),
            bare("[2-6][0-9]{14,15}", major).base(0.4),
            rule("[2-6]([ -]?[0-9]){11,18}")
                .proves(card)
                .only_with(CARD)
                .base(0.4),
        ]),
        finds: &[
            ("3566 0020 2036 0505", "3566 0020 2036 0505"),
            ("card number 30569309025904", "30569309025904"),
            ("Kreditkarte: 6200000000000005", "6200000000000005"),
            ("{\"card\": 4111111111111111}", "4111111111111111"),
        ],
        ignores: &[
            "isbn 9783161484100",
            "Reference number 4012888888881881 could not be found",
            "1700000000000000",
            "30569309025904",
        ],
    },
];

/// Issuer ranges with lengths, and Luhn.
fn card(text: &str) -> bool {
    let digits = checks::digits(text);
    let length = digits.len();
    let issued = match digits.number(0..4) {
        3400..=3499 | 3700..=3799 => length == 15,
        3000..=3059 | 3600..=3699 | 3800..=3999 => matches!(length, 14 | 16),
        3528..=3589 => matches!(length, 16..=19),
        4000..=4999 => matches!(length, 13 | 16 | 19),
        2221..=2720 | 5100..=5599 => length == 16,
        6011 | 6440..=6599 => matches!(length, 16 | 19),
        5000..=5099 | 5600..=6999 => matches!(length, 12..=19),
        _ => false,
    };
    issued && digits.luhn() && !digits.all_same()
}

fn mastercard(text: &str) -> bool {
    match checks::digits(text).number(0..4) {
        2221..=2720 | 5100..=5599 => card(text),
        _ => false,
    }
}

/// What the four large networks issue; other ranges hold too many numbers that are no cards.
fn major(text: &str) -> bool {
    match checks::digits(text).number(0..4) {
        2221..=2720
        | 3400..=3499
        | 3700..=3799
        | 4000..=4999
        | 5100..=5599
        | 6011
        | 6440..=6599 => card(text),
        _ => false,
    }
}
