/**
 * The program that watches over one command on a host, for any POSIX sh on Linux (dash, bash, busybox).
 *
 * Arguments: directory, greatest run time in seconds, greatest silence of the controller in seconds, greatest size of
 * each output file in bytes, `user` or `sudo`, the folder of the slots (empty: the command needs none), their number, the
 * longest wait for one in seconds, who takes it in one line, then the command. Standard input, one byte each: `h` lives,
 * `k` kill the command, `o` wait for its output no longer, `q` or the end: kill and clean up. Standard output: `slot N`, or
 * `busy` after `held N WHO` of each slot; `pid N`; `end` when the command has ended and its output is waited for, which what
 * left its group may hold open for ever; `exit N`, and before that `full` when the disk takes no more, and `stop N` when the
 * supervisor itself ends the command, with its own exit code: 0 released, 73 no directory, 124 over the run time, 125
 * controller silent or gone.
 * The directory holds `pid`, the first bytes of the output in `stdout` and `stderr`, the last of what is more, if anything
 * is, in `stdout.tail` and `stderr.tail`, and what the command writes: its size is not bounded. `.live` in it is locked as
 * long as the supervisor lives: a directory whose `.live` nobody locks is left over.
 *
 * Three processes, each for a reason. The outer shell reads the heartbeats and so cannot wait for the command. The holder
 * waits for the command; it lives until the outer shell says so or is gone, so that its id is never another's. The
 * command leads a session of its own with a sleeper in it: the sleeper ends the group even where both shells were
 * killed, and as a member keeps the id of the group from being used again, so that killing it can hit nothing else.
 * The pipes are fifos opened before anything is started: no child then waits for the other end of one for ever. On fifo
 * `.hold` the holder reads words, one line each: `x` from whoever has kept one output whole, `o` and `q` from the outer
 * shell; its end says that nobody is left to write one.
 *
 * A process costs a host more than all that the shells do themselves, so what a shell can do itself it does: how much
 * of an output was kept is the file position that the kernel tells, and tail is run only for what is more; a shell whose
 * read knows a time limit (bash and busybox; dash does not, and ends with 2) hears heartbeats by itself. The redirections
 * of what runs in the background stand outside braces: those of a function leave the shell copies of what they close.
 *
 * A slot is a lock (flock) on a file, held by the holder and by the command and given up by the kernel when both are gone,
 * however they went: a lock cannot be left behind, and a slot is taken as long as its command lives. The wait is a poll,
 * because only util-linux's flock knows a time limit. With `sudo` all of this is root's; the directory is given to the
 * user, and what is in it may be read and connected to by all, whom the directory's mode keeps out.
 */
export const SUPERVISOR_SCRIPT = `
umask 077
ulimit -c 0
dir=$1 max=$2 beat=$3 limit=$4 how=$5 slots=$6 count=$7 wait=$8 label=$9
shift 9
mask=077
{ [ -d "\${dir%/*}" ] || mkdir -p "\${dir%/*}"; } && mkdir "$dir" || exit 73
cd "$dir" && mkfifo .out .err .hold && : >.live || { rm -rf "$dir"; exit 73; }
if [ "$how" = sudo ]; then
  chown "$SUDO_UID:$SUDO_GID" "$dir"
  mask=000
  umask 000
fi
exec 4<>.hold 6>>.live
flock -n 6

seconds() { read -r up rest </proc/uptime; up=\${up%%.*}; }

take_slot() {
  umask 000
  [ -d "$slots" ] || mkdir -p "$slots"
  seconds
  last=$((up + wait))
  while [ -z "$stop" ]; do
    n=1
    while [ "$n" -le "$count" ]; do
      exec 3>>"$slots/slot-$n" || return 1
      if flock -n 3; then
        printf '%s\\n' "$label" >"$slots/slot-$n"
        echo "slot $n"
        umask "$mask"
        return 0
      fi
      n=$((n + 1))
    done
    exec 3>&-
    seconds
    [ "$up" -lt "$last" ] || break
    sleep 0.1
  done
  [ -z "$stop" ] || return 1
  n=1
  while [ "$n" -le "$count" ]; do
    echo "held $n $(head -c 400 "$slots/slot-$n" | head -n 1)"
    n=$((n + 1))
  done
  echo busy
  return 1
}

keep() {
  { head -c "$limit" && read -r key at </proc/self/fdinfo/1 && [ "$at" -lt "$limit" ]; } >"$1" ||
    tail -c "$limit" >"$1.tail"
  echo x >&4
}

await_outputs() {
  left=2
  while [ "$left" -gt 0 ]; do
    read -r word <&5 || word=q
    case $word in
      x) left=$((left - 1)) ;;
      o) left=0 ;;
      *)
        timeout -s KILL 2 dd bs=2 count="$left" <&5 >/dev/null
        exec 5</dev/null
        left=0
        ;;
    esac
  done
}

await_leave() {
  while read -r word <&5 && [ "$word" != q ]; do :; done
}

listen() { byte=$(timeout "$beat" dd bs=1 count=1 2>/dev/null); }
read -r -t 1 -n 1 byte </dev/null 2>/dev/null
if [ "$?" -lt 2 ]; then
  listen() { IFS= read -r -t "$beat" -n 1 byte; }
fi

hold() {
  stop=
  p=
  trap 'trap "" TERM; stop=1; [ -z "$p" ] || kill -KILL "-$p" "$p"' TERM
  exec 5<.hold
  if [ -n "$slots" ] && ! take_slot; then
    trap '' TERM
    exec 4>&-
    await_leave
    exit 0
  fi
  exec 0<>.out 6<.out 7>.out 0</dev/null
  exec 0<>.err 8<.err 9>.err 0</dev/null
  { keep stdout; } <&6 >/dev/null 3>&- 5<&- 6<&- 7>&- 8<&- 9>&- &
  { keep stderr; } <&8 >/dev/null 3>&- 5<&- 6<&- 7>&- 8<&- 9>&- &
  setsid sh -c '(sleep "$0"; kill -KILL 0) </dev/null >/dev/null 2>&1 & exec "$@"' \\
    "$((max + 10))" "$@" </dev/null >&7 2>&9 4>&- 5<&- 6<&- 7>&- 8<&- 9>&- &
  p=$!
  exec 4>&- 6<&- 7>&- 8<&- 9>&-
  trap '' PIPE
  [ -z "$stop" ] || kill -KILL "$p"
  echo "$p" >pid
  echo "pid $p"
  wait "$p"
  code=$?
  if [ -n "$stop" ]; then
    wait "$p"
    again=$?
    [ "$again" = 127 ] || code=$again
  fi
  kill -KILL "-$p"
  trap '' TERM
  echo end
  await_outputs
  exec 3>&-
  echo x >.room || echo full
  echo "exit $code"
  await_leave
  exit 0
}

{ hold "$@"; } </dev/null 2>/dev/null 6>&- &
holder=$!
stop=
end=
trap 'stop=1' HUP INT TERM
trap '' PIPE
why=125
while listen; do
  case $byte in
    h) ;;
    k) kill -TERM "$holder" ;;
    o) echo o >&4 ;;
    q) why=0; break ;;
    *) break ;;
  esac
  [ -z "$stop" ] || break
  seconds
  [ -n "$end" ] || ! [ -e pid ] || end=$((up + max))
  [ "$up" -lt "\${end:-$((up + 1))}" ] || { why=124; break; }
done
{
  [ "$why" = 0 ] || echo "stop $why"
  kill -TERM "$holder"
} 2>/dev/null
echo q >&4
if ! wait "$holder"; then
  read -r p <pid && kill -KILL "-$p"
fi 2>/dev/null
cd /
rm -rf "$dir"
exit "$why"
`;
