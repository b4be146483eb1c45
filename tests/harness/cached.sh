# Parts of others that tests need, made once for each version and kept in a cache outside the tree. Sourced by build.sh's:
#
#   . "$(dirname "${BASH_SOURCE[0]}")/../cached.sh"
#   cached_begin tofu-1.10.6 tofu "OpenTofu" "$@"     # prints the folder and ends where NAME/FILE is there; with --path ends too
#   cached_needs go                                   # ends where this is not installed
#   …                                                 # in $cached_work; output goes to standard error
#   cached_keep out                                   # the folder becomes $cached_target, and is printed
#
# What has to be made where it stays: cached_begin NAME complete …, cached_in_place, …, cached_keep.
#
# Exits 77 where it cannot be had: a test that wants it is skipped, with what standard error said last.
# shellcheck shell=bash

cached_skip() { # WHY
  echo "$1" >&2
  exit 77
}

cached_begin() { # NAME FILE WHAT [--path]
  local file=$2
  cached_what=$3
  cached_target=${PLUMBLINE_CACHE:-$HOME/.cache/plumbline}/$1
  cached_end_where_there "$file"
  [[ ${4-} != --path ]] || cached_skip "$cached_what is not there: its build.sh below tests/harness makes it"
  # Two at once would make it twice.
  mkdir -p "$(dirname "$cached_target")"
  exec 9>"$cached_target.lock"
  flock 9
  cached_end_where_there "$file"
  cached_work=$(mktemp -d)
  trap cached_end EXIT
  exec 3>&1 >&2
  cd "$cached_work" || exit
}

cached_end_where_there() { # FILE
  [[ ! -e $cached_target/$1 ]] || { echo "$cached_target"; exit; }
}

cached_needs() { # PROGRAM…
  local program
  for program; do command -v "$program" >/dev/null || cached_skip "$cached_what needs $program, which is not installed"; done
}

cached_end() {
  local status=$?
  chmod -R u+w "$cached_work"; rm -rf "$cached_work" # Go's module cache is read-only
  ((status == 0)) || cached_skip "$cached_what cannot be made here"
}

# For what knows its own path: makes the folder at its final place, where the file `complete` says that it is whole.
cached_in_place() {
  rm -rf "$cached_target"
  mkdir "$cached_target"
}

cached_keep() { # [FOLDER]
  if (($#)); then
    rm -rf "$cached_target"
    mv "$1" "$cached_target" # a half-made folder never has the final name
  else
    touch "$cached_target/complete"
  fi
  echo "$cached_target" >&3
}
