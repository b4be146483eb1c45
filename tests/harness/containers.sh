#!/usr/bin/env bash
# Real containers for tests, by runc and by podman, without an image registry. Source it, as root:
#
#   . tests/harness/containers.sh
#   containers_begin                          # a work folder; ends the script with status 77 where it cannot work
#   trap containers_end EXIT                  # stops and removes what was started here, by id, and nothing else
#   busybox_rootfs "$containers_work/rootfs"
#   runc_run web "$containers_work/rootfs" sh -c 'echo x >/data/app.conf'      # waits; the command's own status
#   pid=$(runc_start web "$containers_work/rootfs" sleep 600)                  # detached; the init's pid on the host
#   podman_image "$containers_work/rootfs" localhost/plumbline-busybox:1
#   podman_run job localhost/plumbline-busybox:1 sh -c '…'
#   pid=$(podman_start job localhost/plumbline-busybox:1 sleep 600)
#   container_id runc web;  container_id podman job                            # the id that the agent should report
#   podman_image_digest localhost/plumbline-busybox:1
#
# container_mounts=(HOST_PATH:CONTAINER_PATH …) set before a start binds those paths, read-write;
# container_environment=(NAME=VALUE …) is added to its environment; container_network=host leaves it in the host's network. Of runc:
# container_cgroup=/PATH is its cgroup in all hierarchies.
#
# What the agent finds of them (runc 1.1.5, podman 4.3.1, hybrid cgroups):
#   runc    /proc/PID/cgroup "0::/ID" (the last part is the id only because no cgroupsPath is set here),
#           /run/runc/ID/state.json from before the first exec until "runc delete", its label "bundle=DIR"; no image name
#   podman  "0::/PARENT/libpod-ID"; the same /run/runc/ID/state.json although --root differs, whose bundle is
#           GRAPHROOT/overlay-containers/ID/userdata; names in GRAPHROOT/overlay-containers/containers.json, digests in
#           GRAPHROOT/overlay-images/images.json; all of them gone at the end of a --rm container
#   Both join the unified hierarchy beside the v1 ones. A restarted container keeps id and path, its cgroup's inode is new.

container_mounts=()
container_environment=()
container_cgroup=""
container_network=""

containers_begin() {
  local tool
  [[ $EUID == 0 ]] || containers_skip "containers need root"
  for tool in runc podman jq; do
    command -v "$tool" >/dev/null || containers_skip "$tool is missing; install the packages of group test"
  done
  [[ -x /bin/busybox ]] || containers_skip "busybox is missing; install the packages of group test"
  containers_work=$(mktemp -d "${TMPDIR:-/tmp}/plumbline-containers.XXXXXX")
  containers_tag=plumbline-test-$$
  mkdir -p "$containers_work/podman"
  podman_configure
}

containers_skip() {
  echo "SKIP containers: $1"
  exit 77
}

# A root file system made of Debian's static busybox alone.
busybox_rootfs() { # DIR
  local applet
  mkdir -p "$1"/{bin,etc,proc,sys,dev,tmp,data}
  cp /bin/busybox "$1/bin/busybox"
  for applet in sh cat chmod chown cp echo ln ls mkdir mv rm sed sleep tee touch true truncate; do
    ln -sf busybox "$1/bin/$applet"
  done
  printf 'root:x:0:0:root:/:/bin/sh\n' >"$1/etc/passwd"
  printf 'listen 80;\n' >"$1/etc/app.conf"
}

runc_id() { echo "$containers_tag-$1"; }

# Bundle of NAME: runc's own template, with the capabilities that container engines grant by default (a root that may
# not override file modes would be a rare container).
runc_bundle() { # NAME ROOTFS CMD…
  local name=$1 rootfs=$2 bundle=$containers_work/runc/$1
  shift 2
  mkdir -p "$bundle"
  rm -f "$bundle/config.json"
  runc spec --bundle "$bundle"
  jq --arg rootfs "$rootfs" \
    --argjson capabilities '["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_MKNOD"]' \
    --argjson mounts "$(runc_mounts)" --argjson environment "$(runc_environment)" --arg cgroup "$container_cgroup" --arg network "$container_network" '
    .process.terminal = false | .process.args = $ARGS.positional | .process.env += $environment
    | .process.capabilities |= with_entries(.value = $capabilities)
    | .root = {path: $rootfs, readonly: false} | .hostname = "container" | .mounts += $mounts
    | if $cgroup != "" then .linux.cgroupsPath = $cgroup else . end
    | if $network == "host" then .linux.namespaces |= map(select(.type != "network")) else . end' \
    "$bundle/config.json" --args -- "$@" >"$bundle/config.new"
  mv "$bundle/config.new" "$bundle/config.json"
  echo "$bundle"
}

runc_mounts() {
  ((${#container_mounts[@]})) || { echo '[]'; return; }
  printf '%s\n' "${container_mounts[@]}" | jq -R 'split(":") | {source: .[0], destination: .[1], type: "bind",
    options: ["rbind", "rw"]}' | jq -s .
}

runc_environment() {
  ((${#container_environment[@]})) || { echo '[]'; return; }
  jq -n '$ARGS.positional' --args -- "${container_environment[@]}"
}

runc_run() { # NAME ROOTFS CMD…
  local id status=0
  id=$(runc_id "$1")
  runc run --bundle "$(runc_bundle "$@")" "$id" </dev/null || status=$?
  return "$status"
}

runc_start() { # NAME ROOTFS CMD…
  local id bundle
  id=$(runc_id "$1")
  bundle=$(runc_bundle "$@")
  # Not our stdout: the container would keep a $(…) around this call open.
  runc run --detach --pid-file "$bundle/pid" --bundle "$bundle" "$id" </dev/null >"$bundle/log" 2>&1 || {
    cat "$bundle/log" >&2
    return 1
  }
  cat "$bundle/pid"
}

runc_exec() { # NAME CMD…
  local id
  id=$(runc_id "$1")
  shift
  runc exec "$id" "$@" </dev/null
}

runc_remove() { # NAME
  runc delete --force "$(runc_id "$1")"
}

# Everything of podman lies under the work folder: storage, run-time state, locks (its default ones are shared by all
# podmans of the machine). runc as the run-time: crun fails on hybrid cgroups. The limits are what a machine without
# CAP_SYS_RESOURCE can still set.
podman_configure() {
  cat >"$containers_work/podman/containers.conf" <<CONF
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
netns = "none"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
tmp_dir = "$containers_work/podman/tmp"
CONF
}

podman_do() {
  CONTAINERS_CONF=$containers_work/podman/containers.conf \
    podman --root "$containers_work/podman/root" --runroot "$containers_work/podman/run" "$@"
}

podman_image() { # ROOTFS IMAGE
  tar -C "$1" -c . | podman_do import --quiet --change 'CMD ["/bin/sh"]' - "$2" >/dev/null
}

podman_image_digest() { # IMAGE
  podman_do image inspect --format '{{.Digest}}' "$1"
}

podman_name() { echo "$containers_tag-$1"; }

podman_options() { # NAME; fills `options`
  local mount variable
  options=(--name "$(podman_name "$1")" --cgroup-parent "/$containers_tag" "--network=${container_network:-none}"
    --ulimit nofile=1024:1024 --ulimit nproc=1024:1024)
  for mount in ${container_mounts[@]+"${container_mounts[@]}"}; do
    options+=(--volume "$mount")
  done
  for variable in ${container_environment[@]+"${container_environment[@]}"}; do
    options+=(--env "$variable")
  done
}

podman_run() { # NAME IMAGE CMD…; the container is removed at its end, as short jobs are
  local options
  podman_options "$1"
  shift
  podman_do run --rm "${options[@]}" "$@" </dev/null
}

podman_start() { # NAME IMAGE CMD…
  local options name
  name=$(podman_name "$1")
  podman_options "$1"
  shift
  podman_do run --detach "${options[@]}" "$@" </dev/null >/dev/null || return
  podman_do inspect --format '{{.State.Pid}}' "$name"
}

podman_exec() { # NAME CMD…
  local name
  name=$(podman_name "$1")
  shift
  podman_do exec "$name" "$@" </dev/null
}

podman_remove() { # NAME
  podman_do rm --force --time 0 "$(podman_name "$1")" >/dev/null
}

container_id() { # runc|podman NAME
  case $1 in
    runc) runc_id "$2" ;;
    podman) podman_do inspect --format '{{.Id}}' "$(podman_name "$2")" ;;
  esac
}

containers_end() {
  local id
  [[ -n ${containers_work:-} && -d $containers_work ]] || return 0
  for id in $(runc list --quiet 2>/dev/null | grep "^$containers_tag-"); do
    runc delete --force "$id" || true
  done
  podman_do rm --all --force --time 0 >/dev/null 2>&1 || true
  podman_do umount --all >/dev/null 2>&1 || true
  # The plain-root overlay mount that podman keeps of its storage folder.
  umount "$containers_work/podman/root/overlay" 2>/dev/null || true
  # Engines leave the parent of their cgroups behind; ours are empty now.
  find /sys/fs/cgroup -depth -type d -path "*/$containers_tag*" -exec rmdir {} + 2>/dev/null || true
  rm -rf "$containers_work"
}
