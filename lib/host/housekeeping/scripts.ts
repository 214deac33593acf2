import { LAUNCH_VARIABLE } from '../supervisor.ts';

/**
 * What of ours is on a host, for any POSIX sh; nothing is changed. Arguments: the host's directory. One line each:
 * `slot N free`, `slot N held WHO`, `live NAME SECONDS`, `left NAME SECONDS`, `process PID NAME`, `artifact NAME KIB SECONDS`;
 * NAME is the last part of a path, SECONDS an age.
 * A launch is live as long as somebody locks its `.live`; one that is being made has none yet.
 */
export const STATUS_SCRIPT = `
cd "$1" 2>/dev/null || exit 0
now=$(date +%s)
age() { echo $((now - $(stat -c %Y "$1"))); }
for f in slots/slot-*; do
  [ -e "$f" ] || continue
  if flock -n -s 9 9<"$f"; then echo "slot \${f#slots/slot-} free"; else echo "slot \${f#slots/slot-} held $(head -c 400 "$f" | head -n 1)"; fi
done
for d in run/*/; do
  # Not of this user: nothing can be said of it, and nothing done.
  [ -d "$d" ] && [ -x "$d" ] || continue
  d=\${d%/}
  state=left
  if [ -e "$d/.live" ]; then
    flock -n -s 9 9<"$d/.live" || state=live
  elif [ "$(age "$d")" -lt 60 ]; then
    state=live
  fi
  echo "$state \${d#run/} $(age "$d")"
done
grep -a -z -H "^${LAUNCH_VARIABLE}=$1/run/" /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' |
  sed -n 's|^/proc/\\([0-9]*\\)/environ:${LAUNCH_VARIABLE}=.*/\\([^/]*\\)$|process \\1 \\2|p'
for a in store/*; do
  [ -e "$a" ] || continue
  echo "artifact \${a#store/} $(du -sk "$a" | cut -f1) $(age "$a")"
done
exit 0
`;

/**
 * Removes what STATUS_SCRIPT showed, and looks again at each thing before it touches it. Arguments: the host's directory,
 * the least age of artifacts in seconds, then `left=NAME` and `artifact=NAME` as they were shown. One line each: `killed
 * PID NAME`, `removed KIND NAME`, `kept KIND NAME WHY`.
 */
export const CLEAN_SCRIPT = `
cd "$1" || exit 1
directory=$1 oldest=$2
shift 2
now=$(date +%s)
for thing; do
  name=\${thing#*=}
  case $name in */*|.*|'') echo "kept thing $name of a strange name"; continue;; esac
  case $thing in
    left=*)
      d=run/$name
      if [ -d "$d" ]; then
        [ -x "$d" ] && exec 9>>"$d/.live" || { echo "kept left $name not ours"; continue; }
        if ! flock -n 9; then echo "kept left $name in use"; exec 9>&-; continue; fi
      fi
      for p in $(grep -a -z -l -x "${LAUNCH_VARIABLE}=$directory/run/$name" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3); do
        kill -KILL "$p" 2>/dev/null && echo "killed $p $name"
      done
      rm -rf -- "$d"
      exec 9>&-
      if [ -e "$d" ]; then echo "kept left $name cannot be removed"; else echo "removed left $name"; fi
      ;;
    artifact=*)
      a=store/$name
      [ -e "$a" ] || { echo "kept artifact $name gone already"; continue; }
      if [ $((now - $(stat -c %Y "$a"))) -lt "$oldest" ]; then echo "kept artifact $name used meanwhile"; continue; fi
      rm -rf -- "$a"
      if [ -e "$a" ]; then echo "kept artifact $name cannot be removed"; else echo "removed artifact $name"; fi
      ;;
  esac
done
exit 0
`;
