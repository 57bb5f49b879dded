//! Devices.

use super::super::checks::{self, digits};
use super::super::context::words::{IMEI, MAC};
use super::super::spans::Edge;
use super::{How, Preset, rule};

pub(super) static PRESETS: &[Preset] = &[
    Preset {
        id: "mac_address",
        what: "hardware address of a network device",
        how: How::Shapes(&[
            rule("([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}((:[0-9a-fA-F]{2}){2})?")
                .fits(somebody)
                .edge(Edge::Colons)
                .with(MAC)
                .base(0.8),
            rule("([0-9a-fA-F]{2}-){5}[0-9a-fA-F]{2}((-[0-9a-fA-F]{2}){2})?")
                .fits(somebody)
                .with(MAC)
                .base(0.7),
            rule(r"[0-9a-fA-F]{4}\.[0-9a-fA-F]{4}\.[0-9a-fA-F]{4}")
                .fits(mixed)
                .with(MAC)
                .base(0.5),
            rule("[0-9a-fA-F]{2}( [0-9a-fA-F]{2}){5}(( [0-9a-fA-F]{2}){2})?")
                .only_with(MAC)
                .within(2),
            rule("[0-9a-fA-F]{12}").only_with(MAC).within(3),
        ]),
        finds: &[
            ("mac=fc:47:3e:2d:f2:dc ip", "fc:47:3e:2d:f2:dc"),
            ("00-1A-2B-3C-4D-5E", "00-1A-2B-3C-4D-5E"),
            ("Device MAC: AA:BB:CC:DD:EE:FF", "AA:BB:CC:DD:EE:FF"),
            ("001a.2b3c.4d5e", "001a.2b3c.4d5e"),
            ("mac: 01:AB:03:04:05:06:07:08", "01:AB:03:04:05:06:07:08"),
        ],
        ignores: &[
            "00:1A:2B:3C:4D",
            "00:1A:2B:3C:4D:5E:6F",
            "1234.5678.9012",
            "001a2b3c4d5e",
            "00-1A-2B-3C-4D-5E-77",
        ],
    },
    Preset {
        id: "imei",
        what: "identity of a mobile device",
        how: How::Shapes(&[
            rule("[0-9]{15}").proves(imei).only_with(IMEI),
            rule("[0-9]{2}-[0-9]{6}-[0-9]{6}-[0-9]")
                .proves(imei)
                .with(IMEI),
        ]),
        finds: &[
            ("device imei=490154203237518 mac", "490154203237518"),
            ("49-015420-323751-8", "49-015420-323751-8"),
        ],
        ignores: &["490154203237518", "imei 490154203237519"],
    },
];

fn imei(text: &str) -> bool {
    let d = digits(text);
    d.luhn() && !d.all_same()
}

/// Not the address of everybody or nobody.
fn somebody(text: &str) -> bool {
    let mut hex = text.bytes().filter(u8::is_ascii_hexdigit);
    let first = hex.next();
    hex.any(|byte| Some(byte) != first)
}

/// Numbers in groups of four are something else.
fn mixed(text: &str) -> bool {
    checks::digits(text).len() < 12
}
