{{- define "palisade.name" -}}
{{- printf "%s-%s" .root.Release.Name .part | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "palisade.selector" -}}
app.kubernetes.io/name: palisade
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end -}}

{{- define "palisade.labels" -}}
{{ include "palisade.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{- define "palisade.image" -}}
{{- $tag := .root.Values.image.tag | default .root.Chart.AppVersion -}}
{{- with .root.Values.image.repository -}}{{ . }}/{{- end -}}palisade-{{ .part }}:{{ $tag }}
{{- end -}}

{{/* Everything that one part consists of: its configuration, its place in RAM and on disk, and who reaches it. */}}
{{- define "palisade.part" -}}
{{- $name := include "palisade.name" . -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ $name }}
  labels: {{- include "palisade.labels" . | nindent 4 }}
data:
  {{ .file }}: |
    {{- .values.config | nindent 4 }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ $name }}
  labels: {{- include "palisade.labels" . | nindent 4 }}
spec:
  selector: {{- include "palisade.selector" . | nindent 4 }}
  ports:
    - name: http
      port: {{ .port }}
      targetPort: http
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ $name }}
  labels: {{- include "palisade.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels: {{- include "palisade.selector" . | nindent 6 }}
  policyTypes: [Ingress]
  ingress:
    - ports:
        - port: http
      {{- if .values.from }}
      from: {{- toYaml .values.from | nindent 8 }}
      {{- else }}
      from:
        - namespaceSelector: {}
      {{- end }}
---
# One copy, and a state of its own: two that write one history would be refused anyway.
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ $name }}
  labels: {{- include "palisade.labels" . | nindent 4 }}
spec:
  replicas: 1
  serviceName: {{ $name }}
  selector:
    matchLabels: {{- include "palisade.selector" . | nindent 6 }}
  template:
    metadata:
      labels: {{- include "palisade.labels" . | nindent 8 }}
      annotations:
        # A changed configuration restarts it.
        checksum/config: {{ .values.config | sha256sum }}
    spec:
      automountServiceAccountToken: false
      {{- with .root.Values.imagePullSecrets }}
      imagePullSecrets: {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext:
        runAsNonRoot: true
        runAsUser: 64646
        runAsGroup: 64646
        fsGroup: 64646
        seccompProfile: {type: RuntimeDefault}
      containers:
        - name: {{ .part }}
          image: {{ include "palisade.image" . | quote }}
          imagePullPolicy: {{ .root.Values.image.pullPolicy }}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {drop: [ALL]}
          ports:
            - name: http
              containerPort: {{ .port }}
          livenessProbe:
            httpGet: {path: /livez, port: http}
            periodSeconds: 30
            failureThreshold: 6
          resources: {{- toYaml .values.resources | nindent 12 }}
          volumeMounts:
            - {name: data, mountPath: /data}
            - {name: tmp, mountPath: /tmp}
            - {name: config, mountPath: /etc/palisade/{{ .file }}, subPath: {{ .file }}, readOnly: true}
            {{- range .secrets }}
            - {{- toYaml .mount | nindent 14 }}
            {{- end }}
      volumes:
        - name: tmp
          emptyDir: {medium: Memory, sizeLimit: 16Mi}
        - name: config
          configMap: {name: {{ $name }}}
        {{- range .secrets }}
        - name: {{ .mount.name }}
          secret: {secretName: {{ .secret | quote }}, defaultMode: 0400}
        {{- end }}
  volumeClaimTemplates:
    - metadata:
        name: data
      spec:
        accessModes: [ReadWriteOnce]
        {{- with .values.storage.className }}
        storageClassName: {{ . | quote }}
        {{- end }}
        resources:
          requests:
            storage: {{ .values.storage.size | quote }}
{{- if .values.serviceMonitor.enabled }}
---
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  name: {{ $name }}
  labels: {{- include "palisade.labels" . | nindent 4 }}
spec:
  selector:
    matchLabels: {{- include "palisade.selector" . | nindent 6 }}
  endpoints:
    - port: http
      interval: {{ .values.serviceMonitor.interval }}
{{- end }}
{{- end -}}
