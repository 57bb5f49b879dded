//! A token, sealed into cookies.
//!
//! The cookie holds the token itself, encrypted and authenticated (AES-256-GCM), so that every page asks anew whom it
//! belongs to: a session ends when its token expires, when the account goes, when the issuer's keys change or when its
//! owner is no reader any more, on every replica, and nobody has to remember sessions. Nobody but the console can open it
//! or make one.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use http::HeaderMap;
use zeroize::Zeroizing;

/// The longest that one sign-in lasts: a day's work.
pub const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);

/// The name of the first cookie; further ones have a number behind it.
const NAME: &str = "parapet_console";
/// What browsers take for one cookie is 4,096 bytes with its name and attributes.
const CHUNK: usize = 3_600;
/// The largest token that is accepted makes six.
const MAX_CHUNKS: usize = 8;
/// What the sealed bytes are bound to: this use, in this form.
const CONTEXT: &[u8] = b"parapet console session 1";
/// Bytes of a nonce of AES-GCM.
const NONCE: usize = 12;

/// What sessions are sealed with.
pub struct SealingKey(RandomizedNonceKey);

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealingKey")
    }
}

/// A key that cannot be made: the system gives no randomness.
#[derive(Debug, thiserror::Error)]
#[error("no key can be made for the console's sessions")]
pub struct KeyError;

impl SealingKey {
    /// A key that nobody else has: sessions end with the process.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn random() -> Result<Self, KeyError> {
        let mut secret = Zeroizing::new([0; 32]);
        aws_lc_rs::rand::fill(&mut *secret).map_err(|_| KeyError)?;
        Self::of(&*secret)
    }

    /// A key that every process makes alike that has the same secret: sessions are good on all of them. The secret is used
    /// for nothing but to make it.
    ///
    /// # Errors
    /// When the library refuses the key.
    pub fn derived(secret: &[u8]) -> Result<Self, KeyError> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let derived = hmac::sign(&key, CONTEXT);
        Self::of(derived.as_ref())
    }

    fn of(secret: &[u8]) -> Result<Self, KeyError> {
        RandomizedNonceKey::new(&AES_256_GCM, secret)
            .map(Self)
            .map_err(|_| KeyError)
    }

    /// Seals a token. None when it is larger than any that is accepted, or the library fails.
    pub fn seal(&self, token: &str, now: SystemTime) -> Option<String> {
        let mut sealed = seconds(now).to_be_bytes().to_vec();
        sealed.extend_from_slice(token.as_bytes());
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(CONTEXT), &mut sealed);
        let mut all = nonce.ok()?.as_ref().to_vec();
        all.extend_from_slice(&sealed);
        let text = BASE64.encode(all);
        (text.len() <= CHUNK * MAX_CHUNKS).then_some(text)
    }

    /// Opens what was sealed, unless it is too old.
    pub fn open(&self, text: &str, now: SystemTime) -> Option<Zeroizing<String>> {
        let mut all = Zeroizing::new(BASE64.decode(text).ok()?);
        let (nonce, sealed) = all.split_at_mut_checked(NONCE)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let opened = self
            .0
            .open_in_place(nonce, Aad::from(CONTEXT), sealed)
            .ok()?;
        let (sealed_at, token) = opened.split_at_checked(size_of::<u64>())?;
        let sealed_at = u64::from_be_bytes(sealed_at.try_into().ok()?);
        let age = seconds(now).checked_sub(sealed_at)?;
        if age >= LONGEST.as_secs() {
            return None;
        }
        Some(Zeroizing::new(std::str::from_utf8(token).ok()?.to_owned()))
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// The values of `set-cookie` for a session; none: for its end. Cookies of a longer session before are taken back.
pub(crate) fn set_cookies(sealed: Option<&str>, secure: bool, sent: &HeaderMap) -> Vec<String> {
    let secure = if secure { "; Secure" } else { "" };
    let attributes = format!("; Path=/console; HttpOnly; SameSite=Strict{secure}");
    let sealed = sealed.unwrap_or_default().as_bytes();
    let mut cookies = Vec::new();
    let mut used = 0;
    for (index, chunk) in sealed.chunks(CHUNK).enumerate() {
        used = index + 1;
        let value = String::from_utf8_lossy(chunk);
        let longest = LONGEST.as_secs();
        cookies.push(format!(
            "{}={value}; Max-Age={longest}{attributes}",
            name(index)
        ));
    }
    for index in used..MAX_CHUNKS {
        if index == 0 || cookie(sent, &name(index)).is_some() {
            cookies.push(format!("{}=; Max-Age=0{attributes}", name(index)));
        }
    }
    cookies
}

/// The sealed text that a request's cookies hold.
pub(crate) fn of_cookies(headers: &HeaderMap) -> Option<String> {
    let chunks = (0..MAX_CHUNKS).map_while(|index| cookie(headers, &name(index)));
    let sealed: String = chunks.collect();
    (!sealed.is_empty()).then_some(sealed)
}

fn name(index: usize) -> String {
    match index {
        0 => NAME.to_owned(),
        _ => format!("{NAME}_{index}"),
    }
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(http::header::COOKIE).iter();
    all.filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(known, value)| (known == name).then_some(value))
}

#[cfg(test)]
mod tests;
