//! What the operator may do is what is documented.

use super::*;

/// The table of `docs/status.md`: resources, verbs, and whether they are for the operator's own namespace only.
fn documented_rights() -> Vec<(String, Vec<String>, bool)> {
    let page = include_str!("../../../docs/status.md");
    let (_, section) = page.split_once("\n## What the operator may do\n").unwrap();
    let quoted = |cell: &str| -> Vec<String> {
        cell.split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect()
    };
    let rows = section
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(2);
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').collect();
        let resource = match quoted(cells[1]).pop().unwrap().as_str() {
            "parapet.dev" => "*.parapet.dev".to_owned(),
            "/status" => "*/status.parapet.dev".to_owned(),
            other => other.to_owned(),
        };
        let own = !cells[3].contains("cluster");
        (resource, quoted(cells[2]), own)
    })
    .collect()
}

/// Lets a user do what is documented, and nothing else.
pub(super) async fn allow(cluster: &Cluster, user: &str) {
    use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
    let team = format!("{}-team", cluster.namespace);
    for namespace in [&cluster.namespace, &team] {
        let rules = documented_rights()
            .into_iter()
            .filter(|(_, _, own)| !own || *namespace == cluster.namespace)
            .flat_map(|(resource, verbs, _)| {
                let (name, group) = resource.split_once('.').unwrap_or((&resource, ""));
                let names: Vec<String> = match name.split_once('*') {
                    Some((_, rest)) => parapet_crds::crd::KINDS
                        .iter()
                        .map(|kind| format!("{}{rest}", kind.plural))
                        .collect(),
                    None => vec![name.to_owned()],
                };
                [json!({"apiGroups": [group], "resources": names, "verbs": verbs})]
            });
        let role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"name": "operator"}, "rules": rules.collect::<Vec<_>>(),
        });
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "operator"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "operator"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        });
        let params = PatchParams::apply("test").force();
        let roles: Api<Role> = Api::namespaced(cluster.client.clone(), namespace);
        roles
            .patch("operator", &params, &Patch::Apply(role))
            .await
            .unwrap();
        let bindings: Api<RoleBinding> = Api::namespaced(cluster.client.clone(), namespace);
        bindings
            .patch("operator", &params, &Patch::Apply(binding))
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_needs_the_rights_that_are_documented_and_waits_for_them() {
    let Some(cluster) = Cluster::new("rights").await else {
        return;
    };
    assert_eq!(documented_rights().len(), 6);
    let bus = Arc::new(Memory::default());
    let operator = Operator::start_as("operator", &cluster.server, &cluster.namespace, "one", &bus);
    cluster.apply("GuardrailIntegration", "g", regex("x")).await;
    let token = json!({"tokens": [{"secretKeyRef": {"name": "bot", "key": "token"}}]});
    cluster.apply("VirtualAccount", "bot", token).await;
    let label = json!({"parapet.dev/credentials": "true"});
    cluster.secret("bot", "hush-token", label).await;
    // Without any right it neither ends nor says that it is ready.
    assert_eq!(operator.admin_get("/readyz").await.0, 503);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!operator.task.is_finished());

    allow(&cluster, "operator").await;
    cluster
        .condition("VirtualAccount", "bot", "ResolvedRefs", "True ResolvedRefs")
        .await;
    cluster.apply("GuardrailIntegration", "g", regex("(")).await;
    cluster
        .condition(
            "GuardrailIntegration",
            "g",
            "Accepted",
            "False NotBuildable",
        )
        .await;
    until("the event", || async {
        (!cluster.events("g").await.is_empty()).then_some(())
    })
    .await;
    assert_eq!(operator.admin_get("/readyz").await.0, 200);
    operator.stop().await;
}
