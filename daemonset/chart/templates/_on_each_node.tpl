{{- /* A hook that does one thing on each node that has an agent: a DaemonSet whose init container does it, and, as Helm waits for Jobs
alone, a Job that ends once all of its pods are ready. Takes: root ($), name, hook, container (its init container's own lines),
volumes, deadline (seconds). */}}
{{- define "plumbline.onEachNode" }}
{{- $name := printf "%s-%s" .root.Release.Name .name }}
{{- $annotations := printf "{helm.sh/hook: %s, helm.sh/hook-delete-policy: \"before-hook-creation,hook-succeeded\"" .hook }}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ $name }}
  annotations: {{ $annotations }}, helm.sh/hook-weight: "-5"}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ $name }}
  annotations: {{ $annotations }}, helm.sh/hook-weight: "-5"}
rules:
- {apiGroups: [apps], resources: [daemonsets], resourceNames: [{{ $name }}], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ $name }}
  annotations: {{ $annotations }}, helm.sh/hook-weight: "-5"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: {{ $name }}}
subjects: [{kind: ServiceAccount, name: {{ $name }}, namespace: {{ .root.Release.Namespace }}}]
---
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: {{ $name }}
  annotations: {{ $annotations }}, helm.sh/hook-weight: "0"}
spec:
  selector:
    matchLabels: {app.kubernetes.io/name: {{ $name }}}
  template:
    metadata:
      labels: {app.kubernetes.io/name: {{ $name }}}
    spec:
      hostPID: true
      automountServiceAccountToken: false
      {{- with .root.Values.agent.nodeSelector }}
      nodeSelector: {{- toYaml . | nindent 8 }}
      {{- end }}
      tolerations: {{- toYaml .root.Values.agent.tolerations | nindent 6 }}
      terminationGracePeriodSeconds: 5
      securityContext:
        seccompProfile: {type: RuntimeDefault}
      initContainers:
      - name: {{ .name }}
        image: {{ include "plumbline.image" (merge (dict "image" "agent") .root) }}
        imagePullPolicy: {{ .root.Values.image.pullPolicy }}
        resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 64Mi}}
        {{- .container | nindent 8 }}
      containers:
      - name: done
        image: {{ include "plumbline.image" (merge (dict "image" "agent") .root) }}
        imagePullPolicy: {{ .root.Values.image.pullPolicy }}
        command: [plumb, pause]
        resources: {requests: {cpu: 1m, memory: 8Mi}, limits: {memory: 32Mi}}
        securityContext:
          {{- include "plumbline.hardening" . | nindent 10 }}
          runAsNonRoot: true
          runAsUser: {{ .root.Values.agent.user }}
          capabilities: {drop: [ALL]}
      volumes: {{- .volumes | nindent 6 }}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ $name }}
  annotations: {{ $annotations }}, helm.sh/hook-weight: "5"}
spec:
  backoffLimit: 2
  activeDeadlineSeconds: {{ add .deadline 60 }} # all tries: less than Helm waits by itself (300)
  template:
    spec:
      restartPolicy: Never
      serviceAccountName: {{ $name }}
      tolerations: {{- toYaml .root.Values.agent.tolerations | nindent 6 }}
      securityContext:
        seccompProfile: {type: RuntimeDefault}
      containers:
      - name: rollout
        image: {{ include "plumbline.image" (merge (dict "image" "agent") .root) }}
        imagePullPolicy: {{ .root.Values.image.pullPolicy }}
        command: [plumb, rollout, {{ $name }}, --wait, "{{ .deadline }}"]
        resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 64Mi}}
        securityContext:
          {{- include "plumbline.hardening" . | nindent 10 }}
          runAsNonRoot: true
          runAsUser: {{ .root.Values.agent.user }}
          capabilities: {drop: [ALL]}
{{- end }}
