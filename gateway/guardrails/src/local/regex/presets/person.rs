//! What describes a person.

use super::super::checks;
use super::super::context::words::{AGE, BIRTH, GEO};
use super::super::spans::Edge;
use super::{How, Preset, Rule, rule};

/// Names of months and their short forms, in the languages of Europe; matched without regard to case.
macro_rules! month {
    () => {
        concat!(
            "(?i:",
            "jan(uary|uar|vier|uari|\\.)?|jän(ner)?|enero|ene|gen(naio)?|janeiro|styczeń|stycznia|januar|tammikuuta|ocak|",
            "feb(ruary|ruar|rero|braio|ruari|\\.)?|fév(rier)?|fevereiro|fev|luty|lutego|helmikuuta|şubat|februarie|",
            "mar(ch|s|zo|ço|\\.)?|märz|maart|mrt|marzec|marca|maaliskuuta|mart|",
            "apr(il|ile|\\.)?|avr(il)?|abr(il)?|kwiecień|kwietnia|huhtikuuta|nisan|",
            "may|mai|mayo|mag(gio)?|maio|mei|maj|maja|toukokuuta|mayıs|",
            "jun(e|i|io|ho|\\.)?|juin|giu(gno)?|czerwiec|czerwca|kesäkuuta|haziran|",
            "jul(y|i|io|ho|\\.)?|juil(let)?|lug(lio)?|lipiec|lipca|heinäkuuta|temmuz|",
            "aug(ust|ustus|usti|\\.)?|août|ago(sto)?|sierpień|sierpnia|elokuuta|ağustos|",
            "sep(tember|tembre|tiembre|t|\\.)?|set(tembre|embro)?|wrzesień|września|syyskuuta|eylül|",
            "oct(ober|obre|ubre|\\.)?|okt(ober|\\.)?|ott(obre)?|out(ubro)?|październik|października|lokakuuta|ekim|",
            "nov(ember|embre|iembre|embro|\\.)?|listopad|listopada|marraskuuta|kasım|",
            "dec(ember|embre|\\.)?|déc(embre)?|dez(ember|embro|\\.)?|dic(iembre|embre)?|grudzień|grudnia|joulukuuta|aralık",
            ")"
        )
    };
}

const fn birthday(shape: &'static str) -> Rule {
    rule(shape).fits(checks::is_day).only_with(BIRTH)
}

pub(super) static PRESETS: &[Preset] = &[
    Preset {
        id: "date_of_birth",
        what: "date, beside a word that speaks of birth",
        how: How::Shapes(&[
            birthday("[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}"),
            birthday("[0-9]{1,2}([-/]|\\. ?)[0-9]{1,2}([-/]|\\. ?)([0-9]{4}|[0-9]{2})"),
            birthday("[0-9]{8}"),
            birthday("[0-9]{4} ?(年|년) ?[0-9]{1,2} ?(月|월) ?[0-9]{1,2} ?(日|일)"),
            birthday(concat!(
                "[0-9]{1,2}(st|nd|rd|th|er|\\.|º|°)?[ -]((of|de|d') ?)?",
                month!(),
                "(,|\\.)?[ -]((of|de|del) )?([0-9]{4}|'?[0-9]{2})"
            )),
            birthday(concat!(month!(), " [0-9]{1,2}(st|nd|rd|th)?,? [0-9]{4}")),
        ]),
        finds: &[
            ("DOB: 1983-09-14.", "1983-09-14"),
            ("born on July 31, 1964 in", "July 31, 1964"),
            ("geboren am 27. Mai 1950", "27. Mai 1950"),
            ("née le 27 août 1950", "27 août 1950"),
            ("date of birth?\nCaller: sure, 11 July 1967.", "11 July 1967"),
            ("生年月日：1990年5月12日", "1990年5月12日"),
            ("fecha de nacimiento: 03/10/1998", "03/10/1998"),
        ],
        ignores: &["1983-09-14", "born in 1983", "released on July 31, 1964", "DOB: 31.02.1983"],
    },
    Preset {
        id: "age",
        what: "age of a person",
        how: How::Shapes(&[
            rule("([1-9]?[0-9]|1[01][0-9])").only_with(AGE).within(1).base(0.2),
            rule("([1-9][0-9]?|1[01][0-9])[ -](year|yr)s?[ -]old|[1-9][0-9]? (Jahre alt|ans|años de edad|anni d'età|jaar oud)").base(0.4),
        ]),
        finds: &[("nationality Norwegian, age 32", "32"), ("a 54-year-old patient", "54-year-old")],
        ignores: &["32", "the average 32", "page 32", "ageing 12"],
    },
    Preset {
        id: "geo_coordinate",
        what: "latitude and longitude",
        how: How::Shapes(&[
            rule(r"-?[0-9]+\.[0-9]{4}[0-9]*, ?-?[0-9]+\.[0-9]{4}[0-9]*").edge(Edge::List).fits(coordinates).with(GEO).base(0.4),
            rule(r"-?[0-9]+\.[0-9]{2}[0-9]*[,;]? ?-?[0-9]+\.[0-9]{2}[0-9]*").edge(Edge::List).fits(on_earth).only_with(GEO).within(3),
            rule(concat!(
                "[0-9]{1,2}°[ ]?[0-9]{1,2}('|′|’)[ ]?([0-9]{1,2}([.][0-9]{1,3})?(\"|″|”)[ ]?)?[NS],?[ ]?",
                "[0-9]{1,3}°[ ]?[0-9]{1,2}('|′|’)[ ]?([0-9]{1,2}([.][0-9]{1,3})?(\"|″|”)[ ]?)?[EW]"
            )).base(0.8),
        ]),
        finds: &[
            ("GPS fix 31.25933, -110.25036 reported", "31.25933, -110.25036"),
            ("lat/lon: 52.52 13.40", "52.52 13.40"),
            ("at 40°26′46″N 79°58′56″W", "40°26′46″N 79°58′56″W"),
        ],
        ignores: &[
            "[0.12345, 0.67890]",
            "[12.34567, 23.45678, 34.56789]",
            "lat/long grid tile 12/34",
            "3.14, 2.71",
            "95.12345, 10.12345",
        ],
    },
];

fn on_earth(text: &str) -> bool {
    let mut numbers = text
        .split([',', ' ', ';'])
        .filter(|part| !part.is_empty())
        .map(str::parse::<f64>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(latitude)), Some(Ok(longitude))) => {
            latitude.abs() <= 90.0 && longitude.abs() <= 180.0
        }
        _ => false,
    }
}

/// On earth, and not two of the small numbers of which vectors are made.
fn coordinates(text: &str) -> bool {
    let large = text.split(',').any(|part| {
        let whole = part.trim_start_matches([' ', '-']).split('.').next();
        whole.is_some_and(|whole| whole.len() >= 2)
    });
    large && on_earth(text)
}
