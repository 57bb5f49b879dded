//! Health: patients, insurance, those who prescribe.

use super::super::checks;
use super::super::context::words::{DEA, HEALTH_INSURANCE, MBI, MRN, NPI, OTHER_NUMBER};
use super::generic::{CODE, code};
use super::{How, Preset, rule};

pub(super) static PRESETS: &[Preset] = &[
    Preset {
        id: "us_mbi",
        what: "US Medicare beneficiary identifier",
        how: How::Shapes(&[
            rule("[1-9][AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9][0-9]-[AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9][0-9]-[AC-HJKMNP-RT-Y]{2}[0-9]{2}")
                .with(MBI)
                .base(0.8),
            rule("[1-9][AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9][0-9][AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9][0-9][AC-HJKMNP-RT-Y]{2}[0-9]{2}")
                .only_with(MBI),
        ]),
        finds: &[("1EG4-TE5-MK73", "1EG4-TE5-MK73"), ("Medicare number 1EG4TE5MK73", "1EG4TE5MK73")],
        ignores: &["1EG4TE5MK73", "12G4-TE5-MK73", "1SG4-TE5-MK73"],
    },
    Preset {
        id: "us_npi",
        what: "US national provider identifier",
        how: How::Shapes(&[rule("[12][0-9]{9}").proves(checks::npi).only_with(NPI)]),
        finds: &[("NPI of the attending physician 1234567893", "1234567893")],
        ignores: &["1234567893", "NPI 1234567894"],
    },
    Preset {
        id: "us_dea",
        what: "US drug enforcement registration number",
        how: How::Shapes(&[rule("[ABCDEFGHJKLMPRSTUX][A-Z9][0-9]{7}").proves(checks::dea).only_with(DEA)]),
        finds: &[("DEA AB1234563", "AB1234563")],
        ignores: &["AB1234563", "DEA AB1234564"],
    },
    Preset {
        id: "medical_record_number",
        what: "number of a patient or a medical record, beside a word that says so",
        how: How::Shapes(&[
            rule(CODE).digits(3, 20).least(5).fits(code).only_with(MRN).within(3).unless(OTHER_NUMBER).base(0.2),
            rule("MRN[:# -]{0,2}[0-9]{5,10}").base(0.8),
        ]),
        finds: &[
            ("Patient Scott, MRN H-7853862, was admitted", "H-7853862"),
            ("MRN176591012", "MRN176591012"),
            ("medical record number 0352041", "0352041"),
        ],
        ignores: &["H-7853862", "MRN is missing", "Serial EPW4762-1250-2"],
    },
    Preset {
        id: "health_insurance_id",
        what: "number of a health insurance, beside a word that says so",
        how: How::Shapes(&[
            rule(CODE).digits(3, 20).least(5).fits(code).only_with(HEALTH_INSURANCE).within(3).base(0.2),
            rule("80[0-9]{18}").only_with(HEALTH_INSURANCE),
        ]),
        finds: &[("member ID: XEA123456789", "XEA123456789"), ("Versichertennummer A123456780", "A123456780")],
        ignores: &["XEA123456789", "health insurance since 2019"],
    },
    Preset {
        id: "de_health_insurance",
        what: "German health insurance number",
        how: How::Shapes(&[rule("[A-Z][0-9]{9}").proves(checks::de_health).only_with(HEALTH_INSURANCE)]),
        finds: &[("Krankenversichertennummer: B123456782", "B123456782")],
        ignores: &["B123456782", "KVNR B123456783"],
    },
];
