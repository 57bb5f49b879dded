//! Tokens of every kind, good and bad.

mod claims;
mod keys;

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
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, HeaderValue::from_static(value));
    }
    headers
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
        (
            headers(&[("authorization", "DPoP token-new")]),
            Err(AuthError::Missing),
        ),
        (
            headers(&[("authorization", "Bearer\ttoken-new")]),
            Err(AuthError::Missing),
        ),
        (
            headers(&[("authorization", "Bearer token-new, Bearer token-new")]),
            Err(AuthError::Unknown),
        ),
        // Whoever stands in front may have looked at the other one.
        (
            headers(&[
                ("authorization", "Bearer token-new"),
                ("authorization", "Bearer other"),
            ]),
            Err(AuthError::Several),
        ),
        (
            headers(&[
                ("authorization", "Basic dXNlcg=="),
                ("authorization", "Bearer token-new"),
            ]),
            Err(AuthError::Several),
        ),
        (
            headers(&[
                ("authorization", "Bearer token-new"),
                ("x-api-key", "one"),
                ("x-api-key", "two"),
            ]),
            Err(AuthError::Several),
        ),
        (
            headers(&[
                ("authorization", "Bearer token-new"),
                ("authorization", "Bearer token-new"),
            ]),
            Ok("bot"),
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
        with_header(json!({"alg": "RS256", "kid": "k", "b64": false, "crit": ["b64"]})),
        with_header(json!({"alg": "RS256", "kid": "k", "zip": "DEF"})),
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
