#!/bin/sh
# TLS plaintext on this kernel: its verifier takes the probes, the files of this root are looked through, and a call that
# a client makes through one of them is told with the process that made it.
# shellcheck source=tests/vm/guest/lib.sh
. /test/lib.sh
# shellcheck source=tests/vm/guest/cloud_call.sh
. /test/cloud_call.sh

patience=120
log=/run/calls-agent.log
api=http://127.0.0.1:9640

ask() { wget -q -O - "$api/v1/$1"; }
# jq 1.6 takes no input for a yes.
looked_through() { ask status >/run/calls/status.json && [ "$(jq .calls.first_pass_done /run/calls/status.json)" = true ]; }

mkdir -p /etc/plumbline /run/calls /run/plumbline
cd /run/calls || exit 1
net_state >net.tfstate
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

if ! make_certificate || ! begin_server 4433; then
  fail calls.captured "no server"
  kill $agent
  exit 1
fi
begin_client 4433
call_it
answer_it

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
end_call

# The same in a cgroup that is left alone, from before its first request on.
cgroups=/run/calls/cgroups
mkdir -p $cgroups
if mount -t cgroup2 cgroup2 $cgroups && mkdir $cgroups/left; then
  begin_server 4436
  begin_client 4436 $cgroups/left
  is_known() { [ "$(ask status | jq .calls.scope.cgroups_excluded)" = 1 ]; }
  until_true $patience is_known || info "the cgroup is not known: $(ask status | jq -c .calls.scope)"
  records() { wget -q -O - http://127.0.0.1:9640/metrics | sed -n 's/^plumbline_tls_records_total //p'; }
  before=$(records)
  call_it
  is_left_out() { [ "$(ask status | jq .calls.scope.calls_left_out)" -ge 1 ]; }
  if until_true $patience is_left_out && [ "$(records)" = "$before" ]; then
    pass calls.left_alone
  else
    fail calls.left_alone "$before records before, $(records) after: $(ask status | jq -c .calls.scope)"
  fi
  end_call
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
