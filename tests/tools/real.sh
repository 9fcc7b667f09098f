#!/bin/sh
# Real tool servers from the registries, as `portagent mcp test` sees them. They are installed once, into CACHE.
# usage: [CACHE=DIR] [ONLY=WORD] sh tests/tools/real.sh PORTAGENT     (needs node, npm, python3, and a network once)
set -eu
program=$(realpath "$1")
cache=${CACHE:-/tmp/portagent-tool-servers}
here=$(dirname "$(realpath "$0")")
failed=0

if [ ! -e "$cache/installed" ]; then
  mkdir -p "$cache/node" && cd "$cache/node"
  echo '{"private":true}' > package.json
  npm install --no-audit --no-fund --silent @modelcontextprotocol/server-everything \
    @modelcontextprotocol/server-filesystem @modelcontextprotocol/server@2.4.0
  cd "$cache"
  for set in "time mcp-server-time" "fetch mcp-server-fetch" "modern mcp==2.3.0" "fast fastmcp"; do
    python3 -m venv "${set%% *}" && "${set%% *}/bin/pip" install -q "${set##* }"
  done
  touch installed
fi
cp "$here/real/"* "$cache/node/"
home=$(mktemp -d)
# shellcheck disable=SC2317  # the trap calls it
end() {
  rm -rf "$home"
  for pid in ${servers:-}; do kill "$pid" 2>/dev/null || true; done
}
trap end EXIT

# check NAME ERA TOOL INPUT EXPECTED, and the server: URL, or a command
check() {
  name=$1 era=$2 tool=$3 input=$4 expected=$5; shift 5
  case "$name" in *"${ONLY:-}"*) ;; *) return 0 ;; esac
  case "$1" in
    http*) "$program" -d "$home" mcp add "$name" --url "$@" >/dev/null ;;
    *) "$program" -d "$home" mcp add "$name" -- "$@" >/dev/null ;;
  esac
  said=$("$program" -d "$home" mcp test "$name" --tool "$tool" --input "$input" --json) || true
  if echo "$said" | grep -q "\"era\": *\"$era\"" && echo "$said" | grep -q "$expected"; then
    echo "ok    $name ($era)"
  else
    echo "FAIL  $name: $said"; failed=1
  fi
  left=$(pgrep -fc "__tool-host.*$cache" || true)
  [ "$left" = 0 ] || { echo "FAIL  $name: $left hosts are left"; failed=1; }
}

# wait_for PORT
wait_for() {
  for _ in $(seq 100); do
    if python3 -c "import socket; socket.create_connection(('127.0.0.1', $1), 1)" 2>/dev/null; then return; fi
    sleep 0.2
  done
}

packages=$cache/node/node_modules/@modelcontextprotocol
check everything legacy echo '{"message":"hi"}' 'hi' node "$packages/server-everything/dist/index.js" stdio
check everything-picture legacy get-tiny-image '{}' '"pictures": *1' node "$packages/server-everything/dist/index.js" stdio
check everything-structured legacy get-structured-content '{"location":"Chicago"}' '"structured": *{' node "$packages/server-everything/dist/index.js" stdio
check everything-links legacy get-resource-links '{"count":3}' '"links"' node "$packages/server-everything/dist/index.js" stdio
check files legacy list_directory "{\"path\":\"$cache/node\"}" 'node_modules' node "$packages/server-filesystem/dist/index.js" "$cache/node"
check time modern get_current_time '{"timezone":"Asia/Shanghai"}' 'Asia/Shanghai' "$cache/time/bin/mcp-server-time"
python3 -m http.server 38745 --bind 127.0.0.1 --directory "$here" >/dev/null 2>&1 & servers="$!"
wait_for 38745
check fetch modern fetch '{"url":"http://127.0.0.1:38745/real/fast.py"}' 'def add' "$cache/fetch/bin/mcp-server-fetch" --ignore-robots-txt --allow-private-ips
check modern-js modern ping '{}' 'pong' node "$cache/node/modern.mjs"
check modern-py modern add '{"a":2,"b":40}' '42' "$cache/modern/bin/python" "$cache/node/modern.py"
check fast modern add '{"a":2,"b":40}' '42' "$cache/fast/bin/python" "$cache/node/fast.py"

PORT=38741 node "$packages/server-everything/dist/index.js" streamableHttp >/dev/null 2>&1 & servers="$servers $!"
PORT=38742 node "$packages/server-everything/dist/index.js" sse >/dev/null 2>&1 & servers="$servers $!"
"$cache/modern/bin/python" "$cache/node/modern.py" 38743 >/dev/null 2>&1 & servers="$servers $!"
"$cache/fast/bin/python" "$cache/node/fast.py" 38744 >/dev/null 2>&1 & servers="$servers $!"
for port in 38741 38742 38743 38744; do wait_for $port; done
check everything-http legacy echo '{"message":"hi"}' 'hi' http://127.0.0.1:38741/mcp
check everything-sse legacy echo '{"message":"hi"}' 'hi' http://127.0.0.1:38742/sse --sse
check everything-sse-found legacy echo '{"message":"hi"}' 'hi' http://127.0.0.1:38742/sse
check modern-http modern add '{"a":2,"b":40}' '42' http://127.0.0.1:38743/mcp
check fast-http modern add '{"a":2,"b":40}' '42' http://127.0.0.1:38744/mcp
exit $failed
