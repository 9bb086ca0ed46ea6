#!/bin/sh
# Run as root through `sh`, whatever the first line says, in the folder that the zip was unpacked to.
# Anything but exit code 0 is a failed install. Must do no harm when it runs twice.
set -eu

mkdir -p /opt/@NAME@
cp -R payload/. /opt/@NAME@/
