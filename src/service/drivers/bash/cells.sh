# The shell that runs the cells of kernel.sh: bash -c THIS bash STATE_FILE, requests on descriptor 4, answers on 5. A cell is sourced, not
# called, so that what it declares is global; and it is sourced at this level, where a shell that leaves it can go on.
__brig_state=$1 __brig_running= __brig_env=()
shift
exec 6>&1 7>&2
builtin set -o functrace  # the trap that unwinds a cell reaches into its functions

# On SIGINT: from now on each command of the cell is a return, until none of its functions and files is left.
__brig_stop() {
  [ -n "$__brig_running" ] || builtin return 0
  builtin shopt -s extdebug
  builtin trap __brig_unwind DEBUG
}

__brig_unwind() {
  [ "${#FUNCNAME[@]}" -le 1 ] || builtin return 2
  builtin trap - DEBUG
  builtin shopt -u extdebug
}

__brig_restore_env() {
  builtin local i
  for ((i = 0; i < ${#__brig_env[@]}; i += 3)); do
    case ${__brig_env[i + 1]} in
      unset) builtin unset "${__brig_env[i]}" ;;
      *) builtin export "${__brig_env[i]}=${__brig_env[i + 2]}" && [ "${__brig_env[i + 1]}" = exported ] || builtin export -n "${__brig_env[i]}" ;;
    esac
  done
  __brig_env=()
}

# Called when the cell ends this shell: the next one begins with what is written here.
__brig_leave() {
  { builtin set +eux; } 2>/dev/null
  builtin kill -0 "$PPID" 2>/dev/null || builtin return 0  # there is no next one
  __brig_restore_env
  builtin local name
  builtin umask 077
  {
    for name in $(builtin compgen -v); do
      case $name in
        __brig_* | BASH* | FUNCNAME | GROUPS | DIRSTACK | LINENO | RANDOM | SRANDOM | SECONDS | EPOCH* | PIPESTATUS | PPID | SHELLOPTS | EUID | UID | _ | name) ;;
        *) builtin declare -p "$name" ;;
      esac
    done
    builtin declare -f
    builtin alias -p
    builtin shopt -p
    builtin printf 'builtin cd -- %q\n' "$PWD"
    builtin printf '__brig_set=%q\n' "$__brig_flags"
  } 2>/dev/null >"$__brig_state"
}

builtin trap __brig_stop INT
__brig_set=
if [ -s "$__brig_state" ]; then
  . "$__brig_state" 2>/dev/null
  command rm -f -- "$__brig_state"
fi
builtin trap __brig_leave EXIT
builtin printf '\n' >&5  # from here on an interrupt ends nothing
while IFS= builtin read -r -d '' -u 4 __brig_count; do
  __brig_env=()
  for ((__brig_count /= 2; __brig_count > 0; __brig_count--)); do
    IFS= builtin read -r -d '' -u 4 __brig_name
    IFS= builtin read -r -d '' -u 4 __brig_value
    if [ -z "${!__brig_name+x}" ]; then
      __brig_env+=("$__brig_name" unset "")
    elif [[ ${!__brig_name@a} == *x* ]]; then
      __brig_env+=("$__brig_name" exported "${!__brig_name}")
    else
      __brig_env+=("$__brig_name" "set" "${!__brig_name}")
    fi
    builtin export "$__brig_name=$__brig_value"
  done
  IFS= builtin read -r -d '' -u 4 __brig_cwd
  IFS= builtin read -r -d '' -u 4 __brig_code
  [ -z "$__brig_cwd" ] || builtin cd -- "$__brig_cwd"
  builtin trap __brig_stop INT
  __brig_flags=$__brig_set __brig_running=1
  # The options of the last cell begin with the text: what stands here is not the cells'.
  . /dev/fd/9 9<<<"${__brig_set:+builtin set -$__brig_set; }$__brig_code" 4<&- 5>&- 6>&- 7>&-
  { __brig_status=$? __brig_set=$- __brig_running=; builtin set +eufvxC; } 2>/dev/null
  builtin trap - DEBUG
  builtin shopt -u extdebug
  __brig_set=${__brig_set//[!aefuvxC]/}
  __brig_restore_env
  exec 0</dev/null 1>&6 2>&7
  __brig_jobs=
  [ -z "$!" ] || __brig_jobs=$(builtin jobs -p)  # a process, so only where something was put into the background
  builtin printf "%s %s\n" "$__brig_status" "${__brig_jobs//[$'\n']/ }" >&5
done
builtin trap - EXIT
