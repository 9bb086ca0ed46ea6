#!/bin/sh
# The real package would install the product's .deb or .rpm from payload/ here.
set -eu

mkdir -p /opt/datadog-agent /etc/datadog-agent
cp -R payload/. /opt/datadog-agent/
chmod 0755 /opt/datadog-agent/bin/datadog-agent
printf 'site: %s\n' "${SSM_site:-datadoghq.com}" >/etc/datadog-agent/datadog.yaml
