//! Numbers of any country that only the word before them gives away.

use super::super::checks::digits;
use super::super::context::words::{NATIONAL_ID, OTHER_NUMBER, TAX_ID, VAT};
use super::{How, Preset, Rule, rule};

/// A code of upper-case letters and digits, in one run or with `.`, `/` or `-` between.
pub(super) const CODE: &str = "[A-Z0-9]+([./-][A-Z0-9]+)*";

/// Numbers with blanks or dashes between.
pub(super) const GROUPS: &str = "[0-9]+([ -][0-9]+)+";

/// Whether a code has the length and the digits of an identifier, and is no date.
pub(super) fn code(text: &str) -> bool {
    let long = text.bytes().filter(u8::is_ascii_alphanumeric).count();
    let numbers = digits(text);
    let date = text.contains(['-', '/', '.'])
        && long == 8
        && numbers.len() == 8
        && super::super::checks::is_day(text);
    (5..=20).contains(&long) && numbers.len() >= 4 && !numbers.all_same() && !date
}

const fn labelled(shape: &'static str) -> Rule {
    rule(shape).unless(OTHER_NUMBER).base(0.1)
}

pub(super) static PRESETS: &[Preset] = &[
    Preset {
        id: "national_id",
        what: "identity card or personal number of any country, beside a word that says so",
        how: How::Shapes(&[
            labelled(CODE)
                .digits(3, 20)
                .least(5)
                .fits(code)
                .only_with(NATIONAL_ID)
                .within(4),
            labelled(GROUPS)
                .digits(5, 20)
                .least(6)
                .fits(code)
                .only_with(NATIONAL_ID)
                .within(4),
        ]),
        finds: &[
            ("identity card (PK): 45504-4185771-3", "45504-4185771-3"),
            ("national ID 8203 141 2345", "8203 141 2345"),
        ],
        ignores: &[
            "45504-4185771-9",
            "the identity card costs 30 euros",
            "national ID issued 2020-01-31",
        ],
    },
    Preset {
        id: "tax_id",
        what: "tax number of any country, beside a word that says so",
        how: How::Shapes(&[
            labelled(CODE)
                .digits(3, 20)
                .least(5)
                .fits(code)
                .only_with(TAX_ID)
                .within(4),
            labelled(GROUPS)
                .digits(5, 20)
                .least(6)
                .fits(code)
                .only_with(TAX_ID)
                .within(4),
        ]),
        finds: &[
            ("tax id (sk-SK): 536221/999", "536221/999"),
            ("Tax ID: 123 456 7890", "123 456 7890"),
        ],
        ignores: &["536221/999", "tax number of 2024"],
    },
    Preset {
        id: "vat_id",
        what: "VAT identification number",
        how: How::Shapes(&[
            labelled(CODE)
                .digits(3, 20)
                .least(5)
                .fits(code)
                .only_with(VAT)
                .within(4),
            labelled(r"CHE-?[0-9]{3}\.?[0-9]{3}\.?[0-9]{3}( (MWST|TVA|IVA))?").base(0.6),
            labelled("CHE [0-9]{3} [0-9]{3} [0-9]{3}( (MWST|TVA|IVA))?|GB(GD|HA)[0-9]{3}")
                .only_with(VAT),
            labelled("[A-Z]{2}[0-9]*( [0-9]+)+")
                .fits(code)
                .only_with(VAT)
                .within(4),
        ]),
        finds: &[
            ("USt-IdNr. DE136695976", "DE136695976"),
            (
                "VAT number (BR): BR12.345.678/9012-34",
                "BR12.345.678/9012-34",
            ),
            ("CHE-116.281.710 MWST", "CHE-116.281.710 MWST"),
        ],
        ignores: &["DE136695976", "VAT is 19 percent", "VAT from 2024-01-01"],
    },
];
