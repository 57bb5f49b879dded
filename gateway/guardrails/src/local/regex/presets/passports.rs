//! Passports: formats are weak, so a word that says passport must stand near.

use super::super::checks::{digits, is_day};
use super::super::context::words::{OTHER_NUMBER, PASSPORT};
use super::generic::CODE;
use super::{How, Preset, Rule, rule};

const fn passport(shape: &'static str) -> Rule {
    rule(shape)
        .only_with(PASSPORT)
        .unless(OTHER_NUMBER)
        .base(0.3)
}

pub(super) static PRESETS: &[Preset] = &[
    Preset {
        id: "passport_us",
        what: "US passport: nine digits, or a letter and eight",
        how: How::Shapes(&[passport("[0-9]{9}|[A-Z][0-9]{8}")]),
        finds: &[
            ("US passport no. 543210987", "543210987"),
            ("my travel document is A12803456", "A12803456"),
        ],
        ignores: &["543210987", "passport fee 100000"],
    },
    Preset {
        id: "passport_uk",
        what: "British passport: nine digits, or two letters and seven",
        how: How::Shapes(&[passport("[0-9]{9}|[A-Z]{2}[0-9]{7}")]),
        finds: &[("passport number: 925076473", "925076473")],
        ignores: &["AB1234567", "passport AB123456"],
    },
    Preset {
        id: "passport_germany",
        what: "German passport: nine characters out of a reduced alphabet, with or without check digit",
        how: How::Shapes(&[passport("[CFGHJK][CFGHJKLMNPRTVWXYZ0-9]{8}[0-9]?").fits(has_digit)]),
        finds: &[
            ("Reisepass C01X00T47", "C01X00T47"),
            ("Reisepass-Nr. C01X00T478", "C01X00T478"),
        ],
        ignores: &["C01X00T47", "Reisepass A01X00T47"],
    },
    Preset {
        id: "passport_france",
        what: "French passport: two digits, two letters, five digits",
        how: How::Shapes(&[passport("[0-9]{2}[A-Z]{2}[0-9]{5}")]),
        finds: &[("passeport n° 05RP34083", "05RP34083")],
        ignores: &["05RP34083", "passeport 05R34083"],
    },
    Preset {
        id: "passport_netherlands",
        what: "Dutch passport: two letters, six letters or digits, a digit; never the letter O",
        how: How::Shapes(&[passport("[A-NP-Z]{2}[A-NP-Z0-9]{6}[0-9]")]),
        finds: &[("paspoortnummer NW5PK4R81", "NW5PK4R81")],
        ignores: &["NW5PK4R81", "paspoort NO5PK4R81"],
    },
    Preset {
        id: "passport_canada",
        what: "Canadian passport: two letters and six digits, or a letter, six digits and two letters",
        how: How::Shapes(&[passport("[A-Z]{2}[0-9]{6}|[A-Z][0-9]{6}[A-Z]{2}")]),
        finds: &[
            ("Canadian passport GA302922", "GA302922"),
            ("passport A123456AB", "A123456AB"),
        ],
        ignores: &["GA302922", "passport G302922"],
    },
    Preset {
        id: "passport_india",
        what: "Indian passport: a letter and seven digits",
        how: How::Shapes(&[passport("[A-Z]-?[1-9][0-9] ?[0-9]{4}[1-9]")]),
        finds: &[
            ("passport number: J6932157", "J6932157"),
            ("passport A-1234567", "A-1234567"),
        ],
        ignores: &["J6932157", "passport J0932157"],
    },
    Preset {
        id: "passport_australia",
        what: "Australian passport: one or two letters and seven digits",
        how: How::Shapes(&[passport("[A-Z]{1,2}[0-9]{7}")]),
        finds: &[("Australian passport PA0940443", "PA0940443")],
        ignores: &["PA0940443", "passport PAA0940443"],
    },
    Preset {
        id: "passport_china",
        what: "Chinese passport: a letter and eight digits, or two letters and seven",
        how: How::Shapes(&[passport(
            "[DEGPS][0-9]{8}|E[A-HJ-NP-Z][0-9]{7}|1[45][0-9]{7}",
        )]),
        finds: &[
            ("护照号码：E12345678", "E12345678"),
            ("passport EA1234567", "EA1234567"),
        ],
        ignores: &["E12345678", "passport B12345678"],
    },
    Preset {
        id: "passport_japan",
        what: "Japanese passport: two letters and seven digits",
        how: How::Shapes(&[passport("[A-Z]{2}[0-9]{7}")]),
        finds: &[("パスポート TK1234567", "TK1234567")],
        ignores: &["TK1234567", "passport T1234567"],
    },
    Preset {
        id: "passport",
        what: "passport of any country",
        how: How::Shapes(&[
            passport(CODE)
                .digits(3, 20)
                .least(5)
                .fits(coded)
                .within(4)
                .base(0.2),
            passport("[A-Za-z][a-z]?[0-9]{6,8}").within(4).base(0.2),
            // Korean numbers are also written in lower case.
            passport("[DMORSdmors][0-9]{3}[0-9A-Za-z][0-9]{4}")
                .within(4)
                .base(0.2),
        ]),
        finds: &[
            ("passport no. ZAB000254", "ZAB000254"),
            ("Паспорт № 4510-123456", "4510-123456"),
            ("여권번호는 M789C1234입니다", "M789C1234"),
        ],
        ignores: &[
            "ZAB000254",
            "passport expires in 2031",
            "the passport office at 221 Baker Street",
        ],
    },
];

/// A code with three digits at least.
fn coded(text: &str) -> bool {
    let digits = digits(text);
    digits.len() >= 3 && !is_day(text) && (6..=14).contains(&text.len())
}

fn has_digit(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
}
