#!/usr/bin/env bash
# The service under a real systemd, which runs as process 1 of a Debian of its own: started, reloaded, killed, hung,
# stopped, and shut down with its machine.
#   DIST  a directory that packaging/dist.sh has filled (default: it is filled here, with PROFILE=dist-test)
set -uo pipefail
# shellcheck source=tests/packaging/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$repo" || exit 1
cache=/var/cache/portagent-tests
groups=portagent-tests
if ! in_sandbox; then
  need_dist
  # Debian's packages in it need the network of the machine; the rest has one of its own.
  if [ ! -f "$cache/bookworm-systemd.tar" ]; then
    mkdir "$STATE/root"
    tar -C "$STATE/root" -xf "$cache/bookworm.tar"
    cp /etc/resolv.conf "$STATE/root/etc/"
    (chroot "$STATE/root" apt-get update -q && DEBIAN_FRONTEND=noninteractive chroot "$STATE/root" apt-get install -qy \
      --no-install-recommends systemd libpam-systemd dbus-user-session sqlite3 wget) >"$STATE/apt.log" 2>&1 || {
      tail -n 20 "$STATE/apt.log"
      exit 1
    }
    tar -C "$STATE/root" -cf "$cache/bookworm-systemd.tar.new" .
    mv "$cache/bookworm-systemd.tar.new" "$cache/bookworm-systemd.tar"
  fi
  enter_sandbox
  code=$?
  awk '$3 ~ /^cgroup2?$/ { print $2 }' /proc/mounts | while read -r mount; do
    [ -d "$mount/$groups" ] && find "$mount/$groups" -depth -type d -exec rmdir {} +
  done
  rm -rf "$STATE"
  exit "$code"
fi
set_up_sandbox
version=$(version)
debian=${version/-/\~}
url=http://localhost:5200
root=$work/debian

# boot: systemd in namespaces of its own, with control groups below `groups`. `init` is its process id.
boot() {
  local mount
  while read -r mount; do
    mkdir -p "$mount/$groups"
    echo $BASHPID >"$mount/$groups/cgroup.procs"
  done < <(awk '$3 == "cgroup2" || $3 == "cgroup" && $4 ~ /name=systemd|pids|memory/ { print $2 }' /proc/mounts)
  setsid unshare --mount --pid --fork --kill-child --ipc --uts --cgroup bash -s "$root" >"$work/boot.out" 2>&1 <<'BOOT' &
set -e
root=$1
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs tmpfs sys/fs/cgroup
awk '$3 == "cgroup" && $4 ~ /name=systemd|pids|memory/ || $3 == "cgroup2" { print $3, $2, $4 }' /proc/mounts |
  while read -r kind at options; do
    case $kind:$at in
      cgroup2:/sys/fs/cgroup) mount -t cgroup2 cgroup2 sys/fs/cgroup; continue ;;
      cgroup2:*) options= ;;
      *) options=$(grep -oE 'name=systemd|pids|memory' <<<"$options" | head -n 1) ;;
    esac
    case $options in name=*) options=none,$options ;; esac
    mkdir -p ".$at"
    mount -t "$kind" ${options:+-o "$options"} "$kind" ".$at"
  done
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs tmpfs dev
for device in null zero full random urandom tty; do
  touch "dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm
mount -t devpts devpts dev/pts
mount -t tmpfs tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
# As every machine and container has it: credentials are mounted beside the service and have to reach it.
mount --make-rshared .
exec chroot . env -i container=portagent-tests PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system
BOOT
  unshare=$!
  eventually pgrep -P $unshare -f '^/lib/systemd/systemd --system' && init=$(pgrep -P $unshare)
}

# inside COMMAND…: runs it there.
inside() {
  nsenter --target "$init" --mount --pid --ipc --uts --cgroup --root --wd env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    LC_ALL=C DEBIAN_FRONTEND=noninteractive TERM=dumb "$@"
}
# property NAME: of the service.
property() { inside systemctl show portagent --property "$1" --value; }
active() { [ "$(inside systemctl is-active portagent)" = active ]; }
settled() { case $(inside systemctl is-system-running) in running | degraded) ;; *) return 1 ;; esac; }
journal() { inside journalctl --unit portagent --no-pager --output cat "$@"; }
journal_says() { journal | grep -qF "$1"; }
again() { [ "$(property NRestarts)" -gt "$1" ] && active && healthy $url; }
gone_from_systemd() { ! inside systemctl cat portagent >/dev/null 2>&1; }
# drop_in LINE…: lines for the [Service] part of the unit.
drop_in() {
  mkdir -p "$root/etc/systemd/system/portagent.service.d"
  printf '[Service]\n%s\n' "$(printf '%s\n' "$@")" >"$root/etc/systemd/system/portagent.service.d/test.conf"
  inside systemctl daemon-reload
}

mkdir "$root"
tar -C "$root" -xf "$cache/bookworm-systemd.tar"
cp "$DIST/portagent_${debian}_amd64.deb" "$root/this.deb"
install -m 0755 "$DIST/portagent-x86_64-unknown-linux-musl" "$root/usr/local/bin/portagent-by-hand"

echo "== systemd"
boot
check "runs" eventually settled || cat "$work/boot.out"
check "is the one that runs the machine" same systemd "$(inside cat /proc/1/comm)"

echo "== the package's service"
check "installs" inside dpkg -i /this.deb
check "is active at once" eventually active
check "and says where" has "$(property StatusText)" "serving on http://"
check "warns in the journal, by its level" has "$(journal --priority warning)" "No key for the model provider"
check "and of nothing else" hasnt "$(journal --priority warning)" "listening on"
check "has no second timestamp there" hasnt "$(journal)" "$(date -u +%Y-)"
printf 'LLM_PROVIDER=demo\n' >>"$root/etc/portagent/portagent.env"
check "restarts" inside systemctl restart portagent
check "is active no sooner than it answers" healthy
token=$(client $url register ann)
check "chats" has "$(client $url chat "$token" "said by ann")" "said by ann"
status=$(inside cat "/proc/$(property MainPID)/status")
check "has no privileges" same "0000000000000000 1 2" \
  "$(awk '/^CapBnd:/ { c = $2 } /^NoNewPrivs:/ { n = $2 } /^Seccomp:/ { s = $2 } END { print c, n, s }' <<<"$status")"
check "and not root" hasnt "$(awk '/^Uid:/ { print " " $2 " " }' <<<"$status")" " 0 "
printf 'LOG_LEVEL=debug\n' >>"$root/etc/portagent/portagent.env"
check "reloads" inside systemctl reload portagent
check "and has its new log level" eventually journal_says "log level info → debug"
check "is active again" active

for _ in 1 2 3 4 5 6 7; do inside systemctl restart portagent; done
check "seven restarts within a minute leave it running" eventually healthy

echo "== a secret as a credential"
printf 'sk-ant-of-the-tests\n' >"$root/root/key"
chmod 600 "$root/root/key"
drop_in "LoadCredential=llm-provider-key:/root/key"
check "restarts" inside systemctl restart portagent
check "has it" has "$(journal)" "LLM_PROVIDER_KEY=set"
check "and shows it nowhere" hasnt "$(journal) $(inside cat "/proc/$(property MainPID)/environ" | tr '\0' ' ')" sk-ant-of-the-tests

echo "== trouble"
restarts=$(property NRestarts)
inside sh -c "kill -KILL $(property MainPID)"
check "killed, it comes back" eventually again "$restarts"
check "with its accounts" same ann "$(client $url verify "$token")"
drop_in WatchdogSec=2s
inside systemctl restart portagent
restarts=$(property NRestarts)
inside sh -c "kill -STOP $(property MainPID)"
check "hung, it is ended and comes back" eventually again "$restarts"
check "because of the watchdog" has "$(inside journalctl --unit portagent --no-pager)" "Watchdog timeout"
check "with its conversations" has "$(client $url read "$token")" "user: said by ann"
check "stops" inside systemctl stop portagent
check "in order" same success "$(property Result)"
check "and leaves no -wal behind" same "" "$(find "$root/var/lib/portagent/data" -name '*-wal')"

echo "== the binary alone"
check "the package goes" inside dpkg -P portagent
rm -rf "$root/etc/systemd/system/portagent.service.d"
check "installs its service" inside /usr/local/bin/portagent-by-hand service install
check "which is active" eventually active
check "and answers" eventually healthy
check "with what was there" same ann "$(client $url verify "$token")"
check "removes it" inside /usr/local/bin/portagent-by-hand service uninstall
check "which is gone" gone_from_systemd
check "but for its data" test -f "$root/var/lib/portagent/data/agentx.db"

echo "== one's own service"
inside useradd --create-home bob
inside loginctl enable-linger bob
bob() {
  inside setpriv --reuid=bob --regid=bob --clear-groups --reset-env env XDG_RUNTIME_DIR="/run/user/$(inside id -u bob)" \
    LLM_PROVIDER=demo "$@"
}
check "bob has a systemd of his own" eventually bob systemctl --user is-system-running
check "installs" bob /usr/local/bin/portagent-by-hand service install --user
check "answers" eventually healthy
check "is active" same active "$(bob systemctl --user is-active portagent)"
check "and his" same bob "$(inside stat -c %U "/proc/$(bob systemctl --user show portagent --property MainPID --value)")"
client $url register bob >/dev/null

echo "== the end of the machine"
inside systemctl poweroff
check "comes" eventually gone "$init"
check "and leaves no -wal behind" same "" "$(find "$root/home/bob" -name '*-wal')"
check "but what was stored" same bob "$(sqlite3 "$(find "$root/home/bob" -name portagent.db)" "SELECT username FROM users")"
finish
