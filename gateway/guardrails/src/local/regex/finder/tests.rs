use std::sync::LazyLock;

use proptest::prelude::*;

use super::super::presets::{self, How, Preset};
use super::reference::Reference;
use super::*;
use crate::finding::resolve_overlaps;

/// Presets that find by shape, whose values have digits: no label announces them.
static WITH_DIGITS: LazyLock<Vec<&'static Preset>> = LazyLock::new(|| {
    let with_digits = |preset: &&Preset| match preset.how {
        How::Shapes(rules) => rules.iter().all(|rule| !rule.letters),
        How::Email | How::Url | How::Secret(_) | How::Terms(_) => false,
    };
    presets::all().filter(with_digits).collect()
});

/// A finder and what it is held against.
struct Pair {
    finder: Finder,
    reference: Reference,
}

impl Pair {
    fn of(presets: &[&'static Preset]) -> Self {
        Self {
            finder: Finder::new(presets, "".into()).unwrap(),
            reference: Reference::new(presets),
        }
    }

    fn assert_same(&self, text: &str, key: Option<&str>) {
        let mut hits = Vec::new();
        let rules = self.finder.rules.as_ref().unwrap();
        let memory = Memory::default();
        Places::new(&self.finder, rules, text, key, &memory, &mut hits).all(&Layer::bare(text));
        resolve_overlaps(&mut hits);
        let found: Vec<_> = hits
            .iter()
            .map(|hit| (hit.range.clone(), &*hit.category))
            .collect();
        assert_eq!(found, self.reference.find(text, key), "{text:?} {key:?}");
    }
}

static EVERY: LazyLock<Pair> = LazyLock::new(|| Pair::of(&WITH_DIGITS));

static FEW: LazyLock<Pair> = LazyLock::new(|| {
    let few = ["us_ssn", "us_phone", "credit_card"];
    Pair::of(&few.map(|id| presets::named(id).unwrap()))
});

/// A piece of a text full of numbers: digits, separators, words that say what a number is, examples.
fn piece() -> impl Strategy<Value = String> {
    let words = [
        "card", "ssn", "phone", "order", "id", "passport", "tax", "account", "version", "IMEI",
        "plate", "born", "age", "pin", "cvv", "expires", "and",
    ];
    let examples: Vec<&str> = WITH_DIGITS
        .iter()
        .flat_map(|preset| preset.finds)
        .flat_map(|(text, value)| [*text, *value])
        .collect();
    let number = prop_oneof!["[0-9]{1,5}", "[0-9]{1,19}", "[2-6]([ -]?[0-9]){10,19}"];
    prop_oneof![
        6 => number,
        6 => r#"[-+ ./:,;|#()x\n\t"]{1,2}"#,
        2 => proptest::sample::select(words.to_vec()).prop_map(str::to_owned),
        2 => proptest::sample::select(examples).prop_map(str::to_owned),
        1 => "[0-9a-fA-F]{1,8}",
        1 => "[A-Zé中]{1,3}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec((piece(), " ?"), 1..14).prop_map(|pieces| {
        pieces
            .iter()
            .flat_map(|(piece, blank)| [&**piece, &**blank])
            .collect()
    })
}

fn key() -> impl Strategy<Value = Option<&'static str>> {
    proptest::sample::select(vec![
        None,
        None,
        Some("cardNumber"),
        Some("id"),
        Some("phone"),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn shortcuts_change_nothing(text in text(), key in key()) {
        FEW.assert_same(&text, key);
        EVERY.assert_same(&text, key);
    }
}

#[test]
fn shortcuts_change_nothing_in_examples() {
    for preset in presets::all() {
        for text in preset
            .finds
            .iter()
            .map(|(text, _)| text)
            .chain(preset.ignores)
        {
            EVERY.assert_same(text, None);
        }
    }
}
