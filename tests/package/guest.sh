#!/bin/sh
# Runs in the VM as a service of systemd, when the system is up: both ways of installing, and what befalls a service.
# shellcheck disable=SC2016 # expanded by the inner shell
bundle=/test
# shellcheck source=tests/package/steps.sh
. $bundle/steps.sh
# shellcheck source=tests/vm/guest/cloud_call.sh
. $bundle/cloud_call.sh

active() { systemctl is-active --quiet "$1"; }
of_agent() { systemctl show -p "$1" --value plumbline-agent; }

# The unit takes much away; calls are what needs the most of what is left.
looks_for_calls() { over_http /v1/status | grep -qE '"first_pass_done": *true'; }
told_of_call() {
  plumb drift -o json >/run/calls.json
  grep -q DeleteSecurityGroup /run/calls.json && grep -qE "\"pid\": *${client}[,}]" /run/calls.json
}
see_a_call() {
  cp /etc/plumbline/agent.yaml /run/agent.yaml
  net_state >/etc/plumbline/net.tfstate
  sed -i 's|^- {name: local,.*|&\n- {name: net, terraform_state: /etc/plumbline/net.tfstate}|' /etc/plumbline/agent.yaml
  echo 'calls: {enabled: true, folders: [/usr/lib/x86_64-linux-gnu]}' >>/etc/plumbline/agent.yaml
  typed reload
  check deb.looks_for_calls "no: $(journalctl -u plumbline-agent -n 3 -o cat --no-pager)" until_true $patience looks_for_calls
  mkdir /run/calls && cd /run/calls && make_certificate
  begin_server 4433 && begin_client 4433
  call_it && answer_it
  check deb.sees_calls "not told: $(tail -n 2 client.log server.log | tr '\n' ' ') $(over_http /v1/blindspots | grep -o '"id":"[a-z_]*"' | tr '\n' ' ')" \
    until_true $patience told_of_call
  end_call
  cd /
  mv /run/agent.yaml /etc/plumbline/agent.yaml
  rm /etc/plumbline/net.tfstate
  typed reload
}

install_and_look deb
check deb.is_watched "no watchdog" sh -c '[ "$(systemctl show -p WatchdogUSec --value plumbline-agent)" != 0 ]'
check deb.logs_to_the_journal "no line" sh -c 'journalctl -u plumbline-agent -o cat --no-pager | grep -q event=ready'
check deb.config_is_not_for_all "agent.yaml is readable for others" sh -c '[ "$(stat -c %a /etc/plumbline/agent.yaml)" = 600 ]'
check deb.cannot_write_kernel_settings "/proc/sys is writable for it" grep -q ' /proc/sys ro,' "/proc/$(of_agent MainPID)/mountinfo"
check deb.pins_what_it_hooks "no pins" sh -c 'ls /sys/fs/bpf/plumbline/links | grep -q .'
see_a_call

systemctl kill -s KILL plumbline-agent
check deb.comes_back_after_a_kill "not active" until_true $patience sh -c 'systemctl is-active --quiet plumbline-agent && plumb drift | grep -q app.conf'

mkdir -p /run/systemd/system/plumbline-agent.service.d
printf '[Service]\nWatchdogSec=20s\n' >/run/systemd/system/plumbline-agent.service.d/watchdog.conf
systemctl daemon-reload
systemctl restart plumbline-agent
before=$(of_agent NRestarts)
kill -STOP "$(of_agent MainPID)"
check deb.a_stuck_agent_is_ended "still there" until_true 240 sh -c "[ \"\$(systemctl show -p NRestarts --value plumbline-agent)\" -gt $before ]"
rm -rf /run/systemd/system/plumbline-agent.service.d
systemctl daemon-reload

until_true $patience active plumbline-agent
check deb.runbooks_look "a command of theirs fails" sh -c 'cd /test/pages && for page in agent-down collector-down records-lost; do SYSTEMD_PAGER= sh -e $page || exit; done'
check deb.new_programs_take_the_configuration "refused" typed deb-check
check deb.upgrades "refused" typed deb-upgrade
check deb.keeps_drift_and_config "lost" until_true $patience drift_of_app
as_managed
check deb.sees_the_end "drift stays" until_true $patience no_drift
remove_and_look deb

install_and_look tarball
mkdir -p /empty/opt && cp -a /opt/plumbline /empty/opt/
check tarball.needs_no_library "does not run" sh -c 'chroot /empty /opt/plumbline/bin/plumb --version && chroot /empty /opt/plumbline/bin/plumbline-agent --config-schema >/dev/null &&
  chroot /empty /opt/plumbline/bin/plumbline-collector --version'
rm -rf /empty
check tarball.upgrades "refused" typed tarball-upgrade
check tarball.keeps_drift "lost" until_true $patience drift_of_app
systemctl stop plumbline-agent
check tarball.is_cleaned_up_by_hand "refused" typed by-hand
check tarball.leaves_nothing_by_hand "these stay" sh -c '! ls -d /sys/fs/bpf/plumbline /run/plumbline /var/lib/plumbline'
remove_and_look tarball
