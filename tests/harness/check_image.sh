#!/usr/bin/env bash
# Checks the container image without Docker: laid out by the script that the Dockerfile uses, run by podman.
#
#   check_image.sh BUILD_FOLDER
#
# Every program starts in it as the DaemonSet starts it (read-only root, no new privileges, the manifest's capabilities
# and no others), the example configs pass --check-config, kubelet's probes work, and there is neither a shell nor
# anything set-uid.
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

for program in plumbline-agent plumbline-collector plumb; do
  [[ -x $build/$program ]] || containers_skip "$build has no $program; run ./dev build"
done
containers_begin
trap containers_end EXIT
root=$containers_work/image
image=localhost/plumbline:check
"$top/daemonset/image_root.sh" "$root" "$build"
mkdir "$containers_work/config"
cp "$top"/daemonset/config/*.yaml "$containers_work/config/"
podman_image "$root" "$image"

# What the kubelet does with the manifest's securityContext.
capabilities=()
for capability in $("$top/daemonset/check.py" --capabilities | tr ',' ' '); do
  capabilities+=(--cap-add "${capability#+}")
done
container_mounts=("$containers_work/config:/etc/plumbline")
# shellcheck disable=SC2317 # called through expect
in_image() { # CMD…
  # The log folder is a volume, as in the manifest.
  podman_do run --rm --network=none --tmpfs /var/log/plumbline --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --read-only --cap-drop all \
    "${capabilities[@]}" --security-opt no-new-privileges --volume "${container_mounts[0]}:ro" "$image" "$@" </dev/null
}

for program in plumbline-agent plumbline-collector plumb; do
  expect "$program --version" in_image "$program" --version
done
for program in agent collector; do
  expect "plumbline-$program --check-config" in_image "plumbline-$program" --config "/etc/plumbline/$program.yaml" --check-config
done
# Nobody answers there, which it has to say.
answer() { [[ $(in_image plumb probe livez 2>&1 || true) == *'there is no such socket'* ]]; }
expect "plumb probe" answer
expect "no shell" sh -c "[ -z \"\$(find '$root' -name '*sh' -o -name 'busybox*')\" ]"
expect "no set-uid file" sh -c "[ -z \"\$(find '$root' -perm /6000)\" ]"
echo "image: $(du -sh "$root" | cut -f1)"
((failures == 0)) && echo ok
exit "$((failures > 0))"
