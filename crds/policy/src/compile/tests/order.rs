//! The order of what is written makes no difference.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::compile::{Written, compile};
use crate::testing::{
    FakeKinds, POLICY, account, config, guardrail, integration, mutator, provider, resource, rule,
    secret, written,
};

/// Every list and map that has an order, with more than one entry.
fn rich() -> Written {
    let values = json!({"model": {"values": ["openai/gpt-4o", "azure/*", "other/x"]}, "mcpTools": {"values": [
        {"name": "s", "enabled_tools": ["b", "a"]}, {"name": "a", "enable_all_tools": true},
    ]}});
    let rules = vec![
        rule(
            "b",
            json!({"when": {"target": {"conditions": values}}, "llm_input_guardrails": ["g/b", "g/a", "h/a"]}),
        ),
        rule(
            "a",
            json!({
                "when": {"subjects": {"conditions": {"in": ["user:b", "user:a"], "not_in": ["user:d", "user:c"]}}},
                "llm_output_guardrails": ["g/b", "g/a"],
            }),
        ),
        rule(
            "c",
            json!({"llm_input_guardrails": ["nothing/here", "g/a"]}),
        ),
    ];
    let mut written = written(
        vec![
            guardrail("b", "text"),
            mutator("a", None),
            guardrail("c", "service"),
        ],
        rules,
    );
    written.integrations.push(integration(
        POLICY,
        "h",
        vec![guardrail("a", "text"), guardrail("b", "endless")],
    ));
    written
        .integrations
        .push(integration("team-a", "g", vec![guardrail("a", "text")]));
    written.integrations[0].collaborators = Some(vec!["user:b".into(), "user:a".into()]);
    let mut other = config(
        "team-a",
        "rules",
        vec![rule("a", json!({"llm_input_guardrails": ["g/a"]}))],
    );
    other.replace = vec!["user:b".into(), "user:a".into()];
    written.configs.push(other);
    written.providers.push(provider("team-a", "azure", None));
    written.providers.push(provider("team-b", "azure", None));
    written.accounts.push(account("other", &["b", "a"]));
    written.accounts[0].tokens.push(secret("bot", "next"));
    written.identity_providers.push(resource(
        "IdentityProvider",
        "extra",
        json!({"issuer": "x", "audiences": []}),
    ));
    written.settings = vec![resource(
        "GatewaySettings",
        "settings",
        json!({"b": 1, "a": {"d": 1, "c": 2}}),
    )];
    written
}

/// An order that a seed stands for.
fn shuffle<T>(items: &mut [T], seed: &mut u64) {
    for last in (1..items.len()).rev() {
        // xorshift64, the three shifts of its published form.
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        items.swap(
            last,
            usize::try_from(*seed % (last as u64 + 1)).unwrap_or_default(),
        );
    }
}

fn shuffle_keys(value: &mut Value, seed: &mut u64) {
    if let Value::Object(members) = value {
        let mut entries: Vec<_> = std::mem::take(members).into_iter().collect();
        shuffle(&mut entries, seed);
        entries
            .iter_mut()
            .for_each(|(_, value)| shuffle_keys(value, seed));
        members.extend(entries);
    }
}

fn shuffle_all(written: &mut Written, seed: &mut u64) {
    for integration in &mut written.integrations {
        shuffle(&mut integration.guardrails, seed);
        integration
            .collaborators
            .iter_mut()
            .for_each(|listed| shuffle(listed, seed));
    }
    for config in &mut written.configs {
        for rule in &mut config.rules {
            shuffle(&mut rule.llm_input_guardrails, seed);
            shuffle(&mut rule.llm_output_guardrails, seed);
            if let Some(target) = &mut rule.when.target {
                target
                    .conditions
                    .model
                    .iter_mut()
                    .for_each(|given| shuffle(&mut given.values, seed));
                if let Some(given) = &mut target.conditions.mcp_tools {
                    shuffle(&mut given.values, seed);
                    given
                        .values
                        .iter_mut()
                        .for_each(|server| shuffle(&mut server.enabled_tools, seed));
                }
            }
            if let Some(subjects) = &mut rule.when.subjects {
                subjects
                    .conditions
                    .r#in
                    .iter_mut()
                    .for_each(|listed| shuffle(listed, seed));
                subjects
                    .conditions
                    .not_in
                    .iter_mut()
                    .for_each(|listed| shuffle(listed, seed));
            }
        }
        shuffle(&mut config.rules, seed);
        shuffle(&mut config.replace, seed);
    }
    shuffle(&mut written.integrations, seed);
    shuffle(&mut written.configs, seed);
    shuffle(&mut written.providers, seed);
    for account in &mut written.accounts {
        shuffle(&mut account.tokens, seed);
        shuffle(&mut account.teams, seed);
    }
    shuffle(&mut written.accounts, seed);
    shuffle(&mut written.identity_providers, seed);
    written
        .settings
        .iter_mut()
        .for_each(|settings| shuffle_keys(&mut settings.spec, seed));
}

proptest! {
    #[test]
    fn equal_policy_in_any_order_is_an_equal_bundle(seed in 1u64..) {
        let plain = compile(&rich(), &FakeKinds);
        let mut shuffled = rich();
        let mut seed = seed;
        shuffle_all(&mut shuffled, &mut seed);
        let shuffled = compile(&shuffled, &FakeKinds);
        prop_assert_eq!(&shuffled.bundle.digest, &plain.bundle.digest);
        prop_assert_eq!(shuffled.bundle, plain.bundle);
        prop_assert_eq!(shuffled.diagnostics.len(), plain.diagnostics.len());
    }
}

#[test]
fn the_digest_is_that_of_the_policy_and_not_of_its_files() {
    let digest = |written: &Written| compile(written, &FakeKinds).bundle.digest;
    let plain = digest(&rich());
    assert_eq!(plain.len(), 64);
    let mut moved = rich();
    moved
        .configs
        .iter_mut()
        .for_each(|config| config.source.file = Some("elsewhere.yaml".into()));
    assert_eq!(digest(&moved), plain);
    type Change = fn(&mut Written);
    let changes: [(&str, Change); 8] = [
        ("a rule", |written| {
            written.configs[0].rules[0].mandatory = true
        }),
        ("a rule's condition", |written| {
            written.configs[0].rules[0].when = crate::rule::When::default()
        }),
        ("a guardrail", |written| {
            written.integrations[0].guardrails[0].config = json!({"x": 1})
        }),
        ("an override", |written| {
            written.configs[1].replace.push("user:c".into())
        }),
        ("a provider", |written| {
            written.providers[0].spec = json!({"openai": {}})
        }),
        ("an account", |written| {
            written.accounts[0].teams.push("c".into())
        }),
        ("an issuer", |written| {
            written.identity_providers[0].spec = json!({"issuer": "y"})
        }),
        ("the settings", |written| {
            written.settings[0].spec = json!({"b": 2})
        }),
    ];
    for (what, change) in changes {
        let mut changed = rich();
        change(&mut changed);
        assert_ne!(digest(&changed), plain, "{what}");
    }
}

#[test]
fn a_guardrail_is_the_same_to_build_when_all_that_its_build_depends_on_is_the_same() {
    let mut written = written(
        vec![
            guardrail("plain", "text"),
            guardrail("same", "text"),
            mutator("mutates", None),
            guardrail("kind", "endless"),
            guardrail("secret", "text"),
        ],
        vec![],
    );
    written.integrations[0].guardrails[4].secret_refs =
        vec![("token".to_owned(), secret("bot", "token"))];
    let away = integration("team-a", "g", written.integrations[0].guardrails.clone());
    written.integrations.push(away);
    let bundle = compile(&written, &FakeKinds).bundle;
    let digest = |namespace: &str, name: &str| {
        let entry = bundle.guardrails.iter().find(|entry| {
            *entry.source.namespace == *namespace && entry.selector.ends_with(&format!("/{name}"))
        });
        entry.unwrap().digest.clone()
    };
    let plain = digest(POLICY, "plain");
    assert_eq!(digest(POLICY, "same"), plain);
    assert_eq!(digest("team-a", "plain"), plain);
    assert_ne!(digest(POLICY, "mutates"), plain);
    assert_ne!(digest(POLICY, "kind"), plain);
    assert_ne!(
        digest(POLICY, "secret"),
        digest("team-a", "secret"),
        "another namespace has other Secrets"
    );
}
