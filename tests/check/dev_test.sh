#!/usr/bin/env bash
# What of ./dev can be tested without root, a build or the network.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd /

expect() { # NAME STATUS PATTERN COMMAND…
  local name=$1 status=$2 pattern=$3 out got=0
  shift 3
  out=$("$@" 2>&1) || got=$?
  if ((got != status)) || ! grep -qE "$pattern" <<<"$out"; then
    echo "$name: status $got (expected $status), output:"
    echo "$out"
    exit 1
  fi
}

expect help 0 'up .*down|usage: ./dev' "$top/dev" --help
expect no_command 64 'usage' "$top/dev"
expect unknown_command 64 "no command 'tset'" "$top/dev" tset
expect unknown_label 64 'labels: check unit' "$top/dev" test nope
expect up_arguments 64 'no arguments' "$top/dev" up now
expect unknown_check_option 64 'unknown option' "$top/dev" check --fast
if ((EUID == 0)); then
  expect unknown_down_option 64 'unknown option' "$top/dev" down --forever
  if command -v setpriv >/dev/null; then
    expect up_needs_root 77 'sudo ./dev up' setpriv --reuid=65534 --clear-groups bash "$top/dev" up
  fi
else
  expect up_needs_root 77 'sudo ./dev up' "$top/dev" up
fi

# Every package has exactly one purpose that ./dev knows.
bad=$(awk '!/^#/ && NF && (NF != 2 || $2 !~ /^(build|image|package|test|vm|fixtures|bench|check)$/)' "$top/packages.txt")
[[ -z $bad ]] || { echo "packages.txt: not NAME PURPOSE: $bad"; exit 1; }
twice=$(awk '!/^#/ && NF {print $1}' "$top/packages.txt" | sort | uniq -d)
[[ -z $twice ]] || { echo "packages.txt: named twice: $twice"; exit 1; }
undocumented=$(awk '!/^#/ && NF {print $1}' "$top/packages.txt" | while read -r name; do
  grep -qF "\`$name\`" "$top/docs/dependencies.md" || echo "$name"
done)
[[ -z $undocumented ]] || { echo "docs/dependencies.md gives no reason for: $undocumented"; exit 1; }

# The programs of a suite that dies halfway, or says nothing, are failures; a pid given to somebody else is not ours.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/harness/suite.sh
. "$top/tests/harness/suite.sh"
runner() { # BODY: the lines that run_lines makes of a runner with this body
  printf '#!/bin/sh\n%s\n' "$1" >"$work/runner"
  chmod +x "$work/runner"
  result=$work/result
  : >"$result"
  run_lines 10 "$work/runner" >/dev/null
  sed "s|$work/||" "$result" | tr '\n' '|'
}
same() { [[ $1 == "$2" ]] || { echo "expected '$2', got '$1'"; exit 1; }; }
same "$(runner 'echo PASS a; echo SKIP b: why; echo noise')" 'PASS a|SKIP b: why|'
same "$(runner 'echo PASS a; exit 3')" 'PASS a|FAIL runner: ended with status 3|'
same "$(runner 'echo nothing')" 'FAIL runner: ran no test|'
printf 'PASS a\nFAIL b: PASS\n' >"$work/one"
printf 'PASS c\n' >"$work/two"
same "$(count PASS "$work/one" "$work/two") $(count FAIL "$work/one" "$work/two") $(count SKIP "$work/one")" '2 1 0'
