//! For tests: long texts that are made to take long.

/// Long texts of many kinds. A guardrail whose work grows with the square of a text's length does not get through
/// them in an hour.
pub(crate) fn texts() -> impl Iterator<Item = String> {
    const SIZE: usize = 1 << 17;
    let pieces = [
        "1",
        "1234 ",
        "12-",
        "1.",
        "@",
        "a@b",
        "a@b.c ",
        "://",
        "a://b:c@d ",
        "%",
        "%4",
        "%41",
        "%2541",
        "&",
        "&#65;",
        "&#",
        "\\u0041",
        "\u{1b}[",
        "\u{200b}",
        "a\u{200b}",
        "а",
        "аa",
        "а ",
        "Ａ",
        "\u{e0041}",
        "\u{a0}1",
        "=",
        "\"",
        "'",
        "`",
        "``` ",
        "(",
        "((",
        "/*",
        "-- ",
        "{\"a\":",
        "[",
        "\n",
        " ",
        "é",
        "中",
        "password=",
        "password is ",
        "password: \"",
        "token ",
        "key=a",
        "Bearer ",
        " -u a:b",
        "AKIA",
        "sk-",
        "glpat-",
        "eyJ",
        "eyJ.",
        "eyJhbGciOiJIUzI1NiJ9.",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAA\n",
        "LS0tLS1CRUdJTi",
        "LS0tLS1CRUdJTi ",
        "QUJD",
        "VGhpcyBpcyBhIGxvbmcgbGluZSBvZiB0ZXh0IHRoYXQgYmFzZTY0IHdyYXBzLCA=\n",
        "VGhpcyBpcyBhIGxvbmcgbGluZSBvZiB0ZXh0IHRoYXQgYmFzZTY0IHdyYXBzLCA0\n",
        "41",
        "0123456789abcdef",
        "DROP TABLE a; ",
        "DELETE FROM a ",
        "SELECT '",
        "UPDATE a SET b = (",
        "eval(",
        "exec(\"",
        "$(",
        "rm -rf ",
        "import os\n",
        "+1 555 ",
        "4111 1111 1111 ",
        "DE89 ",
        "::1 ",
        "1.2.3.4.",
    ];
    pieces
        .into_iter()
        .map(|piece| piece.repeat(SIZE / piece.len()))
        .chain([nested()])
}

/// Base64 of base64 of base64 of ...
fn nested() -> String {
    use base64::Engine;
    let mut text = "the password is s3cretpw, ".repeat(1000);
    while text.len() < 100_000 {
        text = base64::engine::general_purpose::STANDARD.encode(text);
    }
    text
}
