use super::*;

/// The first secret behind a telling word.
fn secret(text: &str) -> Option<&str> {
    let lower = text.to_ascii_lowercase();
    let words = ["passw", "secret", "token", "key", "pwd"];
    let places = words.iter().flat_map(|word| lower.match_indices(word));
    let found = places.filter_map(|(at, word)| read(text, at..at + word.len()));
    found
        .filter(|assigned| assigned.secret)
        .map(|assigned| &text[assigned.value])
        .next()
}

#[test]
fn values_behind_telling_names_are_secrets() {
    for (text, expected) in [
        (r#"password = "Tr0ub4dor&3""#, "Tr0ub4dor&3"),
        (r#""password": "hunter2xx","#, "hunter2xx"),
        (r#"{\"db_password\": \"hunter2xx\"}"#, "hunter2xx"),
        ("PASSWORD=s3cr3tpw\n", "s3cr3tpw"),
        ("Server=a;Password=#gets0m3;Trusted=no", "#gets0m3"),
        (
            "api_key: 9f86d081884c7d659a2feaa0c55ad015",
            "9f86d081884c7d659a2feaa0c55ad015",
        ),
        ("--token 9f86d081884c7d659a2f", "9f86d081884c7d659a2f"),
        ("?token=9f86d081884c7d659a2f&x=1", "9f86d081884c7d659a2f"),
        (
            "<apiToken>\n  9f86d081884c7d659a2f\n</apiToken>",
            "9f86d081884c7d659a2f",
        ),
        (
            r#"setProperty("API_TOKEN", "9f86d081884c7d659a2f")"#,
            "9f86d081884c7d659a2f",
        ),
        (r#"<add key="FooPassword" value="hunter2xx"/>"#, "hunter2xx"),
        ("- name: DB_PASSWORD\n  value: hunter2xx\n", "hunter2xx"),
        ("my password for staging is hunter2xx, ok", "hunter2xx"),
        (
            "The initial password to use:\n\nbd9627decc6346d780b3b6ab\n\nbye",
            "bd9627decc6346d780b3b6ab",
        ),
        ("machine a.b login me password hunter2xx\n", "hunter2xx"),
        ("| password | hunter2%xx |", "hunter2%xx"),
        ("token := `9f86d081884c7d659a2f`", "9f86d081884c7d659a2f"),
        ("'token' => '9f86d081884c7d659a2f'", "9f86d081884c7d659a2f"),
        (
            "var krakenToken string = \"9f86d081884c7d659a2f\"",
            "9f86d081884c7d659a2f",
        ),
        ("Authorization-Token: Basic YnJvd3Nlcjo=", "YnJvd3Nlcjo="),
        (
            "Authorization-Token: Bearer 9f86d081884c7d659a2f",
            "9f86d081884c7d659a2f",
        ),
    ] {
        assert_eq!(secret(text), Some(expected), "{text}");
    }
}

#[test]
fn other_values_are_not() {
    for text in [
        "password = get_password(1)",
        "password = config.db.password2",
        "token = request.headers['X-Token-1']",
        r#"password: "Password:""#,
        r#"password = "${DB_PASSWORD}""#,
        "password = os.environ['DB_PASSWORD_1']",
        "the password is required, see 4.2",
        "the key is to understand 3 things",
        r#"token_count = "1234567""#,
        "max_tokens: 4096",
        "public_key = \"9f86d081884c7d659a2f\"",
        "client_secret=arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/app-AbCdEf",
        "${DC_ADMIN_TOKEN:-admin:admin123}",
        r#"<entry key="jetbrains.mps.v8_elimination" value="executed" />"#,
        "schemaKey = 'DOC_Vector_5_32'",
        "password",
        "password=",
        "secret: \"\"",
    ] {
        assert_eq!(secret(text), None, "{text}");
    }
}

#[test]
fn a_value_at_the_end_of_a_text_is_cut_off() {
    for (text, cut_off) in [
        ("password = \"abc", true),
        ("password = abc", true),
        ("password = \"", true),
        ("password = \"abc\"", false),
        ("password = abc ", false),
    ] {
        let assigned = read(text, 0..8).map(|assigned| assigned.cut_off);
        assert_eq!(assigned, Some(cut_off), "{text}");
    }
    assert_eq!(read("the password was forgotten", 4..12), None);
}
