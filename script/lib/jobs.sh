# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Independent test jobs, a few at once, each with a time limit, a log and a directory of its own.
# Needs RESULTS (a directory for verdicts) and LOGS (for output). A job's verdict is one line in
# RESULTS/NAME: passed, failed or skipped, and a count.

# Two more than there are processors: much of a scenario is waiting.
JOBS_AT_ONCE=$(($(nproc) + 2))
readonly JOBS_AT_ONCE

JOB_PIDS=()

# job_start NAME SECONDS COMMAND...: waits for a free place, then runs it in the background.
job_start() {
  while [ "$(jobs -rp | wc -l)" -ge "$JOBS_AT_ONCE" ]; do
    wait -n || true
  done
  job_run "$@" &
  JOB_PIDS+=($!)
}

jobs_wait() {
  wait
}

# The end of script/test, by Ctrl-C for example, is the end of what it started. timeout passes the
# signal on to the whole process group of its job.
jobs_stop() {
  local pid
  for pid in "${JOB_PIDS[@]}"; do
    pkill -TERM -P "$pid" 2>/dev/null || true
  done
  wait
}

# cpu_seconds FILE: user and system time as job_run noted them, whole seconds.
cpu_seconds() {
  awk '{ printf "%d", $1 + $2 + 0.5 }' "$1"
}

# Status 77 is a skip by the convention of automake and meson; its last line of output says why.
job_run() {
  local name=$1 limit=$2 begin=$SECONDS status=0 log tmp took TIMEFORMAT='%U %S'
  shift 2
  log=$LOGS/${name//\//-}.log
  tmp=$(mktemp -d "${TMPDIR:-/tmp}/autarky-test.XXXXXX")
  chmod 711 "$tmp" # tests become other users, who must get through
  { time TMPDIR=$tmp timeout --kill-after=15 "$limit" "$@" >"$log" 2>&1 </dev/null; } 2>"$log.time" \
    || status=$?
  took="$((SECONDS - begin)) s, $(cpu_seconds "$log.time") s of processor"
  rm -f "$log.time"
  case $status in
    0) job_verdict "$name" passed "$took" ;;
    77) job_verdict "$name" skipped "$(tail -n 1 "$log")" ;;
    124 | 137) job_verdict "$name" failed "more than $limit s" "$log" ;;
    *) job_verdict "$name" failed "status $status, $took" "$log" ;;
  esac
  if [ "$status" -eq 0 ] || [ "$status" -eq 77 ]; then
    rm -rf "$tmp"
  elif ! rmdir "$tmp" 2>/dev/null; then
    printf '        what %s left behind is kept in %s\n' "$name" "$tmp"
  fi
}

# job_verdict NAME VERDICT DETAIL [LOG]: one write, so that the output of two jobs does not mix.
job_verdict() {
  local tail=''
  if [ -n "${4:-}" ]; then
    tail=$(printf '\n---- the last lines of %s\n%s\n----' "$4" "$(tail -n 30 "$4")")
  fi
  printf '%-7s %s (%s)%s\n' "$2" "$1" "$3" "$tail"
  printf '%s 1\n' "$2" >"$RESULTS/${1//\//-}"
}
