//! What is not a secret although it stands where one would: placeholders, references, words, identifiers.

use super::entropy::entropy;

/// Words that mark an example or a gap to fill, in any value.
const EXAMPLE: &[&str] = &[
    "example",
    "placeholder",
    "changeme",
    "change_me",
    "change-me",
    "replace",
    "redacted",
    "your_",
    "your-",
    "yourapi",
    "yourkey",
    "yourtoken",
    "yoursecret",
    "yourpass",
    "insert",
    "dummy",
    "xxxx",
    "****",
    "....",
    "<your",
    "sample",
    "removed",
    "omitted",
    "masked",
    "_here",
    "-here",
    "keyhere",
    "tokenhere",
    "fixme",
    "todo",
    "foobar",
    "abcdef123",
    "1234567890abc",
    "not-a-",
    "not_a_",
    "notareal",
    "fake",
    "mock",
    "lorem",
];

/// Beginnings of references to a value that is kept elsewhere.
const REFERENCE: &[&str] = &[
    "$",
    "%(",
    "{",
    "<",
    "[",
    "(",
    "@",
    "#{",
    "process.env",
    "os.environ",
    "os.getenv",
    "getenv",
    "env.",
    "env(",
    "env:",
    "vault:",
    "op://",
    "arn:",
    "enc[",
    "ref+",
    "file:",
    "secret:",
    "secrets.",
    "secret/",
    "secretref",
    "sops:",
    "kms:",
    "ssm:",
    "gcp:",
    "azure:",
    "aws:",
    "keyvault",
    "projects/",
    "var.",
    "local.",
    "data.",
    "config.",
    "settings.",
    "self.",
    "this.",
    "!vault",
    "!ref",
    "!sub",
    "&",
    "*",
    "null",
    "none",
    "nil",
    "true",
    "false",
    "undefined",
    "http://",
    "https://",
    "sha1:",
    "sha256:",
    "sha384:",
    "sha512:",
    "sha1-",
    "sha256-",
    "sha384-",
    "sha512-",
    "md5:",
    "md5-",
    "data:",
    "ssh-rsa",
    "ssh-ed25519",
    "ssh-dss",
    "ecdsa-",
    "-----begin public",
    "-----begin cert",
    "/",
    "./",
    "../",
    "~/",
    "\\",
    "--",
];

/// Values that people write where a secret goes.
const WORDS: &[&str] = &[
    "password",
    "passwd",
    "pass",
    "pwd",
    "secret",
    "token",
    "key",
    "apikey",
    "api_key",
    "api-key",
    "test",
    "testing",
    "user",
    "username",
    "admin",
    "root",
    "string",
    "str",
    "text",
    "value",
    "bearer",
    "basic",
    "auth",
    "private",
    "public",
    "default",
    "required",
    "optional",
    "hidden",
    "unknown",
    "empty",
    "guest",
    "demo",
    "abc123",
    "test123",
    "password1",
    "password123",
    "foo",
    "bar",
    "baz",
    "qux",
];

/// Whether a value is certainly no secret, wherever it stands.
pub(super) fn is_placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    is_filler(value)
        || REFERENCE.iter().any(|begin| lower.starts_with(begin))
        || WORDS.contains(&lower.as_str())
        || has_example_word(&lower)
        || is_templated(value)
}

/// Whether a token with a provider's prefix is made up.
pub(super) fn is_made_up(token: &str) -> bool {
    is_filler(token) || has_example_word(&token.to_ascii_lowercase()) || is_templated(token)
}

fn has_example_word(lower: &str) -> bool {
    EXAMPLE.iter().any(|word| lower.contains(word))
}

fn is_templated(value: &str) -> bool {
    ["${", "{{", "}}", "#{", "<%", "%>", "$(", "%s", "%d"]
        .iter()
        .any(|mark| value.contains(mark))
        || (value.starts_with('%') && value.ends_with('%'))
        || (value.starts_with("__") && value.ends_with("__"))
}

/// A few characters again and again, or neighbours in the alphabet.
fn is_filler(value: &str) -> bool {
    let bytes = value.as_bytes();
    if bytes.is_empty() {
        return true;
    }
    let mut seen = [false; 256];
    for byte in bytes {
        if let Some(seen) = seen.get_mut(usize::from(*byte)) {
            *seen = true;
        }
    }
    let distinct = seen.iter().filter(|seen| **seen).count();
    if distinct <= 2 || (distinct <= 3 && bytes.len() >= 8) {
        return true;
    }
    let steps = bytes
        .windows(2)
        .filter(|pair| matches!(pair, [a, b] if b.wrapping_sub(*a) == 1 || a == b));
    bytes.len() >= 6 && steps.count() * 10 >= (bytes.len() - 1) * 7
}

/// What a value is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) length: usize,
    pub(super) digits: usize,
    pub(super) lower: usize,
    pub(super) upper: usize,
    /// Everything else but `-`, `_` and `.`.
    pub(super) symbols: usize,
    pub(super) entropy: f32,
    /// Words with separators, as identifiers and file names are.
    pub(super) wordy: bool,
}

impl Look {
    pub(super) fn of(value: &str) -> Self {
        let count = |is: fn(&u8) -> bool| value.bytes().filter(is).count();
        Self {
            length: value.len(),
            digits: count(u8::is_ascii_digit),
            lower: count(u8::is_ascii_lowercase),
            upper: count(u8::is_ascii_uppercase),
            symbols: count(|byte| {
                !byte.is_ascii_alphanumeric() && !matches!(byte, b'-' | b'_' | b'.')
            }),
            entropy: entropy(value),
            wordy: is_wordy(value),
        }
    }

    /// Letters and digits both.
    pub(super) fn is_mixed(self) -> bool {
        self.digits > 0 && self.lower + self.upper > 0
    }
}

/// Whether every part between separators is a word: letters in one case or capitalised, with at most two digits
/// behind.
fn is_wordy(value: &str) -> bool {
    value.split(['-', '_', '.', '/', ':', ' ']).all(|part| {
        let letters = part.trim_end_matches(|character: char| character.is_ascii_digit());
        part.len() - letters.len() <= 2 && camel_words(letters)
    })
}

/// Letters only, in words of two and more with at least one vowel in five letters.
fn camel_words(letters: &str) -> bool {
    let bytes = letters.as_bytes();
    if !bytes.iter().all(u8::is_ascii_alphabetic) {
        return false;
    }
    let changes = bytes
        .windows(2)
        .filter(|pair| matches!(pair, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase()));
    let humps = changes.count() + 1;
    let vowels = bytes.iter().filter(|byte| {
        matches!(
            byte.to_ascii_lowercase(),
            b'a' | b'e' | b'i' | b'o' | b'u' | b'y'
        )
    });
    let vowels = vowels.count();
    bytes.len() >= humps * 3 - 2 && vowels * 6 >= bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_known() {
        for value in [
            "",
            "****",
            "xxxxxxxxxxxx",
            "00000000",
            "abcdefgh",
            "12345678",
            "${DB_PASSWORD}",
            "$TOKEN",
            "%TOKEN%",
            "{{ token }}",
            "<password>",
            "process.env.X",
            "os.environ['X']",
            "vault:secret/x",
            "op://a/b",
            "changeme",
            "your-api-key",
            "AKIAIOSFODNN7EXAMPLE",
            "sk-****abcd",
            "password",
            "PASSWORD",
            "ENC[AES256,x]",
        ] {
            assert!(is_placeholder(value), "{value}");
        }
        for value in [
            "hunter2",
            "Tr0ub4dor&3",
            "9f86d081884c7d65",
            "correct-horse-7battery",
            "s3cr3t!",
        ] {
            assert!(!is_placeholder(value), "{value}");
        }
    }

    #[test]
    fn words_are_told_from_random_text() {
        for value in [
            "getSecretValue",
            "open_sesame",
            "my-service.local",
            "Password:",
            "config/settings",
            "token2",
        ] {
            assert!(is_wordy(value.trim_end_matches(':')), "{value}");
        }
        for value in [
            "Zf3D0LXCM3EIMbgJpUNnkRtO",
            "qwrtpsdfghjkl",
            "a1b2c3d4",
            "P@ssw0rd",
        ] {
            assert!(!is_wordy(value), "{value}");
        }
    }
}
