# Shared by the packages' tests: a network of their own, checks that count, waiting for a server. To be sourced.
# shellcheck shell=bash

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(cd "$here/../.." && pwd)
export here repo

# enter_sandbox: runs the script again in its own network, mounts and processes: ports such as 443 and 5200 are
# free there, everything that was started ends with it, and an address that is not loopback can play a client from far
# away. `in_sandbox` says whether this is the second run.
CLIENT_ADDRESS=192.0.2.7
in_sandbox() { [ "${SANDBOXED:-}" = "$0" ]; }
enter_sandbox() {
  local map=()
  [ "$(id -u)" = 0 ] || map=(--map-root-user)
  SANDBOXED=$0 unshare "${map[@]}" --mount --net --pid --fork --kill-child --mount-proc bash "$0"
}

# What the second run begins with; `work` is a directory that goes away with it.
set_up_sandbox() {
  ip link set lo up
  ip address add "$CLIENT_ADDRESS/32" dev lo
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
}

passed=0
failed=0

# check SENTENCE COMMAND…: one test; its output is shown where it fails.
check() {
  local sentence=$1 output
  shift
  if output=$("$@" 2>&1 </dev/null); then
    passed=$((passed + 1))
    echo "ok      $sentence"
  else
    failed=$((failed + 1))
    printf 'FAILED  %s\n        %s\n%s\n' "$sentence" "$*" "$output"
  fi
}

# same EXPECTED FOUND; has TEXT PART: for `check`.
same() { [ "$1" = "$2" ] || { printf 'expected: %s\nfound:    %s\n' "$1" "$2"; return 1; }; }
has() { case $1 in *"$2"*) ;; *) printf 'no %s in:\n%s\n' "$2" "$1"; return 1 ;; esac; }
hasnt() { case $1 in *"$2"*) printf '%s in:\n%s\n' "$2" "$1"; return 1 ;; esac; }

# finish: the sum, as tests/run.sh reads it.
finish() {
  printf '%s passed, %s failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ]
}

# eventually COMMAND…: until it succeeds, for at most 30 seconds.
eventually() {
  local tries
  for ((tries = 0; tries < 300; tries++)); do
    if "$@" >/dev/null 2>&1; then return; fi
    sleep 0.1
  done
  echo "never: $*"
  "$@"
}

# need_dist: what a test of the packages begins with, as root: STATE is its directory, DIST has what packaging/dist.sh
# makes (with PROFILE=dist-test where none is named), and the Debian that is entered is there.
need_dist() {
  [ "$(id -u)" = 0 ] || { echo "error: these tests install packages into a Debian of their own, as root" >&2; exit 1; }
  STATE=$(mktemp -d)
  export DOCKER_STATE=$STATE/docker
  tests/packaging/base.sh || exit 1
  [ -n "${DIST:-}" ] && return
  export DIST=$STATE/dist
  PROFILE=dist-test packaging/dist.sh || exit 1
}

healthy() { wget -q --tries=1 --timeout=5 --spider "${1:-http://localhost:5200}/health"; }
gone() { ! kill -0 "$1" 2>/dev/null; }

# client URL COMMAND…: see client.mjs
client() { node "$here/client.mjs" "$@"; }
far_client() { CLIENT_ADDRESS=$CLIENT_ADDRESS client "$@"; }

version() { sed -n 's/^version = "\(.*\)"/\1/p' "$repo/Cargo.toml" | head -n 1; }
