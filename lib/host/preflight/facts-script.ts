import { SECTION_PREAMBLE } from './sections.ts';

/**
 * Programs that read SNP_PLATFORM_STATUS by ioctl and print its 32 bytes in hex. perl is there on every Debian, python3 on most
 * others; neither has a structure to compile. SEV_ISSUE_CMD is _IOWR('S', 0, 16 bytes): a command number, the address of
 * its data, and room for the firmware's status. Source: Linux include/uapi/linux/psp-sev.h.
 */
export const STATUS_PROGRAMS = {
  perl: `
open(my $device, "+<", "/dev/sev") or die "/dev/sev: $!\\n";
my $status = "\\0" x 32;
my $issue = pack("LPL", 9, $status, 0);
defined(ioctl($device, 0xC0105300, $issue)) or die "SNP_PLATFORM_STATUS: $!, firmware status " . (unpack("LQL", $issue))[2] . "\\n";
print unpack("H*", $status), "\\n";
`,
  python3: `
import ctypes, fcntl, struct
status = ctypes.create_string_buffer(32)
issue = bytearray(struct.pack("=IQI", 9, ctypes.addressof(status), 0))
with open("/dev/sev", "r+b", buffering=0) as device:
    fcntl.ioctl(device, 0xC0105300, issue)
print(status.raw.hex())
`,
} as const;

/** A program as it stands between single quotes in a script. */
const quoted = (program: string): string => program.replaceAll("'", `'\\''`);

/** The programs without which a host cannot be used. Source: the scripts of this room. */
const NEEDED_PROGRAMS = [
  'sh',
  'timeout',
  'setsid',
  'mkfifo',
  'head',
  'dd',
  'env',
  'mkdir',
  'mv',
  'rm',
  'sha256sum',
  'flock',
];

/**
 * Asks a Linux machine what it is. Arguments: the mark of the sections, the host's directory, `sudo` or `user`: whether
 * what is root's to read is read with sudo. Nothing is written there.
 */
export const FACTS_SCRIPT = `${SECTION_PREAMBLE}
directory=$1 how=$2
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C
root() {
  name=$1
  shift
  if [ "$how" = sudo ]; then section "$name" sudo -n -- "$@"; else section "$name" "$@"; fi
}
leaf() { root "$1" sh -c 'dd if="$0" bs="$1" count=1 iflag=skip_bytes skip="$2" 2>/dev/null | od -An -v "$3"' "$2" "$3" "$4" "$5"; }

section kernel uname -srm
section user id -un
section cpu sed '/^$/q' /proc/cpuinfo
section sockets sh -c 'grep "^physical id" /proc/cpuinfo | sort -u | wc -l'
section processors getconf _NPROCESSORS_ONLN
section smt cat /sys/devices/system/cpu/smt/active
section kvm_amd sh -c 'cd /sys/module/kvm_amd/parameters && grep -H . sev sev_es sev_snp debug_swap ciphertext_hiding_asids 2>/dev/null; exit 0'
section kvm sh -c '[ -e /dev/kvm ] || { echo absent; exit 1; }; : <>/dev/kvm'
root sev sh -c '[ -e /dev/sev ] || { echo absent; exit 1; }; : <>/dev/sev'
leaf cpuid /dev/cpu/0/cpuid 16 2147483679 -tx4
leaf syscfg /dev/cpu/0/msr 8 3221291024 -tx8
if command -v perl >/dev/null; then
  root status perl -e '${quoted(STATUS_PROGRAMS.perl)}'
else
  root status python3 -c '${quoted(STATUS_PROGRAMS.python3)}'
fi
section misc sh -c 'cd /sys/fs/cgroup && grep -H . misc.capacity misc.current 2>/dev/null; exit 0'
section memory cat /proc/meminfo
section directory sh -c '
  d=$0
  while [ ! -e "$d" ]; do d=$(dirname "$d"); done
  [ -d "$d" ] || { echo "$d is no directory"; exit 1; }
  [ -w "$d" ] || { echo "$d may not be written by $(id -un)"; exit 1; }' "$directory"
section disk sh -c 'd=$0; while [ ! -e "$d" ]; do d=$(dirname "$d"); done; df -Pk -- "$d" && df -Pi -- "$d"' "$directory"
section memlock sh -c 'ulimit -l; ulimit -n'
section dmi sh -c 'cd /sys/class/dmi/id && grep -H . bios_vendor bios_version bios_date sys_vendor product_name 2>/dev/null; exit 0'
section options cat /proc/cmdline
root log sh -c '{ dmesg || journalctl -q -k -b --no-pager -o cat; } 2>/dev/null | grep -E "SEV|RMP|ccp |IOMMU.*SNP|AMD-Vi.*SNP" | head -n 64'
section programs sh -c 'for p; do command -v "$p" >/dev/null || echo "$p"; done' sh ${NEEDED_PROGRAMS.join(' ')}
section snphost-there sh -c 'command -v snphost'
if command -v snphost >/dev/null; then
  section snphost-version snphost --version
  root snphost-json snphost ok --output json
  root snphost-text snphost ok
fi
`;

/**
 * Asks one QEMU binary what it can do, without a guest and without KVM. Arguments: the mark of the sections, the binary.
 */
export const QEMU_SCRIPT = `${SECTION_PREAMBLE}
section version "$1" --version
section snp "$1" -object sev-snp-guest,help
section machine "$1" -machine q35,help
section cpu "$1" -cpu help
`;
