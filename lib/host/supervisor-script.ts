/**
 * The program that watches over one command on a host, for any POSIX sh on Linux (dash, bash, busybox).
 *
 * Arguments: directory, greatest run time in seconds, greatest silence of the controller in seconds, greatest size of
 * each output file in bytes, then the command. Standard input, one byte each: `h` lives, `k` kill the command, `q` or the
 * end: kill and clean up. Standard output: `pid N`, `exit N`, and before that `stop N` when the supervisor itself ends the
 * command, with its own exit code: 0 released, 73 no directory, 124 over the run time, 125 controller silent or gone.
 * The directory holds `pid`, `stdout`, `stderr` and what the command writes: its size is not bounded.
 *
 * Three processes, each for a reason. The outer shell reads the heartbeats and so cannot wait for the command. The holder
 * waits for the command; it lives until the outer shell says so on fifo `.hold`, so that its id is never another's. The
 * command leads a session of its own with a sleeper in it: the sleeper ends the group even where both shells were
 * killed, and as a member keeps the id of the group from being used again, so that killing it can hit nothing else.
 * The pipes are fifos opened before anything is started: no child then waits for the other end of one for ever.
 */
export const SUPERVISOR_SCRIPT = `
umask 077
ulimit -c 0
dir=$1 max=$2 beat=$3 limit=$4
shift 4
mkdir -p "\${dir%/*}" && mkdir "$dir" || exit 73
cd "$dir" && mkfifo .out .err .hold .read || { rm -rf "$dir"; exit 73; }
read -r up rest </proc/uptime
end=$((\${up%%.*} + max))
exec 4<>.hold 5<>.read

hold() {
  stop=
  p=
  trap 'trap "" TERM; stop=1; [ -z "$p" ] || kill -KILL "-$p" "$p"' TERM
  exec 3<>.out 6<.out 7>.out 3>&-
  exec 3<>.err 8<.err 9>.err 3>&-
  rm .out .err .hold .read
  { head -c "$limit" >stdout; cat; printf x >&5; } <&6 >/dev/null 4>&- 6<&- 7>&- 8<&- 9>&- &
  { head -c "$limit" >stderr; cat; printf x >&5; } <&8 >/dev/null 4>&- 6<&- 7>&- 8<&- 9>&- &
  setsid sh -c '(sleep "$0"; kill -KILL 0) </dev/null >/dev/null 2>&1 & exec "$@"' \\
    "$((max + 10))" "$@" </dev/null >&7 2>&9 4>&- 5>&- 6<&- 7>&- 8<&- 9>&- &
  p=$!
  exec 6<&- 7>&- 8<&- 9>&-
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
  timeout -s KILL 2 dd bs=1 count=2 <&5 >/dev/null
  echo "exit $code"
  dd bs=1 count=1 <&4 >/dev/null
  exit 0
} 2>/dev/null

hold "$@" </dev/null &
holder=$!
stop=
trap 'stop=1' HUP INT TERM
trap '' PIPE
why=125
while byte=$(timeout "$beat" dd bs=1 count=1 2>/dev/null); do
  case $byte in
    h) ;;
    k) kill -TERM "$holder" ;;
    q) why=0; break ;;
    *) break ;;
  esac
  [ -z "$stop" ] || break
  read -r up rest </proc/uptime
  [ "\${up%%.*}" -lt "$end" ] || { why=124; break; }
done
{
  [ "$why" = 0 ] || echo "stop $why"
  kill -TERM "$holder"
} 2>/dev/null
printf x >&4
if ! wait "$holder"; then
  read -r p <pid && kill -KILL "-$p"
fi 2>/dev/null
cd /
rm -rf "$dir"
exit "$why"
`;
