#!/usr/bin/env bash
# What `make dist` makes, used as people use it: the aarch64 binary under qemu, the Debian package in a Debian of its own,
# the npm package in a prefix of its own; each installed, upgraded and removed, with data and tokens that stay good.
#   DIST  a directory that packaging/dist.sh has filled (default: it is filled here, with PROFILE=dist-test)
set -uo pipefail
# shellcheck source=tests/packaging/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$repo" || exit 1
if ! in_sandbox; then
  need_dist
  enter_sandbox
  code=$?
  rm -rf "$STATE"
  exit "$code"
fi
set_up_sandbox
version=$(version)
debian=${version/-/\~}
url=http://localhost:5200
export npm_config_offline=true npm_config_audit=false npm_config_fund=false npm_config_update_notifier=false

# serve COMMAND…: runs it as a server, in the background, and waits until it answers.
serve() {
  "$@" >"$work/server.out" 2>&1 &
  server=$!
  check "answers" eventually healthy || cat "$work/server.out"
}

# ends SENTENCE [PID]: SIGTERM to that process ends the server in order.
ends() {
  kill -TERM "${2:-$server}"
  wait "$server"
  check "$1" same 0 $?
}

# converses NAME: registers on the machine itself, and chats; `token` is theirs.
converses() {
  token=$(client $url register "$1")
  check "registers" same "$1" "$(client $url verify "$token")"
  check "chats" has "$(client $url chat "$token" "said by $1")" "said by $1"
}

# still NAME: the token of before, and what was said.
still() {
  check "the old token is good" same "$1" "$(client $url verify "$token")"
  check "the conversation is there" has "$(client $url read "$token")" "user: said by $1"
}

is_static() { file=$1; ! readelf -lW "$file" | grep -q INTERP && ! readelf -dW "$file" | grep -q NEEDED; }

echo "== the files"
check "are what SHA256SUMS says" sh -c "cd '$DIST' && sha256sum --check --strict --quiet SHA256SUMS"
check "and all of them" same "$(cd "$DIST" && printf '%s\n' portagent[-_]*)" "$(cut -c67- "$DIST/SHA256SUMS")"
for cpu in x86_64 aarch64; do
  check "$cpu: static" is_static "$DIST/portagent-$cpu-unknown-linux-musl"
done
check "x86_64: its version" same "portagent $version" "$("$DIST/portagent-x86_64-unknown-linux-musl" --version)"
check "aarch64: its version" same "portagent $version" "$(qemu-aarch64-static "$DIST/portagent-aarch64-unknown-linux-musl" --version)"
for architecture in amd64:x86_64:x64 arm64:aarch64:arm64; do
  IFS=: read -r deb cpu node <<<"$architecture"
  file=$DIST/portagent_${debian}_$deb.deb
  check "$deb: the Debian package's version" same "$debian $deb" "$(dpkg-deb -f "$file" Version) $(dpkg-deb -f "$file" Architecture)"
  check "$deb: has that binary" same "$(sha256sum <"$DIST/portagent-$cpu-unknown-linux-musl")" \
    "$(dpkg-deb --fsys-tarfile "$file" | tar -xO ./usr/bin/portagent | sha256sum)"
  check "$node: the npm package has that binary" same "$(sha256sum <"$DIST/portagent-$cpu-unknown-linux-musl")" \
    "$(tar -xzOf "$DIST/portagent-$version-linux-$node.tgz" package/bin/portagent | sha256sum)"
done
check "the bill of materials" node "$here/sbom-check.mjs" "$DIST/portagent-$version.cdx.json" "$version"

echo "== aarch64, under qemu"
arm() { AGENTX_DIR=$work/arm HOST=127.0.0.1 LLM_PROVIDER=demo exec qemu-aarch64-static "$DIST/portagent-aarch64-unknown-linux-musl" "$@"; }
serve arm serve
converses arm
check "healthcheck" same ok "$(arm healthcheck)"
check "backup" arm backup --out "$work/arm-backups"
check "and it is one" arm backup verify "$(find "$work/arm-backups" -type f | head -n 1)"
ends "ends in order"
check "leaves no -wal behind" same "" "$(find "$work/arm/data" -name '*-wal')"

echo "== the Debian package"
root=$work/debian
mkdir "$root"
tar -C "$root" -xf /var/cache/portagent-tests/bookworm.tar
mount -t proc proc "$root/proc"
cp "$DIST/portagent_${debian}_amd64.deb" "$root/this.deb"
packaging/deb/build.sh "$DIST/portagent-x86_64-unknown-linux-musl" amd64 99.0.0 "$work/newer"
cp "$work"/newer/*.deb "$root/newer.deb"
in_debian() { chroot "$root" env PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive "$@"; }
# As the unit starts it: the line of ExecStart, the user, the environment.
unit_starts() {
  local line
  line=$(sed -n 's/^ExecStart=//p' "$root/lib/systemd/system/portagent.service")
  # shellcheck disable=SC2086 # words of a command
  exec chroot "$root" setpriv --reuid=portagent --regid=portagent --clear-groups --no-new-privs --bounding-set=-all \
    env -i "$(sed -n 's/^Environment=//p' "$root/lib/systemd/system/portagent.service")" $line
}
check "installs" in_debian dpkg -i /this.deb
check "has its manual page" has "$(in_debian cat /usr/share/man/man1/portagent.1.gz | gzip -dc)" ".SH COMMANDS"
check "has its completions" in_debian ls /usr/share/bash-completion/completions/portagent \
  /usr/share/zsh/vendor-completions/_portagent /usr/share/fish/vendor_completions.d/portagent.fish
check "has a user without a login" has "$(in_debian getent passwd portagent)" ":/var/lib/portagent:/usr/sbin/nologin"
check "its settings are for root and the service" same "root portagent 640" "$(in_debian stat -c '%U %G %a' /etc/portagent/portagent.env)"
check "its data is its own" same "portagent portagent 700" "$(in_debian stat -c '%U %G %a' /var/lib/portagent)"
check "its service starts with the machine" test -L "$root/etc/systemd/system/multi-user.target.wants/portagent.service"
check "its settings leave no blank to fill" hasnt "$(cat "$root/etc/portagent/portagent.env")" "{{"
printf 'LLM_PROVIDER=demo\n' >>"$root/etc/portagent/portagent.env"
serve unit_starts
converses deb
check "commands work as its user" has "$(in_debian setpriv --reuid=portagent --regid=portagent --clear-groups \
  portagent user list -e /etc/portagent/portagent.env)" deb
ends "ends in order"
check "upgrades, and asks nothing about the changed settings" in_debian dpkg --force-confdef --force-confold -i /newer.deb
check "has the new version" has "$(in_debian dpkg -s portagent)" "Version: 99.0.0"
check "the settings are as they were left" has "$(cat "$root/etc/portagent/portagent.env")" LLM_PROVIDER=demo
serve unit_starts
still deb
ends "ends in order"
files=$(in_debian dpkg -L portagent | while read -r path; do [ -d "$root$path" ] || echo "$path"; done)
check "removes" in_debian dpkg -r portagent
check "nothing but the settings is left" same /etc/portagent/portagent.env "$(for path in $files; do if [ -e "$root$path" ]; then echo "$path"; fi; done)"
check "the data is kept" test -f "$root/var/lib/portagent/data/agentx.db"
check "comes back" in_debian dpkg -i /this.deb
serve unit_starts
still deb
ends "ends in order"
check "purges, and says that the data is kept" has "$(in_debian dpkg -P portagent 2>&1)" "the data is kept; to remove it"
check "the settings are gone" test ! -e "$root/etc/portagent"
check "nothing of its service is left" same "" "$(find "$root/etc/systemd" "$root/var/lib/systemd" -name '*portagent*')"
check "the data is still there" same deb "$(sqlite3 "$root/var/lib/portagent/data/portagent.db" 'SELECT username FROM users')"
rm -rf "$root/var/lib/portagent"
in_debian dpkg -i /this.deb >/dev/null 2>&1
check "purged without data" in_debian dpkg -P portagent
check "the user is removed" same "" "$(in_debian getent passwd portagent)"
umount "$root/proc"

echo "== the npm package"
prefix=$work/npm
# What Portagent 1.9 left there: its name, a wrapper that starts something else.
mkdir -p "$work/old/bin"
printf '#!/bin/sh\necho "portagent 1.9.0"\n' >"$work/old/bin/portagent"
chmod +x "$work/old/bin/portagent"
echo '{"name":"@agentxjs/portagent","version":"1.9.0","bin":{"portagent":"bin/portagent"}}' >"$work/old/package.json"
(cd "$work/old" && npm pack --silent >/dev/null)
npm_install() { npm install --global --prefix "$prefix" --loglevel=error "$@"; }
check "1.9 is there" npm_install "$work"/old/*.tgz
check "takes its place, without a script or a network" npm_install --ignore-scripts "$DIST/portagent-$version-linux-x64.tgz"
check "is found by its version" same "portagent $version" "$("$prefix/bin/portagent" --version)"
check "is the binary itself" cmp "$prefix/bin/portagent" "$DIST/portagent-x86_64-unknown-linux-musl"
check "the other machine's is refused" has "$(npm_install "$DIST/portagent-$version-linux-arm64.tgz" 2>&1)" EBADPLATFORM
mkdir -p "$work/home/.agentx/data"
cp tests/data/v19/*.db "$work/home/.agentx/data/"
owner=$(sqlite3 "$work/home/.agentx/data/portagent.db" "SELECT userId FROM users WHERE username = 'ops1'")
by_npm() { HOME=$work/home LLM_PROVIDER=demo JWT_SECRET='the old secret' exec "$prefix/bin/portagent"; }
serve by_npm
check "1.9's token is good" same ops1 "$(client $url verify "$(client sign 'the old secret' "$owner")")"
check "1.9's password is good" test -n "$(client $url login ops1 secret123)"
code=$(AGENTX_DIR=$work/home/.agentx "$prefix/bin/portagent" invite create --json | grep -o '"code": *"[^"]*"' | cut -d'"' -f4)
check "an invite code is made" test -n "$code"
converses npm
ends "SIGTERM to the process that was started ends the server"
mkdir "$work/next"
tar -C "$work/next" -xzf "$DIST/portagent-$version-linux-x64.tgz"
sed -i 's/"version": ".*"/"version": "99.0.0"/' "$work/next/package/package.json"
(cd "$work/next/package" && npm pack --silent >/dev/null)
check "a newer one takes its place" npm_install "$work"/next/package/*.tgz
check "it does" has "$(npm list --global --prefix "$prefix" 2>&1)" "@agentxjs/portagent@99.0.0"
serve by_npm
still npm
check "1.9's conversation is there" has "$(client $url read "$(client sign 'the old secret' "$owner")")" "user: first CHUNKS2"
ends "ends in order"
check "is removed" npm uninstall --global --prefix "$prefix" @agentxjs/portagent
check "and gone" test ! -e "$prefix/bin/portagent"
finish
