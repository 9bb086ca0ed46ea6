#!/bin/sh
# In place: files are replaced, settings stay.
set -eu

mkdir -p /opt/datadog-agent
cp -R payload/. /opt/datadog-agent/
chmod 0755 /opt/datadog-agent/bin/datadog-agent
