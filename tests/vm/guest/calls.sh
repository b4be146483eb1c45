#!/bin/sh
# TLS plaintext on this kernel: the probes load, OpenSSL is hooked, and a client's call is told with its process; or the
# agent says why it will not hook at returns here. The server only has to be TLS: nobody answers the call.
# shellcheck source=tests/vm/guest/lib.sh
. /test/lib.sh

patience=120
log=/run/calls-agent.log
api=http://127.0.0.1:9640

ask() { wget -q -O - "$api/v1/$1"; }
looked_through() { ask status | jq -e '.calls.first_pass_done == true'; }
drifted() { ask drift | jq -e --argjson pid "$1" 'any(.items[]; .kind == "call" and .call.operation == "DeleteSecurityGroup"
  and .actor.process.pid == $pid)'; }

mkdir -p /etc/plumbline /run/calls /run/plumbline
cd /run/calls || exit 1
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost \
  2>/run/calls/openssl.err
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
  fail calls.load "$(ask status | jq -c .calls 2>/dev/null) $(tail -n 3 $log | tr '\n' ' ')"
fi

body='Action=DeleteSecurityGroup&Version=2016-11-15&GroupId=sg-1'
{
  printf 'POST / HTTP/1.1\r\nHost: ec2.eu-west-1.amazonaws.com\r\nContent-Type: application/x-www-form-urlencoded\r\n'
  printf 'Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261127/eu-west-1/ec2/aws4_request, SignedHeaders=host, Signature=a\r\n'
  printf 'Content-Length: %s\r\n\r\n%s' ${#body} "$body"
} >request
sleep 1000 | openssl s_server -accept 4433 -cert cert.pem -key key.pem -quiet >/dev/null 2>&1 &
server=$!
reachable() { echo Q | openssl s_client -connect 127.0.0.1:4433; }
until_true $patience reachable >/dev/null 2>&1
{ cat request; sleep 3; } | openssl s_client -quiet -no_ign_eof -connect 127.0.0.1:4433 >/dev/null 2>&1 &
client=$!
wait $client
if [ "$(ask status | jq -r .calls.return_probes)" != harmless ]; then
  if ask blindspots | jq -e 'any(.items[]; .id == "tls_return_probes")' >/dev/null; then
    pass calls.refused_and_told
  else
    fail calls.refused_and_told "$(ask blindspots | jq -c '[.items[].id]')"
  fi
elif until_true $patience drifted $client >/dev/null; then
  pass calls.openssl
else
  fail calls.openssl "client $client: $(ask drift | jq -c '[.items[] | {kind, pid: .actor.process.pid}]') $(ask status | jq -c '.calls | del(.files)')"
fi
kill $agent $server
wait $agent
