#!/usr/bin/env bash
# Runs the binary as in the image, without a container engine: as user 65532, in a root that holds
# what the image holds, and that cannot be written to. Needs root, for chroot and mounts of its own.
#   cargo build -p scm-server && deploy/check.sh [BINARY]
set -euo pipefail
cd "$(dirname "$0")/.."
binary=${1:-${CARGO_TARGET_DIR:-target}/debug/scm-server}
[ -x "$binary" ] || { echo "build it first: cargo build -p scm-server" >&2; exit 1; }
[ "$(id -u)" = 0 ] || { echo "only root can make a root directory" >&2; exit 1; }
if [ -z "${CHECK_INSIDE:-}" ]; then
  # Mounts that nobody else sees and that go with the process.
  CHECK_INSIDE=1 exec unshare --mount --propagation private "$0" "$binary"
fi
root=$(mktemp -d)
cleanup() { [ -n "${pid:-}" ] && kill "$pid" 2>/dev/null && wait "$pid" || true; umount -R "$root" 2>/dev/null || true; rmdir "$root" || true; }
trap cleanup EXIT
mount -t tmpfs -o size=512m,mode=755 tmpfs "$root"
mkdir -p "$root"/{usr/local/bin,etc/ssl/certs,dev,proc,var/lib/scm}
install -m 0755 "$binary" "$root/usr/local/bin/scm-server"
# glibc, libgcc and the loader, and nothing else; a binary that needs more fails here.
ldd "$binary" | grep -oE '/[^ ]+' | while read -r library; do
  case ${library##*/} in
    libc.so* | libm.so* | libgcc_s.so* | ld-linux* | libdl.so* | libpthread.so* | librt.so*) ;;
    *) echo "not in the image: $library" >&2; exit 1 ;;
  esac
  install -D -m 0755 "$library" "$root$library"
done
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/" 2>/dev/null || true
mknod -m 666 "$root/dev/null" c 1 3
mknod -m 444 "$root/dev/urandom" c 1 9
mount -t proc proc "$root/proc" 2>/dev/null || true
mount -t tmpfs -o size=64m,mode=700,uid=65532,gid=65532 tmpfs "$root/var/lib/scm"
mount -o remount,ro "$root"

in_image() { # arguments of the server
  exec env -i PATH="$PATH" SCM_LISTEN=127.0.0.1:18098 SCM_DATA_DIR=/var/lib/scm SCM_LOG__FORMAT=json \
    chroot --userspec=65532:65532 "$root" /usr/local/bin/scm-server "$@"
}
(in_image serve) &
pid=$!
for _ in $(seq 600); do
  if (in_image healthcheck) >/dev/null 2>&1; then ready=1; break; fi
  kill -0 "$pid" 2>/dev/null || { echo "the server ended" >&2; exit 1; }
  sleep 0.1
done
[ -n "${ready:-}" ] || { echo "the server is not ready" >&2; exit 1; }
touch "$root/written" 2>/dev/null && { echo "the root can be written to" >&2; exit 1; }
[ "$(stat -c %u:%a "$root/var/lib/scm/scm.db")" = 65532:600 ] || { echo "the database is not its user's alone" >&2; exit 1; }
kill -TERM "$pid"
wait "$pid" || { echo "it did not stop with 0" >&2; exit 1; }
pid=
echo "runs as user 65532 in a read-only root with glibc alone, is healthy, and stops with 0"
