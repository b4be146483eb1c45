#!/usr/bin/env bash
# Runs the API server that build.sh built, over an etcd, in the present folder, until it is ended:
#
#   serve.sh DIR PORT [OPTION…]     DIR is build.sh's; PORT serves the API, the two after it etcd; options of kube-apiserver
#
# On loopback unless options say otherwise, and with RBAC, beside which --authorization-mode names more. The token `fixture` is an administrator's, `node-1` that of a node
# of this name. apiserver.crt is what to verify the server by; `ready` is there once it serves.
set -euo pipefail
dir=$1 port=$2
pids=()
# Nothing of theirs is kept, and an orderly end takes the API server 20 s once its etcd is gone.
trap 'kill -KILL "${pids[@]}" 2>/dev/null || true; wait' EXIT
trap 'exit 0' TERM INT
"$dir/etcd" --data-dir data --listen-client-urls "http://127.0.0.1:$((port + 1))" \
  --advertise-client-urls "http://127.0.0.1:$((port + 1))" --listen-peer-urls "http://127.0.0.1:$((port + 2))" > etcd.log 2>&1 &
pids+=($!)
openssl genrsa -out sa.key 2048 2>/dev/null
printf 'fixture,admin,1,system:masters\nnode-1,system:node:node-1,2,system:nodes\n' > tokens
"$dir/kube-apiserver" --etcd-servers="http://127.0.0.1:$((port + 1))" --secure-port="$port" --bind-address=127.0.0.1 \
  --cert-dir=. --service-account-issuer=https://kubernetes.default.svc --service-account-key-file=sa.key \
  --service-account-signing-key-file=sa.key --service-cluster-ip-range=10.0.0.0/24 --token-auth-file=tokens \
  --authorization-mode=RBAC "${@:3}" > apiserver.log 2>&1 &
pids+=($!)
for _ in $(seq 120); do
  for pid in "${pids[@]}"; do kill -0 "$pid" || { tail -n 5 etcd.log apiserver.log >&2; exit 1; }; done
  "$dir/kubectl" --kubeconfig /dev/null --server "https://127.0.0.1:$port" --insecure-skip-tls-verify --token fixture \
    get --raw /readyz >/dev/null 2>&1 && break
  sleep 1
done
touch ready
wait
