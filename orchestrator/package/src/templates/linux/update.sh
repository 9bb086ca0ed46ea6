#!/bin/sh
# Instead of uninstall and install when a rollout says `install: in-place` and a version is there already.
set -eu

mkdir -p /opt/@NAME@
cp -R payload/. /opt/@NAME@/
