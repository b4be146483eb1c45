#!/bin/sh
# The first drift, on this kernel and on each file system: agent and collector run with a manifest; a managed file is
# changed by write, by rename over it, by chmod and by deletion; each shows as an open drift with the process that did
# it, and resolves when the file is put back. A restart of the agent, orderly and by SIGKILL, keeps what is open and
# finds what changed meanwhile, with its actor: the pinned hooks went on marking.
# shellcheck source=tests/vm/guest/lib.sh
. /test/lib.sh

patience=60 # seconds until something that should happen counts as not happening; emulation, hence generous
file_systems="tmpfs ext4 overlay btrfs xfs"
log=/run/agent.log

content() { printf 'listen 80;\n# a managed file with some more bytes than the change writes\n'; }

# In place, so that inode and owner stay; the file is exactly as the manifest wants it.
put_back() { # PATH
  [ -e "$1" ] || : >"$1"
  content >"$1"
  chmod 0644 "$1"
}

write_configs() {
  mkdir -p /etc/plumbline
  {
    printf 'apiVersion: plumbline/v1\nkind: Manifest\nrevision: "1"\nfiles:\n'
    for fs in $file_systems; do
      mkdir -p "/mnt/$fs/conf.d"
      chmod 0755 "/mnt/$fs" "/mnt/$fs/conf.d" # nobody gets as far as the file itself, and is refused there
      for name in app other healed; do
        put_back "/mnt/$fs/conf.d/$name.conf"
        printf -- '- {path: /mnt/%s/conf.d/%s.conf, sha256: %s, mode: "0644", owner: root}\n' "$fs" "$name" \
          "$(content | sha256sum | cut -d' ' -f1)"
      done
    done
  } >/etc/plumbline/baseline.yaml
  cat >/etc/plumbline/agent.yaml <<'CONF'
node: {name: vm-node}
state_dir: /var/lib/plumbline
baselines:
- {name: vm, manifest: /etc/plumbline/baseline.yaml}
collector: {url: "http://127.0.0.1:9650"}
rules: [/etc/plumbline/rules.yaml]
rollback: {file_count: 100, node_count: 100, loop_count: 100}
CONF
  cat >/etc/plumbline/rules.yaml <<'CONF'
apiVersion: plumbline/v1
kind: Rules
rollback:
- {name: heal, when: {path: "/mnt/*/conf.d/healed.conf"}, mode: auto}
CONF
  cat >/etc/plumbline/collector.yaml <<'CONF'
listen: 127.0.0.1:9650
store: {sqlite: /var/lib/plumbline-collector/plumbline.db}
sinks:
- {name: file, ndjson: {path: /var/lib/plumbline-collector/findings.ndjson}}
CONF
  mkdir -p /var/lib/plumbline /var/lib/plumbline-collector /run/plumbline
}

answers() { wget -q -O /dev/null "$1"; } # URL; fails for any status but 200

start_collector() {
  plumbline-collector --config /etc/plumbline/collector.yaml >>/run/collector.log 2>&1 &
  collector=$!
  until_true $patience answers http://127.0.0.1:9650/readyz
}

start_agent() {
  plumbline-agent --config /etc/plumbline/agent.yaml >>$log 2>&1 &
  agent=$!
  until_true $patience answers http://127.0.0.1:9640/startupz && until_true $patience answers http://127.0.0.1:9640/readyz
}

stop_agent() { # SIGNAL
  kill "-$1" "$agent"
  wait "$agent" 2>/dev/null # blocks until it is gone; the VM's own timeout bounds it
}

tell_logs() {
  for file in $log /run/collector.log; do
    tail -n 25 "$file" | sed "s|^|PLUMBLINE-INFO: $(basename "$file"): |"
  done
}

# Is there a drift of PATH for which the jq condition holds? Asked over HTTP: starting plumb for each poll is slow here.
drift_of() { # PATH CONDITION [URL]
  wget -q -O /run/drift.json "${3:-http://127.0.0.1:9640}/v1/drift?limit=1000" 2>/run/drift.err &&
    jq -e --arg path "$1" "any(.items[]; .where.path == \$path and ($2))" /run/drift.json
}

# No drift of PATH is open, and its newest one is resolved.
put_right() { # PATH
  drift_of "$1" '.state == "resolved" and .closed_at != null' && ! drift_of "$1" '.state == "open"'
}

# What is known about PATH, shortly, for a failure's reason.
tell() { # PATH
  jq -c --arg path "$1" '[.items[] | select(.where.path == $path) | {id, state, diff, pid: .actor.process.pid,
    exe: .actor.process.exe, count}] | .[:2]' /run/drift.json 2>/dev/null || cat /run/drift.err
}

expect_drift() { # NAME PATH CONDITION [URL]
  what=$1
  shift
  if until_true $patience drift_of "$@"; then pass "$what"; else fail "$what" "not within $patience s: $(tell "$1")"; fi
}

# plumb's own answer: JSON with PATH where it is open, and the exit status that scripts branch on.
expect_plumb() { # NAME STATUS JQ_CONDITION
  plumb drift -o json >/run/plumb.json 2>/run/plumb.err
  status=$?
  if [ $status = "$2" ] && jq -e "$3" /run/plumb.json >/dev/null; then
    pass "$1"
  else
    fail "$1" "status $status, $(head -c 300 /run/plumb.json /run/plumb.err | tr '\n' ' ')"
  fi
}

# The trigger changes PATH; the drift names it, the changed attribute and exactly this process. Then put back.
change_shows() { # FS TRIGGER ATTRIBUTE_PATTERN PATH [PREFIX]
  fs=$1 trigger=$2 attribute=$3 path=$4 prefix=${5:-}
  # shellcheck disable=SC2086 # an empty prefix is no argument
  truth=$(plumb-testprog $prefix "$trigger" "$path") || { fail "$fs.${prefix:+$prefix.}$trigger" "trigger: $truth"; return; }
  pid=$(echo "$truth" | jq .pid)
  expect_drift "$fs.${prefix:+$prefix.}$trigger" "$path" ".state == \"open\" and .actor.process.pid == $pid
    and (.actor.process.exe | endswith(\"/plumb-testprog\")) and any(.diff[]; .attribute | test(\"$attribute\"))"
  put_back "$path"
  what=$fs.${prefix:+$prefix.}$trigger.resolved
  if until_true $patience put_right "$path"; then pass "$what"; else fail "$what" "not within $patience s: $(tell "$path")"; fi
}

findings_of() { # PATH
  wget -q -O - 'http://127.0.0.1:9640/v1/findings?limit=1000' | jq -c --arg path "$1" '[.items[] | select(.where.path == $path) | .id]'
}

# What the kernel refuses is no change: neither to a user who may not, nor where no permission helps. A change of another
# file comes after it, so that all that came before has been looked at.
refusals_are_silent() { # FS
  dir=/mnt/$1/conf.d
  before=$(findings_of "$dir/app.conf")
  tried=
  for trigger in write chmod utimens unlink replace; do
    truth=$(/usr/bin/setpriv --reuid 65534 --regid 65534 --clear-groups plumb-testprog $trigger "$dir/app.conf")
    tried="$tried $(echo "$truth" | jq -r .error)"
    [ "$(echo "$truth" | jq '.result > 0')" = true ] || { fail "$1.refused.$trigger" "not refused: $truth"; return; }
  done
  if rmdir "$dir" 2>/dev/null || mv "$dir/app.conf" "$dir/none/app.conf" 2>/dev/null; then
    fail "$1.refused" "a full folder was removed, or a file moved to where nothing is"
    return
  fi
  change_shows "$1" chmod mode "$dir/other.conf"
  after=$(findings_of "$dir/app.conf")
  if [ -n "$before" ] && [ "$before" = "$after" ]; then
    pass "$1.refused.no_finding"
  else
    fail "$1.refused.no_finding" "before $before, after $after;$tried"
  fi
}

# What a rule names is put back by the agent itself, by whatever the file system can do of it.
is_healed() { # PATH
  [ "$(stat -c %a "$1")" = 644 ] && [ "$(sha256sum <"$1")" = "$(content | sha256sum)" ] &&
    [ "$(ls -A "${1%/*}" | tr '\n' ' ')" = "app.conf healed.conf other.conf " ]
}
heals() { # FS TRIGGER
  path=/mnt/$1/conf.d/healed.conf what=$1.healed.$2
  truth=$(plumb-testprog "$2" "$path") || { fail "$what" "trigger: $truth"; return; }
  if until_true $patience is_healed "$path"; then pass "$what"; else fail "$what" "$(ls -la "${path%/*}" | tr '\n' ' ')"; fi
  expect_drift "$what.told" "$path" ".rollback.state == \"reverted\" and .state == \"resolved\" and .actor.process.pid == $(echo "$truth" | jq .pid)"
}

write_configs
if ! start_collector; then
  fail first_drift.collector "not ready within $patience s"
  tell_logs
  exit 1
fi
if ! start_agent; then
  fail first_drift.agent "not ready within $patience s: $(wget -q -O - 'http://127.0.0.1:9640/readyz?verbose' 2>&1 | tail -n 3 | tr '\n' ' ')"
  tell_logs
  exit 1
fi
pass first_drift.started
info "status $(plumb status -o json 2>/dev/null | tr -d '\n' | cut -c 1-2000)"

expect_plumb plumb.clean 0 '.items == []'
for fs in $file_systems; do
  path=/mnt/$fs/conf.d/app.conf
  change_shows "$fs" write content_sha256 "$path"
  change_shows "$fs" replace content_sha256 "$path"
  change_shows "$fs" chmod mode "$path"
  change_shows "$fs" unlink 'existence|absent' "$path"
  change_shows "$fs" write content_sha256 "$path" grandchild
  refusals_are_silent "$fs"
  for trigger in write unlink; do heals "$fs" $trigger; done
done
for trigger in replace chmod; do heals ext4 $trigger; done

kept=/mnt/ext4/conf.d/app.conf missed=/mnt/tmpfs/conf.d/other.conf killed=/mnt/overlay/conf.d/other.conf
plumb-testprog write $kept >/run/kept.json
expect_drift restart.before $kept ".state == \"open\" and .actor.process.pid == $(jq .pid /run/kept.json)"
expect_plumb plumb.open 2 "any(.items[]; .where.path == \"$kept\")"
drift_of $kept .id >/run/check.out
before=$(jq -c --arg path $kept '[.items[] | select(.where.path == $path and .state == "open") | {id, count, opened_at}]' /run/drift.json)

stop_agent TERM
plumb-testprog write $missed >/run/missed.json
if start_agent; then pass restart.ready; else fail restart.ready "not ready within $patience s" && tell_logs; fi
drift_of $kept .id >/run/check.out
after=$(jq -c --arg path $kept '[.items[] | select(.where.path == $path and .state == "open") | {id, count, opened_at}]' /run/drift.json)
if [ "$before" = "$after" ] && [ "$before" != "[]" ]; then pass restart.keeps_drift; else fail restart.keeps_drift "before $before, after $after"; fi
expect_drift restart.finds_missed $missed ".state == \"open\" and .actor.process.pid == $(jq .pid /run/missed.json)
  and any(.diff[]; .attribute == \"content_sha256\")"

stop_agent KILL
plumb-testprog write $killed >/run/killed.json
start_agent || tell_logs
expect_drift killed.finds_missed $killed ".state == \"open\" and .actor.process.pid == $(jq .pid /run/killed.json)"
expect_drift killed.keeps_drift $kept ".state == \"open\" and .id == $(echo "$before" | jq '.[0].id')"

expect_drift collector.has_drift $kept '.state == "open"' http://127.0.0.1:9650
expect_drift collector.has_missed $missed '.state == "open"' http://127.0.0.1:9650
if until_true $patience grep -q "$kept" /var/lib/plumbline-collector/findings.ndjson; then
  pass sink.ndjson
else
  fail sink.ndjson "the file sink has no finding of $kept"
fi

info "agent $(grep -E 'VmRSS|VmHWM' "/proc/$agent/status" | tr -s '\t\n ' ' ')"
tell_logs
stop_agent TERM
kill "$collector"
wait "$collector" 2>/dev/null
exit 0 # not the signal's status
