//! Identifiers of Germany, Austria, Switzerland, France, Belgium and the Netherlands.

use super::super::checks;
use super::super::context::words::{AHV, AT_SV, BE_NRN, BSN, DE_ID, DE_SOCIAL, DE_TAX, NIR};
use super::{How, Preset, rule};

pub(super) static PRESETS: &[Preset] = &[
    Preset {
        id: "de_tax_id",
        what: "German tax id",
        how: How::Shapes(&[rule("[1-9][0-9] ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}")
            .proves(checks::de_tax_id)
            .only_with(DE_TAX)]),
        finds: &[
            ("Steuer-ID 26954371827.", "26954371827"),
            ("Steuer-ID: 26 954 371 827", "26 954 371 827"),
        ],
        ignores: &["26954371827", "Steuer-ID 26954371828"],
    },
    Preset {
        id: "de_id_card",
        what: "German identity card, beside a word that says so",
        how: How::Shapes(&[rule("[LMNPRTVWXY0-9][CFGHJKLMNPRTVWXYZ0-9]{8}[0-9]?D?")
            .fits(has_digits)
            .only_with(DE_ID)]),
        finds: &[
            ("Personalausweis T220001293", "T220001293"),
            ("Ausweisnummer L01X00T47", "L01X00T47"),
        ],
        ignores: &["T220001293", "Ausweis verloren"],
    },
    Preset {
        id: "de_social_security",
        what: "German pension insurance number",
        how: How::Shapes(&[rule("[0-9]{2} ?[0-9]{6} ?[A-Z] ?[0-9]{3}")
            .proves(checks::de_pension)
            .with(DE_SOCIAL)]),
        finds: &[
            ("15070649C103", "15070649C103"),
            ("SV-Nummer 15 070649 C 103", "15 070649 C 103"),
        ],
        ignores: &["15070649C104", "15990649C103"],
    },
    Preset {
        id: "at_svnr",
        what: "Austrian social insurance number",
        how: How::Shapes(&[rule("[1-9][0-9]{3} ?[0-9]{6}")
            .proves(checks::at_svnr)
            .only_with(AT_SV)]),
        finds: &[("SVNR 1237 010180", "1237 010180")],
        ignores: &["1237 010180", "SVNR 1238 010180"],
    },
    Preset {
        id: "ch_ahv",
        what: "Swiss AHV number",
        how: How::Shapes(&[
            rule(r"756\.[0-9]{4}\.[0-9]{4}\.[0-9]{2}").proves(checks::ch_ahv),
            rule("756[0-9]{10}").proves(checks::ch_ahv).only_with(AHV),
        ]),
        finds: &[
            ("756.9217.0769.85", "756.9217.0769.85"),
            ("AHV 7569217076985", "7569217076985"),
        ],
        ignores: &["756.9217.0769.84", "7569217076985"],
    },
    Preset {
        id: "fr_nir",
        what: "French social security number",
        how: How::Shapes(&[
            rule("[12][0-9]{4}(2[AB]|[0-9]{2})[0-9]{8}")
                .proves(checks::fr_nir)
                .with(NIR),
            rule("[12] [0-9]{2} [0-9]{2} (2[AB]|[0-9]{2}) [0-9]{3} [0-9]{3}( [0-9]{2}|/[0-9]{2})")
                .proves(checks::fr_nir)
                .with(NIR),
        ]),
        finds: &[
            ("sécurité sociale est 255081416802538", "255081416802538"),
            ("2 55 08 14 168 025 38", "2 55 08 14 168 025 38"),
        ],
        ignores: &["255081416802539", "355081416802538"],
    },
    Preset {
        id: "be_nrn",
        what: "Belgian national number",
        how: How::Shapes(&[
            rule(r"[0-9]{2}\.[0-9]{2}\.[0-9]{2}-[0-9]{3}\.[0-9]{2}").proves(checks::be_nrn),
            rule("[0-9]{11}|[0-9]{6}[ -][0-9]{3}[ -][0-9]{2}")
                .proves(checks::be_nrn)
                .only_with(BE_NRN),
        ]),
        finds: &[
            ("85.07.30-033.28", "85.07.30-033.28"),
            ("rijksregisternummer 85073003328", "85073003328"),
        ],
        ignores: &["85.07.30-033.29", "85073003328"],
    },
    Preset {
        id: "nl_bsn",
        what: "Dutch citizen service number",
        how: How::Shapes(&[rule(
            "[0-9]{8,9}|[0-9]{4}[. ][0-9]{2}[. ][0-9]{3}|[0-9]{3}[. ][0-9]{3}[. ][0-9]{3}",
        )
        .proves(checks::nl_bsn)
        .only_with(BSN)]),
        finds: &[
            ("BSN: 111222333", "111222333"),
            ("burgerservicenummer 1112.22.333", "1112.22.333"),
        ],
        ignores: &["111222333", "BSN 111222334"],
    },
];

fn has_digits(text: &str) -> bool {
    checks::digits(text).len() >= 3
}
