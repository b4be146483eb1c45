#!/bin/sh
# Runs in the VM as a service of systemd, when the system is up. Every step is what a user would type, by the pages' own words.
# shellcheck disable=SC2016 # expanded by the inner shell
usleep() { /test/busybox usleep "$@"; }
# shellcheck source=tests/vm/guest/lib.sh
. /test/lib.sh

patience=120 # seconds; emulation, hence generous
managed=/etc/app.conf

# What a page tells users to type (run put it there). plumb's 2 says that drift is open.
typed() {
  status=0
  (cd /test && sh -e "/test/pages/$1") || status=$?
  [ $status = 0 ] || [ $status = 2 ]
}

active() { systemctl is-active --quiet "$1"; }
drift_of_app() { plumb drift | grep -q "$managed"; }
no_drift() { ! drift_of_app; }
restarts() { systemctl show -p NRestarts --value plumbline-agent; }

# Whatever is named after us, but for what this test brought.
left_over() {
  find / -xdev \( -name '*plumbline*' -o -name plumb \) \
    -not -path '/test/*' -not -path '/proc/*' -not -name 'plumbline-test.service' 2>/dev/null | grep -v ^/sys/fs/cgroup
  ls -d /sys/fs/bpf/plumbline /run/plumbline /opt/plumbline 2>/dev/null
  pgrep -l plumbline
}
nothing_left() { # prints what is
  left=$(left_over)
  [ -z "$left" ] || { echo "$left" | head -n 5 && false; }
}

use_own_baseline() {
  echo 'listen 80;' >"$managed"
  chmod 644 "$managed"
  printf 'apiVersion: plumbline/v1\nkind: Manifest\nrevision: "1"\nfiles:\n- {path: %s, mode: "0644"}\n' "$managed" >/etc/plumbline/baseline.yaml
  typed deb-reload
}

both_active() {
  active plumbline-agent && active plumbline-collector
}

mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf # systemd has done it
check deb.installs "refused" typed deb-install
check deb.is_ready "not active: $(journalctl -u plumbline-agent -n 3 -o cat --no-pager)" until_true $patience both_active
check deb.is_watched "no watchdog" sh -c '[ "$(systemctl show -p WatchdogUSec --value plumbline-agent)" != 0 ]'
check deb.logs_to_the_journal "no line" sh -c 'journalctl -u plumbline-agent -o cat --no-pager | grep -q event=ready'
check deb.config_is_not_for_all "agent.yaml is readable for others" sh -c '[ "$(stat -c %a /etc/plumbline/agent.yaml)" = 600 ]'

use_own_baseline
chmod 600 "$managed"
check deb.sees_drift "not told: $(plumb status 2>&1 | tail -n 5)" until_true $patience drift_of_app
check deb.names_who "the actor is missing" sh -c 'plumb drift -o json | grep -q chmod'

systemctl kill -s KILL plumbline-agent
check deb.comes_back_after_a_kill "not active" until_true $patience sh -c 'systemctl is-active --quiet plumbline-agent && plumb drift | grep -q app.conf'

mkdir -p /run/systemd/system/plumbline-agent.service.d
printf '[Service]\nWatchdogSec=20s\n' >/run/systemd/system/plumbline-agent.service.d/watchdog.conf
systemctl daemon-reload
systemctl restart plumbline-agent
before=$(restarts)
kill -STOP "$(systemctl show -p MainPID --value plumbline-agent)"
check deb.a_stuck_agent_is_ended "still there" until_true 240 sh -c "[ \"\$(systemctl show -p NRestarts --value plumbline-agent)\" -gt $before ]"
rm -rf /run/systemd/system/plumbline-agent.service.d
systemctl daemon-reload

until_true $patience active plumbline-agent
check deb.new_programs_take_the_configuration "refused" typed deb-check
check deb.upgrades "refused" typed deb-upgrade
check deb.keeps_drift_and_config "lost" until_true $patience drift_of_app
chmod 644 "$managed"
check deb.sees_the_end "drift stays" until_true $patience no_drift

check deb.is_removed "refused" typed deb-removal
check deb.leaves_nothing_in_the_kernel "pins or processes stay" sh -c '! [ -e /sys/fs/bpf/plumbline ] && ! pgrep plumbline'
check deb.keeps_config_until_purge "gone" test -e /etc/plumbline/agent.yaml
check deb.is_purged "refused" typed deb-purge
check deb.purge_leaves_nothing "these stay" nothing_left

check tarball.installs "refused" typed tarball-install
hash -r # plumb is elsewhere now
check tarball.is_ready "not active" until_true $patience both_active
mkdir -p /empty/opt && cp -a /opt/plumbline /empty/opt/
check tarball.needs_no_library "does not run" sh -c 'chroot /empty /opt/plumbline/bin/plumb --version && chroot /empty /opt/plumbline/bin/plumbline-agent --config-schema >/dev/null &&
  chroot /empty /opt/plumbline/bin/plumbline-collector --version'
rm -rf /empty
use_own_baseline
chmod 600 "$managed"
check tarball.sees_drift "not told" until_true $patience drift_of_app
check tarball.upgrades "refused" typed tarball-upgrade
check tarball.keeps_drift "lost" until_true $patience drift_of_app
check tarball.is_uninstalled "refused" typed tarball-removal
check tarball.leaves_nothing "these stay" nothing_left

echo "PLUMBLINE-TEST: END"
systemctl poweroff --force --force
