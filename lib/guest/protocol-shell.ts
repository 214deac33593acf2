/**
 * The guest's side of the protocol as functions of a POSIX shell; busybox has all they need.
 *
 *     snp_send TYPE SEQUENCE FILE    writes the content of a file as one frame to standard output
 *     snp_receive TYPES FILE         reads lines of standard input up to the next whole frame of one of the types, which
 *                                    stand in one word with blanks between, leaves its type in $snp_type and its payload
 *                                    in a file; fails at the end of the input
 *
 * The terminal of the serial port must be set to `raw -echo` before.
 */
export const PROTOCOL_SHELL_FUNCTIONS = `
snp_sum() {
  printf '%s' "$1" | sha256sum | cut -c 1-16
}

snp_send() {
  snp_text=$(base64 <"$3" | tr -d '\\n')
  [ -n "$snp_text" ] || snp_text=-
  printf '@snp1 %s %s %s %s %s\\n' "$1" "$2" "$(($(wc -c <"$3")))" "$snp_text" "$(snp_sum "$1 $2 $snp_text")"
}

snp_receive() {
  while read -r snp_mark snp_type snp_sequence snp_bytes snp_text snp_check; do
    [ "$snp_mark" = @snp1 ] || continue
    case " $1 " in *" $snp_type "*) ;; *) continue ;; esac
    [ "$(snp_sum "$snp_type $snp_sequence $snp_text")" = "$(printf '%s' "$snp_check" | tr -d '\\r')" ] || continue
    [ "$snp_text" = - ] && snp_text=
    printf '%s' "$snp_text" | base64 -d >"$2" 2>/dev/null || continue
    [ "$(($(wc -c <"$2")))" -eq "$snp_bytes" ] && return 0
  done
  return 1
}
`;
