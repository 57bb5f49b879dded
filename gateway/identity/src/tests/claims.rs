//! What is read from claims, and what they have to say.

use super::*;

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
