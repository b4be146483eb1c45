{{- define "plumbline.labels" -}}
app.kubernetes.io/name: plumbline
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* Of agent and of collector: what selects their pods. Takes: root ($), component. */}}
{{- define "plumbline.component" -}}
{{ include "plumbline.labels" .root }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- /* Of what belongs to no namespace. */}}
{{- define "plumbline.clusterName" -}}
{{- if ne .Release.Namespace .Release.Name }}{{ .Release.Namespace }}-{{ end }}{{ .Release.Name -}}
{{- end }}

{{- define "plumbline.collectorHost" -}}
{{ .Release.Name }}-collector.{{ .Release.Namespace }}.svc
{{- end }}

{{- define "plumbline.image" -}}
{{- $of := index .Values.image .image -}}
{{- $of.repository -}}
{{- if $of.digest -}}@{{ $of.digest }}
{{- else -}}:{{ $of.tag | default .Chart.AppVersion }}{{ if and (eq .image "agent") .Values.agent.asRoot (not $of.tag) }}-root{{ end }}
{{- end -}}
{{- end }}

{{- /* What each container of this chart is: more is said where it is needed. */}}
{{- define "plumbline.hardening" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
{{- end }}

{{- /* Who agent and collector are, whose the node's folders are, then. */}}
{{- define "plumbline.user" -}}
{{- .Values.agent.asRoot | ternary 0 .Values.agent.user -}}
{{- end }}
{{- define "plumbline.asUser" -}}
{{- if .Values.agent.moreCapabilities }}{{ if not .Values.agent.asRoot -}}
{{- fail "agent.moreCapabilities needs agent.asRoot: the file of the image for others has none but those of the chart" -}}
{{- end }}{{ end -}}
{{- if not .Values.agent.asRoot }}runAsNonRoot: true
{{ end -}}
runAsUser: {{ include "plumbline.user" . }}
runAsGroup: {{ include "plumbline.user" . }}
{{- end }}

{{- /* agent.yaml, as one value: what the chart knows, with agent.config over it. */}}
{{- define "plumbline.agentConfig" -}}
{{- $baselines := list (dict "name" "canary" "manifest" "/etc/plumbline/canary.yaml") -}}
{{- if .Values.files }}{{ $baselines = append $baselines (dict "name" "files" "manifest" "/etc/plumbline/baseline.yaml") }}{{ end -}}
{{- if .Values.pods.enabled -}}
{{- $baselines = append $baselines (dict "name" "pods" "kubernetes" "kubernetes:///pods" "kubelet_dir" .Values.pods.kubeletDir) -}}
{{- end -}}
{{- $api := dict "socket" "/run/plumbline/agent.sock" "listen" "127.0.0.1:9640" -}}
{{- if .Values.agent.tlsSecret -}}
{{- if not .Values.monitoring.tokenSecret }}{{ fail "agent.tlsSecret needs monitoring.tokenSecret: else nobody could ask" }}{{ end -}}
{{- $api = dict "socket" "/run/plumbline/agent.sock" "listen" "0.0.0.0:9640"
  "tls" (dict "certificate_file" "/etc/plumbline-tls/tls.crt" "key_file" "/etc/plumbline-tls/tls.key")
  "access" (list (dict "name" "scraper" "token_file" "/etc/plumbline-scraper/token")) -}}
{{- end -}}
{{- $config := dict
  "state_dir" "/var/lib/plumbline"
  "api" $api
  "baselines" (concat $baselines .Values.sources)
  "kernel" (dict "pin_dir" "/sys/fs/bpf/plumbline")
  "collector" (dict "url" (printf "https://%s:9650" (include "plumbline.collectorHost" .))
                    "ca_file" "/etc/plumbline-collector-ca/ca.crt" "token_file" "/var/run/secrets/plumbline/token")
  "log" (dict "level" .Values.agent.logLevel) -}}
{{- if .Values.agent.labels }}{{ $_ := set $config "node" (dict "labels" .Values.agent.labels) }}{{ end -}}
{{- if .Values.rules }}{{ $_ := set $config "rules" (list "/etc/plumbline/rules.yaml") }}{{ end -}}
{{- toYaml (mergeOverwrite $config (deepCopy .Values.agent.config)) -}}
{{- end }}

{{- /* collector.yaml. Agents are known by their pods' tokens; people and scrapers by what the cluster lets them. */}}
{{- define "plumbline.collectorConfig" -}}
{{- $of := .Values.collector -}}
{{- $name := printf "%s-collector" .Release.Name -}}
{{- $tls := dict "certificate_file" "/etc/plumbline-tls/tls.crt" "key_file" "/etc/plumbline-tls/tls.key" -}}
{{- if not $of.tls.existingSecret -}}
{{- $host := include "plumbline.collectorHost" . -}}
{{- $names := list $host $name (printf "%s.%s" $name .Release.Namespace) (printf "%s.cluster.local" $host) "localhost" -}}
{{- $tls = dict "own" (dict "names" (concat $names $of.tls.names) "config_map" (printf "%s/%s-ca" .Release.Namespace $name)
  "folder" (printf "/var/lib/plumbline-collector/tls-%v" $of.tls.generation)) -}}
{{- end -}}
{{- $store := dict "sqlite" "/var/lib/plumbline-collector/plumbline.db" -}}
{{- $shared := dict -}}
{{- if $of.postgres.uri -}}
{{- $store = dict "postgres" $of.postgres.uri -}}
{{- if $of.postgres.passwordFile }}{{ $_ := set $store "password_file" $of.postgres.passwordFile }}{{ end -}}
{{- if not (or $of.keysSecret $of.tls.existingSecret) -}}
{{- fail "collector.postgres.uri needs collector.keysSecret (plumbline-collector --make-keys FOLDER) or collector.tls.existingSecret: without a disk each new pod would be another authority" -}}
{{- end -}}
{{- if $of.keysSecret }}{{ $shared = dict "keys_dir" "/etc/plumbline-keys" "baselines_dir" "/var/lib/plumbline-collector/baselines" }}{{ end -}}
{{- else if gt (int $of.replicas) 1 -}}
{{- fail "collector.replicas needs collector.postgres.uri: one file of a ledger is one collector's" -}}
{{- else if or $of.keysSecret $of.adoptKeys -}}
{{- fail "collector.keysSecret and adoptKeys are for collectors that share collector.postgres.uri" -}}
{{- end -}}
{{- $access := list (dict "name" "cluster" "kubernetes" dict) -}}
{{- if .Values.monitoring.tokenSecret -}}
{{- $access = append $access (dict "name" "scraper" "token_file" "/etc/plumbline-scraper/token") -}}
{{- end -}}
{{- $config := dict
  "listen" "0.0.0.0:9650"
  "tls" $tls
  "agents" (dict "kubernetes" (dict "service_accounts" (list (printf "%s/%s" .Release.Namespace .Release.Name))))
  "access" (concat $access $of.access)
  "store" $store
  "sinks" .Values.collector.sinks
  "log" (dict "level" .Values.collector.logLevel) -}}
{{- toYaml (mergeOverwrite $config $shared (deepCopy .Values.collector.config)) -}}
{{- end }}

{{- /* Folders with managed files, each at its own path, so that a finding names the path of the node. */}}
{{- define "plumbline.volumeName" -}}
{{- printf "managed%s" (. | replace "/" "-" | replace "." "-" | replace "_" "-" | lower | trimSuffix "-" | trunc 50) -}}
{{- end }}
