# The only entry point, for people and for CI. `make help` lists the targets.

CARGO ?= cargo
TARGET_DIR = $(or $(CARGO_TARGET_DIR),target)
# What `make run` listens on.
LISTEN ?= 127.0.0.1:8787
ADMIN_LISTEN ?= 127.0.0.1:9787
# Most of what the tests do is wait: for processes, leases and deadlines.
TEST_THREADS ?= $(shell echo $$((2 * $$(nproc 2>/dev/null || echo 4))))
# Labelled rows for `make quality`.
DATA ?=

.DEFAULT_GOAL := help
.PHONY: help run check test bench bench-control quality crds images cluster

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## Build the gateway, serve examples/standalone and print what to try.
	$(CARGO) build --profile quick -p parapet-gateway
	@exec $(TARGET_DIR)/quick/parapet-gateway serve --manifests examples/standalone --listen $(LISTEN) --admin-listen $(ADMIN_LISTEN)

check: ## Formatting, lints, and the examples' diagnostics.
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) run --quiet -p parapet-gateway -- check --manifests examples/standalone
	$(CARGO) run --quiet -p parapet-gateway -- check --manifests examples/kubernetes --policy-namespace parapet

test: export RUST_TEST_THREADS ?= $(TEST_THREADS)
test: ## Everything that must hold: formatting, lints, unit, scenario, API server and SDK tests.
	@rm -f .cache/server-tests-skipped .cache/browser-tests-skipped
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) test --workspace --locked --no-fail-fast
	$(CARGO) test -p parapet-crds --locked
	$(CARGO) run --quiet --locked -p parapet-tests --bin sdk-tests
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny --offline check bans licenses sources; \
	else echo "SKIPPED: cargo deny is not installed; tests/e2e/dependencies.rs has read deny.toml's lists"; fi
	@skipped=; if [ -e .cache/sdk-tests-skipped ]; then skipped="the SDK tests"; fi; \
	if [ -e .cache/server-tests-skipped ]; then skipped="$${skipped:+$$skipped and }the tests against real servers"; fi; \
	if [ -e .cache/browser-tests-skipped ]; then skipped="$${skipped:+$$skipped and }the tests in a browser"; fi; \
	if [ -n "$$skipped" ]; then echo "make test: passed, but $$skipped did not run"; \
	else echo "make test: everything passed"; fi

bench: ## Print cost and latency beside nginx. Needs nginx and wrk.
	$(CARGO) build --release -p parapet-gateway -p parapet-tests
	$(CARGO) run --release -p parapet-tests --bin bench

bench-control: ## Print how long an edit takes from the API server to ten gateways. Needs Go.
	CI=true $(CARGO) test --release -p parapet-tests --test api -- --ignored --nocapture bench::

quality: ## Print precision and recall of the local detectors over DATA.
	@test -n "$(DATA)" || { echo "say where the labelled rows are: DATA=DIR make quality" >&2; exit 2; }
	$(CARGO) run --release -p parapet-tests --bin quality -- "$(DATA)"

cluster: ## Show what must hold in a cluster of its own, or in KUBECONFIG's with CLUSTER=existing.
	$(CARGO) run --quiet --locked -p parapet-tests --bin cluster-tests

images: ## Pack operator, gateway and NATS into OCI archives, target/images/*.tar. Needs Go; PROFILE, REGISTRY and TAG count.
	images/build

crds: ## Write the CRDs, also those of the chart, and docs/resources.md from the resource types.
	$(CARGO) run --quiet -p parapet-crds --features kube --bin crdgen
