{{- define "plumbline.labels" -}}
app.kubernetes.io/name: plumbline
app.kubernetes.io/instance: {{ .Release.Name }}
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
{{- $config := dict
  "state_dir" "/var/lib/plumbline"
  "api" (dict "socket" "/run/plumbline/agent.sock" "listen" "127.0.0.1:9640")
  "baselines" (concat $baselines .Values.sources)
  "kernel" (dict "pin_dir" "/sys/fs/bpf/plumbline")
  "collector" (dict "url" "http://127.0.0.1:9650")
  "log" (dict "level" .Values.agent.logLevel) -}}
{{- if .Values.agent.labels }}{{ $_ := set $config "node" (dict "labels" .Values.agent.labels) }}{{ end -}}
{{- if .Values.rules }}{{ $_ := set $config "rules" (list "/etc/plumbline/rules.yaml") }}{{ end -}}
{{- toYaml (mergeOverwrite $config (deepCopy .Values.agent.config)) -}}
{{- end }}

{{- define "plumbline.collectorConfig" -}}
{{- $config := dict
  "listen" "127.0.0.1:9650"
  "store" (dict "sqlite" "/var/lib/plumbline-collector/plumbline.db")
  "sinks" .Values.collector.sinks
  "log" (dict "level" .Values.collector.logLevel) -}}
{{- toYaml (mergeOverwrite $config (deepCopy .Values.collector.config)) -}}
{{- end }}

{{- /* Folders with managed files, each at its own path, so that a finding names the path of the node. */}}
{{- define "plumbline.volumeName" -}}
{{- printf "managed%s" (. | replace "/" "-" | replace "." "-" | replace "_" "-" | lower | trimSuffix "-" | trunc 50) -}}
{{- end }}
