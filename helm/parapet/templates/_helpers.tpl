{{/* The name of everything, short enough for what comes behind it. */}}
{{- define "parapet.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What has no namespace of its own carries that of the release, so that two installations do not meet. */}}
{{- define "parapet.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "parapet.fullname" .) -}}
{{- end -}}

{{- define "parapet.installation" -}}
{{- .Values.installation | default (printf "%s-%s" .Release.Namespace (include "parapet.fullname" .)) -}}
{{- end -}}

{{- define "parapet.policyNamespace" -}}
{{- .Values.policyNamespace | default .Release.Namespace -}}
{{- end -}}

{{/* Which pods: (list $ "gateway"). Never changes in the life of a release. */}}
{{- define "parapet.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: parapet
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* (list $ "gateway") */}}
{{- define "parapet.labels" -}}
{{- $root := index . 0 -}}
{{ include "parapet.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Of a pod: without versions, so that a new chart alone restarts nothing. */}}
{{- define "parapet.podLabels" -}}
{{ include "parapet.selector" . }}
{{- with (index . 0).Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* (list $ .Values.gateway.image). A repository with a registry in front of it stands as it is. */}}
{{- define "parapet.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- $registry := $image.registry | default $root.Values.image.registry -}}
{{- $first := index (splitList "/" $image.repository) 0 -}}
{{- $name := $image.repository -}}
{{- if not (and (contains "/" $image.repository) (or (contains "." $first) (contains ":" $first) (eq $first "localhost"))) -}}
{{- $name = ternary (printf "%s/%s" $registry $image.repository) $image.repository (ne $registry "") -}}
{{- end -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $name $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name ($image.tag | default $root.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- define "parapet.pullSecrets" -}}
{{- with .Values.image.pullSecrets -}}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The "restricted" Pod Security Standard, and a file system that nobody can write to. */}}
{{- define "parapet.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "parapet.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
capabilities: {drop: [ALL]}
{{- end -}}

{{/* (list $ "gateway" .Values.gateway): where pods go. Spread as far as there is room, which is never a reason not to run. */}}
{{- define "parapet.placement" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $values := index . 2 -}}
topologySpreadConstraints:
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    {{- if ne $component "nats" }}
    matchLabelKeys: [pod-template-hash]
    {{- end }}
    labelSelector:
      matchLabels:
        {{- include "parapet.selector" (list $root $component) | nindent 8 }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{/* "true" when the chart brings its own NATS. */}}
{{- define "parapet.ownNats" -}}
{{- if not .Values.nats.external.urls -}}true{{- end -}}
{{- end -}}

{{- define "parapet.natsHost" -}}
{{- printf "%s-nats.%s.svc" (include "parapet.fullname" .) .Release.Namespace -}}
{{- end -}}

{{- define "parapet.natsUrls" -}}
{{- if include "parapet.ownNats" . -}}
{{- printf "tls://%s:4222" (include "parapet.natsHost" .) -}}
{{- else -}}
{{- join "," .Values.nats.external.urls -}}
{{- end -}}
{{- end -}}

{{/* (list $ "operator"): the Secret with a component's keys. */}}
{{- define "parapet.keysSecret" -}}
{{- $root := index . 0 -}}
{{- index $root.Values.keys.existingSecrets (index . 1) | default (printf "%s-%s-keys" (include "parapet.fullname" $root) (index . 1)) -}}
{{- end -}}

{{- define "parapet.natsSecret" -}}
{{- .Values.keys.existingSecrets.nats | default (printf "%s-nats-server" (include "parapet.fullname" .)) -}}
{{- end -}}

{{- define "parapet.webhookSecret" -}}
{{- .Values.keys.existingSecrets.webhook | default (printf "%s-webhook-tls" (include "parapet.fullname" .)) -}}
{{- end -}}

{{/* (list $ "operator"): how a component connects to NATS. */}}
{{- define "parapet.natsArgs" -}}
{{- $root := index . 0 -}}
{{- $external := $root.Values.nats.external -}}
{{- $own := index $external.credentials (printf "%sSecret" (index . 1)) -}}
- --nats={{ include "parapet.natsUrls" $root }}
{{- if include "parapet.ownNats" $root }}
- --nats-nkey=/etc/parapet/keys/nats.nk
- --nats-ca=/etc/parapet/keys/ca.crt
{{- else }}
{{- if and $own (eq $external.credentials.type "creds") }}
- --nats-creds=/etc/parapet/nats/nats.creds
{{- else if $own }}
- --nats-nkey=/etc/parapet/nats/nats.nk
{{- end }}
{{- if $external.ca.existingSecret }}
- --nats-ca=/etc/parapet/nats-ca/{{ $external.ca.key }}
{{- end }}
{{- end }}
{{- end -}}

{{/* (list $ "operator"): what these arguments name, mounted. */}}
{{- define "parapet.natsMounts" -}}
{{- $root := index . 0 -}}
{{- $own := include "parapet.ownNats" $root -}}
{{- /* A forwarder has no other keys than NATS'. */ -}}
{{- if or $own (ne (index . 1) "forwarder") }}
- {name: keys, mountPath: /etc/parapet/keys, readOnly: true}
{{- end }}
{{- if not (include "parapet.ownNats" $root) }}
{{- if index $root.Values.nats.external.credentials (printf "%sSecret" (index . 1)) }}
- {name: nats, mountPath: /etc/parapet/nats, readOnly: true}
{{- end }}
{{- if $root.Values.nats.external.ca.existingSecret }}
- {name: nats-ca, mountPath: /etc/parapet/nats-ca, readOnly: true}
{{- end }}
{{- end }}
{{- end -}}

{{- define "parapet.natsVolumes" -}}
{{- $root := index . 0 -}}
{{- if or (include "parapet.ownNats" $root) (ne (index . 1) "forwarder") }}
- name: keys
  secret:
    secretName: {{ include "parapet.keysSecret" . }}
    defaultMode: 0440
{{- end }}
{{- if not (include "parapet.ownNats" $root) }}
{{- with index $root.Values.nats.external.credentials (printf "%sSecret" (index . 1)) }}
- name: nats
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- with $root.Values.nats.external.ca.existingSecret }}
- name: nats-ca
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- end }}
{{- end -}}

{{/* "true" when keys have to be made by somebody. Half of them cannot come from elsewhere: they are pairs. */}}
{{- define "parapet.needsKeys" -}}
{{- $given := .Values.keys.existingSecrets -}}
{{- $needed := list $given.operator $given.gateway -}}
{{- if include "parapet.ownNats" . -}}
{{- $needed = append $needed $given.nats -}}
{{- end -}}
{{- if .Values.webhook.enabled -}}
{{- $needed = append $needed $given.webhook -}}
{{- end -}}
{{- if and .Values.forwarder.enabled (include "parapet.ownNats" .) -}}
{{- $needed = append $needed $given.forwarder -}}
{{- end -}}
{{- $all := not (has "" $needed) -}}
{{- if and (not $all) (or $given.operator $given.gateway $given.nats) -}}
{{- fail "keys.existingSecrets: the keys belong together; give all of operator, gateway, nats (unless nats.external.urls), webhook (when webhook.enabled) and forwarder (when forwarder.enabled, unless nats.external.urls), or none" -}}
{{- end -}}
{{- if not $all -}}true{{- end -}}
{{- end -}}

{{/* "true" when the Job makes them. */}}
{{- define "parapet.makesKeys" -}}
{{- if and (include "parapet.needsKeys" .) .Values.keys.generate -}}true{{- end -}}
{{- end -}}

{{/* Before everything else, and gone when it has worked: nothing that may read these Secrets stays behind. */}}
{{- define "parapet.keysHook" -}}
helm.sh/hook: pre-install,pre-upgrade
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}

{{/* Names: of the cluster's own server, or of a cache on the node, which no selector finds. */}}
{{- define "parapet.egressBase" -}}
- ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
{{- end -}}

{{/* The API server is no pod: only its ports are known here. */}}
{{- define "parapet.egressApiServer" -}}
- ports:
    {{- range .Values.networkPolicy.apiServerPorts }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
{{- end -}}

{{/* To the chart's NATS, or to the ports of one that is elsewhere. */}}
{{- define "parapet.egressNats" -}}
{{- if include "parapet.ownNats" . -}}
- to:
    - podSelector:
        matchLabels:
          {{- include "parapet.selector" (list . "nats") | nindent 10 }}
  ports: [{port: 4222, protocol: TCP}]
{{- else -}}
{{- $ports := list -}}
{{- range .Values.nats.external.urls -}}
{{- $port := regexFind ":[0-9]+/?$" . | trimPrefix ":" | trimSuffix "/" -}}
{{- $ports = append $ports ($port | default "4222") -}}
{{- end -}}
- ports:
    {{- range uniq $ports }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
{{- end -}}
{{- end -}}

{{/* Who may read metrics. */}}
{{- define "parapet.scrapers" -}}
{{- if .Values.networkPolicy.scrapers -}}
{{- toYaml .Values.networkPolicy.scrapers -}}
{{- else -}}
- namespaceSelector: {}
{{- end -}}
{{- end -}}

{{- define "parapet.testHook" -}}
helm.sh/hook: test
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}

{{/* (list $ "recorder"): how gateways, or as "watcher" operators, connect in the account of records and traces, besides where. */}}
{{- define "parapet.tracesArgs" -}}
{{- $root := index . 0 -}}
{{- $secret := include "parapet.tracesSecret" . -}}
{{- if include "parapet.ownNats" $root -}}
- --traces-nkey=/etc/parapet/keys/traces.nk
{{- else if and $secret (eq $root.Values.nats.external.credentials.type "creds") -}}
- --traces-creds=/etc/parapet/{{ index . 1 }}/nats.creds
{{- else if $secret -}}
- --traces-nkey=/etc/parapet/{{ index . 1 }}/nats.nk
{{- end -}}
{{- end -}}

{{/* The same arguments: the Secret of their own that this needs, if it does. */}}
{{- define "parapet.tracesSecret" -}}
{{- $values := (index . 0).Values -}}
{{- $used := or $values.console.enabled (and $values.forwarder.enabled (eq (index . 1) "recorder")) -}}
{{- if and $used (not (include "parapet.ownNats" (index . 0))) -}}
{{- index $values.nats.external.credentials (printf "%sSecret" (index . 1)) -}}
{{- end -}}
{{- end -}}

{{- define "parapet.tracesMounts" -}}
{{- if include "parapet.tracesSecret" . }}
- {name: {{ index . 1 }}, mountPath: /etc/parapet/{{ index . 1 }}, readOnly: true}
{{- end }}
{{- end -}}

{{- define "parapet.tracesVolumes" -}}
{{- with include "parapet.tracesSecret" . }}
- name: {{ index $ 1 }}
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- end -}}

{{/* Copies that NATS keeps. */}}
{{- define "parapet.natsReplicas" -}}
{{ ternary .Values.nats.replicas .Values.nats.external.replicas (eq (include "parapet.ownNats" .) "true") }}
{{- end -}}

{{/* The standard variables of whoever posts to the collector. */}}
{{- define "parapet.otlpEnv" -}}
{{- with .Values.telemetry.otlp -}}
{{- if .endpoint -}}
- {name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ .endpoint | quote }}}
- {name: OTEL_EXPORTER_OTLP_PROTOCOL, value: {{ .protocol | quote }}}
- {name: OTEL_EXPORTER_OTLP_COMPRESSION, value: {{ .compression | quote }}}
- {name: OTEL_EXPORTER_OTLP_TIMEOUT, value: {{ mul .timeoutSeconds 1000 | quote }}}
{{- with .headers.existingSecret }}
- name: OTEL_EXPORTER_OTLP_HEADERS
  valueFrom: {secretKeyRef: {name: {{ . }}, key: {{ $.Values.telemetry.otlp.headers.key }}}}
{{- end }}
{{- if .ca.configMap }}
- {name: OTEL_EXPORTER_OTLP_CERTIFICATE, value: /etc/parapet/otlp-ca/{{ .ca.key }}}
{{- end }}
{{- if .clientCertificate.existingSecret }}
- {name: OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE, value: /etc/parapet/otlp-client/tls.crt}
- {name: OTEL_EXPORTER_OTLP_CLIENT_KEY, value: /etc/parapet/otlp-client/tls.key}
{{- end }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "parapet.otlpMounts" -}}
{{- with .Values.telemetry.otlp -}}
{{- if and .endpoint .ca.configMap }}
- {name: otlp-ca, mountPath: /etc/parapet/otlp-ca, readOnly: true}
{{- end }}
{{- if and .endpoint .clientCertificate.existingSecret }}
- {name: otlp-client, mountPath: /etc/parapet/otlp-client, readOnly: true}
{{- end }}
{{- end -}}
{{- end -}}

{{- define "parapet.otlpVolumes" -}}
{{- with .Values.telemetry.otlp -}}
{{- if and .endpoint .ca.configMap }}
- name: otlp-ca
  configMap: {name: {{ .ca.configMap }}}
{{- end }}
{{- if and .endpoint .clientCertificate.existingSecret }}
- name: otlp-client
  secret:
    secretName: {{ .clientCertificate.existingSecret }}
    defaultMode: 0440
{{- end }}
{{- end -}}
{{- end -}}
