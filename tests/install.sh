#!/usr/bin/env bash
# What building and testing need. Installs it where that is possible (Debian, as root), else names it.
#   tests/install.sh                 for `make test`
#   tests/install.sh --packages      for `make test-packages` as well, and for `make dist`
#   tests/install.sh --check-build   only checks whether a build is possible; installs nothing
set -euo pipefail
# shellcheck source=/dev/null
[ -f "$HOME/.cargo/env" ] && . "$HOME/.cargo/env"

have() { PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null 2>&1; }

missing_for_build() {
  have cargo || echo "cargo"
  have cc || echo "cc"
}

if [ "${1:-}" = --check-build ]; then
  missing=$(missing_for_build)
  [ -z "$missing" ] && exit 0
  {
    echo "error: cannot build without ${missing//$'\n'/, }"
    case "$missing" in *cargo*) echo "hint:  install Rust 1.89 or newer with rustup" ;; esac
    case "$missing" in *cc*) echo "hint:  a C compiler compiles SQLite: apt-get install build-essential" ;; esac
  } >&2
  exit 1
fi

# Each line: the program, and the Debian package that has it.
packages=()
while read -r program package; do
  have "$program" || packages+=("$package")
done <<'LIST'
cc build-essential
chromium chromium
firefox-esr firefox-esr
node nodejs
npm npm
sqlite3 sqlite3
age age
python3 python3
curl curl
ss iproute2
wget wget
nginx nginx-light
caddy caddy
openssl openssl
ip iproute2
unshare util-linux
shellcheck shellcheck
setpriv util-linux
busybox busybox
promtool prometheus
logrotate logrotate
openssl openssl
caddy caddy
mkfs.ext4 e2fsprogs
fsfreeze util-linux
systemd-analyze systemd
LIST
if [ "${1:-}" = --packages ]; then
  while read -r program package; do
    have "$program" || packages+=("$package")
  done <<'LIST'
buildah buildah
debootstrap debootstrap
docker-compose docker-compose
musl-gcc musl-tools
aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
qemu-aarch64-static qemu-user-static
readelf binutils
dpkg-deb dpkg
nsenter util-linux
pgrep procps
pip3 python3-pip
LIST
fi
if ! have cargo; then
  echo "error: cargo is missing" >&2
  echo "hint:  install Rust 1.89 or newer with rustup" >&2
  exit 1
fi

if [ ${#packages[@]} -gt 0 ]; then
  if [ "$(id -u)" != 0 ] || ! have apt-get; then
    echo "error: the tests need programs that are not here" >&2
    echo "hint:  sudo apt-get install ${packages[*]}" >&2
    exit 1
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q </dev/null
  apt-get install -qy --no-install-recommends "${packages[@]}" </dev/null
fi

for component in fmt clippy; do
  if ! cargo "$component" --version >/dev/null 2>&1; then
    if ! have rustup; then
      echo "error: cargo $component is missing" >&2
      echo "hint:  install rustfmt and clippy beside cargo" >&2
      exit 1
    fi
    rustup component add rustfmt clippy
  fi
done
