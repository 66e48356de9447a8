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

# build PRESET TARGET…: configures once (ninja sees later changes itself), then builds.
build() {
  local preset=$1
  shift
  if [ ! -f "build/$preset/build.ninja" ]; then
    say "Configuring build/$preset"
    logged "configure-$preset" cmake --preset "$preset" || return
  fi
  say "Building build/$preset (progress: build/log/build-$preset.log)"
  logged "build-$preset" cmake --build --preset "$preset" -j "$jobs" --target "${@:-all}"
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
