//! How a server is known that is called over TLS, and what it is shown.

use parapet_policy::secret::{PlainOrSecret, SecretValue};
#[cfg(not(feature = "kube"))]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a server is known that is called over TLS, and what it is shown. Its certificate is always verified: there is no
/// setting that skips it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "kube", derive(kube::KubeSchema))]
#[cfg_attr(not(feature = "kube"), derive(JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Tls {
    /// The certificate authorities, in PEM, to trust instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PlainOrSecret>,
    /// The name that the server is asked for, and that its certificate must hold; default: the host of the URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub server_name: Option<String>,
    /// The certificate chain, in PEM, that the gateway shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<PlainOrSecret>,
    /// The private key of that certificate, in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_key: Option<SecretValue>,
}

impl Tls {
    /// What is wrong with it for a server at this URL. A rule of the schema could not say the first: a value that may be
    /// text or a reference has no type there, and rules do not see what has none.
    pub(crate) fn problems(&self, url: Option<&str>) -> Vec<&'static str> {
        let mut found = Vec::new();
        if self.client_certificate.is_some() != self.client_key.is_some() {
            found.push("clientCertificate and clientKey belong together");
        }
        if url.is_some_and(|url| !url.trim().starts_with("https://")) {
            found.push("the URL does not begin with https://, so nothing of this would hold");
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn half_an_identity_and_a_plain_url_are_mistakes() {
        let secret = json!({"secretKeyRef": {"name": "mtls", "key": "k"}});
        let rows = [
            (json!({}), "https://a/", 0),
            (
                json!({"ca": "PEM", "serverName": "a.internal"}),
                "https://a/",
                0,
            ),
            (
                json!({"clientCertificate": secret, "clientKey": secret}),
                "https://a/",
                0,
            ),
            (json!({"clientCertificate": secret}), "https://a/", 1),
            (json!({"clientKey": secret}), "https://a/", 1),
            (json!({"ca": secret}), "http://a/", 1),
        ];
        for (tls, url, count) in rows {
            let read: Tls = serde_json::from_value(tls.clone()).unwrap();
            assert_eq!(read.problems(Some(url)).len(), count, "{tls} {url}");
        }
    }
}
