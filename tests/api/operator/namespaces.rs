//! A namespace goes, with what is in it.

use k8s_openapi::api::core::v1::Namespace;
use parapet_tests::api_proxy::{ApiProxy, Asked};
use parapet_tests::tools::tools;

use super::*;

/// The program that empties namespaces that are deleted; none where it is not to be had, which is said.
async fn namespace_controller(cluster: &Cluster) -> Option<tokio::process::Child> {
    let folder = tools(&["kube-controller-manager"]).unwrap().ok()?;
    let config = cluster.server.kubeconfig("admin").unwrap();
    let started = tokio::process::Command::new(folder.join("kube-controller-manager"))
        .arg(format!("--kubeconfig={}", config.display()))
        .args([
            "--controllers=namespace-controller",
            "--leader-elect=false",
            "--secure-port=0",
        ])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn();
    Some(started.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namespace_that_is_deleted_takes_its_rules_along_and_its_statuses_are_left_alone() {
    let Some(cluster) = Cluster::new("leaving").await else {
        return;
    };
    let Some(_controller) = namespace_controller(&cluster).await else {
        return;
    };
    let proxy = ApiProxy::start(&cluster.server).await.unwrap();
    let config = cluster.server.config_at(&proxy.url(), "admin").unwrap();
    let client = parapet_operator::cluster::client(config).unwrap();
    let bus = Arc::new(Memory::default());
    let publisher: Arc<Memory> = Arc::clone(&bus);
    let operator = Operator::start_with(client, &cluster.namespace, "one", publisher);
    cluster.apply("GuardrailIntegration", "g", regex("x")).await;
    cluster
        .apply("GuardrailConfig", "rules", rules(&["g/x"]))
        .await;
    let team = "leaving-team";
    let put = |name: &'static str, finalizers: Value| {
        let metadata = json!({"name": name, "namespace": team, "finalizers": finalizers});
        cluster.apply_with("GuardrailConfig", metadata, rules(&["g/x"]))
    };
    put("goes", json!([])).await.unwrap();
    put("lingers", json!(["example.com/hold"])).await.unwrap();
    bundle(&bus, "three rules", |bundle| bundle.rules.len() == 3).await;
    cluster
        .condition("GuardrailConfig", "rules", "Programmed", "False NoGateways")
        .await;
    let before = proxy.count(Asked::writes_status);

    let namespaces: Api<Namespace> = Api::all(cluster.client.clone());
    namespaces
        .delete(team, &DeleteParams::default())
        .await
        .unwrap();
    // One is gone with the namespace; the other counts as long as it exists.
    bundle(&bus, "two rules", |bundle| bundle.rules.len() == 2).await;
    let phase = namespaces.get(team).await.unwrap().status.unwrap().phase;
    assert_eq!(phase.as_deref(), Some("Terminating"));
    // Even a change of it is told, once: events cannot be made there any more.
    let pod = cluster.pod("gateway-1").await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let writes = proxy.count(Asked::writes_status) - before;
    // Three resources, and for each at most: that the pod came, and what was not told yet.
    assert!(writes <= 6, "{writes} statuses written");
    let refused = put("late", json!([])).await;
    assert!(
        matches!(&refused, Err(kube::Error::Api(status)) if status.code == 403),
        "{refused:?}"
    );
    let released = json!({"metadata": {"finalizers": null}});
    let api: Api<DynamicObject> = Api::namespaced_with(
        cluster.client.clone(),
        team,
        &crate::support::resource("GuardrailConfig"),
    );
    api.patch("lingers", &PatchParams::default(), &Patch::Merge(released))
        .await
        .unwrap();
    bundle(&bus, "one rule", |bundle| bundle.rules.len() == 1).await;
    until("the namespace is gone", || async {
        namespaces
            .get_opt(team)
            .await
            .unwrap()
            .is_none()
            .then_some(())
    })
    .await;
    bus.report(&pod, GatewayReport::default());
    assert_eq!(operator.admin_get("/healthz").await.0, 200);
    assert!(!operator.task.is_finished());
    operator.stop().await;
}
