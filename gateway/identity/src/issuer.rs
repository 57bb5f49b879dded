//! From an `IdentityProvider` to an issuer that tokens are verified with.

use parapet_crds::identity_provider::{IdentityProviderSpec, Jwks};
use parapet_crds::read::Secrets;
use parapet_policy::bundle::{ResourceEntry, SecretId};
use parapet_policy::diagnostic::{Diagnostic, Reason, Severity};
use parapet_policy::secret::SecretKeyRef;

use super::Machines;
use super::error;
use super::jwks;
use super::jwt::Issuer;
use super::keys::{Authorities, Bearer, KeySource, Keys, Place};

/// What is wrong with an issuer's resource, or doubtful, as far as it can be known without its token.
pub fn check(provider: &ResourceEntry) -> Vec<Diagnostic> {
    let mut said = Vec::new();
    read(
        provider,
        Machines::default(),
        &Secrets::default(),
        &mut said,
    );
    said
}

/// The issuer of a resource. What cannot be used is said, and then its tokens are not accepted.
pub(super) fn read(
    provider: &ResourceEntry,
    machines: Machines,
    secrets: &Secrets,
    said: &mut Vec<Diagnostic>,
) -> Option<Issuer> {
    let Ok(spec) = serde_json::from_value::<IdentityProviderSpec>(provider.spec.clone()) else {
        let message = "this identity provider is not of this version";
        said.push(error(
            &provider.source,
            "spec".to_owned(),
            Reason::Invalid,
            message,
        ));
        return None;
    };
    let mut problems = Vec::new();
    let token = spec.token.as_ref().and_then(|token| {
        // That a Secret is missing, the compiler says; without its token nothing is fetched.
        let SecretKeyRef { name, key } = &token.secret_key_ref;
        secrets.get(&SecretId {
            namespace: provider.source.namespace.clone(),
            name: name.as_str().into(),
            key: key.as_str().into(),
        })
    });
    let keys = keys(&spec, token, &mut problems);
    let failed = keys.is_err();
    problems.extend(
        keys.as_ref()
            .err()
            .cloned()
            .map(|(path, message)| (path, Severity::Error, message)),
    );
    for (path, severity, message) in problems {
        let reason = match severity {
            Severity::Error => Reason::NotBuildable,
            Severity::Warning | Severity::Info => Reason::Suspicious,
        };
        said.push(Diagnostic {
            severity,
            ..error(&provider.source, path.to_owned(), reason, &message)
        });
    }
    if failed {
        return None;
    }
    Some(Issuer::new(
        provider.source.name.clone(),
        &spec,
        keys.ok()?,
        machines,
    ))
}

type Problem = (&'static str, String);
type Remarks = Vec<(&'static str, Severity, String)>;

fn keys(
    spec: &IdentityProviderSpec,
    token: Option<&str>,
    remarks: &mut Remarks,
) -> Result<Keys, Problem> {
    let place = match &spec.jwks {
        Some(Jwks {
            inline: Some(inline),
            ..
        }) => return given(inline, remarks),
        Some(Jwks { uri: Some(uri), .. }) => {
            let uri = http_uri("spec.jwks.uri", uri)?;
            only_encrypted(spec, &uri)?;
            remarks.extend(unencrypted("spec.jwks.uri", &uri));
            Place::At(uri)
        }
        // The reader has said that an empty place is none.
        Some(_) | None => {
            let uri = http_uri("spec.issuer", &spec.issuer)?;
            only_encrypted(spec, &uri)?;
            remarks.extend(unencrypted("spec.issuer", &uri));
            Place::Discovered {
                issuer: spec.issuer.clone(),
            }
        }
    };
    let authorities = match (&spec.ca, &spec.ca_file) {
        (Some(pem), _) => Authorities::Given(pem.clone()),
        (None, Some(path)) => Authorities::File(path.into()),
        (None, None) => Authorities::Usual,
    };
    Ok(Keys::fetched(KeySource {
        place,
        authorities,
        token: token.map(Bearer::new).transpose()?,
        refresh: spec.refresh_interval(),
    }))
}

/// A token goes over https or nowhere.
fn only_encrypted(spec: &IdentityProviderSpec, uri: &http::Uri) -> Result<(), Problem> {
    if spec.token.is_some() && uri.scheme_str() != Some("https") {
        let message = "the token would go over the network unencrypted: fetch the keys over https";
        return Err(("spec.token", message.to_owned()));
    }
    Ok(())
}

/// Keys that come unencrypted are whoever's who stands on the way; on the same machine nobody does.
fn unencrypted(path: &'static str, uri: &http::Uri) -> Option<(&'static str, Severity, String)> {
    let host = uri.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let here = host == "localhost"
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    let message = "keys are fetched unencrypted: whoever stands on the way can sign tokens of anybody; use https, or give \
                   them in jwks.inline";
    (uri.scheme_str() == Some("http") && !here)
        .then(|| (path, Severity::Warning, message.to_owned()))
}

fn given(inline: &str, remarks: &mut Remarks) -> Result<Keys, Problem> {
    const PATH: &str = "spec.jwks.inline";
    let read = jwks::read(inline.as_bytes()).map_err(|message| (PATH, message))?;
    let unused = read.unused.into_iter();
    remarks.extend(unused.map(|message| (PATH, Severity::Warning, message)));
    Ok(Keys::given(read.keys))
}

fn http_uri(path: &'static str, text: &str) -> Result<http::Uri, Problem> {
    let wrong = |message: String| (path, message);
    let uri = text
        .parse::<http::Uri>()
        .map_err(|_| wrong("it is not a URL, so no keys can be fetched".to_owned()))?;
    match parapet_connect::Origin::of(&uri) {
        Ok(_) => Ok(uri),
        Err(error) => Err(wrong(format!("no keys can be fetched from it: {error}"))),
    }
}
