# shellcheck shell=bash
# Sourced: `need TABLE` installs the Debian packages of which something is missing, with apt (with
# sudo where not root) after saying which. A system without apt is told what it lacks and left as it
# is. A row of the table is a package and what it brings that is needed: commands, or paths (globs
# allowed), of which any will do.

has() {  # any of the commands or paths
  local wanted
  for wanted in "$@"; do
    case $wanted in
      /*) if compgen -G "$wanted" >/dev/null; then return 0; fi ;;
      *) if command -v "$wanted" >/dev/null; then return 0; fi ;;
    esac
  done
  return 1
}

need() {
  local package brings missing=() sudo=() name
  name=$(basename "$0")
  while read -r package brings; do
    # shellcheck disable=SC2086  # several words, each a glob to be kept as it is
    if [ -n "$package" ] && ! (set -f; has $brings); then missing+=("$package"); fi
  done <<<"$1"
  if [ ${#missing[@]} -eq 0 ]; then return 0; fi
  if ! command -v apt-get >/dev/null; then
    echo "$name: missing here, by the names of Debian's packages: ${missing[*]}" >&2
    echo "$name: this system has no apt-get; install them and run this again." >&2
    exit 1
  fi
  if [ "$(id -u)" -ne 0 ]; then sudo=(sudo); fi
  echo "$name: installing ${missing[*]}" >&2
  "${sudo[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends \
    "${missing[@]}" >/dev/null
}
