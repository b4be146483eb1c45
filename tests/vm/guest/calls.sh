#!/bin/sh
# TLS plaintext on this kernel: its verifier takes the probes, and the files of this root are looked through.
# shellcheck source=tests/vm/guest/lib.sh
. /test/lib.sh

patience=120
log=/run/calls-agent.log
api=http://127.0.0.1:9640

ask() { wget -q -O - "$api/v1/$1"; }
# jq 1.6 takes no input for a yes.
looked_through() { ask status >/run/calls/status.json && [ "$(jq .calls.first_pass_done /run/calls/status.json)" = true ]; }

mkdir -p /etc/plumbline /run/calls /run/plumbline
cd /run/calls || exit 1
cat >net.tfstate <<'JSON'
{"version": 4, "serial": 1, "lineage": "a", "terraform_version": "1.11.4", "outputs": {}, "resources": [{"mode": "managed",
"type": "aws_security_group", "name": "web", "provider": "provider[\"registry.terraform.io/hashicorp/aws\"]",
"instances": [{"schema_version": 1, "attributes": {"id": "sg-1", "name": "web"}}]}]}
JSON
cat >agent.yaml <<'CONF'
node: {name: vm-node}
state_dir: /var/lib/plumbline-calls
baselines: [{name: net, terraform_state: /run/calls/net.tfstate}]
kernel: {pin: false}
calls: {enabled: true, folders: [/usr/lib, /usr/bin, /lib]}
CONF
plumbline-agent --config agent.yaml >$log 2>&1 &
agent=$!
if until_true $patience looked_through >/dev/null; then
  pass calls.load
else
  fail calls.load "$(ask status 2>&1 | jq -c .calls 2>&1) $(tail -n 3 $log | tr '\n' ' ')"
fi

hooks=$(ask status | jq -c '.calls | {return_probes, one_link_a_file, stacks}')
if [ "$(echo "$hooks" | jq '.return_probes == "harmless" and .stacks.openssl.hooked >= 1')" = true ]; then
  pass calls.hooked
else
  fail calls.hooked "$hooks"
fi
kill $agent
wait $agent
