#!/bin/sh
# The protocol's own test of clients, with `portagent mcp test` as the client. It is installed once, into CACHE, with a
# node that it can run on.
# usage: [CACHE=DIR] sh tests/tools/conformance.sh PORTAGENT     (needs node and npm, and a network once)
#
# Scenarios that are not run:
# - elicitation-sep1034-client-defaults: the client has to accept a question to its person with its defaults. We answer
#   no question in a person's place: it is refused.
# - auth/*: they need OAuth, which we do not speak. Servers are given their tokens as headers.
set -eu
program=$(realpath "$1")
cache=${CACHE:-/tmp/portagent-tool-servers}/conformance
failed=0

if [ ! -e "$cache/installed" ]; then
  mkdir -p "$cache" && cd "$cache"
  echo '{"private":true}' > package.json
  npm install --no-audit --no-fund --silent @modelcontextprotocol/conformance@0.1.16 node@22
  touch installed
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/data"

# check SCENARIO, and what the client is told beside the server's address
check() {
  scenario=$1; shift
  {
    echo '#!/bin/sh'
    # shellcheck disable=SC2016 # the client's own argument
    printf 'exec "%s" -d "%s" mcp test "$1"' "$program" "$work/data"
    [ $# = 0 ] || printf " '%s'" "$@"
    echo
  } > "$work/client"
  chmod +x "$work/client"
  if said=$("$cache/node_modules/.bin/node" "$cache/node_modules/@modelcontextprotocol/conformance/dist/index.js" client \
    --command "$work/client" --scenario "$scenario" 2>&1); then
    echo "ok    $scenario"
  else
    echo "FAIL  $scenario: $said"; failed=1
  fi
}

cd "$work"
check initialize
check tools_call --tool add_numbers --input '{"a":1,"b":2}'
check sse-retry --tool test_reconnection
exit $failed
