//! An OpenID Connect issuer that signs with real keys, rotates them, gives clients tokens, and misbehaves when told to.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Result, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use rcgen::{
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256,
    PublicKeyData as _,
};
use serde_json::{Value, json};

use crate::fake::{Call, Fake, Reply, Step};

mod token;

pub use token::{TokenMood, TokenRequest};

/// The audience of [`claims`].
pub const AUDIENCE: &str = "parapet";

/// A key made for this run.
#[derive(Clone)]
pub struct SigningKey {
    /// What it signs with.
    pub algorithm: Algorithm,
    /// Its id.
    pub id: String,
    /// Its public half, as key sets have it.
    pub jwk: Value,
    /// Its public half in DER.
    pub public_der: Vec<u8>,
    private: EncodingKey,
}

impl SigningKey {
    /// Makes one for RSA, EC or Ed25519.
    ///
    /// # Errors
    /// When the algorithm is none of them.
    pub fn new(algorithm: Algorithm, id: &str) -> Result<Self> {
        let (kind, curve) = match algorithm {
            Algorithm::ES256 => (&PKCS_ECDSA_P256_SHA256, "P-256"),
            Algorithm::ES384 => (&PKCS_ECDSA_P384_SHA384, "P-384"),
            Algorithm::EdDSA => (&PKCS_ED25519, "Ed25519"),
            _ => (&PKCS_RSA_SHA256, ""),
        };
        let pair = KeyPair::generate_for(kind)?;
        let (der, point) = (pair.serialize_der(), pair.der_bytes());
        let short = || anyhow!("the public key is too short");
        let (private, mut jwk) = match algorithm {
            Algorithm::ES256 | Algorithm::ES384 => {
                let point = point.get(1..).ok_or_else(short)?;
                let (x, y) = point.split_at(point.len() / 2);
                let jwk = json!({"kty": "EC", "crv": curve, "x": base64url(x), "y": base64url(y)});
                (EncodingKey::from_ec_der(&der), jwk)
            }
            Algorithm::EdDSA => {
                let jwk = json!({"kty": "OKP", "crv": curve, "x": base64url(point)});
                (EncodingKey::from_ed_der(&der), jwk)
            }
            _ => {
                // PKCS#8 wraps PKCS#1 in a head of 26 bytes for keys of 2,048 bits.
                let private = EncodingKey::from_rsa_der(der.get(26..).ok_or_else(short)?);
                let jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&private, algorithm)?;
                (private, serde_json::to_value(jwk)?)
            }
        };
        if let Some(jwk) = jwk.as_object_mut() {
            jwk.insert("kid".to_owned(), json!(id));
            jwk.insert("use".to_owned(), json!("sig"));
        }
        Ok(Self {
            algorithm,
            id: id.to_owned(),
            jwk,
            public_der: pair.subject_public_key_info(),
            private,
        })
    }

    /// A token with these claims and the head that goes with this key.
    ///
    /// # Errors
    /// When signing fails.
    pub fn sign(&self, claims: &Value) -> Result<String> {
        let head = json!({"alg": format!("{:?}", self.algorithm), "typ": "JWT", "kid": self.id});
        self.sign_with(&head, claims)
    }

    /// A token with any head: what it says need not be true.
    ///
    /// # Errors
    /// When signing fails.
    pub fn sign_with(&self, head: &Value, claims: &Value) -> Result<String> {
        let message = format!("{}.{}", encoded(head), encoded(claims));
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &self.private, self.algorithm)?;
        Ok(format!("{message}.{signature}"))
    }
}

/// Base64 as tokens have it.
pub fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// JSON as a part of a token.
pub fn encoded(value: &Value) -> String {
    base64url(value.to_string().as_bytes())
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Claims of ana@example.com that hold for five minutes, with some changed; null takes one out.
pub fn claims(issuer: &str, changed: &Value) -> Value {
    let mut claims = json!({
        "iss": issuer, "aud": AUDIENCE, "exp": now() + 300, "iat": now(),
        "email": "ana@example.com", "groups": ["payments", "testers"],
    });
    if let (Some(claims), Some(changed)) = (claims.as_object_mut(), changed.as_object()) {
        for (name, value) in changed {
            if value.is_null() {
                claims.remove(name);
            } else {
                claims.insert(name.clone(), value.clone());
            }
        }
    }
    claims
}

/// What a realm does when it is asked for its discovery document or its keys.
#[derive(Clone, Debug, Default)]
pub enum Mood {
    /// Answers well.
    #[default]
    Good,
    /// Answers with an error.
    Broken,
    /// Takes the call and sends a byte now and then.
    Slow,
    /// Sends a document without end.
    Huge,
    /// Sends ten thousand keys.
    ManyKeys,
    /// Sends a redirect to here.
    Redirect(String),
    /// Says that its keys are here.
    KeysAt(String),
    /// Says that it is another issuer.
    Impostor,
    /// Sends something that is no JSON.
    Nonsense,
}

#[derive(Default)]
struct Realm {
    keys: Vec<SigningKey>,
    mood: Mood,
    cache_control: Option<String>,
    desk: token::Desk,
}

/// A running issuer with several realms, each an issuer of its own below its path. It stops when dropped.
pub struct Issuer {
    fake: Fake,
    realms: Arc<Mutex<BTreeMap<String, Realm>>>,
}

impl Issuer {
    /// Starts one on a free local port.
    ///
    /// # Errors
    /// When it can't listen.
    pub async fn start() -> Result<Self> {
        Self::start_at("127.0.0.1:0").await
    }

    /// Starts one at an address.
    ///
    /// # Errors
    /// When it can't listen.
    pub async fn start_at(addr: &str) -> Result<Self> {
        let realms = Arc::new(Mutex::new(BTreeMap::new()));
        let answers = Arc::clone(&realms);
        let fake = Fake::start_at(addr, move |call| answer(&answers, call)).await?;
        Ok(Self { fake, realms })
    }

    /// Where it listens.
    pub const fn addr(&self) -> SocketAddr {
        self.fake.addr()
    }

    /// The `iss` of a realm.
    pub fn name(&self, realm: &str) -> String {
        name(self.addr(), realm)
    }

    /// A realm has these keys from now on.
    pub fn publish(&self, realm: &str, keys: &[&SigningKey]) {
        self.with(realm, |realm| {
            realm.keys = keys.iter().copied().cloned().collect();
        });
    }

    /// A realm behaves like this from now on.
    pub fn mood(&self, realm: &str, mood: Mood) {
        self.with(realm, |realm| realm.mood = mood);
    }

    /// A realm's keys may be kept as this says.
    pub fn cache_control(&self, realm: &str, value: &str) {
        self.with(realm, |realm| realm.cache_control = Some(value.to_owned()));
    }

    /// Where a realm's clients get tokens.
    pub fn token_url(&self, realm: &str) -> String {
        format!("{}/token", self.name(realm))
    }

    /// A realm knows this client from now on.
    pub fn add_client(&self, realm: &str, id: &str, secret: &str) {
        self.with(realm, |realm| {
            realm.desk.clients.insert(id.to_owned(), secret.to_owned());
        });
    }

    /// A realm's tokens hold for so many seconds.
    pub fn token_lifetime(&self, realm: &str, seconds: u64) {
        self.with(realm, |realm| realm.desk.lifetime = Some(seconds));
    }

    /// A realm's token endpoint behaves like this from now on.
    pub fn token_mood(&self, realm: &str, mood: TokenMood) {
        self.with(realm, |realm| realm.desk.mood = mood);
    }

    /// The requests for tokens that came to a realm.
    pub fn token_requests(&self, realm: &str) -> Vec<TokenRequest> {
        let mut found = Vec::new();
        self.with(realm, |realm| found.clone_from(&realm.desk.requests));
        found
    }

    /// How often a realm's keys were asked for.
    pub fn fetches(&self, realm: &str) -> usize {
        let path = format!("/{realm}/keys");
        let calls = self.fake.calls();
        calls.iter().filter(|call| call.path == path).count()
    }

    fn with(&self, realm: &str, change: impl FnOnce(&mut Realm)) {
        let mut realms = self.realms.lock().unwrap_or_else(PoisonError::into_inner);
        change(realms.entry(realm.to_owned()).or_default());
    }
}

/// The `iss` of a realm of an issuer that listens here, or will.
pub fn name(addr: SocketAddr, realm: &str) -> String {
    format!("http://{addr}/{realm}")
}

fn answer(realms: &Mutex<BTreeMap<String, Realm>>, call: &Call) -> Reply {
    let mut realms = realms.lock().unwrap_or_else(PoisonError::into_inner);
    let host = call.header("host").unwrap_or_default();
    let mut parts = call.path.trim_start_matches('/').splitn(2, '/');
    let (Some(name), Some(document)) = (parts.next(), parts.next()) else {
        return Reply::json(404, &json!({}));
    };
    let Some(realm) = realms.get_mut(name) else {
        return Reply::json(404, &json!({}));
    };
    let issuer = format!("http://{host}/{name}");
    if document == "token" {
        return realm.desk.answer(call, &realm.keys, &issuer);
    }
    match (document, &realm.mood) {
        (_, Mood::Broken) => Reply::new(500, "text/plain", "SECRET-DOCUMENT"),
        (_, Mood::Redirect(to)) => Reply::new(302, "text/plain", "").header("location", to),
        (".well-known/openid-configuration", mood) => {
            let keys = match mood {
                Mood::KeysAt(url) => url.clone(),
                _ => format!("{issuer}/keys"),
            };
            let issuer = match mood {
                Mood::Impostor => "https://SECRET-DOCUMENT.example.com".to_owned(),
                _ => issuer,
            };
            Reply::json(200, &json!({"issuer": issuer, "jwks_uri": keys}))
        }
        ("keys", Mood::Slow) => {
            let mut reply = Reply::new(200, "application/json", "{");
            for _ in 0..600 {
                reply.steps.push(Step::Pause(Duration::from_millis(200)));
                reply.steps.push(Step::Send(" ".into()));
            }
            reply
        }
        ("keys", Mood::Huge) => {
            let mut reply = Reply::new(200, "application/json", "{");
            for _ in 0..4096 {
                reply.steps.push(Step::Send(vec![b' '; 16 * 1024].into()));
            }
            reply
        }
        ("keys", Mood::ManyKeys) => {
            let keys: Vec<_> = (0..10_000)
                .map(|id| json!({"kty": "oct2", "kid": id.to_string()}))
                .collect();
            Reply::json(200, &json!({ "keys": keys }))
        }
        ("keys", Mood::Nonsense) => Reply::new(200, "text/html", "<p>SECRET-DOCUMENT</p>"),
        ("keys", _) => {
            let keys: Vec<_> = realm.keys.iter().map(|key| &key.jwk).collect();
            let reply = Reply::json(200, &json!({ "keys": keys }));
            match &realm.cache_control {
                Some(value) => reply.header("cache-control", value),
                None => reply,
            }
        }
        _ => Reply::json(404, &json!({})),
    }
}
