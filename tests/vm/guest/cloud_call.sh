# Sourced by tests in which a program calls a cloud: EC2's DeleteSecurityGroup of sg-1, which net_state's baseline has, by OpenSSL's client to
# OpenSSL's server, which answers as EC2 does. In the present folder; their pids are in $client and $server.
# shellcheck shell=sh disable=SC2154

body='Action=DeleteSecurityGroup&Version=2016-11-15&GroupId=sg-1'
answer='<DeleteSecurityGroupResponse><requestId>r-1</requestId><return>true</return></DeleteSecurityGroupResponse>'
signed='Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261127/eu-west-1/ec2/aws4_request, SignedHeaders=host, Signature=0'

net_state() { # prints it
  cat <<'JSON'
{"version": 4, "serial": 1, "lineage": "a", "terraform_version": "1.11.4", "outputs": {}, "resources": [{"mode": "managed",
"type": "aws_security_group", "name": "web", "provider": "provider[\"registry.terraform.io/hashicorp/aws\"]",
"instances": [{"schema_version": 1, "attributes": {"id": "sg-1", "name": "web"}}]}]}
JSON
}

make_certificate() { # tls.key, tls.pem
  printf '[req]\ndistinguished_name = dn\n[dn]\n' >openssl.cnf # not every root has one
  export OPENSSL_CONF="$PWD/openssl.cnf"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout tls.key -out tls.pem -days 2 -subj /CN=localhost \
    >openssl.log 2>&1
}

listens() { grep -q ":$1 00000000:0000 0A" /proc/net/tcp; } # a port in hex; proc(5)
was_asked() { grep -q GroupId=sg-1 request; }
was_answered() { grep -q '</DeleteSecurityGroupResponse>' got; }

begin_server() { # PORT: fails where it does not come
  rm -f to_client && mkfifo to_client
  : >request
  openssl s_server -quiet -accept "127.0.0.1:$1" -key tls.key -cert tls.pem <to_client >request 2>server.log &
  server=$!
  exec 3>to_client
  until_true "$patience" listens "$(printf %X "$1")" || {
    info "no server: $(cat openssl.log server.log | tail -n 3 | tr '\n' ' ')"
    return 1
  }
}

begin_client() { # PORT [CGROUP]: in that cgroup from its first instruction on
  rm -f to_server && mkfifo to_server
  : >got
  sh -c "${2:+echo 0 >$2/cgroup.procs;} exec openssl s_client -quiet -connect 127.0.0.1:$1" <to_server >got 2>client.log &
  client=$!
  exec 4>to_server
}

call_it() { # until the server has it
  printf 'POST / HTTP/1.1\r\nHost: ec2.eu-west-1.amazonaws.com\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %s\r\n%s\r\n\r\n%s' \
    ${#body} "$signed" "$body" >&4
  until_true "$patience" was_asked || info "the server got: $(head -c 300 request | tr '\r\n' '  ') $(tail -n 2 client.log server.log | tr '\n' ' ')"
}

answer_it() { # until the client has it
  printf 'HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: %s\r\n\r\n%s' ${#answer} "$answer" >&3
  until_true "$patience" was_answered || info "the client got: $(head -c 300 got | tr '\r\n' '  ')"
}

end_call() {
  exec 3>&- 4>&-
  kill "$client" "$server" 2>/dev/null
  wait "$client" "$server"
}
