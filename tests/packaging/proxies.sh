#!/usr/bin/env bash
# The examples for nginx and Caddy, run for real: TLS, redirects, chats that stream, the client's address, body sizes,
# a sub-path. On their own ports, in a network of their own; only the certificates' and the log's paths are replaced.
set -uo pipefail
# shellcheck source=tests/packaging/lib.sh
. "$(dirname "$0")/lib.sh"
in_sandbox || { enter_sandbox; exit; }
set_up_sandbox
program=$(realpath "${PORTAGENT_BIN:-${CARGO_TARGET_DIR:-$repo/target}/debug/portagent}")
[ -x "$program" ] || { echo "error: $program is not there; build it first, or set PORTAGENT_BIN" >&2; exit 2; }
tests=$work

certificate() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=portagent-test \
    -addext subjectAltName=DNS:chat.example.com,DNS:www.example.com -keyout "$tests/key.pem" -out "$tests/cert.pem" 2>"$tests/openssl"
  # A hosts file of our own, in mounts of our own: the examples' names are this machine.
  printf '127.0.0.1 localhost chat.example.com www.example.com\n' >"$tests/hosts"
  mount --bind "$tests/hosts" /etc/hosts
}

portagent_up() {
  AGENTX_DIR=$tests/agentx HOST=127.0.0.1 LLM_PROVIDER=demo PUBLIC_URL=$1 "$program" serve >"$tests/portagent.out" 2>&1 &
  portagent=$!
  eventually healthy || cat "$tests/portagent.out"
}

nginx_up() {
  sed -e "s#/etc/letsencrypt/live/[a-z.]*/fullchain.pem#$tests/cert.pem#" -e "s#/etc/letsencrypt/live/[a-z.]*/privkey.pem#$tests/key.pem#" \
    -e "s#/var/log/nginx#$tests#" "$repo/packaging/nginx/$1" >"$tests/site.conf"
  cat >"$tests/nginx.conf" <<CONF
daemon off; master_process off; pid $tests/nginx.pid; error_log $tests/nginx.err;
events { }
http {
  client_body_temp_path $tests/body; proxy_temp_path $tests/proxy; fastcgi_temp_path $tests/fcgi;
  uwsgi_temp_path $tests/uwsgi; scgi_temp_path $tests/scgi;
  include $tests/site.conf;
}
CONF
  check "nginx takes $1" nginx -t -q -c "$tests/nginx.conf"
  nginx -c "$tests/nginx.conf" &
  proxy=$!
}

caddy_up() {
  # A certificate that is there in place of one from the internet.
  sed -e "s#^\([a-z.]*\) {\$#\1 {\n\ttls $tests/cert.pem $tests/key.pem#" "$repo/packaging/caddy/$1" >"$tests/Caddyfile"
  check "Caddy takes $1" caddy validate --adapter caddyfile --config "$repo/packaging/caddy/$1"
  XDG_DATA_HOME=$tests/caddy XDG_CONFIG_HOME=$tests/caddy HOME=$tests \
    caddy run --adapter caddyfile --config "$tests/Caddyfile" >"$tests/caddy.out" 2>&1 &
  proxy=$!
}

fetch() { curl -sS --cacert "$tests/cert.pem" --interface "$CLIENT_ADDRESS" --max-time 20 "$@"; }
export NODE_EXTRA_CA_CERTS=$tests/cert.pem
access_line() { tail -n 1 <(grep -F "$1" "$tests/agentx/logs/portagent.log"); }

# through NAME URL: everything that has to work by way of the proxy that runs now.
through() {
  local name=$1 url=$2 plain=http${2#https} token path
  path=$(printf %s "$url" | sed 's#https://[^/]*##')
  check "$name: answers over TLS" eventually fetch -f "$url/health"
  check "$name: sends http to https" same "301 $url/health" \
    "$(curl -sS -o /dev/null -w '%{http_code} %{redirect_url}' "$plain/health" | sed 's/^308/301/')"
  check "$name: serves the page" has "$(fetch "$url/")" "$path/assets/"
  local asset
  asset=$(fetch "$url/" | grep -o "$path/assets/[^\"]*\.js" | head -n 1)
  check "$name: serves the page's files" same 200 \
    "$(fetch -o /dev/null -w '%{http_code}' "https://$(printf %s "$url" | cut -d/ -f3)${asset:-/none}")"
  # From an address elsewhere, and so with the code that an operator gives out.
  local code
  code=$(AGENTX_DIR=$tests/agentx "$program" invite create --json | grep -o '"code": *"[^"]*"' | cut -d'"' -f4)
  token=$(far_client "$url" register "$name-user" "$code")
  check "$name: registers" same "$name-user" "$(far_client "$url" verify "$token")"
  check "$name: chats over the WebSocket" has "$(far_client "$url" chat "$token" "over the proxy")" "over the proxy"
  check "$name: holds no piece of an answer back" same interrupted "$(far_client "$url" stop "$token" "slow long")"
  check "$name: the log has the client's address" has "$(access_line "POST /api/auth/register")" "ip=$CLIENT_ADDRESS "
  check "$name: and for a WebSocket" has "$(access_line "GET /ws 101")" "ip=$CLIENT_ADDRESS "
  check "$name: a client cannot make its address up" has "$(
    fetch -o /dev/null -H 'X-Forwarded-For: 198.51.100.9' "$url/made-up"; access_line "GET /made-up")" "ip=$CLIENT_ADDRESS "
  check "$name: 900 KiB get through" same "400 application/json; charset=utf-8" \
    "$(far_client "$url" post "$token" /api/auth/password $((900 * 1024)))"
  check "$name: more than a route takes is its 413, in JSON" same "413 application/json; charset=utf-8" \
    "$(far_client "$url" post "" /api/auth/login $((900 * 1024)))"
  check "$name: more than the server takes is a 413 in JSON" has \
    "$(far_client "$url" post "$token" /api/auth/password $((1536 * 1024)))" "413 application/json"
  check "$name: more than anybody takes is refused" refused "$name" \
    "$(far_client "$url" post "$token" /api/auth/password $((24 * 1024 * 1024)))"
  check "$name: a foreign page gets no WebSocket" same 403 "$(fetch --http1.1 -o /dev/null -w '%{http_code}' \
    -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' \
    -H 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==' -H 'Origin: https://evil.example' "$url/ws?token=$token")"
}

# refused PROXY ANSWER: 413; Caddy makes a 502 of it when its own limit ends the body before our early answer is read.
refused() { case "$1 $2" in *" 413 "* | caddy*" 502 "*) ;; *) printf 'found: %s\n' "$2"; return 1 ;; esac; }

# down SENTENCE: the proxy and the server end, and nothing was wrong meanwhile.
down() {
  kill "$proxy"
  wait "$proxy"
  kill "$portagent"
  wait "$portagent"
  check "$1" same 0 $?
  check "$1, without an error" hasnt "$(cat "$tests/portagent.out")" ERROR
}

certificate
portagent_up https://chat.example.com
# The administrator: with a public address nothing over HTTP is local, the command line is.
AGENTX_DIR=$tests/agentx "$program" user add first --generate >/dev/null
nginx_up portagent.conf
through nginx https://chat.example.com
check "nginx: its own log has no token" hasnt "$(cat "$tests/portagent.log")" token
down "nginx: the server ends in order"

portagent_up https://www.example.com/chat
nginx_up portagent-subpath.conf
through nginx-subpath https://www.example.com/chat
check "nginx-subpath: without its last slash" same "301 https://www.example.com/chat/" \
  "$(fetch -o /dev/null -w '%{http_code} %{redirect_url}' https://www.example.com/chat)"
check "nginx-subpath: the rest of the site is not ours" same 404 "$(fetch -o /dev/null -w '%{http_code}' https://www.example.com/health)"
down "nginx-subpath: the server ends in order"

portagent_up https://chat.example.com
caddy_up Caddyfile
through caddy https://chat.example.com
down "caddy: the server ends in order"

portagent_up https://www.example.com/chat
caddy_up Caddyfile.subpath
through caddy-subpath https://www.example.com/chat
check "caddy-subpath: without its last slash" same "301 https://www.example.com/chat/" \
  "$(fetch -o /dev/null -w '%{http_code} %{redirect_url}' https://www.example.com/chat)"
down "caddy-subpath: the server ends in order"
finish
