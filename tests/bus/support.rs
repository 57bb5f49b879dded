//! What the tests of the bus share.

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use parapet_bus::envelope::{Expected, Verified, verify};
use parapet_bus::keys::read_trusted_keys;
use parapet_bus::nats::{BundleReader, Connection, Role};
use parapet_policy::bundle::{Refusal, Revision};
use parapet_tests::installation::{CLASS, INSTALLATION, Installation};

/// Far longer than anything may take, because the machine may be busy.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

pub(crate) const fn revision(epoch: u64, generation: u64) -> Revision {
    Revision { epoch, generation }
}

/// A policy whose only rule blocks a preset.
pub(crate) fn blocking(preset: &str) -> String {
    format!(
        "apiVersion: parapet.dev/v1alpha1\nkind: GuardrailIntegration\nmetadata: {{name: g}}\nspec:\n  guardrails:\n    \
         - {{name: x, regex: {{presetPatterns: {{presets: [{preset}]}}}}}}\n\
         ---\napiVersion: parapet.dev/v1alpha1\nkind: GuardrailConfig\nmetadata: {{name: rules}}\nspec: {{rules: [{{id: all, when: {{}}, llm_input_guardrails: [g/x]}}]}}\n---\n"
    )
}

/// Text that does not compress below the size of a message.
pub(crate) fn large() -> String {
    let mut text = blocking("us_ssn");
    text.push_str("apiVersion: parapet.dev/v1alpha1\nkind: GuardrailIntegration\nmetadata: {name: large}\nspec:\n  guardrails:\n");
    let mut seed = 1_u64;
    for number in 0..60 {
        let mut pattern = String::new();
        for _ in 0..1200 {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            pattern.push_str(&format!("{:016x}", seed ^ (seed >> 29)));
        }
        text.push_str(&format!(
            "    - {{name: p{number}, requestMetadata: {{keys: {{key: {{value: {{constraint: allowed_values, allowedValues: [\"{pattern}\"]}}}}}}}}}}\n"
        ));
    }
    text
}

pub(crate) fn verified(installation: &Installation, message: &Bytes) -> Result<Verified, Refusal> {
    let trusted = read_trusted_keys(&installation.file("trusted")).unwrap();
    let expected = Expected {
        trusted: &trusted,
        installation: INSTALLATION,
        class: CLASS,
        now: SystemTime::now(),
        in_force: None,
    };
    verify(message, &expected)
}

/// A gateway's reader with its connection, which is up.
pub(crate) async fn reader(installation: &Installation) -> (Connection, BundleReader) {
    let connection = installation.connect(Role::Gateway).await.unwrap();
    up(&connection).await;
    let reader = BundleReader::new(&connection, CLASS);
    (connection, reader)
}

pub(crate) async fn up(connection: &Connection) {
    let mut state = connection.state().clone();
    let wait = state.wait_for(|state| state.connected);
    tokio::time::timeout(LIMIT, wait).await.unwrap().unwrap();
}

/// Waits until something holds.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let deadline = Instant::now() + LIMIT;
    while !holds().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Starts an installation; ends the test when there is no NATS server on this machine.
macro_rules! installation {
    ($made:expr) => {
        match $made.unwrap() {
            Some(installation) => installation,
            None => return,
        }
    };
}
pub(crate) use installation;
