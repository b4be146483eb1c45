#!/usr/bin/env bash
# Checks tests/harness/containers.sh: the containers are real, what the agent looks up about them is where the harness
# says, and nothing stays behind.
set -euo pipefail
# shellcheck source=tests/harness/containers.sh
. "$(dirname "${BASH_SOURCE[0]}")/containers.sh"

failures=0
expect() { # WHAT GOT WANTED
  [[ $2 == "$3" ]] || { echo "FAIL $1: got '$2', wanted '$3'" >&2; failures=$((failures + 1)); }
}

state() { jq -r "$2" "/run/runc/$1/state.json"; }
unified_path() { sed -n 's/^0:://p' "/proc/$1/cgroup"; }
start_ticks() { sed 's/.*) //' "/proc/$1/stat" | cut -d' ' -f20; }
label() { state "$1" '.config.labels[]' | sed -n "s/^$2=//p"; }

containers_begin
trap containers_end EXIT
image=localhost/plumbline-busybox:1
rootfs=$containers_work/rootfs
shared=$containers_work/shared
mkdir "$shared"
busybox_rootfs "$rootfs"
container_mounts=("$shared:/data")

runc_run once "$rootfs" sh -c 'echo from-runc >/data/a'
expect "runc_run writes through the mount" "$(cat "$shared/a")" from-runc
status=0
runc_run fails "$rootfs" sh -c 'exit 7' || status=$?
expect "runc_run passes the status on" "$status" 7
pid=$(runc_start long "$rootfs" sleep 600)
id=$(container_id runc long)
expect "runc: cgroup ends in the id" "$(basename "$(unified_path "$pid")")" "$id"
expect "runc: state names the init" "$(state "$id" .init_process_pid)" "$pid"
expect "runc: state holds the start time" "$(state "$id" .init_process_start)" "$(start_ticks "$pid")"
expect "runc: state names the cgroup" "$(state "$id" '.cgroup_paths[""]' | grep -o "$(unified_path "$pid")\$")" "$(unified_path "$pid")"
expect "runc: state names the bundle" "$(label "$id" bundle)" "$containers_work/runc/long"
runc_exec long sh -c 'echo exec >/data/b'
expect "runc_exec writes" "$(cat "$shared/b")" exec
runc_remove long
expect "runc_remove removes the state" "$(find "/run/runc/$id" 2>/dev/null || true)" ""

podman_image "$rootfs" "$image"
podman_run once "$image" sh -c 'echo from-podman >/data/c'
expect "podman_run writes through the mount" "$(cat "$shared/c")" from-podman
pid=$(podman_start long "$image" sleep 600)
id=$(container_id podman long)
expect "podman: cgroup ends in libpod-ID" "$(basename "$(unified_path "$pid")")" "libpod-$id"
expect "podman: state names the init" "$(state "$id" .init_process_pid)" "$pid"
expect "podman: its manager" "$(label "$id" io.container.manager)" libpod
bundle=$(label "$id" bundle)
storage=$(dirname "$(dirname "$(dirname "$bundle")")")
expect "podman: the bundle's storage is ours" "$storage" "$containers_work/podman/root"
image_id=$(jq -r --arg id "$id" '.[] | select(.id == $id) | .image' "$storage/overlay-containers/containers.json")
expect "podman: digest on disk" \
  "$(jq -r --arg id "$image_id" '.[] | select(.id == $id) | .digest' "$storage/overlay-images/images.json")" \
  "$(podman_image_digest "$image")"
expect "podman: a real overlay" "$(awk '$5 == "/" {for (i = 7; i < NF; i++) if ($i == "-") print $(i + 1)}' "/proc/$pid/mountinfo")" overlay

containers_end
expect "no state left" "$(find /run/runc -maxdepth 1 -name "$containers_tag*" -o -maxdepth 1 -name "$id" 2>/dev/null)" ""
expect "no cgroup left" "$(find /sys/fs/cgroup -type d -path "*/$containers_tag*" 2>/dev/null)" ""
expect "no mount left" "$(grep -c "$containers_work" /proc/self/mounts || true)" 0
expect "no folder left" "$(find "$containers_work" 2>/dev/null || true)" ""
((failures == 0)) && echo ok
exit "$((failures > 0))"
