//! Keys of issuers: written ones, fetched ones, and what each may verify.

use super::*;

#[test]
fn wrong_key_sets_are_said() {
    let key = TestKey::new(Algorithm::EdDSA, None);
    let entry = |jwks: Value| {
        let mut entry = provider("corp", "parapet", &[]);
        entry.spec["jwks"] = jwks;
        entry
    };
    let said = |entry: ResourceEntry| {
        let bundle = Bundle {
            identity_providers: vec![entry],
            ..Bundle::default()
        };
        Identities::new(&bundle, &Secrets::default()).1
    };
    let mut private = key.public.clone();
    private["d"] = "SECRET".into();
    let rows = [
        (json!({"uri": "ftp://id.example.com/keys"}), "spec.jwks.uri"),
        (
            json!({"uri": "https://user:SECRET@id.example.com/keys"}),
            "spec.jwks.uri",
        ),
        (json!({"inline": "SECRET no json"}), "spec.jwks.inline"),
        (json!({"inline": "{\"keys\": 7}"}), "spec.jwks.inline"),
        (json!({"inline": "{\"keys\": []}"}), "spec.jwks.inline"),
        (
            json!({"inline": json!({"keys": [{"kty": "oct", "k": "SECRET"}]}).to_string()}),
            "spec.jwks.inline",
        ),
        (
            json!({"inline": json!({"keys": [private]}).to_string()}),
            "spec.jwks.inline",
        ),
        (
            json!({"inline": json!({"keys": [{"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"}]}).to_string()}),
            "spec.jwks.inline",
        ),
    ];
    for (jwks, path) in rows {
        let said = said(entry(jwks.clone()));
        assert_eq!(said.len(), 1, "{jwks}");
        assert_eq!(
            (said[0].path.as_str(), said[0].severity),
            (path, Severity::Error),
            "{jwks}"
        );
        assert!(!said[0].message.contains("SECRET"), "{}", said[0].message);
    }
    let unused = json!({"keys": [key.public, {"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"}]});
    let said = said(entry(json!({"inline": unused.to_string()})));
    assert_eq!((said.len(), said[0].severity), (1, Severity::Warning));
}

#[test]
fn a_token_to_fetch_keys_with_goes_over_https_only() {
    let rows = [
        (json!({"uri": "https://id.example.com/keys"}), "good", None),
        // That there is no such Secret the compiler says.
        (json!({"uri": "https://id.example.com/keys"}), "gone", None),
        (Value::Null, "good", None),
        (
            json!({"uri": "http://id.example.com/keys"}),
            "good",
            Some("over the network unencrypted"),
        ),
        (
            json!({"uri": "https://id.example.com/keys"}),
            "broken",
            Some("a header cannot carry"),
        ),
    ];
    let mut secrets = Secrets::default();
    secrets.insert(secret("good"), "SECRET");
    secrets.insert(secret("broken"), "SECRET with spaces");
    for (jwks, name, expected) in rows {
        let mut entry = provider("corp", "parapet", &[]);
        entry.spec["jwks"] = jwks.clone();
        entry.spec["token"] = json!({"secretKeyRef": {"name": name, "key": "token"}});
        let bundle = Bundle {
            identity_providers: vec![entry],
            ..Bundle::default()
        };
        let (_, said) = Identities::new(&bundle, &secrets);
        let told: Vec<_> = said
            .iter()
            .map(|said| (said.path.as_str(), said.message.as_str()))
            .collect();
        match (expected, told.as_slice()) {
            (None, []) => {}
            (Some(expected), [("spec.token", message)]) => {
                assert!(message.contains(expected) && !message.contains("SECRET"));
            }
            (_, told) => panic!("{jwks} with {name}: {told:?}"),
        }
    }
}

#[test]
fn keys_that_come_unencrypted_are_remarked_upon() {
    const HTTPS: &str = "https://id.example.com";
    for (issuer, jwks, expected) in [
        (HTTPS, Value::Null, None),
        (HTTPS, json!({"uri": "https://id.example.com/keys"}), None),
        (
            HTTPS,
            json!({"uri": "http://id.example.com/keys"}),
            Some("spec.jwks.uri"),
        ),
        ("http://id.example.com", Value::Null, Some("spec.issuer")),
        ("http://10.1.2.3:8080", Value::Null, Some("spec.issuer")),
        (
            "http://localhost.example.com",
            Value::Null,
            Some("spec.issuer"),
        ),
        ("http://127.0.0.1:9999/realm", Value::Null, None),
        ("http://[::1]:9999", Value::Null, None),
        ("http://localhost:9999", Value::Null, None),
        (
            "http://id.example.com",
            json!({"uri": "https://id.example.com/keys"}),
            None,
        ),
    ] {
        let mut entry = provider("corp", "parapet", &[]);
        entry.spec["issuer"] = issuer.into();
        entry.spec["jwks"] = jwks.clone();
        let bundle = Bundle {
            identity_providers: vec![entry],
            ..Bundle::default()
        };
        let (identities, said) = Identities::new(&bundle, &Secrets::default());
        let told = said.first().map(|one| (one.path.as_str(), one.severity));
        let expected = expected.map(|path| (path, Severity::Warning));
        assert_eq!(told, expected, "{issuer} {jwks}");
        // It counts all the same.
        assert_eq!(identities.issuers().len(), 1);
    }
}

#[test]
fn a_key_that_names_its_algorithm_verifies_no_other() {
    let key = TestKey::new(Algorithm::PS256, Some("k"));
    assert_eq!(key.public["alg"], "PS256");
    let identities = identities(vec![provider("corp", "parapet", &[&key])]);
    let sign = |algorithm| {
        let header = Header {
            kid: key.id.map(str::to_owned),
            ..Header::new(algorithm)
        };
        jsonwebtoken::encode(&header, &claims(json!({})), &key.signing).unwrap()
    };
    let who = |algorithm| identities.authenticate(&bearer(&sign(algorithm))).map(drop);
    assert_eq!(who(Algorithm::PS256), Ok(()));
    for other in [Algorithm::RS256, Algorithm::PS384, Algorithm::RS512] {
        assert_eq!(who(other), Err(AuthError::Unknown), "{other:?}");
    }
}

#[test]
fn keys_for_anything_else_than_signatures_verify_nothing() {
    let key = TestKey::new(Algorithm::ES256, Some("k"));
    let with = |field: &str, value: Value| {
        let mut public = key.public.clone();
        public[field] = value;
        json!({"keys": [public]}).to_string()
    };
    for (field, value, why) in [
        ("use", json!("enc"), "its use is not sig"),
        ("use", json!("tls"), "its use is not sig"),
        ("key_ops", json!(["encrypt"]), "its key_ops"),
        ("key_ops", json!([]), "its key_ops"),
        ("alg", json!("ECDH-ES"), "its alg"),
        ("alg", json!("ES384"), "its alg"),
        ("alg", json!("HS256"), "its alg"),
        ("kty", json!("oct"), "its type or curve"),
        ("crv", json!("secp256k1"), "its type or curve"),
        ("x", json!(7), "key 0 is not used"),
        ("x", json!("!"), "key 0 is not used"),
    ] {
        let said = jwks::read(with(field, value).as_bytes()).err().unwrap();
        assert!(said.contains(why), "{field}: {said}");
    }
    for (field, value) in [
        ("use", json!("sig")),
        ("key_ops", json!(["verify"])),
        ("alg", json!("ES256")),
    ] {
        assert!(jwks::read(with(field, value).as_bytes()).is_ok(), "{field}");
    }
    // Beside good ones it costs itself only, and a token that means it means nobody.
    let other = TestKey::new(Algorithm::ES256, Some("other"));
    let mut encrypting = other.public.clone();
    encrypting["use"] = "enc".into();
    let mut corp = provider("corp", "parapet", &[]);
    corp.spec["jwks"] = json!({"inline": json!({"keys": [key.public, encrypting]}).to_string()});
    let bundle = Bundle {
        identity_providers: vec![corp],
        ..Bundle::default()
    };
    let (identities, said) = Identities::new(&bundle, &Secrets::default());
    assert_eq!((said.len(), said[0].severity), (1, Severity::Warning));
    let who = |key: &TestKey| {
        let token = key.sign(&claims(json!({})));
        identities.authenticate(&bearer(&token)).map(drop)
    };
    assert_eq!((who(&key), who(&other)), (Ok(()), Err(AuthError::Unknown)));
}

/// An issuer whose keys are fetched, and the slot that they go to.
fn fetching(providers: Vec<ResourceEntry>) -> (Identities, Vec<Arc<Slot>>) {
    let identities = identities(providers);
    let mut slots = Vec::new();
    for (_, _, place) in identities.sources() {
        slots.push(Arc::clone(place.get_or_init(Arc::default)));
    }
    (identities, slots)
}

fn put(slot: &Slot, keys: &[&TestKey]) -> bool {
    let keys: Vec<_> = keys.iter().map(|key| key.public.clone()).collect();
    let text = json!({ "keys": keys }).to_string();
    let read = jwks::read(text.as_bytes()).unwrap();
    let mut document = [0; 32];
    for (index, byte) in text.bytes().enumerate() {
        document[index % 32] ^= byte.wrapping_mul(31).rotate_left((index / 32) as u32);
    }
    slot.put(read.keys, document)
}

#[tokio::test]
async fn fetched_keys_come_change_and_stay() {
    let (old, new) = (
        TestKey::new(Algorithm::EdDSA, Some("old")),
        TestKey::new(Algorithm::EdDSA, Some("new")),
    );
    let mut entry = provider("corp", "parapet", &[]);
    entry.spec["jwks"] = json!(null);
    let (identities, slots) = fetching(vec![entry]);
    let slot = &slots[0];
    let (by_old, by_new) = (old.sign(&claims(json!({}))), new.sign(&claims(json!({}))));
    let who = |token: &str| identities.authenticate(&bearer(token)).map(drop);
    assert_eq!(who(&by_old), Err(AuthError::NoKeys));
    slot.fail("it is down".into());
    assert_eq!(who(&by_old), Err(AuthError::NoKeys));
    let other = old.sign(&claims(json!({"iss": "https://other.example.com"})));
    assert_eq!(who(&other), Err(AuthError::Unknown), "no issuer of ours");

    assert!(put(slot, &[&old]));
    assert_eq!(who(&by_old), Ok(()));
    // An unknown key id is asked for, once for all that ask.
    assert_eq!(who(&by_new), Err(AuthError::Unknown));
    assert_eq!(who(&by_new), Err(AuthError::Unknown));
    slot.missed().await;
    let again = tokio::time::timeout(std::time::Duration::from_millis(10), slot.missed()).await;
    assert!(again.is_err(), "asked for twice");

    assert!(put(slot, &[&old, &new]));
    assert!(!put(slot, &[&old, &new]), "the same document is no change");
    assert_eq!((who(&by_old), who(&by_new)), (Ok(()), Ok(())));
    // A dead issuer takes nothing away.
    assert!(slot.fail("it is down".into()));
    assert!(!slot.fail("it is down".into()), "known");
    assert_eq!((who(&by_old), who(&by_new)), (Ok(()), Ok(())));
    // A key that is withdrawn counts no more, whatever is remembered.
    assert!(put(slot, &[&new]));
    assert_eq!(
        (who(&by_old), who(&by_new)),
        (Err(AuthError::Unknown), Ok(()))
    );
    let status = &identities.issuers()[0];
    assert_eq!(
        (&*status.name, status.keys, status.fetched, status.failed),
        ("corp", 1, 4, 3)
    );
}

#[test]
fn whether_an_issuer_without_keys_accepts_a_token_is_not_known() {
    let key = TestKey::new(Algorithm::EdDSA, None);
    let mut fetched = provider("b", "batch", &[]);
    fetched.spec["jwks"] = json!({"uri": "https://id.example.com/keys"});
    let (identities, slots) = fetching(vec![provider("a", "parapet", &[&key]), fetched]);
    let who = |audience: &str| {
        let token = key.sign(&claims(json!({"aud": audience})));
        identities.authenticate(&bearer(&token)).map(drop)
    };
    assert_eq!(who("parapet"), Ok(()));
    assert_eq!(who("batch"), Err(AuthError::NoKeys));
    put(&slots[0], &[&key]);
    assert_eq!(who("batch"), Ok(()));
    assert_eq!(who("other"), Err(AuthError::Audience));
}
