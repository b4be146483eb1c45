# Sourced by what installs Plumbline on a machine that systemd runs (smoke.sh, guest.sh): the life of an installation, every step of
# which is what a user would type, by the pages' own words. `bundle` is the folder that bundle.sh made.
# shellcheck shell=sh disable=SC2154

usleep() { sleep 0.1; } # lib.sh means busybox's
# shellcheck source=tests/vm/guest/lib.sh
. "$bundle/lib.sh"

patience=300 # seconds; emulation, hence generous
managed=/etc/app.conf

# What a page tells users to type. plumb's 2 says that drift is open.
typed() { # NAME of the page's block
  status=0
  (cd "$bundle" && sh -e "$bundle/pages/$1") || status=$?
  [ $status = 0 ] || [ $status = 2 ]
}

both_active() { systemctl is-active --quiet plumbline-agent && systemctl is-active --quiet plumbline-collector; }

as_managed() { echo 'listen 80;' >"$managed" && chmod 644 "$managed"; }
# By a program that still runs when it is looked at, until let_go.
by_hand() {
  rm -f /run/hand && mkfifo /run/hand
  tee -a "$managed" </run/hand >/dev/null &
  exec 9>/run/hand
  echo 'by hand' >&9
}
let_go() {
  exec 9>&-
  wait
}
drift_of_app() { plumb drift | grep -q "$managed"; }
no_drift() { ! drift_of_app; }

use_own_baseline() {
  as_managed
  printf 'apiVersion: plumbline/v1\nkind: Manifest\nrevision: "1"\nfiles:\n- {path: %s, sha256: %s, mode: "0644"}\n' \
    "$managed" "$(sha256sum "$managed" | cut -d' ' -f1)" >/etc/plumbline/baseline.yaml
  typed reload
}

is_managed() { plumb resources | grep -q "$managed"; }

# bash alone: no machine lacks it, some lack curl.
over_http() { # PATH
  # shellcheck disable=SC2016 # expanded by the inner shell
  bash -c 'exec 3<>/dev/tcp/127.0.0.1/9640 && printf "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" "$1" >&3 && cat <&3' - "$1"
}
answers_http() { over_http '/v1/drift?state=open' | grep -q "\"$managed\""; }
names_who() { # the program by path and digest
  plumb drift -o json >/run/smoke.json
  digest=$(sha256sum "$(command -v tee)" | cut -d' ' -f1)
  if grep -q '"[^" ]*/bin/tee"' /run/smoke.json && grep -q "$digest" /run/smoke.json; then return; fi
  tr -d '\n ' </run/smoke.json | grep -o '"actor":.*' | head -c 900
  false
}

# Whatever is named after us.
named_after_us() {
  find / -xdev \( -name '*plumbline*' -o -name plumb \) -not -path '/proc/*' -not -path '/sys/fs/cgroup/*' -not -path "$bundle/*" 2>/dev/null
  ls -d /sys/fs/bpf/plumbline /run/plumbline /opt/plumbline 2>/dev/null
  pgrep -l plumbline
}
nothing_left() { # prints what is, but for what was here before
  left=$(named_after_us | grep -vxFf /run/smoke.before)
  [ -z "$left" ] || { echo "$left" | head -n 5 && false; }
}

install_and_look() { # deb|tarball
  mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf # systemd has done it
  named_after_us >/run/smoke.before
  check "$1.installs" "refused" typed "$1-install"
  hash -r # plumb may be elsewhere now
  check "$1.is_ready" "not active: $(journalctl -u plumbline-agent -n 3 -o cat --no-pager)" until_true $patience both_active
  use_own_baseline
  check "$1.takes_its_baseline" "$(journalctl -u plumbline-agent -n 3 -o cat --no-pager)" until_true $patience is_managed
  check "$1.simulates" "no finding" plumb simulate --wait $patience
  by_hand
  check "$1.sees_drift" "not told: $(plumb status 2>&1 | tail -n 5)" until_true $patience drift_of_app
  check "$1.answers_over_http" "not told" answers_http
  check "$1.names_who" "the actor is missing" names_who
  let_go
}

remove_and_look() { # deb|tarball
  check "$1.is_removed" "refused" typed "$1-removal"
  check "$1.leaves_nothing_in_the_kernel" "pins or processes stay" sh -c '! [ -e /sys/fs/bpf/plumbline ] && ! pgrep plumbline'
  if [ "$1" = deb ]; then
    check deb.keeps_config_until_purge "gone" test -e /etc/plumbline/agent.yaml
    check deb.is_purged "refused" typed deb-purge
  fi
  rm -f "$managed"
  check "$1.leaves_nothing" "these stay" nothing_left
}
