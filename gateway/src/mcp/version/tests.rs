use super::*;

fn version(header: Option<&str>, body: &str) -> Result<&'static str, i32> {
    let mut headers = HeaderMap::new();
    if let Some(header) = header {
        headers.insert(VERSION_HEADER, HeaderValue::from_str(header).unwrap());
    }
    let message = Message::parse(body.to_owned()).unwrap();
    of_message(&headers, &message)
        .map(|version| version.name)
        .map_err(|error| error.code)
}

fn request(meta: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{{meta}}}}}"#)
}

fn modern(version: &str) -> String {
    request(&format!(
        r#""_meta":{{"{META_VERSION}":"{version}","{META_CAPABILITIES}":{{}}}}"#
    ))
}

#[test]
fn the_revision_comes_from_header_and_body_together() {
    let plain = request("");
    let initialized = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    let rows = [
        (None, plain.clone(), Ok(ASSUMED)),
        (Some("2025-11-25"), plain.clone(), Ok("2025-11-25")),
        (Some("2025-06-18"), plain.clone(), Ok("2025-06-18")),
        (Some("2024-11-05"), plain.clone(), Ok("2024-11-05")),
        (Some("2025-11-25"), initialized.to_owned(), Ok("2025-11-25")),
        (Some(MODERN), modern(MODERN), Ok(MODERN)),
        (Some(MODERN), initialized.to_owned(), Ok(MODERN)),
        // Header and body that disagree, or one of the two only.
        (Some("2025-11-25"), modern(MODERN), Err(-32020)),
        (None, modern(MODERN), Err(-32020)),
        (Some(MODERN), plain.clone(), Err(-32602)),
        // Versions that nobody serves.
        (Some("2031-01-01"), modern("2031-01-01"), Err(-32022)),
        (Some("2031-01-01"), plain.clone(), Err(-32022)),
        (Some("nonsense"), plain.clone(), Err(-32022)),
        (
            Some(MODERN),
            request(&format!(r#""_meta":{{"{META_VERSION}":7}}"#)),
            Err(-32602),
        ),
        // Without what the revision demands.
        (
            Some(MODERN),
            request(&format!(r#""_meta":{{"{META_VERSION}":"{MODERN}"}}"#)),
            Err(-32602),
        ),
        (
            Some(MODERN),
            r#"{"jsonrpc":"2.0","id":1,"result":{}}"#.to_owned(),
            Err(-32600),
        ),
    ];
    for (header, body, expected) in rows {
        assert_eq!(version(header, &body), expected, "{header:?} {body}");
    }
}

#[test]
fn two_version_headers_are_none() {
    let mut headers = HeaderMap::new();
    headers.append(VERSION_HEADER, HeaderValue::from_static(MODERN));
    headers.append(VERSION_HEADER, HeaderValue::from_static("2025-11-25"));
    assert_eq!(of_bodiless(&headers).unwrap_err().code, -32020);
}

#[test]
fn the_versions_that_are_served_are_told() {
    let mut headers = HeaderMap::new();
    headers.insert(VERSION_HEADER, HeaderValue::from_static("2031-01-01"));
    let error = of_bodiless(&headers).unwrap_err();
    assert_eq!(error.data.unwrap()["supported"][0], MODERN);
}
