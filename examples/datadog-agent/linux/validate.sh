#!/bin/sh
# Asks the product, not the package's own notes.
set -eu

wanted=$(cat payload/VERSION)
found=$(/opt/datadog-agent/bin/datadog-agent version 2>/dev/null || echo none)
if [ "$found" != "$wanted" ]; then
    echo "datadog-agent $wanted is wanted, found $found" >&2
    exit 1
fi
