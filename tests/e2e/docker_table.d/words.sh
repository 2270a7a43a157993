# The words that the probes of docker_table are written in. Each probe runs in a shell of its own with
#   $cmd  the command's name   $N  a name of its own for a container   $T  a folder of its own
# and proves one flag's effect. It says what came of it: nothing and exit 0 (works), `partly HOW`, `not WHY`,
# `client WHY` (the flag never reaches an engine); any other end means that it does not work.
set -euo pipefail
shopt -s inherit_errexit
I=busybox

finish() { printf '%s\n' "$1" > "$T/outcome"; exit 0; }
partly() { finish "partly: $*"; }
not() { finish "not: $*"; }
client() { finish "client: $*"; }

is() { [ "$1" = "$2" ] || { echo "'$1' instead of '$2'" >&2; exit 1; }; }
has() { [[ "$1" == *"$2"* ]] || { echo "'$1' has no '$2'" >&2; exit 1; }; }
lacks() { [[ "$1" != *"$2"* ]] || { echo "'$1' has '$2'" >&2; exit 1; }; }
until_() { # until_ CMD...: within ten seconds
  local end=$((SECONDS + 10))
  until "$@" > "$T/until" 2>&1; do
    [ $SECONDS -lt $end ] || { echo "not within 10 s: $*: $(tail -n 1 "$T/until")" >&2; exit 1; }
    sleep 0.05
  done
}
refused() { # refused PATTERN CMD...: the command fails and says why
  local pattern=$1
  shift
  if "$@" > "$T/refused" 2>&1; then echo "accepted: $*" >&2; exit 1; fi
  grep -qiE "$pattern" "$T/refused" || { echo "refused with another text: $(tail -n 1 "$T/refused")" >&2; exit 1; }
}
insp() { docker inspect -f "$1" "${2:-$N}"; }
is_insp() { is "$(insp "$1")" "$2"; }
state() { [ "$(docker inspect -f "{{.State.$2}}" "$1")" = "$3" ]; }
api() { curl -s --max-time 20 --unix-socket /run/slipway/docker.sock "$@"; }

# `docker run` and `docker create` take the same options, and the same probes.
r() { # r OPTIONS... IMAGE CMD: in the foreground, to its end
  case $cmd in
    create)
      local id code=0
      id=$(docker create "$@")
      docker start -a "$id" || code=$?
      docker rm -f -v "$id" > /dev/null
      return $code ;;
    *) docker run --rm "$@" ;;
  esac
}
d() { # d OPTIONS... IMAGE CMD: in the background, under the name $N
  case $cmd in
    create) docker create --name "$N" "$@" > /dev/null && docker start "$N" > /dev/null ;;
    *) docker run -d --name "$N" "$@" > /dev/null ;;
  esac
}
# cg FILE_V1 FILE_V2 OPTIONS...: what a container made with these options finds in its own cgroup
cg() {
  local one=$1 two=$2
  shift 2
  r "$@" $I sh -c "cat /sys/fs/cgroup/$one 2> /dev/null || cat /sys/fs/cgroup/$two"
}
# cg_of FILE_V1 FILE_V2: the same, of the running container $N
cg_of() { docker exec "$N" sh -c "cat /sys/fs/cgroup/$1 2> /dev/null || cat /sys/fs/cgroup/$2"; }
disk() { # a block device for the limits of block I/O: its name
  local dev
  for dev in /sys/block/*; do
    dev=${dev##*/}
    [[ $dev == zram* || $dev == ram* ]] || { [ -b "/dev/$dev" ] && echo "/dev/$dev" && return; }
  done
}
number() { printf '%d:%d' "0x$(stat -c %t "$1")" "0x$(stat -c %T "$1")"; } # DEVICE's major:minor
caps() { r "$@" $I sed -n 's/^CapEff:\t//p' /proc/self/status; }
tty() { script -qec "$1" /dev/null; } # the command on a terminal of its own
gets_file() { docker run --rm --network "$1" $I wget -qO- "http://$2/index.html"; }
context() { # context DOCKERFILE: a folder with it
  mkdir -p "$T/context"
  printf '%b' "$1" > "$T/context/Dockerfile"
  echo file > "$T/context/file"
}
b() { docker build -q "$@" "$T/context"; }   # prints the image's id
bl() { docker build "$@" "$T/context" 2>&1; } # prints the log
