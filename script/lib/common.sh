# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Helpers that the commands in script/ share: messages with elapsed time, logs, retries, root, locks.
# Source it after setting ROOT to the project's directory.

# Messages go to stderr, so that a command's own output stays clean.
say() {
  printf '[%4d s] %s\n' "$((SECONDS - ${SAY_OFFSET:-0}))" "$*" >&2
}

warn() {
  printf '[%4d s] warning: %s\n' "$((SECONDS - ${SAY_OFFSET:-0}))" "$*" >&2
}

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 2
}

# Where the long output of one step goes; kept inside the git-ignored directory.
log_path() {
  mkdir -p "$ROOT/.deps/log"
  printf '%s/.deps/log/%s.log\n' "$ROOT" "$1"
}

# cache_directory: where what is slow to make is kept. It outlives worktrees and is shared by them.
# Any place that cannot be written is replaced by one inside the project: slower the next time,
# otherwise the same.
cache_directory() {
  local base=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}} cache
  cache=$base/autarky
  if [ -z "$base" ] || ! mkdir -p "$cache" 2>/dev/null || [ ! -w "$cache" ]; then
    cache=$ROOT/.deps/cache
    mkdir -p "$cache"
  fi
  printf '%s\n' "$cache"
}

# log_failure LOG: what to show when the step that wrote LOG has failed.
log_failure() {
  printf -- '---- the last lines of %s\n' "$1" >&2
  tail -n 20 "$1" >&2
  printf -- '----\n' >&2
}

# run_logged NAME COMMAND...: silent when it works; on failure shows what was said last, except in
# an attempt that will be repeated.
run_logged() {
  local log rc=0
  log=$(log_path "$1")
  shift
  "$@" >"$log" 2>&1 </dev/null || rc=$?
  if [ "$rc" -ne 0 ] && [ -z "${WILL_REPEAT:-}" ]; then
    log_failure "$log"
  fi
  return "$rc"
}

# retry TIMES PAUSE COMMAND...: mirrors and apt's locks fail now and then; never forever.
retry() {
  local times=$1 pause=$2 attempt WILL_REPEAT=1
  shift 2
  for ((attempt = 1; attempt < times; attempt++)); do
    if "$@"; then
      return 0
    fi
    warn "attempt $attempt of $times failed, again in $pause s: ${*:2:1}"
    sleep "$pause"
  done
  WILL_REPEAT=''
  "$@"
}

# as_root COMMAND...: directly, or through sudo. Without a terminal sudo must not ask.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif [ -t 0 ]; then
    sudo "$@"
  else
    sudo -n "$@"
  fi
}

can_be_root() {
  [ "$(id -u)" -eq 0 ] && return 0
  command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }
}

# lock_take FD FILE WHAT: waits for others that do the same; held until FD is closed or we exit.
# Children that outlive us would keep it, so long-running ones are started with the FD closed.
lock_take() {
  local fd=$1 file=$2 what=$3
  eval "exec $fd>\"\$file\""
  if ! flock -n "$fd"; then
    say "waiting for another bootstrap that is working on $what"
    flock -w 3600 "$fd" || die "still locked by another process after an hour: $file"
  fi
}

# version_ge A B: Debian's order of versions.
version_ge() {
  dpkg --compare-versions "$1" ge "$2"
}
