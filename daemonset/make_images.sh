#!/usr/bin/env bash
# Makes the images without Docker, by podman: FOLDER/{agent,agent-root,collector}.tar, which `podman load`, `docker load` and
# `ctr -n k8s.io images import` take. Run as root, for file capabilities.
#
#   make_images.sh BUILD_FOLDER FOLDER [IMAGE…]      by default all three
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$1 folder=$2
images=("${@:3}")
((${#images[@]})) || images=(agent agent-root collector)
version=$(sed -nE 's/^project\(plumbline VERSION ([0-9.]+).*/\1/p' "$here/../CMakeLists.txt")
work=$(mktemp -d)
# Storage of our own: the machine's images stay as they are.
podman() { command podman --root "$work/storage" --runroot "$work/run" --storage-driver vfs "$@"; }
trap 'rm -rf "$work"' EXIT

mkdir -p "$folder"
for image in "${images[@]}"; do
  user=65532:65532 name=plumbline-$image:$version program=plumbline-${image%-root}
  if [[ $image == agent-root ]]; then user=0:0 name=plumbline-agent:$version-root; fi
  "$here/image_root.sh" "$work/$image" "$build" "$image"
  tar -C "$work/$image" --xattrs --xattrs-include=security.capability --numeric-owner -c . |
    podman import --quiet --change "USER $user" --change "ENTRYPOINT [\"/usr/bin/$program\"]" \
      --change "CMD [\"--config\", \"/etc/plumbline/${image%-root}.yaml\"]" - "localhost/$name" >/dev/null
  rm -f "$folder/$image.tar" # podman adds to an archive that is there
  podman save --quiet --format docker-archive --output "$folder/$image.tar" "localhost/$name"
  echo "$folder/$image.tar: localhost/$name, $(du -sm "$work/$image" | cut -f1) MB"
done
