//! Identifiers of the United Kingdom and Ireland.

use super::super::checks::{self, digits};
use super::super::context::words::{NHS, NINO, OTHER_NUMBER, POSTCODE, PPS, UK_TAX};
use super::super::spans::Edge;
use super::{How, Preset, rule};

pub(super) static PRESETS: &[Preset] = &[
    Preset {
        id: "uk_nino",
        what: "British national insurance number",
        how: How::Shapes(&[
            rule("[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]( ?[0-9]{2}){3} ?[A-D]")
                .fits(nino)
                .with(NINO)
                .unless(OTHER_NUMBER),
            rule("[a-ceghj-pr-tw-z][a-ceghj-npr-tw-z]( ?[0-9]{2}){3} ?[a-d]").fits(nino).only_with(NINO),
        ]),
        finds: &[("National Insurance number AA 12 34 56 B.", "AA 12 34 56 B"), ("AB123456C", "AB123456C")],
        ignores: &["NT998877A", "GB123456A", "AB123456E", "SKU AB123456C", "QQ123456C"],
    },
    Preset {
        id: "uk_nhs",
        what: "British health service number",
        how: How::Shapes(&[rule("[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}").proves(checks::nhs).only_with(NHS)]),
        finds: &[("The NHS number is 943 476 5919", "943 476 5919"), ("NHS: 9434765919", "9434765919")],
        ignores: &["943 476 5919", "NHS 943 476 5918"],
    },
    Preset {
        id: "uk_utr",
        what: "British unique taxpayer reference, beside a word that says so",
        how: How::Shapes(&[rule("[0-9]{5} ?[0-9]{5}").fits(utr).only_with(UK_TAX)]),
        finds: &[("UTR 51195 65000", "51195 65000")],
        ignores: &["51195 65000", "UTR 61195 65000"],
    },
    Preset {
        id: "uk_driving_licence",
        what: "British driving licence",
        how: How::Shapes(&[rule("[A-Z]{1,5}9{0,4}[0-9]{6}[A-Z9]{2}[0-9A-Z]{3}").fits(driver).base(0.6)]),
        finds: &[("Licence: MORGA607054SM9IJ ok", "MORGA607054SM9IJ"), ("FO999512018AA1AB", "FO999512018AA1AB")],
        ignores: &["MORGA697054SM9IJ", "MORGA607994SM9IJ", "MORG607054SM9IJ"],
    },
    Preset {
        id: "uk_postcode",
        what: "British postcode",
        how: How::Shapes(&[
            rule("([A-PR-UWYZ][0-9][0-9A-HJKPSTUW]?|[A-PR-UWYZ][A-HK-Y][0-9][0-9ABEHMNPRV-Y]?) [0-9][ABD-HJLNP-UW-Z]{2}")
                .fits(area)
                .edge(Edge::Word)
                .with(POSTCODE)
                .base(0.4),
        ]),
        finds: &[("From SW1A 1AA on", "SW1A 1AA"), ("M1 1AE", "M1 1AE")],
        ignores: &["XA1 1AA", "SW1A 1CA", "SW1A  1AA"],
    },
    Preset {
        id: "ie_pps",
        what: "Irish personal public service number",
        how: How::Shapes(&[rule("[0-9]{7}[A-W][A-IW]?").proves(checks::ie_pps).only_with(PPS)]),
        finds: &[("PPS number 1234567T", "1234567T")],
        ignores: &["1234567T", "PPS 1234567A"],
    },
];

fn nino(text: &str) -> bool {
    let prefix = text.get(..2).unwrap_or_default().to_ascii_uppercase();
    !matches!(
        prefix.as_str(),
        "BG" | "GB" | "KN" | "NK" | "NT" | "TN" | "ZZ"
    )
}

/// The first digit checks the other nine.
fn utr(text: &str) -> bool {
    let d = digits(text);
    let rest = (0..9)
        .map(|place| d.at(place + 1) * [6, 7, 8, 9, 10, 5, 4, 3, 2][place])
        .sum::<u64>()
        % 11;
    let check = [2, 1, 9, 8, 7, 6, 5, 4, 3, 2, 1].get(rest as usize);
    check == Some(&d.at(0))
}

/// Five characters of the name, then decade, month (women 50 more), day and year of birth.
fn driver(text: &str) -> bool {
    let d = text.get(5..11).map(digits);
    let month = d.map_or(0, |d| d.number(1..3) % 50);
    let day = d.map_or(0, |d| d.number(3..5));
    text.len() == 16 && d.is_some_and(|d| d.len() == 6) && checks::date(2000, month, day)
}

/// Areas of one or two letters that exist.
fn area(text: &str) -> bool {
    let letters = text.bytes().take_while(u8::is_ascii_uppercase).count();
    let known = "AB AL B BA BB BD BH BL BN BR BS BT CA CB CF CH CM CO CR CT CV CW DA DD DE DG DH DL DN DT DY E EC EH \
                 EN EX FK FY G GL GU GY HA HD HG HP HR HS HU HX IG IM IP IV JE KA KT KW KY L LA LD LE LL LN LS LU M ME \
                 MK ML N NE NG NN NP NR NW OL OX PA PE PH PL PO PR RG RH RM S SA SE SG SK SL SM SN SO SP SR SS ST SW \
                 SY TA TD TF TN TQ TR TS TW UB W WA WC WD WF WN WR WS WV YO ZE";
    text.get(..letters)
        .is_some_and(|area| known.split_whitespace().any(|known| known == area))
}
