#!/usr/bin/env bash
# The Dockerfile built and its image entered, with the manual's `docker` commands as they stand there. No Docker engine
# runs here: buildah builds, and tests/packaging/docker starts the image as Docker would.
#   PORTAGENT_MUSL  the static binary (default: as packaging/static.sh builds it with PROFILE=dist-test)
set -uo pipefail
# shellcheck source=tests/packaging/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$repo" || exit 1
if ! in_sandbox; then
  [ "$(id -u)" = 0 ] || { echo "error: images are built as root" >&2; exit 1; }
  DOCKER_STATE=$(mktemp -d)
  export DOCKER_STATE
  tests/packaging/base.sh || exit 1
  PORTAGENT_MUSL=${PORTAGENT_MUSL:-$(PROFILE=dist-test packaging/static.sh x86_64-unknown-linux-musl)} || exit 1
  export PORTAGENT_MUSL
  # The one thing that needs the network of the machine: Debian's packages in the image.
  mkdir -p "$DOCKER_STATE/context/dist"
  cp .dockerignore Dockerfile "$DOCKER_STATE/context/"
  cp "$PORTAGENT_MUSL" "$DOCKER_STATE/context/dist/portagent-x86_64-unknown-linux-musl"
  buildah --root "$DOCKER_STATE/images" --runroot "$DOCKER_STATE/run" --storage-driver vfs build --isolation chroot \
    --pull-never --platform linux/amd64 --format docker --build-arg BINARY=prebuilt --tag deepracticexs/portagent:1.0.0 \
    "$DOCKER_STATE/context" >"$DOCKER_STATE/build.log" 2>&1 || { cat "$DOCKER_STATE/build.log"; echo "0 passed, 1 failed"; exit 1; }
  enter_sandbox
  code=$?
  rm -rf "$DOCKER_STATE"
  exit "$code"
fi
set_up_sandbox
# As in Docker's own network. Elsewhere `localhost` is ::1 first, BusyBox tries no second address, and HOST=:: is needed.
echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
PATH=$work/bin:$PATH
mkdir "$work/bin"
ln -s "$here/docker" "$work/bin/docker"
data=$work/portagent # /var/lib/portagent in the manual
LLM_PROVIDER_KEY=sk-a-key-of-the-tests
export LLM_PROVIDER_KEY

image() { buildah --root "$DOCKER_STATE/images" --runroot "$DOCKER_STATE/run" --storage-driver vfs "$@"; }
db=/home/node/.agentx/data

volume() {
  mkdir -p "$data"
  chown 1000:1000 "$data"
}

# As in the manual, with the demo in place of a provider's network.
run_it() {
  docker run -d --name portagent -p 5200:5200 -e LLM_PROVIDER_KEY=$LLM_PROVIDER_KEY -e LLM_PROVIDER=demo \
    -v "$data:/home/node/.agentx" --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges "$@" \
    deepracticexs/portagent:1.0.0
}

echo "== the image"
check "runs as node" same node "$(image inspect --type image --format '{{.OCIv1.Config.User}}' portagent:1.0.0)"
check "has the data directory as a volume" has "$(image inspect --type image --format '{{.OCIv1.Config.Volumes}}' portagent:1.0.0)" /home/node/.agentx
check "has the manual's health check" has "$(image inspect --type image --format '{{.Docker.Config.Healthcheck}}' portagent:1.0.0)" \
  "[CMD-SHELL wget --no-verbose --tries=1 --spider http://localhost:5200/health || exit 1]"
image push -q portagent:1.0.0 "oci-archive:$work/image.tar" >/dev/null 2>&1
mkdir "$work/layers"
tar -C "$work/layers" -xf "$work/image.tar"
size=$(du -sb --apparent-size "$work/layers/blobs" | cut -f1)
echo "compressed image: $((size / 1024 / 1024)) MiB; without its base: $(find "$work/layers/blobs" -type f -printf '%s\n' | sort -n | head -n -1 | awk '{ s += $1 } END { print int(s / 1048576) }') MiB"
check "is below 90 MiB, compressed" test "$size" -lt $((90 * 1024 * 1024))

echo "== started"
volume
run_it >"$work/run"
check "answers" eventually healthy
check "is healthy by its own health check" same healthy "$(docker inspect --format='{{.State.Health.Status}}' portagent)"
check "is process 1, so that signals reach it" has "$(docker exec portagent cat /proc/1/cmdline | tr '\0' ' ')" "portagent serve"
check "has no privileges" same "1000 0000000000000000 1" "$(docker exec portagent cat /proc/1/status |
  awk '/^Uid:/ { u = $2 } /^CapBnd:/ { c = $2 } /^NoNewPrivs:/ { n = $2 } END { print u, c, n }')"
check "cannot write outside its volume and /tmp" has "$(docker exec portagent touch /usr/local/bin/x 2>&1)" "Read-only file system"
cp "$(command -v busybox)" "$data/busybox"
check "BusyBox's wget finds it well" docker exec portagent /home/node/.agentx/busybox wget -q --spider http://localhost:5200/health
check "and by number" docker exec portagent /home/node/.agentx/busybox wget -q --spider http://127.0.0.1:5200/health
check "and so does our own command" same ok "$(docker exec portagent portagent healthcheck)"

echo "== the manual: people come, from the machine itself and from elsewhere"
token=$(client http://localhost:5200 register first)
check "registers" same first "$(client http://localhost:5200 verify "$token")"
check "chats" has "$(client http://localhost:5200 chat "$token" "hello from a container")" "hello from a container"
code=$(docker exec portagent portagent invite create --json | grep -o '"code": *"[^"]*"' | cut -d'"' -f4)
check "an invite code is made inside" test -n "$code"

echo "== the manual: backups while it runs"
docker exec portagent sqlite3 $db/agentx.db ".backup $db/agentx-backup.db"
docker exec portagent sqlite3 $db/portagent.db ".backup $db/portagent-backup.db"
docker cp portagent:$db/agentx-backup.db "$work/"
docker cp portagent:$db/portagent-backup.db "$work/"
check "the copy has the account" same first "$(sqlite3 "$work/portagent-backup.db" 'SELECT username FROM users')"
check "and the conversation" same 1 "$(sqlite3 "$work/agentx-backup.db" 'SELECT COUNT(*) FROM images')"

echo "== the manual: logs"
check "docker logs" has "$(docker logs --tail 100 portagent)" "POST /api/auth/register 201"
check "the file, read" has "$(docker exec portagent cat /home/node/.agentx/logs/portagent.log)" "POST /api/auth/register 201"
check "the file, followed" has "$(timeout 2 docker exec portagent tail -f /home/node/.agentx/logs/portagent.log)" "GET /health"

echo "== the manual: health, sizes, connections"
check "curl" has "$(curl -s http://localhost:5200/health)" '{"status":"ok","timestamp":'
check "ls -lh" has "$(docker exec portagent ls -lh $db/)" agentx.db
check "ss" has "$(docker exec portagent ss -tuln | grep 5200)" LISTEN

echo "== the manual: databases"
check "VACUUM of the conversations" same "" "$(docker exec portagent sqlite3 $db/agentx.db "VACUUM;" 2>&1)"
check "VACUUM of the accounts" same "" "$(docker exec portagent sqlite3 $db/portagent.db "VACUUM;" 2>&1)"
check "integrity_check" same ok "$(docker exec portagent sqlite3 $db/agentx.db "PRAGMA integrity_check;")"
check "how many users" same 1 "$(docker exec portagent sqlite3 $db/portagent.db "SELECT COUNT(*) FROM users;")"
check "how many conversations" same 1 "$(docker exec portagent sqlite3 $db/agentx.db "SELECT COUNT(*) FROM images;")"

echo "== the manual: users"
baduser=$(far_client http://$CLIENT_ADDRESS:5200 register baduser "$code")
check "the list" has "$(docker exec portagent sqlite3 $db/portagent.db \
  "SELECT userId, username, email, datetime(createdAt/1000, 'unixepoch') FROM users;")" "|baduser|"
docker exec portagent sqlite3 $db/portagent.db \
  "UPDATE users SET isActive = 0 WHERE username = 'baduser';"
check "who is disabled is out" has "$(client http://localhost:5200 verify "$baduser" 2>&1)" 401
check "the container of one" has "$(docker exec portagent sqlite3 $db/portagent.db \
  "SELECT containerId FROM users WHERE username = 'baduser';")" user-
docker exec portagent sqlite3 $db/portagent.db \
  "DELETE FROM users WHERE username = 'baduser';"
check "who is deleted is gone" same 1 "$(docker exec portagent sqlite3 $db/portagent.db "SELECT COUNT(*) FROM users;")"

echo "== the manual: environment"
check "docker inspect has it" has "$(docker inspect portagent | grep -A 20 "Env")" AGENTX_DIR=/home/node/.agentx
check "the log has no key" hasnt "$(docker logs portagent)" "$LLM_PROVIDER_KEY"

with_ipv6() {
  echo 0 >/proc/sys/net/ipv6/conf/all/disable_ipv6
  docker run -d --name both -e HOST=:: -e LLM_PROVIDER=demo -v "$work/both:/home/node/.agentx" deepracticexs/portagent:1.0.0
  eventually healthy http://127.0.0.1:5200 && docker exec both /home/node/.agentx/busybox wget -q --spider http://localhost:5200/health
  local code=$?
  docker stop both
  docker rm both
  echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
  return "$code"
}

echo "== stopped"
docker stop portagent >/dev/null
check "ends by itself, in order" same 0 "$(docker inspect --format='{{.State.ExitCode}}' portagent)"
install -d -o 1000 -g 1000 "$work/both"
cp "$data/busybox" "$work/both/"
check "with IPv6, HOST=:: takes both kinds" with_ipv6
check "leaves no -wal behind" same "" "$(find "$data/data" -name '*-wal')"
cp -r "$data" "$work/backup-$(date +%Y%m%d)"
docker start portagent >/dev/null
check "starts again" eventually healthy
check "the token is still good" same first "$(client http://localhost:5200 verify "$token")"

echo "== the manual: restored from the backup of before"
client http://localhost:5200 chat "$token" "after the backup" >/dev/null
docker stop portagent >/dev/null
cp "$work/agentx-backup.db" "$data/data/agentx.db"
cp "$work/portagent-backup.db" "$data/data/portagent.db"
chown -R 1000:1000 "$data/data"
docker start portagent >/dev/null
check "answers" eventually healthy
check "has what was there then" has "$(client http://localhost:5200 read "$token")" "user: hello from a container"
check "and nothing later" hasnt "$(client http://localhost:5200 read "$token")" "after the backup"

echo "== the manual: upgraded, from a directory that this version wrote"
docker pull deepracticexs/portagent:1.0.0
docker stop portagent >/dev/null
docker rm portagent >/dev/null
run_it >/dev/null
check "answers" eventually curl -fs http://localhost:5200/health
check "the old token is good" same first "$(client http://localhost:5200 verify "$token")"
check "the conversation is there" has "$(client http://localhost:5200 read "$token")" "user: hello from a container"
docker stop portagent >/dev/null
docker rm portagent >/dev/null

echo "== the manual: upgraded, from a directory of Portagent 1.9"
rm -rf "$data"
volume
mkdir "$data/data"
cp tests/data/v19/*.db "$data/data/"
chown -R 1000:1000 "$data"
owner=$(sqlite3 "$data/data/portagent.db" "SELECT userId FROM users WHERE username = 'ops1'")
old_token=$(client sign "the old secret" "$owner")
run_it -e "JWT_SECRET=the old secret" >/dev/null
check "answers" eventually healthy
check "its token is good" same ops1 "$(client http://localhost:5200 verify "$old_token")"
check "its password is good" test -n "$(client http://localhost:5200 login ops1 secret123)"
check "its conversation is there" has "$(client http://localhost:5200 read "$old_token")" "user: first CHUNKS2"
check "the log names the way back" has "$(docker logs portagent)" snapshots
docker stop portagent >/dev/null
docker rm portagent >/dev/null

echo "== docker compose"
cp docker-compose.yml .env.example "$work/"
cp .env.example "$work/.env"
compose() { (cd "$work" && docker-compose "$@"); }
check "takes the file" compose config --quiet
from_compose() { compose config | python3 "$here/compose.py" "$@"; }
check "only nginx is open to the outside" same nginx "$(from_compose published)"
check "and only nginx can be reached from there" same "nginx external internal
portagent internal outgoing" "$(from_compose networks | sort)"
check "only the proxy's network is trusted" same "$(from_compose subnet)" "$(from_compose trusted)"
check "which can be moved" same "10.9.8.0/24 10.9.8.0/24" \
  "$(PORTAGENT_SUBNET=10.9.8.0/24 from_compose subnet) $(PORTAGENT_SUBNET=10.9.8.0/24 from_compose trusted)"
check "the image has this version" same "portagent:$(version)" "$(from_compose image)"
check "limits are the manual's" same "2.0 2G 0.5 512M" "$(from_compose limits)"
rm -rf "$data"
volume
image tag deepracticexs/portagent:1.0.0 portagent:old portagent:new
compose_up() {
  mapfile -t options < <(from_compose options "$data")
  docker run -d --name portagent "${options[@]}" -e LLM_PROVIDER=demo "$(from_compose image)"
}
sed -i 's#image: portagent:.*#image: portagent:old#' "$work/docker-compose.yml"
compose_up >/dev/null
check "answers" eventually healthy
check "is read-only" has "$(docker exec portagent touch /x 2>&1)" "Read-only file system"
# A proxy is named, so nothing over HTTP is local: the first account needs the code that the log shows.
code=$(docker logs portagent | sed -n 's/.*needs the setup code \([A-Za-z0-9-]*\).*/\1/p')
token=$(client http://localhost:5200 register composer "$code")
client http://localhost:5200 chat "$token" "before the upgrade" >/dev/null
sed -i 's#image: portagent:old#image: portagent:new#' "$work/docker-compose.yml"
docker stop portagent >/dev/null
docker rm portagent >/dev/null
compose_up >/dev/null
check "answers with the new image" eventually healthy
check "the old token is good" same composer "$(client http://localhost:5200 verify "$token")"
check "the conversation is there" has "$(client http://localhost:5200 read "$token")" "before the upgrade"
docker stop portagent >/dev/null
check "nginx's configuration is the same as the example but for names and paths" same "$(grep -v '^#' packaging/nginx/portagent.conf)" \
  "$(grep -v '^#' packaging/docker/nginx.conf | sed -e 's#server_name _;#server_name chat.example.com;#' \
    -e 's#/etc/nginx/certificates#/etc/letsencrypt/live/chat.example.com#' -e 's#server portagent:5200;#server 127.0.0.1:5200;#' \
    -e 's#access_log /dev/stdout portagent;#access_log /var/log/nginx/portagent.log portagent;#')"
docker rm portagent >/dev/null
finish
