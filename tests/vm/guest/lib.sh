# Sourced by every test in the guest. The runner reads the lines that begin with "PLUMBLINE-TEST:" off the serial console.

pass() { echo "PLUMBLINE-TEST: PASS $1"; }

failed=0 # 1 once one has
fail() { # NAME WHY
  failed=1
  echo "PLUMBLINE-TEST: FAIL $1: $2"
}

skip() { # NAME WHY
  echo "PLUMBLINE-TEST: SKIP $1: $2"
}

info() { echo "PLUMBLINE-INFO: $*"; }

# check NAME WHY COMMAND…: passes where COMMAND succeeds.
check() {
  name=$1 why=$2
  shift 2
  if "$@" >/run/check.out 2>&1; then pass "$name"; else fail "$name" "$why: $(tail -n 2 /run/check.out | tr '\n' ' ')"; fi
}

# until_true SECONDS COMMAND…: polls; emulation is slow and of no steady speed, so the bound is generous and only ends
# what would never come. The guest's own clock counts.
until_true() {
  limit=$1
  shift
  start=$(cut -d. -f1 /proc/uptime)
  until "$@" >/dev/null 2>&1; do
    now=$(cut -d. -f1 /proc/uptime)
    [ $((now - start)) -lt "$limit" ] || return 1
    usleep 100000
  done
}
