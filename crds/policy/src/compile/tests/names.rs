//! Which resources count.

use serde_json::json;

use crate::bundle::AccountIdentity;
use crate::compile::{Created, WrittenAccount, WrittenProvider, compile};
use crate::testing::{
    FakeKinds, POLICY, account, config, guardrail, integration, provider, resource, rule, source,
    written,
};

use super::assert_remarks;

fn made(created: Option<&str>, provider: WrittenProvider) -> WrittenProvider {
    let created: Created = created.map(str::to_owned);
    WrittenProvider {
        created,
        ..provider
    }
}

#[test]
fn the_oldest_holds_the_name_of_an_account() {
    let of = |namespace: &str| provider(namespace, "main", None);
    let (old, new) = (
        Some("2025-01-01T00:00:00Z"),
        Some("2026-01-01T00:00:00+01:00"),
    );
    let in_file = |file: &str, provider: WrittenProvider| {
        let mut provider = provider;
        provider.source.file = Some(file.into());
        provider
    };
    for (what, providers, holder) in [
        ("by time", [made(new, of("a")), made(old, of("b"))], "b"),
        (
            "a time before none",
            [made(None, of("a")), made(new, of("b"))],
            "b",
        ),
        (
            "by file",
            [in_file("2.yaml", of("a")), in_file("1.yaml", of("b"))],
            "b",
        ),
        (
            "by namespace",
            [in_file("1.yaml", of("b")), in_file("1.yaml", of("a"))],
            "a",
        ),
    ] {
        let mut written = written(vec![guardrail("a", "text")], vec![]);
        written.providers = providers.to_vec();
        let forward = compile(&written, &FakeKinds);
        written.providers.reverse();
        let backward = compile(&written, &FakeKinds);
        assert_eq!(forward.diagnostics, backward.diagnostics, "{what}");
        assert_eq!(forward.bundle, backward.bundle, "{what}");
        let namespaces: Vec<_> = forward
            .bundle
            .providers
            .iter()
            .map(|provider| provider.source.namespace.to_string())
            .collect();
        assert_eq!(namespaces, [holder], "{what}");
        assert_remarks(
            &written,
            &["Error metadata.name Conflicted: the name \"main\" is held by ..."],
            what,
        );
    }
}

#[test]
fn other_names_are_held_as_well() {
    let mut written = written(vec![guardrail("a", "text")], vec![]);
    let again = [
        config(POLICY, "rules", vec![]),
        config("team-a", "rules", vec![]),
    ];
    written.configs.extend(again);
    written
        .integrations
        .push(integration(POLICY, "g", vec![guardrail("b", "text")]));
    written
        .integrations
        .push(integration("team-a", "g", vec![guardrail("a", "text")]));
    written.accounts.push(account("bot", &[]));
    written.identity_providers.push(resource(
        "IdentityProvider",
        "corp",
        json!({"issuer": "https://other"}),
    ));
    written.identity_providers.push(resource(
        "IdentityProvider",
        "same",
        json!({"issuer": "https://id.example.com"}),
    ));
    written.settings = vec![
        resource("GatewaySettings", "b", json!({"limits": 2})),
        resource("GatewaySettings", "a", json!({"limits": 1})),
    ];
    assert_remarks(
        &written,
        &[
            "Error metadata.name Conflicted: an installation has one GatewaySettings, and a.yaml: ...",
            "Error metadata.name Conflicted: ... rename or delete this one",
            "Error metadata.name Conflicted: ... rename or delete this one",
            "Error metadata.name Conflicted: ... rename or delete this one",
            "Warning spec.issuer Suspicious: ...",
            "Error metadata.name Conflicted: ... rename or delete this one",
        ],
        "kinds in order: settings, config, integration, identity providers, account",
    );
    assert_eq!(
        compile(&written, &FakeKinds).bundle.settings,
        Some(json!({"limits": 1}))
    );
}

#[test]
fn some_kinds_count_only_in_the_policy_namespace() {
    let mut written = written(vec![], vec![]);
    let mut away = account("away", &[]);
    away.source = source("VirtualAccount", "team-a", "away");
    away.tokens.clear();
    written.accounts.push(away);
    let mut issuer = resource("IdentityProvider", "away", json!({}));
    issuer.source.namespace = "team-a".into();
    written.identity_providers.push(issuer);
    let mut settings = resource("GatewaySettings", "away", json!({}));
    settings.source.namespace = "team-a".into();
    written.settings.push(settings);
    written.integrations.clear();
    assert_remarks(
        &written,
        &[
            "Error metadata.namespace WrongNamespace: ... policy namespace parapet, and this one is in team-a: move it there",
            "Error metadata.namespace WrongNamespace: ...",
            "Error metadata.namespace WrongNamespace: ...",
        ],
        "elsewhere",
    );
    let bundle = compile(&written, &FakeKinds).bundle;
    assert_eq!(
        (
            bundle.accounts.len(),
            bundle.identity_providers.len(),
            bundle.settings
        ),
        (1, 1, None)
    );
}

#[test]
fn accounts_and_providers_are_checked() {
    let mut written = written(
        vec![],
        vec![rule("r", json!({"input_execution": "sequential"}))],
    );
    written.integrations.clear();
    let mut bot = account("other", &["everyone"]);
    bot.expires_at = Some("tomorrow".to_owned());
    let mut tokenless = account("tokenless", &[]);
    tokenless.tokens.clear();
    written.accounts.extend([bot, tokenless]);
    let mut closed = provider(POLICY, "closed", Some(&[]));
    closed.collaborators = Some(vec![]);
    closed.secret_refs = vec![(
        "openai.apiKey.secretKeyRef".to_owned(),
        crate::testing::secret("bot", "tokem"),
    )];
    let mut open = provider(POLICY, "open", None);
    open.collaborators = Some(vec![
        "alice".to_owned(),
        "virtualaccount:bott".to_owned(),
        "user:a".to_owned(),
    ]);
    written.providers.extend([closed, open]);
    assert_remarks(
        &written,
        &[
            "Warning spec.collaborators Suspicious: an empty list admits nobody: ...",
            "Warning spec.models Suspicious: an empty list has no model to call: ...",
            "Error spec.openai.apiKey.secretKeyRef UnknownSecret: the Secret parapet/bot has no key \"tokem\": it has token",
            "Error spec.collaborators[0].subject Invalid: \"alice\" is not a subject: write user:NAME, ...",
            "Warning spec.collaborators[1].subject UnknownReference: there is no VirtualAccount \"bott\" ...: did you mean \"bot\"?",
            "Error spec.expiresAt Invalid: \"tomorrow\" is not a date and time: write it as 2027-01-01T00:00:00Z",
            "Warning spec.teams[0] Suspicious: team:everyone holds users and never virtual accounts: ...",
            "Error spec.tokens[0].secretKeyRef UnknownSecret: there is no Secret \"other\" in namespace parapet",
            "Warning spec.tokens Suspicious: without a token nobody can call as this account: ...",
        ],
        "providers, then accounts",
    );
}

#[test]
fn two_accounts_cannot_have_one_token() {
    let mut written = written(vec![guardrail("a", "text")], vec![]);
    let mut other = account("other", &[]);
    other.tokens = vec![crate::testing::secret("bot", "token")];
    written.accounts.push(other);
    let expected = [
        "Error spec.tokens[0].secretKeyRef Conflicted: bot.yaml: VirtualAccount parapet/bot has the same ...",
    ];
    assert_remarks(&written, &expected, "one token");
}

#[test]
fn one_value_of_an_identity_provider_belongs_to_one_account() {
    let identity = |provider: &str, value: &str| AccountIdentity {
        provider: provider.into(),
        value: value.into(),
    };
    let with = |name: &str, identities: Vec<AccountIdentity>| WrittenAccount {
        tokens: vec![],
        identities,
        ..account(name, &[])
    };
    let mut written = written(vec![], vec![]);
    written.integrations.clear();
    written.accounts = vec![
        with(
            "a",
            vec![
                identity("corp", "x"),
                identity("corp", "y"),
                identity("corp", "x"),
            ],
        ),
        with("b", vec![identity("corp", "x"), identity("crop", "x")]),
        with("c", vec![]),
    ];
    let compiled = compile(&written, &FakeKinds);
    let held: Vec<_> = compiled
        .bundle
        .accounts
        .iter()
        .map(|account| account.identities.clone())
        .collect();
    assert_eq!(
        held,
        [
            vec![identity("corp", "x"), identity("corp", "y")],
            vec![identity("crop", "x")],
            vec![]
        ]
    );
    assert_remarks(
        &written,
        &[
            "Error spec.identities[0] Conflicted: ...VirtualAccount parapet/a has the same, and keeps it",
            "Error spec.identities[1] UnknownReference: there is no IdentityProvider \"crop\" ...",
            "Warning spec.tokens Suspicious: without a token nobody can call as this account: ...",
        ],
        "identities",
    );
}

#[test]
fn anonymous_access_is_a_warning_and_makes_users_possible() {
    let subjects = json!({"subjects": {"operator": "and", "conditions": {"in": ["user:guest"]}}});
    let for_guests = rule(
        "r",
        json!({"when": subjects, "llm_input_guardrails": ["g/a"]}),
    );
    let mut written = written(vec![guardrail("a", "text")], vec![for_guests]);
    written.identity_providers.clear();
    assert_eq!(
        compile(&written, &FakeKinds)
            .diagnostics
            .iter()
            .filter(|said| said.severity == crate::diagnostic::Severity::Warning)
            .count(),
        1,
        "without identity providers there are no users"
    );
    written.settings = vec![resource(
        "GatewaySettings",
        "s",
        json!({"anonymous": {"user": "guest"}}),
    )];
    assert_remarks(
        &written,
        &["Warning spec.anonymous Suspicious: callers without a token are let in"],
        "anonymous",
    );
    written.settings = vec![resource("GatewaySettings", "s", json!({"anonymous": null}))];
    assert!(
        !compile(&written, &FakeKinds)
            .diagnostics
            .iter()
            .any(|said| said.path == "spec.anonymous")
    );
}
