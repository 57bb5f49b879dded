//! Certificates: an authority of the installation's own, and what it signs.
//!
//! Whether one is good is asked of the library that clients verify with, and not read out of it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use k8s_openapi::jiff::Timestamp;
use k8s_openapi::jiff::tz::TimeZone;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// An authority is for as long as an installation may live: changing it means changing it everywhere at once.
const AUTHORITY_DAYS: u32 = 20 * 365;
/// What it signs is renewed by an upgrade, and nobody upgrades every month.
const SERVER_DAYS: u32 = 3 * 365;
/// A certificate that is good for less than this is renewed.
pub const RENEW_BEFORE: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// Clocks differ.
const CLOCKS_DIFFER: Duration = DAY;

/// A certificate and its private key, PEM.
pub struct Pair {
    /// The certificate.
    pub certificate: String,
    /// The key.
    pub key: Zeroizing<String>,
}

/// Why a certificate cannot be made or used. It shows no key.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// It could not be made.
    #[error("making a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// What there is to sign with is not what this program has made.
    #[error("the authority does not sign what it should: {0}")]
    Authority(String),
}

/// Makes an authority.
///
/// # Errors
/// When the system gives no random bytes.
pub fn make_authority(now: SystemTime) -> Result<Pair, CertificateError> {
    let key = KeyPair::generate()?;
    let mut params = authority_params()?;
    limit(&mut params, now, AUTHORITY_DAYS);
    let certificate = params.self_signed(&key)?;
    Ok(Pair {
        certificate: certificate.pem(),
        key: Zeroizing::new(key.serialize_pem()),
    })
}

/// Makes a certificate for servers of these names, and for what they say to each other as clients.
///
/// # Errors
/// When a name cannot stand in a certificate, or the authority cannot sign.
pub fn issue(
    authority: &Pair,
    names: &[String],
    now: SystemTime,
) -> Result<Pair, CertificateError> {
    let signer = KeyPair::from_pem(&authority.key)?;
    let issuer = Issuer::new(authority_params()?, signer);
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(names.to_vec())?;
    params.distinguished_name = named(names.first().map_or("server", String::as_str));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    params.use_authority_key_identifier_extension = true;
    limit(&mut params, now, SERVER_DAYS);
    let pair = Pair {
        certificate: params.signed_by(&key, &issuer)?.pem(),
        key: Zeroizing::new(key.serialize_pem()),
    };
    // An authority that somebody else has made may be called something else.
    check(&authority.certificate, &pair, names, now).map_err(CertificateError::Authority)?;
    Ok(pair)
}

/// Whether whoever trusts these authorities takes a certificate for servers of all these names at a time.
///
/// # Errors
/// Why not.
pub fn check(
    authorities: &str,
    pair: &Pair,
    names: &[String],
    at: SystemTime,
) -> Result<(), String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let certificate = leaf(&pair.certificate)?;
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).map_err(|error| said(&error))?;
    CertifiedKey::from_der(vec![certificate.clone()], key, &provider())
        .map_err(|error| said(&error))?;
    names
        .iter()
        .try_for_each(|name| check_name(authorities, &certificate, name, at))
}

fn check_name(
    authorities: &str,
    certificate: &CertificateDer<'_>,
    name: &str,
    at: SystemTime,
) -> Result<(), String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(authorities.as_bytes()) {
        let authority = authority.map_err(|error| said(&error))?;
        roots.add(authority).map_err(|error| said(&error))?;
    }
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(provider()))
            .build()
            .map_err(|error| said(&error))?;
    // A client asks for a name, never for a pattern of names.
    let asked = name.replacen('*', "any", 1);
    let asked = ServerName::try_from(asked).map_err(|error| said(&error))?;
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = UnixTime::since_unix_epoch(since);
    let verified = verifier.verify_server_cert(certificate, &[], &asked, &[], now);
    verified.map(drop).map_err(|error| said(&error))
}

/// Until when a certificate is good for a name, to the day; none when it is not good now.
pub fn good_until(
    authorities: &str,
    certificate: &str,
    name: &str,
    now: SystemTime,
) -> Option<SystemTime> {
    let certificate = leaf(certificate).ok()?;
    let is_good = |days: u32| check_name(authorities, &certificate, name, now + DAY * days).is_ok();
    if !is_good(0) {
        return None;
    }
    let (mut good, mut bad) = (0, 2 * AUTHORITY_DAYS);
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        if is_good(middle) {
            good = middle;
        } else {
            bad = middle;
        }
    }
    Some(now + DAY * good)
}

fn leaf(pem: &str) -> Result<CertificateDer<'static>, String> {
    CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| error.to_string())
}

fn provider() -> CryptoProvider {
    aws_lc_rs::default_provider()
}

/// The same for every authority: whoever signs later has to say the same name.
fn authority_params() -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = named("authority of a Parapet installation");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    // What is longer than 64 characters may not stand there; clients look at the other names.
    let common_name: String = common_name.chars().take(64).collect();
    name.push(DnType::CommonName, common_name);
    name
}

fn limit(params: &mut CertificateParams, now: SystemTime, days: u32) {
    let date = |time: SystemTime| {
        // A clock beyond all years gives a certificate that is not good, which is noticed.
        let day = Timestamp::try_from(time)
            .unwrap_or(Timestamp::UNIX_EPOCH)
            .to_zoned(TimeZone::UTC)
            .date();
        let part = |number: i8| u8::try_from(number).unwrap_or(1);
        rcgen::date_time_ymd(i32::from(day.year()), part(day.month()), part(day.day()))
    };
    params.not_before = date(now - CLOCKS_DIFFER);
    params.not_after = date(now + DAY * days);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        ["parapet-nats", "*.parapet-nats.ns.svc", "127.0.0.1"]
            .map(str::to_owned)
            .to_vec()
    }

    #[test]
    fn what_an_authority_signs_is_good_for_its_names_and_its_time() {
        let now = SystemTime::now();
        let authority = make_authority(now).unwrap();
        let pair = issue(&authority, &names(), now).unwrap();
        let ca = authority.certificate.as_str();
        check(ca, &pair, &names(), now).unwrap();
        check(ca, &pair, &names(), now + 2 * RENEW_BEFORE).unwrap();
        for (at, name) in [
            (now + DAY * (SERVER_DAYS + 1), "parapet-nats"),
            (now - 3 * DAY, "parapet-nats"),
            (now, "elsewhere"),
            (now, "a.b.parapet-nats.ns.svc"),
            (now, "127.0.0.2"),
        ] {
            assert!(
                check(ca, &pair, &[name.to_owned()], at).is_err(),
                "{name} {at:?}"
            );
        }
        let until = good_until(ca, &pair.certificate, "parapet-nats", now).unwrap();
        let days = until.duration_since(now).unwrap().as_secs() / DAY.as_secs();
        assert!(days.abs_diff(u64::from(SERVER_DAYS)) <= 1, "{days}");
        assert_eq!(good_until(ca, &pair.certificate, "elsewhere", now), None);
    }

    #[test]
    fn another_authority_or_another_key_is_no_good() {
        let now = SystemTime::now();
        let (one, other) = (make_authority(now).unwrap(), make_authority(now).unwrap());
        let pair = issue(&one, &names(), now).unwrap();
        assert!(check(&other.certificate, &pair, &names(), now).is_err());
        // Both of them in one file: an authority that is being replaced.
        let both = format!("{}{}", other.certificate, one.certificate);
        check(&both, &pair, &names(), now).unwrap();
        let mixed = Pair {
            certificate: pair.certificate.clone(),
            key: issue(&one, &names(), now).unwrap().key,
        };
        assert!(check(&one.certificate, &mixed, &names(), now).is_err());
        // A certificate that does not fit its key signs nothing that anybody believes.
        let stranger = Pair {
            certificate: one.certificate,
            key: other.key,
        };
        assert!(issue(&stranger, &names(), now).is_err());
    }
}
