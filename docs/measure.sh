#!/usr/bin/env bash
# Start-up time and idle memory of the release binary on an empty SQLite file; prints Markdown.
#   cargo build --release && docs/measure.sh
set -euo pipefail
cd "$(dirname "$0")/.."
binary=${1:-target/release/scm-server}
[ -x "$binary" ] || { echo "build it first: cargo build --release" >&2; exit 1; }
port=${PORT:-18099}
runs=${RUNS:-5}
work=$(mktemp -d)
pid=
cleanup() { [ -n "$pid" ] && kill "$pid" 2>/dev/null || true; rm -rf "$work"; }
trap cleanup EXIT

# One HTTP request without starting a process: that would cost more than what is measured.
ready() {
  exec 3<>"/dev/tcp/127.0.0.1/$port" || return 1
  printf 'GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
  local line
  read -r line <&3
  exec 3>&-
  [[ $line == *" 200 "* ]]
}

start() { # data directory; sets pid and millis
  local from
  from=$(date +%s%N)
  "$binary" --data-dir "$1" --listen "127.0.0.1:$port" 2>>"$work/log" &
  pid=$!
  until ready 2>/dev/null; do
    kill -0 "$pid" 2>/dev/null || { cat "$work/log" >&2; exit 1; }
  done
  millis=$((($(date +%s%N) - from) / 1000000))
}
stop() { kill "$pid"; wait "$pid" || true; pid=; }

empty=() existing=()
for run in $(seq "$runs"); do
  start "$work/data$run"; empty+=("$millis"); stop
  start "$work/data$run"; existing+=("$millis"); stop
done
start "$work/data1"
sleep 5
rss=$(awk '/^VmRSS/ {print $2}' "/proc/$pid/status")
stop
median() { printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"; }
printf '| what | figure |\n|---|---|\n'
printf '| start to first 200 of /readyz, empty SQLite file (median of %s) | %s ms |\n' "$runs" "$(median "${empty[@]}")"
printf '| the same, existing file | %s ms |\n' "$(median "${existing[@]}")"
printf '| resident memory, idle for 5 s | %s.%s MiB |\n' $((rss / 1024)) $((rss % 1024 * 10 / 1024))
printf '| binary, stripped | %s MiB |\n' $(($(stat -c %s "$binary") / 1048576))
