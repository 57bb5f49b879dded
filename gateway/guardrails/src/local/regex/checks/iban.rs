//! International bank account numbers.

/// Lengths by country, from the SWIFT registry and the countries that use the form without being in it.
const LENGTHS: &[(&str, usize)] = &[
    ("AD", 24),
    ("AE", 23),
    ("AL", 28),
    ("AO", 25),
    ("AT", 20),
    ("AZ", 28),
    ("BA", 20),
    ("BE", 16),
    ("BF", 28),
    ("BG", 22),
    ("BH", 22),
    ("BI", 27),
    ("BJ", 28),
    ("BR", 29),
    ("BY", 28),
    ("CF", 27),
    ("CG", 27),
    ("CH", 21),
    ("CI", 28),
    ("CM", 27),
    ("CR", 22),
    ("CV", 25),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DJ", 27),
    ("DK", 18),
    ("DO", 28),
    ("DZ", 26),
    ("EE", 20),
    ("EG", 29),
    ("ES", 24),
    ("FI", 18),
    ("FK", 18),
    ("FO", 18),
    ("FR", 27),
    ("GA", 27),
    ("GB", 22),
    ("GE", 22),
    ("GI", 23),
    ("GL", 18),
    ("GQ", 27),
    ("GR", 27),
    ("GT", 28),
    ("GW", 25),
    ("HN", 28),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IQ", 23),
    ("IR", 26),
    ("IS", 26),
    ("IT", 27),
    ("JO", 30),
    ("KM", 27),
    ("KW", 30),
    ("KZ", 20),
    ("LB", 28),
    ("LC", 32),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("LY", 25),
    ("MA", 28),
    ("MC", 27),
    ("MD", 24),
    ("ME", 22),
    ("MG", 27),
    ("MK", 19),
    ("ML", 28),
    ("MN", 20),
    ("MR", 27),
    ("MT", 31),
    ("MU", 30),
    ("MZ", 25),
    ("NE", 28),
    ("NI", 28),
    ("NL", 18),
    ("NO", 15),
    ("OM", 23),
    ("PK", 24),
    ("PL", 28),
    ("PS", 29),
    ("PT", 25),
    ("QA", 29),
    ("RO", 24),
    ("RS", 22),
    ("RU", 33),
    ("SA", 24),
    ("SC", 31),
    ("SD", 18),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("SM", 27),
    ("SN", 28),
    ("SO", 23),
    ("ST", 25),
    ("SV", 28),
    ("TD", 27),
    ("TG", 28),
    ("TL", 23),
    ("TN", 24),
    ("TR", 26),
    ("UA", 29),
    ("VA", 22),
    ("VG", 24),
    ("XK", 20),
    ("YE", 30),
];

/// Countries whose bank codes begin with four letters.
const LETTERS: &str = "AZ BG BH GB GI IE IQ JO KW LV MT NL PK PS QA RO SC SV VG";

/// Whether an IBAN has its country's length and the rest 1 modulo 97, the first four characters moved to the
/// end and letters counted from 10.
pub(in super::super) fn iban(text: &str) -> bool {
    let mut compact = [0u8; 40];
    let mut len = 0;
    for byte in text.bytes().filter(u8::is_ascii_alphanumeric) {
        let Some(place) = compact.get_mut(len) else {
            return false;
        };
        *place = byte.to_ascii_uppercase();
        len += 1;
    }
    let known = |(country, length): &(&str, usize)| {
        *length == len && compact.starts_with(country.as_bytes())
    };
    if !LENGTHS.iter().any(known) {
        return false;
    }
    let lettered = text
        .get(..2)
        .is_some_and(|country| LETTERS.split(' ').any(|known| known == country));
    let bank = compact.get(4..8).unwrap_or_default();
    if lettered && !bank.iter().all(u8::is_ascii_uppercase) {
        return false;
    }
    let rest = (4..len).chain(0..4).fold(0u64, |rest, place| {
        let value = compact.get(place).map_or(0, |byte| match byte {
            b'0'..=b'9' => u64::from(byte - b'0'),
            _ => u64::from(byte - b'A') + 10,
        });
        (rest * if value > 9 { 100 } else { 10 } + value) % 97
    });
    rest == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ibans() {
        for (text, fits) in [
            ("DE89370400440532013000", true),
            ("GB29 NWBK 6016 1331 9268 19", true),
            ("NO93 8601 1117 947", true),
            ("DE89370400440532013001", false),
            ("DE8937040044053201300", false),
            ("ZZ89370400440532013000", false),
        ] {
            assert_eq!(iban(text), fits, "{text}");
        }
    }

    #[test]
    fn the_table_is_sorted() {
        assert!(LENGTHS.is_sorted());
    }
}
