#!/usr/bin/env bash
# Checks that every trigger of plumb-testprog does what it says and that its line of truth is true.
#
#   check.sh PLUMB_TESTPROG
#
# Runs on the file system of $TMPDIR; what that file system cannot do must be told by status 95, not by a wrong line.
# Status 77 (skipped) where jq is missing.
set -euo pipefail

program=$1
command -v jq >/dev/null || { echo "SKIP harness.testprogs: jq is missing; install the packages of group test"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

complain() {
  echo "FAIL $1" >&2
  failures=$((failures + 1))
}

fresh() {
  rm -rf "${work:?}"/*
  head -c 8192 /dev/zero | tr '\0' a >"$work/file"
  { echo "other file" && head -c 8181 /dev/zero | tr '\0' b; } >"$work/other" # the same size: FICLONE wants whole blocks
}

# What must differ after the trigger. The change time and inode of both paths, and the names: each trigger moves one.
look() { stat -c '%n %i %s %a %u %Z %z' "$work"/* 2>/dev/null; }

run_trigger() { # NAME [PREFIX]
  local name=$1 prefix=${2:-} status=0 line before arguments=("$work/file")
  fresh
  case $name in
    create) arguments=("$work/new") ;;
    rename | link) arguments+=("$work/elsewhere") ;;
    rename_exchange | copy_file_range | sendfile | splice | reflink) arguments+=("$work/other") ;;
  esac
  before=$(look)
  # shellcheck disable=SC2086 # an empty prefix is no argument
  line=$("$program" $prefix "$name" "${arguments[@]}") || status=$?
  if [[ $status == 95 ]] && jq -e '.result != 0' <<<"$line" >/dev/null; then
    echo "note: $name is not supported here: $(jq -r .error <<<"$line")"
    return
  fi
  [[ $status == 0 ]] || { complain "$prefix $name: status $status: $line"; return; }
  jq -e --arg op "$name" --arg path "${arguments[0]}" --arg exe "$(realpath "$program")" \
    '.result == 0 and .pid > 1 and .start > 0 and .op == $op and .path == $path and .exe == $exe' <<<"$line" >/dev/null ||
    complain "$prefix $name: untrue line: $line"
  # Who waits here is the parent of what it starts and of its siblings, and of no grandchild.
  case $prefix in
    sibling) jq -e '.parent != .forker and .forker > 1 and .forker != .pid' <<<"$line" >/dev/null || complain "$name: no sibling: $line" ;;
    grandchild) jq -e '.forker > 1 and .forker != .pid' <<<"$line" >/dev/null || complain "$name: no grandchild: $line" ;;
  esac
  [[ $(look) != "$before" ]] || complain "$prefix $name: nothing changed"
  case $name in
    write | append | create | pwritev2 | replace | mmap | mmap_msync | io_uring | io_uring_worker | io_uring_sqpoll | aio)
      grep -q 'changed by plumb-testprog' "${arguments[0]}" || complain "$prefix $name: the payload is not in the file" ;;
    copy_file_range | sendfile | splice | reflink)
      grep -q 'other file' "$work/file" || complain "$prefix $name: nothing was copied" ;;
  esac
}

while read -r name _; do
  run_trigger "$name"
  run_trigger "$name" grandchild
  run_trigger "$name" sibling
done < <("$program" --list)

# A failed operation says so, and odd bytes in a path stay JSON.
line=$("$program" write "$work/no\"such
file" || true)
jq -e '.result == 2 and (.path | contains("no\"such\nfile"))' <<<"$line" >/dev/null || complain "missing file: $line"
status=0
"$program" nonsense "$work/file" 2>/dev/null || status=$?
[[ $status == 64 ]] || complain "unknown trigger: status $status instead of 64"

((failures == 0)) && echo "ok"
exit "$((failures > 0))"
