//! Which addresses are never called, whatever a name resolves to.
//!
//! The longest matching prefix decides, so a broad entry of the settings opens nothing that is closed by a
//! narrow one: `allow: [0.0.0.0/0]` does not open the metadata service, `allow: [169.254.169.254/32]` does.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A range of addresses, `10.0.0.0/8` or `fd00::/8`; a bare address is a range of one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cidr {
    base: Number,
    /// 0 to 32 or 128.
    prefix: u8,
}

/// An address as a number of its family.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Number {
    V4(u32),
    V6(u128),
}

/// A text that is not an address range.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0:?} is not an address range: write 10.0.0.0/8, fd00::/8 or a single address")]
pub struct CidrError(String);

/// The number of an address; IPv6 forms that carry an IPv4 address count as that.
fn number(address: IpAddr) -> Number {
    match address {
        IpAddr::V4(v4) => Number::V4(v4.to_bits()),
        IpAddr::V6(v6) => {
            embedded(v6).map_or(Number::V6(v6.to_bits()), |v4| Number::V4(v4.to_bits()))
        }
    }
}

/// The IPv4 address that a packet to `v6` ends up at: mapped, compatible, NAT64 (RFC 6052), 6to4 (RFC 3056).
fn embedded(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = v6.segments();
    let from = |high: u16, low: u16| Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low));
    match s {
        [0, 0, 0, 0, 0, 0xffff, high, low] => Some(from(high, low)),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => Some(from(high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(from(high, low)),
        [0x2002, high, low, ..] => Some(from(high, low)),
        _ => None,
    }
}

impl Cidr {
    const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Self {
        Self {
            base: Number::V4(Ipv4Addr::new(a, b, c, d).to_bits()),
            prefix,
        }
    }

    const fn v6(segments: [u16; 8], prefix: u8) -> Self {
        let [a, b, c, d, e, f, g, h] = segments;
        Self {
            base: Number::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h).to_bits()),
            prefix,
        }
    }

    fn holds(self, number: Number) -> bool {
        // Shifting out everything is what an empty prefix means.
        match (self.base, number) {
            (Number::V4(base), Number::V4(number)) => {
                (base ^ number)
                    .checked_shr(32 - u32::from(self.prefix))
                    .unwrap_or(0)
                    == 0
            }
            (Number::V6(base), Number::V6(number)) => {
                (base ^ number)
                    .checked_shr(128 - u32::from(self.prefix))
                    .unwrap_or(0)
                    == 0
            }
            (Number::V4(_), Number::V6(_)) | (Number::V6(_), Number::V4(_)) => false,
        }
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = || CidrError(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u8>().map_err(|_| fail())?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| fail())?;
        let (base, bits) = match address {
            IpAddr::V4(v4) => (Number::V4(v4.to_bits()), 32),
            IpAddr::V6(v6) => (Number::V6(v6.to_bits()), 128),
        };
        let prefix = prefix.unwrap_or(bits);
        if prefix > bits {
            Err(fail())
        } else {
            Ok(Self { base, prefix })
        }
    }
}

/// Closed unless the settings open them: link-local, unspecified, multicast, broadcast and the metadata
/// services of clouds (AWS, Google and Azure answer at 169.254.169.254 and at the addresses named here).
/// Private and loopback addresses are open: clusters live there.
const CLOSED: &[Cidr] = &[
    Cidr::v4(0, 0, 0, 0, 8),
    Cidr::v4(169, 254, 0, 0, 16),
    Cidr::v4(224, 0, 0, 0, 4),
    Cidr::v4(255, 255, 255, 255, 32),
    // Alibaba, Azure's wire server, Oracle.
    Cidr::v4(100, 100, 100, 200, 32),
    Cidr::v4(168, 63, 129, 16, 32),
    Cidr::v4(192, 0, 0, 192, 32),
    Cidr::v6([0; 8], 128),
    Cidr::v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),
    Cidr::v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8),
    // AWS, Google.
    Cidr::v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], 128),
    Cidr::v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128),
];

/// What the settings say on top of what is closed anyway.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AddressRules {
    /// Opens.
    pub allow: Vec<Cidr>,
    /// Closes; wins over an `allow` of the same length.
    pub deny: Vec<Cidr>,
}

impl AddressRules {
    /// Reads what the settings list. A range that cannot be read is left out and told, as (list, index, why).
    pub fn read(
        allow: &[String],
        deny: &[String],
    ) -> (Self, Vec<(&'static str, usize, CidrError)>) {
        let mut problems = Vec::new();
        let mut ranges = |list: &'static str, texts: &[String]| {
            let mut ranges = Vec::with_capacity(texts.len());
            for (index, text) in texts.iter().enumerate() {
                match text.parse() {
                    Ok(range) => ranges.push(range),
                    Err(error) => problems.push((list, index, error)),
                }
            }
            ranges
        };
        let rules = Self {
            allow: ranges("allow", allow),
            deny: ranges("deny", deny),
        };
        (rules, problems)
    }

    /// Whether `address` may be called.
    pub fn permits(&self, address: IpAddr) -> bool {
        let number = number(address);
        let longest = |list: &[Cidr]| {
            list.iter()
                .filter(|c| c.holds(number))
                .map(|c| c.prefix)
                .max()
        };
        let closed = longest(CLOSED).max(longest(&self.deny));
        match (longest(&self.allow), closed) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(open), Some(closed)) => open > closed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(allow: &[&str], deny: &[&str]) -> AddressRules {
        let list = |texts: &[&str]| texts.iter().map(|t| t.parse().unwrap()).collect();
        AddressRules {
            allow: list(allow),
            deny: list(deny),
        }
    }

    #[test]
    fn link_local_and_metadata_are_closed_and_private_is_open() {
        let plain = AddressRules::default();
        for closed in [
            "169.254.169.254",
            "169.254.1.1",
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "255.255.255.255",
            "100.100.100.200",
            "168.63.129.16",
            "::",
            "fe80::1",
            "febf::1",
            "ff02::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
        ] {
            assert!(!plain.permits(closed.parse().unwrap()), "{closed}");
        }
        for open in [
            "127.0.0.1",
            "::1",
            "10.1.2.3",
            "192.168.0.1",
            "172.16.0.1",
            "fd12::1",
            "8.8.8.8",
            "2606:4700::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(plain.permits(open.parse().unwrap()), "{open}");
        }
    }

    #[test]
    fn the_longest_prefix_decides() {
        let metadata: IpAddr = "169.254.169.254".parse().unwrap();
        let rows = [
            (rules(&["0.0.0.0/0"], &[]), metadata, false),
            (rules(&["169.254.169.254"], &[]), metadata, true),
            (
                rules(&["169.254.169.254/32"], &["169.254.169.254/32"]),
                metadata,
                false,
            ),
            (
                rules(&["10.0.0.0/8"], &["0.0.0.0/0"]),
                "10.1.1.1".parse().unwrap(),
                true,
            ),
            (
                rules(&["10.0.0.0/8"], &["0.0.0.0/0"]),
                "8.8.8.8".parse().unwrap(),
                false,
            ),
            (
                rules(&["10.0.0.0/8"], &["10.9.0.0/16"]),
                "10.9.1.1".parse().unwrap(),
                false,
            ),
            (rules(&[], &["fd00::/8"]), "fd12::1".parse().unwrap(), false),
            (
                rules(&[], &["127.0.0.0/8"]),
                "::ffff:127.0.0.1".parse().unwrap(),
                false,
            ),
        ];
        for (rules, address, permitted) in rows {
            assert_eq!(rules.permits(address), permitted, "{rules:?} {address}");
        }
    }

    #[test]
    fn reads_ranges_and_refuses_the_rest() {
        assert_eq!("10.0.0.0/8".parse(), Ok(Cidr::v4(10, 0, 0, 0, 8)));
        assert_eq!(
            "fe80::/10".parse(),
            Ok(Cidr::v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10))
        );
        for wrong in [
            "",
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "host",
            "10.0.0.0/",
            "10.0.0.0/-1",
        ] {
            assert!(wrong.parse::<Cidr>().is_err(), "{wrong:?}");
        }
    }
}
