import { createHash } from 'node:crypto';
import { PROTOCOL_SHELL_FUNCTIONS } from './protocol-shell.ts';

/** How long a guest stays at most, in seconds: whatever hangs in it, it powers off. */
const LIFE_SECONDS = 150;
/** So much of the kernel's words is sent; FRAME_TYPES.dmesg allows no more. */
const DMESG_BYTES = 16_384;
/** How often a report is asked for anew when somebody else wrote to its request meanwhile. */
const TRIES = 5;

/**
 * Getting one report out of configfs-tsm as functions of a POSIX shell.
 *
 *     snp_report NONCE REPORT CERTIFICATES    asks for a report over the 64 bytes of a file, and writes it and the
 *                                             certificate table (empty where the host gave none) to files; on failure
 *                                             $snp_why says why, in words
 *
 * $snp_tsm, $snp_device and $snp_loading are the folder of reports, that of the SNP guest device, and a file with what
 * loading the modules said. Source: Linux Documentation/ABI/testing/configfs-tsm-report.
 */
export const REPORT_SHELL_FUNCTIONS = `
# snp_why_not WORDS [FILE]: gives up, for the reason in words and what programs said.
snp_why_not() {
  snp_why=$1
  for snp_said in "$snp_loading" "$2"; do
    snp_line=$(head -c 500 "$snp_said" 2>/dev/null | tr '\\n' ' ')
    [ -z "$snp_line" ] || snp_why="$snp_why; $snp_line"
  done
  [ ! -d "$snp_entry" ] || rmdir "$snp_entry"
  return 1
}

# A provider of reports may turn up a moment after its driver.
snp_request() {
  snp_left=5
  until mkdir "$1" 2>"$2"; do
    snp_left=$((snp_left - 1))
    [ "$snp_left" -gt 0 ] || return 1
    sleep 1
  done
}

snp_report() {
  snp_heard=$1.heard
  snp_entry=$snp_tsm/snp-conform
  [ -e "$snp_device" ] || { snp_why_not 'no SNP guest device: the kernel does not run as an SNP guest'; return; }
  [ -d "$snp_tsm" ] || { snp_why_not "no configfs-tsm: there is no $snp_tsm"; return; }
  snp_try=0
  while [ "$snp_try" -lt ${TRIES} ]; do
    snp_try=$((snp_try + 1))
    snp_request "$snp_entry" "$snp_heard" || { snp_why_not 'nothing gives reports' "$snp_heard"; return; }
    snp_provider=$(cat "$snp_entry/provider" 2>/dev/null)
    [ "$snp_provider" = sev_guest ] || { snp_why_not "reports are those of '$snp_provider', not of sev_guest"; return; }
    # Below an SVSM the guest runs at another VMPL than 0 and may not ask for a report of VMPL 0.
    snp_floor=$(cat "$snp_entry/privlevel_floor" 2>/dev/null)
    [ "\${snp_floor:-0}" -eq 0 ] || echo "$snp_floor" >"$snp_entry/privlevel"
    snp_before=$(cat "$snp_entry/generation")
    dd if="$1" of="$snp_entry/inblob" bs=64 count=1 2>"$snp_heard" || { snp_why_not 'the nonce was refused' "$snp_heard"; return; }
    dd if="$snp_entry/outblob" of="$2" bs=4096 2>"$snp_heard" || { snp_why_not 'the report was refused' "$snp_heard"; return; }
    dd if="$snp_entry/auxblob" of="$3" bs=4096 2>"$snp_heard" || : >"$3"
    snp_after=$(cat "$snp_entry/generation")
    rmdir "$snp_entry"
    # Another number: somebody else wrote to the request, and the report may be theirs.
    [ "$snp_after" -eq $((snp_before + 1)) ] && return 0
  done
  snp_why_not 'somebody else kept writing to the request'
}
`;

const BODY = `#!/bin/sh
# The agent of snp-conform: the only program of its guest. It announces itself on the second serial port, answers each
# nonce with a report, and powers off.
export PATH=/bin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
(
  sleep ${LIFE_SECONDS}
  poweroff -f
) &
${PROTOCOL_SHELL_FUNCTIONS}${REPORT_SHELL_FUNCTIONS}
snp_say() {
  snp_send "$1" "$2" "$3" >&3
}

snp_tsm=/sys/kernel/config/tsm/report
snp_device=/sys/bus/platform/devices/sev-guest
snp_loading=/tmp/loading
for snp_module in /modules/*.ko; do
  [ -e "$snp_module" ] && insmod "$snp_module" 2>>"$snp_loading"
done
mount -t configfs none /sys/kernel/config 2>/dev/null

# A redirection that fails ends the shell, and with it the kernel: so it is looked at first.
if ! { [ -c /dev/ttyS1 ] && stty -F /dev/ttyS1 raw -echo 115200; } 2>/dev/null; then
  echo 'snp-conform: this guest has no second serial port' >/dev/console
  poweroff -f
fi
exec 3<>/dev/ttyS1
stty raw -echo 115200 <&3

printf '{"agent":"%s","kernel":"%s"}' "@VERSION@" "$(uname -r | tr -cd 'A-Za-z0-9._+~-')" >/tmp/ready
snp_say ready 0 /tmp/ready
dmesg | grep -iwE 'sev|sev_guest|snp|tsm|cpuid|memory encryption' | head -c ${DMESG_BYTES} >/tmp/dmesg
snp_say dmesg 1 /tmp/dmesg

while snp_receive 'nonce end' /tmp/nonce <&3; do
  [ "$snp_type" = nonce ] || break
  if snp_report /tmp/nonce /tmp/report /tmp/certs; then
    snp_say certs "$snp_sequence" /tmp/certs
    snp_say report "$snp_sequence" /tmp/report
  else
    printf '%s' "$snp_why" | head -c 4096 >/tmp/why
    snp_say error "$snp_sequence" /tmp/why
  fi
done
: >/tmp/nothing
snp_say off 2 /tmp/nothing
# Closing the port waits until all of it is sent.
exec 3>&-
poweroff -f
`;

/** Which agent a guest runs: a name that follows from its text. */
export const AGENT_VERSION = createHash('sha256').update(BODY).digest('hex').slice(0, 12);

/** The agent: /init of a guest, for the shell of busybox. */
export const AGENT_SCRIPT = BODY.replace('@VERSION@', AGENT_VERSION);
