//! Identifiers of Spain, Portugal, Italy, Greece and Türkiye.

use super::super::checks;
use super::super::context::words::{
    ES_ID, FISCAL_CODE, GR_AFM, IT_ID, IT_VAT, OTHER_NUMBER, PT_NIF, TCKN,
};
use super::{How, Preset, rule};

pub(super) static PRESETS: &[Preset] = &[
    Preset {
        id: "es_nif",
        what: "Spanish identity and tax number of citizens",
        how: How::Shapes(&[
            rule("[0-9]{8}[- ]?[A-HJ-NP-TV-Z]").proves(checks::es_nif).with(ES_ID).unless(OTHER_NUMBER),
            rule(r"[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}[- ]?[A-HJ-NP-TV-Za-z]").proves(checks::es_nif).with(ES_ID),
            rule("[0-9]{8}[- ]?[a-z]").proves(checks::es_nif).only_with(ES_ID),
        ]),
        finds: &[("Mi DNI es 12345678Z y vivo", "12345678Z"), ("12.345.678-Z", "12.345.678-Z")],
        ignores: &["12345678A", "order 12345678Z", "00000000T"],
    },
    Preset {
        id: "es_nie",
        what: "Spanish identity number of foreigners",
        how: How::Shapes(&[rule("[XYZ]-?[0-9]{7}-?[A-HJ-NP-TV-Z]").proves(checks::es_nif).with(ES_ID)]),
        finds: &[("con NIE X1234567L solicita", "X1234567L"), ("Y-8063915-Z", "Y-8063915-Z")],
        ignores: &["X1234567A", "W1234567L"],
    },
    Preset {
        id: "pt_nif",
        what: "Portuguese tax number",
        how: How::Shapes(&[rule("[1235689][0-9]{2} ?[0-9]{3} ?[0-9]{3}").proves(checks::pt_nif).only_with(PT_NIF)]),
        finds: &[("NIF 123456789", "123456789"), ("contribuinte 123 456 789", "123 456 789")],
        ignores: &["123456789", "NIF 123456788"],
    },
    Preset {
        id: "it_fiscal_code",
        what: "Italian codice fiscale",
        how: How::Shapes(&[
            rule("[A-Z]{6}[0-9LMNPQRSTUV]{2}[ABCDEHLMPRST][0-9LMNPQRSTUV]{2}[A-Z][0-9LMNPQRSTUV]{3}[A-Z]").proves(checks::it_fiscal_code).with(FISCAL_CODE),
            rule("[a-z]{6}[0-9]{2}[abcdehlmprst][0-9]{2}[a-z][0-9]{3}[a-z]").proves(checks::it_fiscal_code).with(FISCAL_CODE),
        ]),
        finds: &[("codice fiscale è MRTMTT91D08F205J.", "MRTMTT91D08F205J")],
        ignores: &["MRTMTT91D08F205K", "MRTMTT91F08F205J"],
    },
    Preset {
        id: "it_vat",
        what: "Italian VAT number",
        how: How::Shapes(&[rule("(IT)?[0-9]{11}").proves(checks::it_vat).only_with(IT_VAT)]),
        finds: &[("partita IVA 01333550323", "01333550323")],
        ignores: &["01333550323", "partita IVA 01333550324"],
    },
    Preset {
        id: "it_id_card",
        what: "Italian identity card, beside a word that says so",
        how: How::Shapes(&[rule("[A-Z]{2} ?[0-9]{7}|C[A-Z][0-9]{5}[A-Z]{2}|[0-9]{7}[A-Z]{2}").only_with(IT_ID)]),
        finds: &[("carta d'identità CA12345AA", "CA12345AA")],
        ignores: &["CA12345AA", "identità digitale"],
    },
    Preset {
        id: "gr_afm",
        what: "Greek tax number",
        how: How::Shapes(&[rule("(EL)?[0-9]{9}").proves(checks::gr_afm).only_with(GR_AFM)]),
        finds: &[("ΑΦΜ: 094259216", "094259216")],
        ignores: &["094259216", "ΑΦΜ 094259217"],
    },
    Preset {
        id: "tr_tckn",
        what: "Turkish identity number",
        how: How::Shapes(&[rule("[1-9][0-9]{10}").proves(checks::tr_tckn).with(TCKN).unless(OTHER_NUMBER)]),
        finds: &[("TC Kimlik No: 10000000146", "10000000146")],
        ignores: &["10000000147", "order 10000000146"],
    },
];
