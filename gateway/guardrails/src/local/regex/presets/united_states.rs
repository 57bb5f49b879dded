//! Identifiers of the United States.

use super::super::checks;
use super::super::context::words::{EIN, ITIN, SSN};
use super::{How, Preset, rule};

pub(super) static PRESETS: &[Preset] = &[
    Preset {
        id: "us_ssn",
        what: "US social security number with dashes, or with blanks beside a word that says so",
        how: How::Shapes(&[
            rule(r"[0-8][0-9]{2}-[0-9]{2}-[0-9]{4}")
                .fits(ssn)
                .with(SSN)
                .base(0.7),
            rule(r"[0-8][0-9]{2} [0-9]{2} [0-9]{4}")
                .fits(ssn)
                .only_with(SSN),
        ]),
        finds: &[
            ("SSN: 536-22-1234.", "536-22-1234"),
            ("my social security number is 536 22 1234", "536 22 1234"),
        ],
        ignores: &[
            "000-22-1234",
            "666-22-1234",
            "536-00-1234",
            "536-22-0000",
            "078-05-1120",
            "part 1536-22-1234",
            "A-536-22-1234",
            "536-22-1234-9",
            "rows 536 22 1234",
        ],
    },
    Preset {
        id: "us_ssn_no_dash",
        what: "US social security number without separators, beside a word that says so",
        how: How::Shapes(&[rule(r"[0-8][0-9]{8}").fits(ssn).only_with(SSN)]),
        finds: &[("ssn=536221234", "536221234")],
        ignores: &["order 536221234", "ssn 000221234", "ssn 5362212345"],
    },
    Preset {
        id: "us_itin",
        what: "US individual taxpayer identification number",
        how: How::Shapes(&[
            rule(r"9[0-9]{2}-[0-9]{2}-[0-9]{4}")
                .fits(itin)
                .with(ITIN)
                .base(0.6),
            rule(r"9[0-9]{2}-[0-9]{6}|9[0-9]{4}-[0-9]{4}")
                .fits(itin)
                .with(ITIN)
                .base(0.3),
            rule(r"9[0-9]{2} ?[0-9]{2} ?[0-9]{4}")
                .fits(itin)
                .only_with(ITIN),
        ]),
        finds: &[
            ("ITIN 912-78-1234", "912-78-1234"),
            ("itin: 912781234", "912781234"),
        ],
        ignores: &["912-10-1234", "912781234"],
    },
    Preset {
        id: "us_ein",
        what: "US employer identification number, beside a word that says so",
        how: How::Shapes(&[rule(r"[0-9]{2}-?[0-9]{7}").fits(ein).only_with(EIN)]),
        finds: &[("EIN 12-3456789", "12-3456789")],
        ignores: &["12-3456789", "EIN 07-3456789"],
    },
];

fn ssn(text: &str) -> bool {
    let digits = checks::digits(text);
    let (area, group, serial) = (
        digits.number(0..3),
        digits.number(3..5),
        digits.number(5..9),
    );
    let fits = area != 0 && area != 666 && area < 900 && group != 0 && serial != 0;
    // Two numbers that advertisements made known, and rows of one digit.
    let known = matches!((area, group, serial), (78, 5, 1120) | (219, 9, 9999));
    fits && !known && !digits.all_same()
}

fn itin(text: &str) -> bool {
    let group = checks::digits(text).number(3..5);
    matches!(group, 50..=65 | 70..=88 | 90..=92 | 94..=99)
}

/// The first two digits are the campus or the way in which the number was assigned.
fn ein(text: &str) -> bool {
    let prefix = checks::digits(text).number(0..2);
    let unused =
        matches!(prefix, 0 | 7..=9 | 17..=19 | 28 | 29 | 49 | 69 | 70 | 78 | 79 | 89 | 96 | 97);
    !unused
}
