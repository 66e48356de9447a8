# Sourced by the other scripts: one line a step on the terminal, everything else in build/log/.
# shellcheck shell=bash
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p build/log

# The compilers and tools are Debian's, whatever else stands earlier in the path.
export PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
export HOME="${HOME:-/tmp}" LC_ALL=C.UTF-8

jobs=${BRIG_JOBS:-$(nproc)}

say() { printf '%s\n' "$*"; }

# logged NAME COMMAND…: runs it quietly; when it fails, shows the end of build/log/NAME.log and returns its code.
logged() {
  local log=build/log/$1.log code=0
  shift
  "$@" </dev/null >"$log" 2>&1 || code=$?
  if [ "$code" -ne 0 ]; then
    say "failed ($code): $*"
    tail -n "${BRIG_LOG_LINES:-40}" "$log" | sed 's/^/    /'
    say "    (all of it: $log)"
  fi
  return "$code"
}

# counted NAME COMMAND…: logged, and of ninja's lines a terminal sees one, which counts: [ 120/420] building.
counted() {
  [ -t 1 ] || { logged "$@"; return; }
  local code=0 terminal
  exec {terminal}>&1
  BRIG_TERMINAL=$terminal logged "$1" counting "${@:2}" || code=$?
  exec {terminal}>&-
  return "$code"
}

# counting COMMAND…: runs it, copies its output, and rewrites one line of the terminal.
counting() {
  local line
  "$@" 2>&1 | while IFS= read -r line; do
    printf '%s\n' "$line"
    [[ ! $line =~ ^\[([0-9]+)/([0-9]+)\] ]] ||
      printf '\r[%*s/%s] building\033[K' "${#BASH_REMATCH[2]}" "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" >&"$BRIG_TERMINAL"
  done
  local code=${PIPESTATUS[0]}
  printf '\r\033[K' >&"$BRIG_TERMINAL"
  return "$code"
}

# build PRESET TARGET…: configures once (ninja sees later changes itself), then builds.
build() {
  local preset=$1
  shift
  if [ ! -f "build/$preset/build.ninja" ]; then
    say "Configuring build/$preset"
    logged "configure-$preset" cmake --preset "$preset" || return
  fi
  say "Building build/$preset (log: build/log/build-$preset.log)"
  counted "build-$preset" cmake --build --preset "$preset" -j "$jobs" --target "${@:-all}"
}

# record passed|failed|skipped NAME [REASON]: one result, for the sum that scripts/test closes with.
record() {
  printf '%s\t%s\t%s\n' "$1" "$2" "${3:-}" >>"${BRIG_STEPS:-/dev/null}"
}

# check NAME LOG COMMAND…: a step that counts as one test.
check() {
  local name=$1 log=$2
  shift 2
  say "Step: $name"
  if logged "$log" "$@"; then
    record passed "$name"
  else
    say "FAILED: $name"
    record failed "$name"
    return 1
  fi
}
