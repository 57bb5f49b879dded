//! Vehicles and those who drive them.

use super::super::checks;
use super::super::context::words::{DRIVER_LICENSE, OTHER_NUMBER, PLATE, VIN};
use super::generic::{CODE, code};
use super::{How, Preset, rule};

pub(super) static PRESETS: &[Preset] = &[
    Preset {
        id: "us_driver_license",
        what: "driving licence, beside a word that says so",
        how: How::Shapes(&[
            rule(CODE)
                .digits(3, 20)
                .least(5)
                .fits(code)
                .only_with(DRIVER_LICENSE)
                .within(4)
                .unless(OTHER_NUMBER)
                .base(0.2),
            rule("[A-Z0-9]+( [0-9]+)+")
                .fits(code)
                .only_with(DRIVER_LICENSE)
                .within(4)
                .base(0.2),
        ]),
        finds: &[
            ("Driver license P432-5418-5712 issued in", "P432-5418-5712"),
            ("driver's licence number: V4915632", "V4915632"),
            ("DL# D1234567", "D1234567"),
        ],
        ignores: &[
            "P432-5418-5712",
            "driving licence since 2011",
            "MIT license 2024",
        ],
    },
    Preset {
        id: "vin",
        what: "vehicle identification number",
        how: How::Shapes(&[
            rule("[A-HJ-NPR-Z0-9]{17}").fits(mixed).only_with(VIN),
            rule("[A-HJ-NPR-Z0-9]{13}[0-9]{4}").proves(proven_vin),
        ]),
        finds: &[
            ("VIN WVW2WKD55RSVHD9WR, plate", "WVW2WKD55RSVHD9WR"),
            ("1HGCM82633A004352", "1HGCM82633A004352"),
        ],
        ignores: &[
            "1HGCM82643A004352",
            "WVW2WKD55RSVHD9WR",
            "12345678901234567",
            "VIN ABCDEFGHJKLMNPRST",
        ],
    },
    Preset {
        id: "license_plate",
        what: "number plate of a vehicle, beside a word that says so",
        how: How::Shapes(&[
            rule("([A-Z0-9]|Ä|Ö|Ü)+([ -][A-Z0-9]+)*")
                .fits(plate)
                .only_with(PLATE)
                .within(3)
                .unless(OTHER_NUMBER)
                .base(0.2),
            rule("[0-9]{2,4}[ -][0-9]{2,4}")
                .only_with(PLATE)
                .within(1)
                .base(0.1),
        ]),
        finds: &[
            ("plate LE44 XED, owner", "LE44 XED"),
            ("Kennzeichen B-MW 1234", "B-MW 1234"),
            ("license plate (hu-HU): ACO-789", "ACO-789"),
            ("Plaka 34 ABC 1234 ve", "34 ABC 1234"),
        ],
        ignores: &[
            "LE44 XED",
            "plate 2024",
            "registration is open until 2025",
            "number plate of a car",
        ],
    },
];

fn mixed(text: &str) -> bool {
    let digits = checks::digits(text).len();
    (1..17).contains(&digits)
}

fn proven_vin(text: &str) -> bool {
    mixed(text) && checks::vin(text)
}

fn plate(text: &str) -> bool {
    let letters = text.bytes().filter(u8::is_ascii_uppercase).count();
    let digits = checks::digits(text).len();
    (1..=7).contains(&digits)
        && (1..=6).contains(&letters)
        && (3..=10).contains(&(letters + digits))
        && text.len() <= 13
}
