//! Ways to reach a person.

use super::super::checks;
use super::super::context::words::{OTHER_NUMBER, PHONE};
use super::{How, Preset, rule};

pub(super) static PRESETS: &[Preset] = &[
    Preset {
        id: "email",
        what: "e-mail address",
        how: How::Email,
        finds: &[
            (
                "write to ada.lovelace+x@example.co.uk.",
                "ada.lovelace+x@example.co.uk",
            ),
            ("<a@b.org>", "a@b.org"),
        ],
        ignores: &[
            "@decorator",
            "a@b",
            "user@host:path",
            "x@1.5",
            "lodash@4.17.21",
            "a@.com",
            "a@-x.com",
            "logo@2x.png",
        ],
    },
    Preset {
        id: "us_phone",
        what: "telephone number of the United States or Canada",
        how: How::Shapes(&[
            rule(r"\+1[ .-]?(\([2-9][0-9]{2}\)|[2-9][0-9]{2})[ .-]?[2-9][0-9]{2}[ .-]?[0-9]{4}")
                .fits(us_phone)
                .with(PHONE)
                .base(0.7),
            rule(r"(1[ .-])?\([2-9][0-9]{2}\)[ .-]?[2-9][0-9]{2}[ .-][0-9]{4}")
                .fits(us_phone)
                .with(PHONE)
                .base(0.7),
            rule(r"(1-)?[2-9][0-9]{2}-[2-9][0-9]{2}-[0-9]{4}")
                .fits(us_phone)
                .with(PHONE)
                .base(0.6),
            rule(r"(1\.)?[2-9][0-9]{2}\.[2-9][0-9]{2}\.[0-9]{4}")
                .fits(us_phone)
                .with(PHONE)
                .base(0.5),
            rule(r"(1[ .-]?)?[2-9][0-9]{2}[ .-]?[2-9][0-9]{2}[ .-]?[0-9]{4}")
                .fits(us_phone)
                .only_with(PHONE)
                .unless(OTHER_NUMBER),
        ]),
        finds: &[
            ("call (415) 555-2671 today", "(415) 555-2671"),
            ("+1 415 555 2671", "+1 415 555 2671"),
            ("415-555-2671", "415-555-2671"),
            ("phone: 4155552671", "4155552671"),
        ],
        ignores: &[
            "4155552671",
            "115-555-2671",
            "415-155-2671",
            "2024-415-555-2671",
        ],
    },
];

fn us_phone(text: &str) -> bool {
    let digits = checks::digits(text);
    // An area code's last two digits are not 11: 911 and its kin are no areas.
    let from = digits.len().saturating_sub(10);
    digits.number(from + 1..from + 3) != 11
}
