#!/usr/bin/env bash
# Every check and test, one after the other, with their output, and what took longest; the last line is
# `N passed, N failed`. Exit 0 if nothing failed.
#   tests/run.sh             what `make test` runs
#   tests/run.sh packages    the image and the packages, built, installed and upgraded: `make test-packages`
#   tests/run.sh all         both, with one sum
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
export CARGO_TERM_COLOR=never
wanted=${1:-program}
case $wanted in
  program | packages | all) ;;
  *) echo "error: no such tests: $wanted" >&2; exit 2 ;;
esac
[ "$wanted" = packages ] || tests/install.sh || exit 1
[ "$wanted" = program ] || tests/install.sh --packages || exit 1
# shellcheck source=/dev/null
[ -f "$HOME/.cargo/env" ] && . "$HOME/.cargo/env"

passed=0
failed=0
output=$(mktemp)
steps=$(mktemp)
slowest=$(mktemp)
trap 'rm -f "$output" "$steps" "$slowest"' EXIT

# run NAME COMMAND…: adds up what the command reports about itself; a command that fails without having reported a
# failure, or that reports nothing, counts as one test.
run() {
  local name=$1 sums p f status begun=$SECONDS
  shift
  printf '\n== %s\n' "$name"
  "$@" </dev/null 2>&1 | tee "$output"
  status=${PIPESTATUS[0]}
  # cargo: "test result: ok. 3 passed; 0 failed; …"; node: "# pass 3" or "ℹ pass 3"; others: "3 passed, 0 failed"
  sums=$(awk '
    /^test result: / { for (i = 2; i <= NF; i++) { if ($i ~ /^passed/) p += $(i-1); if ($i ~ /^failed/) f += $(i-1) } }
    /^(#|ℹ) pass [0-9]+$/ { p += $3 }
    /^(#|ℹ) (fail|cancelled) [0-9]+$/ { f += $3 }
    /^[0-9]+ passed, [0-9]+ failed$/ { p += $1; f += $3 }
    END { print p + 0, f + 0 }' "$output")
  p=${sums% *}
  f=${sums#* }
  if [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then
    f=1
  elif [ "$status" -eq 0 ] && [ $((p + f)) -eq 0 ]; then
    p=1
  fi
  passed=$((passed + p))
  failed=$((failed + f))
  printf '%6d s  %s\n' $((SECONDS - begun)) "$name" >>"$steps"
  sed -n 's/^test \([^ ]*\) \.\.\. .* <\([0-9.]*\)s>$/\2 \1/p' "$output" |
    awk '{ printf "%6.0f s  %s\n", $1, $2 }' >>"$slowest"
}

# The tests of the library and of the program, each with its time: the harness tells it for the asking, but on a stable
# compiler only to those who insist. The compiler itself is not asked for anything unstable. Most of them wait more than
# they compute: two a core.
cargo_test() {
  cargo test --locked --no-fail-fast --config 'target."cfg(unix)".runner = ["env", "RUSTC_BOOTSTRAP=1"]' \
    --lib --bins --tests -- -Z unstable-options --report-time \
    --test-threads $((2 * $(nproc)))
}

program() {
  run "format" cargo fmt --check
  run "clippy" cargo clippy --locked --all-targets -- -D warnings
  run "dependencies" tests/deny.sh
  run "cargo test" cargo_test
  export PORTAGENT_BIN=${PORTAGENT_BIN:-$(realpath "${CARGO_TARGET_DIR:-target}")/debug/portagent} # `cargo test` built it
  run "browser" sh tests/browser/run.sh
  run "shell scripts and the Dockerfile" tests/packaging/lint.sh
  run "proxies" tests/packaging/proxies.sh
}

# Built once, with a profile that takes seconds; each part says what it needs of it.
packages() {
  local state
  state=$(mktemp -d)
  run "packages are built" env PROFILE=dist-test DIST="$state/dist" packaging/dist.sh
  run "the image" env PORTAGENT_MUSL="$state/dist/portagent-x86_64-unknown-linux-musl" tests/packaging/docker.sh
  run "packages" env DIST="$state/dist" tests/packaging/packages.sh
  run "Litestream" env PORTAGENT_BIN="$state/dist/portagent-x86_64-unknown-linux-musl" tests/packaging/litestream.sh
  run "the service under systemd" env DIST="$state/dist" tests/packaging/systemd.sh
  rm -rf "$state"
}

[ "$wanted" = packages ] || program
[ "$wanted" = program ] || packages

printf '\nWhat took longest:\n'
sort -rn "$steps"
printf '\nThe slowest tests (they run side by side):\n'
sort -rn "$slowest" | head -n 15
printf '\n%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
