//! What is not a secret although it stands where one would: placeholders, references, words, identifiers.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

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
    "#####",
    "-here",
    "keyhere",
    "tokenhere",
    "fixme",
    "todo",
    "foobar",
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

/// Finds the words that mark an example.
static EXAMPLES: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(EXAMPLE)
        .ok()
});

/// Whether a value is certainly no secret, wherever it stands.
pub(super) fn is_placeholder(value: &str) -> bool {
    let bare = value.trim_start_matches(['"', '\'', '`']);
    is_filler(value)
        || is_reference(bare)
        || WORDS.iter().any(|word| word.eq_ignore_ascii_case(value))
        || has_example_word(value)
        || is_templated(value)
}

/// Whether a value says where the real one is kept.
pub(super) fn is_reference(value: &str) -> bool {
    let begins = |begin: &&str| {
        value
            .as_bytes()
            .get(..begin.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(begin.as_bytes()))
    };
    REFERENCE.iter().any(begins)
}

/// Whether a token with a provider's prefix is made up.
pub(super) fn is_made_up(token: &str) -> bool {
    is_filler(token) || has_example_word(token) || is_templated(token)
}

fn has_example_word(value: &str) -> bool {
    EXAMPLES
        .as_ref()
        .is_some_and(|examples| examples.is_match(value))
}

fn is_templated(value: &str) -> bool {
    let marked = |pair: &[u8]| {
        matches!(
            pair,
            b"${" | b"{{" | b"}}" | b"#{" | b"<%" | b"%>" | b"$(" | b"%s" | b"%d"
        )
    };
    value.as_bytes().windows(2).any(marked)
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
    bytes.len() >= 5 && steps.count() * 10 >= (bytes.len() - 1) * 7
}

/// What a value is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) length: usize,
    pub(super) digits: usize,
    pub(super) letters: usize,
    /// Everything else but `-`, `_` and `.`.
    pub(super) symbols: usize,
    /// Bits per byte.
    pub(super) entropy: f32,
}

impl Look {
    pub(super) fn of(value: &str) -> Self {
        let count = |is: fn(&u8) -> bool| value.bytes().filter(is).count();
        Self {
            length: value.len(),
            digits: count(u8::is_ascii_digit),
            letters: count(u8::is_ascii_alphabetic),
            symbols: count(|byte| {
                !byte.is_ascii_alphanumeric() && !matches!(byte, b'-' | b'_' | b'.')
            }),
            entropy: entropy(value),
        }
    }

    /// Letters and digits both.
    pub(super) fn is_mixed(self) -> bool {
        self.digits > 0 && self.letters > 0
    }
}

/// Whether a value is made of words and numbers, as identifiers, file names and versions are: no part between
/// separators is random.
pub(super) fn is_wordy(value: &str) -> bool {
    value
        .split(['-', '_', '.', '/', ':', ' ', '='])
        .all(|part| !is_random_part(part))
}

/// Whether letters and digits change often, or letters do not read as words.
fn is_random_part(part: &str) -> bool {
    let bytes = part.as_bytes();
    let pairs = |is: fn(u8, u8) -> bool| {
        bytes
            .windows(2)
            .filter(|pair| matches!(pair, [a, b] if is(*a, *b)))
            .count()
    };
    let count = |is: fn(&u8) -> bool| bytes.iter().filter(|byte| is(byte)).count();
    let digits = count(u8::is_ascii_digit);
    let letters = count(u8::is_ascii_alphabetic);
    if digits + letters < bytes.len() {
        return true;
    }
    if letters == 0 {
        return digits > 12;
    }
    let mixes = pairs(|a, b| a.is_ascii_digit() != b.is_ascii_digit());
    if mixes >= 3 || (digits >= 6 && letters >= 4) {
        return true;
    }
    let humps = pairs(|a, b| a.is_ascii_lowercase() && b.is_ascii_uppercase()) + 1;
    let vowels = count(|byte| {
        matches!(
            byte.to_ascii_lowercase(),
            b'a' | b'e' | b'i' | b'o' | b'u' | b'y'
        )
    });
    letters >= 7 && (letters < humps * 3 || vowels * 6 < letters)
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
            "config/settings",
            "token2",
            "struct_X509_pubkey_st",
            "DOC_Vector_5_32",
            "id-Gost28147-89-None-KeyMeshing",
            "jjwt-jackson-0.11.2",
            "cmp2-qat-1208358310",
        ] {
            assert!(is_wordy(value), "{value}");
        }
        for value in [
            "Zf3D0LXCM3EIMbgJpUNnkRtO",
            "qwrtpsdfghjkl",
            "a1b2c3d4",
            "P@ssw0rd",
            "5d_bsvnxuvn4ub2=s-6wo9o-ujv21ll_",
        ] {
            assert!(!is_wordy(value), "{value}");
        }
    }
}
