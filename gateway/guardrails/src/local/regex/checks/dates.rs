//! Dates.

/// Whether year, month and day make a date.
pub(in super::super) const fn date(year: u64, month: u64, day: u64) -> bool {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    1 <= day && day <= days
}

/// Whether a text with a year of four digits or two, a month and a day in some order, or with the month's
/// name, can be somebody's birthday.
pub(in super::super) fn is_day(text: &str) -> bool {
    let mut numbers = [0u64; 3];
    let mut count = 0;
    let groups = text
        .split(|c: char| !c.is_ascii_digit())
        .filter(|group| !group.is_empty());
    for group in groups {
        let (Some(place), Ok(number)) = (numbers.get_mut(count), group.parse()) else {
            return false;
        };
        *place = number;
        count += 1;
    }
    let year = |number: u64| (1900..=2035).contains(&number) || number < 100;
    match (count, numbers) {
        // 19500527, 27051950
        (1, [number, ..]) => {
            let (a, b, c) = (number / 10_000, number / 100 % 100, number % 100);
            let (d, e, f) = (number / 1_000_000, number / 10_000 % 100, number % 10_000);
            let full = |year: u64| (1900..=2035).contains(&year);
            full(a) && date(a, b, c) || full(f) && (date(f, e, d) || date(f, d, e))
        }
        // With the month's name.
        (2, [a, b, _]) => year(a) && (1..=31).contains(&b) || year(b) && (1..=31).contains(&a),
        (3, [a, b, c]) => {
            (a > 31 && year(a) && date(a, b, c)) || (year(c) && (date(c, b, a) || date(c, a, b)))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days() {
        for (text, fits) in [
            ("1950-05-27", true),
            ("27.05.1950", true),
            ("05/27/1950", true),
            ("27/05/50", true),
            ("July 31, 1964", true),
            ("27 mai 1950", true),
            ("19500527", true),
            ("27051950", true),
            ("31.02.1950", false),
            ("2150-05-27", false),
            ("99999999", false),
            ("1.2.3.4", false),
        ] {
            assert_eq!(is_day(text), fits, "{text}");
        }
    }
}
