use http::HeaderValue;

use super::*;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
}

/// What a browser sends back.
fn sent(cookies: &[String]) -> HeaderMap {
    let pairs = cookies
        .iter()
        .filter(|cookie| !cookie.contains("Max-Age=0"));
    let pairs: Vec<_> = pairs
        .filter_map(|cookie| cookie.split(';').next())
        .collect();
    let mut headers = HeaderMap::new();
    headers.insert(
        http::header::COOKIE,
        HeaderValue::from_str(&pairs.join("; ")).unwrap(),
    );
    headers
}

#[test]
fn a_token_comes_back_as_long_as_a_session_lasts() {
    let key = SealingKey::random().unwrap();
    let sealed = key.seal("TOKEN", at(0)).unwrap();
    assert!(!sealed.contains("TOKEN") && !sealed.contains(&BASE64.encode("TOKEN")));
    let longest = LONGEST.as_secs();
    assert_eq!(*key.open(&sealed, at(0)).unwrap(), "TOKEN");
    assert_eq!(*key.open(&sealed, at(longest - 1)).unwrap(), "TOKEN");
    assert!(key.open(&sealed, at(longest)).is_none());
    // A clock that was set back makes no session longer.
    assert!(key.open(&sealed, at(0) - Duration::from_secs(1)).is_none());
}

#[test]
fn nobody_else_makes_or_changes_one() {
    let key = SealingKey::derived(b"one").unwrap();
    let sealed = key.seal("TOKEN", at(0)).unwrap();
    assert!(
        SealingKey::derived(b"one")
            .unwrap()
            .open(&sealed, at(0))
            .is_some()
    );
    assert!(
        SealingKey::derived(b"two")
            .unwrap()
            .open(&sealed, at(0))
            .is_none()
    );
    assert!(SealingKey::random().unwrap().open(&sealed, at(0)).is_none());
    let bytes = BASE64.decode(&sealed).unwrap();
    for index in 0..bytes.len() {
        let mut forged = bytes.clone();
        forged[index] ^= 1;
        assert!(
            key.open(&BASE64.encode(forged), at(0)).is_none(),
            "byte {index}"
        );
    }
    for cut in 0..bytes.len() {
        assert!(
            key.open(&BASE64.encode(&bytes[..cut]), at(0)).is_none(),
            "{cut} bytes"
        );
    }
    let long = "A".repeat(5_000);
    for text in ["", "x", "TOKEN", "!!!", long.as_str()] {
        assert!(key.open(text, at(0)).is_none(), "{text}");
    }
}

#[test]
fn long_tokens_travel_in_several_cookies_and_leave_nothing_behind() {
    let key = SealingKey::random().unwrap();
    let token = "t".repeat(16 * 1024);
    let sealed = key.seal(&token, at(0)).unwrap();
    let none = HeaderMap::new();
    let cookies = set_cookies(Some(&sealed), true, &none);
    assert!(cookies.len() > 1 && cookies.iter().all(|cookie| cookie.len() < 4_096));
    for cookie in &cookies {
        for attribute in [
            "; HttpOnly",
            "; SameSite=Strict",
            "; Secure",
            "; Path=/console",
        ] {
            assert!(cookie.contains(attribute), "{attribute}");
        }
    }
    let headers = sent(&cookies);
    let back = key.open(&of_cookies(&headers).unwrap(), at(1)).unwrap();
    assert!(*back == token);
    // A shorter session after it takes the others back, and signing out takes all.
    let short = key.seal("short", at(2)).unwrap();
    let next = set_cookies(Some(&short), false, &headers);
    assert_eq!(next.len(), cookies.len());
    assert_eq!(
        next.iter()
            .filter(|cookie| cookie.contains("Max-Age=0"))
            .count(),
        cookies.len() - 1
    );
    assert!(next.iter().all(|cookie| !cookie.contains("Secure")));
    let out = set_cookies(None, false, &headers);
    assert!(out.len() == cookies.len() && out.iter().all(|cookie| cookie.contains("=; Max-Age=0")));
    assert!(key.seal(&"t".repeat(40_000), at(0)).is_none());
}

#[test]
fn cookies_of_others_are_not_ours() {
    let mut headers = HeaderMap::new();
    assert!(of_cookies(&headers).is_none());
    headers.insert(
        http::header::COOKIE,
        HeaderValue::from_static("a=b; parapet_console_1=x; xparapet_console=y"),
    );
    assert!(of_cookies(&headers).is_none());
    headers.insert(
        http::header::COOKIE,
        HeaderValue::from_static("a=b; parapet_console=x; parapet_console_2=z"),
    );
    assert_eq!(of_cookies(&headers).unwrap(), "x");
}
