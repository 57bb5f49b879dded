//! Servers with certificates of their own, that ask for one as well.

use std::sync::Arc;

use parapet_tests::fake_mcp::FakeMcp;
use parapet_tests::harness::Setup;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use serde_json::json;

use super::support::{CALLERS, call};

/// An authority and what it has signed: for a server called `mcp.internal`, and for the gateway.
pub(super) struct Certificates {
    pub(super) authority: CertifiedIssuer<'static, KeyPair>,
    server: (rcgen::Certificate, KeyPair),
    client: (rcgen::Certificate, KeyPair),
}

pub(super) fn certificates() -> Certificates {
    let mut params = CertificateParams::new(vec!["ca".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = CertifiedIssuer::self_signed(params, key).unwrap();
    let signed = |name: &str, purpose: ExtendedKeyUsagePurpose| {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &authority).unwrap(), key)
    };
    Certificates {
        server: signed("mcp.internal", ExtendedKeyUsagePurpose::ServerAuth),
        client: signed("gateway", ExtendedKeyUsagePurpose::ClientAuth),
        authority,
    }
}

/// A server that wants a certificate of the authority.
async fn start(certificates: &Certificates) -> FakeMcp {
    FakeMcp::start_tls(config(certificates)).await.unwrap()
}

/// What such a server is started with.
pub(super) fn config(certificates: &Certificates) -> rustls::ServerConfig {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificates.authority.der().clone()).unwrap();
    let clients = WebPkiClientVerifier::builder(Arc::new(roots))
        .build()
        .unwrap();
    let (certificate, key) = &certificates.server;
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let mut config = rustls::ServerConfig::builder()
        .with_client_cert_verifier(clients)
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

/// Callers, and the Secret that servers name.
pub(super) fn secrets(certificates: &Certificates) -> String {
    let values = json!({
        "ca": certificates.authority.pem(),
        "certificate": certificates.client.0.pem(),
        "key": certificates.client.1.serialize_pem(),
        "broken": "-----BEGIN SECRET-DOCUMENT\nSECRET-DOCUMENT\n",
    });
    format!(
        "{CALLERS}---\napiVersion: v1\nkind: Secret\nmetadata: {{name: tls}}\nstringData: {values}\n"
    )
}

/// Servers at the same place, each known in another way.
fn resources(fake: &FakeMcp, certificates: &Certificates, servers: &[(&str, &str)]) -> String {
    let mut resources = secrets(certificates);
    let port = fake.addr().port();
    for (name, tls) in servers {
        let url = format!("https://localhost:{port}/mcp");
        resources += &super::support::server(name, &url, &format!(", tls: {{{tls}}}"));
    }
    resources
}

const CA: &str = "ca: {secretKeyRef: {name: tls, key: ca}}";
const OWN: &str = "clientCertificate: {secretKeyRef: {name: tls, key: certificate}}, clientKey: {secretKeyRef: {name: tls, key: key}}";

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_known_by_its_own_authority_and_name_and_shown_a_certificate() {
    let certificates = certificates();
    let fake = start(&certificates).await;
    let whole = format!("{CA}, serverName: mcp.internal, {OWN}");
    let rows = [
        ("whole", whole.clone(), 200),
        (
            "without-authority",
            format!("serverName: mcp.internal, {OWN}"),
            502,
        ),
        ("without-name", format!("{CA}, {OWN}"), 502),
        (
            "other-name",
            format!("{CA}, serverName: other.internal, {OWN}"),
            502,
        ),
        (
            "without-own",
            format!("{CA}, serverName: mcp.internal"),
            502,
        ),
        // Once more, when connections of the first are there to be used.
        ("again", whole, 200),
    ];
    let servers: Vec<_> = rows.iter().map(|(name, tls, _)| (*name, &**tls)).collect();
    let resources = resources(&fake, &certificates, &servers);
    let gateway = Setup::new(resources).start().await.unwrap();
    for (name, _, status) in &rows {
        let mut request = call("echo", json!({"text": "x"}));
        request.path = format!("/mcp/{name}");
        let answered = gateway.client().send(request).await.unwrap();
        assert_eq!(answered.status, *status, "{name}: {:?}", answered.text());
        let calls = fake.server().calls().len();
        assert_eq!(calls, if *name == "again" { 2 } else { 1 }, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_certificate_or_no_key_is_said_where_it_stands_and_not_quoted() {
    let certificates = certificates();
    let fake = start(&certificates).await;
    let key_of_another = OWN.replace("key: key", "key: broken");
    let rows = [
        ("ca: nothing", "spec.tls.ca"),
        (
            "ca: {secretKeyRef: {name: tls, key: broken}}",
            "spec.tls.ca",
        ),
        (&*key_of_another, "spec.tls.clientKey"),
        (
            "clientKey: {secretKeyRef: {name: tls, key: key}}",
            "spec.tls",
        ),
        ("serverName: \"not a name\"", "spec.tls.serverName"),
    ];
    for (tls, path) in rows {
        let resources = resources(&fake, &certificates, &[("fake", tls)]);
        let error = Setup::new(resources).start().await.err().unwrap();
        let said = format!("{error:#}");
        assert!(said.contains(path), "{tls}: {said}");
        assert!(!said.contains("SECRET-DOCUMENT"), "{said}");
    }
}
