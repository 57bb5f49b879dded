//! Identifiers of Sweden, Finland, Norway, Denmark and the Baltic states.

use super::super::checks;
use super::super::context::words::{CPR, HETU, LT_AK, NO_FNR, ORGNR, PERSONNUMMER};
use super::{How, Preset, rule};

pub(super) static PRESETS: &[Preset] = &[
    Preset {
        id: "se_personnummer",
        what: "Swedish personal number",
        how: How::Shapes(&[
            rule("((19|20)?[0-9]{6})[-+][0-9]{4}")
                .proves(checks::se_personnummer)
                .with(PERSONNUMMER),
            rule("(19|20)?[0-9]{10}")
                .proves(checks::se_personnummer)
                .only_with(PERSONNUMMER),
        ]),
        finds: &[
            ("811218-9876", "811218-9876"),
            ("personnummer 198112189876", "198112189876"),
        ],
        ignores: &["811218-9877", "198112189876", "811318-9876"],
    },
    Preset {
        id: "se_organisationsnummer",
        what: "Swedish or Norwegian company number, beside a word that says so",
        how: How::Shapes(&[
            rule("[0-9]{6}-?[0-9]{4}").proves(luhn).only_with(ORGNR),
            rule("[89][0-9]{2} ?[0-9]{3} ?[0-9]{3}").only_with(ORGNR),
        ]),
        finds: &[("orgnr 556703-7485", "556703-7485")],
        ignores: &["556703-7485", "orgnr 556703-7486"],
    },
    Preset {
        id: "fi_hetu",
        what: "Finnish personal identity code",
        how: How::Shapes(&[
            rule("[0-3][0-9][01][0-9]{3}[-+A-FU-Y][0-9]{3}[0-9A-FHJ-NPR-Y]")
                .proves(checks::fi_hetu)
                .with(HETU),
        ]),
        finds: &[
            ("131052-308T", "131052-308T"),
            ("hetu: 020594X903P", "020594X903P"),
        ],
        ignores: &["131052-308U", "331352-308T"],
    },
    Preset {
        id: "no_fnr",
        what: "Norwegian birth number",
        how: How::Shapes(&[rule("[0-7][0-9][01][0-9]{3} ?[0-9]{5}")
            .proves(checks::no_fnr)
            .with(NO_FNR)]),
        finds: &[
            ("fødselsnummer 010180 10018", "010180 10018"),
            ("01018010018", "01018010018"),
        ],
        ignores: &["01018010019", "01138010018"],
    },
    Preset {
        id: "dk_cpr",
        what: "Danish CPR number, beside a word that says so",
        how: How::Shapes(&[rule("[0-3][0-9][01][0-9]{3}[- ]?[0-9]{4}")
            .fits(checks::dk_cpr)
            .only_with(CPR)]),
        finds: &[
            ("CPR 070761-4285", "070761-4285"),
            ("cpr-nr. 0707614285", "0707614285"),
        ],
        ignores: &["070761-4285", "CPR 071361-4285"],
    },
    Preset {
        id: "baltic_personal_code",
        what: "Estonian or Lithuanian personal code, Latvian with its dash",
        how: How::Shapes(&[
            rule("[3-6][0-9]{10}")
                .proves(checks::baltic_code)
                .only_with(LT_AK),
            rule("[0-3][0-9][01][0-9]{3}-[012][0-9]{4}").fits(checks::dk_cpr),
        ]),
        finds: &[
            ("asmens kodas 33309240064", "33309240064"),
            ("161175-19997", "161175-19997"),
        ],
        ignores: &["33309240064", "asmens kodas 33309240065", "161375-19997"],
    },
];

fn luhn(text: &str) -> bool {
    checks::digits(text).luhn()
}
