# The test suite, group by group; sourced by ./dev, whose functions and `release` it uses.
# shellcheck shell=bash disable=SC2015,SC2154
#
# A group appends one line a test case to its result file: "PASS name", "FAIL name: why" or "SKIP name: why". A group that
# fails, or whose build fails, stops no later one.

groups=(check unit bpf kube ecs e2e vm package tsan fuzz)
more_groups=(fixtures) # only where named: they fetch and build the tools of others, which takes long
threaded='^unit\.(spool|export|http|collector|access|api|observer|fetch\.(origins|ecs))(\.|$)' # what runs threads, and so is worth a run under tsan
c11_threads='^unit\.collector\.kafka$' # of these tsan has no interceptors: librdkafka's threads end it at their first step
results=build/results

record() { echo "$*" >>"$result"; } # LINE of the present group; shown at the end

group_check() { run_ctest "$release" -L '^check$'; }
# What the agent and the collector are made of, under the address and undefined-behaviour sanitizers.
group_unit() {
  sanitized build/asan address,undefined -R '^unit\.' || return 0
  ASAN_OPTIONS=detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
    run_ctest build/asan -R '^unit\.' -j "$(nproc)"
}

group_bpf() { run_ctest "$release" -L '^bpf$'; }
group_e2e() {
  run_ctest "$release" -L '^e2e$'
  BUILD_DIR=$PWD/$release run_lines 1200 tests/e2e/run
}
group_vm() { PLUMBLINE_BIN=$PWD/$release run_lines 1800 tests/vm/run; }

# Before e2e, some of which take the API server that the first run builds here, in ten minutes or more.
group_kube() { run_lines 2400 tests/kube/run; }

# By the containerd that kube builds.
group_ecs() { BUILD_DIR=$PWD/$release run_lines 600 tests/ecs/run; }

# What users install, installed as they do.
group_package() {
  install_packages package || warn "going on without; what needs them is skipped or fails"
  package || { record "FAIL package.build: see above"; return; }
  run_lines 2400 tests/package/run
}

group_tsan() {
  sanitized build/tsan thread -R "$threaded" -E "$c11_threads" || return 0
  TSAN_OPTIONS=second_deadlock_stack=1 run_ctest build/tsan -R "$threaded" -E "$c11_threads" -j "$(nproc)"
  record "SKIP unit.collector.kafka: the thread sanitizer cannot follow C11 threads, which librdkafka has"
}

group_fuzz() {
  sanitized build/asan address,undefined -L '^fuzz$' || return 0
  run_ctest build/asan -L '^fuzz$' -j "$(nproc)"
}

group_fixtures() {
  install_packages fixtures || warn "going on without; what needs them is skipped"
  run_lines 10800 tests/fixtures/remake.py
  local status=0
  integrations/ansible/test_plumbline_callback.py || status=$?
  case $status in
    0) record "PASS ansible.callback" ;;
    77) record "SKIP ansible.callback: Ansible cannot be had here" ;;
    *) record "FAIL ansible.callback: ended with $status" ;;
  esac
}

# A build folder of its own, by clang: it compiles sanitizers in half of g++'s time, and has libFuzzer. -O1: at -O0 the
# tests are too slow, at -O2 the compile is.
sanitized() { # FOLDER SANITIZERS CTEST_SELECTION…
  local fuzz=OFF
  [[ $2 == address* ]] && fuzz=ON
  configure "$1" -DCMAKE_C_COMPILER=clang-19 -DCMAKE_CXX_COMPILER=clang++-19 -DCMAKE_BUILD_TYPE=Debug \
    -DCMAKE_CXX_FLAGS_DEBUG="-O1 -g1" -DPLUMBLINE_TESTS=ON -DPLUMBLINE_SANITIZE="$2" -DPLUMBLINE_FUZZ="$fuzz" &&
    compile_tests "$1" "${@:3}" || { record "FAIL $(basename "$1").build: see above"; return 1; }
}

# Builds only the programs of these tests. Their names follow from the tests' (cmake/flags.cmake, tests/fuzz): CTest tells
# a test's command only once it is built.
compile_tests() { # FOLDER CTEST_SELECTION…
  local targets
  mapfile -t targets < <(comm -12 \
    <(ctest --test-dir "$1" -N "${@:2}" | sed -nE 's/^ *Test +#[0-9]+: //p' |
      sed -E 's/^fuzz\./fuzz_/; s/^(unit|e2e)\./test_\1_/; s/\./_/g' | sort) \
    <(ninja -C "$1" -t targets all | sed 's/: .*//' | sort -u))
  ((${#targets[@]})) || { warn "$1 has no such tests"; return 1; }
  compile "$1" -k 0 "${targets[@]}"
}

run_ctest() { # FOLDER CTEST_ARGUMENT…
  local cases wrapper=()
  cases=$(mktemp -d)
  # The thread sanitizer wants its shadow where kernels with 32 bits of address randomness may put something else.
  [[ $1 == build/tsan ]] && wrapper=(setarch "$(uname -m)" -R)
  GTEST_OUTPUT=xml:$cases/ "${wrapper[@]}" ctest --test-dir "$1" "${@:2}" --output-on-failure --output-junit "$cases/ctest.junit" || true
  tests/harness/ctest_cases.py "$cases" >>"$result" || record "FAIL ctest: its results could not be read"
  rm -rf "$cases"
}

run_lines() { # SECONDS PROGRAM: a runner that prints the lines itself
  local out status=0
  [[ -x $2 ]] || { record "SKIP $2: not there"; return; }
  out=$(mktemp)
  timeout --kill-after=30 "$1" "$2" 2>&1 | tee "$out" || status=$?
  grep -E '^(PASS|FAIL|SKIP) ' "$out" >>"$result" || true
  # Its status must be explained by a line, and it must have said something.
  if ((status != 0)) && ! grep -q '^FAIL ' "$out"; then record "FAIL $2: ended with status $status"; fi
  grep -qE '^(PASS|FAIL|SKIP) ' "$out" || record "FAIL $2: ran no test"
  rm -f "$out"
}

count() { grep -cE "^$1 " "${@:2}" /dev/null | awk -F: '{ n += $NF } END { print n + 0 }'; } # WORD FILE…

list() { # WORD: its lines, each with its group; fails where there is none
  grep -HE "^$1 " "$results"/* | sed -E "s|^.*/([^:]*):$1 |$1 [\1] |"
}

run_suite() { # [LABEL…]
  local chosen=("$@") group began ok=0
  ((${#chosen[@]})) || chosen=("${groups[@]}")
  for group in "${chosen[@]}"; do
    [[ " ${groups[*]} ${more_groups[*]} " == *" $group "* ]] ||
      die 64 "no tests are labelled '$group'; labels: ${groups[*]} ${more_groups[*]}"
  done
  need_root test
  install_packages build image test vm || warn "going on without; what needs them is skipped or fails"
  rm -rf "$results" && mkdir -p "$results"
  mount_kernel_filesystems

  result=$results/build began=$SECONDS
  configure "$release" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DPLUMBLINE_TESTS=ON && compile "$release" -k 0 all ||
    record "FAIL build.release: see above; what was built is tested"
  local times="build $((SECONDS - began))"
  for group in "${chosen[@]}"; do
    say "tests of $group"
    result=$results/$group began=$SECONDS
    touch "$result"
    "group_$group" || record "FAIL $group: its run ended early"
    times+=$'\n'"$group $((SECONDS - began))"
  done

  printf '\n%-8s %7s %7s %7s %8s\n' group passed failed skipped seconds
  while read -r group began; do
    touch "$results/$group"
    printf '%-8s %7d %7d %7d %8d\n' "$group" "$(count PASS "$results/$group")" "$(count FAIL "$results/$group")" \
      "$(count SKIP "$results/$group")" "$began"
  done <<<"$times"
  list SKIP || true
  list FAIL && ok=1
  echo "$(count PASS "$results"/*) passed, $(count FAIL "$results"/*) failed, $(count SKIP "$results"/*) skipped"
  return "$ok"
}
