#!/usr/bin/env bash
# The npm package: packaging/npm/build.sh BINARY x64|arm64 VERSION DIRECTORY
#
# `portagent` on the path is a link to the binary itself: no wrapper that swallows signals, no script that runs at
# install, nothing that is fetched. So each kind of machine has its own file, and npm refuses the wrong one. The name is
# that of Portagent 1.9's package, so that it takes its place.
set -euo pipefail
binary=$(realpath "$1")
cpu=$2
version=$3
mkdir -p "$4"
out=$(realpath "$4")
cd "$(dirname "$0")/../.."
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

install -D -m 0755 "$binary" "$tree/bin/portagent"
cp README.md CHANGELOG.md LICENSE "$tree/"
cat >"$tree/package.json" <<JSON
{
  "name": "@agentxjs/portagent",
  "version": "$version",
  "description": "An AI agent gateway for small machines: accounts, streaming chats and operations in one static binary",
  "license": "MIT",
  "os": ["linux"],
  "cpu": ["$cpu"],
  "bin": { "portagent": "bin/portagent" },
  "files": ["bin"]
}
JSON
packed=$(cd "$tree" && npm pack --silent)
mv "$tree/$packed" "$out/portagent-$version-linux-$cpu.tgz"
