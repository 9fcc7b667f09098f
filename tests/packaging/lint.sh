#!/usr/bin/env bash
# Every shell script, and the Dockerfile, under the eyes of their linters. A mistake made on purpose shows that they look.
set -uo pipefail
# shellcheck source=tests/packaging/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$repo" || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

scripts() {
  git ls-files --cached --others --exclude-standard | while read -r file; do
    if [ -f "$file" ] && head -c 64 "$file" | head -n 1 | grep -qE '^#!.*\b(ba|da)?sh\b'; then echo "$file"; fi
  done
  echo tests/packaging/lib.sh
}

while read -r script; do
  check "shellcheck $script" shellcheck --external-sources --severity=style "$script"
done < <(scripts)
# shellcheck disable=SC2016 # the mistake is meant
printf '#!/bin/sh\nrm -rf $1/x\n' >"$work/bad.sh"
check "shellcheck sees a variable without quotes" same 1 "$(shellcheck "$work/bad.sh" >/dev/null; echo $?)"

# dockerfile-utils says "Line: …" for each finding, and its exit code is always 0.
npm ci --prefix "$here" --no-audit --no-fund --loglevel=error || exit 1
dockerfile_lint() { "$here/node_modules/.bin/dockerfile-utils" lint "$1" 2>&1; }
check "the Dockerfile has no finding" same "" "$(dockerfile_lint Dockerfile)"
sed 's/^USER node/USR node/' Dockerfile >"$work/Dockerfile"
check "the linter sees a word that is none" has "$(dockerfile_lint "$work/Dockerfile")" "USR"

check "the health check is the manual's" has "$(cat Dockerfile)" \
  'HEALTHCHECK --interval=30s --timeout=10s --start-period=5s --retries=3 \
  CMD wget --no-verbose --tries=1 --spider http://localhost:5200/health || exit 1'

# What the source takes from outside of itself has to get through .dockerignore, or the image cannot be compiled.
included() { grep -rhoE 'include_(str|bytes)!\("(\.\./)+packaging/[^"]+' src | sed 's#.*\.\./##' | sort -u; }
check "the source includes something of packaging/" test -n "$(included)"
while read -r file; do
  check ".dockerignore lets $file through" grep -qxFe "!$file" -e "!$(dirname "$file")" .dockerignore
done < <(included)
finish
