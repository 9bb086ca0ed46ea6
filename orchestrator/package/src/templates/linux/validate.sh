#!/bin/sh
# Runs after each install, and alone decides whether a version counts as installed already. Ask the product, not a file
# that the install left: without this script the agent believes its own notes, which are wrong after a failed upgrade.
set -eu

wanted=$(cat payload/VERSION)
found=$(cat /opt/@NAME@/VERSION 2>/dev/null || echo none)
if [ "$found" != "$wanted" ]; then
    echo "@NAME@ $wanted is wanted, found $found" >&2
    exit 1
fi
