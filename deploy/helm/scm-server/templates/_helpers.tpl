{{- define "scm.name" -}}
{{- printf "%s" .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "scm.selector" -}}
app.kubernetes.io/name: scm-server
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "scm.labels" -}}
{{ include "scm.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "scm.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{/* What cannot work is refused before anything is installed. */}}
{{- define "scm.check" -}}
{{- if and (not .Values.database.existingSecret) (gt (int .Values.replicaCount) 1) -}}
{{- fail "database.existingSecret: more than one replica needs a server database" -}}
{{- end -}}
{{- if and .Values.database.existingSecret (not .Values.keys.existingSecret) -}}
{{- fail "keys.existingSecret: a server database needs the master keys" -}}
{{- end -}}
{{- end -}}

{{- define "scm.env" -}}
- name: SCM_LISTEN
  value: 0.0.0.0:8080
- name: SCM_DATA_DIR
  value: /var/lib/scm
{{- if .Values.database.existingSecret }}
- name: SCM_DATABASE__URL_FILE
  value: /etc/scm/database/url
- name: SCM_KEYS_FILE
  value: /etc/scm/keys/keys
{{- end }}
{{- if .Values.configFile }}
- name: SCM_CONFIG
  value: /etc/scm/config/scm.toml
{{- end }}
{{- if .Values.serviceMonitor.enabled }}
- name: SCM_METRICS__ENABLED
  value: "true"
{{- end }}
{{- range $name, $value := .Values.config }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end -}}

{{- define "scm.mounts" -}}
- name: data
  mountPath: /var/lib/scm
{{- if .Values.database.existingSecret }}
- name: database
  mountPath: /etc/scm/database
  readOnly: true
- name: keys
  mountPath: /etc/scm/keys
  readOnly: true
{{- end }}
{{- if .Values.configFile }}
- name: config
  mountPath: /etc/scm/config
  readOnly: true
{{- end }}
{{- range .Values.extraSecrets }}
- name: secret-{{ . }}
  mountPath: /etc/scm/secrets/{{ . }}
  readOnly: true
{{- end }}
{{- end -}}

{{/* Secrets are mounted as directories: a changed one reaches the running server, which looks. */}}
{{- define "scm.volumes" -}}
{{- if .Values.database.existingSecret }}
- name: data
  emptyDir: {}
- name: database
  secret:
    secretName: {{ .Values.database.existingSecret }}
- name: keys
  secret:
    secretName: {{ .Values.keys.existingSecret }}
{{- else }}
- name: data
  persistentVolumeClaim:
    claimName: {{ include "scm.name" . }}
{{- end }}
{{- if .Values.configFile }}
- name: config
  configMap:
    name: {{ include "scm.name" . }}
{{- end }}
{{- range .Values.extraSecrets }}
- name: secret-{{ . }}
  secret:
    secretName: {{ . }}
{{- end }}
{{- end -}}

{{- define "scm.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "scm.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}
