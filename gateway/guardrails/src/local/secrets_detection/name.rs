//! What a name says about the value it is given: `db_password`, `X-Api-Key`, `max_tokens`.

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

/// Words that make a password of a name.
const PASSWORD: &[&str] = &[
    "password",
    "passwd",
    "passwort",
    "kennwort",
    "pwd",
    "passphrase",
    "passcode",
    "userpass",
    "dbpass",
];

/// Words that make a secret of a name.
const SECRET: &[&str] = &[
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "signingkey",
    "encryptionkey",
    "masterkey",
    "authkey",
    "servicekey",
    "licensekey",
    "licencekey",
    "sharedkey",
    "accountkey",
    "storagekey",
    "sessionkey",
    "webhookkey",
    "hmackey",
    "deploykey",
    "consumerkey",
    "appkey",
    "adminkey",
    "ingestkey",
    "serverkey",
    "subscriptionkey",
    "functionkey",
    "credential",
    "authorization",
    "bearer",
    "cookie",
];

/// Last words of names whose value is about a secret, not one.
const ABOUT: &[&str] = &[
    "id",
    "ids",
    "name",
    "names",
    "type",
    "types",
    "kind",
    "count",
    "counts",
    "counter",
    "limit",
    "limits",
    "length",
    "len",
    "size",
    "url",
    "uri",
    "urls",
    "endpoint",
    "host",
    "path",
    "paths",
    "file",
    "files",
    "filename",
    "dir",
    "directory",
    "folder",
    "field",
    "fields",
    "label",
    "title",
    "text",
    "prompt",
    "message",
    "error",
    "format",
    "pattern",
    "regex",
    "policy",
    "policies",
    "rule",
    "rules",
    "strength",
    "hint",
    "expiry",
    "expires",
    "expiration",
    "expire",
    "ttl",
    "timeout",
    "age",
    "version",
    "algorithm",
    "alg",
    "prefix",
    "suffix",
    "header",
    "headers",
    "param",
    "parameter",
    "env",
    "var",
    "variable",
    "arg",
    "args",
    "index",
    "position",
    "offset",
    "map",
    "list",
    "store",
    "manager",
    "provider",
    "service",
    "handler",
    "factory",
    "helper",
    "class",
    "usage",
    "budget",
    "price",
    "cost",
    "ratio",
    "rate",
    "window",
    "symbol",
    "address",
    "input",
    "form",
    "page",
    "view",
    "column",
    "row",
    "table",
    "schema",
    "ref",
    "arn",
    "alias",
    "description",
    "desc",
    "enabled",
    "required",
    "disabled",
    "valid",
    "exists",
    "validator",
    "encoder",
    "checksum",
    "sha",
    "md",
    "fingerprint",
    "thumbprint",
    "at",
    "by",
    "date",
    "time",
    "status",
    "state",
    "method",
    "mode",
    "source",
    "scope",
    "scopes",
    "issuer",
    "audience",
    "owner",
    "user",
    "username",
    "email",
    "reset",
    "link",
    "mask",
    "pair",
    "ring",
    "vault",
    "engine",
    "backend",
    "mount",
    "template",
    "generator",
    "rotation",
    "balance",
    "supply",
    "contract",
    "tokens",
    "keys",
    "passwords",
    "format",
    "hash",
    "digest",
    "stream",
];

/// Words in front of a bare `key` that is not secret.
const HARMLESS_KEY: &[&str] = &[
    "public",
    "primary",
    "foreign",
    "partition",
    "sort",
    "cache",
    "object",
    "bucket",
    "row",
    "idempotency",
    "unique",
    "hash",
    "map",
    "dict",
    "json",
    "lookup",
    "group",
    "routing",
    "storage",
    "index",
    "composite",
    "shard",
    "range",
    "i",
    "arrow",
    "enter",
    "escape",
    "hot",
    "short",
    "shortcut",
    "metadata",
    "config",
    "property",
    "label",
    "tag",
    "issue",
    "project",
    "ticket",
    "jira",
    "pub",
    "lock",
    "dedup",
    "dedupe",
    "sstate",
    "redis",
    "query",
    "translation",
    "message",
    "feature",
    "flag",
    "event",
    "parent",
    "child",
    "locale",
    "i18n",
];

/// What the name says; none when its value is no secret.
pub(super) fn class_of(name: &str) -> Option<Class> {
    if name.len() > LONGEST {
        return None;
    }
    let flat: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let words = words(name);
    let last = words.last().map_or("", String::as_str);
    if words
        .iter()
        .any(|word| matches!(word.as_str(), "public" | "pub" | "csrf" | "xsrf"))
        || ABOUT.contains(&last)
        || flat.contains("tokeniz")
        || flat.contains("secretar")
        || flat.contains("keyword")
        || flat.contains("keyboard")
    {
        return None;
    }
    let has = |list: &[&str]| list.iter().any(|word| flat.contains(word));
    if has(PASSWORD) || last == "pass" {
        return Some(Class::Password);
    }
    if has(SECRET) || matches!(last, "auth" | "cred" | "creds") {
        return Some(Class::Secret);
    }
    let before = words.iter().rev().nth(1).map_or("", String::as_str);
    let key = words.iter().any(|word| word == "key") && !HARMLESS_KEY.contains(&before);
    (key || !words.iter().any(|word| word == "key")).then_some(Class::Weak)
}

/// The words of a name, lower case: parts between separators and at changes to upper case.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut previous = ' ';
    for character in name.chars() {
        let begins = !previous.is_ascii_alphabetic()
            || (previous.is_ascii_lowercase() && character.is_ascii_uppercase());
        if character.is_ascii_alphabetic() {
            if begins {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut() {
                word.push(character.to_ascii_lowercase());
            }
        }
        previous = character;
    }
    words
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
            ("key", Some(Class::Weak)),
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
