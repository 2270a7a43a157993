# For the scripts of tests/e2e: sourced first. Puts the script into a box of its own, gives it a
# Slipway to start, and small words to say what holds. A script ends at the first thing that does not.
set -euo pipefail
shopt -s inherit_errexit

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
build=${SLIPWAY_BUILD:-$repo/build/release}
slipway=$build/slipway
[ -x "$slipway" ] || { echo "no $slipway: build it with: cmake --preset release && cmake --build --preset release"; exit 1; }
if [ -z "${SLIPWAY_BOX:-}" ]; then
  exec "$repo/tools/box" "$0" "$@"
fi

# The aws CLI of Debian's package first (it has `logs tail`), where it is installed.
mkdir -p /tmp/bin
[ -x /usr/bin/aws ] && ln -sf /usr/bin/aws /tmp/bin/aws
ln -sf "$slipway" /tmp/bin/slipway
# SLIPWAY_DOCKER=/usr/bin/docker: with that CLI, where the machine has several.
[ -n "${SLIPWAY_DOCKER:-}" ] && ln -sf "$SLIPWAY_DOCKER" /tmp/bin/docker
export PATH=/tmp/bin:$PATH AWS_PAGER='' DOCKER_BUILDKIT=0
data=/tmp/slipway
started=$SECONDS
checks=0

step() { printf '\n== %s  [%d s]\n' "$*" $((SECONDS - started)); }
ok() { checks=$((checks + 1)); printf '   ok: %s\n' "$*"; }
fail() {
  printf '   FAILED: %s\n' "$*"
  dump_logs
  exit 1
}
dump_logs() {
  [ -f "$data/slipway.log" ] && { echo "--- the daemon's log, its end:"; tail -n "${LOG_LINES:-40}" "$data/slipway.log"; }
  [ -s "$data/start.log" ] && { echo "--- its standard error:"; tail -n 20 "$data/start.log"; }
  return 0
}
trap 'code=$?; echo "   stopped at line $LINENO: $BASH_COMMAND (exit $code)"; dump_logs' ERR

# same WHAT ACTUAL EXPECTED
same() { [ "$2" = "$3" ] && ok "$1: $3" || fail "$1: '$2' instead of '$3'"; }
# holds WHAT CMD...: the command succeeds
holds() { local what=$1; shift; "$@" > /tmp/holds.out 2>&1 && ok "$what" || { cat /tmp/holds.out; fail "$what"; }; }
# refused WHAT PATTERN CMD...: the command fails and says something that matches
refused() {
  local what=$1 pattern=$2
  shift 2
  if "$@" > /tmp/refused.out 2>&1; then cat /tmp/refused.out; fail "$what: succeeded"; fi
  grep -qE "$pattern" /tmp/refused.out && ok "$what" || { cat /tmp/refused.out; fail "$what: says something else than /$pattern/"; }
}
# eventually SECONDS WHAT CMD...: until the command succeeds
eventually() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" > /tmp/eventually.out 2>&1; do
    [ $SECONDS -lt $end ] || { cat /tmp/eventually.out; fail "$what: not within the time"; }
    sleep 0.2
  done
  ok "$what"
}

up() {
  slipway up --detach --data-dir "$data" "$@" > /tmp/up.out 2>&1 || { cat /tmp/up.out; fail "slipway up"; }
  eval "$(slipway env)"
  ok "slipway up"
}
daemon_pid() { jq .pid /run/slipway/instance.json; }
crash() { # kill -9 of the daemon alone
  local pid
  pid=$(daemon_pid)
  kill -9 "$pid"
  while [ -d "/proc/$pid" ] && ! grep -q '^State:.Z' "/proc/$pid/status" 2> /dev/null; do sleep 0.02; done
  ok "kill -9 of the daemon (pid $pid)"
}
# What Slipway may leave on a machine: nothing. Prints what it finds.
leftovers() {
  ps -eo pid=,args= | grep -E 'slipway|conmon|haproxy|crun|runc' | grep -vE 'grep|ps -eo|/tests/e2e/|tools/box' || true
  grep -E 'slipway|overlay .*/tmp/slipway' /proc/self/mountinfo | grep -vE " $repo" || true
  ip -o link | grep -E ': (slipway|sw-|veth|br-)' || true
  nft list tables 2> /dev/null | grep -i slipway || true
  ls /run/netns 2> /dev/null || true
  find /sys/fs/cgroup -type d -name '*slipway*' ! -name 'slipway-box-*' 2> /dev/null || true
  ls -d /run/slipway 2> /dev/null || true
}
goes_down() {
  holds "slipway down" slipway down --data-dir "$data"
  local left
  left=$(leftovers)
  [ -z "$left" ] && ok "nothing is left: no process, mount, namespace, bridge, nft table, cgroup" || { echo "$left"; fail "slipway down left something behind"; }
}
done_well() {
  printf '\n%d checks held in %d s\n' "$checks" $((SECONDS - started))
}

# A busybox image without any registry: the static binary of Debian's package, from scratch.
busybox_image() {
  mkdir -p /tmp/busybox/bin
  cp /bin/busybox /tmp/busybox/bin/
  local name
  for name in sh ls cat echo sleep true false id env ps kill httpd wget nc grep seq date touch mkdir rm stat head tail tr od dd ip hostname ping nslookup netstat route sort; do
    ln -sf busybox "/tmp/busybox/bin/$name"
  done
  mkdir -p /tmp/busybox/tmp /tmp/busybox/etc
  echo 'root:x:0:0:root:/:/bin/sh' > /tmp/busybox/etc/passwd
  printf 'FROM scratch\nCOPY . /\nCMD ["sh"]\n' > /tmp/busybox/Dockerfile
  printf 'Dockerfile\n' > /tmp/busybox/.dockerignore
  docker build -q -t busybox /tmp/busybox > /dev/null 2>&1 || docker build -t busybox /tmp/busybox
}
