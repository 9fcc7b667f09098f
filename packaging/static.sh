#!/usr/bin/env bash
# Builds the static binary of a target: packaging/static.sh x86_64-unknown-linux-musl|aarch64-unknown-linux-musl
# Prints its path last. PROFILE chooses cargo's profile (default: release). Used by `make dist` and by the Dockerfile,
# on Debian, on x86_64 for both targets.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$1
profile=${PROFILE:-release}
built=${CARGO_TARGET_DIR:-target}

# need PROGRAM PACKAGE
need() {
  command -v "$1" >/dev/null && return
  echo "error: $1 is missing" >&2
  echo "hint:  apt-get install $2" >&2
  exit 1
}

# SQLite's C has to be compiled against musl's headers: with those of glibc it asks for functions that musl has not.
# Debian has them for arm64 in a package of that architecture, which is unpacked here and not installed, and looked up
# in lists of our own, so that the machine's own packages and sources stay as they are.
musl_headers_arm64() {
  local kept=$built/musl-arm64 apt=$built/musl-arm64.apt
  if [ ! -d "$kept/usr/include/aarch64-linux-musl" ]; then
    rm -rf "$kept" "$apt"
    mkdir -p "$apt/lists/partial" "$apt/archives/partial"
    apt=$(realpath "$apt")
    (
      cd "$apt"
      options=(-q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State::lists="$apt/lists"
        -o Dir::Cache="$apt" -o Dir::State::status=/dev/null -o APT::Sandbox::User=root)
      apt-get "${options[@]}" update
      apt-get "${options[@]}" download musl-dev
    ) >&2
    dpkg-deb -x "$apt"/musl-dev_*_arm64.deb "$kept"
    rm -rf "$apt"
  fi
  realpath "$kept/usr/include/aarch64-linux-musl"
}

need cargo "rustup, and Rust with it (https://rustup.rs)"
case $target in
  x86_64-unknown-linux-musl)
    need musl-gcc musl-tools
    ;;
  aarch64-unknown-linux-musl)
    need aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
    own=$(aarch64-linux-gnu-gcc -print-file-name=include)
    headers=$(musl_headers_arm64)
    export CC_aarch64_unknown_linux_musl=aarch64-linux-gnu-gcc
    export AR_aarch64_unknown_linux_musl=aarch64-linux-gnu-ar
    export CFLAGS_aarch64_unknown_linux_musl="-nostdinc -isystem $headers -isystem $own"
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=aarch64-linux-gnu-gcc
    ;;
  *)
    echo "error: no such target: $target" >&2
    echo "hint:  x86_64-unknown-linux-musl or aarch64-unknown-linux-musl" >&2
    exit 2
    ;;
esac
if command -v rustup >/dev/null; then rustup target add "$target" >&2; fi
cargo build --locked --profile "$profile" --target "$target" >&2
echo "$built/$target/$profile/portagent"
