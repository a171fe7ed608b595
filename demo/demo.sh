#!/usr/bin/env bash
# What "./run demo" runs inside the environment: a gallery that is drawn once, a server on the built-in model, and a few queries.
# Usage: demo.sh CLIPDEX_BINARY PROJECT_DIR [--once]
set -euo pipefail

readonly clipdex=$1 project_dir=$2
shift 2
unset CLIPDEX_DATA CLIPDEX_SERVER CLIPDEX_MODEL
once=no
for argument in "$@"; do
  case $argument in
    --once) once=yes ;;
    *) printf 'demo: there is no option "%s"; --once is the one there is\n' "$argument" >&2; exit 2 ;;
  esac
done

# A collection belongs to its model: another one gets a directory of its own.
model_key=$(sha256sum <"$project_dir/models/emoji-clip/model.safetensors" | cut -c1-8)
readonly data=$project_dir/build/demo-data-$model_key gallery=$project_dir/build/demo-gallery
readonly log=$project_dir/build/demo-server.log
server_pid=

say() { printf 'demo: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
fail_with_log() { say "$*"; tail -n 15 "$log" >&2; exit 1; }

stop_server() {
  [ -n "$server_pid" ] || return 0
  kill -TERM "$server_pid" 2>/dev/null || true
  wait "$server_pid" 2>/dev/null || true
  server_pid=
}
trap stop_server EXIT
trap 'exit 130' INT TERM HUP

is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_port() {
  local port
  for port in 8080 8081 8082 8083 8084 8085 8086 8087 8088 8089; do
    if is_free "$port"; then echo "$port"; return; fi
  done
  echo 0
}

# The address stands in the server's own words, which also holds for a port that the system chose.
server_url() { sed -n 's/^clipdex: open \(http:[^ ]*\) .*/\1/p' "$log"; }

start_server() {
  local waited=0
  mkdir -p "$project_dir/build"
  : >"$log"
  # A process group of its own: Ctrl-C reaches this script alone, which then ends the server in order.
  set -m
  "$clipdex" serve --data "$data" --port "$(free_port)" --log-level warn 2>"$log" &
  server_pid=$!
  set +m
  until [ -n "$(server_url)" ]; do
    kill -0 "$server_pid" 2>/dev/null || { server_pid=; fail_with_log "the server did not start:"; }
    [ "$waited" -lt 600 ] || fail_with_log "the server was not ready after 60 s:"
    sleep 0.1
    waited=$((waited + 1))
  done
  CLIPDEX_SERVER=$(server_url)
  export CLIPDEX_SERVER
}

# Prints the hits, and fails if what the gallery's manifest says of the first ones (AMONG of them) is not what was asked for.
query() { # AMONG EXPECTED(a pattern in its line) SHOWN ARGUMENTS...
  local among=$1 expected=$2 shown=$3 answer first
  shift 3
  printf '\n%s\n' "$shown"
  answer=$("$clipdex" search -c gallery -n 3 "$@") || fail "the search failed"
  printf '%s\n' "$answer" | sed 's/^/  /'
  first=$(printf '%s\n' "$answer" | awk -v last="$((among + 1))" 'NR >= 2 && NR <= last {print "\"file\":\"" $2 "\""}')
  grep -F "$first" "$gallery/metadata.jsonl" | grep -Eq "$expected" || fail "this is not what was asked for: $first"
}

started=$SECONDS
if [ ! -d "$gallery" ]; then
  rm -rf "$gallery".partial-*  # of one that was interrupted
  say "drawing a gallery of 3,000 pictures in build/demo-gallery"
  "$(dirname "$clipdex")/emoji_gallery" "$gallery" >&2
fi
start_server
say "server on the built-in model at $CLIPDEX_SERVER, data in build/demo-data-$model_key"
"$clipdex" ingest "$gallery" -c gallery --metadata "$gallery/metadata.jsonl"
query 1 '"emoji":.*(🍎|🍒|🍓|🍅)' 'search "red fruit"' "red fruit"
query 1 '"emoji":\["(🐈|🐱)","🍕"\]|"emoji":\["🍕","(🐈|🐱)"\]' 'search "a cat and a pizza"' "a cat and a pizza"
query 1 '"emoji":.*(☂|☔|⛱|🌂)' 'search "雨伞" (umbrella)' "雨伞"
query 3 '"kind":"single".*"sad"' 'search "sad face"' "sad face"
query 1 '"file":"guide-dog.jpg"' 'search --image build/demo-gallery/guide-dog.jpg' --image "$gallery/guide-dog.jpg"
printf '\n'
say "answered after $((SECONDS - started)) s"
[ "$once" = no ] || exit 0
say "open $CLIPDEX_SERVER in a browser; Ctrl-C ends"
wait "$server_pid"
