#!/bin/sh
# May run for another version than the one it was packaged with, for half an install, or twice: name no version, expect
# no file, and fail only if something is left that must not be.
set -u

rm -rf /opt/@NAME@
