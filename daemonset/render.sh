#!/usr/bin/env bash
# Renders the plain manifest from the chart: daemonset/render.sh HELM > daemonset/plumbline.yaml (tests/kube checks that it is).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cat <<'TEXT'
# Plumbline on every node of a cluster: kubectl apply -f plumbline.yaml
#
# What to change first: the managed files (ConfigMap, baseline.yaml), the folders they are in (volumes managed-…), the sinks
# (collector.yaml). Rendered from the chart by daemonset/render.sh: change chart/ or manifest-values.yaml, not this.
apiVersion: v1
kind: Namespace
metadata:
  name: plumbline
  labels:
    # hostPID, hostPath and added capabilities are refused by the other levels.
    pod-security.kubernetes.io/enforce: privileged
    pod-security.kubernetes.io/audit: privileged
    pod-security.kubernetes.io/warn: privileged
TEXT
# Helm puts a release's namespace into its own calls, not into the text. Trailing blanks are of empty templates.
"$1" template plumbline "$here/chart" --namespace plumbline --no-hooks --kube-version 1.34 --values "$here/manifest-values.yaml" |
  sed -E '/^# Source: /d; s/ +$//; /^$/d' |
  awk '/^metadata:$/ { print; getline; print; if (kind !~ /^Cluster/) print "  namespace: plumbline"; next }
       /^kind: / { kind = $2 } { print }'
