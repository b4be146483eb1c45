#!/usr/bin/env bash
# Applies a configuration with the real OpenTofu of build.sh and writes the state it left.
#
#   apply.sh FOLDER STATE [NAME=VALUE]…      STATE: the file to write; NAME=VALUE: variables
#
# Works in a copy of FOLDER with a local backend and asks no network. Exits 77 where OpenTofu is not built.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
folder=$1 state=$2
shift 2
tofu=$("$here/build.sh" --path)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$folder/." "$work"
rm -f "$work"/terraform.tfstate*

export TF_CLI_CONFIG_FILE=$tofu/tofurc TF_IN_AUTOMATION=1 CHECKPOINT_DISABLE=1
variables=()
for variable; do variables+=(-var "$variable"); done
(
  cd "$work"
  "$tofu/tofu" init -no-color -input=false
  "$tofu/tofu" apply -no-color -input=false -auto-approve "${variables[@]}"
) >&2
cp "$work/terraform.tfstate" "$state"
