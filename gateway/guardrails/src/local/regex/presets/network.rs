//! Addresses on networks.

use super::super::context::words::{IP, VERSION};
use super::super::spans::Edge;
use super::{How, Preset, rule};

pub(super) static PRESETS: &[Preset] = &[
    Preset {
        id: "ipv4",
        what: "IPv4 address",
        how: How::Shapes(&[rule(
            r"(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(\.(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}",
        )
        .fits(ipv4)
        .with(IP)
        .unless(VERSION)
        .base(0.6)]),
        finds: &[
            ("from 192.168.1.20:8080", "192.168.1.20"),
            ("8.8.8.8", "8.8.8.8"),
            ("http://10.0.0.1/x", "10.0.0.1"),
            ("10.0.0.0/x", "10.0.0.0"),
        ],
        ignores: &[
            "version 1.2.3.4",
            "192.168.1.256",
            "1.2.3.4.5",
            "Windows 10.0.190.3570",
            "v1.2.3.4",
            "2.16.840.1.113883",
        ],
    },
    Preset {
        id: "ipv6",
        what: "IPv6 address",
        how: How::Shapes(&[rule(concat!(
            r"([0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}",
            r"|([0-9a-fA-F]{1,4}(:[0-9a-fA-F]{1,4}){0,6})?::([0-9a-fA-F]{1,4}(:[0-9a-fA-F]{1,4}){0,6})?",
            r"|([0-9a-fA-F]{1,4}(:[0-9a-fA-F]{1,4}){0,5})?::([0-9a-fA-F]{1,4}:){0,5}[0-9]{1,3}(\.[0-9]{1,3}){3}",
            r"|([0-9a-fA-F]{1,4}:){6}[0-9]{1,3}(\.[0-9]{1,3}){3}",
        ))
        .edge(Edge::Colons)
        .fits(ipv6)
        .with(IP)
        .base(0.6)]),
        finds: &[
            ("2001:db8:85a3:8d3:1319:8a2e:370:7348", "2001:db8:85a3:8d3:1319:8a2e:370:7348"),
            ("ping fe80::1ff:fe23:4567:890a%eth0", "fe80::1ff:fe23:4567:890a"),
            ("my ip: ::1", "::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("::ffff:192.0.2.128", "::ffff:192.0.2.128"),
        ],
        ignores: &[
            "std::cout",
            "12:30:45",
            "a::b",
            "gggg:hhhh::1234",
            "::",
            "00:1A:2B:3C:4D:5E",
            "1:2:3:4:5:6:7:8:9",
            "x[::2]",
        ],
    },
    Preset {
        id: "url",
        what: "web address",
        how: How::Url,
        finds: &[
            ("see https://example.com/a?b=c#d.", "https://example.com/a?b=c#d"),
            ("(http://localhost:8080/x)", "http://localhost:8080/x"),
            ("www.example.org is up", "www.example.org"),
            ("ftp://user@files.example.org/f", "ftp://user@files.example.org/f"),
        ],
        ignores: &["https://", "a :// b", "www.", "see file.rs and main.py"],
    },
];

fn ipv4(text: &str) -> bool {
    // `0.x.y.z` is a version or a range, apart from the address that means all of them.
    !text.starts_with("0.") || text == "0.0.0.0"
}

fn ipv6(text: &str) -> bool {
    let address: Result<std::net::Ipv6Addr, _> = text.parse();
    address.is_ok() && text.bytes().any(|byte| byte.is_ascii_digit())
}
