#!/bin/sh
# Runs the browser tests. Builds nothing: PORTAGENT_BIN names the program (default: target/debug/portagent), CHROMIUM
# the browser (default: /usr/bin/chromium), FIREFOX the other one (default: /usr/bin/firefox-esr; left out where it is not
# there). With PORTAGENT_STATIC=../../static the page
# comes from that folder, not from inside the program. Arguments go to node's test runner, e.g. `--test-name-pattern=reload`.
set -eu
cd "$(dirname "$0")"
: "${PORTAGENT_BIN:=$PWD/../../target/debug/portagent}"
export PORTAGENT_BIN
[ -x "$PORTAGENT_BIN" ] || { echo "error: $PORTAGENT_BIN is not there; build it first, or set PORTAGENT_BIN" >&2; exit 2; }
npm ci --no-audit --no-fund --loglevel=error
exec node --test --test-concurrency=2 "$@" ./*.test.js
