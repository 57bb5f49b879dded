# What the scripts of the cluster share. PARAPET_CACHE and PARAPET_CLUSTER may come from outside.
cache=${PARAPET_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/parapet} # programs and images, kept
dir=${PARAPET_CLUSTER:-$cache/cluster}                          # all of one running cluster, removed with it
cgroup=parapet-$(sha256sum <<<"$dir" | cut -c1-8)               # its name in every cgroup hierarchy
node_ip=10.200.0.1
services=10.96.0.0/16 api_ip=10.96.0.1 dns_ip=10.96.0.10
pods=10.244.0.0/16
export PATH=$cache/bin:$PATH:/usr/sbin KUBECONFIG=$dir/admin.kubeconfig
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY

say() { printf '[%3d s] %s\n' "$SECONDS" "$*"; }
die() {
  echo "tests/cluster/${0##*/}: $*" >&2
  exit 1
}

# Whether the cluster runs; sets $pid to its process 1. A process id alone could be somebody else's by now.
running() {
  local namespace
  { read -r pid namespace <"$dir/pid"; } 2>/dev/null && [[ $(readlink "/proc/$pid/ns/pid") == "$namespace" ]]
}
