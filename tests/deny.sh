#!/usr/bin/env bash
# Are the dependencies those that `deny.toml` allows: licences, banned and duplicate crates, sources, advisories.
# Last line: `N passed, N failed`.
#
# cargo-deny knows more, but takes a clean machine longer to compile than the whole program: where it is not installed
# (`cargo install --locked cargo-deny`), tests/deny.py reads the same file.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

if ! cargo deny --version >/dev/null 2>&1; then
  python3 tests/deny.py
  status=$?
  echo "advisories: NOT CHECKED, cargo-deny is not installed"
  [ "$status" -eq 0 ] && echo "3 passed, 0 failed" || echo "0 passed, 1 failed"
  exit "$status"
fi

passed=0
failed=0
for check in licenses bans sources; do
  if cargo deny --offline check "$check"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done
if ! cargo deny fetch db; then
  echo "advisories: NOT CHECKED, their database cannot be fetched from here"
elif cargo deny check --disable-fetch advisories; then
  passed=$((passed + 1))
else
  failed=$((failed + 1))
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
