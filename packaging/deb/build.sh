#!/usr/bin/env bash
# The Debian package: packaging/deb/build.sh BINARY amd64|arm64 VERSION DIRECTORY
#
# As Debian does: removing the package keeps settings and data, purging it removes the settings too. What people wrote
# into /var/lib/portagent stays even then, with the user it belongs to, and the last line says how to remove it.
set -euo pipefail
binary=$(realpath "$1")
architecture=$2
version=${3/-/\~} # 2.0.0~alpha.1 is older than 2.0.0
mkdir -p "$4"
out=$(realpath "$4")
cd "$(dirname "$0")/../.."
umask 022
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

install -D -m 0755 "$binary" "$tree/usr/bin/portagent"
install -D -m 0644 packaging/systemd/portagent.service "$tree/lib/systemd/system/portagent.service"
install -d "$tree/etc/portagent"
sed -e 's#{{FILE}}#/etc/portagent/portagent.env#g' -e 's#{{DATA}}#/var/lib/portagent#g' packaging/systemd/portagent.env \
  >"$tree/etc/portagent/portagent.env"
chmod 0640 "$tree/etc/portagent/portagent.env"
# The manual page and the completions come from the program itself: of the other machine's package, from ours.
runs=$binary
"$runs" version >/dev/null 2>&1 || runs=$(realpath "$(packaging/static.sh "$(uname -m)-unknown-linux-musl")")
install -d "$tree/usr/share/man/man1" "$tree/usr/share/bash-completion/completions" \
  "$tree/usr/share/zsh/vendor-completions" "$tree/usr/share/fish/vendor_completions.d"
"$runs" man | gzip -9n >"$tree/usr/share/man/man1/portagent.1.gz"
"$runs" completion bash >"$tree/usr/share/bash-completion/completions/portagent"
"$runs" completion zsh >"$tree/usr/share/zsh/vendor-completions/_portagent"
"$runs" completion fish >"$tree/usr/share/fish/vendor_completions.d/portagent.fish"
doc=$tree/usr/share/doc/portagent
install -d "$doc/examples"
cp -r packaging/nginx packaging/caddy "$doc/examples/"
gzip -9n <CHANGELOG.md >"$doc/changelog.gz"
{ echo "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/"; echo; echo "Files: *"; head -n 5 LICENSE |
  sed -n 's/^Copyright (c) /Copyright: /p'; echo "License: MIT"; sed -e 's/^$/./' -e 's/^/ /' LICENSE; } >"$doc/copyright"

install -d "$tree/DEBIAN"
cat >"$tree/DEBIAN/control" <<CONTROL
Package: portagent
Version: $version
Architecture: $architecture
Maintainer: The Portagent project <portagent@localhost>
Installed-Size: $(du -sk --exclude=DEBIAN "$tree" | cut -f1)
Depends: adduser, init-system-helpers
Suggests: sqlite3, nginx | caddy
Section: web
Priority: optional
Description: AI agent gateway for small machines
 Accounts, streaming chats, backups and metrics in one static binary, with SQLite
 and the web page inside.
CONTROL
echo /etc/portagent/portagent.env >"$tree/DEBIAN/conffiles"
install -m 0755 packaging/deb/postinst packaging/deb/prerm packaging/deb/postrm "$tree/DEBIAN/"
dpkg-deb --root-owner-group -Zxz --build "$tree" "$out/portagent_${version}_$architecture.deb" >/dev/null
