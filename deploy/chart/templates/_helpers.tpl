{{- define "tessera.name" -}}
{{- if contains "tessera" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-tessera{{ end }}
{{- end }}
{{- define "tessera.selector" -}}
app.kubernetes.io/name: tessera
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
{{- define "tessera.labels" -}}
{{ include "tessera.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
