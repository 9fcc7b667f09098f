#!/usr/bin/env bash
# Makes the image that the Dockerfile starts from, in the store that tests/packaging/docker uses: Debian's own
# bookworm by debootstrap, kept between runs in /var/cache/portagent-tests. Nothing is fetched from a registry of images.
set -euo pipefail
state=${DOCKER_STATE:?}
cache=/var/cache/portagent-tests
mirror=$(awk '/^URIs:/ { print $2; exit } /^deb / { for (i = 2; i <= NF; i++) if ($i ~ /:\/\//) { print $i; exit } }' \
  /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null || true)

mkdir -p "$cache" "$state"
if [ ! -f "$cache/bookworm.tar" ]; then
  rm -rf "$cache/bookworm"
  debootstrap --variant=minbase bookworm "$cache/bookworm" ${mirror:+"$mirror"} >"$cache/debootstrap.log" || {
    tail -n 20 "$cache/debootstrap.log"
    exit 1
  }
  # What Debian's slim image leaves out.
  rm -rf "$cache"/bookworm/var/cache/apt/archives/*.deb "$cache"/bookworm/var/cache/apt/*.bin "$cache"/bookworm/var/lib/apt/lists/*_* \
    "$cache"/bookworm/usr/share/{doc,info,locale,man}/* "$cache"/bookworm/var/log/*
  tar -C "$cache/bookworm" -cf "$cache/bookworm.tar.new" .
  mv "$cache/bookworm.tar.new" "$cache/bookworm.tar"
  rm -rf "$cache/bookworm"
fi

build() { buildah --root "$state/images" --runroot "$state/run" --storage-driver "${STORAGE_DRIVER:-vfs}" "$@"; }
container=$(build from scratch)
build add -q "$container" "$cache/bookworm.tar" / >/dev/null
build commit -q --rm "$container" docker.io/library/debian:bookworm-slim >/dev/null
