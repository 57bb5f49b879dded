//! What a name says about the value it is given: `db_password`, `X-Api-Key`, `max_tokens`.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

mod words;

pub(super) use words::SERVICES;
use words::{ABOUT, HARMLESS, HARMLESS_KEY, PASSWORD, SECRET};

/// What a named value may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Class {
    /// Chosen by people: short and readable ones count too.
    Password,
    /// A secret, token or key: random.
    Secret,
    /// A bare `key`, or only a service's name: the value has to look the part by itself.
    Weak,
}

/// Names longer than this are no names.
const LONGEST: usize = 80;
/// More words than this are no name.
const MOST_WORDS: usize = 16;

/// Finds the words of the lists in one pass. Patterns in the order harmless, password, secret, service.
static WORDS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let all = HARMLESS
        .iter()
        .chain(PASSWORD)
        .chain(SECRET)
        .chain(SERVICES);
    AhoCorasick::builder()
        .match_kind(MatchKind::Standard)
        .build(all)
        .ok()
});

/// Which kinds of words a name has in it.
#[derive(Default)]
struct Has {
    harmless: bool,
    password: bool,
    secret: bool,
    service: bool,
}

/// What the name says; none when its value is no secret.
pub(super) fn class_of(name: &str) -> Option<Class> {
    let words = Words::of(name)?;
    let last = words.nth_last(0);
    if ABOUT.binary_search(&last).is_ok() {
        return None;
    }
    let has = words.has();
    if has.harmless {
        return None;
    }
    if has.password || last == "pass" {
        return Some(Class::Password);
    }
    if has.secret || matches!(last, "auth" | "cred" | "creds" | "pat") {
        return Some(Class::Secret);
    }
    let key = last == "key" || (0..words.count).any(|index| words.nth_last(index) == "key");
    match (key, has.service) {
        (true, true) => Some(Class::Secret),
        // A bare `key` names an entry as often as it holds one.
        (true, false) if words.count == 1 => None,
        (true, false) if HARMLESS_KEY.binary_search(&words.nth_last(1)).is_ok() => None,
        (true, false) | (false, true) => Some(Class::Weak),
        (false, false) => None,
    }
}

/// A name's letters and digits in lower case, and where its words begin: behind separators and at changes to
/// upper case.
struct Words {
    flat: [u8; LONGEST],
    length: usize,
    begins: [u8; MOST_WORDS],
    count: usize,
}

impl Words {
    fn of(name: &str) -> Option<Self> {
        let mut words = Self {
            flat: [0; LONGEST],
            length: 0,
            begins: [0; MOST_WORDS],
            count: 0,
        };
        let mut previous = b' ';
        for byte in name.bytes() {
            if byte.is_ascii_alphanumeric() {
                let begins = byte.is_ascii_alphabetic()
                    && (!previous.is_ascii_alphabetic()
                        || (previous.is_ascii_lowercase() && byte.is_ascii_uppercase()));
                if begins {
                    *words.begins.get_mut(words.count)? = u8::try_from(words.length).ok()?;
                    words.count += 1;
                }
                *words.flat.get_mut(words.length)? = byte.to_ascii_lowercase();
                words.length += 1;
            }
            previous = byte;
        }
        Some(words)
    }

    /// The word so far from the end, without digits behind it; empty when there is none.
    fn nth_last(&self, index: usize) -> &str {
        let Some(at) = self.count.checked_sub(index + 1) else {
            return "";
        };
        let begin = |at: usize| {
            self.begins
                .get(at)
                .map_or(self.length, |begin| usize::from(*begin))
        };
        let end = if index == 0 {
            self.length
        } else {
            begin(at + 1)
        };
        let word = self.flat.get(begin(at)..end).unwrap_or_default();
        std::str::from_utf8(word)
            .unwrap_or_default()
            .trim_end_matches(|digit: char| digit.is_ascii_digit())
    }

    fn begins_word(&self, at: usize) -> bool {
        self.begins
            .iter()
            .take(self.count)
            .any(|begin| usize::from(*begin) == at)
    }

    fn has(&self) -> Has {
        let mut has = Has::default();
        let flat = self.flat.get(..self.length).unwrap_or_default();
        if let Some(search) = &*WORDS {
            for found in search.find_overlapping_iter(flat) {
                let pattern = found.pattern().as_usize();
                if pattern < HARMLESS.len() {
                    has.harmless = true;
                } else if pattern < HARMLESS.len() + PASSWORD.len() {
                    has.password = true;
                } else if pattern < HARMLESS.len() + PASSWORD.len() + SECRET.len() {
                    has.secret = true;
                } else {
                    has.service |= self.begins_word(found.start());
                }
            }
        }
        has
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_their_values_are() {
        for (name, class) in [
            ("password", Some(Class::Password)),
            ("DB_PASSWD", Some(Class::Password)),
            ("spring.datasource.password", Some(Class::Password)),
            ("backend_pass", Some(Class::Password)),
            ("X-Api-Key", Some(Class::Secret)),
            ("clientSecret", Some(Class::Secret)),
            ("_authToken", Some(Class::Secret)),
            ("AWS_SECRET_ACCESS_KEY", Some(Class::Secret)),
            ("encryption_key", Some(Class::Secret)),
            ("key", None),
            ("wiki_key", Some(Class::Weak)),
            ("airtableKey2", Some(Class::Secret)),
            ("algolia", Some(Class::Weak)),
            ("max_tokens", None),
            ("token_count", None),
            ("tokenizer", None),
            ("public_key", None),
            ("primary_key", None),
            ("access_key_id", None),
            ("passwordPolicy", None),
            ("password_hash", None),
            ("secretName", None),
        ] {
            assert_eq!(class_of(name), class, "{name}");
        }
    }
}
