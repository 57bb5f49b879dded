//! Collectors that speak TLS with an authority of their own, and want a certificate from whoever sends.

use std::path::PathBuf;
use std::time::Duration;

use parapet_tests::collector::{Collector, CollectorTls};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use crate::failing::lost;
use crate::support::{PROMPT, ask, body, exporting};

/// An authority, what it has signed, and an authority that nobody trusts.
struct Certificates {
    dir: TempDir,
}

impl Certificates {
    fn make() -> Self {
        let certificates = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        certificates.authority("own", true);
        certificates.authority("strange", false);
        certificates
    }

    fn authority(&self, name: &str, signs: bool) {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        self.write(&format!("{name}.crt"), &certificate.pem());
        let issuer = Issuer::new(params, key);
        let usages = [
            ("server", ExtendedKeyUsagePurpose::ServerAuth),
            ("client", ExtendedKeyUsagePurpose::ClientAuth),
        ];
        for (role, usage) in usages.into_iter().filter(|_| signs) {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
            params.extended_key_usages = vec![usage];
            let certificate = params.signed_by(&key, &issuer).unwrap();
            self.write(&format!("{role}.crt"), &certificate.pem());
            self.write(&format!("{role}.key"), &key.serialize_pem());
        }
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_string_lossy().into_owned()
    }
}

#[tokio::test]
async fn spans_arrive_with_its_authority_and_a_certificate_to_show_and_not_without() {
    let certificates = Certificates::make();
    let tls = CollectorTls {
        certificate: certificates.path("server.crt"),
        key: certificates.path("server.key"),
        client_authority: certificates.path("own.crt"),
    };
    let Some(collector) = Collector::start_tls(&tls).await.unwrap() else {
        return;
    };
    let (own, strange) = (
        certificates.text("own.crt"),
        certificates.text("strange.crt"),
    );
    let (client, key) = (
        certificates.text("client.crt"),
        certificates.text("client.key"),
    );
    let authority = "OTEL_EXPORTER_OTLP_CERTIFICATE";
    let shown = [
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", client.as_str()),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", key.as_str()),
    ];
    for (protocol, endpoint) in [
        ("grpc", collector.grpc()),
        ("http/protobuf", collector.http()),
    ] {
        let trusted = [&[(authority, own.as_str())][..], &shown].concat();
        let world = exporting(&endpoint, protocol, &trusted).await;
        let (_, id) = ask(&world, &body("local", PROMPT)).await;
        assert_eq!(
            collector.spans_of(&id).await.unwrap().len(),
            6,
            "{protocol}"
        );

        let before = collector.spans().len();
        for refused in [
            // Not who it says it is.
            [&[(authority, strange.as_str())][..], &shown].concat(),
            // Nobody whom the collector knows.
            vec![(authority, own.as_str())],
        ] {
            let world = exporting(&endpoint, protocol, &refused).await;
            let (status, _) = ask(&world, &body("local", PROMPT)).await;
            assert_eq!(status, 200);
            assert_eq!(lost(&world, "traces", "not_delivered").await, 6);
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(collector.spans().len(), before, "{protocol}");
    }
}
