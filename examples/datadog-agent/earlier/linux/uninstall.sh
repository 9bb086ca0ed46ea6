#!/bin/sh
# Removes whatever version is there, or what is left of one.
set -u

rm -rf /opt/datadog-agent /etc/datadog-agent
