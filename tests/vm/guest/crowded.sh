#!/bin/sh
# A function that is there and cannot be traced, as all its places are taken. One that the tier cannot do without: the
# agent does not start, says which change its canary's marks did not show, and leaves no pins. One that it can: it starts,
# and names what is missing.
# shellcheck source=tests/vm/guest/lib.sh
. /test/lib.sh

patience=60 # seconds, as in first_drift.sh
pins=/sys/fs/bpf/crowded
port=9641
log=/run/crowded.log

cat >/run/crowded.yaml <<CONF
node: {name: vm-node}
state_dir: /run/crowded
api: {socket: /run/crowded.sock, listen: "127.0.0.1:$port"}
kernel: {tier: fentry, pin_dir: $pins}
CONF

ask() { wget -q -O /run/crowded.json "http://127.0.0.1:$port$1"; } # PATH
holds() { # PATH CONDITION; tells the answer where the condition does not hold
  ask "$1" && { jq -e "$2" /run/crowded.json >/dev/null || { jq -c . /run/crowded.json | cut -c 1-800; false; }; }
}

timeout $patience plumb-hook-crowd notify_change plumbline-agent --config /run/crowded.yaml >$log 2>&1
status=$?
said="status $status: $(tail -n 3 $log | tr '\n' ' ')"
check crowded.notify_change.refused "$said" [ $status = 69 ]
check crowded.notify_change.says_why "$said" grep -q 'fentry tier: prove the hooks with a canary file: a chmod was not seen' $log
left=$(find /sys/fs/bpf ! -type d -path "$pins/*" | tr '\n' ' ')
check crowded.notify_change.no_pins "$left" [ -z "$left" ]

plumb-hook-crowd vfs_link plumbline-agent --config /run/crowded.yaml >$log 2>&1 &
agent=$!
if until_true $patience ask /startupz; then pass crowded.vfs_link.starts; else fail crowded.vfs_link.starts "$(tail -n 3 $log | tr '\n' ' ')"; fi
check crowded.vfs_link.not_claimed "the status says" holds /v1/status '.kernel.adopted == false and
  (.kernel.tiers[] | .works and (.hooks | index("fexit/vfs_link") | not) and (.missing | index("fexit/vfs_link")))'
check crowded.vfs_link.blind_spot "the blind spots are" holds /v1/blindspots \
  'any(.items[]; .id == "hook_missing" and .scope == "fexit/vfs_link")'
check crowded.vfs_link.others_pinned "in links: $(find $pins/links ! -type d | tr '\n' ' ')" [ -e $pins/links/on_vfs_rename -a ! -e $pins/links/on_vfs_link ]
kill "$agent"
wait "$agent" 2>/dev/null
rm -rf $pins # nobody watches by the name of this test any more
exit 0       # not the signal's status
