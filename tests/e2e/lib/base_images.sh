# Sourced before lib.sh by scripts that need images made of Debian's packages: made outside of the box, where
# apt can reach its mirror, and only when build/base-images does not have them; imported inside by base_image.
# The names and packages here are those of examples/*/README.md.
tools=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../../tools" && pwd)
base_tar() { # base_tar NAME: the path of its tar, made when it is not there
  case $1 in
    debian-node) "$tools/base-image" "$1" nodejs node-express ;;
    debian-python) "$tools/base-image" "$1" python3-flask python3-psycopg2 ;;
    debian-postgres) "$tools/base-image" "$1" postgresql-15 ;;
    *) echo "base_tar: no recipe for $1" >&2; return 1 ;;
  esac
}
need_images() { # need_images NAME...: before lib.sh
  [ -z "${SLIPWAY_BOX:-}" ] || return 0
  local name
  for name in "$@"; do base_tar "$name" > /dev/null || exit 1; done
}
base_image() { docker import "$(base_tar "$1")" "$1" > /tmp/import.out; } # after lib.sh's up
