# ./dev check: format, room rules, pages, shellcheck, the Vagrantfile, clang-tidy; sourced by ./dev, whose functions and `release` it uses.
# shellcheck shell=bash disable=SC2154

tidy_seconds=180        # for one file; a file that takes longer counts as a complaint
tidy_total_seconds=1800 # for all

sources() { git ls-files -co --exclude-standard -- '*.cpp' '*.hpp' '*.c' '*.h'; }

changed_sources() {
  { git diff --name-only --diff-filter=d "${PLUMBLINE_BASE:-HEAD~1}" && git ls-files -o --exclude-standard; } |
    grep -E '\.(cpp|hpp|c|h)$' || true
}

check_format() { sources | xargs -d '\n' clang-format-19 --dry-run --Werror; }

check_rooms() { tests/check/rooms.py && tests/check/rooms_test.py; }

check_docs() { tests/docs/check.py && tests/docs/check_test.py && tests/docs/commands.py; }

check_shell() {
  if ! command -v shellcheck >/dev/null; then
    say "shellcheck is not installed: not run"
    return
  fi
  git grep -lzE '^#!.*\b(bash|sh)$|^# shellcheck shell' -- . ':!*.py' | xargs -0 shellcheck -x
}

# That Vagrant knows what stands there; more takes a hypervisor and the boxes themselves.
check_boxes() {
  if ! command -v vagrant >/dev/null; then
    say "vagrant is not installed: not run"
    return
  fi
  local home
  home=$(mktemp -d)
  (cd vagrant && VAGRANT_HOME=$home VAGRANT_DOTFILE_PATH=$home/dot vagrant validate --ignore-provider >"$home/said") || {
    cat "$home/said"
    rm -rf "$home"
    return 1
  }
  rm -rf "$home"
}

# Headers are seen through the .cpp files that include them. The kernel side is not: clang-tidy has no BPF target.
check_tidy() { # FILES on stdin
  local folder=$release
  configure "$folder" -DCMAKE_BUILD_TYPE=RelWithDebInfo
  while read -r file; do
    if [[ $file == *.cpp ]] && grep -qF "/$file\"" "$folder/compile_commands.json"; then echo "$file"; fi
  done | timeout "$tidy_total_seconds" \
    xargs -r -d '\n' -n 1 -P "$(nproc)" timeout "$tidy_seconds" clang-tidy-19 -p "$folder" --quiet \
    --extra-arg=-Wno-unknown-warning-option # the folder is g++'s
}

run_checks() { # [--all]
  local failed=0 name
  [[ -z ${1-} || $1 == --all ]] || die 64 "check: unknown option '$1'; known: --all"
  install_packages build test check || warn "going on without"
  for name in format rooms docs shell boxes; do
    say "check of $name"
    "check_$name" || { warn "$name has complaints"; failed=1; }
  done
  say "check by clang-tidy"
  if [[ ${1-} == --all ]]; then sources; else changed_sources; fi | check_tidy || { warn "clang-tidy has complaints"; failed=1; }
  ((failed)) || say "all checks pass"
  return "$failed"
}
