//! Identifiers of Poland, Czechia, Slovakia, Hungary, Romania, Bulgaria and Croatia.

use super::super::checks;
use super::super::context::words::{
    BG_EGN, CZ_RC, HR_OIB, HU_TAJ, PESEL, PL_ID, PL_NIP, PL_REGON, RO_CNP,
};
use super::{How, Preset, rule};

pub(super) static PRESETS: &[Preset] = &[
    Preset {
        id: "pl_pesel",
        what: "Polish PESEL",
        how: How::Shapes(&[rule("[0-9]{11}").proves(checks::pl_pesel).only_with(PESEL)]),
        finds: &[("My pesel is 44051401458.", "44051401458")],
        ignores: &["44051401458", "PESEL 44051401459"],
    },
    Preset {
        id: "pl_nip",
        what: "Polish tax number",
        how: How::Shapes(&[rule("[1-9][0-9]{2}-?[0-9]{2,3}-?[0-9]{2}-?[0-9]{2,3}")
            .proves(nip)
            .only_with(PL_NIP)]),
        finds: &[
            ("NIP 123-456-32-18", "123-456-32-18"),
            ("NIP: 1234563218", "1234563218"),
        ],
        ignores: &["1234563218", "NIP 1234563219"],
    },
    Preset {
        id: "pl_regon",
        what: "Polish business register number, beside a word that says so",
        how: How::Shapes(&[rule("[0-9]{9}([0-9]{5})?").only_with(PL_REGON)]),
        finds: &[("REGON 123456785", "123456785")],
        ignores: &["123456785", "REGON 12345678"],
    },
    Preset {
        id: "pl_id_card",
        what: "Polish identity card, beside a word that says so",
        how: How::Shapes(&[rule("[A-Z]{3} ?[0-9]{6}").only_with(PL_ID)]),
        finds: &[("dowód osobisty ABA 300000", "ABA 300000")],
        ignores: &["ABA 300000", "dowód ABA 30000"],
    },
    Preset {
        id: "cz_rodne_cislo",
        what: "Czech and Slovak birth number",
        how: How::Shapes(&[
            rule("[0-9]{6}/[0-9]{4}").proves(checks::cz_rc),
            rule("[0-9]{6}/?[0-9]{3,4}")
                .proves(checks::cz_rc)
                .only_with(CZ_RC),
        ]),
        finds: &[
            ("736028/5163", "736028/5163"),
            ("rodné číslo: 7360285163", "7360285163"),
        ],
        ignores: &["736028/5164", "7360285163", "739928/5163"],
    },
    Preset {
        id: "hu_taj",
        what: "Hungarian health insurance number",
        how: How::Shapes(&[rule("[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{3}")
            .proves(checks::hu_taj)
            .only_with(HU_TAJ)]),
        finds: &[("TAJ szám: 123 456 788", "123 456 788")],
        ignores: &["123 456 788", "TAJ 123 456 789"],
    },
    Preset {
        id: "ro_cnp",
        what: "Romanian personal number",
        how: How::Shapes(&[rule("[1-9][0-9]{12}")
            .proves(checks::ro_cnp)
            .only_with(RO_CNP)]),
        finds: &[("CNP 1800101221144", "1800101221144")],
        ignores: &["1800101221144", "CNP 1800101221145"],
    },
    Preset {
        id: "bg_egn",
        what: "Bulgarian personal number",
        how: How::Shapes(&[rule("[0-9]{10}").proves(checks::bg_egn).only_with(BG_EGN)]),
        finds: &[("ЕГН 7523169263", "7523169263")],
        ignores: &["7523169263", "EGN 7523169264"],
    },
    Preset {
        id: "hr_oib",
        what: "Croatian personal number",
        how: How::Shapes(&[rule("[0-9]{11}").proves(checks::hr_oib).only_with(HR_OIB)]),
        finds: &[("OIB: 94577403194", "94577403194")],
        ignores: &["94577403194", "OIB 94577403195"],
    },
];

fn nip(text: &str) -> bool {
    checks::digits(text).len() == 10 && checks::pl_nip(text)
}
