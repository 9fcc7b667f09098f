#!/usr/bin/env bash
# What `make dist` makes, in ./dist (or $DIST): static binaries, Debian and npm packages, the bill of materials, and the
# checksums of them all. PROFILE chooses cargo's profile (default: release).
set -euo pipefail
cd "$(dirname "$0")/.."
out=${DIST:-dist}
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)

for program in dpkg-deb node npm; do
  command -v "$program" >/dev/null && continue
  echo "error: $program is missing" >&2
  echo "hint:  apt-get install dpkg nodejs npm" >&2
  exit 1
done

mkdir -p "$out"
rm -f "$out"/portagent[-_]* "$out/SHA256SUMS"
for machine in x86_64:amd64:x64 aarch64:arm64:arm64; do
  IFS=: read -r cpu debian node <<<"$machine"
  binary=$(packaging/static.sh "$cpu-unknown-linux-musl")
  cp "$binary" "$out/portagent-$cpu-unknown-linux-musl"
  packaging/deb/build.sh "$binary" "$debian" "$version" "$out"
  packaging/npm/build.sh "$binary" "$node" "$version" "$out"
done
node packaging/sbom.mjs >"$out/portagent-$version.cdx.json"
(cd "$out" && sha256sum portagent[-_]* >SHA256SUMS && cat SHA256SUMS)
