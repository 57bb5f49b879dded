//! Numbers whose check is made of digits alone.

use super::{date, digits};

/// US bank routing number: weights 3 7 1, and the first two digits are a district.
pub(in super::super) fn aba(text: &str) -> bool {
    let d = digits(text);
    let district = matches!(d.number(0..2), 1..=12 | 21..=32 | 61..=72 | 80);
    district && d.weighted(&[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)
}

/// US health provider: Luhn with 80840 before it.
pub(in super::super) fn npi(text: &str) -> bool {
    digits(&format!("80840{text}")).luhn()
}

/// UK health service: weights 10 to 2, the rest to 11.
pub(in super::super) fn nhs(text: &str) -> bool {
    let d = digits(text);
    let check = 11 - d.weighted(&[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    check != 10 && check % 11 == d.at(9) && !d.all_same()
}

/// Canadian social insurance: Luhn; 0 and 8 are never first.
pub(in super::super) fn ca_sin(text: &str) -> bool {
    let d = digits(text);
    !matches!(d.at(0), 0 | 8) && d.luhn()
}

/// Australian tax file number, nine digits.
pub(in super::super) fn au_tfn(text: &str) -> bool {
    let d = digits(text);
    !d.all_same() && d.weighted(&[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11)
}

/// Australian Medicare card: the ninth digit checks the first eight.
pub(in super::super) fn au_medicare(text: &str) -> bool {
    let d = digits(text);
    matches!(d.at(0), 2..=6) && d.weighted(&[1, 3, 7, 9, 1, 3, 7, 9]) % 10 == d.at(8)
}

/// Australian business number: the first digit less one, modulo 89.
pub(in super::super) fn au_abn(text: &str) -> bool {
    let d = digits(text);
    let sum = d.weighted(&[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
    d.at(0) > 0 && (sum - 10).is_multiple_of(89)
}

/// Australian company number.
pub(in super::super) fn au_acn(text: &str) -> bool {
    let d = digits(text);
    let rest = d.weighted(&[8, 7, 6, 5, 4, 3, 2, 1]) % 10;
    (10 - rest) % 10 == d.at(8) && !d.all_same()
}

/// ISO 7064 modulo 11, 10.
fn mod_11_10(text: &str) -> bool {
    let d = digits(text);
    let Some((check, rest)) = d.all().split_last() else {
        return false;
    };
    let product = rest.iter().fold(10, |product, digit| {
        let sum = (u64::from(*digit) + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10 == u64::from(*check)
}

/// German tax id: modulo 11, 10; no leading 0; of the first ten digits one stands two or three times.
pub(in super::super) fn de_tax_id(text: &str) -> bool {
    let d = digits(text);
    let mut counts = [0u8; 10];
    for digit in d.all().iter().take(10) {
        if let Some(count) = counts.get_mut(usize::from(*digit)) {
            *count += 1;
        }
    }
    let repeated = counts.iter().filter(|count| **count > 1).count();
    d.at(0) != 0 && repeated == 1 && counts.iter().all(|count| *count <= 3) && mod_11_10(text)
}

/// Croatian personal number.
pub(in super::super) fn hr_oib(text: &str) -> bool {
    !digits(text).all_same() && mod_11_10(text)
}

/// Dutch citizen number: the eleven test; eight digits have a 0 in front.
pub(in super::super) fn nl_bsn(text: &str) -> bool {
    let d = match digits(text) {
        short if short.len() == 8 => digits(&format!("0{text}")),
        full => full,
    };
    // The last digit counts -1, which is 10 modulo 11.
    d.number(0..9) > 0
        && !d.all_same()
        && d.weighted(&[9, 8, 7, 6, 5, 4, 3, 2, 10]).is_multiple_of(11)
}

/// Polish PESEL: a check digit, and a date with the century in the month.
pub(in super::super) fn pl_pesel(text: &str) -> bool {
    let d = digits(text);
    let month = d.number(2..4) % 20;
    let check = (10 - d.weighted(&[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10) % 10;
    date(2000, month, d.number(4..6)) && check == d.at(10)
}

/// Polish tax number.
pub(in super::super) fn pl_nip(text: &str) -> bool {
    let d = digits(text);
    d.weighted(&[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 == d.at(9) && !d.all_same()
}

/// Swedish personal number: Luhn over the last ten digits, and a date (plus 60 for coordination numbers).
pub(in super::super) fn se_personnummer(text: &str) -> bool {
    let d = digits(text);
    let last = digits(text.get(text.len().saturating_sub(11)..).unwrap_or(text));
    let ten = match last.len() {
        11 => digits(text.get(text.len() - 10..).unwrap_or(text)),
        _ => last,
    };
    let day = ten.number(4..6);
    let day = if day > 60 { day - 60 } else { day };
    matches!(d.len(), 10 | 12) && date(2000, ten.number(2..4), day) && ten.luhn()
}

/// Norwegian birth number: two check digits, and a date (the day plus 40 for D-numbers).
pub(in super::super) fn no_fnr(text: &str) -> bool {
    let d = digits(text);
    let day = d.number(0..2);
    let day = if day > 40 { day - 40 } else { day };
    let first = (11 - d.weighted(&[3, 7, 6, 1, 8, 9, 4, 5, 2]) % 11) % 11;
    let second = (11 - d.weighted(&[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11;
    date(2000, d.number(2..4), day) && first == d.at(9) && second == d.at(10)
}

/// Danish CPR: a date. Its check digit was given up in 2007.
pub(in super::super) fn dk_cpr(text: &str) -> bool {
    let d = digits(text);
    date(2000, d.number(2..4), d.number(0..2))
}

/// Portuguese tax number.
pub(in super::super) fn pt_nif(text: &str) -> bool {
    let d = digits(text);
    let rest = d.weighted(&[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    let check = if rest < 2 { 0 } else { 11 - rest };
    !matches!(d.at(0), 0 | 4) && check == d.at(8)
}

/// Belgian national number: 97 less the rest of the first nine digits, with a 2 before them from 2000 on.
pub(in super::super) fn be_nrn(text: &str) -> bool {
    let d = digits(text);
    let body = d.number(0..9);
    let check = d.number(9..11);
    let fits = |body: u64| 97 - body % 97 == check;
    d.number(2..4) <= 12 && d.number(4..6) <= 31 && (fits(body) || fits(2_000_000_000 + body))
}

/// Swiss AHV number: the check digit of an EAN.
pub(in super::super) fn ch_ahv(text: &str) -> bool {
    let d = digits(text);
    let rest = d.weighted(&[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3]) % 10;
    (10 - rest) % 10 == d.at(12)
}

/// Austrian social insurance: the fourth digit checks, the last six are a date.
pub(in super::super) fn at_svnr(text: &str) -> bool {
    let d = digits(text);
    let check = d.weighted(&[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11;
    d.at(0) != 0
        && check == d.at(3)
        && matches!(d.number(4..6), 1..=31)
        && matches!(d.number(6..8), 1..=15)
}

/// Czech and Slovak birth number: divisible by 11; women's months count 50 more.
pub(in super::super) fn cz_rc(text: &str) -> bool {
    let d = digits(text);
    let month = d.number(2..4) % 50;
    let month = if month > 20 { month - 20 } else { month };
    let whole = d.number(0..10);
    let divides =
        d.len() == 9 || whole.is_multiple_of(11) || (whole / 10) % 11 == 10 && d.at(9) == 0;
    date(2000, month, d.number(4..6)) && divides
}

/// Romanian personal number.
pub(in super::super) fn ro_cnp(text: &str) -> bool {
    let d = digits(text);
    let rest = d.weighted(&[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
    let check = if rest == 10 { 1 } else { rest };
    d.at(0) > 0 && date(2000, d.number(3..5), d.number(5..7)) && check == d.at(12)
}

/// Bulgarian personal number; the month carries the century.
pub(in super::super) fn bg_egn(text: &str) -> bool {
    let d = digits(text);
    let check = d.weighted(&[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10;
    date(2000, d.number(2..4) % 20, d.number(4..6)) && check == d.at(9)
}

/// Greek tax number: powers of two.
pub(in super::super) fn gr_afm(text: &str) -> bool {
    let d = digits(text);
    d.number(0..9) > 0 && d.weighted(&[256, 128, 64, 32, 16, 8, 4, 2]) % 11 % 10 == d.at(8)
}

/// Hungarian health insurance number.
pub(in super::super) fn hu_taj(text: &str) -> bool {
    let d = digits(text);
    d.number(0..9) > 0 && d.weighted(&[3, 7, 3, 7, 3, 7, 3, 7]) % 10 == d.at(8)
}

/// Estonian and Lithuanian personal code.
pub(in super::super) fn baltic_code(text: &str) -> bool {
    let d = digits(text);
    let first = d.weighted(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
    let second = d.weighted(&[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11 % 10;
    let check = if first == 10 { second } else { first };
    date(2000, d.number(3..5), d.number(5..7)) && check == d.at(10)
}

/// French social security: 97 less the rest of the first thirteen digits; Corsica counts as 19 and 18.
pub(in super::super) fn fr_nir(text: &str) -> bool {
    let island = text.find(['A', 'B']).and_then(|at| text.as_bytes().get(at));
    let numeric = match island {
        None => text.to_owned(),
        Some(b'A') => text.replacen("2A", "19", 1),
        Some(_) => text.replacen("2B", "18", 1),
    };
    let d = digits(&numeric);
    d.len() == 15 && 97 - d.modulo(0..13, 97) == d.number(13..15)
}

/// Italian VAT number: Luhn.
pub(in super::super) fn it_vat(text: &str) -> bool {
    let d = digits(text);
    d.number(0..7) > 0 && d.luhn()
}

fn mod_11_check(sum: u64) -> u64 {
    match sum % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    }
}

/// Brazilian personal number: two check digits.
pub(in super::super) fn br_cpf(text: &str) -> bool {
    let d = digits(text);
    let first = mod_11_check(d.weighted(&[10, 9, 8, 7, 6, 5, 4, 3, 2]));
    let second = mod_11_check(d.weighted(&[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]));
    !d.all_same() && first == d.at(9) && second == d.at(10)
}

/// Brazilian company number, also the one with letters (from 2026): a letter counts its ASCII code less 48.
pub(in super::super) fn br_cnpj(text: &str) -> bool {
    let values: Vec<u64> = text
        .bytes()
        .filter(u8::is_ascii_alphanumeric)
        .map(|byte| u64::from(byte - b'0'))
        .collect();
    let check = |length: usize| {
        let weights = (2..=9).cycle();
        let body = values.get(..length).unwrap_or_default();
        mod_11_check(
            body.iter()
                .rev()
                .zip(weights)
                .map(|(value, weight)| value * weight)
                .sum(),
        )
    };
    values.len() == 14
        && values.windows(2).any(|two| two[0] != two[1])
        && values.get(12) == Some(&check(12))
        && values.get(13) == Some(&check(13))
}

/// Chilean number: modulo 11 with K for 10.
pub(in super::super) fn cl_rut(text: &str) -> bool {
    let Some((body, check)) = text.rsplit_once('-') else {
        return false;
    };
    let d = digits(body);
    let sum: u64 = d
        .all()
        .iter()
        .rev()
        .zip((2..=7).cycle())
        .map(|(digit, weight)| u64::from(*digit) * weight)
        .sum();
    match 11 - sum % 11 {
        11 => check == "0",
        10 => check.eq_ignore_ascii_case("k"),
        digit => check == digit.to_string(),
    }
}

/// Argentine tax number.
pub(in super::super) fn ar_cuit(text: &str) -> bool {
    let d = digits(text);
    let check = match 11 - d.weighted(&[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11 {
        11 => 0,
        other => other,
    };
    check == d.at(10)
}

/// Indian Aadhaar: Verhoeff, not a palindrome, 2 to 9 first.
pub(in super::super) fn in_aadhaar(text: &str) -> bool {
    const TIMES: [[u8; 10]; 10] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
        [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
        [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
        [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
        [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
        [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
        [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
        [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
        [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
    ];
    const TURNS: [[u8; 10]; 8] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
        [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
        [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
        [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
        [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
        [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
        [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
    ];
    let d = digits(text);
    let get = |table: &[[u8; 10]], row: usize, column: u8| {
        table
            .get(row)
            .and_then(|row| row.get(usize::from(column)))
            .copied()
            .unwrap_or_default()
    };
    let rest = d
        .all()
        .iter()
        .rev()
        .enumerate()
        .fold(0, |rest, (place, digit)| {
            get(&TIMES, usize::from(rest), get(&TURNS, place % 8, *digit))
        });
    let palindrome = d.all().iter().eq(d.all().iter().rev());
    rest == 0 && d.at(0) >= 2 && !palindrome
}

/// Korean resident number: the date; the check digit holds only for those given before October 2020.
pub(in super::super) fn kr_rrn_checked(text: &str) -> bool {
    let d = digits(text);
    (11 - d.weighted(&[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]) % 11) % 10 == d.at(12)
}

/// The date in a Korean resident number.
pub(in super::super) fn kr_rrn_date(text: &str) -> bool {
    let d = digits(text);
    date(2000, d.number(2..4), d.number(4..6))
}

/// Korean business number.
pub(in super::super) fn kr_brn(text: &str) -> bool {
    let d = digits(text);
    let sum = d.weighted(&[1, 3, 7, 1, 3, 7, 1, 3, 5]) + d.at(8) * 5 / 10;
    (10 - sum % 10) % 10 == d.at(9)
}

/// Japanese individual number.
pub(in super::super) fn jp_my_number(text: &str) -> bool {
    let d = digits(text);
    let check = mod_11_check(d.weighted(&[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]));
    check == d.at(11) && !d.all_same()
}

/// Chinese resident id: a date, and a check character with X for 10.
pub(in super::super) fn cn_resident_id(text: &str) -> bool {
    let d = digits(text);
    let sum = d.weighted(&[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
    let check = "10X98765432".as_bytes().get((sum % 11) as usize);
    let last = text.as_bytes().last().map(u8::to_ascii_uppercase);
    let year = d.number(6..10);
    (1900..2100).contains(&year)
        && date(year, d.number(10..12), d.number(12..14))
        && check.copied() == last
}

/// Turkish identity number.
pub(in super::super) fn tr_tckn(text: &str) -> bool {
    let d = digits(text);
    let odd = d.at(0) + d.at(2) + d.at(4) + d.at(6) + d.at(8);
    let even = d.at(1) + d.at(3) + d.at(5) + d.at(7);
    let first = (odd * 7 + 10 * 9 - even) % 10;
    let second = (odd + even + d.at(9)) % 10;
    d.at(0) != 0 && first == d.at(9) && second == d.at(10)
}

/// South African id: a date, citizenship, Luhn.
pub(in super::super) fn za_id(text: &str) -> bool {
    let d = digits(text);
    date(2000, d.number(2..4), d.number(4..6)) && d.at(10) <= 2 && d.luhn()
}

/// Thai identity number.
pub(in super::super) fn th_id(text: &str) -> bool {
    let d = digits(text);
    let sum = d.weighted(&[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    (11 - sum % 11) % 10 == d.at(12)
}

/// Malaysian and Indonesian numbers begin with a date or hold one.
pub(in super::super) fn my_nric(text: &str) -> bool {
    let d = digits(text);
    date(2000, d.number(2..4), d.number(4..6))
}
