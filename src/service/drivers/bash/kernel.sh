#!/bin/bash
# A shell that keeps its state from cell to cell: bash kernel.sh. ../README.md has the protocol. Bash 5 and nothing else is needed.
# Two shells: this one, the keeper, speaks the protocol and can always take a SIGINT; cells.sh beside it, in a process group of its own
# with all that cells start, runs the cells. The keeper interrupts that group, and starts a new shell where a cell has ended the old one.
set -m +o history  # jobs get process groups
LC_ALL=C
here=${BASH_SOURCE[0]%/*}
[ "$here" != "${BASH_SOURCE[0]}" ] || here=.
readonly CELL_LIMIT=$((1 << 20))  # characters: this shell reads a pipe byte by byte
readonly GRACE_US=200000 PATIENCE_US=2000000

if ! { : >&3; } 2>/dev/null; then
  echo "brig kernel: descriptor 3, where events go, is not open for writing" >&2
  exit 1
fi
exec {events}>&3 3>&- {requests}<&0 </dev/null {out}>&1 {err}>&2 2>/dev/null
cells_text=$(<"$here/cells.sh")
state_file=${TMPDIR:-/tmp}/.brig-bash-$$-$RANDOM$RANDOM
shell= greeted= count=0 running= sent= wanted= ending= kept=

send() { builtin printf '%s\n' "$1" >&"$events"; }

# Starts the shell of the cells: requests to it on its descriptor 4, answers on its 5.
start_shell() {
  coproc BRIG { exec "$BASH" --norc --noprofile -c "$cells_text" bash "$state_file" \
    4<&0 5>&1 0</dev/null 1>&"$out" 2>&"$err" {events}>&- {requests}<&- {out}>&- {err}>&-; }
  shell=$BRIG_PID
  exec {to}>&"${BRIG[1]}" {from}<&"${BRIG[0]}"
  greeted= kept=
}

# The first line of a new shell: before it, an interrupt would be its end.
await_greeting() {
  [ -z "$greeted" ] || return
  until IFS= read -r -u "$from" greeted; do
    [ $? -gt 128 ] || break
  done
  greeted=1
}

# A cell that the shell does not have yet is interrupted once it has.
on_interrupt() {
  [ -n "$running" ] || return
  wanted=1
  [ -z "$sent" ] || [ -n "$ending" ] || begin_end interrupted
}

now_us() { now=${EPOCHREALTIME/[.,]/}; }

# Asks the cell to end: its children by a signal, its shell by the trap that unwinds it.
begin_end() {
  ending=$1
  now_us
  ended_at=$now
  kill -INT -- "-$shell"
}

# The processes of the cells' group but the shell itself, in `members`.
group_members() {
  local stat rest state parent group
  members=()
  for stat in /proc/[0-9]*/stat; do
    { read -r rest <"$stat"; } 2>/dev/null || continue
    read -r state parent group _ <<<"${rest##*) }"
    [ "$group" = "$shell" ] && stat=${stat#/proc/} && [ "${stat%/stat}" != "$shell" ] && members+=("${stat%/stat}")
  done
}

# Ends what a cell that must end has started; what earlier cells left in the background stays.
kill_children() {
  local pid
  group_members
  for pid in "${members[@]}"; do
    case " $kept " in *" $pid "*) ;; *) kill -KILL "$pid" ;; esac
  done
}

# Waits for the end of the cell. Sets `reply`, or leaves it empty if the shell is gone.
await_end() {
  local limit=$1 began code hits=0
  now_us
  began=$now
  while :; do
    reply=
    IFS= read -r -t 0.05 -u "$from" reply
    code=$?
    [ "$code" -ne 0 ] || return
    [ "$code" -gt 128 ] || { reply=; return; }
    now_us
    if [ -z "$ending" ]; then
      [ -z "$limit" ] || [ $((now - began)) -lt $((limit * 1000)) ] || begin_end timeout
    elif [ $((now - ended_at)) -gt $PATIENCE_US ]; then
      kill -KILL -- "-$shell"  # it traps the signal itself: its state is lost
    elif [ $((now - ended_at)) -gt $((GRACE_US * (hits + 1))) ]; then
      hits=$((hits + 1))
      kill_children
      kill -INT "$shell"
    fi
  done
}

finish() { send "{\"type\":\"end\",\"id\":$id,\"status\":\"$1\"${2:+,\"exit_code\":$2}}"; }

fail() { send "{\"type\":\"error\",\"id\":$id,\"name\":\"$1\",\"value\":\"$2\",\"traceback\":\"$1: $2\\n\"}"; }

refuse() {
  running=
  fail "$1" "$2"
  finish error
}

run_cell() {
  local status code
  count=$((count + 1))
  ending= sent= wanted= running=1
  send "{\"type\":\"begin\",\"id\":$id,\"count\":$count}"
  if [ ${#code_text} -gt $CELL_LIMIT ]; then
    refuse CellTooLarge "a bash cell may have $CELL_LIMIT bytes: put data into a file"
    return
  fi
  if [ -n "$cwd" ] && ! [ -d "$cwd" -a -x "$cwd" ]; then
    refuse NotADirectory "the cell's folder is not there, or not open to this user"
    return
  fi
  if [ -n "$kept" ]; then
    group_members
    kept=${members[*]}
  fi
  await_greeting
  printf '%s\0' "${#env[@]}" "${env[@]}" "$cwd" "$code_text" >&"$to"
  sent=1
  [ -z "$wanted" ] || [ -n "$ending" ] || begin_end interrupted
  await_end "$limit"
  running=
  if [ -n "$reply" ]; then
    code=${reply%% *} kept=${reply#* }
    [ "$code" -eq 0 ] && status=ok || status=error
  else
    wait "$shell"
    code=$? status=exit
    exec {to}>&- {from}<&-
    start_shell
  fi
  case $ending in
    timeout) fail TimeoutError "the cell ran longer than the $limit ms that it was given; variables keep their values" ;;
    interrupted) fail InterruptedError "the cell was interrupted; variables keep their values" ;;
  esac
  [ -z "$ending" ] || status=$ending
  [ "$status" != error ] || fail BashError "exit status $code"
  case $status in
    ok | timeout | interrupted) finish "$status" ;;
    *) finish "$status" "$code" ;;
  esac
}

# What a JSON string says: `text` from the inside of one. Of escapes, \\ and \" have become \x01 and \x02 before.
decode() {
  text=$1
  case $text in
    *\\*)
      text=${text//\\u000[012]/}  # no shell can hold the first, and the others stand for something here
      text=${text//'\/'//}
      local pattern='\\u[dD]([89abAB][0-9a-fA-F]{2})\\u[dD]([c-fC-F][0-9a-fA-F]{2})' wide
      while [[ $text =~ $pattern ]]; do
        printf -v wide '\\U%08x' $((0x10000 + ((0xd${BASH_REMATCH[1]} & 0x3ff) << 10) + (0xd${BASH_REMATCH[2]} & 0x3ff)))
        text=${text//"${BASH_REMATCH[0]}"/"$wide"}
      done
      LC_ALL=C.UTF-8
      printf -v text %b "$text"
      LC_ALL=C
      ;;
  esac
  text=${text//$'\x01'/\\}
  text=${text//$'\x02'/\"}
}

# Reads a request: sets op, id, limit, cwd, code_text and env. Every second part between quotes is inside a string.
parse() {
  local line=$1 parts i key= depth=0 before after
  op= id= limit= cwd= code_text= has_code= env=()
  line=${line//'\\'/$'\x01'}
  line=${line//'\"'/$'\x02'}
  mapfile -t -d '"' parts <<<"$line"
  for ((i = 0; i < ${#parts[@]}; i += 2)); do
    before=${parts[i]//[$' \t\r\n']/}
    case $before in *'{'*) depth=$((depth + 1)) ;; esac
    if [[ $before =~ ^:(-?[0-9]+)([,}]|$) ]]; then
      case $depth:$key in 1:id) id=${BASH_REMATCH[1]} ;; 1:timeout_ms) limit=${BASH_REMATCH[1]} ;; esac
    fi
    case $before in *'}'*) depth=$((depth - 1)) ;; esac
    [ $((i + 1)) -lt ${#parts[@]} ] || break
    after=${parts[i + 2]-}
    decode "${parts[i + 1]}"
    if [[ $after =~ ^[[:space:]]*: ]]; then
      key=$text
      continue
    fi
    case $depth:$key in
      1:op) op=$text ;;
      1:cwd) cwd=$text ;;
      1:code) code_text=$text has_code=1 ;;
      2:*) [[ $key =~ ^[A-Za-z_][A-Za-z0-9_]*$ ]] && env+=("$key" "$text") ;;
    esac
  done
  [ "${limit:-0}" -gt 0 ] || limit=
}

leave() {
  kill -KILL -- "-$shell"
  rm -f -- "$state_file"
  exit 0
}

trap on_interrupt INT
trap : PIPE  # a shell that is gone shows when its answer is read
trap leave TERM
start_shell
send "{\"type\":\"ready\",\"language\":\"bash\",\"version\":\"${BASH_VERSINFO[0]}.${BASH_VERSINFO[1]}.${BASH_VERSINFO[2]}\",\"engine\":\"bash\"}"
while IFS= read -r -u "$requests" line; do
  [ -n "$line" ] || continue
  parse "$line"
  if [ "$op" = stop ]; then
    leave
  elif [ "$op" = run ] && [ -n "$id" ] && [ -n "$has_code" ]; then
    run_cell
  else
    echo "brig kernel: a request that is none was left out" >&"$err"
  fi
done
leave
