use parapet_policy::hook::Hook;
use serde_json::json;

use super::*;

const POLICY: &str = "parapet";

fn object(kind: &str, namespace: &str, name: &str, generation: i64, spec: &Json) -> Object {
    let resource = json!({
        "apiVersion": parapet_crds::API_VERSION, "kind": kind,
        "metadata": {
            "name": name, "namespace": namespace, "uid": format!("{kind}-{namespace}-{name}"),
            "generation": generation, "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": spec,
    });
    Object::restored(&resource, &POLICY.into()).unwrap()
}

fn group(namespace: &str, generation: i64, pattern: &str) -> Object {
    let regex = json!({"customPatterns": [{"pattern": pattern}]});
    let spec = json!({"guardrails": [{"name": "x", "regex": regex}]});
    object("GuardrailIntegration", namespace, "g", generation, &spec)
}

fn rules(namespace: &str, generation: i64, selectors: &[&str]) -> Object {
    let spec = json!({"rules": [{"id": "r", "llm_input_guardrails": selectors}]});
    object("GuardrailConfig", namespace, "rules", generation, &spec)
}

fn acceptor() -> Acceptor {
    Acceptor::new(POLICY.into(), &[])
}

/// The pattern of the only guardrail that is one.
fn pattern(bundle: &Bundle) -> String {
    let config = &bundle.guardrails[0].config;
    config["customPatterns"][0]["pattern"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// The selectors of the only rule, and whether each stands in for one that is not there.
fn selected(bundle: &Bundle) -> Vec<(String, bool)> {
    let list = bundle.rules[0].guardrails.get(Hook::LlmInput);
    list.iter()
        .map(|index| &bundle.guardrails[*index as usize])
        .map(|entry| (entry.selector.to_string(), entry.is_stand_in()))
        .collect()
}

fn in_force(round: &Round, of: &Object) -> Option<i64> {
    round.verdicts[&of.source].in_force
}

fn errors(round: &Round, of: &Object) -> Vec<Reason> {
    let said = round.verdicts[&of.source].diagnostics.iter();
    said.filter(|one| one.severity == Severity::Error)
        .map(|one| one.reason)
        .collect()
}

#[test]
fn what_does_not_build_keeps_its_last_good_form_and_holds_back_nothing_else() {
    let none = BTreeSet::new();
    let mut acceptor = acceptor();
    let config = rules(POLICY, 1, &["g/x"]);
    acceptor.round(&[group(POLICY, 1, "old"), config.clone()], &none);
    let bad = group(POLICY, 2, "(");
    let edited = rules(POLICY, 2, &["g/x", "g/x"]);
    let round = acceptor.round(&[bad.clone(), edited.clone()], &none);
    assert_eq!(pattern(&round.bundle), "old");
    assert_eq!(in_force(&round, &bad), Some(1));
    assert_eq!(errors(&round, &bad), [Reason::NotBuildable]);
    assert_eq!(in_force(&round, &edited), Some(2));
    assert_eq!(selected(&round.bundle), [("g/x".to_owned(), false)]);

    let good = group(POLICY, 3, "new");
    let round = acceptor.round(&[good.clone(), edited], &none);
    assert_eq!(pattern(&round.bundle), "new");
    assert_eq!(in_force(&round, &good), Some(3));
}

#[test]
fn the_next_leader_starts_from_what_was_good() {
    let none = BTreeSet::new();
    let mut first = acceptor();
    let sources = first.round(&[group(POLICY, 1, "old")], &none).sources;
    let bad = group(POLICY, 2, "(");
    let held = first.round(std::slice::from_ref(&bad), &none);
    let mut next = Acceptor::new(POLICY.into(), &held.sources);
    let round = next.round(std::slice::from_ref(&bad), &none);
    assert_eq!(sources, held.sources);
    assert_eq!(pattern(&round.bundle), "old");
    assert_eq!(round.bundle.digest, held.bundle.digest);
    assert_eq!(in_force(&round, &bad), Some(1));

    // Made anew under the same name it is another resource.
    let mut other = bad;
    other.uid = "other".into();
    let round = next.round(std::slice::from_ref(&other), &none);
    assert_eq!(in_force(&round, &other), None);
    assert_eq!(pattern(&round.bundle), "(");
}

#[test]
fn what_never_was_good_counts_as_failed_and_not_as_absent() {
    let round = acceptor().round(
        &[group(POLICY, 1, "("), rules(POLICY, 1, &["g/x"])],
        &BTreeSet::new(),
    );
    // Its place in the rule stays, and what does not build fails there.
    assert_eq!(selected(&round.bundle), [("g/x".to_owned(), false)]);
    assert_eq!(round.bundle.guardrails[0].hooks.len(), Hook::ALL.len());
    assert!(
        round
            .sources
            .iter()
            .all(|one| one["kind"] == "GuardrailConfig")
    );
}

#[test]
fn an_edit_that_names_nothing_leaves_the_rules_as_they_were() {
    let none = BTreeSet::new();
    let mut acceptor = acceptor();
    let group = group(POLICY, 1, "x");
    acceptor.round(&[group.clone(), rules(POLICY, 1, &["g/x"])], &none);
    let bad = rules(POLICY, 2, &["g/x", "g/typo"]);
    let round = acceptor.round(&[group, bad.clone()], &none);
    assert_eq!(selected(&round.bundle), [("g/x".to_owned(), false)]);
    assert_eq!(in_force(&round, &bad), Some(1));
    assert_eq!(errors(&round, &bad), [Reason::UnknownSelector]);
}

#[test]
fn whoever_deletes_a_group_does_not_take_the_protection_from_those_who_name_it() {
    let none = BTreeSet::new();
    let mut acceptor = acceptor();
    let config = rules(POLICY, 1, &["g/x"]);
    acceptor.round(&[group(POLICY, 1, "x"), config.clone()], &none);
    let round = acceptor.round(std::slice::from_ref(&config), &none);
    assert_eq!(selected(&round.bundle), [("g/x".to_owned(), true)]);
    assert_eq!(errors(&round, &config), [Reason::UnknownSelector]);
}

#[test]
fn a_missing_secret_holds_nothing_back() {
    let spec = json!({"tokens": [{"secretKeyRef": {"name": "s", "key": "k"}}]});
    let account = object("VirtualAccount", POLICY, "bot", 1, &spec);
    let mut acceptor = acceptor();
    let refs = acceptor.secret_refs(std::slice::from_ref(&account));
    assert_eq!(refs.len(), 1);
    let round = acceptor.round(std::slice::from_ref(&account), &BTreeSet::new());
    assert_eq!(in_force(&round, &account), Some(1));
    assert_eq!(errors(&round, &account), [Reason::UnknownSecret]);
    let round = acceptor.round(std::slice::from_ref(&account), &refs);
    assert!(errors(&round, &account).is_empty());
}

#[test]
fn a_namespace_s_editor_can_neither_see_nor_weaken_the_traffic_of_others() {
    let none = BTreeSet::new();
    let mut acceptor = acceptor();
    let provider = |namespace: &str, name: &str| {
        object("ModelProvider", namespace, name, 1, &json!({"demo": {}}))
    };
    let baseline = vec![
        group(POLICY, 1, "x"),
        rules(POLICY, 1, &["g/x"]),
        provider(POLICY, "main"),
    ];
    let before = acceptor.round(&baseline, &none);

    let identity = json!({"issuer": "https://evil.example", "audiences": ["a"]});
    let replace = json!({
        "rules": [{"id": "all", "llm_input_guardrails": ["g/x"], "mandatory": true}],
        "overrides": {"replace": ["virtualaccount:*"]},
    });
    let mine = vec![
        // Another's name.
        object(
            "ModelProvider",
            "team-a",
            "main",
            1,
            &json!({"openai": {"baseUrl": "https://evil.example"}}),
        ),
        object(
            "VirtualAccount",
            "team-a",
            "bot",
            1,
            &json!({"tokens": [{"secretKeyRef": {"name": "s", "key": "k"}}]}),
        ),
        object("IdentityProvider", "team-a", "idp", 1, &identity),
        object(
            "GatewaySettings",
            "team-a",
            "settings",
            1,
            &json!({"defaults": {"enforcingStrategy": "audit"}}),
        ),
        object("GuardrailConfig", "team-a", "mine", 1, &replace),
        group("team-a", 1, "y"),
        // Another's guardrails, which nobody has allowed.
        rules("team-b", 1, &["team-a/g/x"]),
    ];
    let with_mine = [baseline.clone(), mine.clone()].concat();
    let round = acceptor.round(&with_mine, &none);

    let bundle = &round.bundle;
    let names = |entries: &[parapet_policy::bundle::ProviderEntry]| -> Vec<String> {
        entries.iter().map(|one| one.source.to_string()).collect()
    };
    assert_eq!(names(&bundle.providers), names(&before.bundle.providers));
    assert!(bundle.accounts.is_empty() && bundle.identity_providers.is_empty());
    assert_eq!(bundle.settings, None);
    for rule in &bundle.rules {
        let is_policy = &*rule.source.namespace == POLICY;
        assert_eq!(rule.only_namespace.is_none(), is_policy, "{}", rule.id);
        assert!(!rule.mandatory || is_policy);
    }
    let policy_rule = bundle
        .rules
        .iter()
        .find(|rule| rule.only_namespace.is_none());
    let index = policy_rule.unwrap().guardrails.get(Hook::LlmInput)[0];
    assert_eq!(
        bundle.guardrails[index as usize].config["customPatterns"][0]["pattern"],
        "x"
    );
    let of = |index: usize| errors(&round, &mine[index]);
    assert_eq!(of(0), [Reason::Conflicted]);
    for one in &mine[1..=3] {
        let said = errors(&round, one);
        assert!(said.contains(&Reason::WrongNamespace), "{}", one.source);
    }
    assert_eq!(of(6), [Reason::SelectorNotAllowed]);
}

#[test]
fn a_name_is_held_also_by_what_cannot_be_read() {
    let none = BTreeSet::new();
    // The older one: stored under another version of the definitions, perhaps.
    let nonsense = json!({"nonsense": {}});
    let older = object("ModelProvider", "team-a", "main", 1, &nonsense);
    let taking = object("ModelProvider", "team-b", "main", 1, &json!({"demo": {}}));
    let mut acceptor = acceptor();
    let round = acceptor.round(&[older.clone(), taking.clone()], &none);
    assert!(round.bundle.providers.is_empty());
    assert_eq!(errors(&round, &older), [Reason::Invalid]);
    assert_eq!(errors(&round, &taking), [Reason::Conflicted]);
    assert_eq!(in_force(&round, &taking), None);
    // Repaired it is the one that counts, and gone it is not.
    let repaired = object("ModelProvider", "team-a", "main", 2, &json!({"demo": {}}));
    let round = acceptor.round(&[repaired, taking.clone()], &none);
    assert_eq!(&*round.bundle.providers[0].source.namespace, "team-a");
    let round = acceptor.round(&[taking], &none);
    assert_eq!(&*round.bundle.providers[0].source.namespace, "team-b");
}

#[test]
fn what_has_not_changed_is_not_built_again() {
    let none = BTreeSet::new();
    let mut acceptor = acceptor();
    let groups: Vec<Object> = (0..50)
        .map(|index| group(&format!("team-{index}"), 1, "x"))
        .enumerate()
        .map(|(index, one)| {
            let spec = json!({"guardrails": [{"name": "x", "regex": {"customPatterns": [{"pattern": format!("a{index}")}]}}]});
            object("GuardrailIntegration", &one.source.namespace, "g", 1, &spec)
        })
        .collect();
    acceptor.round(&groups, &none);
    let first = acceptor.builds();
    assert_eq!(first, 50);
    let mut edited = groups;
    edited[7] = group("team-7", 2, "edited");
    acceptor.round(&edited, &none);
    assert_eq!(acceptor.builds(), first + 1);
}

#[test]
fn a_program_is_refused_and_never_published() {
    let none = BTreeSet::new();
    let server = |generation: i64, spec: Json| object("MCPServer", POLICY, "m", generation, &spec);
    let program = json!({"command": {"program": "uvx", "env": {"A": "b"}}});
    let mut acceptor = acceptor();
    let new = server(1, program.clone());
    let round = acceptor.round(std::slice::from_ref(&new), &none);
    assert_eq!(errors(&round, &new), [Reason::Invalid]);
    let said = &round.verdicts[&new.source].diagnostics[0];
    assert_eq!(said.path, "spec.command");
    assert!(said.message.contains("a container with a bridge"), "{said}");
    assert_eq!(in_force(&round, &new), None);
    // The name is held, so that nobody else gets its callers.
    assert_eq!(round.bundle.mcp_servers[0].spec, json!({}));
    // One that was reached over HTTP before stays what it was.
    let url = server(2, json!({"url": "https://mcp.example.com"}));
    acceptor.round(&[url], &none);
    let round = acceptor.round(&[server(3, program)], &none);
    let held = &round.bundle.mcp_servers[0].spec;
    assert_eq!(*held, json!({"url": "https://mcp.example.com"}));
}
