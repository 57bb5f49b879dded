//! Tokens of every kind, good and bad.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use http::HeaderValue;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use parapet_policy::bundle::{AccountIdentity, ResourceEntry, SecretId};
use rcgen::{
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256,
    PublicKeyData as _,
};
use serde_json::{Value, json};

use super::*;

fn source(kind: &str, name: &str) -> Source {
    Source {
        kind: kind.into(),
        namespace: "default".into(),
        name: name.into(),
        file: None,
    }
}

fn secret(name: &str) -> SecretId {
    SecretId {
        namespace: "default".into(),
        name: name.into(),
        key: "token".into(),
    }
}

fn account(name: &str, tokens: &[&str], expires_at: Option<&str>) -> AccountEntry {
    AccountEntry {
        source: source("VirtualAccount", name),
        tokens: tokens.iter().map(|name| secret(name)).collect(),
        identities: Vec::new(),
        teams: vec!["payments".into()],
        roles: vec!["machine".into()],
        fixed_metadata: BTreeMap::new(),
        metadata: BTreeMap::from([("environment".to_owned(), "production".to_owned())]),
        expires_at: expires_at.map(str::to_owned),
    }
}

fn bearer(token: &str) -> HeaderMap {
    let value = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
    HeaderMap::from_iter([(header::AUTHORIZATION, value)])
}

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
        .collect()
}

#[test]
fn machine_tokens() {
    let bundle = Bundle {
        accounts: vec![
            account("bot", &["old", "new"], None),
            account("former", &["former"], Some("2020-01-01T00:00:00Z")),
            account("broken", &["broken"], Some("tomorrow")),
            account("future", &["future"], Some("2999-01-01T00:00:00Z")),
            account("nothing", &["missing"], None),
        ],
        ..Bundle::default()
    };
    let mut secrets = Secrets::default();
    for name in ["old", "new", "former", "broken", "future"] {
        secrets.insert(secret(name), &format!("token-{name}\n"));
    }
    let (identities, said) = Identities::new(&bundle, &secrets);
    assert_eq!(said, []);
    let who = |headers: &HeaderMap| {
        identities
            .authenticate(headers)
            .map(|who| who.caller.subject.name().to_string())
    };
    let rows = [
        (headers(&[("authorization", "Bearer token-old")]), Ok("bot")),
        (
            headers(&[("authorization", "bearer  token-new ")]),
            Ok("bot"),
        ),
        (headers(&[("x-api-key", "token-new")]), Ok("bot")),
        (
            headers(&[
                ("authorization", "Basic dXNlcg=="),
                ("x-api-key", "token-new"),
            ]),
            Ok("bot"),
        ),
        (headers(&[("x-api-key", "token-future")]), Ok("future")),
        (
            headers(&[
                ("authorization", "Bearer token-new"),
                ("x-api-key", "other"),
            ]),
            Ok("bot"),
        ),
        (
            headers(&[
                ("authorization", "Bearer other"),
                ("x-api-key", "token-new"),
            ]),
            Err(AuthError::Unknown),
        ),
        (
            headers(&[("authorization", "Bearer token-former")]),
            Err(AuthError::Expired),
        ),
        (
            headers(&[("authorization", "Bearer token-broken")]),
            Err(AuthError::Expired),
        ),
        (
            headers(&[("authorization", "Bearer token-ne")]),
            Err(AuthError::Unknown),
        ),
        (
            headers(&[("authorization", "Bearer token-new2")]),
            Err(AuthError::Unknown),
        ),
        (
            headers(&[("authorization", "Bearer TOKEN-NEW")]),
            Err(AuthError::Unknown),
        ),
        (
            headers(&[("authorization", "Bearer ")]),
            Err(AuthError::Missing),
        ),
        (
            headers(&[("authorization", "token-new")]),
            Err(AuthError::Missing),
        ),
        (headers(&[("x-api-key", "")]), Err(AuthError::Missing)),
        (headers(&[]), Err(AuthError::Missing)),
    ];
    for (headers, expected) in rows {
        assert_eq!(who(&headers), expected.map(str::to_owned), "{headers:?}");
    }
    let identity = identities.authenticate(&bearer("token-new")).unwrap();
    assert_eq!(identity.caller.subject.to_string(), "virtualaccount:bot");
    assert_eq!(identity.caller.teams, ["payments".into()] as [Arc<str>; 1]);
    assert_eq!(identity.caller.roles, ["machine".into()] as [Arc<str>; 1]);
    assert_eq!(identity.metadata["environment"], "production");
    assert!(!format!("{identities:?}").contains("token-new"));
}

#[test]
fn unusable_and_doubled_tokens_are_said_and_let_nobody_in() {
    let accounts = vec![
        account("a", &["same"], None),
        account("b", &["same", "empty", "spaced"], None),
    ];
    let bundle = Bundle {
        accounts,
        ..Bundle::default()
    };
    let mut secrets = Secrets::default();
    secrets.insert(secret("same"), "token-same");
    secrets.insert(secret("empty"), "");
    secrets.insert(secret("spaced"), "secret with spaces");
    let (identities, said) = Identities::new(&bundle, &secrets);
    let said: Vec<_> = said
        .iter()
        .map(|d| (d.source.name.as_ref(), d.path.as_str(), d.reason))
        .collect();
    assert_eq!(
        said,
        [
            ("b", "spec.tokens[0]", Reason::Conflicted),
            ("b", "spec.tokens[1]", Reason::NotBuildable),
            ("b", "spec.tokens[2]", Reason::NotBuildable),
        ]
    );
    assert_eq!(
        identities
            .authenticate(&bearer("token-same"))
            .unwrap()
            .caller
            .subject
            .to_string(),
        "virtualaccount:a"
    );
    assert_eq!(
        identities.authenticate(&bearer("secret with spaces")),
        Err(AuthError::Unknown)
    );
}

/// A key pair with its public half as a JWK.
struct TestKey {
    algorithm: Algorithm,
    id: Option<&'static str>,
    signing: EncodingKey,
    public: Value,
    public_der: Vec<u8>,
}

impl TestKey {
    fn new(algorithm: Algorithm, id: Option<&'static str>) -> Self {
        let (kind, curve) = match algorithm {
            Algorithm::ES256 => (&PKCS_ECDSA_P256_SHA256, "P-256"),
            Algorithm::ES384 => (&PKCS_ECDSA_P384_SHA384, "P-384"),
            Algorithm::EdDSA => (&PKCS_ED25519, "Ed25519"),
            _ => (&PKCS_RSA_SHA256, ""),
        };
        let pair = KeyPair::generate_for(kind).unwrap();
        let (der, raw) = (pair.serialize_der(), pair.der_bytes().to_vec());
        let (signing, mut public) = match algorithm {
            Algorithm::ES256 | Algorithm::ES384 => {
                let (x, y) = raw[1..].split_at(raw.len() / 2);
                let jwk = json!({"kty": "EC", "crv": curve, "x": BASE64.encode(x), "y": BASE64.encode(y)});
                (EncodingKey::from_ec_der(&der), jwk)
            }
            Algorithm::EdDSA => {
                let jwk = json!({"kty": "OKP", "crv": curve, "x": BASE64.encode(&raw)});
                (EncodingKey::from_ed_der(&der), jwk)
            }
            _ => {
                // PKCS#8 wraps PKCS#1 in a head of 26 bytes for keys of 2,048 bits.
                let signing = EncodingKey::from_rsa_der(&der[26..]);
                let jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&signing, algorithm).unwrap();
                (signing, serde_json::to_value(jwk).unwrap())
            }
        };
        if let Some(id) = id {
            public["kid"] = id.into();
        }
        Self {
            algorithm,
            id,
            signing,
            public,
            public_der: pair.subject_public_key_info(),
        }
    }

    fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = self.id.map(str::to_owned);
        jsonwebtoken::encode(&header, claims, &self.signing).unwrap()
    }
}

fn provider(name: &str, audience: &str, keys: &[&TestKey]) -> ResourceEntry {
    let keys: Vec<_> = keys.iter().map(|key| key.public.clone()).collect();
    let spec = json!({
        "issuer": "https://id.example.com",
        "audiences": [audience],
        "jwks": {"inline": json!({"keys": keys}).to_string()},
        "claims": {"user": "email", "teams": "groups"},
    });
    ResourceEntry {
        source: source("IdentityProvider", name),
        spec,
    }
}

fn identities(providers: Vec<ResourceEntry>) -> Identities {
    let bundle = Bundle {
        identity_providers: providers,
        ..Bundle::default()
    };
    let (identities, said) = Identities::new(&bundle, &Secrets::default());
    assert_eq!(said, []);
    identities
}

fn claims(change: Value) -> Value {
    let mut claims = json!({
        "iss": "https://id.example.com", "aud": "parapet", "exp": now() + 600,
        "email": "alice@example.com", "groups": ["payments"],
    });
    for (name, value) in change.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

#[test]
fn tokens_of_every_algorithm() {
    let keys = [
        Algorithm::RS256,
        Algorithm::RS384,
        Algorithm::RS512,
        Algorithm::PS256,
        Algorithm::PS384,
        Algorithm::PS512,
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::EdDSA,
    ]
    .map(|a| TestKey::new(a, Some("k")));
    // All have one id: the algorithm tells them apart.
    let identities = identities(vec![provider("corp", "parapet", &keys.each_ref())]);
    for key in &keys {
        let token = key.sign(&claims(json!({})));
        for _ in 0..2 {
            let identity = identities.authenticate(&bearer(&token)).unwrap();
            assert_eq!(
                identity.caller.subject.to_string(),
                "user:alice@example.com"
            );
            assert_eq!(identity.caller.teams, ["payments".into()] as [Arc<str>; 1]);
        }
    }
}

#[test]
fn claims_are_checked() {
    let key = TestKey::new(Algorithm::EdDSA, None);
    let identities = identities(vec![provider("corp", "parapet", &[&key])]);
    let now = now();
    let rows = [
        (json!({}), Ok(())),
        (json!({"aud": ["other", "parapet"]}), Ok(())),
        (json!({"nbf": now - 5}), Ok(())),
        (json!({"exp": now - jwt::LEEWAY / 2}), Ok(())),
        (
            json!({"exp": now - jwt::LEEWAY * 2}),
            Err(AuthError::Expired),
        ),
        (json!({"nbf": now + 600}), Err(AuthError::NotYetValid)),
        (json!({"aud": "other"}), Err(AuthError::Audience)),
        (json!({"aud": []}), Err(AuthError::Audience)),
        (json!({"aud": null}), Err(AuthError::Unknown)),
        (json!({"exp": null}), Err(AuthError::Unknown)),
        (json!({"iss": null}), Err(AuthError::Unknown)),
        (
            json!({"iss": "https://id.example.com/"}),
            Err(AuthError::Unknown),
        ),
        (json!({"email": null}), Err(AuthError::NoUser)),
        (json!({"nbf": "soon"}), Err(AuthError::Unknown)),
        (json!({"nbf": now as f64 + 5.5}), Ok(())),
        (json!({"iat": now}), Ok(())),
        (json!({"iat": now + jwt::LEEWAY / 2}), Ok(())),
        (json!({"iat": now + 600}), Err(AuthError::NotYetValid)),
        (json!({"iat": [now]}), Err(AuthError::Unknown)),
        (json!({"exp": "never"}), Err(AuthError::Unknown)),
        (json!({"exp": 1e300}), Err(AuthError::Unknown)),
        (json!({"exp": 1e18}), Ok(())),
        (
            json!({"iss": ["https://id.example.com"]}),
            Err(AuthError::Unknown),
        ),
        (json!({"aud": {"parapet": 1}}), Err(AuthError::Unknown)),
    ];
    for (change, expected) in rows {
        let token = key.sign(&claims(change.clone()));
        assert_eq!(
            identities.authenticate(&bearer(&token)).map(drop),
            expected,
            "{change}"
        );
    }
}

#[test]
fn forged_tokens_are_refused() {
    let (mine, theirs) = (
        TestKey::new(Algorithm::RS256, Some("k")),
        TestKey::new(Algorithm::RS256, Some("k")),
    );
    let identities = identities(vec![provider("corp", "parapet", &[&mine])]);
    let good = mine.sign(&claims(json!({})));
    assert!(identities.authenticate(&bearer(&good)).is_ok());
    let parts: Vec<&str> = good.split('.').collect();
    let encoded = |value: &Value| BASE64.encode(value.to_string());
    let with_header = |header: Value| format!("{}.{}.{}", encoded(&header), parts[1], parts[2]);
    // The public key as a secret: what a verifier falls for that believes the token's header.
    let confused = |secret: &[u8]| {
        let header = Header::new(Algorithm::HS256);
        jsonwebtoken::encode(
            &header,
            &claims(json!({})),
            &EncodingKey::from_secret(secret),
        )
        .unwrap()
    };
    let admin = encoded(&claims(json!({"email": "admin@example.com"})));
    let forged = [
        theirs.sign(&claims(json!({}))),
        TestKey::new(Algorithm::EdDSA, Some("k")).sign(&claims(json!({}))),
        confused(&mine.public_der),
        confused(mine.public.to_string().as_bytes()),
        confused(b""),
        format!("{}.{admin}.{}", parts[0], parts[2]),
        format!("{}.{}.", encoded(&json!({"alg": "none"})), parts[1]),
        with_header(json!({"alg": "none"})),
        with_header(json!({"alg": "RS512", "kid": "k"})),
        with_header(json!({"alg": "PS256", "kid": "k"})),
        with_header(json!({"alg": "RS256", "kid": "other"})),
        with_header(json!({"alg": "RS256", "kid": "k", "crit": ["exp"]})),
        with_header(json!({"alg": "RS256", "kid": "k", "jwk": theirs.public})),
        with_header(json!({"kid": "k"})),
        format!("{}.{}", parts[0], parts[1]),
        format!("{good}."),
        format!("{}.{}.{}", parts[0], parts[1], "AAAA"),
        format!("{}.!!!.{}", parts[0], parts[2]),
        "ey..".to_owned(),
        format!("ey{}..", "a".repeat(20_000)),
    ];
    for token in forged {
        let error = identities.authenticate(&bearer(&token)).unwrap_err();
        assert_eq!(error, AuthError::Unknown, "{token}");
    }
}

#[test]
fn one_issuer_may_stand_in_two_resources() {
    let (first, second) = (
        TestKey::new(Algorithm::EdDSA, Some("1")),
        TestKey::new(Algorithm::EdDSA, Some("2")),
    );
    let identities = identities(vec![
        provider("a", "parapet", &[&first]),
        provider("b", "batch", &[&second]),
    ]);
    for (key, audience, expected) in [
        (&first, "parapet", Ok(())),
        (&second, "batch", Ok(())),
        (&first, "batch", Err(AuthError::Audience)),
        (&second, "parapet", Err(AuthError::Audience)),
    ] {
        let token = key.sign(&claims(json!({"aud": audience})));
        assert_eq!(
            identities.authenticate(&bearer(&token)).map(drop),
            expected,
            "{audience}"
        );
    }
}

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

#[test]
fn a_claim_may_name_a_virtual_account() {
    let key = TestKey::new(Algorithm::EdDSA, None);
    let mut corp = provider("corp", "parapet", &[&key]);
    corp.spec["claims"]["metadata"] = json!({"pod": "kubernetes.pod", "environment": "env"});
    let mut by_group = provider("grouped", "groups", &[&key]);
    by_group.spec["claims"]["virtualAccount"] = json!("app");
    let maps = |name: &str, provider: &str, value: &str, expires: Option<&str>| AccountEntry {
        identities: vec![AccountIdentity {
            provider: provider.into(),
            value: value.into(),
        }],
        fixed_metadata: BTreeMap::from([("environment".to_owned(), "fixed".to_owned())]),
        ..account(name, &[], expires)
    };
    let bundle = Bundle {
        identity_providers: vec![corp, by_group],
        accounts: vec![
            maps(
                "checkout",
                "corp",
                "system:serviceaccount:payments:checkout",
                None,
            ),
            maps(
                "former",
                "corp",
                "old@example.com",
                Some("2020-01-01T00:00:00Z"),
            ),
            maps("batch", "grouped", "batch", None),
        ],
        ..Bundle::default()
    };
    let (identities, said) = Identities::new(&bundle, &Secrets::default());
    assert_eq!(said, []);
    let who = |change: Value| {
        let token = key.sign(&claims(change));
        identities.authenticate(&bearer(&token))
    };
    let name = |change: Value| who(change).map(|who| who.caller.subject.to_string());
    let pod = json!({"email": "system:serviceaccount:payments:checkout", "kubernetes": {"pod": "p-1"}, "env": "theirs"});
    let checkout = who(pod).unwrap();
    assert_eq!(
        checkout.caller.subject.to_string(),
        "virtualaccount:checkout"
    );
    assert_eq!(checkout.caller.teams, ["payments".into()] as [Arc<str>; 1]);
    assert_eq!(checkout.caller.roles, ["machine".into()] as [Arc<str>; 1]);
    assert_eq!(checkout.fixed_metadata["pod"], "p-1");
    assert_eq!(
        checkout.fixed_metadata["environment"], "fixed",
        "not for a token to change"
    );
    assert_eq!(name(json!({})), Ok("user:alice@example.com".into()));
    assert_eq!(
        name(json!({"email": "old@example.com"})),
        Err(AuthError::Expired)
    );
    assert_eq!(
        name(json!({"email": "batch"})),
        Ok("user:batch".into()),
        "another provider's"
    );
    let grouped = |app: Value| name(json!({"aud": "groups", "app": app}));
    assert_eq!(grouped(json!("batch")), Ok("virtualaccount:batch".into()));
    assert_eq!(grouped(json!("other")), Ok("user:alice@example.com".into()));
    assert_eq!(
        grouped(json!(["batch", "other"])),
        Ok("user:alice@example.com".into())
    );
}
