#!/bin/sh
# TLS plaintext on this kernel: its verifier takes the probes, the files of this root are looked through, and a call that
# a client makes through one of them is told with the process that made it.
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
calls: {enabled: true, metadata_services: true, folders: [/usr/lib, /usr/bin, /lib], unowned: ["aws:ec2:unknown"], exclude_cgroups: [/left]}
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

plain=$(ask status | jq -c .calls.plain_http)
if [ "$(echo "$plain" | jq .heard)" = true ]; then
  pass calls.plain_http
else
  fail calls.plain_http "$plain"
fi

# A server on whose other end a cloud could be: it answers once it has the request, as HTTP is spoken.
printf '[req]\ndistinguished_name = dn\n[dn]\n' >openssl.cnf # this root has none
export OPENSSL_CONF=/run/calls/openssl.cnf
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout tls.key -out tls.pem -days 2 -subj /CN=localhost \
  >/run/calls/openssl.log 2>&1
mkfifo answer
openssl s_server -quiet -accept 127.0.0.1:4433 -key tls.key -cert tls.pem <answer >request 2>server.log &
server=$!
exec 3>answer
listens() { grep -q ":$1 00000000:0000 0A" /proc/net/tcp; } # a port in hex; proc(5)
was_asked() { grep -q GroupId=sg-1 request; }
was_answered() { grep -q '</DeleteSecurityGroupResponse>' got; }
if ! until_true $patience listens 1151; then # 4433
  fail calls.captured "no server: $(cat openssl.log server.log | tail -n 3 | tr '\n' ' ')"
  kill $agent
  exit 1
fi

body='Action=DeleteSecurityGroup&Version=2016-11-15&GroupId=sg-1'
mkfifo ask_it
openssl s_client -quiet -connect 127.0.0.1:4433 <ask_it >got 2>client.log &
client=$!
exec 4>ask_it
printf 'POST / HTTP/1.1\r\nHost: ec2.eu-west-1.amazonaws.com\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %s\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261127/eu-west-1/ec2/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n%s' \
  ${#body} "$body" >&4
until_true $patience was_asked || info "the server got: $(head -c 300 request | tr '\r\n' '  ') $(tail -n 2 client.log server.log | tr '\n' ' ')"
answer='<DeleteSecurityGroupResponse><requestId>r-1</requestId><return>true</return></DeleteSecurityGroupResponse>'
printf 'HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: %s\r\n\r\n%s' ${#answer} "$answer" >&3
until_true $patience was_answered || info "the client got: $(head -c 300 got | tr '\r\n' '  ')"

told() {
  ask drift >/run/calls/drift.json && jq -e --argjson pid "$client" 'any(.items[]; .state == "open" and .kind == "call"
    and .call.operation == "DeleteSecurityGroup" and .call.outcome == "succeeded"
    and .resource == "tofu:net/aws_security_group.web" and .actor.process.pid == $pid)' /run/calls/drift.json
}
if until_true $patience told; then
  pass calls.captured
else
  fail calls.captured "$(ask status | jq -c '.calls | del(.files)') $(head -c 1000 drift.json | tr '\n' ' ')"
  wget -q -O - http://127.0.0.1:9640/metrics | grep -E '^plumbline_(tls|http|calls)' | sed 's/^/PLUMBLINE-INFO: /'
  info "$(tail -n 5 $log)"
fi
exec 3>&- 4>&-
kill $client $server 2>/dev/null
wait $client $server

# The same in a cgroup that is left alone, from before its first request on.
cgroups=/run/calls/cgroups
mkdir -p $cgroups
if mount -t cgroup2 cgroup2 $cgroups && mkdir $cgroups/left; then
  mkfifo reply_left
  openssl s_server -quiet -accept 127.0.0.1:4436 -key tls.key -cert tls.pem <reply_left >request 2>server.log &
  server=$!
  exec 3>reply_left
  until_true $patience listens 1154 || info "no server: $(tail -n 3 server.log | tr '\n' ' ')"
  mkfifo ask_left
  sh -c "echo 0 >$cgroups/left/cgroup.procs; exec openssl s_client -quiet -connect 127.0.0.1:4436" <ask_left >got 2>client.log &
  client=$!
  exec 4>ask_left
  is_known() { [ "$(ask status | jq .calls.scope.cgroups_excluded)" = 1 ]; }
  until_true $patience is_known || info "the cgroup is not known: $(ask status | jq -c .calls.scope)"
  records() { wget -q -O - http://127.0.0.1:9640/metrics | sed -n 's/^plumbline_tls_records_total //p'; }
  before=$(records)
  printf 'POST / HTTP/1.1\r\nHost: ec2.eu-west-1.amazonaws.com\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %s\r\n\r\n%s' \
    ${#body} "$body" >&4
  until_true $patience was_asked || info "the server got: $(head -c 300 request | tr '\r\n' '  ') $(tail -n 2 client.log server.log | tr '\n' ' ')"
  is_left_out() { [ "$(ask status | jq .calls.scope.calls_left_out)" -ge 1 ]; }
  if until_true $patience is_left_out && [ "$(records)" = "$before" ]; then
    pass calls.left_alone
  else
    fail calls.left_alone "$before records before, $(records) after: $(ask status | jq -c .calls.scope)"
  fi
  exec 3>&- 4>&-
  kill $client $server 2>/dev/null
  wait $client $server
else
  fail calls.left_alone "no cgroup could be made: $(mount | grep cgroup | tr '\n' ' ')"
fi

# One that asks for a cloud by name, and of which no more is ever seen: nobody answers it.
nc -l -p 4434 >hello.bin </dev/null &
server=$!
began() { [ -s hello.bin ]; }
openssl s_client -quiet -servername ec2.eu-west-1.amazonaws.com -connect 127.0.0.1:4434 </dev/null >/dev/null 2>&1 &
client=$!
until_true $patience began || info "no connection came"
unseen() {
  ask blindspots | jq -e 'any(.items[]; .id == "calls_unseen" and (.scope | startswith("openssl ")))' &&
    ask findings | jq -e --argjson pid "$client" 'any(.items[]; .resource == "aws:ec2:eu-west-1:" and .actor.process.pid == $pid)'
}
if until_true $patience unseen; then
  pass calls.unseen
else
  fail calls.unseen "$(ask blindspots | jq -c '[.items[] | select(.id | startswith("calls"))]') $(ask findings | head -c 600)"
fi
kill $client $server 2>/dev/null
wait $client $server

# A real program of a TLS library that no hook knows, to the end of its call.
if command -v rustls-client >/dev/null; then
  cloud=ec2.eu-west-1.amazonaws.com
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout cloud.key -out cloud.pem -days 2 -subj /CN=$cloud \
    -addext subjectAltName=DNS:$cloud -addext basicConstraints=critical,CA:FALSE >openssl.log 2>&1
  mkfifo reply
  openssl s_server -quiet -accept 127.0.0.1:4435 -key cloud.key -cert cloud.pem <reply >asked 2>server.log &
  server=$!
  exec 3>reply
  until_true $patience listens 1153 || info "no server: $(cat openssl.log server.log | tail -n 3 | tr '\n' ' ')"
  rustls-client 127.0.0.1:4435 $cloud cloud.pem none "$body" 2>client.log &
  client=$!
  was_asked_by_it() { grep -q GroupId=sg-1 asked; }
  until_true $patience was_asked_by_it || info "the server got: $(head -c 300 asked | tr '\r\n' '  ') $(tail -n 2 client.log server.log | tr '\n' ' ')"
  printf 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n' >&3
  wait $client
  answered=$?
  told_by_name() {
    ask blindspots | jq -e 'any(.items[]; .id == "calls_unseen" and (.scope | startswith("rustls-client ")))' &&
      ask findings | jq -e --argjson pid "$client" 'any(.items[]; .resource == "aws:ec2:eu-west-1:" and .actor.process.pid == $pid)'
  }
  if [ $answered = 0 ] && until_true $patience told_by_name; then
    pass calls.unseen_rustls
  else
    fail calls.unseen_rustls "it ended with $answered: $(ask blindspots | jq -c '[.items[] | select(.id | startswith("calls"))]') $(tail -n 3 client.log server.log | tr '\n' ' ')"
  fi
  exec 3>&-
  kill $server
  wait $server
else
  skip calls.unseen_rustls "its client is not built: tests/harness/rustls/build.sh does it"
fi
kill $agent
wait $agent
exit 0 # not the signal's status
