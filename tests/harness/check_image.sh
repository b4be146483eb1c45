#!/usr/bin/env bash
# Checks the container images without Docker: laid out by the script that the Dockerfile uses, run by podman.
#
#   check_image.sh BUILD_FOLDER
#
# Every program starts in them as the DaemonSet starts it (nobody's user, read-only root, no new privileges, the manifest's
# capabilities and no others), the example configs pass --check-config, kubelet's probes work, there is neither a shell nor
# anything set-uid, and they are as small as docs/install-kubernetes.md says.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/harness/containers.sh
. "$here/containers.sh"

build=$1 top=$here/../..
failures=0
expect() { # WHAT COMMAND…
  local what=$1
  shift
  "$@" >"$containers_work/out" 2>&1 || { echo "FAIL $what: $(tail -n 3 "$containers_work/out")" >&2; failures=$((failures + 1)); }
}

for program in plumbline-agent plumbline-collector plumb-node; do
  [[ -x $build/$program ]] || containers_skip "$build has no $program; run ./dev build"
done
containers_begin
trap containers_end EXIT
mkdir "$containers_work/config"
cp "$top"/daemonset/config/*.yaml "$containers_work/config/"
"$top/daemonset/make_images.sh" "$build" "$containers_work/images"
version=$(sed -nE 's/^appVersion: (.*)/\1/p' "$top/daemonset/chart/Chart.yaml")
for image in agent agent-root collector; do podman_do load --quiet --input "$containers_work/images/$image.tar" >/dev/null; done

# What the kubelet does with the manifest's securityContext.
capabilities=()
for capability in $("$top/daemonset/check.py" --capabilities | tr ',' ' '); do
  capabilities+=(--cap-add "${capability#+}")
done
container_mounts=("$containers_work/config:/etc/plumbline")
options=()
# shellcheck disable=SC2317 # called through expect
in_image() { # IMAGE CMD…
  # The log folder is a volume, as in the manifest.
  podman_do run --rm --network=none --tmpfs /var/log/plumbline --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --read-only --cap-drop all \
    "${options[@]}" --security-opt no-new-privileges --volume "${container_mounts[0]}:ro" --entrypoint "[\"$2\"]" \
    "localhost/plumbline-$1" "${@:3}" </dev/null
}

options=("${capabilities[@]}")
for image in "agent:$version" "agent:$version-root"; do
  expect "$image: plumbline-agent --version" in_image "$image" plumbline-agent --version
  expect "$image: --check-config" in_image "$image" plumbline-agent --config /etc/plumbline/agent.yaml --check-config
  expect "$image: plumb --version" in_image "$image" plumb --version
done
# File capabilities that a container may not have: the kernel then refuses to start the program.
options=()
# shellcheck disable=SC2317 # called through expect
refused() { ! in_image "$1" plumbline-agent --version; }
expect "agent without its capabilities is refused" refused "agent:$version"
expect "agent-root without any" in_image "agent:$version-root" plumbline-agent --version
expect "collector without any" in_image "collector:$version" plumbline-collector --config /etc/plumbline/collector.yaml --check-config
# Nobody answers there, which it has to say.
# shellcheck disable=SC2317
answer() { [[ $(in_image "agent:$version" plumb probe livez 2>&1 || true) == *'there is no such socket'* ]]; }
expect "plumb probe" answer
# shellcheck disable=SC2317
elsewhere() { [[ $(in_image "agent:$version" plumb decode 2>&1 || true) == *"the package plumbline has it"* ]]; }
expect "plumb decode" elsewhere

user_of() { podman_do image inspect --format '{{.User}}' "localhost/plumbline-$1"; }
expect "agent's user" test "$(user_of "agent:$version")" = 65532:65532
expect "collector's user" test "$(user_of "collector:$version")" = 65532:65532
for image in agent:30 collector:28; do
  most=${image#*:} image=${image%:*}
  root=$containers_work/$image
  "$top/daemonset/image_root.sh" "$root" "$build" "$image"
  expect "$image: no shell" sh -c "[ -z \"\$(find '$root' -name '*sh' -o -name 'busybox*')\" ]"
  expect "$image: no set-uid file" sh -c "[ -z \"\$(find '$root' -perm /6000)\" ]"
  size=$(du -sm "$root" | cut -f1)
  expect "$image: $size MB are more than $most" test "$size" -le "$most"
  echo "$image: $size MB"
done
((failures == 0)) && echo ok
exit "$((failures > 0))"
